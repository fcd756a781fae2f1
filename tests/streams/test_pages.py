"""Streams in the portal and over /v1: made, looked at, moved, paused, removed."""

import json
import re
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from streams import actions, selectors
from tenants import actions as tenancy
from tests.factories import Place, make_member, make_place, sign_in
from tests.streams.support import (
    Siem,
    length,
    make_events,
    position_of,
    send_all,
    stream_of,
    stream_to,
)
from tests.webhooks.verifiers import Received, signed_by

pytestmark = pytest.mark.django_db
TARGET = {"url": "https://siem.example/in", "format": "lines", "header": "Authorization"}


class Api:
    def __init__(self, place: Place, *scopes: Permission) -> None:
        wanted = frozenset(scopes or (Permission.WEBHOOKS_MANAGE, Permission.AUDIT_READ))
        with tenant(place.id):
            self.secret = tenancy.create_api_key(actor=place.actor(), name="k", scopes=wanted).secret
        self.base = f"/v1/environments/{place.live_id}/audit/streams"

    def __call__(self, method: str, path: str = "", body: Any = None) -> Any:
        content = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        headers = {"authorization": f"Bearer {self.secret}"}
        return getattr(Client(), method.lower())(self.base + path, headers=headers, **content)


ASKED = {"name": "SIEM", "kind": "https", "target": TARGET, "secret": {"value": "Bearer of-the-siem"}}


def test_its_whole_life_over_the_api(place: Place, siem: Siem) -> None:
    api = Api(place)
    answer = api("POST", body=ASKED)
    made = answer.json()
    assert answer.status_code == 201
    assert made["signing_secret"].startswith("whsec_")
    assert [each["log"] for each in made["positions"]] == ["access", "admin", "organization"]
    one = f"/{made['id']}"
    shown = api("GET", one).content.decode()
    assert "of-the-siem" not in shown
    assert made["signing_secret"] not in shown
    elsewhere = {"target": {**TARGET, "url": siem.url}, "secret": {"value": "Bearer of-the-siem"}}
    changed = api("PATCH", one, {"name": "Other", "logs": ["admin"], **elsewhere}).json()
    assert api("PATCH", one, {"target": {**TARGET, "url": siem.url}, "secret": {"value": ""}}).status_code == 200
    assert (changed["name"], [each["log"] for each in changed["positions"]]) == ("Other", ["admin"])
    assert api("POST", f"{one}/pause").json()["state"] == "PAUSED"
    assert api("POST", f"{one}/pause").status_code == 409
    assert api("POST", f"{one}/resume").json()["state"] == "ACTIVE"
    assert api("POST", f"{one}/test").status_code == 202
    send_all()
    assert [json.loads(body).keys() for body in siem.bodies if b'"test"' in body] == [{"test"}]
    assert siem.headers[0]["authorization"] == "Bearer of-the-siem"  # an empty secret stayed
    assert api("POST", f"{one}/replay", {"log": "admin", "index": 1}).json()["acknowledged"] == 0
    send_all()
    assert sorted(set(siem.indexes[-length(place) :])) == list(range(1, length(place) + 1))
    assert api("GET", one).json()["lag"] == {"entries": 0, "seconds": 0}
    batches = api("GET", f"{one}/batches").json()["items"]
    assert {batch["log"] for batch in batches} == {"admin", None}
    assert api("GET").json()["items"][0]["id"] == made["id"]
    assert api("DELETE", one).status_code == 204
    assert api("GET", one).status_code == 404


