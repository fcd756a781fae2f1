"""Valkey is away, really: nothing can be counted. Work goes on and says so; nobody gets in by guessing."""

import json
import logging
import re

import pytest
from django.test import Client

from hq.limits import valkey
from hq.web.limits import SAFE, WAYS_IN, forget
from tests.factories import make_api_key, make_place, sign_in
from tests.factors import PASSWORD, is_signed_in, with_password
from tests.routes import every_route
from tests.valkeys import OwnValkey, own_valkey

__all__ = ["own_valkey"]
pytestmark = pytest.mark.django_db


def alarms(caplog):
    return [record.message for record in caplog.records if record.name == "hq.limits"]


def test_who_has_a_key_reads_and_writes_on_and_an_alarm_says_so_once(client, own_valkey: OwnValkey, caplog):
    place = make_place()
    bearer = {"authorization": f"Bearer {make_api_key(place)}"}
    url = f"/v1/environments/{place.live_id}/objects/report.csv"
    own_valkey.stop()
    assert client.put(url, data=b"a,b\n", content_type="text/csv", headers=bearer).status_code == 201
    answer = client.get(url, headers=bearer)
    assert (answer.status_code, b"".join(answer)) == (200, b"a,b\n")
    for _ in range(5):
        answer = client.get("/v1/me", headers=bearer)
        assert answer.status_code == 200
    assert [name for name in answer.headers if name.startswith("RateLimit")] == []
    assert alarms(caplog) == ["limits cannot be kept"]
    assert [record.levelno for record in caplog.records if record.name == "hq.limits"] == [logging.ERROR]
    assert client.get("/readyz").json()["valkey"] == "unreachable"


def test_who_is_signed_in_works_on(own_valkey: OwnValkey):
    place = make_place()
    browser, page = sign_in(place.owner), f"/o/{place.slug}/live/groups/new"
    own_valkey.stop()
    once = re.search(r'name="once" value="([^"]+)"', browser.get(page).content.decode())
    assert once
    made = browser.post(page, {"name": "Auditors", "once": once[1]})
    assert made.status_code == 302
    assert b"Auditors" in browser.get(made["Location"]).content


@pytest.mark.parametrize("path", ["/account/login/", "/account/signup/", "/account/password/reset/", "/sso"])
def test_nobody_signs_in_uncounted(client, own_valkey: OwnValkey, path):
    known = with_password()
    own_valkey.stop()
    answer = client.post(path, {"login": known.email, "password": PASSWORD, "email": known.email})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert b"Try again in a moment" in answer.content
    assert not is_signed_in(client)


def test_the_first_to_ask_after_it_went_away_does_not_get_in_either(client, own_valkey: OwnValkey, monkeypatch):
    """While the edge does not know it yet, the count of failed sign-ins meets the fault by itself."""
    known = with_password()
    own_valkey.stop()
    monkeypatch.setattr("hq.web.limits.WAYS_IN", ())
    client.raise_request_exception = False
    answer = client.post("/account/login/", {"login": known.email, "password": PASSWORD})
    assert answer.status_code >= 500
    assert not is_signed_in(client)


def test_no_link_is_opened_uncounted(client, own_valkey: OwnValkey):
    own_valkey.stop()
    answer = client.post("/v1/shares/redeem", data=json.dumps({"token": "x"}), content_type="application/json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert client.post("/s/some-token").status_code == 503
    assert client.get("/s/some-token").status_code == 404


def test_every_address_that_may_be_posted_to_without_credentials_is_a_way_in():
    """A new public address of /v1 that writes must be added to the ways in."""
    open_to_all = [
        route.pattern
        for route in every_route()
        if route.pattern.startswith("v1/")
        and getattr(getattr(route.view, "cls", route.view), "public", False)
        and set(route.methods) - SAFE
    ]
    own_credentials = {"v1/shared/objects/<path:path>"}  # a session token of a link
    assert len(open_to_all) > 1
    assert [p for p in open_to_all if p not in own_credentials and not f"/{p}".startswith(WAYS_IN)] == []


def test_a_refusal_by_a_limit_is_given_even_if_it_cannot_be_noted_that_it_was(client, own_valkey: OwnValkey, settings):
    settings.LIMIT_IP = (1, 3600)
    assert [client.get("/v1/me").status_code for _ in range(2)] == [401, 429]
    valkey.forget()
    own_valkey.stop()
    assert client.get("/v1/me").status_code == 429  # this process knows it for as long as it was told to wait
    forget()
    assert client.get("/v1/me").status_code == 401
    assert Client().get("/healthz").status_code == 200
