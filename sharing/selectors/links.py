"""Reads of links. Those without an actor serve the actions, which look before it is known who asks."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import BooleanField, Count, Exists, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.authz.roles import GRANTS, granted
from hq.db import lookups
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from hq.lib.errors import NotFound
from sharing.models import ShareAttempt, ShareLink, SharePath, ShareSession, State, count_by, in_state

ATTEMPTS_SHOWN = 200


def locate_link(link_id: UUID) -> UUID:
    """Whose link this is; the platform's own id, which has no links, for none."""
    row = lookups.one("sharing_find_link", link_id)
    return row["organization_id"] if row else PLATFORM_ID


def locate_session(token_digest: bytes) -> UUID:
    """Whose session this is; the platform's own id for none."""
    row = lookups.one("sharing_find_session", token_digest)
    return row["organization_id"] if row else PLATFORM_ID


def list_organizations_with_ended(before: datetime) -> list[UUID]:
    """Organizations that have links which ended before that moment, or sessions that are over."""
    return [row["organization_id"] for row in lookups.call("sharing_find_expired", before)]


def find_link(organization_id: UUID, link_id: UUID) -> ShareLink | None:
    """The link with everything that its being valid depends on, in one query."""
    rows = ShareLink.objects.select_related("organization", "membership__user", "api_key")
    return rows.filter(organization_id=organization_id, pk=link_id).first()


def find_session(organization_id: UUID, token_digest: bytes) -> ShareSession | None:
    """The session with its link and everything that this one's being valid depends on, in one query."""
    rows = ShareSession.objects.select_related("link__organization", "link__membership__user", "link__api_key")
    return rows.filter(organization_id=organization_id, token_digest=token_digest).first()


def list_pins(organization_id: UUID, link_id: UUID) -> tuple[str, ...]:
    """The paths of a link, in order."""
    rows = SharePath.objects.filter(organization_id=organization_id, link_id=link_id).order_by("order")
    return tuple(rows.values_list("path", flat=True))


def count_attempts(organization_id: UUID, link_id: UUID, kind: str) -> int:
    return ShareAttempt.objects.filter(organization_id=organization_id, link_id=link_id, kind=kind).count()


def _links(actor: Actor, permission: Permission = Permission.SHARES_READ) -> QuerySet[ShareLink]:
    """Those with which the actor may do this. One whom only a rule lets share: their own. Raises Denied."""
    by_rule = gate.reach(actor, permission) is not None
    return _here(actor).filter(Q(membership_id=actor.principal_id)) if by_rule else _here(actor)


def _here(actor: Actor) -> QuerySet[ShareLink]:
    """Those that the actor may know of: all, or where rules say what they may read, what leads there and their own."""
    rows = ShareLink.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))
    if not by_rules(actor):
        return rows
    known = gate.reaches(actor, Permission.OBJECTS_READ)
    prefixes = gate.reach(actor, Permission.OBJECTS_READ) if known else ()
    beyond = SharePath.objects.filter(organization_id=actor.organization_id, link_id=OuterRef("pk"))
    return rows.filter(~Exists(beyond.filter(~LiesBelow(list(prefixes or ())))) | Q(membership_id=actor.principal_id))


def by_rules(actor: Actor) -> bool:
    """True for one whose role would read every file, were it not for the organization's rules (or a narrow key).

    An auditor reads no file and sees every link: they are evidence.
    """
    read = Permission.OBJECTS_READ
    if actor.role is None or read in actor.permissions:
        return False
    return read in GRANTS[actor.role] - granted(actor.role, by_rules=True)


class LiesBelow(Func):
    """True if the row's path, or what else this column holds, begins with one of these prefixes."""

    template = "EXISTS (SELECT FROM unnest(%(expressions)s) AS given WHERE starts_with(%(column)s, given))"
    output_field = BooleanField()

    def __init__(self, prefixes: list[str], *, column: str = "path") -> None:
        super().__init__(Cast(Value(prefixes), ArrayField(TextField())), column=column)


def list_shares(actor: Actor, *, state: str = "", before: UUID | None = None, limit: int = 50) -> Sequence[ShareLink]:
    """Links of the actor's environment with their paths and their number of refusals, newest first; up to limit + 1."""
    rows = (
        _links(actor).prefetch_related("pins").annotate(refusals=Count("attempts", filter=Q(attempts__kind="refused")))
    )
    if state:
        rows = rows.filter(in_state(state, now()))
    if before:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[: limit + 1])


def count_states(actor: Actor) -> dict[str, int]:
    """How many links of the environment are in each state."""
    return count_by(_links(actor), State.values, now())


def get_share(actor: Actor, share_id: UUID) -> ShareLink:
    return _one(_links(actor), share_id)


def lock_share(actor: Actor, share_id: UUID) -> ShareLink:
    """For revoking it. Raises Denied, NotFound."""
    return _one(_links(actor, Permission.SHARES_REVOKE).select_for_update(no_key=True), share_id)


def _one(rows: QuerySet[ShareLink], share_id: UUID) -> ShareLink:
    link = rows.filter(pk=share_id).prefetch_related("pins").first()
    if link is None:
        raise NotFound
    return link


def list_attempts(
    actor: Actor, share_id: UUID, *, kind: str = "", ip: str = "", limit: int = ATTEMPTS_SHOWN
) -> Sequence[ShareAttempt]:
    """What was done with a link and tried on it, newest first; of one kind or from one address where asked."""
    rows = _attempts(actor, share_id)
    if kind:
        rows = rows.filter(kind=kind)
    if ip:
        rows = rows.filter(ip=ip)
    return list(rows.order_by("-at", "-pk")[:limit])


def count_kinds(actor: Actor, share_id: UUID) -> dict[str, int]:
    """How often each thing was done with a link."""
    counts = dict.fromkeys(ShareAttempt.Kind.values, 0)
    found = _attempts(actor, share_id).order_by("kind").values_list("kind").annotate(Count("pk"))
    return counts | dict(found)


def list_addresses(actor: Actor, share_id: UUID, limit: int = 50) -> list[str]:
    """From where a link was used or tried, for the filter."""
    rows = _attempts(actor, share_id).filter(ip__isnull=False)
    return [str(ip) for ip in rows.order_by("ip").values_list("ip", flat=True).distinct()[:limit]]


def _attempts(actor: Actor, share_id: UUID) -> QuerySet[ShareAttempt]:
    links = _links(actor).filter(pk=share_id)
    return ShareAttempt.objects.filter(organization_id=actor.organization_id, link_id__in=links.values("pk"))