@pytest.mark.parametrize(
    ("fault", "pointer"),
    [
        ({"target": {**TARGET, "url": "http://siem.example/"}}, "/target/url"),
        ({"target": {**TARGET, "url": "https://u:p@siem.example/"}}, "/target/url"),
        ({"target": {**TARGET, "header": "Host"}}, "/target/header"),
        ({"target": {**TARGET, "header": "X: y\r\nZ"}}, "/target/header"),
        ({"target": {**TARGET, "format": "xml"}}, "/target/format"),
        ({"secret": {"value": "a\r\nX-Other: b"}}, "/secret/value"),
        ({"logs": ["none"]}, "/logs/0"),
        ({"kind": "syslog", "target": {"host": "a b"}}, "/target/host"),
        ({"kind": "syslog", "target": {"host": "a", "port": 70000}}, "/target/port"),
        ({"kind": "syslog", "target": {"host": "a", "ca": "not PEM"}}, "/target/ca"),
        ({"kind": "s3", "target": {"bucket": "B_", "region": "eu-1", "access_key_id": "AKIA"}}, "/target/bucket"),
        ({"kind": "s3", "target": {"endpoint": "https://s3.example\ud800"}}, "/target/endpoint"),
        ({"kind": "s3", "target": {"prefix": "a" * 499 + "!"}}, "/target/prefix"),  # for ever, were it read in two ways
        ({"kind": "syslog", "target": {"host": "a", "ca": "x" * 70_000}}, "/target/ca"),
        ({"kind": "syslog", "target": {"host": "a", "ca": ["-----BEGIN"]}}, "/target/ca"),
        ({"target": {**TARGET, "format": ["lines"]}}, "/target/format"),
        # What cannot be taken must not be as if it had been left out: the stream would lead elsewhere, or be let in
        # nowhere.
        ({"target": {**TARGET, "header": ["X-Key"]}}, "/target/header"),
        ({"target": {**TARGET, "header": "X-Key" * 20}}, "/target/header"),
        ({"target": {**TARGET, "headers": "X-Key"}}, "/target/headers"),
        ({"secret": {"value": "e" * 4001}}, "/secret/value"),
        ({"secret": {"value": ["Bearer"]}}, "/secret/value"),
        ({"secret": {"shared": "whsec_AAAA"}}, "/secret/shared"),
        ({"kind": "s3", "target": {"endpoint": "https://s3.example/" + "x" * 500}}, "/target/endpoint"),
        ({"kind": "s3", "target": {"endpoint": ["https://s3.example"]}}, "/target/endpoint"),
        ({"kind": "s3", "target": {"endpont": "https://s3.example"}}, "/target/endpont"),
        ({"kind": "s3", "target": {"prefix": "a" * 501}}, "/target/prefix"),
        ({"kind": "syslog", "target": {"host": "a", "tls": "no"}}, "/target/tls"),
        ({"kind": "fax"}, "/kind"),
    ],
)
def test_what_is_wrong_is_pointed_at(place: Place, settings: Any, fault: dict[str, Any], pointer: str) -> None:
    settings.PRODUCTION = True  # plain HTTP to the machine itself is for development
    answer = Api(place)("POST", body=ASKED | fault)
    assert answer.status_code == 400
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    "url", ["https://evil.example/in", "https://siem.example:8443/in", "https://siem.example.evil.example/in"]
)
def test_a_secret_is_not_sent_to_another_server_than_it_was_entered_for(place: Place, url: str) -> None:
    api = Api(place)
    one = f"/{api('POST', body=ASKED).json()['id']}"
    for secret in ({}, {"secret": {"value": ""}}):
        answer = api("PATCH", one, {"target": {**TARGET, "url": url}, **secret})
        assert answer.status_code == 400
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/secret/value"]
    assert api("PATCH", one, {"target": {**TARGET, "url": url}, "secret": {"value": "theirs"}}).status_code == 200
    assert api("PATCH", one, {"target": {**TARGET, "url": f"{url}?other", "header": "X-Key"}}).status_code == 200


def test_nobody_chooses_what_batches_are_signed_with(place: Place, siem: Siem) -> None:
    made = stream_to(place, siem.url)
    for name in ("shared", "private"):
        answer = Api(place)("PATCH", f"/{made.stream.id}", {"secret": {name: made.secret}})
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/secret/{name}"]
    send_all()
    assert signed_by(made.public, Received(siem.bodies[0].decode(), siem.headers[0]))


def test_one_right_without_the_other_is_not_enough(place: Place) -> None:
    for alone in (Permission.WEBHOOKS_MANAGE, Permission.AUDIT_READ):
        assert Api(place, alone)("GET").status_code == 403
        assert Api(place, alone)("POST", body=ASKED).status_code == 403
    assert sign_in(make_member(place, Role.AUDITOR)).get(f"/o/{place.slug}/live/audit/streams/").status_code == 403


def test_another_tenants_stream_is_not_there(place: Place, siem: Siem) -> None:
    theirs, api = stream_to(make_place(), siem.url), Api(place)
    one = f"/{theirs.stream.id}"
    asked: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("PATCH", "", {"name": "mine"}),
        ("DELETE", "", None),
        ("POST", "/pause", None),
    ]
    asked += [("POST", "/test", None), ("POST", "/replay", {"log": "admin", "index": 1}), ("GET", "/batches", None)]
    for method, path, body in asked:
        assert api(method, one + path, body).status_code == 404
    pages = sign_in(place.owner)
    assert pages.get(f"/o/{place.slug}/live/audit/streams{one}").status_code == 404


