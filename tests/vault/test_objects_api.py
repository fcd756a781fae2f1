"""Objects over /v1: raw bytes in and out, as an integrator sends them."""

import hashlib
from base64 import b64encode

from django.test import Client

from hq.authz.permissions import Permission
from tests.factories import Place, make_api_key, make_place
from tests.vault.http import CONTENT, ETAG, SHA256, Api, assert_refused, body

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


# ---- who


def test_without_a_key_it_is_401(api: Api) -> None:
    for verb in ("PUT", "GET", "HEAD", "DELETE"):
        assert Client().generic(verb, f"{api.base}/objects/a", b"x").status_code == 401


def test_a_scope_that_is_missing_is_403(committed_place: Place) -> None:
    place = committed_place
    reader = Api(place, make_api_key(place, scopes=frozenset({Permission.OBJECTS_READ})))
    assert_refused(reader.put(), 403)
    assert_refused(reader("DELETE", "objects/a"), 403)
    writer = Api(place, make_api_key(place, scopes=frozenset({Permission.OBJECTS_WRITE})))
    assert writer.put().status_code == 201
    assert_refused(writer.get(), 403)
    assert_refused(writer.json("GET", "objects"), 403)


def test_another_organization_and_another_environment_are_as_nothing(api: Api) -> None:
    place = api.place
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


def test_metadata_tells_what_reading_would_without_the_bytes(api: Api) -> None:
    api.put(data=b"1")
    api.put(data=b"twelve bytes")
    told = api.json("GET", "object-metadata?path=a")
    assert (told.json()["version"], told.json()["size"]) == (2, 12)
    tag = api("HEAD", "objects/a")["ETag"]
    assert (told["ETag"], told.json()["sha256"]) == (tag, tag.strip('"'))
    assert api.json("GET", "object-metadata?path=a&version=1").json()["size"] == 1
    assert_refused(api.json("GET", "object-metadata?path=b"), 404)
    assert_refused(api.json("GET", "object-metadata"), 400)
    api("DELETE", "objects/a")
    assert_refused(api.json("GET", "object-metadata?path=a"), 404)


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
