"""What strangers send to see what breaks: a refusal in words, and never a fault of ours."""

import json
from base64 import urlsafe_b64encode

import pytest
from django.core import mail
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client
from django.test.client import FakePayload

from audit.models import AccessEntry
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.web import handler
from tests.factories import make_api_key, make_person, make_place, sign_in

pytestmark = pytest.mark.django_db


def environ(**more):
    plain = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": "q=%2b", "wsgi.input": FakePayload(b"")}
    return plain | {"SERVER_NAME": "testserver", "SERVER_PORT": "80"} | more


@pytest.mark.parametrize("charset", ["zlib", "base64", "idna", "undefined", "unicode_escape", "utf-16", "no-such"])
def test_the_caller_chooses_no_codec(charset):
    request = handler.Request(environ(CONTENT_TYPE=f"text/plain; charset={charset}"))
    assert request.GET["q"] == "+"
    assert (request.content_params or {})["charset"] == charset
    if charset == "zlib":
        with pytest.raises(LookupError):
            WSGIRequest(environ(CONTENT_TYPE="text/plain; charset=zlib"))


def test_the_web_process_makes_such_requests():
    from hq.wsgi import application

    assert application.request_class is handler.Request


@pytest.fixture
def browser(settings, monkeypatch):
    """A client whose requests are those of the web process; Django's own makes another kind."""
    settings.BASE_URL, settings.PORT = "http://localhost:8123", 8124
    monkeypatch.setattr("django.test.client.WSGIRequest", handler.Request)
    return Client()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8123", 200),
        ("localhost", 200),
        ("LOCALHOST.:8123", 200),
        ("localhost:1337", 400),
        ("evil", 400),
        ("localhost:8124", 200),
    ],
)
def test_it_is_reached_at_its_own_port_only(browser, host, status):
    assert browser.get("/account/login/", headers={"host": host}).status_code == status


@pytest.mark.parametrize("host", ["localhost:1337", "LocalHost.:8123"])
def test_the_link_in_a_mail_leads_to_hq_whatever_host_was_asked_for(browser, host):
    make_person("reset@example.com")
    browser.post("/account/password/reset/", {"email": "reset@example.com"}, headers={"host": host})
    assert all("http://localhost:8123/" in message.body for message in mail.outbox)
    assert len(mail.outbox) == (0 if "1337" in host else 1)


@pytest.mark.django_db(transaction=True)  # the door of links opens its own transaction, which a refusal undoes
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"\\ud800": 1}',
        b'{"token": "\\udfff"}',
        b'{"token": NaN}',
        b'{"token": ' + b"9" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
        b'{"token": "' + b"a" * 1024 * 1024 + b'"}',
    ],
)
def test_a_body_that_breaks_readers_is_refused(client, body):
    response = client.post("/v1/shares/redeem", data=body, content_type="application/json")
    assert response.status_code in {400, 413}
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.django_db(transaction=True)
def test_json_is_not_read_past_what_a_body_may_have(client):
    body = b'{"token": "x", "more": "' + b"a" * 2 * 1024 * 1024 + b'"}'
    assert client.post("/v1/shares/redeem", data=body, content_type="application/json").status_code == 413


@pytest.mark.parametrize("limit", ["0002000000", "000001" + "0" * 20, "000001" + "0" * 5000, "201", "0", "1e2"])
def test_a_limit_is_at_most_200_however_it_is_written(client, limit):
    place = make_place()
    headers = {"authorization": f"Bearer {make_api_key(place)}"}
    assert client.get(f"/v1/environments/{place.live_id}/objects?limit={limit}", headers=headers).status_code == 400


def test_filters_of_the_trail_with_impossible_values_are_refused(client):
    place = make_place()
    headers = {"authorization": f"Bearer {make_api_key(place)}"}
    events = f"/v1/environments/{place.live_id}/audit/events"
    for query in ("day=9999-12-31", "cursor=" + urlsafe_b64encode("²".encode()).decode().rstrip("=")):
        response = client.get(f"{events}?{query}", headers=headers)
        assert (response.status_code, json.loads(response.content)["status"]) == (400, 400)
    assert client.get(f"{events}?day=2026-11-22", headers=headers).status_code == 200


def test_a_method_that_nobody_knows_is_refused_and_kept(client):
    response = client.generic("A" * 300, "/v1/me")
    assert response.status_code == 401
    with tenant(PLATFORM_ID):
        assert AccessEntry.objects.get(request_id=response["X-Request-Id"]).verb == "A" * 10


def test_no_key_expires_so_late_that_the_page_of_keys_cannot_say_when(client):
    owner = make_person()
    place = make_place(owner=owner)
    headers = {"authorization": f"Bearer {make_api_key(place)}"}
    body = {"name": "late", "scopes": ["objects:read"], "expires_at": "9999-12-31T23:59:59Z"}
    url = f"/v1/environments/{place.live_id}/api-keys"
    assert client.post(url, data=body, content_type="application/json", headers=headers).status_code == 400
    owner.time_zone = "Pacific/Auckland"
    owner.save(update_fields=["time_zone"])
    slug = json.loads(client.get("/v1/me", headers=headers).content)["organizations"][0]["slug"]
    assert sign_in(owner).get(f"/o/{slug}/live/api-keys/").status_code == 200
