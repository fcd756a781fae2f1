"""Letting time pass for erasures and retention, without waiting: as the database's administrator, on committed rows."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from retention import actions
from retention.models import Erasure, PersonErasure
from tests.database import as_superuser
from tests.factories import Place, run_jobs


def age(table: str, organization_id: UUID, **columns: Any) -> None:
    """Set columns that the running role may not, or may set one way only."""
    changes = ", ".join(f"{name} = %s" for name in columns)
    with as_superuser() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(f"UPDATE {table} SET {changes} WHERE organization_id = %s", [*columns.values(), organization_id])


def ask(place: Place, days: int = 7) -> Erasure:
    """The owner asks for the organization to be erased."""
    with tenant(place.id):
        return actions.request_erasure(actor=place.actor(), days=days, reason="We are done here")


def make_due(organization_id: UUID) -> None:
    """The waiting of its erasures is over."""
    past = now() - timedelta(seconds=1)
    age("retention_erasure", organization_id, due_at=past, looked_at=now())


def make_people_due(organization_id: UUID = PLATFORM_ID) -> None:
    age("retention_personerasure", organization_id, due_at=now() - timedelta(seconds=1))


def work() -> None:
    """What beat and the workers do."""
    actions.find_work()
    run_jobs()


def erasure_of(organization_id: UUID) -> Erasure:
    with tenant(organization_id):
        return Erasure.objects.filter(organization_id=organization_id).latest("id")


def due_of(organization_id: UUID) -> datetime:
    """When what was asked for begins."""
    due = erasure_of(organization_id).due_at
    assert due is not None
    return due


def person_erasure_of(organization_id: UUID = PLATFORM_ID) -> PersonErasure:
    with tenant(organization_id):
        return PersonErasure.objects.filter(organization_id=organization_id).latest("id")
