"""Rotations, destructions and what they left behind, for the people who look after an organization's keys."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.crypto.signatures import jwk_of
from hq.lib.errors import NotFound
from keys.models import Cmk, DataKey, Destruction, Holding, Rotation, SigningKey, Statement
from keys.providers import REFUSALS, Gone, KeyState, NoSuchKey, ProviderError, provider
from keys.providers.words import Custody, why_unusable

SHOWN = 24  # of each history; the trail has all


@dataclass(frozen=True, slots=True)
class Protected:
    """What stood under the organization's keys at the last daily count."""

    rows: int
    bytes: int
    counted_at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What a CMK's provider says of it now. `state` is empty if it does not say; then `trouble` tells why.

    `trouble` also tells what a state other than ENABLED means, and is empty where nothing is the matter.
    """

    state: str
    trouble: str


@dataclass(frozen=True, slots=True)
class Worry:
    """Something about the keys that waits for a person: `overdue`, `paused`, `incomplete`, `asked` or `scheduled`."""

    kind: str
    at: datetime
    by: str = ""
    own: bool = False  # of this actor: somebody else has to decide


def get_key(actor: Actor, key_id: UUID) -> Cmk:
    """A CMK of the actor's organization. Raises NotFound."""
    gate.require(actor, Permission.KEYS_READ)
    cmk = Cmk.objects.filter(organization_id=actor.organization_id, id=key_id).first()
    if cmk is None:
        raise NotFound
    return cmk


def get_first_key(actor: Actor) -> Cmk | None:
    """The CMK that was made with the organization."""
    gate.require(actor, Permission.KEYS_READ)
    return Cmk.objects.filter(organization_id=actor.organization_id).order_by("created_at", "id").first()


def count_data_keys(actor: Actor) -> int:
    """How many wrappings a rotation renews."""
    gate.require(actor, Permission.KEYS_READ)
    return DataKey.objects.filter(organization_id=actor.organization_id, destroyed_at=None).count()


def list_other_keys(actor: Actor) -> list[Cmk]:
    """The CMKs that were in use before the present one, newest first. One that a move has not reached is not there."""
    gate.require(actor, Permission.KEYS_READ)
    rows = Cmk.objects.filter(organization_id=actor.organization_id, retired_at__isnull=False)
    coming = Rotation.objects.filter(organization_id=actor.organization_id, state=Rotation.State.REQUESTED)
    return list(rows.exclude(id__in=coming.values("cmk_id")).order_by("-retired_at")[:SHOWN])


def look_at_provider(actor: Actor, key: Cmk) -> Seen:
    """Ask the provider how a CMK is. Call it outside of transactions: it may ask AWS."""
    gate.require(actor, Permission.KEYS_READ)
    custody = Custody(key.provider, key.customer_owned, key.delete_at)
    if key.state == KeyState.DESTROYED:
        return Seen(KeyState.DESTROYED, why_unusable(Gone(), custody))
    try:
        state = provider(key.provider).describe_key(key.ref).state
    except NoSuchKey as error:
        return Seen(KeyState.DESTROYED, why_unusable(error, custody))
    except ProviderError as error:
        return Seen("", why_unusable(error, custody))
    if key.state == KeyState.PENDING_DELETION and state != KeyState.DESTROYED:  # by us: AWS does not know of it
        state = KeyState.PENDING_DELETION
    if state == KeyState.ENABLED:
        return Seen(state, "")
    return Seen(state, why_unusable(REFUSALS[state](), custody))


def list_rotations(actor: Actor, limit: int = SHOWN) -> list[Rotation]:
    """Newest first; at most one of them is unfinished, and then it is the first."""
    gate.require(actor, Permission.KEYS_READ)
    rows = Rotation.objects.filter(organization_id=actor.organization_id).select_related("cmk", "from_cmk")
    return list(rows.order_by("-id")[:limit])


def page_rotations(actor: Actor, *, before: UUID | None, limit: int) -> list[Rotation]:
    """Newest first, older than the id `before`; up to limit + 1."""
    gate.require(actor, Permission.KEYS_READ)
    rows = Rotation.objects.filter(organization_id=actor.organization_id)
    return list((rows.filter(id__lt=before) if before else rows).order_by("-id")[: limit + 1])


