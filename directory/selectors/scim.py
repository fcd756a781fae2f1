"""Reads of directory sync: tokens, what the directory keeps, what it did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unicodedata import normalize
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from directory.models import ScimGroup, ScimGroupMember, ScimOperation, ScimToken, ScimUser, SsoConnection
from directory.selectors.roles import Roles, folded
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.crypto import secrets
from hq.db import lookups
from hq.lib.errors import NotFound
from keys import selectors as keys

OPERATIONS_KEPT = 500
USER_NAME, EXTERNAL_ID, EMAIL = "scim_user.user_name", "scim_user.external_id", "scim_user.email"
GROUP_NAME, GROUP_EXTERNAL_ID = "scim_group.name", "scim_group.external_id"


def base_url(organization_id: UUID) -> str:
    """Where the organization's directory sends everything: it is pasted there."""
    return f"{settings.BASE_URL}/scim/v2/{organization_id}"


def index_of(actor: Actor, label: str, value: str, *, exact: bool = False) -> bytes:
    """The digest by which an equal value is found. `exact`: capitals count."""
    return keys.blind_index(actor.organization_id, label, normalize("NFC", value) if exact else folded(value))


def find_token(token: str) -> dict[str, Any] | None:
    """The living token behind a secret, with its organization; found by digest, before any tenant is known."""
    return lookups.one("directory_find_token", secrets.digest(token))


def list_tokens(actor: Actor) -> Sequence[ScimToken]:
    """The living ones, oldest first."""
    gate.require(actor, Permission.IDENTITY_READ)
    rows = ScimToken.objects.filter(organization_id=actor.organization_id, revoked_at=None)
    return list(rows.order_by("pk"))


def get_token(actor: Actor, token_id: UUID, *, lock: bool = False) -> ScimToken:
    gate.require(actor, Permission.IDENTITY_READ)
    rows = ScimToken.objects.filter(organization_id=actor.organization_id, pk=token_id)
    token = (rows.select_for_update(no_key=True) if lock else rows).first()
    if token is None:
        raise NotFound
    return token


@dataclass(frozen=True, slots=True)
class Sync:
    """How directory sync stands: when it last asked, what it keeps, what it last did."""

    last_used_at: datetime | None
    people: int
    active: int
    groups: int
    last: ScimOperation | None


def get_sync(actor: Actor) -> Sync:
    gate.require(actor, Permission.IDENTITY_READ)
    here = {"organization_id": actor.organization_id}
    tokens = ScimToken.objects.filter(**here, last_used_at__isnull=False).order_by("-last_used_at")
    people = ScimUser.objects.filter(**here)
    return Sync(
        last_used_at=tokens.values_list("last_used_at", flat=True).first(),
        people=people.count(),
        active=people.filter(membership__isnull=False).count(),
        groups=ScimGroup.objects.filter(**here).count(),
        last=ScimOperation.objects.filter(**here).order_by("-pk").first(),
    )


def list_operations(actor: Actor, *, errors: bool = False, before: UUID | None, limit: int) -> Sequence[ScimOperation]:
    """Newest first; up to limit + 1. `errors`: only what was refused or failed."""
    gate.require(actor, Permission.IDENTITY_READ)
    rows = ScimOperation.objects.filter(organization_id=actor.organization_id)
    if errors:
        rows = rows.filter(status__gte=400)
    return list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: limit + 1])


# ---- what the directory itself reads


def scim_users(actor: Actor, condition: Q | None = None) -> QuerySet[ScimUser]:
    """Everyone the directory keeps, in the order in which they came."""
    gate.require(actor, Permission.MEMBERS_READ)
    return ScimUser.objects.filter(condition or Q(), organization_id=actor.organization_id).order_by("pk")


def scim_groups(actor: Actor, condition: Q | None = None) -> QuerySet[ScimGroup]:
    """Every group the directory keeps, with its name, in the order in which they came."""
    gate.require(actor, Permission.ACCESS_READ)
    rows = ScimGroup.objects.filter(condition or Q(), organization_id=actor.organization_id)
    return rows.select_related("group").order_by("pk")


def get_scim_user(actor: Actor, user_id: UUID, *, lock: bool = False) -> ScimUser:
    rows = scim_users(actor, Q(pk=user_id))
    user = (rows.select_for_update(no_key=True) if lock else rows).first()
    if user is None:
        raise NotFound
    return user


def get_scim_group(actor: Actor, group_id: UUID, *, lock: bool = False) -> ScimGroup:
    rows = scim_groups(actor, Q(pk=group_id))
    group = (rows.select_for_update(no_key=True, of=("self",)) if lock else rows).first()
    if group is None:
        raise NotFound
    return group


def members_of(actor: Actor, group_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Whom the directory has put in each group, in one query."""
    rows = ScimGroupMember.objects.filter(organization_id=actor.organization_id, group__in=group_ids).order_by("pk")
    found: dict[UUID, list[UUID]] = {}
    for group_id, user_id in rows.values_list("group_id", "user_id"):
        found.setdefault(group_id, []).append(user_id)
    return found


# ---- roles by group


def get_roles(actor: Actor) -> Roles:
    """What the active connection says. Without one the directory makes analysts and changes no role."""
    connection = SsoConnection.objects.filter(
        organization_id=actor.organization_id, state=SsoConnection.State.ACTIVE
    ).first()
    if connection is None:
        return Roles(Role.ANALYST, {})
    return Roles.read(connection.groups or {}, connection.default_role)


def groups_of(actor: Actor, user_ids: Sequence[UUID]) -> dict[UUID, list[tuple[UUID, str]]]:
    """The directory's groups of each of these people: id and name, in one query."""
    rows = ScimGroupMember.objects.filter(organization_id=actor.organization_id, user__in=user_ids)
    found: dict[UUID, list[tuple[UUID, str]]] = {}
    for user_id, group_id, name in rows.values_list("user_id", "group_id", "group__group__name"):
        found.setdefault(user_id, []).append((group_id, name))
    return found
