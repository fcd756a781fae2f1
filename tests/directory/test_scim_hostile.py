"""What no directory should send: it is answered in SCIM's own shape, and nothing of it is kept."""

import json
from threading import Barrier, Thread
from time import perf_counter

import pytest
from django.db import connection, connections

from directory.models import ScimGroup, ScimOperation, ScimUser
from hq.authz.roles import Role
from hq.db.context import tenant
from keys import actions as keys
from keys.models import Cmk
from tenants.models import Membership
from tests.directory.scim_support import BULK, ENTERPRISE, GROUP, PATCH, SCIM, USER, Directory
from tests.factories import make_member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def directory():
    return Directory()


def refuse(answer, *statuses):
    assert answer.status_code in statuses, (answer.status_code, answer.content)
    assert answer["Content-Type"] == SCIM
    assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert answer.json()["status"] == str(answer.status_code)


def test_bodies_that_are_no_resources_are_refused(directory):
    mail = directory.address("eve")
    for body in (
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe\x00",
        b'{"userName": "' + b"\\ud800" + b'"}',
        b'{"schemas": ["%s"], "userName": "%s\\u0000"}' % (USER.encode(), mail.encode()),
        b'{"schemas": ["%s"], "userName": "%s", "title": "a\\u0000b"}' % (USER.encode(), mail.encode()),
        b'{"schemas": ["%s"], "userName": "%s", "a\\u0000b": 1}' % (USER.encode(), mail.encode()),
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ):
        refuse(directory.send("POST", "Users", body), 400)
    for said in (
        {"userName": 7},
        {"userName": None},
        {"userName": ""},
        {"userName": ["x"]},
        {"userName": mail, "active": "perhaps"},
        {"userName": mail, "emails": "text"},
        {"userName": mail, "emails": [{"value": {"deep": 1}}]},
        {"userName": mail, "name": [1]},
        {"schemas": "text", "userName": mail},
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "x"},
        {"userName": mail, ENTERPRISE: "text"},
        {"userName": mail, "title": "x" * 40_000},
        {"userName": "x" * 400, "emails": [{"value": mail}]},
        {"userName": mail, "emails": [{"value": f"{number}@{directory.domain}"} for number in range(21)]},
        {"userName": f"eve@evil.example@{directory.domain}"},
        {"userName": f"еve@{directory.domain}"},
        {"userName": f'"e v e"@{directory.domain}'},
    ):
        refuse(directory.send("POST", "Users", said), 400)
    for said in (
        {"displayName": ""},
        {"displayName": "x" * 121},
        {"displayName": "a\nb"},
        {"displayName": "x", "members": [{"value": None}]},
        {"displayName": "x", "members": {"value": "x"}},
        {"displayName": "x", "externalId": "x" * 400},
    ):
        refuse(directory.send("POST", "Groups", {"schemas": [GROUP]} | said), 400)
    with tenant(directory.place.id):
        assert not ScimUser.objects.exists()
        assert not ScimGroup.objects.exists()
        assert Membership.objects.count() == 1


def test_filters_and_paths_that_are_huge_deep_or_like_code_are_refused_at_once(directory):
    made = directory.user("ada")
    search = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}
    began = perf_counter()
    for asked in (
        "(" * 2_000 + "userName pr" + ")" * 2_000,
        "not (" * 100 + "userName pr" + ")" * 100,
        'userName eq "' + "a" * 5_000 + '"',
        "(" * 100_000,
        " or ".join(["userName pr"] * 5_000),
        "userName eq",
        'userName eq "x"; DROP TABLE directory_scimuser',
        "userName pr\0",
        'userName.nothing eq "x"',
        'nothing eq "x"',
        'active gt "x"',
        "userName eq 7",
        'emails[type eq "work"',
    ):
        answer = directory.send("POST", "Users/.search", search | {"filter": asked})
        refuse(answer, 400)
    for path in ("members[" * 500, "a." * 499, 'ims[display eq "' + "x" * 1_000 + '"].value', "\0"):
        refuse(directory.patch(f"Users/{made['id']}", {"op": "replace", "path": path, "value": "x"}), 400)
    many = [{"op": "replace", "path": "title", "value": "x"}] * 1_001
    refuse(directory.patch(f"Users/{made['id']}", *many), 400)
    assert perf_counter() - began < 10
    assert directory.names('userName co "(a+)+$"') == []
    assert directory.names('userName eq "%"') == []
    assert directory.send("GET", f"Users/{made['id']}").json() == made


