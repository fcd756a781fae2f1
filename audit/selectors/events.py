"""Reads of events and requests, for people and integrators."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate

from audit.models import AccessEntry, AuditEvent, ChainHead, ChainVerification, LogHead, PersonEvent
from audit.selectors.altered import shown
from audit.tags import Log, PersonTag, Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db import lookups
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from hq.lib.errors import NotFound
from hq.lib.ids import earliest_id

SOON = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the explorer was asked for; every field narrows. Times are aware."""

    tag: str = ""
    actor_id: UUID | None = None
    ip: str = ""
    request_id: str = ""
    target_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    outcome: str = ""


def _scope(actor: Actor) -> Q:
    return Q(organization_id=actor.organization_id, environment_id=actor.environment_id)


def _common(filters: Filters) -> Q:
    condition = Q()
    if filters.actor_id:
        condition &= Q(actor_id=filters.actor_id)
    if filters.ip:
        condition &= Q(ip=filters.ip)
    if filters.request_id:
        condition &= Q(request_id=filters.request_id)
    if filters.since:
        condition &= Q(at__gte=filters.since)
    if filters.until:
        condition &= Q(at__lt=filters.until)
    return condition


def _events(actor: Actor, filters: Filters) -> Q:
    condition = _scope(actor) & _common(filters)
    if filters.tag:
        condition &= Q(tag=filters.tag)
    if filters.target_id:
        condition &= Q(target_id=filters.target_id)
    return condition


def list_events(actor: Actor, filters: Filters, *, before: int | None, limit: int) -> Sequence[AuditEvent]:
    """Newest first; up to limit + 1, so that the caller knows whether there is more. `before` is an index."""
    gate.require(actor, Permission.AUDIT_READ)
    rows = AuditEvent.objects.filter(_events(actor, filters))
    if before is not None:
        rows = rows.filter(_older(actor, before))
    return shown(list(rows.order_by("-at", "-index")[: limit + 1]))


def _older(actor: Actor, index: int) -> Q:
    """What comes after an event in a list of the newest first: every filter has an index by time and place."""
    at = AuditEvent.objects.filter(_scope(actor), index=index).values_list("at", flat=True).first()
    if at is None:  # nobody was shown it
        return Q(index__lt=index)
    return Q(at__lte=at) & (Q(at__lt=at) | Q(index__lt=index))


def count_events(actor: Actor, filters: Filters) -> int:
    """How many events the filters leave."""
    gate.require(actor, Permission.AUDIT_READ)
    return AuditEvent.objects.filter(_events(actor, filters)).count()


def get_event_at(actor: Actor, index: int) -> AuditEvent:
    """The event at a place of the chain, from 1. Raises NotFound."""
    gate.require(actor, Permission.AUDIT_READ)
    event = AuditEvent.objects.filter(_scope(actor), index=index).order_by("pk").first()
    if event is None:
        raise NotFound
    return shown([event])[0]


def names_of(actor: Actor, ids: Iterable[UUID], newest: int = 10_000) -> dict[UUID, str]:
    """What each was called at their newest event here, among so many; who left none is not there.

    Raises KeyUnavailable.
    """
    gate.require(actor, Permission.AUDIT_READ)
    looked_at = AuditEvent.objects.filter(_scope(actor)).order_by("-index").values("pk")[:newest]
    rows = AuditEvent.objects.filter(pk__in=looked_at, actor_id__in=set(ids))
    newest_each = shown(list(rows.order_by("actor_id", "-index").distinct("actor_id")))
    return {event.actor_id: event.actor_label for event in newest_each}


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """What is known of the chain now: `state` is verified, broken or waiting."""

    state: str
    length: int
    verified_at: datetime | None
    verified_length: int
    first_bad: int | None
    reason: str


def home_of(organization_id: UUID) -> UUID:
    """Whose chain holds what happens to a whole organization, for jobs that nobody's actor runs. Raises NotFound.

    That is where its making stands, among the first events; the deployment's own acts stand under its own id.
    """
    if organization_id == PLATFORM_ID:
        return PLATFORM_ID
    events = AuditEvent.objects.filter(organization_id=organization_id, index__lte=20, tag=Tag.ORGANIZATION_CREATED)
    home: UUID | None = events.values_list("environment_id", flat=True).first()
    if home is None:
        raise NotFound
    return home


def place_of(organization_id: UUID, environment_id: UUID, *, tag: Tag, target_id: UUID) -> tuple[int, bytes]:
    """Where an act stands in its chain, and its hash, for a statement about it. The caller has asked for the right.

    The first of this tag on this target. Raises NotFound.
    """
    rows = AuditEvent.objects.filter(organization_id=organization_id, environment_id=environment_id)
    found = rows.filter(tag=tag, target_id=str(target_id)).order_by("index").values_list("index", "hash").first()
    if found is None:
        raise NotFound
    return found[0], bytes(found[1])