def get_rotation(actor: Actor, rotation_id: UUID) -> Rotation:
    """Raises NotFound."""
    gate.require(actor, Permission.KEYS_READ)
    rotation = Rotation.objects.filter(organization_id=actor.organization_id, id=rotation_id).first()
    if rotation is None:
        raise NotFound
    return rotation


def list_destructions(actor: Actor) -> list[Destruction]:
    """Newest first: asked for, scheduled, called off and done."""
    gate.require(actor, Permission.KEYS_READ)
    rows = Destruction.objects.filter(organization_id=actor.organization_id).select_related("cmk")
    return list(rows.order_by("-id")[:SHOWN])


def page_destructions(actor: Actor, *, before: UUID | None, limit: int) -> list[Destruction]:
    """Newest first, older than the id `before`; up to limit + 1."""
    gate.require(actor, Permission.KEYS_READ)
    rows = Destruction.objects.filter(organization_id=actor.organization_id)
    return list((rows.filter(id__lt=before) if before else rows).order_by("-id")[: limit + 1])


def get_destruction(actor: Actor, destruction_id: UUID) -> Destruction:
    """Raises NotFound."""
    gate.require(actor, Permission.KEYS_READ)
    rows = Destruction.objects.filter(organization_id=actor.organization_id, id=destruction_id)
    wish = rows.select_related("cmk").first()
    if wish is None:
        raise NotFound
    return wish


def get_statement(actor: Actor, statement_id: UUID) -> Statement:
    """Raises NotFound."""
    gate.require(actor, Permission.KEYS_READ)
    statement = Statement.objects.filter(organization_id=actor.organization_id, id=statement_id).first()
    if statement is None:
        raise NotFound
    return statement


def list_statements(actor: Actor, ids: Iterable[UUID | None]) -> dict[UUID, Statement]:
    """Those with these ids."""
    gate.require(actor, Permission.KEYS_READ)
    wanted = [statement_id for statement_id in ids if statement_id is not None]
    rows = Statement.objects.filter(organization_id=actor.organization_id, id__in=wanted)
    return {statement.id: statement for statement in rows}


def list_held(actor: Actor) -> dict[str, Holding]:
    """What each holder of data had at the last daily count, by its name."""
    gate.require(actor, Permission.KEYS_READ)
    return {row.holder: row for row in Holding.objects.filter(organization_id=actor.organization_id)}


def protected_by(held: Iterable[Holding]) -> Protected | None:
    """The sum of the holders; None before anything was counted."""
    rows = list(held)
    if not rows:
        return None
    counted_at = min(row.counted_at for row in rows)
    return Protected(sum(row.rows for row in rows), sum(row.bytes for row in rows), counted_at)


def public_keys() -> list[dict[str, str]]:
    """Every key that HQ ever signed with, newest first, as JWKs: the public halves, for anybody (RFC 7517)."""
    rows = SigningKey.objects.order_by("-id").values_list("public", flat=True)
    return [jwk_of(bytes(public)) for public in rows]


def worries(actor: Actor) -> list[Worry]:
    """What waits for somebody who looks after keys, most pressing first. For the overview: no provider is asked."""
    gate.require(actor, Permission.KEYS_READ)
    wishes = Destruction.objects.filter(organization_id=actor.organization_id, state__in=Destruction.OPEN)
    found = [_wish(actor, wish) for wish in wishes.order_by("-state", "id")]
    newest = Rotation.objects.filter(organization_id=actor.organization_id).order_by("-id").first()
    if newest is not None and newest.state == Rotation.State.INCOMPLETE and newest.finished_at is not None:
        found.append(Worry("incomplete", newest.finished_at))
    if newest is not None and newest.state in Rotation.UNFINISHED and newest.paused_at is not None:
        found.append(Worry("paused", newest.paused_at))
    overdue = Cmk.objects.filter(organization_id=actor.organization_id, retired_at=None, overdue_at__isnull=False)
    return found + [Worry("overdue", cmk.overdue_at) for cmk in overdue if cmk.overdue_at is not None]


def _wish(actor: Actor, wish: Destruction) -> Worry:
    if wish.state == Destruction.State.SCHEDULED and wish.due_at is not None:
        return Worry("scheduled", wish.due_at)
    own = wish.requested_by_id == actor.id
    return Worry("asked", wish.requested_at, wish.requested_by_label, own)
