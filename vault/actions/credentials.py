"""Storage credentials: for a program that speaks S3, for some paths, for some hours (VLT-4).

They never give more than whoever asked for them may do at the moment of each use: that is found out anew each time, as
for a key, and the gate decides. They end when their time or that right does, or when somebody revokes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.crypto.secrets import digest, random_word
from hq.db.classes import retention
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, Refused
from hq.lib.ids import new_id
from hq.lib.paths import InvalidPath, clean_prefix, clean_stored_path
from jobs.registry import RunningJob
from tenants import selectors as tenants
from vault import selectors
from vault.models import StorageCredential

SHORTEST, LONGEST, DEFAULT = 15 * 60, 12 * 60 * 60, 60 * 60  # seconds
MOST_PATHS, MOST_LIVE = 20, 200
ACCESS_KEY_PREFIX, KEY_LENGTH, TOKEN_PREFIX = "HQ", 22, "hqc_"
CREDENTIALS_KEPT = retention(StorageCredential)
AT_ONCE = 5000
Level = StorageCredential.Level
# What each level gives, of that which its holder may do. The first is what one must be allowed to hand out.
GIVES = {
    Level.READ: (Permission.OBJECTS_READ,),
    Level.WRITE: (Permission.OBJECTS_WRITE, Permission.OBJECTS_READ, Permission.OBJECTS_DELETE),
}


class NotForYou(Denied):
    """Storage credentials are given to members, service accounts and workloads: to nobody who comes by a link."""


class BadCredentialTerms(Invalid):
    """Such storage credentials cannot be given."""


class TooManyCredentials(Refused):
    """You have as many live storage credentials as one can have. Revoke some, or wait until they expire."""


class AlreadyIssued(Refused):
    """These credentials were given already, and what signs is shown once. Get others."""


class AlreadyEnded(Refused):
    """These storage credentials have ended already."""


@dataclass(frozen=True, slots=True)
class IssuedCredentials:
    """What was given. Secret and token are known only now."""

    row: StorageCredential
    secret: str
    session_token: str
    bucket: str

    @property
    def endpoint(self) -> str:
        return f"{settings.BASE_URL}/s3"


def issue_credentials(
    *,
    actor: Actor,
    paths: Sequence[str],
    permission: str = Level.READ,
    ttl_seconds: int = DEFAULT,
    credentials_id: UUID | None = None,
) -> IssuedCredentials:
    """Give storage credentials for these paths: a folder ends in "/", anything else is one object, "" is everything.

    One can hand on only what one may do. Raises Denied, NotForYou, BadCredentialTerms, TooManyCredentials;
    AlreadyIssued, if there are some with `credentials_id`.
    """
    level, clean = _level(permission), _paths(paths)
    if not SHORTEST <= ttl_seconds <= LONGEST:
        raise _fault("/ttl_seconds", f"Enter {SHORTEST} to {LONGEST} seconds.")
    stands_on = _stands_on(actor)
    for path in clean:
        gate.require(actor, GIVES[level][0], path=path)
    at, environment = now(), tenants.get_environment(actor)
    if selectors.count_live_credentials(actor) >= MOST_LIVE:
        raise TooManyCredentials
    secret, token = random_word("", 40), random_word(TOKEN_PREFIX, 43)
    row = StorageCredential(
        id=credentials_id or new_id(),
        organization_id=actor.organization_id,
        environment_id=environment.id,
        access_key=random_word(ACCESS_KEY_PREFIX, KEY_LENGTH),
        secret=secret,
        token_digest=digest(token),
        paths=clean,
        permission=level,
        issued_to_kind=actor.kind,
        issued_to_id=actor.id,
        label=actor.label,
        created_at=at,
        expires_at=at + timedelta(seconds=ttl_seconds),
        **stands_on,
    )
    _insert(row)
    after = {"access_key": row.access_key, "paths": clean, "permission": level.value, "seconds": ttl_seconds}
    recorder.record(actor, Tag.CREDENTIALS_ISSUED, target=target_of(row), after=after)
    return IssuedCredentials(row, secret, token, selectors.bucket_name_of(row))


def _insert(row: StorageCredential) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if "vault_storagecredential_pkey" in str(error):
            raise AlreadyIssued from None
        raise


def target_of(row: StorageCredential) -> Target:
    """What the trail names them by: what they open."""
    return Target("storage_credentials", row.id, ", ".join(path or "every path" for path in row.paths)[:200])


def _level(permission: str) -> Level:
    try:
        return Level(permission)
    except ValueError:
        raise _fault("/permission", "Choose read or write.") from None


def _paths(paths: Sequence[str]) -> list[str]:
    """Each in its one spelling, in order. Raises BadCredentialTerms."""
    if not 1 <= len(paths) <= MOST_PATHS:
        raise _fault("/paths", f"Name 1 to {MOST_PATHS} paths.")
    clean = set()
    for number, path in enumerate(paths):
        try:
            clean.add(clean_prefix(path) if not path or path.endswith("/") else clean_stored_path(path))
        except InvalidPath as error:
            raise _fault(f"/paths/{number}", str(error)) from None
    return sorted(clean)


def _fault(pointer: str, detail: str) -> BadCredentialTerms:
    return BadCredentialTerms(detail, errors=[{"pointer": pointer, "detail": detail}])


def _stands_on(actor: Actor) -> dict[str, UUID | None]:
    """The rows that the credentials end with. Raises NotForYou."""
    if actor.kind not in {"person", "api_key", "workload"} or actor.pinned is not None:
        raise NotForYou
    key = actor.id if actor.kind == "api_key" else None
    if actor.person_id is None:
        return {"service_account_id": actor.principal_id, "api_key_id": key}
    for belonging in tenants.list_belongings(actor.person_id):
        if belonging.organization_id == actor.organization_id:
            return {"membership_id": belonging.membership_id, "api_key_id": key}
    raise NotForYou


def revoke_credentials(*, actor: Actor, credentials_id: UUID) -> StorageCredential:
    """End them now: one's own, or anybody's for whoever may revoke keys. Raises NotFound, AlreadyEnded."""
    row = selectors.get_credentials(actor, credentials_id, revoking=True)
    if not row.is_live:
        raise AlreadyEnded
    row.revoked_at = now()
    row.save(update_fields=["revoked_at"])
    recorder.record(actor, Tag.CREDENTIALS_REVOKED, target=target_of(row), before={"access_key": row.access_key})
    return row


def forget_credentials(job: RunningJob) -> dict[str, int]:
    """Remove those that ended yesterday or before (VLT-11), bit by bit."""
    mine = StorageCredential.objects.filter(organization_id=job.organization_id, lands=False)
    old = mine.filter(expires_at__lt=now() - CREDENTIALS_KEPT)
    gone = 0
    while True:
        with job.step():
            ids = list(old.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
            gone += old.filter(pk__in=ids).delete()[0]
        if len(ids) < AT_ONCE:
            return {"credentials": gone}