def test_patches_that_would_change_what_is_not_theirs_are_refused(directory):
    made = directory.user("ada")
    for operation in (
        {"op": "replace", "path": "id", "value": "x"},
        {"op": "remove", "path": "userName"},
        {"op": "replace", "path": "meta.version", "value": "x"},
        {"op": "steal", "path": "title"},
        {"op": "remove"},
        {"path": "title", "value": "x"},
        {"op": "add", "path": "title"},
        {"op": ["add"], "path": "title", "value": "x"},
        {"op": "add", "path": {"a": 1}, "value": "x"},
        {"op": "replace", "path": "active", "value": "perhaps"},
    ):
        refuse(directory.patch(f"Users/{made['id']}", operation), 400)
    refuse(directory.send("PATCH", f"Users/{made['id']}", {"schemas": [PATCH], "Operations": []}), 400)
    refuse(directory.send("PATCH", f"Users/{made['id']}", {"Operations": "x"}), 400)
    assert directory.send("GET", f"Users/{made['id']}").json() == made


def test_addresses_that_are_none_are_not_there(directory):
    for path in ("Users/%00", "Users/..%2f..", "Users/ü", f"Users/{'x' * 3_000}", "Users/a/b", "%ff%fe"):
        refuse(directory.send("GET", path), 404)
    for query in ("startIndex=x", "count=1e9", "sortBy=nothing", "sortOrder=sideways", "filter=%ff"):
        refuse(directory.send("GET", f"Users?{query}"), 400)


def test_numbers_and_times_at_the_end_of_the_world_are_answered(directory):
    directory.user("ada")
    for query in (f"startIndex={10**30}", f"count={10**30}", f"startIndex=-{10**30}", "count=-1"):
        assert directory.send("GET", f"Users?{query}").status_code == 200, query
    for moment in ("9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00-14:00", "0001-01-01T00:00:00", "2026-02-30"):
        for kind in ("lastModified", "created"):
            asked = {"filter": f'meta.{kind} gt "{moment}"'}
            assert directory.send("POST", "Users/.search", asked).status_code in {200, 400}, moment


def test_halves_of_characters_are_answered_and_written_down(directory):
    made = directory.user("ada")
    half = chr(92) + "ud800"  # as JSON spells it, inside of a filter that is a text of JSON itself
    for asked in ('userName eq "{}"', 'externalId eq "{}"', 'active eq "{}"', 'title co "{}"', 'nothing eq "{}"'):
        answer = directory.send("POST", "Users/.search", {"filter": asked.format(half)})
        assert answer.status_code in {200, 400}, asked
    for path in ('emails[type eq "{}"].value', 'addresses[locality eq "{}"].country', 'ims[display eq "{}"].value'):
        operation = {"op": "replace", "path": path.format(half), "value": "x"}
        refuse(directory.patch(f"Users/{made['id']}", operation), 400)
    refuse(directory.send("GET", "%00%ff/x"), 404)
    assert directory.send("GET", f"Users/{made['id']}").json() == made
    with tenant(directory.place.id):
        assert ScimOperation.objects.filter(resource="", status=404).exists()


