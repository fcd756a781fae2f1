"""A POST that is sent again under the same key is answered again, and not done again."""

import json

import pytest
from django.db import connection
from django.test import Client

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.db.sealing import Purpose
from tenants import tasks
from tenants.models import Answer, Membership
from tests.factories import make_api_key, make_member, make_place, run_jobs
from tests.web.idempotent import Room, new_key
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def room():
    return Room()


def code(response):
    return json.loads(response.content)["type"].rpartition("/")[2]


def test_the_second_answer_is_the_first_and_nothing_is_done_twice(room):
    key = new_key()
    first, second = room.make_group(key=key), room.make_group(key=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert (first.get("Idempotency-Replayed"), second["Idempotency-Replayed"]) == (None, "true")
    assert room.group_names == ["Readers"]


def test_without_a_key_or_with_another_it_is_done_again(room):
    assert room.make_group(key=new_key()).status_code == 201
    assert code(room.make_group(key=new_key())) == "group-name-taken"
    assert code(room.make_group()) == "group-name-taken"


@pytest.mark.parametrize("change", ["body", "bytes", "query", "path"])
def test_the_same_key_with_another_request_is_refused(room, change):
    key, place = new_key(), room.place
    assert room.make_group(key=key).status_code == 201
    url = {"query": f"{room.groups}?again=1", "path": f"/v1/organizations/{place.id}/service-accounts"}.get(
        change, room.groups
    )
    raw = {"body": b'{"name": "Others"}', "bytes": b'{ "name": "Readers"}'}.get(change)
    refused = room.post(url, {"name": "Readers"}, key, raw=raw)
    assert (refused.status_code, code(refused)) == (422, "idempotency-key-reused")
    assert room.group_names == ["Readers"]


def test_what_was_refused_is_not_kept_and_may_be_tried_again(room):
    key = new_key()
    assert room.make_group(name="", key=key).status_code == 400
    assert room.answers == []
    done = room.make_group(key=key)
    assert (done.status_code, done.get("Idempotency-Replayed")) == (201, None)


@pytest.mark.parametrize("key", ["", " ", "a" * 256, "tab\there", "é"])
def test_a_key_that_is_none_is_refused(room, key):
    headers = {"authorization": f"Bearer {room.secret}", "idempotency-key": key}
    refused = Client().post(room.groups, b'{"name": "x"}', content_type="application/json", headers=headers)
    assert (refused.status_code, code(refused)) == (400, "invalid")
    assert room.group_names == []


def test_the_shortest_and_the_longest_key_are_keys(room):
    for number, key in enumerate(["!", "~" * 255, "a b"]):
        assert [room.make_group(f"Group {number}", key=key).status_code for _ in range(2)] == [201, 201]


def test_another_principal_means_another_request_by_the_same_key(room):
    key = new_key()
    other = make_api_key(room.place)
    assert room.make_group("One", key).status_code == 201
    assert room.make_group("Two", key, secret=other).status_code == 201
    assert room.group_names == ["One", "Two"]


def test_another_organization_means_another_request_by_the_same_key(room):
    key, elsewhere = new_key(), Room(make_place("Elsewhere"))
    assert room.make_group(key=key).status_code == 201
    theirs = elsewhere.make_group(key=key)
    assert (theirs.status_code, theirs.get("Idempotency-Replayed")) == (201, None)
    assert (len(room.answers), len(elsewhere.answers)) == (1, 1)


def test_an_answer_without_a_body_is_repeated_as_one(room):
    group, key = json.loads(room.make_group().content)["id"], new_key()
    make_member(room.place, Role.ANALYST)
    with tenant(room.place.id):
        members = [str(member) for member in Membership.objects.values_list("id", flat=True)]
    answers = [room.post(f"{room.groups}/{group}/members", {"members": members}, key) for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert answers[1]["Idempotency-Replayed"] == "true"


def test_an_object_is_restored_once_and_its_tag_is_repeated(room):
    actor, key = room.place.actor(), new_key()
    vault.put_object(actor=actor, path="a/b", chunks=[b"one"])
    vault.put_object(actor=actor, path="a/b", chunks=[b"two"])
    url = f"/v1/environments/{room.place.live_id}/object-restores"
    first = room.post(url, {"path": "a/b", "version": 1}, key)
    second = room.post(url, {"path": "a/b", "version": 1}, key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert (second["ETag"], json.loads(second.content)["version"]) == (first["ETag"], 3)


def test_where_no_answer_is_kept_a_key_is_refused_and_not_passed_over(room):
    refused = room.post("/v1/shares/redeem", {"token": "hqs_none"}, new_key())
    assert (refused.status_code, code(refused)) == (400, "key-not-taken")


# ---- what is kept


def test_what_is_shown_once_is_shown_once(room):
    body = {"name": "n", "scopes": ["objects:read"]}
    url, key = f"/v1/environments/{room.place.live_id}/api-keys", new_key()
    first, second = room.post(url, body, key), room.post(url, body, key)
    made = json.loads(first.content)
    assert made["api_key"].startswith("hd_live_")
    assert json.loads(second.content) == made | {"api_key": None}
    assert (first.get("Idempotency-Withheld"), second["Idempotency-Withheld"]) == (None, "api_key")
    [(_, kept)] = room.answers
    assert made["api_key"] not in kept


def test_a_kept_answer_is_sealed_and_says_neither_the_key_nor_the_request(room):
    key = new_key()
    room.make_group("Very secret name", key=key)
    with tenant(room.place.id), connection.cursor() as cursor:
        cursor.execute("SELECT a::text, octet_length(body) FROM tenants_answer a")
        [(row, size)] = cursor.fetchall()
    assert size > 0
    assert key not in row
    assert b"Very secret name".hex() not in row
    assert "Very secret name" not in row
    assert Answer._meta.get_field("body").purpose is Purpose.METADATA


def test_a_day_later_the_answer_is_forgotten_and_the_key_means_a_new_request(room):
    key = new_key()
    room.make_group("Old", key=key)
    with tenant(room.place.id):
        Answer.objects.update(at=Answer.objects.get().at - tasks.ANSWERS_KEPT)
    young = new_key()
    room.make_group("Young", key=young)
    tasks.sweep()
    run_jobs()
    assert len(room.answers) == 1
    assert room.make_group("New", key=key).status_code == 201
    assert room.make_group("Young", key=young)["Idempotency-Replayed"] == "true"
