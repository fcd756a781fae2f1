"""What the operator sees of organizations: states, counts, ages and times. Never content, nor what anything is called.

Each room has a function in the database that answers for a whole page of organizations at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from audit import selectors as trail
from audit.selectors import ChainStatus, Filters
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db import lookups
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from jobs import selectors as jobs
from tenants import selectors as tenants
from tenants.selectors import OrganizationLine

PAGE = 25
# How far objects and files of one organization are counted: for a page of them, and for the page of one. Beyond it
# stands "more than". At 25 organizations a page that is half a million index entries, about a tenth of a second.
COUNTED_IN_LIST, COUNTED_ALONE = 20_000, 1_000_000
YEAR = timedelta(days=365)
PROVISION = "tenants.provision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One organization. `health` is ready, provisioning, failed, shut, broken, suspended or closed.

    `key_since` is when the newest version of its key was made. `more` says that counting stopped at a bound.
    """

    line: OrganizationLine
    health: str
    objects: int
    stored_bytes: int
    more: bool
    key_state: str
    key_version: int | None
    key_since: datetime | None
    key_deleted_at: datetime | None
    last_at: datetime | None
    events: int

    @property
    def key_age(self) -> int | None:
        """In days."""
        return (now() - self.key_since).days if self.key_since else None

    @property
    def renewed_on(self) -> date | None:
        """When the key is rotated by itself, as long as it can be used."""
        return (self.key_since + YEAR).date() if self.key_since and self.key_state == "ENABLED" else None


def list_organizations(
    actor: Actor, *, words: str = "", state: str = "", before: UUID | None = None, limit: int = PAGE
) -> list[Health]:
    """A page of them, newest first, in a number of questions that does not grow with it."""
    lines = tenants.list_for_operator(actor, words=words, state=state, before=before, limit=limit)
    return _with_health(actor, lines, COUNTED_IN_LIST)


def get_organization(actor: Actor, organization_id: UUID) -> Health:
    """One of them, counted further. Raises NotFound."""
    return _with_health(actor, [tenants.get_for_operator(actor, organization_id)], COUNTED_ALONE)[0]


def _with_health(actor: Actor, lines: Sequence[OrganizationLine], bound: int) -> list[Health]:
    gate.require(actor, Permission.OPERATOR_ORGANIZATIONS)
    ids = [line.id for line in lines]
    sizes = _by_organization("vault_sizes", ids, bound + 1)
    keys = _by_organization("keys_ages", ids)
    last = _by_organization("audit_last_events", ids)
    failed = _failed(actor) if any(line.state == "PROVISIONING" for line in lines) else set()
    known = {line.id: sizes[line.id] | keys.get(line.id, {}) | last.get(line.id, {}) for line in lines}
    return [_health(line, known[line.id], bound, failed=line.id in failed) for line in lines]


def _by_organization(function: str, ids: list[UUID], *more: Any) -> dict[UUID, dict[str, Any]]:
    return {row["organization_id"]: row for row in lookups.call(function, ids, *more)}


def _failed(actor: Actor) -> set[UUID]:
    """Whose provisioning has given up."""
    return {job.organization_id for job in jobs.list_for_operator(actor, state="DEAD", kind=PROVISION, limit=1000)}


def _health(line: OrganizationLine, known: dict[str, Any], bound: int, *, failed: bool) -> Health:
    health = line.state.lower()
    if health == "provisioning" and failed:
        health = "failed"
    if health == "ready" and known.get("broken"):
        health = "broken"
    if health == "ready" and known.get("key_state") != "ENABLED":
        health = "shut"
    return Health(
        line=line,
        health=health,
        objects=min(known["objects"], bound),
        stored_bytes=known["bytes"],
        more=max(known["objects"], known["files"]) > bound,
        key_state=known.get("key_state", ""),
        key_version=known.get("version"),
        key_since=known.get("since"),
        key_deleted_at=known.get("delete_at"),
        last_at=known.get("last_at"),
        events=known.get("events", 0),
    )


# ---- the deployment's own trail


def trail_reader(actor: Actor) -> Actor:
    """The operator, reading and checking the deployment's own trail and no other."""
    gate.require(actor, Permission.OPERATOR_ORGANIZATIONS)
    may = frozenset({Permission.AUDIT_READ, Permission.AUDIT_VERIFY})
    return replace(actor, organization_id=PLATFORM_ID, environment_id=PLATFORM_ID, permissions=may)


def list_trail(actor: Actor, *, tag: str = "", before: int | None = None, limit: int = 50) -> Sequence[Any]:
    """The deployment's events, newest first; up to limit + 1."""
    reader = trail_reader(actor)
    with tenant(PLATFORM_ID):
        return trail.list_events(reader, Filters(tag=tag), before=before, limit=limit)


def get_trail_event(actor: Actor, index: int) -> Any:
    """One of them. Raises NotFound."""
    reader = trail_reader(actor)
    with tenant(PLATFORM_ID):
        return trail.get_event_at(reader, index)


def trail_status(actor: Actor) -> tuple[ChainStatus, list[str]]:
    """Whether the deployment's chain is whole, and the tags in it."""
    reader = trail_reader(actor)
    with tenant(PLATFORM_ID):
        return trail.chain_status(reader), trail.list_tags(reader)
