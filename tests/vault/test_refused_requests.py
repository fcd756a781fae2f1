"""Requests over /v1 that are not what they say: a clear 4xx, and nothing half-written."""

from base64 import b64encode
from io import BytesIO
from typing import Any

from tests.vault.http import CONTENT, SHA256, Api, assert_nothing_is_there, assert_refused, body

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
        assert_refused(api.put("a", b"x", **headers), 400, "wrong-digest")
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
        assert_refused(api.put("a", b"x", **headers), 400)
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


# ---- lists and restoring


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


def test_a_malformed_restore_is_400(api: Api) -> None:
    api.put()
    malformed: list[Any] = [
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
    ]
    for sent in malformed:
        assert api.json("POST", "object-restores", sent).status_code == 400, sent


def test_other_verbs_are_405(api: Api) -> None:
    for verb in ["POST", "PATCH", "TRACE"]:
        assert api(verb, "objects/a").status_code == 405
