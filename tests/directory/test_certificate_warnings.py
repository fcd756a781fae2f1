"""Whom HQ tells, and when, that the certificate of a connection is about to end."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from directory.actions import connections as actions
from directory.actions.certificates import is_due
from directory.models import SsoConnection
from directory.tasks import sweep
from hq.authz.roles import Role
from tests.directory.test_connections import Here
from tests.factories import make_member, run_jobs
from tests.idp.saml import SamlIdp

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def here(db) -> Here:
    return Here()


def ending(here: Here, days: float) -> SsoConnection:
    ends = datetime.now(UTC) + timedelta(days=days)
    return here.active(SamlIdp.make(not_after=ends))


def swept() -> list[str]:
    mail.outbox.clear()
    sweep()
    run_jobs()
    return [str(letter.subject) for letter in mail.outbox]


def test_owners_and_admins_are_warned_of_the_end_of_a_certificate_once(here):
    row = ending(here, 29.9)
    admin = make_member(here.place, Role.ADMIN)
    make_member(here.place, Role.ANALYST)
    assert {re.sub(r" \(.*", "", subject) for subject in swept()} == {"HQ: The certificate of Okta ends in 29 days"}
    assert {letter.to[0] for letter in mail.outbox} == {here.place.owner.email, admin.email}
    assert f"directory/sso/{row.id}" in mail.outbox[0].body
    assert swept() == []


def test_it_is_warned_of_again_a_week_and_a_day_before(here):
    row = ending(here, 400)
    ends = row.certificate_expires_at
    assert ends is not None
    warned = None
    due = []
    for days in (31, 30, 29, 8, 7, 6, 2, 1, 0.5, -1):
        row.warned_at, at = warned, ends - timedelta(days=days)
        if is_due(row, at):
            due.append(days)
            warned = at
    assert due == [30, 7, 1]


def test_what_is_off_or_has_another_certificate_is_not_warned_of(here):
    row = ending(here, 5)
    here.do(actions.disable_connection, row)
    assert swept() == []
    here.do(actions.enable_connection, row)
    here.do(actions.add_certificate, row, text=SamlIdp.make().keys[0].certificate_pem)
    assert swept() == []


def test_a_new_end_is_warned_of_anew(here):
    row = ending(here, 5)
    assert len(swept()) == 1
    later = datetime.now(UTC) + timedelta(days=20)
    here.do(actions.add_certificate, row, text=SamlIdp.make(not_after=later).keys[0].certificate_pem)
    assert len(swept()) == 1