def heads_of(organization_id: UUID) -> list[ChainHead]:
    """How far each chain of an organization goes, for a statement that is to be found in it."""
    return list(ChainHead.objects.filter(organization_id=organization_id).order_by("environment_id"))


def page_chains(
    organization_id: UUID, *, after: tuple[UUID, int] | None, actor_id: UUID | None, limit: int
) -> Sequence[AuditEvent]:
    """An organization's chains one after the other, in their order, for an export; or one actor's events in them.

    `after` is an environment and an index in its chain. The caller has asked whether it may be read.
    """
    rows = AuditEvent.objects.filter(organization_id=organization_id)
    if actor_id is not None:
        rows = rows.filter(actor_id=actor_id)
    if after is not None:
        environment_id, index = after
        rows = rows.filter(Q(environment_id=environment_id, index__gt=index) | Q(environment_id__gt=environment_id))
    return list(rows.order_by("environment_id", "index")[:limit])


def chain_status(actor: Actor, log: Log = Log.ADMIN) -> ChainStatus:
    """For the foot of every page; anyone in the organization may know whether the trail is whole."""
    if log is Log.ADMIN:
        length = ChainHead.objects.filter(_scope(actor)).values_list("length", flat=True).first() or 0
    else:
        length = LogHead.objects.filter(_scope(actor), log=log).values_list("size", flat=True).first() or 0
    # One of a time to come - the clock was ahead, or somebody wrote it - hides none that is made now.
    checks = ChainVerification.objects.filter(_scope(actor), log=log, at__lt=now() + SOON)
    last = checks.order_by("-at").first()
    if last is None:
        return ChainStatus("waiting", length, None, 0, None, "")
    state = "verified" if last.first_bad is None else "broken"
    return ChainStatus(state, length, last.at, last.length, last.first_bad, last.reason)


@dataclass(frozen=True, slots=True)
class Day:
    """One bar of the activity chart."""

    date: dt.date
    events: int
    refused: int
    verified: bool | None  # None: there was nothing yet to verify


def activity(actor: Actor, days: int = 90) -> list[Day]:
    """Events, refused requests and verifications for each of the last days, oldest first, without gaps."""
    gate.require(actor, Permission.AUDIT_READ)
    today = now().date()
    first = today - timedelta(days=days - 1)

    def counted(rows: QuerySet[Any]) -> dict[date, int]:
        counts = rows.filter(at__date__gte=first).annotate(on=TruncDate("at")).values("on").annotate(n=Count("pk"))
        return {row["on"]: row["n"] for row in counts}

    events = counted(AuditEvent.objects.filter(_scope(actor)))
    # One day more than is counted: an id is made a moment before the time beside it is taken.
    recent = AccessEntry.objects.filter(_scope(actor), pk__gte=earliest_id(now() - timedelta(days=days + 1)))
    refused = counted(recent.filter(status__gte=400))
    verified = counted(ChainVerification.objects.filter(_scope(actor), log=Log.ADMIN, first_bad__isnull=True))
    dates = [first + timedelta(days=offset) for offset in range(days)]
    begun = AuditEvent.objects.filter(_scope(actor), index=1).values_list("at__date", flat=True).first() or today
    return [
        Day(
            on,
            events.get(on, 0),
            refused.get(on, 0),
            (on in verified) if begun <= on < today or on in verified else None,
        )
        for on in dates
    ]


def find_unverified(before: datetime) -> list[dict[str, Any]]:
    """Logs with entries that were last verified before a time, or never: organization, environment and log of each."""
    return lookups.call("audit_find_due", before)


def page_person_events(
    person_id: UUID, *, tags: Iterable[PersonTag] | None, before: UUID | None, limit: int
) -> Sequence[PersonEvent]:
    """A person's own log, newest first (ids are time-ordered); up to limit + 1.

    The caller passes nobody's id but the person's own.
    """
    rows = PersonEvent.objects.filter(person_id=person_id)
    if tags is not None:
        rows = rows.filter(tag__in=list(tags))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[: limit + 1])


_NEWEST = """
    SELECT p.id, e.id FROM unnest(%s::uuid[]) AS p (id)
    CROSS JOIN LATERAL (
        SELECT a.id FROM audit_personevent a WHERE a.person_id = p.id ORDER BY a.at DESC LIMIT 1
    ) e
"""


def newest_of_people(people: Sequence[UUID]) -> dict[UUID, UUID]:
    """The last event in each person's own log, for whoever tells them of it; one who has none is not there."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [list(people)])
        return dict(cursor.fetchall())
