"""Uploads over /v1, and what is tried with the address of a part."""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from os import urandom
from typing import Any

import pytest
from django.test import Client

from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.clock import now
from tenants.models import ApiKey
from tests.factories import Place, make_api_key, make_place, run_jobs
from tests.vault.http import Api, assert_nothing_is_there, assert_refused
from tests.vault.http import body as content_of
from tests.vault.uploads import SMALL, content, incoming, small_parts
from vault.actions import assemble, uploads
from vault.models import Upload

__all__ = ["small_parts"]

pytestmark = pytest.mark.usefixtures("small_parts")
DATA = content(2 * SMALL + 17)
SHA256 = hashlib.sha256(DATA).hexdigest()
Send = Callable[..., Any]


@pytest.fixture
def send() -> Send:
    """A client with no credential at all."""
    client = Client(REMOTE_ADDR=f"2001:db8:{urandom(2).hex()}:{urandom(2).hex()}::1")  # counted apart from other tests

    def send(address: dict[str, Any], data: bytes, **headers: str) -> Any:
        path = re.sub(r"^https?://[^/]+", "", address["url"])
        kind = headers.pop("content_type", "application/octet-stream")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.generic(address["method"], path, data, kind, headers=named)

    return send


def begin(api: Api, path: str = "claims/a", data: bytes = DATA, **more: Any) -> dict[str, Any]:
    answer = api.json("POST", "uploads", {"path": path, "size": len(data), **more})
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


def addresses(api: Api, upload: dict[str, Any], *parts: int) -> list[dict[str, Any]]:
    answer = api.json("POST", f"uploads/{upload['id']}/parts", {"parts": list(parts)})
    assert answer.status_code == 200, answer.content
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def part(number: int, data: bytes = DATA) -> bytes:
    return data[(number - 1) * SMALL : number * SMALL]


def send_all(api: Api, upload: dict[str, Any], send: Send, data: bytes = DATA) -> None:
    for address in addresses(api, upload, *range(1, upload["parts"] + 1)):
        assert send(address, part(address["part"], data)).status_code == 204


def test_a_file_goes_in_by_parts_and_comes_out_whole(api: Api, send: Send) -> None:
    upload = begin(api, content_type="text/plain", sha256=SHA256.upper())
    assert (upload["state"], upload["parts"], upload["part_size"]) == ("open", 3, SMALL)
    send_all(api, upload, send)
    listed = api("GET", "uploads?path=claims/a").json()["items"]
    assert [found["id"] for found in listed] == [upload["id"]]
    assert api("GET", f"uploads/{upload['id']}").json()["received"] == [1, 2, 3]
    done = api.json("POST", f"uploads/{upload['id']}/complete")
    assert done.status_code == 201
    receipt = done.json()["receipt"]
    assert (receipt["path"], receipt["version"], receipt["size"]) == ("claims/a", 1, len(DATA))
    assert (receipt["sha256"], receipt["content_type"]) == (SHA256, "text/plain")
    assert content_of(api.get("claims/a")) == DATA
    again = api.json("POST", f"uploads/{upload['id']}/complete")
    assert again.json()["receipt"] == receipt
    assert api("GET", "uploads").json()["items"] == []
    event = api("GET", f"audit/events/{receipt['event_position']}").json()
    assert (event["id"], event["tag"]) == (receipt["event_id"], "object:created")


