"""Whom to tell of a fault, where researchers' programs look for it (RFC 9116)."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from tests.crashing import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "/.well-known/security.txt"
CONTACTS = ["mailto:security@alderpeak.example", "https://alderpeak.example/report"]


def test_without_a_contact_there_is_no_such_file(settings):
    assert settings.SECURITY_CONTACTS == []
    assert Client().get(ADDRESS).status_code == 404


def test_it_names_the_contacts_in_their_order_and_an_end_of_less_than_a_year(settings):
    settings.SECURITY_CONTACTS = CONTACTS
    answer = Client().get(ADDRESS)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    lines = [line.split(": ", 1) for line in answer.content.decode().splitlines()]
    assert [value for name, value in lines if name == "Contact"] == CONTACTS
    fields = dict(lines)
    assert fields["Canonical"] == f"{settings.BASE_URL}{ADDRESS}"
    end = datetime.strptime(fields["Expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta(days=30) < end - datetime.now(UTC) < timedelta(days=365)


def test_it_cannot_be_posted_to(settings):
    settings.SECURITY_CONTACTS = CONTACTS
    assert Client().post(ADDRESS).status_code in {403, 405}


@pytest.mark.parametrize("contact", ["security@alderpeak.example", "http://x.example", "mailto:a b@x.example"])
def test_hq_does_not_start_with_a_contact_that_is_none(contact):
    begun = subprocess.run(
        [sys.executable, "-c", "import hq.settings"],
        cwd=ROOT,
        env=os.environ | {"HQ_SECURITY_CONTACT": contact},
        capture_output=True,
        text=True,
        check=False,
    )
    assert begun.returncode != 0
    assert "HQ_SECURITY_CONTACT must be addresses that begin with" in begun.stderr
