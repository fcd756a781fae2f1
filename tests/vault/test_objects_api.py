"""Objects over /v1: raw bytes in and out, as an integrator sends them."""

import hashlib
from base64 import b64encode
from io import BytesIO
from typing import Any

import pytest
from django.test import Client

from hq.authz.permissions import Permission
from hq.db.context import tenant
from tests.factories import Place, make_api_key, make_place
from tests.vault.conftest import files
from vault.models import Blob, StoredObject

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ETAG = f'"{SHA256}"'


class Api:
    """A client with a key, in one environment."""

    def __init__(self, place: Place, secret: str) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {secret}"})
        self.place = place
        self.base = f"/v1/environments/{place.live_id}"

    def __call__(
        self, verb: str, path: str, data: Any = b"", content_type: str = "application/octet-stream", **headers: str
    ) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.generic(verb, f"{self.base}/{path}", data, content_type, headers=named)

    def put(self, path: str = "a", data: bytes = CONTENT, **more: Any) -> Any:
        return self("PUT", f"objects/{path}", data, **more)

    def get(self, path: str = "a", **headers: str) -> Any:
        return self("GET", f"objects/{path}", content_type="", **headers)

    def json(self, verb: str, path: str, body: Any = None) -> Any:
        return self.client.generic(
            verb, f"{self.base}/{path}", body and __import__("json").dumps(body), "application/json"
        )


@pytest.fixture
def place(committed_place: Place) -> Place:
    """Committed, as a refusal undoes the transaction that it is in, and a test's own would be that."""
    return committed_place


@pytest.fixture
def api(place: Place) -> Api:
    return Api(place, make_api_key(place))


def body(response: Any) -> bytes:
    content: bytes = response.getvalue()
    return content


def assert_refused(response: Any, status: int, code: str = "") -> None:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert not code or response.json()["type"] == f"/problems/{code}"


def assert_nothing_is_there(place: Place) -> None:
    with tenant(place.id):
        assert not StoredObject.objects.exists()
        assert not Blob.objects.exists()
    assert files(place) == []


# ---- in and out


def test_put_answers_201_then_200_and_what_it_stored(api: Api) -> None:
    first, second = api.put("claims/a.bin"), api.put("claims/a.bin", b"2", content_type="text/plain; charset=utf-8")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first["ETag"] == ETAG
    made = first.json()
    assert (made["path"], made["version"], made["size"], made["sha256"]) == ("claims/a.bin", 1, len(CONTENT), SHA256)
    assert made["created_by"]["kind"] == "api_key"
    assert second.json()["content_type"] == "text/plain; charset=utf-8"
    assert second["X-HQ-Version"] == "2"


def test_get_answers_the_bytes_and_nothing_a_browser_would_run(api: Api) -> None:
    api.put("claims/ä \u201cb\u201d.html", b"<script>", content_type="text/html")
    response = api.get("claims/ä \u201cb\u201d.html")
    assert body(response) == b"<script>"
    assert response["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%A4%20%E2%80%9Cb%E2%80%9D.html"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Length"] == "8"
    assert response["Repr-Digest"] == f"sha-256=:{b64encode(hashlib.sha256(b'<script>').digest()).decode()}:"


def test_head_says_what_get_would_without_the_bytes(api: Api, no_open_files_left: None) -> None:
    api.put()
    got, head = api.get(), api("HEAD", "objects/a")
    body(got)
    assert head.status_code == 200
    assert head.content == b""
    assert {name: head[name] for name in ("ETag", "Content-Length", "Content-Type")} == {
        name: got[name] for name in ("ETag", "Content-Length", "Content-Type")
    }
    assert api("HEAD", "objects/missing").status_code == 404


def test_an_empty_object_is_an_object(api: Api) -> None:
    assert api.put(data=b"", CONTENT_LENGTH="0").status_code in {201, 411}
    response = api.client.put(f"{api.base}/objects/empty", b"", content_type="text/plain", CONTENT_LENGTH="0")
    assert response.status_code == 201
    assert body(api.get("empty")) == b""


def test_an_older_version_is_read_by_its_number(api: Api) -> None:
    api.put(data=b"one")
    api.put(data=b"two")
    assert body(api.get("a?version=1")) == b"one"
    assert_refused(api.get("a?version=3"), 404)
    for bad in ("0", "-1", "x", "1.0", "", "9" * 40, "%00", "\u0661"):
        assert_refused(api.get(f"a?version={bad}"), 400)


def test_no_content_type_of_its_own_is_stored_as_bytes(api: Api) -> None:
    for sent in ["", "application/x-www-form-urlencoded"]:
        assert api.put(content_type=sent).json()["content_type"] == "application/octet-stream"


# ---- ranges


def test_one_range_is_answered_by_itself(api: Api) -> None:
    api.put()
    for asked, start, stop in [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, 256_000),
        ("bytes=65535-65536", 65_535, 65_537),
        ("bytes=-10", 255_990, 256_000),
        ("bytes=-999999999", 0, 256_000),
        ("bytes=255999-999999999999", 255_999, 256_000),
        ("BYTES=5-9", 5, 10),
    ]:
        response = api.get(Range=asked)
        assert response.status_code == 206
        assert response["Content-Range"] == f"bytes {start}-{stop - 1}/256000"
        assert response["Content-Length"] == str(stop - start)
        assert body(response) == CONTENT[start:stop]


