"""What is written past the application - by a bulk update, by SQL of the running role or of an owner - is told.

On the tables that say who may do what, a trigger asks at the end of each transaction whether it added to the trail. If
not, it notes each row that was written (retention/migrations/0004_watched.py has the list). Here the notes become
events of the chain: one for each transaction, table and operation. It shows what goes past HQ's own verbs. Whoever may
run SQL and knows the trail could quiet it by an event of their own, and that event then stands in the chain.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from audit import recorder
from audit.recorder import Target
from audit.selectors import home_of
from audit.tags import Tag
from audit.watch_models import Change, ToldChange
from hq.authz.actor import system_actor
from hq.db.context import tenant
from hq.db.lookups import call
from hq.db.models import PLATFORM_ID
from hq.db.sealing import KeyUnavailable
from hq.lib.errors import NotFound

BATCH: Final = 5_000
# How many rows an event names; it says how many there were.
NAMED: Final = 20


def find_changed() -> list[UUID]:
    """The organizations with writes of which the trail does not tell yet."""
    return [row["organization_id"] for row in call("audit_find_changed")]


def tell_changes(organization_id: UUID) -> int:
    """Give the organization's chain its events of them; how many writes they tell of. Twice tells nothing twice.

    Where its key cannot be used any more, the deployment's chain tells it, and names the organization.
    """
    try:
        return _tell(organization_id, organization_id)
    except (KeyUnavailable, NotFound):
        return _tell(organization_id, PLATFORM_ID)


def _tell(organization_id: UUID, trail_id: UUID) -> int:
    with tenant(organization_id):
        with tenant(trail_id):
            home = home_of(trail_id)
            recorder.wait_turn(trail_id, home)
        changes = _untold(organization_id)
        for of in _together(changes):
            event_id = _record(of, trail_id, home)
            ToldChange.objects.bulk_create(
                ToldChange(id=change.id, organization_id=organization_id, event_id=event_id) for change in of
            )
    return len(changes)


def _record(changes: list[Change], trail_id: UUID, home: UUID) -> UUID:
    first = changes[0]
    told = _told(changes)
    if trail_id != first.organization_id:
        told |= {"organization": str(first.organization_id)}
    actor = system_actor(trail_id, home_environment_id=home)
    with tenant(trail_id):
        # The target is the row, if it is one; else the first of them, under the table's name.
        return recorder.record(actor, Tag.DATABASE_CHANGED, target=Target(first.table, first.row_id), after=told).id


def _untold(organization_id: UUID) -> list[Change]:
    rows = Change.objects.filter(organization_id=organization_id)
    told = ToldChange.objects.filter(organization_id=organization_id)
    return list(rows.exclude(id__in=told.values("id")).order_by("xid", "table", "operation", "at")[:BATCH])


def _together(changes: Iterable[Change]) -> list[list[Change]]:
    groups: dict[tuple[int, str, str], list[Change]] = defaultdict(list)
    for change in changes:
        groups[change.xid, change.table, change.operation].append(change)
    return list(groups.values())


def _told(changes: list[Change]) -> dict[str, Any]:
    first = changes[0]
    return {
        "table": first.table,
        "operation": first.operation,
        "rows": len(changes),
        "ids": [str(change.row_id) for change in changes[:NAMED]],
        "columns": sorted({name for change in changes for name in change.columns}),
        "role": first.role,
        "written_at": first.at.isoformat(),
    }