def test_a_second_version_is_answered_200_and_a_job_202(api: Api, send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    api.put("claims/a")
    first = begin(api)
    send_all(api, first, send)
    assert api.json("POST", f"uploads/{first['id']}/complete").status_code == 200
    monkeypatch.setattr(assemble, "AT_ONCE", 0)
    second = begin(api)
    send_all(api, second, send)
    taken = api.json("POST", f"uploads/{second['id']}/complete")
    assert (taken.status_code, taken.json()["state"]) == (202, "assembling")
    assert api("GET", f"uploads/{second['id']}").json()["assembled"] == 0
    run_jobs()
    assert api("GET", f"uploads/{second['id']}").json()["receipt"]["version"] == 3


def test_beginning_with_an_idempotency_key_is_done_once(api: Api) -> None:
    body = '{"path": "a", "size": 5}'
    sent = [api("POST", "uploads", body, "application/json", Idempotency_Key="one") for _ in range(2)]
    assert [answer.status_code for answer in sent] == [201, 201]
    assert sent[0].json()["id"] == sent[1].json()["id"]
    with tenant(api.place.id):
        assert Upload.objects.count() == 1
    for step in ("complete", "parts"):  # nothing can be done twice there, so the key is welcome
        path = f"uploads/{sent[0].json()['id']}/{step}"
        answer = api("POST", path, '{"parts": [1]}', "application/json", Idempotency_Key="x")
        assert answer.status_code in {200, 409}


def test_giving_up_answers_204_and_then_that_it_ended(api: Api, send: Send) -> None:
    upload = begin(api)
    (address,) = addresses(api, upload, 1)
    assert api("DELETE", f"uploads/{upload['id']}").status_code == 204
    assert_refused(api("DELETE", f"uploads/{upload['id']}"), 409, "upload-ended")
    assert_refused(send(address, part(1)), 409, "upload-ended")
    assert_refused(api.json("POST", f"uploads/{upload['id']}/complete"), 409, "upload-ended")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"path": "a"},
        {"path": "a", "size": -1},
        {"path": "a", "size": "5"},
        {"path": "a", "size": 5, "sha256": "zz"},
        {"path": "a", "size": 5, "content_type": "no type"},
        {"path": "a", "size": 5, "content_type": "multipart/form-data"},
        {"path": "a", "size": 5, "bucket": "hq-of-another"},
        {"path": "a", "size": 5, "organization": "x"},
        {"path": "../a", "size": 5},
        {"path": "%2e%2e/a", "size": 5},
        {"path": "a%252f..%252f..%252fb", "size": 5},
        {"path": "/etc/passwd", "size": 5},
        {"path": "C:/a", "size": 5},
        {"path": "a\\..\\b", "size": 5},
        {"path": "a\u0000b", "size": 5},
        {"path": "a/\u202eb", "size": 5},
    ],
)
def test_nothing_but_ones_own_namespace_can_be_named(api: Api, body: dict[str, Any]) -> None:
    assert_refused(api.json("POST", "uploads", body), 400)
    assert_nothing_is_there(api.place)


def test_an_upload_of_another_tenant_is_not_there_by_any_step(api: Api, send: Send) -> None:
    other = make_place("Birch Hill")
    theirs = Api(other, make_api_key(other))
    upload = begin(theirs)
    for verb, path, body in [
        ("GET", f"uploads/{upload['id']}", None),
        ("DELETE", f"uploads/{upload['id']}", None),
        ("POST", f"uploads/{upload['id']}/parts", {"parts": [1]}),
        ("POST", f"uploads/{upload['id']}/complete", None),
    ]:
        assert_refused(api.json(verb, path, body), 404, "not-found")
    send_all(theirs, upload, send)
    theirs.json("POST", f"uploads/{upload['id']}/complete")
    assert content_of(theirs.get("claims/a")) == DATA
    assert_nothing_is_there(api.place)


@pytest.mark.parametrize(
    ("size", "headers", "refusal"),
    [
        (SMALL - 1, {}, (400, "wrong-part-size")),
        (SMALL + 1, {}, (400, "wrong-part-size")),
        (0, {}, (411, "length-required")),
        (SMALL, {"content_type": "multipart/form-data; boundary=x"}, (415, "unsupported-body")),
        (SMALL, {"Content_Encoding": "gzip"}, (415, "unsupported-body")),
        (SMALL, {"Content_Range": "bytes 0-9/10"}, (400, "invalid")),
        (SMALL, {"Transfer_Encoding": "chunked"}, (411, "length-required")),
    ],
)
def test_what_is_not_exactly_the_part_is_refused_and_leaves_nothing(
    api: Api, send: Send, size: int, headers: dict[str, str], refusal: tuple[int, str]
) -> None:
    upload = begin(api)
    (address,) = addresses(api, upload, 1)
    assert_refused(send(address, bytes(size), **headers), *refusal)
    assert api("GET", f"uploads/{upload['id']}").json()["received"] == []
    assert incoming(api.place) == []


def test_where_a_part_goes_follows_from_its_address_alone(api: Api, send: Send) -> None:
    """No header that names another place is looked at, nor a query."""
    upload = begin(api)
    (address,) = addresses(api, upload, 1)
    named = {
        "X_HQ_Path": "other",
        "X_Amz_Key": "other",
        "Content_Disposition": 'attachment; filename="../../other"',
        "X_Forwarded_Host": "other",
        "X_Original_URL": "/v1/upload-parts/other",
    }
    assert send(address | {"url": address["url"] + "?part=2&path=other"}, part(1), **named).status_code == 204
    assert api("GET", f"uploads/{upload['id']}").json()["received"] == [1]
    (file,) = incoming(api.place)
    assert (file.parent.name, file.name) == (upload["id"].replace("-", ""), "1")


