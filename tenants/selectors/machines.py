"""Reads of API keys and service accounts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.lib.clock import now
from hq.lib.errors import NotFound
from tenants.models import ApiKey, ServiceAccount
from tenants.selectors.access import Position, after_name

KEY_STATES = ("active", "rotated", "expired", "revoked")


def _here(actor: Actor) -> Q:
    return Q(organization_id=actor.organization_id, environment_id=environment_of(actor))


def in_key_state(state: str, at: datetime) -> Q:
    """Keys that are in a state at a moment. `rotated` ones have a successor, and work until they expire."""
    works = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=at))
    return {
        "active": works & Q(replaced_by=None),
        "rotated": works & ~Q(replaced_by=None),
        "expired": Q(revoked_at=None, expires_at__lte=at),
        "revoked": Q(revoked_at__isnull=False),
    }[state]


def key_state(key: ApiKey) -> str:
    """One of `in_key_state`."""
    return "rotated" if key.state == "active" and key.replaced_by_id else key.state


def used_since_rotated(key: ApiKey) -> bool | None:
    """Whether something still used a key after its successor was made; None for one that was not rotated."""
    if key.replaced_by is None:
        return None
    return key.last_used_at is not None and key.last_used_at > key.replaced_by.created_at


def list_api_keys(
    actor: Actor,
    *,
    state: str = "",
    service_account_id: UUID | None = None,
    mine: bool = False,
    before: UUID | None = None,
    limit: int = 200,
) -> Sequence[ApiKey]:
    """Keys of the actor's environment, newest first; up to limit + 1. `mine`: made by the actor's own person."""
    gate.require(actor, Permission.API_KEYS_READ)
    rows = ApiKey.objects.filter(_here(actor)).select_related("created_by", "service_account", "replaced_by")
    if state:
        rows = rows.filter(in_key_state(state, now()))
    if service_account_id:
        rows = rows.filter(service_account_id=service_account_id)
    if mine:
        rows = rows.filter(created_by_id=actor.person_id)
    return list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: limit + 1])


def get_api_key(actor: Actor, key_id: UUID, *, lock: bool = False) -> ApiKey:
    """One key of the actor's environment, for a caller that has asked the gate for its own verb."""
    rows = ApiKey.objects.filter(_here(actor), pk=key_id)
    key = (rows.select_for_update(no_key=True) if lock else rows).first()
    if key is None:
        raise NotFound
    return key


def read_api_key(actor: Actor, key_id: UUID) -> ApiKey:
    """One key of the actor's environment, with who made it and what it is for. Raises NotFound."""
    gate.require(actor, Permission.API_KEYS_READ)
    rows = ApiKey.objects.filter(_here(actor), pk=key_id)
    key = rows.select_related("created_by", "service_account", "made_by_key", "replaced_by").first()
    if key is None:
        raise NotFound
    return key


def ends_with(maker: ApiKey, made: ApiKey) -> ApiKey:
    """The key that one which `maker` made ends with: the maker, or what that was rotated into.

    One that was to end with its maker does, in the maker's grace too: or who holds a key that leaked and was rotated
    would make others with it, and stay. Asks no permission: for this room only.
    """
    while maker.replaced_by_id is not None:
        if maker.expires_at and made.expires_at and made.expires_at <= maker.expires_at:
            return maker
        maker = ApiKey.objects.get(organization_id=maker.organization_id, pk=maker.replaced_by_id)
    return maker


def ids_after(key: ApiKey) -> list[UUID]:
    """What a key was rotated into, and that in turn, in their order, as far as it stands for the same person.

    One that stands for another was made by that person, and not by whoever had the key; no more may somebody end what
    an admin made of a key of theirs. Asks no permission: for this room only.
    """
    found: list[UUID] = []
    of_same = ApiKey.objects.filter(organization_id=key.organization_id, created_by_id=key.created_by_id)
    after: ApiKey | None = key
    while after is not None and after.replaced_by_id is not None:
        after = of_same.filter(pk=after.replaced_by_id).first()
        found += [after.pk] if after else []
    return found


