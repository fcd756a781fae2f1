"""Links with a password: wrong ones are counted and use nothing up, and tell nothing of links that are over."""

import os
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from django.db import connection
from django.test import Client

from hq.crypto import passwords
from hq.db.context import tenant
from sharing import actions
from sharing.actions.guesses import OF_A_LINK, PasswordNeeded, TooManyPasswords, WrongPassword
from sharing.actions.links import CannotBeShared
from sharing.actions.redemption import LinkCannotBeOpened
from tests.sharing.conftest import RECIPIENT, kinds_of, link_of

pytestmark = pytest.mark.django_db(transaction=True)
RIGHT, WRONG = "correct horse", "battery staple"


def guarded(place, **more):
    with tenant(place.id):
        return actions.create_share(actor=place.actor(), paths=["claims/method.md"], password=RIGHT, **more)


_hosts = count(1)


@pytest.fixture(autouse=True)
def address(monkeypatch):
    """Each test comes from an address of its own, or they would use up each other's tries."""
    ip = f"2001:db8:{next(_hosts):x}:{os.getpid() % 65_536:x}::1"
    monkeypatch.setattr("tests.sharing.test_passwords.ORIGIN", replace(RECIPIENT, ip=ip))


ORIGIN = RECIPIENT


def redeem(made, password=""):
    return actions.redeem_share(token=made.token, password=password, origin=ORIGIN)


def test_the_password_opens_it_once_and_a_wrong_one_does_not_use_it_up(place):
    made = guarded(place)
    with pytest.raises(PasswordNeeded):
        redeem(made)
    with pytest.raises(WrongPassword):
        redeem(made, WRONG)
    assert link_of(made).opened_at is None
    assert redeem(made, RIGHT).permission == "read"
    assert kinds_of(made) == ["password", "opened"]
    with pytest.raises(LinkCannotBeOpened):
        redeem(made, RIGHT)


def test_only_an_argon2id_hash_is_kept_and_the_application_cannot_take_it_off(place):
    made = guarded(place)
    kept = link_of(made).password_hash
    assert kept.startswith("$argon2id$")
    assert passwords.verify_secret(kept, RIGHT)
    with tenant(place.id), connection.cursor() as cursor, pytest.raises(Exception, match="permission denied"):
        cursor.execute("UPDATE sharing_sharelink SET password_hash = ''")


def test_tries_are_limited_for_the_link_and_the_answer_says_when_to_come_again(place):
    made = guarded(place)
    for _ in range(OF_A_LINK[0]):
        with pytest.raises(WrongPassword):
            redeem(made, WRONG)
    with pytest.raises(TooManyPasswords, match=r"Try again in \d+ (seconds|minutes)") as refused:
        redeem(made, RIGHT)  # the right one neither, or guessing would go on
    assert 0 < (refused.value.wait or 0) <= OF_A_LINK[1]
    assert link_of(made).opened_at is None
    assert kinds_of(made)[-1] == "limited"


def test_tries_are_limited_for_an_address_over_many_links(place, monkeypatch):
    monkeypatch.setattr("sharing.actions.guesses.OF_AN_ADDRESS", (2, 900))
    for made in (guarded(place), guarded(place)):
        with pytest.raises(WrongPassword):
            redeem(made, WRONG)
    with pytest.raises(TooManyPasswords):
        redeem(guarded(place), WRONG)


@pytest.mark.parametrize("ended", ["revoked", "expired", "spent"])
def test_what_is_over_gets_the_one_answer_before_a_password_is_looked_at(place, monkeypatch, earlier, ended):
    if ended == "expired":
        earlier(timedelta(hours=1))
    made = guarded(place)
    if ended == "revoked":
        with tenant(place.id):
            actions.revoke_share(actor=place.actor(), share_id=made.link.id)
    if ended == "spent":
        redeem(made, RIGHT)
    monkeypatch.undo()
    monkeypatch.setattr("sharing.actions.guesses.check", None)  # not even called
    for password in ("", WRONG, RIGHT):
        with pytest.raises(LinkCannotBeOpened):
            redeem(made, password)


def test_the_page_hides_names_asks_and_says_what_was_wrong(place):
    made, client = guarded(place), Client()
    at = f"/s/{made.token}"
    words = client.get(at).content.decode()
    assert "method.md" not in words
    assert "1 file" in words
    refused = client.post(at, {"password": WRONG})
    assert refused.status_code == 403
    assert "This is not the password" in refused.content.decode()
    assert WRONG not in refused.content.decode()
    for _ in range(OF_A_LINK[0]):
        refused = client.post(at, {"password": WRONG})
    assert refused.status_code == 429
    assert "Try again in" in refused.content.decode()
    assert int(refused["Retry-After"]) > 0


def test_the_api_says_403_for_a_wrong_password_and_404_for_what_is_over(place):
    made, client = guarded(place), Client()

    def answer(**body):
        return client.post("/v1/shares/redeem", {"token": made.token, **body}, content_type="application/json")

    assert answer().status_code == 403
    assert answer(password=WRONG).json()["type"].endswith("wrong-password")
    assert answer(password=RIGHT).status_code == 200
    assert answer(password=RIGHT).status_code == 404


@pytest.mark.parametrize("password", ["short12", "x" * 201])
def test_a_password_has_8_to_200_characters(place, password):
    with tenant(place.id), pytest.raises(CannotBeShared, match="8 to 200"):
        actions.create_share(actor=place.actor(), paths=["claims/method.md"], password=password)
