"""What an integrator does, over real HTTP with nothing but a standard library."""

import hashlib
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from typing import Any

import pytest
from drf_spectacular.validation import validate_schema

from tests.factories import Place, make_api_key, make_place

pytestmark = pytest.mark.django_db(transaction=True)
REPORT = b"quarter,ratio\n" + b"".join(b"%d,0.%d\n" % (number, number) for number in range(40_000))


@dataclass
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    base: str
    bearer: str = ""

    def __call__(self, verb: str, path: str, body: Any = None, **headers: str) -> Answer:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.bearer:
            sent["Authorization"] = f"Bearer {self.bearer}"
        if data is not None:
            sent.setdefault("Content-Type", "text/csv" if isinstance(body, bytes) else "application/json")
        request = urllib.request.Request(self.base + path, data=data, headers=sent, method=verb)
        try:
            with urllib.request.urlopen(request) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as refused:
            with refused:
                return Answer(refused.code, refused.headers, refused.read())


@pytest.fixture
def base(address: str) -> str:
    return address


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place("Alder Peak")


@pytest.fixture
def live(place: Place) -> str:
    return f"/v1/environments/{place.live_id}"


@pytest.fixture
def http(base: str, place: Place) -> Client:
    return Client(base, make_api_key(place))


def test_objects_are_put_read_listed_changed_and_deleted(http: Client, live: str):
    made = http("PUT", f"{live}/objects/claims/2026%20q3/register.csv", REPORT)
    assert made.status == 201
    assert made.json["sha256"] == hashlib.sha256(REPORT).hexdigest()
    etag = made.headers["ETag"]

    read = http("GET", f"{live}/objects/claims/2026%20q3/register.csv")
    assert (read.status, read.body, read.headers["ETag"]) == (200, REPORT, etag)
    part = http("GET", f"{live}/objects/claims/2026%20q3/register.csv", Range="bytes=65530-65549")
    assert (part.status, part.body) == (206, REPORT[65530:65550])
    assert http("HEAD", f"{live}/objects/claims/2026%20q3/register.csv").headers["Content-Length"] == str(len(REPORT))
    assert http("GET", f"{live}/objects/claims/2026%20q3/register.csv", If_None_Match=etag).status == 304

    again = http("PUT", f"{live}/objects/claims/2026%20q3/register.csv", REPORT + b"more\n", If_Match=etag)
    assert (again.status, again.json["version"]) == (200, 2)
    assert http("PUT", f"{live}/objects/claims/2026%20q3/register.csv", b"lost", If_Match=etag).status == 412
    assert http("GET", f"{live}/objects/claims/2026%20q3/register.csv?version=1").body == REPORT

    listed = http("GET", f"{live}/objects?prefix=claims/").json
    assert [item["path"] for item in listed["items"]] == ["claims/2026 q3/register.csv"]
    assert listed["next_cursor"] is None
    assert http("DELETE", f"{live}/objects/claims/2026%20q3/register.csv").status == 204
    assert http("GET", f"{live}/objects/claims/2026%20q3/register.csv").status == 404
    restored = http("POST", f"{live}/object-restores", {"path": "claims/2026 q3/register.csv"})
    assert restored.status == 201


def test_a_share_is_made_redeemed_once_read_and_revoked(http: Client, live: str, base: str):
    http("PUT", f"{live}/objects/a/one.csv", REPORT)
    http("PUT", f"{live}/objects/a/two.csv", b"two")
    made = http("POST", f"{live}/shares", {"paths": ["a/one.csv", "a/two.csv"], "ttl_seconds": 300}).json
    assert made["url"] == f"{base}/s/{made['token']}"
    assert made["token"] not in http("GET", f"{live}/shares").body.decode()

    anybody = Client(base)
    redeemed = anybody("POST", "/v1/shares/redeem", {"token": made["token"]})
    assert (redeemed.status, redeemed.json["paths"]) == (200, ["a/one.csv", "a/two.csv"])
    recipient = Client(base, redeemed.json["session_token"])
    assert recipient("GET", "/v1/shared/objects/a/one.csv").body == REPORT
    assert recipient("PUT", "/v1/shared/objects/a/one.csv", b"mine").status in {403, 404}
    assert recipient("GET", f"{live}/objects/a/one.csv").status == 401

    refusals = [
        anybody("POST", "/v1/shares/redeem", {"token": token}).json
        for token in (made["token"], made["token"][:-4] + "AAAA", "hqs_nothing")
    ]
    assert len({json.dumps({**refusal, "instance": ""}) for refusal in refusals}) == 1
    assert refusals[0]["status"] == 404

    life = http("GET", f"{live}/shares/{made['id']}").json
    kinds = [attempt["kind"] for attempt in life["attempts"]]
    assert kinds.count("opened") == 1
    assert kinds.count("refused") == 2
    assert http("DELETE", f"{live}/shares/{made['id']}").status == 204
    assert recipient("GET", "/v1/shared/objects/a/two.csv").status == 401
    assert http("GET", f"{live}/shares/{made['id']}").json["state"] == "revoked"


def test_the_trail_is_read_and_verified_and_each_event_hashes_as_told(http: Client, live: str):
    for number in range(3):
        http("PUT", f"{live}/objects/n/{number}", b"x")
    http("DELETE", f"{live}/objects/n/0")
    events = http("GET", f"{live}/audit/events?limit=50").json["items"]
    assert [event["tag"] for event in events[:4]] == ["object:deleted", *["object:created"] * 3]
    assert events[0]["before"]["size"] == 1
    for event in events:
        digest = hashlib.sha256(event["document"].encode()).digest()
        link = hashlib.sha256(b"hq-audit-link-v1\x00" + bytes.fromhex(event["previous"]) + digest)
        assert link.hexdigest() == event["hash"]
    found = http("GET", f"{live}/audit/admin/verify-chain").json
    assert found == {"verified": True, "length": events[0]["index"], "head": events[0]["hash"], "first_bad": None}


def test_refusals_are_problem_documents_that_lead_to_an_explanation(http: Client, live: str, place: Place, base: str):
    refused = http("PUT", f"{live}/objects/.aws/credentials", b"[default]")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json["detail"] == ".aws/credentials was not uploaded. Credential directories stay on your machine."
    explained = http("GET", refused.json["type"].removeprefix(base))
    assert explained.status == 200
    assert http("GET", f"/v1/environments/{place.test_id}/objects").status == 404
    assert Client(base)("GET", f"{live}/objects").status == 401


def test_the_api_describes_itself(http: Client):
    answer = http("GET", "/v1/openapi.json")
    document = answer.json
    assert document["openapi"].startswith("3.1")
    validate_schema(document)
    promised = {
        "/v1/environments/{environment_id}/objects/{path}",
        "/v1/environments/{environment_id}/shares",
        "/v1/environments/{environment_id}/audit/admin/verify-chain",
        "/v1/shares/redeem",
        "/v1/shared/objects/{path}",
        "/v1/me",
    }
    assert promised <= set(document["paths"])


def test_the_documentation_needs_no_script_and_nobody_else(http: Client):
    page = http("GET", "/v1/docs")
    text = page.body.decode()
    assert page.status == 200
    assert all(
        source.startswith("/static/") for source in re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"', text)
    )
    for operation in ("put_object", "redeem_share", "verify_audit_chain"):
        assert operation in text
