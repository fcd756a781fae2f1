"""The explorer shows events whose key was destroyed: what stands in the clear, and what proves it."""

import pytest

from audit.models import AccessEntry, AuditEvent
from audit.tags import Log
from evidence.actions.checkpoints import make_checkpoint
from hq.db.context import tenant
from keys import rings
from tests.database import as_superuser
from tests.factories import make_place, sign_in
from tests.keys.support import new_data_key

pytestmark = pytest.mark.django_db(transaction=True)


def test_events_and_requests_whose_key_was_destroyed_are_shown_without_their_names() -> None:
    place = make_place()
    sign_in(place.owner).get(f"/o/{place.slug}/live/audit/")
    for log in Log:
        with tenant(place.id):
            make_checkpoint(place.id, place.live_id, log)
    with tenant(place.id):
        line = AccessEntry.objects.filter(environment_id=place.live_id).earliest("pk")
        event = AuditEvent.objects.filter(environment_id=place.live_id).earliest("index")
    new_data_key(place.id, "audit")
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        lost = "UPDATE keys_datakey SET wrapped = NULL, destroyed_at = now() WHERE purpose = 'audit' AND version = 1"
        database.execute(f"{lost} AND organization_id = %s", [place.id])
    rings.forget(place.id)
    client, audit = sign_in(place.owner), f"/o/{place.slug}/live/audit"
    for page in ("/", "/?kind=access", f"/{event.index}", f"/requests/{line.pk}", "/exports"):
        answer = client.get(audit + page)
        assert answer.status_code == 200, page
    assert "Its key was destroyed" in client.get(f"{audit}/{event.index}").content.decode()
    assert "Its key was destroyed" in client.get(f"{audit}/requests/{line.pk}").content.decode()
    assert "Proved by the checkpoint" in client.get(f"{audit}/{event.index}").content.decode()