def test_a_range_behind_the_end_is_416_and_says_the_size(api: Api) -> None:
    api.put()
    for asked in ["bytes=256000-", "bytes=999999999-", "bytes=-0"]:
        response = api.get(Range=asked)
        assert_refused(response, 416, "range-not-satisfiable")
        assert response["Content-Range"] == "bytes */256000"


def test_any_other_range_is_the_whole(api: Api) -> None:
    api.put()
    for asked in [
        "bytes=0-1,5-6",
        "lines=1-2",
        "bytes=",
        "bytes=-",
        "bytes=9-5",
        "bytes=a-b",
        "x",
        "bytes=1-2-3",
        "bytes=" + "9" * 30 + "-",
    ]:
        response = api.get(Range=asked)
        assert response.status_code == 200
        assert body(response) == CONTENT


def test_if_range_gives_the_part_only_of_what_was_seen(api: Api) -> None:
    api.put()
    same, other = api.get(Range="bytes=0-1", If_Range=ETAG), api.get(Range="bytes=0-1", If_Range='"other"')
    assert (same.status_code, other.status_code) == (206, 200)
    assert (len(body(same)), len(body(other))) == (2, 256_000)


# ---- preconditions


def test_what_the_caller_has_is_not_sent_again(api: Api) -> None:
    api.put()
    for tags in [ETAG, f'"x", {ETAG}', f"W/{ETAG}", "*"]:
        response = api.get(If_None_Match=tags)
        assert response.status_code == 304
        assert response["ETag"] == ETAG
        assert response.content == b""


def test_if_match_that_does_not_hold_is_412(api: Api) -> None:
    api.put()
    for tags in ['"x"', f"W/{ETAG}", ""]:
        assert_refused(api.get(If_Match=tags), 412, "precondition-failed")
        assert_refused(api.put(If_Match=tags), 412)
        assert_refused(api("DELETE", "objects/a", If_Match=tags), 412)
        assert body(api.get()) == CONTENT


def test_if_match_that_holds_writes_and_deletes(api: Api) -> None:
    api.put()
    second = api.put(data=b"2", If_Match=f'"other", {ETAG}')
    assert second.status_code == 200
    assert api("DELETE", "objects/a", If_Match=second["ETag"]).status_code == 204


def test_if_none_match_star_makes_only_what_is_new(api: Api) -> None:
    assert api.put(If_None_Match="*").status_code == 201
    assert_refused(api.put(If_None_Match="*"), 412)


def test_malformed_tags_are_400(api: Api) -> None:
    api.put()
    for tags in ["abc", '"open', "a,b", '""x', "W/x"]:
        assert_refused(api.put(If_Match=tags), 400)
        assert_refused(api.get(If_None_Match=tags), 400)


# ---- bodies that are not what they say


def raw_put(api: Api, **environ: Any) -> Any:
    """A request as a server hands it on, whatever the client library would have made of it."""
    return api.client.generic("PUT", f"{api.base}/objects/a", b"", "text/plain", **environ)


