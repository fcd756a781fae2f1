"""One address, one account: what only looks or folds alike is somebody else."""

import pytest
from django.contrib.auth.hashers import get_hasher

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import NotFound
from tenants import actions, selectors
from tenants.models import User
from tests.factories import make_member, make_person, make_place

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("alike", ["adm\u0131n@example.com", "admin@\u017fite.example", "admin@gıthub.example"])
def test_a_letter_that_folds_to_another_opens_nobodys_account(alike):
    """PostgreSQL: upper('ı') = 'I', upper('ſ') = 'S'."""
    squatter = make_person(alike)
    meant = alike.replace("\u0131", "i").replace("\u017f", "s")
    assert User.objects.with_address(meant) is None
    with pytest.raises(NotFound):
        actions.promote_operator(email=meant)
    assert actions.ensure_person(email=meant, name="Ada").pk != squatter.pk


def test_case_and_space_around_it_make_no_difference():
    person = make_person("ada@example.com")
    assert User.objects.with_address(" Ada@EXAMPLE.com ") == person
    assert actions.ensure_person(email="ADA@example.com", name="Other") == person


def test_only_the_very_address_is_a_member():
    place = make_place()
    make_member(place, Role.ANALYST, "k\u0131m@example.com")
    with tenant(place.id):
        assert selectors.is_member(place.actor(), "K\u0131m@example.com")
        assert not selectors.is_member(place.actor(), "kim@example.com")


@pytest.mark.parametrize("email", ["known@example.com", "new@example.com"])
def test_signing_up_hashes_a_password_once_whether_the_address_is_known_or_not(client, monkeypatch, email):
    make_person("known@example.com")
    kind = type(get_hasher())
    hashed, real = [], kind.encode

    def counted(self, *arguments, **more):
        hashed.append(1)
        return real(self, *arguments, **more)

    monkeypatch.setattr(kind, "encode", counted)
    form = {"name": "Ada", "email": email, "password1": "correct horse battery 9"}
    answer = client.post("/account/signup/", form)
    assert (answer.status_code, answer["Location"], len(hashed)) == (302, "/account/confirm-email/", 1)
