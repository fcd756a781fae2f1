"""API keys (ACC-3): made once and shown once. How they are recognised again is in `key_checks`."""

import secrets as system_random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import GRANTS, Role, addable
from hq.crypto import passwords
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, Refused
from hq.lib.ids import new_id
from tenants import selectors
from tenants.actions.key_checks import ALPHABET, SECRET_LENGTH, look_up_value
from tenants.models import ApiKey, Membership

# The end of the year 9999 is no time any more in a zone that is ahead, and the page of all keys could not show it.
LONGEST_LIFE = timedelta(days=36_525)


class ScopeNotYours(Denied):
    """A key cannot be given a scope that you do not have yourself."""


class KeyAlreadyMade(Refused):
    """This form was sent twice. The key was shown the first time and cannot be shown again.

    Revoke it and make another.
    """


class KeyOfAnother(Denied):
    """Somebody else made this key. An owner or an admin can revoke it."""


class KeyAlreadyRevoked(Refused):
    """This key is revoked already."""


@dataclass(frozen=True, slots=True)
class MadeKey:
    """The key's row and its secret, which is known only now."""

    key: ApiKey
    secret: str


def create_api_key(
    *,
    actor: Actor,
    name: str,
    scopes: frozenset[Permission],
    expires_at: datetime | None = None,
    key_id: UUID | None = None,
    service_account_id: UUID | None = None,
) -> MadeKey:
    """Make a key for the actor's environment. Its scopes are a subset of the actor's own.

    One for a service account acts as that account, and needs the right to change access. Raises NotFound for no such
    account, ScopeNotYours for what a service account is never granted.
    """
    gate.require(actor, Permission.API_KEYS_CREATE)
    if actor.person_id is None:
        raise Denied("Only a person, or a key that a person made, can make a key.")
    if not scopes or not scopes <= SCOPES:
        raise Invalid(
            "Choose at least one scope, from those that a key can have.",
            errors=[{"pointer": "/scopes", "detail": "Unknown or empty."}],
        )
    if not scopes <= _may_hand_on(actor, actor.person_id, service_account_id):
        raise ScopeNotYours
    if expires_at is not None and not now() < expires_at < now() + LONGEST_LIFE:
        raise Invalid(
            "A key expires in the future, within 100 years, or not at all.",
            errors=[{"pointer": "/expires_at", "detail": "Choose a time in the future, within 100 years."}],
        )
    environment = selectors.get_environment(actor)
    secret = f"hd_{environment.name}_" + "".join(system_random.choice(ALPHABET) for _ in range(SECRET_LENGTH))
    key = ApiKey(
        id=key_id or new_id(),
        organization_id=actor.organization_id,
        environment_id=environment.id,
        name=name,
        lookup=look_up_value(secret),
        hash=passwords.hash_secret(secret),
        hint=secret[-4:],
        scopes=sorted(scopes),
        service_account_id=service_account_id,
        created_by_id=actor.person_id,
        expires_at=expires_at,
    )
    try:
        with transaction.atomic():
            key.save(force_insert=True)
    except IntegrityError as error:
        raise KeyAlreadyMade from error
    after = {
        "name": name,
        "scopes": sorted(scopes),
        "expires_at": expires_at.isoformat() if expires_at else None,
        "service_account": str(service_account_id) if service_account_id else None,
    }
    recorder.record(actor, Tag.API_KEY_CREATED, target=Target("api_key", key.id, name), after=after)
    return MadeKey(key, secret)


def _may_hand_on(actor: Actor, person_id: UUID, service_account_id: UUID | None) -> frozenset[Permission]:
    """What the actor has, or rules may give it, less what a service account is never granted if it is for one.

    Both are locked: a key made at the moment in which they end would stay behind, and work once the person is back.
    """
    here = Membership.objects.filter(organization_id=actor.organization_id, user_id=person_id)
    if here.select_for_update(no_key=True).first() is None:
        raise Denied("Only a member, or a key that a member made, can make a key.")
    own = actor.permissions | actor.within
    if service_account_id is None:
        return own
    gate.require(actor, Permission.ACCESS_CHANGE)
    selectors.get_service_account(actor, service_account_id, lock=True)
    return own & (GRANTS[Role.SERVICE_ACCOUNT] | addable(Role.SERVICE_ACCOUNT))


def revoke_api_key(*, actor: Actor, key_id: UUID) -> None:
    """End a key. The next request with it is refused."""
    gate.require(actor, Permission.API_KEYS_REVOKE)
    key = selectors.get_api_key(actor, key_id, lock=True)
    if key.created_by_id != actor.person_id and actor.role not in {Role.OWNER, Role.ADMIN}:
        raise KeyOfAnother
    if key.revoked_at:
        raise KeyAlreadyRevoked
    key.revoked_at = now()
    key.save(update_fields=["revoked_at"])
    recorder.record(
        actor, Tag.API_KEY_REVOKED, target=Target("api_key", key.id, key.name), before={"scopes": key.scopes}
    )


def end_api_keys_of(actor: Actor, person_id: UUID) -> int:
    """Revoke what a leaving person made for themselves, in every environment. Keys of service accounts stay."""
    own = ApiKey.objects.filter(
        organization_id=actor.organization_id, created_by_id=person_id, service_account=None, revoked_at=None
    )
    return own.update(revoked_at=now())
