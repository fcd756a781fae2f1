"""An operator's keys are added and removed by a key: what a false page can ask for opens no room (ACC-11)."""

import pytest
from allauth.mfa.models import Authenticator

from tenants.models import User
from tests.factories import sign_in
from tests.factors import add_app, add_key, begin, clock, confirm, with_password
from tests.operators import AGAIN, age_proof, desk_of, make_operator

__all__ = ["clock"]

pytestmark = pytest.mark.django_db
ADD = "/account/2fa/webauthn/add/"


def keys_of(person: User) -> list[int]:
    return list(Authenticator.objects.filter(user_id=person.pk, type="webauthn").values_list("pk", flat=True))


def test_a_password_and_a_code_make_no_key_and_remove_none(clock):
    person = make_operator()
    app = add_app(desk_of(person), clock)
    User.objects.filter(pk=person.pk).update(password=with_password().password)
    thief = begin(person)
    assert thief.post("/account/2fa/authenticate/", {"code": app.next_code()}).status_code == 302
    confirm(thief)
    before = keys_of(person)
    for page in (ADD, f"/account/2fa/webauthn/keys/{before[0]}/remove/"):
        for answer in (thief.get(page), thief.post(page)):
            assert answer.headers.get("Location", "").startswith(f"{AGAIN}?next=%2Faccount"), page
    assert keys_of(person) == before
    assert thief.get("/operator/organizations")["Location"].startswith(AGAIN)


def test_with_a_key_just_used_another_is_added_and_one_removed():
    person = make_operator()
    desk = desk_of(person)
    age_proof(desk, 301)
    assert desk.get(ADD)["Location"].startswith(AGAIN)
    desk.touch()
    (first,) = keys_of(person)
    add_key(desk)
    assert len(keys_of(person)) == 2
    assert desk.post(f"/account/2fa/webauthn/keys/{first}/remove/").status_code == 302
    assert first not in keys_of(person)


def test_the_first_key_and_those_of_everybody_else_need_none():
    for person in (make_operator(), with_password()):
        client = confirm(begin(person)) if person.has_usable_password() else sign_in(person)
        add_key(client)
        assert len(keys_of(person)) == 1
