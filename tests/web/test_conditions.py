"""Entity tags over /v1: what is known already is not sent again, and nobody's change is lost."""

import json
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest
from django.db import connection
from django.test import Client

from hq.authz.permissions import Permission
from hq.db.context import tenant
from tenants import actions
from tenants.models import Group
from tests.factories import make_api_key, make_place
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)


class Room:
    """An organization, a key of it, and one group."""

    def __init__(self):
        self.place = make_place()
        self.key = make_api_key(self.place)
        with tenant(self.place.id):
            self.group = actions.create_group(actor=self.place.actor(), name="First").id
        self.groups = f"/v1/organizations/{self.place.id}/groups"
        self.url = f"{self.groups}/{self.group}"

    def __call__(self, verb, url, body=None, key=None, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["authorization"] = f"Bearer {key or self.key}"
        data = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return getattr(Client(), verb)(url, headers=sent, **data)

    def rename(self, name, **headers):
        return self("patch", self.url, {"name": name}, **headers)


@pytest.fixture
def room():
    return Room()


def test_a_list_and_a_thing_are_not_sent_again_to_who_has_them(room):
    for url in (room.groups, room.url, "/v1/me", f"/v1/environments/{room.place.live_id}/audit/events"):
        first = room("get", url)
        tag = first["ETag"]
        assert tag.startswith('"')
        assert len(tag) == 34
        again = room("get", url, if_none_match=f'"other", W/{tag}')
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
        assert "Content-Type" not in again
        assert room("head", url)["ETag"] == tag


def test_it_is_sent_anew_once_it_has_changed(room):
    tag = room("get", room.url)["ETag"]
    assert room.rename("Second").status_code == 200
    again = room("get", room.url, if_none_match=tag)
    assert (again.status_code, json.loads(again.content)["name"]) == (200, "Second")
    assert again["ETag"] != tag


def test_the_description_of_the_api_has_a_tag_too(client):
    tag = client.get("/v1/openapi.json")["ETag"]
    assert client.get("/v1/openapi.json", headers={"if-none-match": tag}).status_code == 304
    assert client.get("/v1/openapi.json", headers={"if-none-match": "broken"}).status_code == 400


def test_a_change_that_names_what_is_there_happens_and_one_that_names_another_does_not(room):
    tag = room("get", room.url)["ETag"]
    assert room.rename("Second", if_match=tag).status_code == 200
    late = room.rename("Third", if_match=tag)
    assert (late.status_code, json.loads(late.content)["status"]) == (412, 412)
    assert room("delete", room.url, if_match=tag).status_code == 412
    assert json.loads(room("get", room.url).content)["name"] == "Second"
    assert room.rename("Third", if_match="*").status_code == 200
    assert room("delete", room.url, if_match=room("get", room.url)["ETag"]).status_code == 204


def test_a_weak_tag_changes_nothing(room):
    tag = room("get", room.url)["ETag"]
    assert room.rename("Second", if_match=f"W/{tag}").status_code == 412


def test_a_get_that_names_another_state_is_refused(room):
    tag = room("get", room.url)["ETag"]
    assert room("get", room.url, if_match=tag).status_code == 200
    refused = room("get", room.url, if_match='"other"')
    assert (refused.status_code, refused["Content-Type"]) == (412, "application/problem+json")
    assert room("get", room.url, if_match="broken").status_code == 400


def test_nothing_is_there_to_be_matched(room):
    gone = f"{room.groups}/{room.place.id}"
    assert room("patch", gone, {"name": "x"}, if_match="*").status_code == 404


def test_where_there_is_no_tag_the_condition_is_refused_and_not_passed_over(room):
    refused = room("post", room.groups, {"name": "Other"}, if_match='"any"')
    assert (refused.status_code, json.loads(refused.content)["type"].rpartition("/")[2]) == (400, "no-tag-here")
    assert room("post", f"/v1/environments/{room.place.live_id}/object-restores", {}, if_match="*").status_code == 400


def test_who_may_not_read_it_learns_nothing_by_asking_for_a_match(room):
    blind = make_api_key(room.place, frozenset({Permission.ACCESS_CHANGE}))
    tag = room("get", room.url)["ETag"]
    assert room.rename("Second", key=blind, if_match=tag).status_code == 403
    assert room.rename("Second", key=blind, if_match='"other"').status_code == 403
    assert room.rename("Second", key=blind).status_code == 200


def test_objects_keep_their_own_tags(room):
    vault.put_object(actor=room.place.actor(), path="a/b", chunks=[b"one"])
    url = f"/v1/environments/{room.place.live_id}/objects/a/b"
    assert len(room("get", url)["ETag"]) == 66
    assert room("delete", url, if_match='"other"').status_code == 412


def wait_for(count):
    """Until so many connections wait for a lock."""
    deadline = monotonic() + 20
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0] >= count:
                return
            assert monotonic() < deadline, "nobody waits"


def test_of_several_who_change_the_same_state_at_once_one_does(room):
    tag = room("get", room.url)["ETag"]

    def change(number):
        try:
            return room.rename(f"Name {number}", if_match=tag).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        with tenant(room.place.id):
            # Whoever has compared stops here, at the row, until all of them have begun.
            Group.objects.select_for_update().get(id=room.group)
            changes = [threads.submit(change, number) for number in range(4)]
            wait_for(4)
        assert sorted(change.result() for change in changes) == [200, 412, 412, 412]
