"""Letting time pass for keys, without waiting."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from keys import rings
from keys.models import DataKey, Destruction, Rotation, Statement
from tenants.models import Invitation
from tests.database import as_superuser
from tests.factories import run_jobs

PATIENCE = 60.0  # seconds


def settle(organization_id) -> Rotation:
    """Let the five minutes pass in which old rings may live, then do what is left; the newest rotation."""
    rows = Rotation.objects.filter(organization_id=organization_id)
    give_up_at = time.monotonic() + PATIENCE
    while time.monotonic() < give_up_at:  # the end waits for transactions that had begun, other tests' too
        with tenant(organization_id):
            made = rows.filter(made_at__isnull=False, finished_at=None)
            made.update(made_at=now() - timedelta(seconds=rings.SECONDS + 60))
            Job.objects.filter(organization_id=organization_id, state="QUEUED").update(run_at=now())
        run_jobs()
        with tenant(organization_id):
            newest = rows.select_related("cmk", "from_cmk").latest("id")
        if newest.finished_at is not None:
            return newest
    raise AssertionError("The rotation does not end.")


def rotate(place, reason="") -> Rotation:
    """A whole rotation, by the owner's hand."""
    from keys import actions
    from keys.models import Cmk

    with tenant(place.id):
        cmk = Cmk.objects.get(organization_id=place.id, retired_at=None)
        actions.rotate_key(actor=place.actor(), key_id=cmk.id, reason=reason)
    run_jobs()
    return settle(place.id)


def new_data_key(organization_id, purpose) -> int:
    """Make the next version of one purpose's data keys, as a rotation does, and nothing else; which one it is."""
    from keys import actions
    from keys.models import DataKey

    with tenant(organization_id):
        current = DataKey.objects.filter(organization_id=organization_id, purpose=purpose, retired_at=None)
        current.update(uses=2**40)
        assert actions.renew_data_keys(organization_id)
        [version] = set(current.values_list("version", flat=True))
    rings.forget(organization_id)
    return version


def statement_of(run: Rotation | Destruction) -> Statement:
    """What was signed at the end of it."""
    assert run.statement_id is not None
    with tenant(run.organization_id):
        return Statement.objects.get(id=run.statement_id)


def wrappings(organization_id) -> dict[UUID, bytes]:
    """Every data key as it stands in the database, by its id."""
    with tenant(organization_id):
        rows = DataKey.objects.filter(organization_id=organization_id, destroyed_at=None)
        return {row.id: bytes(row.wrapped or b"") for row in rows}


def sealed_email(invitation_id, organization_id) -> bytes:
    """The address of an invitation as the database holds it."""
    with tenant(organization_id):
        row: Any = Invitation.objects.filter(id=invitation_id).values_list("email", flat=True).get()
    return bytes(row.data)


def plant(organization_id, table: str, **columns: object) -> None:
    """Set what the running role may not: as the administrator of the database, on rows that are committed."""
    changes = ", ".join(f"{name} = %s" for name in columns)
    with as_superuser() as admin:
        admin.execute(f"UPDATE {table} SET {changes} WHERE organization_id = %s", [*columns.values(), organization_id])
