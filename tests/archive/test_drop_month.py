"""A month of the trail goes for good by its operator's command: archived, read back, and held by nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from archive.models import Month
from audit import months, recorder
from audit.actions import verify_chain
from audit.models import AccessEntry, AccessLink, AuditEvent
from audit.tags import Log
from hq.db.context import tenant
from hq.lib.clock import now
from jobs import actions as jobs
from retention.actions.holds import lift_hold, place_hold
from tests.archive import support
from tests.database import as_superuser
from tests.factories import Place

pytestmark = pytest.mark.django_db(transaction=True)
LATER = datetime(2040, 1, 1, tzinfo=UTC)


@contextmanager
def owner() -> Iterator[None]:
    """What runs in here runs as the owner, as an operator's command does; the database is thrown away afterwards."""
    as_superuser().close()
    settings = connections["default"].settings_dict
    connection.close()
    running, settings["USER"] = settings["USER"], "hq_owner"
    try:
        yield
    finally:
        connection.close()
        settings["USER"] = running


def archive(place: Place) -> None:
    """Everything that is there, and read back."""
    support.grow(place)
    support.write(place)
    for log in Log:
        jobs.enqueue(
            "archive.verify",
            organization_id=place.id,
            payload={"environment_id": str(place.live_id), "log": str(log), "month": str(now().date().replace(day=1))},
            key=f"again:{log}:{now()}",
        )
    support.work()


def drop(month: months.Month) -> None:
    with support.at(LATER), owner():
        call_command("drop_month", str(month))


def test_a_month_goes_once_no_hold_stands_and_it_was_archived_and_read_back(
    archived_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, month = archived_place, months.list_months()[0]
    support.act(place, 5)
    with tenant(place.id):
        hold = place_hold(actor=place.actor(), name="Case 7", reason="A claim")
    with pytest.raises(CommandError, match="still kept by 1 organizations"):
        drop(month)
    following = (UUID(int=month.next.begins.int + number) for number in range(1, 100))
    monkeypatch.setattr(recorder, "new_id", lambda: next(following))  # the month after
    with tenant(place.id):
        lift_hold(actor=place.actor(), hold_id=hold.id, reason="It is settled")
    support.grow(place)
    with pytest.raises(CommandError, match="not archived up to"):
        drop(month)
    archive(place)
    drop(month)
    assert months.list_months()[0] == month.next
    with tenant(place.id):
        assert [event.tag for event in AuditEvent.objects.all()] == ["hold:lifted"]
        assert not any(model.objects.exists() for model in (AccessEntry, AccessLink))
        assert {row.dropped_at for row in Month.objects.all()} == {LATER}
        for log in Log:
            found = verify_chain(actor=place.actor(), log=log)
            assert (found.ok, found.reason) == (True, "")
    support.act(place, 1)  # the chain goes on


def test_a_month_that_is_none_is_not_dropped() -> None:
    for wrong in ("2026-13", "2026", "november", "2026-11-02"):
        with pytest.raises(CommandError, match="2026-11"):
            call_command("drop_month", wrong)


def test_the_trails_rooms_are_migrated_back_and_forth_and_a_filled_table_becomes_the_first_month(
    archived_place: Place,
) -> None:
    place = archived_place
    support.act(place, 5)
    support.grow(place)
    with owner():
        for room, until in (("streams", "zero"), ("archive", "zero"), ("evidence", "zero"), ("audit", "0004")):
            call_command("migrate", room, until, verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_auditevent'::regclass")
            assert cursor.fetchone() == (0,)
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE 'audit!_%!_first' ESCAPE '!'")
            assert {name for (name,) in cursor.fetchall()} >= {f"{table}_first" for table in months.TABLES}
    with tenant(place.id):
        assert AuditEvent.objects.filter(environment_id=place.live_id).count() >= 5
        for log in Log:
            found = verify_chain(actor=place.actor(), log=log)
            assert (found.ok, found.reason, found.length > 0) == (True, "", True)
    support.act(place, 1)
