"""Cursors are positions that nobody signs: whatever is sent as one, nothing of another organization is shown by it."""

import json
from base64 import urlsafe_b64encode

import pytest
from django.test import Client

from hq.authz.levels import Level
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.web import docs
from sharing import actions as sharing
from signing.actions.bulk import send_batch
from tenants import actions
from tenants.models import Membership
from tests.factories import make_member
from tests.world import World
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)
# Lists that are asked about something.
QUERIES = {"list_object_versions": "path=a/b", "explain_access": "path=a/b", "list_objects": "prefix="}


def encoded(position: str | bytes) -> str:
    raw = position if isinstance(position, bytes) else position.encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


GARBAGE = [
    "!",
    "A",
    "AAAA",
    "====",
    "%00",
    "a" * 5000,
    *(
        encoded(position)
        for position in (
            "0",
            "-1",
            "1.5",
            "²",
            "9" * 30,
            "9" * 5000,
            "null",
            "\0",
            "a\0b",
            "00000000-0000-0000-0000-000000000000",
            "00000000-0000-0000-0000-000000000000:\0",
            "00000000-0000-0000-0000-000000000000:" + "z" * 5000,
            "9999-12-31T23:59:59Z",
            "2026-11-22T00:00:00Z|00000000-0000-0000-0000-000000000000",
            "../../etc/passwd",
            "'; DROP TABLE tenants_group; --",
            b"\xff\xfe",
            b"\xed\xa0\x80",
        )
    ),
]


def fill(world: World) -> None:
    """A second of most things, so that most lists have a second page."""
    owner = world.place.actor()
    for path in ("a/b", "a/c", "a/d", "a/e"):
        vault.put_object(actor=owner, path=path, chunks=[path.encode()])
    for path in ("a/d", "a/e"):
        vault.delete_object(actor=owner, path=path)
    other = make_member(world.place, Role.ANALYST)
    with tenant(world.place.id):
        sharing.create_share(actor=owner, paths=["a/b"])
        actions.invite_member(actor=owner, email="second@example.com", role=Role.ANALYST)
        second = actions.create_group(actor=owner, name="Second").id
        member = Membership.objects.get(user=other).id
        actions.put_in_group(actor=owner, group_id=world.group, membership_ids=[member])
        actions.create_service_account(actor=owner, name="Second")
        actions.give_access(actor=owner, prefix="d/", level=Level.READ, group_id=second)
        send_batch(actor=owner, batch_id=world.batch)


def lists():
    """Every operation with a cursor that takes a key: its id and the route of its path."""
    for path, operations in docs.schema()["paths"].items():
        names = {parameter["name"] for parameter in operations.get("get", {}).get("parameters", [])}
        if "cursor" in names and operations["get"].get("security") != [{"shareSession": []}]:
            route = path.lstrip("/")
            for kind in ("environment_id", "organization_id"):
                route = route.replace(f"{{{kind}}}", f"<uuid:{kind}>")
            yield operations["get"]["operationId"], route.replace("{id}", "<uuid:id>")


def ask(world: World, operation: str, route: str, **query: str):
    more = "&".join([f"{name}={value}" for name, value in query.items()] + [QUERIES.get(operation, "")])
    return Client().get(f"{world.url(route)}?{more}", headers={"authorization": f"Bearer {world.secret}"})


def test_a_cursor_of_another_organization_shows_nothing_of_it():
    theirs, ours = World("Theirs"), World("Ours")
    fill(theirs)
    empty = set()
    for operation, route in lists():
        first = ask(theirs, operation, route, limit="1")
        assert first.status_code in {200, 404}, (operation, first.content)
        found = json.loads(first.content).get("items", [])
        rows = json.loads(ask(theirs, operation, route).content).get("items", [])
        if not found:
            empty.add(operation)
            continue
        known = {row["id"] for row in rows if "id" in row}
        cursors = {encoded(identifier) for identifier in known} | {json.loads(first.content)["next_cursor"]} - {None}
        for cursor in cursors:
            answer = ask(ours, operation, route, cursor=cursor)
            assert answer.status_code in {200, 400}, (operation, cursor, answer.content)
            shown = answer.content.decode()
            assert not [identifier for identifier in known if identifier in shown], operation
            assert str(theirs.place.id) not in shown
    of_work = {"list_audit_checkpoints", "list_stream_batches", "list_webhook_deliveries", "list_workload_exchanges"}
    assert empty <= of_work | {"list_webhooks", "list_workload_trusts"}


def test_a_cursor_that_is_refused_is_pointed_at():
    answer = ask(
        World(), "list_audit_events", "v1/environments/<uuid:environment_id>/audit/events", cursor=encoded("x")
    )
    assert answer.json()["errors"] == [{"pointer": "/cursor", "detail": "Use next_cursor as it was given."}]


def test_what_is_no_cursor_is_refused_or_a_place_where_nothing_comes_after():
    world = World()
    for operation, route in lists():
        for cursor in GARBAGE:
            answer = ask(world, operation, route, cursor=cursor)
            assert answer.status_code in {200, 400, 404}, (operation, cursor, answer.content)
            if answer.status_code == 404:
                assert ask(world, operation, route).status_code == 404, (operation, cursor)
