"""A request that cannot be written down is not answered, and an act that cannot is not done."""

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import actions
from audit.models import AccessEntry, AuditEvent
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from tests.audit.support import request
from tests.database import as_superuser
from tests.factories import Place, make_api_key, make_place
from tests.web.idempotent import Room, new_key

pytestmark = pytest.mark.django_db(transaction=True)


def forbid(table: str) -> None:
    with as_superuser() as database:
        database.execute(f"REVOKE INSERT ON {table} FROM hq_app")


def put(place: Place, client: Client, secret: str) -> tuple[int, str]:
    response = client.put(
        f"/v1/environments/{place.live_id}/objects/a.txt",
        data=b"content",
        content_type="text/plain",
        headers={"authorization": f"Bearer {secret}"},
    )
    return response.status_code, response.content.decode()


@pytest.mark.parametrize("path", ["/account/login/", "/v1/me", "/nothing-here"])
def test_a_request_whose_line_cannot_be_written_gets_an_error_and_nothing_of_its_answer(path: str) -> None:
    client = Client(raise_request_exception=False)
    told = client.get(path)
    forbid("audit_accessentry")
    refused = client.get(path)
    assert told.status_code < 500 == refused.status_code
    assert told.content not in refused.content
    assert refused["Content-Security-Policy"] == told["Content-Security-Policy"]
    if path.startswith("/v1"):
        assert json.loads(refused.content)["type"].endswith("/not-logged")


def test_an_act_whose_request_cannot_be_written_down_stands_with_its_event_and_its_answer_says_so() -> None:
    place, client = make_place(), Client()
    secret = make_api_key(place)
    forbid("audit_accessentry")
    status, body = put(place, client, secret)
    told = json.loads(body)
    assert (status, told["status"]) == (500, 500)
    assert "may be done" in told["detail"]
    with tenant(place.id):
        assert AuditEvent.objects.filter(tag="object:created").count() == 1


def test_an_act_whose_event_cannot_be_written_is_not_done() -> None:
    place, client = make_place(), Client(raise_request_exception=False)
    secret = make_api_key(place)
    forbid("audit_auditevent")
    assert put(place, client, secret)[0] == 500
    read = client.get(f"/v1/environments/{place.live_id}/objects/a.txt", headers={"authorization": f"Bearer {secret}"})
    assert read.status_code == 404
    with tenant(place.id):
        assert not AuditEvent.objects.filter(tag="object:created").exists()


def test_the_line_commits_to_what_is_sealed_in_it() -> None:
    Client().get("/nothing-here")
    with tenant(PLATFORM_ID):
        line = AccessEntry.objects.get()
        assert line.detail_matches()
        assert line.commitment is not None
        line.detail["user_agent"] = "another"
        assert not line.detail_matches()


def test_a_line_is_one_plain_insert_and_waits_for_nobody() -> None:
    """Whoever holds the heads of all logs holds up no request."""
    place = make_place()
    request(place)
    actions.grow(place.id, place.live_id)
    with as_superuser() as database, database.transaction(), CaptureQueriesContext(connection) as asked:
        database.execute("LOCK audit_chainhead, audit_loghead, audit_tile, audit_accesslink IN ACCESS EXCLUSIVE MODE")
        request(place)
    (line,) = [each["sql"] for each in asked.captured_queries]
    assert "INSERT INTO audit_accessentry" in line


def test_an_act_whose_request_cannot_be_written_down_is_answered_when_it_is_sent_again_and_not_done_twice() -> None:
    room, key = Room(), new_key()
    forbid("audit_accessentry")
    kept_back = room.make_group(key=key)
    with as_superuser() as database:
        database.execute("GRANT INSERT ON audit_accessentry TO hq_app")
    again = room.make_group(key=key)
    assert json.loads(kept_back.content)["type"].endswith("/not-logged")
    assert (again.status_code, again["Idempotency-Replayed"], room.group_names) == (201, "true", ["Readers"])
