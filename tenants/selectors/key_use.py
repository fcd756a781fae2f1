"""What was done with an API key: how often, from where, and what stands of it in the trail and the access log."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from audit import selectors as trail
from audit.selectors import Filters
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.clock import now
from tenants.models import ApiKey, ApiKeyDay, ApiKeyNetwork

LOOKED_AT = 500  # requests, newest first, from which the objects are told


@dataclass(frozen=True, slots=True)
class Day:
    """How often a key was used on one day (UTC), and how often it was refused."""

    date: dt.date
    requests: int
    refused: int


@dataclass(slots=True)
class Touched:
    """A path that a key read or changed: how often among the requests looked at, and when last."""

    path: str
    read: int
    changed: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deeds:
    """What a key did, as the trail and the access log have it; each newest first."""

    acts: Sequence[Any]
    requests: Sequence[Any]
    links: Sequence[Any]
    objects: Sequence[Touched]
    looked_at: int
    more: bool


def list_days(actor: Actor, key_ids: Collection[UUID], days: int) -> dict[UUID, list[Day]]:
    """Each of the last days of each key, oldest first, without gaps."""
    gate.require(actor, Permission.API_KEYS_READ)
    today = now().date()
    dates = [today - timedelta(days=back) for back in reversed(range(days))]
    rows = ApiKeyDay.objects.filter(organization_id=actor.organization_id, key__in=key_ids, on__gte=dates[0])
    counted = {(row.key_id, row.on): row for row in rows}
    return {
        key_id: [
            Day(on, row.requests, row.refused) if (row := counted.get((key_id, on))) else Day(on, 0, 0) for on in dates
        ]
        for key_id in key_ids
    }


def list_networks(actor: Actor, key_id: UUID, limit: int = 50) -> Sequence[ApiKeyNetwork]:
    """Where a key came from, the last used first; up to limit + 1."""
    gate.require(actor, Permission.API_KEYS_READ)
    rows = ApiKeyNetwork.objects.filter(organization_id=actor.organization_id, key=key_id)
    return list(rows.order_by("-last_at", "-pk")[: limit + 1])


def what_key_did(actor: Actor, key: ApiKey, limit: int = 50) -> Deeds:
    """The last acts and requests of a key, the links it made, the objects it touched. Asks for `audit:read`."""
    own = Filters(actor_id=key.id, since=key.created_at)
    acts = trail.list_events(actor, own, before=None, limit=limit)
    links = trail.list_events(
        actor, Filters(actor_id=key.id, since=key.created_at, tag=Tag.SHARE_CREATED), before=None, limit=limit
    )
    requests = trail.list_access(actor, own, before=None, limit=LOOKED_AT)
    return Deeds(
        acts=acts[:limit],
        requests=requests[:limit],
        links=links[:limit],
        objects=_touched(requests[:LOOKED_AT])[:limit],
        looked_at=min(len(requests), LOOKED_AT),
        more=len(requests) > LOOKED_AT,
    )


def _touched(requests: Sequence[Any]) -> list[Touched]:
    """The paths that requests were let to, the last touched first."""
    found: dict[str, Touched] = {}
    for entry in requests:
        path = (entry.detail or {}).get("path") if "/object" in entry.route and entry.status < 400 else None
        if path is None:
            continue
        touched = found.setdefault(path, Touched(path, 0, 0, entry.at))
        if entry.verb in {"GET", "HEAD"}:
            touched.read += 1
        else:
            touched.changed += 1
    return list(found.values())
