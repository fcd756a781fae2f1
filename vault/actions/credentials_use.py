"""Who comes with storage credentials, as they are now (VLT-4). All that they stand on is read every time."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django.db.models import Q

from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role, addable, granted
from hq.crypto.secrets import digest, equal, is_word
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, Unauthenticated
from tenants import registry
from tenants import selectors as tenants
from tenants.selectors.doors import is_at
from vault.actions.credentials import ACCESS_KEY_PREFIX, GIVES, KEY_LENGTH
from vault.models import StorageCredential

NOTED_EVERY = timedelta(minutes=1)
_READ_WITH = ("organization", "environment", "membership__user", "service_account", "api_key")


class CredentialsEnded(Unauthenticated):
    """These storage credentials have ended, or the right that they stood on has. Ask for new ones."""


class NotFromThisNetwork(Denied):
    """These storage credentials are not accepted from where you are."""


def find_credentials(access_key: str) -> StorageCredential | None:
    """The credentials with this access key, ended ones too. Nothing is proven by it. The secret is opened already."""
    known = is_word(access_key, ACCESS_KEY_PREFIX, KEY_LENGTH)
    found = lookups.one("vault_find_credential", access_key) if known else None
    if found is None:
        return None
    with tenant(found["organization_id"]):
        row = _row(found["organization_id"], found["credential_id"])
        if row is not None:
            _ = row.secret, row.paths, row.label
    return row


def _row(organization_id: UUID, credentials_id: UUID) -> StorageCredential | None:
    rows = StorageCredential.objects.filter(organization_id=organization_id, pk=credentials_id)
    return rows.select_related(*_READ_WITH).first()


def has_token(row: StorageCredential, session_token: str) -> bool:
    """Whether this is the session token that was given with the secret."""
    return equal(digest(session_token), bytes(row.token_digest))


def actor_of(row: StorageCredential, origin: Origin) -> Actor:
    """Whom these credentials stand for now, once their signature was checked. Raises CredentialsEnded,
    NotFromThisNetwork.
    """
    with tenant(row.organization_id):
        actor = _actor(row, origin)
        if row.last_used_at is None or row.last_used_at < now() - NOTED_EVERY:
            _note_use(row)
    return actor


def actor_again(row: StorageCredential, origin: Origin) -> Actor | None:
    """The same, found out anew: for streams, which may outlast what they began with. None: not any more."""
    with tenant(row.organization_id):
        fresh = _row(row.organization_id, row.id)
        try:
            return _actor(fresh, origin) if fresh is not None else None
        except (CredentialsEnded, NotFromThisNetwork):
            return None


def landing_actor(row: StorageCredential) -> Actor:
    """Whom they stood for, as they are now, for files that landed before their end. In the tenant's context.

    From where files came S3 has judged: it was told the networks. Raises CredentialsEnded.
    """
    if row.revoked_at is not None:
        raise CredentialsEnded
    _require_standing(row)
    return _as_given(row, _member(row, Origin(), anywhere=True) if row.membership else _machine(row, Origin()))


def networks_of(row: StorageCredential) -> list[str]:
    """From where they are accepted; none named: from anywhere."""
    if row.api_key is not None:
        return list(row.api_key.networks)
    return list(row.organization.networks) if row.membership is not None else []


def _note_use(row: StorageCredential) -> None:
    at = now()
    mine = StorageCredential.objects.filter(organization_id=row.organization_id, pk=row.id)
    mine.filter(Q(last_used_at=None) | Q(last_used_at__lt=at - NOTED_EVERY)).update(last_used_at=at)


def _actor(row: StorageCredential, origin: Origin) -> Actor:
    key = row.api_key
    if not row.is_live:
        raise CredentialsEnded
    _require_standing(row)
    if key is not None and key.networks and not tenants.is_within(origin.ip, key.networks):
        raise NotFromThisNetwork
    return _as_given(row, _member(row, origin) if row.membership is not None else _machine(row, origin))


def _require_standing(row: StorageCredential) -> None:
    """Raises CredentialsEnded: their organization lets nobody in, or the key that got them is no more."""
    if not tenants.lets_in(row.organization.state) or (row.api_key is not None and row.api_key.state != "active"):
        raise CredentialsEnded


def _as_given(row: StorageCredential, actor: Actor) -> Actor:
    given = frozenset(GIVES[StorageCredential.Level(row.permission)]) & _scopes(row)
    return replace(actor, permissions=actor.permissions & given, within=actor.within & given)


def _scopes(row: StorageCredential) -> frozenset[Permission]:
    """What the key, or the trust, gives now at most; everything for a person who came by themselves."""
    if row.api_key is not None:
        return frozenset(Permission(scope) for scope in row.api_key.scopes)
    if row.issued_to_kind == "workload":
        scopes = registry.scopes_now(row.issued_to_kind, row.organization_id, row.issued_to_id)
        if not scopes:
            raise CredentialsEnded
        return scopes
    return frozenset(Permission)


def _member(row: StorageCredential, origin: Origin, *, anywhere: bool = False) -> Actor:
    """A person, or a key of theirs. A person without a key is let in from where their organization lets people in."""
    place, person = row.organization, row.membership.user
    if not person.is_active:
        raise CredentialsEnded
    if row.api_key is None:
        if not is_at(person.email, place.email_domains):
            raise CredentialsEnded
        if not anywhere and place.networks and not tenants.is_within(origin.ip, place.networks):
            raise NotFromThisNetwork
    actor = _of(row, Role(row.membership.role), AuthMethod.API_KEY, origin)
    return replace(actor, principal_id=row.membership.id, person_id=person.pk)


def _machine(row: StorageCredential, origin: Origin) -> Actor:
    if row.service_account.ended_at is not None:
        raise CredentialsEnded
    method = AuthMethod.WORKLOAD if row.issued_to_kind == "workload" else AuthMethod.API_KEY
    return replace(_of(row, Role.SERVICE_ACCOUNT, method, origin), principal_id=row.service_account.id)


def _of(row: StorageCredential, role: Role, method: AuthMethod, origin: Origin) -> Actor:
    """An actor of its own kind: the trail tells what was done by credentials from what was done by their holder."""
    return Actor(
        organization_id=row.organization_id,
        environment_id=row.environment_id,
        kind="credentials",
        id=row.id,
        label=f"{row.label}, by storage credentials",
        method=method,
        permissions=granted(role, by_rules=tenants.opens_by_rules(row.organization.reach)),
        within=addable(role),
        role=role,
        pinned=row.pins,
        origin=origin,
    )
