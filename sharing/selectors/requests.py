"""Reads of upload requests. Those without an actor serve the actions, which look before it is known who asks."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db import lookups
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from hq.lib.errors import NotFound
from sharing.models import RequestState, UploadAttempt, UploadRequest, request_in_state
from sharing.selectors.links import LiesBelow, by_rules

SHOWN = 200


def locate_request(token_digest: bytes) -> UUID:
    """Whose request this is; the platform's own id for none."""
    row = lookups.one("sharing_find_request", token_digest)
    return row["organization_id"] if row else PLATFORM_ID


def list_organizations_due(ended_before: datetime, begun_before: datetime) -> list[UUID]:
    """Organizations with requests that ended before then, or with files on their way for that long."""
    return [row["organization_id"] for row in lookups.call("sharing_find_due", ended_before, begun_before)]


def find_request(organization_id: UUID, **which: object) -> UploadRequest | None:
    """The request with everything that its being valid depends on, in one query."""
    rows = UploadRequest.objects.select_related("organization", "membership__user", "api_key")
    return rows.filter(organization_id=organization_id, **which).first()


def count_uploads(organization_id: UUID, request_id: UUID, kind: str) -> int:
    rows = UploadAttempt.objects.filter(organization_id=organization_id, request_id=request_id, kind=kind)
    return rows.count()


def _requests(actor: Actor, permission: Permission = Permission.SHARES_READ) -> QuerySet[UploadRequest]:
    """Those of the environment whose folder the actor may read, and their own. One who shares by a rule: their own."""
    by_rule = gate.reach(actor, permission) is not None
    rows = UploadRequest.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))
    own = Q(membership_id=actor.principal_id)
    if by_rule:
        return rows.filter(own)
    if not by_rules(actor):
        return rows
    known = gate.reaches(actor, Permission.OBJECTS_READ)
    prefixes = gate.reach(actor, Permission.OBJECTS_READ) if known else ()
    return rows.filter(LiesBelow(list(prefixes or ()), column="folder") | own)


def list_requests(
    actor: Actor, *, state: str = "", before: UUID | None = None, limit: int = 50
) -> Sequence[UploadRequest]:
    """Newest first; up to limit + 1."""
    rows = _requests(actor)
    if state:
        rows = rows.filter(request_in_state(state, now()))
    if before:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[: limit + 1])


def count_request_states(actor: Actor) -> dict[str, int]:
    at = now()
    return _requests(actor).aggregate(
        **{state: Count("pk", filter=request_in_state(state, at)) for state in RequestState.values}
    )


def get_request(actor: Actor, request_id: UUID) -> UploadRequest:
    return _one(_requests(actor), request_id)


def lock_request(actor: Actor, request_id: UUID) -> UploadRequest:
    """For closing it. Raises Denied, NotFound."""
    return _one(_requests(actor, Permission.SHARES_REVOKE).select_for_update(no_key=True), request_id)


def _one(rows: QuerySet[UploadRequest], request_id: UUID) -> UploadRequest:
    found = rows.filter(pk=request_id).first()
    if found is None:
        raise NotFound
    return found


def list_uploads(actor: Actor, request_id: UUID, *, kind: str = "", ip: str = "") -> Sequence[UploadAttempt]:
    """What was done with a request and tried on it, newest first."""
    which = Q(kind=kind) if kind else Q()
    rows = _uploads(actor, request_id).filter(which & (Q(ip=ip) if ip else Q()))
    return list(rows.order_by("-at", "-pk")[:SHOWN])


def count_upload_kinds(actor: Actor, request_id: UUID) -> dict[str, int]:
    counts = dict.fromkeys(UploadAttempt.Kind.values, 0)
    return counts | dict(_uploads(actor, request_id).order_by("kind").values_list("kind").annotate(Count("pk")))


def list_upload_addresses(actor: Actor, request_id: UUID) -> list[str]:
    rows = _uploads(actor, request_id).filter(ip__isnull=False)
    return [str(ip) for ip in rows.order_by("ip").values_list("ip", flat=True).distinct()[:50]]


def _uploads(actor: Actor, request_id: UUID) -> QuerySet[UploadAttempt]:
    there = _requests(actor).filter(pk=request_id)
    return UploadAttempt.objects.filter(organization_id=actor.organization_id, request_id__in=there.values("pk"))
