"""Recognises an API key (ACC-3): by a keyed digest of it first, then by Argon2id, and by its row every time."""

import secrets as system_random
import string
from collections import OrderedDict
from datetime import datetime, timedelta
from threading import BoundedSemaphore, Lock
from time import monotonic

from django.conf import settings

from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role, addable, granted
from hq.crypto import kdf, passwords, secrets
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Unauthenticated
from tenants.models import ApiKey, Organization, Policy

ALPHABET = string.ascii_letters + string.digits
SECRET_LENGTH = 32
USE_NOTED_EVERY = timedelta(minutes=1)


def look_up_value(secret: str) -> bytes:
    """What a key's row is found by. Without the pepper, nobody can tell which key it is of."""
    pepper = kdf.derive(settings.API_KEY_PEPPER.encode(), info=b"hq api key lookup")
    return secrets.keyed_digest(pepper, secret)[:16]


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
    found = lookups.one("tenants_find_key", look_up_value(secret)) if _well_formed(secret) else None
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
