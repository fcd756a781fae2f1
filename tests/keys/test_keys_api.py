"""Keys over /v1: what there is, rotating, how far it is, and the signed end."""

import pytest
from django.test import Client

from hq.authz.permissions import Permission
from hq.crypto import statements
from hq.db.context import tenant
from keys.models import Cmk, SigningKey
from tests.factories import make_api_key, make_place, run_jobs
from tests.keys.support import rotate, settle

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def ask(place):
    secret = make_api_key(place, frozenset({Permission.KEYS_READ, Permission.KEYS_ROTATE, Permission.JOBS_READ}))

    def asked(method, path, body=None):
        send = getattr(Client(), method)
        more = {"data": body, "content_type": "application/json"} if body is not None else {}
        answer = send(f"/v1/environments/{place.live_id}/{path}", headers={"authorization": f"Bearer {secret}"}, **more)
        return answer.status_code, answer.json()

    return asked


def test_the_keys_are_listed_without_their_material(ask):
    status, body = ask("get", "keys")
    assert status == 200
    assert (body["items"][0]["kind"], body["items"][0]["purpose"]) == ("cmk", None)
    assert {item["purpose"] for item in body["items"]} == {
        *(None, "audit", "blind_index", "capability", "content", "metadata"),
    }
    assert not {"wrapped", "fingerprint", "ref"} & set(body["items"][1])


def test_a_rotation_is_accepted_followed_and_ends_with_a_statement(place, ask):
    key = ask("get", "keys")[1]["items"][0]["id"]
    status, body = ask("post", f"keys/{key}/rotate", {"reason": "A laptop was lost"})
    assert (status, body["state"], body["statement_id"]) == (202, "REQUESTED", None)
    assert ask("get", f"jobs/{body['job_id']}")[0] == 200
    run_jobs()
    settle(place.id)
    status, body = ask("get", f"key-rotations/{body['id']}")
    assert (status, body["state"], body["from_version"], body["to_version"]) == (200, "DONE", 1, 2)
    assert ask("get", "key-rotations")[1]["items"][0] == body
    status, file = ask("get", f"key-statements/{body['statement_id']}")
    assert (status, file["statement"]["rows_left"]) == (200, 0)


def test_the_statement_comes_byte_for_byte(place, ask):
    key = ask("get", "keys")[1]["items"][0]["id"]
    ask("post", f"keys/{key}/rotate", {})
    run_jobs()
    rotation = settle(place.id)
    secret = make_api_key(place)
    url = f"/v1/environments/{place.live_id}/key-statements/{rotation.statement_id}"
    raw = Client().get(url, headers={"authorization": f"Bearer {secret}"}).content
    assert statements.open_file(raw, bytes(SigningKey.objects.get().public))["type"] == "hq/key-rotation"


def test_a_second_rotation_is_refused_while_one_is_under_way(ask):
    key = ask("get", "keys")[1]["items"][0]["id"]
    ask("post", f"keys/{key}/rotate", {})
    status, body = ask("post", f"keys/{key}/rotate", {})
    assert (status, body["type"].rpartition("/")[2]) == (409, "rotation-under-way")


def test_it_is_paused_and_goes_on(place, ask):
    key = ask("get", "keys")[1]["items"][0]["id"]
    rotation = ask("post", f"keys/{key}/rotate", {})[1]["id"]
    assert ask("patch", f"key-rotations/{rotation}", {"paused": True})[1]["paused_at"]
    run_jobs()
    assert ask("get", f"key-rotations/{rotation}")[1]["state"] == "REQUESTED"
    assert ask("patch", f"key-rotations/{rotation}", {"paused": False})[1]["paused_at"] is None
    run_jobs()
    assert settle(place.id).state == "DONE"
    assert ask("patch", f"key-rotations/{rotation}", {"paused": True})[0] == 409


def test_another_organizations_keys_rotations_and_statements_are_not_there(place, ask):
    other = make_place()

    ended = rotate(other)
    with tenant(other.id):
        key = Cmk.objects.get().id
    assert ask("post", f"keys/{key}/rotate", {})[0] == 404
    assert ask("get", f"key-rotations/{ended.id}")[0] == 404
    assert ask("patch", f"key-rotations/{ended.id}", {"paused": True})[0] == 404
    assert ask("get", f"key-statements/{ended.statement_id}")[0] == 404
