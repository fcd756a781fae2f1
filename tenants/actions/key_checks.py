"""Recognises an API key (ACC-3): by a keyed digest of it first, then by Argon2id, and by its row every time."""

import os
from functools import lru_cache
from typing import Any

from django.conf import settings

from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role, addable, granted
from hq.crypto import kdf, secrets
from hq.db import lookups
from hq.lib.clock import now
from hq.lib.errors import Denied, Unauthenticated
from tenants.actions.key_memory import Verified
from tenants.models import LIVE, TEST, Organization, Policy
from tenants.selectors import is_within

PREFIXES = {LIVE: "hd_live_", TEST: "hd_test_"}
SECRET_LENGTH = 32

_verified = Verified()
os.register_at_fork(after_in_child=_verified.forget)


class NetworkNotAllowed(Denied):
    """This key is accepted only from networks that its people named, and you came from another.

    The address that was seen stands in the answer. Send requests from one of those networks, or have an owner or an
    admin make a key with yours.
    """

    def __init__(self, actor: Actor) -> None:
        seen = actor.origin.ip or "an address that cannot be told"
        super().__init__(f"This key is accepted only from networks that its people named, and you came from {seen}.")
        self.actor = actor


@lru_cache(maxsize=4)
def _pepper(secret: str) -> bytes:
    return kdf.derive(secret.encode(), info=b"hq api key lookup")


def look_up_value(secret: str) -> bytes:
    """What a key's row is found by. Without the pepper, nobody can tell which key it is of."""
    return secrets.keyed_digest(_pepper(settings.API_KEY_PEPPER), secret)[:16]


def _well_formed(secret: str) -> bool:
    return any(secrets.is_word(secret, prefix, SECRET_LENGTH) for prefix in PREFIXES.values())


def is_nobodys(secret: str) -> bool:
    """True if it says that it is a key, and there is none. Of a key in use, that is known without asking."""
    if not secret.startswith(tuple(PREFIXES.values())) or _verified.saw(secret):
        return False
    return not _well_formed(secret) or lookups.one("tenants_recognise_key", look_up_value(secret)) is None


def authenticate_api_key(*, secret: str, origin: Origin) -> Actor:
    """The actor that a key stands for. Its row is read every time; only the Argon2id verification is remembered.

    What it may do is the meeting of its scopes and what its maker, or its service account, may do now: a maker who left
    takes the key along. Raises Unauthenticated, NetworkNotAllowed.
    """
    found = lookups.one("tenants_recognise_key", look_up_value(secret)) if _well_formed(secret) else None
    if found is None or not _verified.matches(secret, found["hash"]):
        raise Unauthenticated
    ended = found["revoked_at"] is not None or (found["expires_at"] is not None and found["expires_at"] <= now())
    if ended or found["role"] is None or found["state"] in Organization.SHUT:
        raise Unauthenticated
    actor = _actor(found, origin)
    if found["networks"] and not is_within(origin.ip, found["networks"]):
        raise NetworkNotAllowed(actor)
    return actor


def _actor(found: dict[str, Any], origin: Origin) -> Actor:
    role, scopes = Role(found["role"]), _scopes(tuple(found["scopes"]))
    of_person = found["service_account_id"] is None
    return Actor(
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


@lru_cache(maxsize=1024)
def _scopes(named: tuple[str, ...]) -> frozenset[Permission]:
    return frozenset(Permission(scope) for scope in named)