def altered(token: str) -> list[str]:
    """Every way of a token that is nearly ours."""
    middle = len(token) // 2
    swapped = "A" if token[middle] != "A" else "B"
    return [
        token[:middle] + swapped + token[middle + 1 :],
        token[:-1],
        token + "A",
        token + "=",
        token.upper(),
        "hqs_" + "A" * 80,
        "hqs_",
        "x",
        "%2e%2e",
    ]


def test_an_altered_or_made_up_address_is_no_address(api: Api, send: Send) -> None:
    upload = begin(api)
    (address,) = addresses(api, upload, 1)
    base, _, token = address["url"].rpartition("/")
    answers = [send(address | {"url": f"{base}/{made_up}"}, part(1)) for made_up in altered(token)]
    for answer in answers:
        assert_refused(answer, 404, "no-such-address")
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert incoming(api.place) == []


def test_made_up_addresses_are_counted_and_then_refused(api: Api, send: Send, settings: Any) -> None:
    settings.LIMIT_UNKNOWN = (3, 60)
    answers = [send({"url": "/v1/upload-parts/hqs_x", "method": "PUT"}, b"") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429, 429]
    upload = begin(api)
    assert send(addresses(api, upload, 1)[0], part(1)).status_code == 204  # who has one is let in as before


def test_an_address_is_for_its_own_part_of_its_own_upload(api: Api, send: Send) -> None:
    """Its part and its upload are sealed in it; the last part's size does not fit the others."""
    upload, other = begin(api), begin(api, "claims/b")
    first, last = addresses(api, upload, 1, 3)
    assert_refused(send(last, part(1)), 400, "wrong-part-size")
    assert send(first, part(1)).status_code == 204
    assert api("GET", f"uploads/{upload['id']}").json()["received"] == [1]
    assert api("GET", f"uploads/{other['id']}").json()["received"] == []
    tokens = [one["url"].rpartition("/")[2] for one in (first, addresses(api, other, 1)[0])]
    raw = [token.removeprefix("hqs_") for token in tokens]
    # The other upload's name before what this one's key has sealed: the name is covered by the seal.
    spliced = first["url"].replace(raw[0], raw[1][:24] + raw[0][24:])
    assert_refused(send(first | {"url": spliced}, part(1)), 404, "no-such-address")


def test_an_address_is_over_after_ten_minutes_and_a_completed_upload_takes_no_part(
    api: Api, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begin(api)
    with monkeypatch.context() as earlier:
        earlier.setattr(uploads, "now", lambda: now() - timedelta(minutes=10, seconds=1))
        (old,) = addresses(api, upload, 1)
    assert_refused(send(old, part(1)), 403, "address-expired")
    assert incoming(api.place) == []
    send_all(api, upload, send)
    again = addresses(api, upload, 1)[0]
    api.json("POST", f"uploads/{upload['id']}/complete")
    assert_refused(send(again, part(1)), 409, "upload-ended")
    assert incoming(api.place) == []


@pytest.mark.parametrize("parts", [[], [0], [4], [-1], ["x"], [1.5], list(range(1, 102)), [10_001]])
def test_only_parts_that_the_upload_has_are_given_an_address(api: Api, parts: list[Any]) -> None:
    upload = begin(api)
    assert_refused(api.json("POST", f"uploads/{upload['id']}/parts", {"parts": parts}), 400)


def test_a_key_that_only_reads_begins_nothing_and_a_revoked_one_sends_nothing_more(
    committed_place: Place, send: Send
) -> None:
    reads = Api(committed_place, make_api_key(committed_place, frozenset({Permission.OBJECTS_READ})))
    assert_refused(reads.json("POST", "uploads", {"path": "a", "size": 1}), 403)
    api = Api(committed_place, make_api_key(committed_place))
    upload = begin(api)
    (address,) = addresses(api, upload, 1)
    revoke_every_key(committed_place)
    assert_refused(send(address, part(1)), 403, "maker-gone")
    assert incoming(committed_place) == []


def revoke_every_key(place: Place) -> None:
    with tenant(place.id):
        ApiKey.objects.update(revoked_at=now())


def test_a_wrong_announced_hash_stores_nothing(api: Api, send: Send) -> None:
    upload = begin(api, sha256="0" * 64)
    send_all(api, upload, send)
    assert_refused(api.json("POST", f"uploads/{upload['id']}/complete"), 400, "wrong-digest")
    assert_refused(api.get("claims/a"), 404)