def test_it_is_sent_again_from_an_entry_or_a_time(place: Place, siem: Siem) -> None:
    made = stream_to(place, siem.url)
    send_all()
    make_events(place, 3)
    send_all()
    first = siem.entries[-3]
    for how in ({"index": first["index"]}, {"since": first["document"]["at"]}):
        before = len(siem.entries)
        answer = Api(place)("POST", f"/{made.stream.id}/replay", {"log": "admin", **how})
        assert answer.json()["acknowledged"] == first["index"] - 1
        send_all()
        assert siem.indexes[before : before + 3] == [first["index"] + number for number in range(3)]
    assert len({headers["webhook-id"] for headers in siem.headers}) == len(siem.headers)
    for wrong in ({"index": 10**6}, {"index": 0}, {}, {"index": 1, "since": "2026-01-01T00:00:00Z"}):
        assert Api(place)("POST", f"/{made.stream.id}/replay", {"log": "admin", **wrong}).status_code == 400
    assert Api(place)("POST", f"/{made.stream.id}/replay", {"log": "access", "index": 1}).status_code == 400


def test_the_pages_from_an_empty_list_to_removal(place: Place, siem: Siem) -> None:
    client, base = sign_in(place.owner), f"/o/{place.slug}/live/audit/streams/"
    assert "No streams in this environment" in client.get(base).content.decode()
    for kind in ("https", "syslog", "s3"):
        assert "What arrives there" in client.get(f"{base}new/{kind}").content.decode()
    once = re.findall(r'name="once" value="([^"]+)"', client.get(f"{base}new").content.decode())[0]
    form = {"name": "SIEM", "url": siem.url, "header": "Authorization", "value": "Bearer s3cr3t", "format": "lines"}
    made = client.post(f"{base}new", {**form, "logs": ["admin"], "begin": "start", "once": once})
    assert "whsec_" in made.content.decode()
    assert (
        "sent twice"
        in client.post(f"{base}new", {**form, "logs": ["admin"], "begin": "start", "once": once}).content.decode()
    )
    with tenant(place.id):
        [row] = selectors.list_streams(place.actor())
    one = f"{base}{row.id}"
    send_all()
    for page in ("", "/change", "/remove"):
        answer = client.get(one + page)
        assert answer.status_code == 200
        assert "s3cr3t" not in answer.content.decode()
    assert "Arrived" in client.get(one).content.decode()
    assert client.post(f"{one}/change", {**form, "value": "", "name": "Renamed", "logs": ["admin"]}).status_code == 302
    assert stream_of(actions.Made(row)).secret["value"] == "Bearer s3cr3t"
    assert client.post(f"{one}/replay", {"log": "admin", "index": "2"}).status_code == 302
    assert position_of(actions.Made(row)).acknowledged == 1
    assert client.post(f"{one}/replay", {"log": "admin"}).status_code == 400
    for act in ("pause", "resume", "test"):
        assert client.post(f"{one}/{act}").status_code == 302
    assert client.post(f"{one}/remove", {"confirm": "x"}).status_code == 400
    assert client.post(f"{one}/remove", {"confirm": "Renamed"}).status_code == 302
    assert client.get(f"{base}{uuid4()}").status_code == 404


def test_a_stream_without_a_secret_to_store_opens_its_page_at_once(place: Place, siem: Siem) -> None:
    client, base = sign_in(place.owner), f"/o/{place.slug}/live/audit/streams/"
    page = client.get(f"{base}new/syslog")
    assert "shown once" not in page.content.decode()
    form = {"name": "Logs", "host": "logs.example", "port": "6514", "logs": ["admin"], "begin": "now"}
    answer = client.post(f"{base}new/syslog", {**form, "once": page.context["form"]["once"].value()}, follow=True)
    assert "Logs is made, and begins within seconds." in answer.content.decode()
    assert "Where it is" in answer.content.decode()


def test_sending_again_begins_with_the_first_log_and_says_when_it_waits(place: Place, siem: Siem) -> None:
    made = stream_to(place, siem.url, "access", "admin")
    client, one = sign_in(place.owner), f"/o/{place.slug}/live/audit/streams/{made.stream.id}"
    send_all()
    page = client.get(one)
    assert page.context["form"].initial["log"] == "admin"
    assert {title for title, _ in page.context["batches"]} <= {"Administrative events", "Requests"}

    def again() -> str:
        asked = {"log": "admin", "index": "2"}
        return client.post(f"{one}/replay", asked, follow=True).content.decode()

    assert "It goes on with entry 2 of administrative events." in again()
    client.post(f"{one}/pause")
    text = again()
    assert "Once it goes on, it begins with entry 2 of administrative events." in text
    assert "Nothing is sent before it goes on." in text


def test_the_list_asks_the_same_number_of_questions_however_many_there_are(place: Place, siem: Siem) -> None:
    client, counts = sign_in(place.owner), []
    for _ in range(2):
        for _ in range(3):
            stream_to(place, siem.url, "admin", "access")
        client.get(f"/o/{place.slug}/live/audit/streams/")
        with CaptureQueriesContext(connection) as asked:
            client.get(f"/o/{place.slug}/live/audit/streams/")
        counts.append(len(asked))
    assert counts[0] == counts[1]