def test_bulk_operations_that_are_none_fail_one_by_one(directory):
    circle = {"displayName": "a", "members": [{"value": "bulkId:b"}]}
    operations = [
        {"method": "POST", "path": "/Groups", "bulkId": "a", "data": circle},
        {"method": "POST", "path": "/Groups", "bulkId": "b", "data": circle | {"members": [{"value": "bulkId:a"}]}},
        {"method": "DELETE", "path": "/Me"},
        {"method": "POST", "path": "/Bulk", "bulkId": "c", "data": {}},
        {"method": "PATCH", "path": "/Users/x", "data": {"Operations": [{"op": "add", "path": "title"}]}},
        {"method": "DELETE", "path": f"/../{directory.place.id}/Users/x"},
    ]
    answer = directory.send("POST", "Bulk", {"schemas": [BULK], "Operations": operations})
    assert answer.status_code in {200, 400}
    assert all(int(each["status"]) >= 400 for each in answer.json().get("Operations", []))
    with tenant(directory.place.id):
        assert not ScimGroup.objects.exists()


def test_a_refusal_says_nothing_of_the_token_and_is_written_down(directory):
    answer = directory.send("POST", "Users", {"userName": directory.token, "password": "secret-word"})
    assert directory.token not in answer.content.decode()
    with tenant(directory.place.id):
        line = ScimOperation.objects.get()
        assert (line.method, line.resource, line.status, line.failed) == ("POST", "Users", 400, True)
        assert "secret-word" not in line.detail


def test_a_fault_of_ours_is_a_500_in_scims_shape_and_keeps_nothing(directory, monkeypatch, caplog):
    def broken(**_):
        raise RuntimeError("of ours")

    monkeypatch.setattr("directory.actions.scim_people.tenants.add_member", broken)
    answer = directory.send("POST", "Users", {"schemas": [USER], "userName": directory.address("ada")})
    refuse(answer, 500)
    assert "of ours" not in answer.content.decode()
    assert "of ours" in caplog.text
    operation = {
        "method": "POST",
        "path": "/Users",
        "bulkId": "a",
        "data": {"schemas": [USER], "userName": directory.address("ada")},
    }
    caplog.clear()
    answer = directory.send("POST", "Bulk", {"schemas": [BULK], "Operations": [operation]})
    assert (answer.json()["Operations"][0]["status"], "of ours" in caplog.text) == ("500", True)
    with tenant(directory.place.id):
        assert not ScimUser.objects.exists()


def test_while_the_organizations_key_cannot_be_used_the_directory_is_asked_to_come_back(directory):
    ada = directory.user("ada")
    owner, place = directory.place.actor(), directory.place
    second = place.actor(Role.ADMIN, make_member(place, Role.ADMIN))
    with tenant(place.id):
        key = Cmk.objects.get(organization_id=place.id).id
    wish = keys.request_destruction(actor=owner, key_id=key, days=30, reason="We leave", erase=True)
    keys.approve_destruction(actor=second, destruction_id=wish.id)
    refuse(directory.send("GET", f"Users/{ada['id']}"), 503)
    refuse(directory.send("DELETE", f"Users/{ada['id']}"), 503)
    keys.cancel_destruction(actor=owner, destruction_id=wish.id)
    assert directory.send("GET", f"Users/{ada['id']}").json() == ada


def together(*acts):
    """Do all at once, each in a thread with a connection of its own."""
    start, answers = Barrier(len(acts)), {}

    def run(number, act):
        try:
            start.wait(timeout=20)
            answers[number] = act()
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return [answers[number] for number in range(len(acts))]


def test_of_two_people_of_one_name_at_once_one_is_made(directory):
    connection.close()
    said = {"schemas": [USER], "userName": directory.address("ada")}
    answers = together(*[lambda: directory.send("POST", "Users", said)] * 4)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    with tenant(directory.place.id):
        assert ScimUser.objects.count() == 1
        assert Membership.objects.count() == 2


def test_changes_of_one_group_side_by_side_are_all_kept(directory):
    people = [directory.user(f"p{number}")["id"] for number in range(4)]
    group = directory.group("Engines")
    connection.close()

    def add(each):
        entry = {"op": "add", "path": "members", "value": [{"value": each}]}
        return lambda: directory.patch(f"Groups/{group['id']}", entry)

    assert [answer.status_code for answer in together(*map(add, people))] == [204] * 4
    read = json.loads(directory.send("GET", f"Groups/{group['id']}").content)
    assert sorted(each["value"] for each in read["members"]) == sorted(people)