def revoked_with(key: ApiKey, *, successors: bool = True, lock: bool = False) -> list[ApiKey]:
    """What ends when this key is revoked, of what works still.

    That is what it was rotated into, unless those are to stay, and of each of these: what it made, what it replaced,
    and what those made. It looks through keys that have ended, too. Asks no permission: for this room only.
    """
    here = ApiKey.objects.filter(organization_id=key.organization_id).order_by("pk")
    ahead = ids_after(key) if successors else []
    seen, layer = {key.pk, *ahead}, [key.pk, *ahead]
    after = here.filter(pk__in=ahead)
    found = list(after.select_for_update(no_key=True) if lock else after)
    while layer:
        rows = here.exclude(pk__in=seen).filter(Q(made_by_key__in=layer) | Q(replaced_by__in=layer))
        below = list(rows.select_for_update(no_key=True) if lock else rows)
        found += below
        layer = [one.pk for one in below]
        seen.update(layer)
    return [one for one in found if one.state == "active"]


def list_made_by(actor: Actor, key_id: UUID, limit: int = 50) -> Sequence[ApiKey]:
    """Keys that a key made, newest first; up to limit + 1."""
    gate.require(actor, Permission.API_KEYS_READ)
    return list(ApiKey.objects.filter(_here(actor), made_by_key=key_id).order_by("-pk")[: limit + 1])


def list_replaced_by(actor: Actor, key_id: UUID) -> Sequence[ApiKey]:
    """Keys that were rotated into this one: one, or none."""
    gate.require(actor, Permission.API_KEYS_READ)
    return list(ApiKey.objects.filter(_here(actor), replaced_by=key_id).order_by("pk"))


def list_known_to(actor: Actor, person_id: UUID) -> Sequence[ApiKey]:
    """Keys of service accounts that work, and whose secrets this person was shown; in both environments, oldest first.

    They stay when the person leaves, and so does what the person knows.
    """
    gate.require(actor, Permission.MEMBERS_REMOVE)
    rows = ApiKey.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=now()),
        organization_id=actor.organization_id,
        created_by_id=person_id,
        service_account__isnull=False,
        revoked_at=None,
    )
    return list(rows.select_related("environment", "service_account").order_by("pk"))


def list_service_accounts(actor: Actor, *, after: Position | None = None, limit: int = 200) -> Sequence[ServiceAccount]:
    """Those that have not ended, by name, each with `keys`, how many work in the environment; up to limit + 1."""
    gate.require(actor, Permission.ACCESS_READ)
    rows = ServiceAccount.objects.filter(organization_id=actor.organization_id, ended_at=None)
    keys = live_keys(actor).filter(service_account_id=OuterRef("pk")).order_by().values("service_account_id")
    rows = rows.annotate(keys=Coalesce(Subquery(keys.annotate(found=Count("pk")).values("found")), 0))
    return list((rows.filter(after_name(after)) if after else rows).order_by("name", "pk")[: limit + 1])


def live_keys(actor: Actor) -> QuerySet[ApiKey]:
    """Keys of the actor's environment that work now. Asks no permission: for this room only."""
    return ApiKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now()), _here(actor), revoked_at=None)


def list_keys_of(actor: Actor, account_id: UUID) -> Sequence[ApiKey]:
    """Keys of a service account in the actor's environment that are not revoked, newest first. Raises NotFound."""
    gate.require(actor, Permission.API_KEYS_READ)
    account = get_service_account(actor, account_id)
    rows = ApiKey.objects.filter(_here(actor), service_account_id=account.id, revoked_at=None)
    return list(rows.select_related("created_by").order_by("-pk"))


def count_keys_of(actor: Actor, account_id: UUID) -> int:
    """How many keys of a service account are not revoked, in both environments: what ends with it."""
    gate.require(actor, Permission.ACCESS_READ)
    rows = ApiKey.objects.filter(organization_id=actor.organization_id, service_account_id=account_id, revoked_at=None)
    return rows.count()


def read_service_account(actor: Actor, account_id: UUID) -> ServiceAccount:
    """One that has not ended, for whoever may read access. Raises Denied, NotFound."""
    gate.require(actor, Permission.ACCESS_READ)
    return get_service_account(actor, account_id)


def get_service_account(actor: Actor, account_id: UUID, *, lock: bool = False) -> ServiceAccount:
    """One that has not ended, for a caller that has asked the gate for its own verb."""
    rows = ServiceAccount.objects.filter(organization_id=actor.organization_id, pk=account_id, ended_at=None)
    account = (rows.select_for_update(no_key=True) if lock else rows).first()
    if account is None:
        raise NotFound
    return account
