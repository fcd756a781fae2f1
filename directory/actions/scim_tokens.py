"""Tokens of the directory (ACC-12): made once, shown once, recognised by their digest."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from directory.models import ScimToken
from directory.selectors import scim as selectors
from hq.authz import gate
from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role
from hq.crypto import secrets
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Refused, Unauthenticated
from hq.lib.ids import new_id

PREFIX = "hqd_"
USE_NOTED_EVERY = timedelta(minutes=1)
# All that a directory may do: people and groups come, change and go. It reads no file and no trail.
PERMISSIONS = frozenset(
    {
        Permission.ACCESS_CHANGE,
        Permission.ACCESS_READ,
        Permission.MEMBERS_CHANGE_ROLE,
        Permission.MEMBERS_INVITE,
        Permission.MEMBERS_READ,
        Permission.MEMBERS_REMOVE,
    }
)


class TwoTokensLive(Refused):
    """Two tokens are in use already. Revoke one of them before you make another."""


class ScimTokenAlreadyMade(Refused):
    """This form was sent twice. The token was shown the first time and cannot be shown again.

    Revoke it and make another.
    """


class ScimTokenRevoked(Refused):
    """This token is revoked already."""


@dataclass(frozen=True, slots=True)
class MadeScimToken:
    """The token's row and its secret, which is known only now."""

    token: ScimToken
    secret: str


def create_scim_token(*, actor: Actor, token_id: UUID | None = None) -> MadeScimToken:
    """Make a token for the organization's directory. Two can live side by side, so that one can replace the other.

    Raises TwoTokensLive, ScimTokenAlreadyMade.
    """
    gate.require(actor, Permission.IDENTITY_CHANGE)
    secret = secrets.random_token(PREFIX)
    taken = {token.slot for token in selectors.list_tokens(actor)}
    token = ScimToken(
        id=token_id or new_id(),
        organization_id=actor.organization_id,
        slot=next((slot for slot in ScimToken.SLOTS if slot not in taken), ScimToken.SLOTS[0]),
        token_digest=secrets.digest(secret),
        hint=secret[-4:],
        created_by_id=actor.person_id or actor.id,
    )
    try:
        with transaction.atomic():
            token.save(force_insert=True)
    except IntegrityError as error:
        made = ScimToken.objects.filter(organization_id=actor.organization_id, pk=token.pk).exists()
        raise (ScimTokenAlreadyMade if made else TwoTokensLive) from error
    recorder.record(actor, Tag.DIRECTORY_TOKEN_CREATED, target=Target("directory_token", token.id, f"…{token.hint}"))
    return MadeScimToken(token, secret)


def revoke_scim_token(*, actor: Actor, token_id: UUID) -> ScimToken:
    """End a token. The next request with it is refused. Raises NotFound, ScimTokenRevoked."""
    gate.require(actor, Permission.IDENTITY_CHANGE)
    token = selectors.get_token(actor, token_id, lock=True)
    if token.revoked_at:
        raise ScimTokenRevoked
    token.revoked_at = now()
    token.save(update_fields=["revoked_at"])
    recorder.record(actor, Tag.DIRECTORY_TOKEN_REVOKED, target=Target("directory_token", token.id, f"…{token.hint}"))
    return token


def authenticate_directory(*, secret: str, organization_id: UUID, origin: Origin) -> Actor:
    """The directory that a token stands for. A token of another organization is no token.

    Raises Unauthenticated.
    """
    found = selectors.find_token(secret) if secret.startswith(PREFIX) else None
    if found is None or found["organization_id"] != organization_id:
        raise Unauthenticated
    actor = Actor(
        organization_id=organization_id,
        environment_id=found["live_id"],
        home_environment_id=found["live_id"],
        kind="directory",
        id=found["token_id"],
        label="Directory sync",
        method=AuthMethod.DIRECTORY,
        permissions=PERMISSIONS,
        role=Role.ADMIN,  # it hands out every role but owner
        origin=origin,
    )
    _note_use(actor, found["last_used_at"])
    return actor


def _note_use(actor: Actor, last_used_at: datetime | None) -> None:
    if last_used_at is not None and now() - last_used_at < USE_NOTED_EVERY:
        return
    with tenant(actor.organization_id):
        ScimToken.objects.filter(pk=actor.id).update(last_used_at=now())