def test_without_a_length_it_is_411(api: Api) -> None:
    assert_refused(raw_put(api, **{"wsgi.input": BytesIO(b"x")}), 411, "length-required")
    chunked = raw_put(api, **{"wsgi.input": BytesIO(b"x"), "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "1"})
    assert_refused(chunked, 411)
    assert_nothing_is_there(api.place)


def test_a_malformed_length_is_400(api: Api) -> None:
    for length in ["x", "-1", "1.5", "+1", "9" * 30, "\u0661", " "]:
        assert_refused(raw_put(api, **{"wsgi.input": BytesIO(b"x"), "CONTENT_LENGTH": length}), 400)
        assert_nothing_is_there(api.place)


def test_a_body_that_ends_early_is_400_and_leaves_nothing(api: Api) -> None:
    assert_refused(raw_put(api, **{"wsgi.input": BytesIO(b"x" * 100_000), "CONTENT_LENGTH": "100001"}), 400, "body-cut")
    assert_nothing_is_there(api.place)


def test_a_connection_that_breaks_is_400_and_leaves_nothing(api: Api) -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ConnectionResetError

    assert_refused(raw_put(api, **{"wsgi.input": Broken(), "CONTENT_LENGTH": "5"}), 400, "body-cut")
    assert_nothing_is_there(api.place)


def test_bytes_behind_the_announced_length_are_not_read(api: Api) -> None:
    source = BytesIO(b"12345GET / HTTP/1.1")
    assert raw_put(api, **{"wsgi.input": source, "CONTENT_LENGTH": "5"}).status_code == 201
    assert source.read() == b"GET / HTTP/1.1"
    assert body(api.get()) == b"12345"


def test_a_length_over_the_limit_is_413_before_a_byte_is_read(api: Api, settings: Any) -> None:
    settings.MAX_OBJECT_SIZE = 10
    source = BytesIO(b"x" * 11)
    assert_refused(raw_put(api, **{"wsgi.input": source, "CONTENT_LENGTH": "11"}), 413, "object-too-large")
    assert source.tell() == 0


def test_another_digest_is_400_and_leaves_nothing(api: Api) -> None:
    for headers in [
        {"X_Content_SHA256": "0" * 64},
        {"Content_Digest": f"sha-256=:{b64encode(bytes(32)).decode()}:"},
    ]:
        assert_refused(api.put(**headers), 400, "wrong-digest")
        assert_nothing_is_there(api.place)


def test_the_right_digest_is_stored(api: Api) -> None:
    said = f"sha-512=:AAAA:, sha-256=:{b64encode(bytes.fromhex(SHA256)).decode()}:"
    assert api.put(Content_Digest=said, X_Content_SHA256=SHA256.upper()).status_code == 201


def test_malformed_headers_are_400_and_leave_nothing(api: Api) -> None:
    for headers in [
        {"X_Content_SHA256": "xyz"},
        {"X_Content_SHA256": "0" * 63},
        {"Content_Digest": "sha-256=:AAAA:"},
        {"Content_Digest": "sha-256=:A:"},
        {"X_Content_SHA256": SHA256, "Content_Digest": f"sha-256=:{b64encode(bytes(32)).decode()}:"},
        {"Content_Range": "bytes 0-1/2"},
    ]:
        assert_refused(api.put(**headers), 400)
        assert_nothing_is_there(api.place)


def test_a_body_of_no_usable_type_is_refused(api: Api) -> None:
    for kind, status in [
        ("multipart/form-data; boundary=x", 415),
        ("text", 400),
        ("text/plain\u00e9", 400),
        ("a/" + "b" * 300, 400),
        ('text/plain; x="\\"', 400),
    ]:
        assert_refused(api.put(content_type=kind), status)
        assert_nothing_is_there(api.place)


def test_a_compressed_body_is_refused(api: Api) -> None:
    assert_refused(api.put(Content_Encoding="gzip"), 415)
    assert api.put(Content_Encoding="identity").status_code == 201


# ---- hostile paths


def test_a_hostile_path_is_400_for_every_verb(api: Api) -> None:
    for verb in ["PUT", "GET", "HEAD", "DELETE"]:
        for path in [
            "../a",
            "a/../../b",
            "%2e%2e/a",
            "a%2F..%2Fb",
            "%252e%252e/a",
            "a%252fb",
            "a%25252fb",
            "/etc/passwd",
            "a//b",
            "a/",
            "a%00b",
            "a%09b",
            "%c0%ae%c0%ae/a",
            "%ff",
            "C:/a",
            "C%3A/a",
            "a%5cb",
            "con",
            "aux.txt",
            "a.",
            "a%20",
            "x" * 1100,
            "a/" * 40 + "a",
            "%e2%80%ae",
            "%ed%a0%80",
        ]:
            response = api(verb, f"objects/{path}", b"x" if verb == "PUT" else b"")
            assert response.status_code == 400, (verb, path)
            assert_nothing_is_there(api.place)


def test_an_address_with_a_line_break_leads_nowhere(api: Api) -> None:
    assert_refused(api.put("a%0ab"), 404)
    assert_nothing_is_there(api.place)


def test_a_slash_sent_encoded_is_a_slash(api: Api) -> None:
    assert api.put("claims%2Fa").json()["path"] == "claims/a"
    assert body(api.get("claims/a")) == CONTENT


def test_the_local_only_class_is_409_and_nothing_is_kept(api: Api) -> None:
    for path in [".env", ".aws/credentials", "x/.git/config", "%2egit/config", "id_rsa"]:
        response = api.put(path)
        assert_refused(response, 409, "local-only-path")
        assert "stay on your machine" in response.json()["detail"]
        assert_nothing_is_there(api.place)


# ---- who


def test_without_a_key_it_is_401(api: Api) -> None:
    for verb in ("PUT", "GET", "HEAD", "DELETE"):
        assert Client().generic(verb, f"{api.base}/objects/a", b"x").status_code == 401


def test_a_scope_that_is_missing_is_403(place: Place) -> None:
    reader = Api(place, make_api_key(place, scopes=frozenset({Permission.OBJECTS_READ})))
    assert_refused(reader.put(), 403)
    assert_refused(reader("DELETE", "objects/a"), 403)
    writer = Api(place, make_api_key(place, scopes=frozenset({Permission.OBJECTS_WRITE})))
    assert writer.put().status_code == 201
    assert_refused(writer.get(), 403)
    assert_nothing_more = writer.json("GET", "objects")
    assert assert_nothing_more.status_code == 403


def test_another_organization_and_another_environment_are_as_nothing(api: Api, place: Place) -> None:
    api.put()
    stranger = make_place()
    other = Api(stranger, make_api_key(stranger))
    for verb in ("PUT", "GET", "HEAD", "DELETE"):
        assert other.client.generic(verb, f"{api.base}/objects/a", b"x").status_code == 404
    assert_refused(other.get(), 404)
    test = Api(place, make_api_key(place, environment_id=place.test_id))
    test.base = f"/v1/environments/{place.test_id}"
    assert_refused(test.get(), 404)


# ---- lists, history, restoring


def test_lists_go_on_by_cursor_and_show_folders_first(api: Api) -> None:
    for path in ("b", "a/x", "a/y", "c/z"):
        api.put(path, b"1")
    first = api.json("GET", "objects?delimiter=/&limit=2").json()
    assert [(item["kind"], item["path"], item["objects"]) for item in first["items"]] == [
        ("folder", "a/", 2),
        ("folder", "c/", 1),
    ]
    rest = api.json("GET", f"objects?delimiter=/&limit=2&cursor={first['next_cursor']}").json()
    assert [item["path"] for item in rest["items"]] == ["b"]
    assert rest["next_cursor"] is None
    assert [item["path"] for item in api.json("GET", "objects?prefix=a/").json()["items"]] == ["a/x", "a/y"]


def test_a_malformed_list_is_400(api: Api) -> None:
    for query in [
        "delimiter=x",
        "limit=0",
        "limit=201",
        "cursor=AAAA",
        "prefix=%00",
        "prefix=../",
        "cursor=" + "A" * 9000,
    ]:
        assert_refused(api.json("GET", f"objects?{query}"), 400)


def test_history_is_listed_newest_first(api: Api) -> None:
    for content in (b"1", b"2", b"3"):
        api.put(data=content)
    first = api.json("GET", "object-versions?path=a&limit=2").json()
    assert [item["version"] for item in first["items"]] == [3, 2]
    rest = api.json("GET", f"object-versions?path=a&limit=2&cursor={first['next_cursor']}").json()
    assert [item["version"] for item in rest["items"]] == [1]
    assert_refused(api.json("GET", "object-versions?path=b"), 404)
    for bad in (
        "object-versions",
        "object-versions?path=",
        "object-versions?path=%00",
        "object-versions?path=a&cursor=eA",
    ):
        assert_refused(api.json("GET", bad), 400)


def test_a_deleted_object_is_listed_and_restored(api: Api) -> None:
    api.put(data=b"1")
    assert api("DELETE", "objects/a").status_code == 204
    assert_refused(api("DELETE", "objects/a"), 404)
    assert_refused(api.get(), 404)
    assert [item["path"] for item in api.json("GET", "deleted-objects").json()["items"]] == ["a"]
    restored = api.json("POST", "object-restores", {"path": "a"})
    assert (restored.status_code, restored.json()["version"]) == (201, 1)
    assert body(api.get()) == b"1"
    assert_refused(api.json("POST", "object-restores", {"path": "a"}), 409, "not-deleted")


def test_a_malformed_restore_is_400(api: Api) -> None:
    api.put()
    for sent in [
        None,
        [],
        {},
        {"path": "a", "version": 0},
        {"path": "a", "version": "x"},
        {"path": "a", "version": 2**31},
        {"path": "a", "more": 1},
        {"path": "a\x00"},
        {"path": "../a"},
        {"path": None},
        {"path": "x" * 5000},
        {"path": "\ud800"},
    ]:
        assert api.json("POST", "object-restores", sent).status_code == 400, sent


def test_other_verbs_are_405(api: Api) -> None:
    for verb in ["POST", "PATCH", "TRACE"]:
        assert api(verb, "objects/a").status_code == 405
