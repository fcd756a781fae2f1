"""What is sent of an event, to whom, and that it is sent exactly if the act is committed."""

import contextlib
import json
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import recorder
from audit.models import AuditEvent
from audit.recorder import Target
from audit.tags import Tag
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.canonical import canonical
from hq.lib.ids import new_id
from jobs.models import Job
from tenants import actions as tenancy
from tests.factories import Place, make_place
from tests.webhooks.support import deliveries, hook
from webhooks.models import Delivery, Endpoint, Message

pytestmark = pytest.mark.django_db
URL = "https://receiver.example/hook"


def happen(
    place: Place, tag: Tag = Tag.OBJECT_DELETED, *, environment_id: UUID | None = None, **named: Any
) -> AuditEvent:
    with tenant(place.id):
        return recorder.record(
            place.actor(environment_id=environment_id), tag, target=Target("object", new_id(), "a/b"), **named
        )


def sent(place: Place, made: Any) -> list[str]:
    """The types of what is on its way to it, without its own making."""
    return [delivery.tag for delivery in deliveries(place, made) if delivery.tag != "webhook:created"]


def test_each_gets_what_it_asked_for(place: Place) -> None:
    one, both, every = (
        hook(place, URL, *events) for events in (["object:deleted"], ["object:deleted", "key:rotated"], ["*"])
    )
    happen(place, Tag.OBJECT_DELETED)
    happen(place, Tag.KEY_ROTATED)
    happen(place, Tag.SHARE_OPENED)
    assert sent(place, one) == ["object:deleted"]
    assert sent(place, both) == ["object:deleted", "key:rotated"]
    assert sent(place, every) == ["object:deleted", "key:rotated", "share:opened"]


def test_one_event_is_one_message_to_all(place: Place) -> None:
    made = [hook(place, URL, "object:deleted") for _ in range(2)]
    happen(place)
    [first], [second] = (deliveries(place, each) for each in made)
    assert first.message_id == second.message_id
    with tenant(place.id):
        keys = set(Job.objects.filter(kind="webhooks.deliver").values_list("key", flat=True))
    assert {str(first.id), str(second.id)} <= keys


def test_it_stays_in_its_environment_and_what_concerns_the_organization_goes_to_live(place: Place) -> None:
    live, test = hook(place, URL), hook(place, URL, environment_id=place.test_id)
    happen(place, Tag.OBJECT_DELETED, environment_id=place.test_id)
    happen(place, Tag.MEMBER_REMOVED, environment_id=place.test_id)
    happen(place, Tag.OBJECT_DELETED)
    assert sent(place, live) == ["member:removed", "object:deleted"]
    assert sent(place, test) == ["object:deleted"]


def test_another_organization_hears_nothing(place: Place) -> None:
    stranger = make_place()
    made = hook(stranger, URL)
    happen(place)
    assert sent(stranger, made) == []
    assert deliveries(place) == []


def test_it_says_what_the_api_shows_of_the_event(place: Place) -> None:
    made = hook(place, URL, "object:deleted")
    event = happen(place, before={"size": 3, "name": "Zoë"}, reason="no longer needed")
    [delivery] = deliveries(place, made)
    with tenant(place.id):
        key = tenancy.create_api_key(actor=place.actor(), name="k", scopes=frozenset({Permission.AUDIT_READ})).secret
    answer = Client().get(
        f"/v1/environments/{place.live_id}/audit/events?tag=object:deleted", headers={"authorization": f"Bearer {key}"}
    )
    [shown] = answer.json()["items"]
    assert json.loads(delivery.message.body) == {"type": "object:deleted", "timestamp": shown["at"], "data": shown}
    assert delivery.message.body.encode() == canonical(json.loads(delivery.message.body))
    assert (delivery.message.event_id, delivery.at) == (event.id, event.at)


@pytest.mark.parametrize(("size", "cut"), [(15_000, False), (25_000, True)])
def test_a_large_one_leaves_out_what_changed(place: Place, size: int, cut: bool) -> None:
    made = hook(place, URL, "object:deleted")
    happen(place, before={"note": "x" * size}, after={"note": ""}, reason="why")
    [delivery] = deliveries(place, made)
    data = json.loads(delivery.message.body)["data"]
    assert ("before" in data, "after" in data, data.get("truncated")) == ((not cut), (not cut), cut or None)
    assert data["reason"] == "why"
    assert len(delivery.message.body) < 20_000


def test_what_is_undone_is_told_to_nobody(place: Place) -> None:
    made = hook(place, URL)
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        happen(place)
        assert sent(place, made) == ["object:deleted"]
        _ = 1 / 0
    assert sent(place, made) == []
    with tenant(place.id):
        assert not Message.objects.filter(tag="object:deleted").exists()
        assert (
            not Job.objects.filter(kind="webhooks.deliver")
            .exclude(key__in=[str(each.id) for each in deliveries(place)])
            .exists()
        )


def test_where_nobody_listens_nobody_is_asked(place: Place) -> None:
    happen(place)
    with CaptureQueriesContext(connection) as asked:
        happen(place)
    assert [each["sql"] for each in asked if "webhooks_" in each["sql"]] == []


@pytest.mark.parametrize("acts_before", [0, 1])
def test_whoever_writes_an_endpoint_is_heard_from_then_on(place: Place, acts_before: int) -> None:
    for _ in range(acts_before):
        happen(place, environment_id=place.test_id)
    with tenant(place.id):
        endpoint = Endpoint.objects.create(
            organization_id=place.id,
            environment_id=place.test_id,
            created_by_id=place.owner.pk,
            name="Past the application",
            url=URL,
            events=["*"],
        )
    happen(place, environment_id=place.test_id)
    happen(place)
    with tenant(place.id):
        assert Delivery.objects.filter(endpoint_id=endpoint.id).count() == 1


def test_the_database_holds_none_of_it_in_the_clear(place: Place) -> None:
    made = hook(place, f"{URL}?token=sesame")
    happen(place, reason="the-secret-reason")
    with tenant(place.id), connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(encode(url, 'escape'), '') FROM webhooks_endpoint")
        assert "receiver" not in cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(encode(body, 'escape'), '') FROM webhooks_message")
        assert "secret-reason" not in cursor.fetchone()[0]
        cursor.execute(
            "SELECT string_agg(encode(\"symmetric\", 'escape') || encode(private, 'escape'), '') FROM webhooks_secret"
        )
        kept = cursor.fetchone()[0]
    assert made.secret not in kept
    assert "whsk_" not in kept


def test_a_disabled_one_is_sent_nothing(place: Place) -> None:
    made = hook(place, URL)
    with tenant(place.id):
        type(made.endpoint).objects.update(
            state="DISABLED", disabled_at=made.endpoint.created_at, disabled_reason="GONE"
        )
    happen(place)
    assert sent(place, made) == []
    with tenant(place.id):
        assert Delivery.objects.filter(tag="object:deleted").count() == 0
