"""Share links over /v1, as integrators and recipients use them."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.test import Client

from audit.models import AccessEntry
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.ids import new_id
from sharing import actions
from tests.factories import make_api_key, make_place
from tests.sharing.conftest import FILES, attempts_of, kinds_of, link_of, share

# A refused request undoes the transaction that it is in; here that must be its own.
pytestmark = pytest.mark.django_db(transaction=True)

WORDS = "This link cannot be opened. Ask the person who sent it for a new one."


class Api:
    """A client with a key, below one environment."""

    def __init__(self, place, secret, environment_id=None):
        self.client = Client(headers={"authorization": f"Bearer {secret}"})
        self.base = f"/v1/environments/{environment_id or place.live_id}/shares"

    def make(self, **body):
        return self.client.post(self.base, {"paths": ["claims/method.md"]} | body, content_type="application/json")

    def get(self, path="", **query):
        return self.client.get(self.base + path, query)

    def delete(self, path):
        return self.client.delete(self.base + path)


@pytest.fixture
def api(place):
    return Api(place, make_api_key(place))


def redeem(token):
    return Client().post("/v1/shares/redeem", {"token": token}, content_type="application/json")


def recipient(session_token):
    return Client(headers={"authorization": f"Bearer {session_token}"})


def body_of(response):
    return b"".join(response.streaming_content)


def session(made):
    return recipient(redeem(made.token).json()["session_token"])


def test_it_makes_a_link_and_shows_it_once(api, place):
    answer = api.make(paths=list(FILES), permission="read", ttl_seconds=900, purpose="Q3")
    assert answer.status_code == 201
    made = answer.json()
    assert set(made) == {"id", "url", "token", "expires_at", "permission", "paths", "recipient", "links"}
    assert made["url"].endswith("/s/" + made["token"])
    assert made["paths"] == list(FILES)
    listed = api.get().json()["items"]
    assert [item["id"] for item in listed] == [made["id"]]
    assert made["token"] not in api.get().content.decode() + api.get(f"/{made['id']}").content.decode()


def test_15_minutes_of_reading_is_what_is_given_when_nothing_is_said(api):
    made = api.make().json()
    assert made["permission"] == "read"
    item = api.get(f"/{made['id']}").json()
    assert (item["state"], item["purpose"]) == ("waiting", "")


BAD: list[tuple[dict[str, Any], str | None]] = [
    ({"ttl_seconds": 59}, "/ttl_seconds"),
    ({"ttl_seconds": 604_801}, "/ttl_seconds"),
    ({"ttl_seconds": "soon"}, "/ttl_seconds"),
    ({"ttl_seconds": 1e400}, None),
    ({"permission": "admin"}, "/permission"),
    ({"permission": 1}, "/permission"),
    ({"paths": []}, "/paths"),
    ({"paths": "claims/method.md"}, "/paths"),
    ({"paths": [["a"]]}, "/paths/0"),
    ({"paths": ["claims/none"]}, "/paths/0"),
    ({"paths": ["claims/method.md", "../../etc/passwd"]}, "/paths/1"),
    ({"paths": ["a\0b"]}, "/paths/0"),
    ({"paths": ["\ud800"]}, "/paths/0"),
    ({"paths": ["x"] * 101}, "/paths"),
    ({"purpose": "x" * 201}, "/purpose"),
    ({"purpose": "\ud800"}, "/purpose"),
    ({"purpose": {"a": 1}}, "/purpose"),
    ({"admin": True}, "/admin"),
]


def test_bad_input_is_a_400_that_points_at_it(api, place):
    for body, pointer in BAD:
        answer = api.make(**body)
        assert answer.status_code == 400, body
        assert answer["Content-Type"] == "application/problem+json"
        pointers = [fault["pointer"] for fault in answer.json().get("errors", [])]
        assert pointer is None or pointer in pointers, (body, pointers)
    assert api.get().json()["items"] == []


def test_what_is_no_json_is_a_400_and_a_huge_body_a_413(api):
    answer = api.client.post(api.base, b"{", content_type="application/json")
    assert answer.status_code == 400
    answer = api.client.post(api.base, b'{"paths": ["' + b"x" * 2_000_000, content_type="application/json")
    assert answer.status_code == 413


def test_a_key_without_the_scope_is_refused(place):
    reader = Api(place, make_api_key(place, frozenset({Permission.SHARES_READ, Permission.OBJECTS_READ})))
    assert reader.make().status_code == 403
    assert reader.get().status_code == 200
    made = share(place)
    assert reader.delete(f"/{made.link.id}").status_code == 403
    blind = Api(place, make_api_key(place, frozenset({Permission.OBJECTS_READ})))
    assert blind.get().status_code == 403
    assert blind.get(f"/{made.link.id}").status_code == 403


def test_another_tenant_s_and_another_environment_s_links_look_like_none(api, place):
    made, other = share(place), make_place()
    theirs = Api(other, make_api_key(other))
    in_test = Api(place, make_api_key(place, environment_id=place.test_id), place.test_id)
    nothing = api.get(f"/{new_id()}")
    for someone in (theirs, in_test):
        answer = someone.get(f"/{made.link.id}")
        assert answer.status_code == nothing.status_code == 404
        assert answer.json()["detail"] == nothing.json()["detail"]
        assert someone.delete(f"/{made.link.id}").status_code == 404
        assert someone.get().json()["items"] == []
    assert link_of(made).revoked_at is None


def test_the_list_is_paged_newest_first_and_filtered_by_state(api, place):
    made = [share(place, purpose=f"{number}") for number in range(5)]
    redeem(made[0].token)
    first = api.get(limit=2).json()
    assert [item["purpose"] for item in first["items"]] == ["4", "3"]
    second = api.get(limit=2, cursor=first["next_cursor"]).json()
    assert [item["purpose"] for item in second["items"]] == ["2", "1"]
    assert api.get(limit=2, cursor=second["next_cursor"]).json()["next_cursor"] is None
    assert [item["purpose"] for item in api.get(state="in_use").json()["items"]] == ["0"]
    assert len(api.get(state="waiting").json()["items"]) == 4
    assert api.get(state="other").status_code == 400
    assert api.get(cursor="x" * 50).status_code == 400


@pytest.mark.parametrize("state", ["waiting", "in_use", "spent", "expired", "revoked"])
def test_the_filter_and_the_state_of_a_link_are_one_rule(api, place, earlier, state):
    if state in {"spent", "expired"}:
        earlier(timedelta(minutes=20))
    made = share(place, seconds=60 if state == "expired" else 3600)
    if state in {"in_use", "spent"}:
        redeem(made.token)
    if state == "revoked":
        api.delete(f"/{made.link.id}")
    assert link_of(made).state == state
    for other in ("waiting", "in_use", "spent", "expired", "revoked"):
        assert len(api.get(state=other).json()["items"]) == (other == state)


def test_it_is_revoked_by_delete_and_a_second_delete_is_a_conflict(api, place):
    made = share(place)
    assert api.delete(f"/{made.link.id}").status_code == 204
    assert api.delete(f"/{made.link.id}").status_code == 409
    assert redeem(made.token).status_code == 404


def test_its_life_tells_who_tried(api, place):
    made = share(place)
    redeem(made.token)
    redeem(made.token)
    life = api.get(f"/{made.link.id}").json()
    assert [(item["kind"], item["reason"]) for item in life["attempts"]] == [("refused", "spent"), ("opened", "")]
    assert life["state"] == "in_use"
    assert life["opened_ip"] == "127.0.0.1"


def test_redeeming_needs_the_token_and_nothing_else(place):
    made = share(place)
    answer = redeem(made.token)
    assert answer.status_code == 200
    assert set(answer.json()) == {"session_token", "paths", "permission", "expires_at"}
    assert answer["Cache-Control"] == "no-store"


def test_every_refusal_of_a_token_is_the_same_answer(place, earlier):
    spent, revoked = share(place), share(place)
    redeem(spent.token)
    with tenant(place.id):
        actions.revoke_share(actor=place.actor(), share_id=revoked.link.id)
    earlier(timedelta(minutes=5))
    expired = share(place, seconds=60)
    tampered = spent.token[:50] + ("A" if spent.token[50] != "A" else "B") + spent.token[51:]
    tokens = [spent.token, revoked.token, expired.token, tampered, "hqs_", "x", "hqs_" + "A" * 8000]
    answers = [redeem(token) for token in tokens]
    assert {answer.status_code for answer in answers} == {404}
    bodies = [answer.json() | {"instance": ""} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["detail"] == WORDS
    assert {tuple(sorted(set(answer.headers) - {"X-Request-Id"})) for answer in answers} == {
        tuple(sorted(set(answers[0].headers) - {"X-Request-Id"}))
    }


def test_a_redemption_without_a_readable_token_is_a_400(db):
    body: Any
    for body in ({}, {"token": None}, {"token": ""}, {"token": []}, {"token": "a\0"}, {"token": "x" * 9000}, []):
        answer = Client().post("/v1/shares/redeem", body, content_type="application/json")
        assert answer.status_code == 400, body


def test_the_session_reads_its_files_whole_in_part_and_only_their_head(place):
    made = share(place)
    client = session(made)
    content = FILES["claims/register.csv"]
    whole = client.get("/v1/shared/objects/claims/register.csv")
    assert body_of(whole) == content
    assert whole["ETag"] == f'"{sha256(content).hexdigest()}"'
    part = client.get("/v1/shared/objects/claims/register.csv", headers={"range": "bytes=0-4"})
    assert (part.status_code, body_of(part)) == (206, content[:5])
    head = client.head("/v1/shared/objects/claims/register.csv")
    assert (head["Content-Length"], head.content) == (str(len(content)), b"")
    assert (
        client.get("/v1/shared/objects/claims/register.csv", headers={"if-none-match": whole["ETag"]}).status_code
        == 304
    )


def test_only_bytes_that_leave_are_kept_as_downloads(place):
    made = share(place)
    client = session(made)
    body_of(client.get("/v1/shared/objects/claims/register.csv"))
    client.head("/v1/shared/objects/claims/register.csv")
    client.get("/v1/shared/objects/other")
    (_, downloaded) = attempts_of(made)
    assert (downloaded.kind, downloaded.path, downloaded.size) == ("downloaded", "claims/register.csv", 19)


def test_it_lists_what_it_gives(place):
    made = share(place, "claims/method.md", "inbox/answer.pdf", permission="write")
    listed = session(made).get("/v1/shared/objects").json()
    assert listed["items"] == [
        {"path": "claims/method.md", "size": 9, "sha256": sha256(FILES["claims/method.md"]).hexdigest()},
        {"path": "inbox/answer.pdf", "size": None, "sha256": None},
    ]


OUTSIDE = [
    "claims/method.md",
    "claims",
    "claims/",
    "claims/register.csv/x",
    "CLAIMS/register.csv",
    "claims/%2e%2e/claims/method.md",
]


def test_whatever_it_is_not_pinned_to_is_not_there(place):
    client = session(share(place, "claims/register.csv", permission="write"))
    for path in OUTSIDE:
        for answer in (client.get(f"/v1/shared/objects/{path}"), client.put(f"/v1/shared/objects/{path}", b"x")):
            assert answer.status_code in {400, 404}, path


def test_a_read_session_cannot_write(place):
    made = share(place)
    answer = session(made).put("/v1/shared/objects/claims/method.md", b"mine", content_type="text/plain")
    assert answer.status_code == 403
    assert "uploaded" not in kinds_of(made)


def test_a_write_session_replaces_and_makes_its_paths(place):
    made = share(place, "claims/method.md", "inbox/answer.txt", permission="write")
    client = session(made)
    replaced = client.put("/v1/shared/objects/claims/method.md", b"# Better\n", content_type="text/markdown")
    created = client.put("/v1/shared/objects/inbox/answer.txt", b"42", content_type="text/plain")
    assert (replaced.status_code, created.status_code) == (200, 201)
    assert created.json() == {"path": "inbox/answer.txt", "size": 2, "sha256": sha256(b"42").hexdigest()}
    assert body_of(client.get("/v1/shared/objects/claims/method.md")) == b"# Better\n"
    assert kinds_of(made) == ["opened", "uploaded", "uploaded", "downloaded"]


def test_a_recipient_cannot_overwrite_what_changed_meanwhile(place):
    client = session(share(place, "claims/method.md", permission="write"))
    answer = client.put("/v1/shared/objects/claims/method.md", b"x", headers={"if-match": f'"{"0" * 64}"'})
    assert answer.status_code == 412


def test_without_a_session_there_is_a_401(db):
    for header in ("", "Bearer", "Bearer ", "Basic x", "Bearer hqt_nothing", "Bearer \x00"):
        client = Client(headers={"authorization": header} if header else {})
        for path in ("/v1/shared/objects", "/v1/shared/objects/claims/method.md"):
            answer = client.get(path)
            assert answer.status_code == 401, header
            assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_session_stops_at_once_when_its_link_is_revoked(api, place):
    made = share(place)
    client = session(made)
    assert client.get("/v1/shared/objects").status_code == 200
    api.delete(f"/{made.link.id}")
    assert client.get("/v1/shared/objects").status_code == 401
    assert client.get("/v1/shared/objects/claims/method.md").status_code == 401


def test_a_session_is_no_key_and_a_key_no_session(api, place):
    made = share(place)
    token = redeem(made.token).json()["session_token"]
    assert Client(headers={"authorization": f"Bearer {token}"}).get(api.base).status_code == 401
    assert api.client.get("/v1/shared/objects").status_code == 401


def test_the_access_log_knows_the_recipient_and_never_a_token(place):
    made = share(place)
    token = redeem(made.token).json()["session_token"]
    redeem(made.token)
    recipient(token).get("/v1/shared/objects/claims/method.md")
    with tenant(place.id):
        rows = list(AccessEntry.objects.filter(actor_kind="link"))
        assert {row.route for row in rows} == {"v1/shares/redeem", "v1/shared/objects/<path:path>"}
        assert all(row.actor_id == made.link.id for row in rows)
        written = str([(row.route, row.detail) for row in rows])
    with tenant(PLATFORM_ID):
        written += str([(row.route, row.detail) for row in AccessEntry.objects.all()])
    assert token not in written
    assert made.token not in written
