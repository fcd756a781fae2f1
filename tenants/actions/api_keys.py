"""API keys (ACC-3): made once, shown once, recognised without keeping them."""

import secrets as system_random
import string
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import BoundedSemaphore, Lock
from time import monotonic
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, Origin
from hq.authz.permissions import SCOPES, AuthMethod, Permission
from hq.authz.roles import GRANTS, Role, addable, granted
from hq.crypto import kdf, passwords, secrets
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, Refused, Unauthenticated
from hq.lib.ids import new_id
from tenants import selectors
from tenants.models import ApiKey, Membership, Organization, Policy

ALPHABET = string.ascii_letters + string.digits
SECRET_LENGTH = 32
USE_NOTED_EVERY = timedelta(minutes=1)
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


def _lookup(secret: str) -> bytes:
    pepper = kdf.derive(settings.API_KEY_PEPPER.encode(), info=b"hq api key lookup")
    return secrets.keyed_digest(pepper, secret)[:16]


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
        lookup=_lookup(secret),
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


class _Verified:
    """Secrets whose Argon2id hash was verified in the last minute, by a keyed digest. Never what they may do."""

    life, most = 60.0, 4096

    def __init__(self) -> None:
        self._pepper = system_random.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = Lock()
        # Argon2id takes 20 ms of a core and 19 MiB: two at a time, so that unknown keys cannot starve known ones.
        self._slots = BoundedSemaphore(2)

    def matches(self, secret: str, hashed: str) -> bool:
        mark = secrets.keyed_digest(self._pepper, f"{hashed}\x00{secret}")
        with self._lock:
            if self._until.get(mark, 0.0) > monotonic():
                return True
        with self._slots:
            if not passwords.verify_secret(hashed, secret):
                return False
        with self._lock:
            self._until[mark] = monotonic() + self.life
            while len(self._until) > self.most:
                self._until.popitem(last=False)
        return True


_verified = _Verified()


def _well_formed(secret: str) -> bool:
    for prefix in ("hd_live_", "hd_test_"):
        if secret.startswith(prefix):
            body = secret.removeprefix(prefix)
            return len(body) == SECRET_LENGTH and all(character in ALPHABET for character in body)
    return False


def authenticate_api_key(*, secret: str, origin: Origin) -> Actor:
    """The actor that a key stands for. Its row is read every time; only the Argon2id verification is remembered.

    What it may do is the meeting of its scopes and what its maker, or its service account, may do now: a maker who left
    takes the key along.
    """
    found = lookups.one("tenants_find_key", _lookup(secret)) if _well_formed(secret) else None
    if found is None or not _verified.matches(secret, found["hash"]):
        raise Unauthenticated
    ended = found["revoked_at"] is not None or (found["expires_at"] is not None and found["expires_at"] <= now())
    if ended or found["role"] is None or found["state"] in Organization.SHUT:
        raise Unauthenticated
    role, scopes = Role(found["role"]), frozenset(Permission(scope) for scope in found["scopes"])
    of_person = found["service_account_id"] is None
    actor = Actor(
        organization_id=found["organization_id"],
        environment_id=found["environment_id"],
        home_environment_id=found["live_id"],
        kind="api_key",
        id=found["key_id"],
        person_id=found["created_by_id"] if of_person else None,
        principal_id=found["membership_id"] if of_person else found["service_account_id"],
        label=found["name"],
        method=AuthMethod.API_KEY,
        permissions=scopes & granted(role, by_rules=found["reach"] == Policy.Reach.RULES),
        within=scopes & addable(role),
        role=role,
        origin=origin,
    )
    _note_use(actor, found["last_used_at"])
    return actor


def _note_use(actor: Actor, last_used_at: datetime | None) -> None:
    if last_used_at is not None and now() - last_used_at < USE_NOTED_EVERY:
        return
    with tenant(actor.organization_id):
        ApiKey.objects.filter(pk=actor.id).update(last_used_at=now(), last_used_ip=actor.origin.ip)
