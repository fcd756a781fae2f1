"""Bytes in and out of a session, each kept in the life of its link. The vault decides what may be read and written."""

from dataclasses import dataclass

from hq.authz.actor import Actor
from hq.lib.errors import PreconditionFailed, Refused
from hq.lib.paths import clean_path
from hq.web.transfer import Body, Closeable, Described
from sharing.actions import attempts
from sharing.models import ShareAttempt
from vault import actions as vault
from vault.actions import Conditions, Opened, StoredAs

Kind = ShareAttempt.Kind
ANY = frozenset({"*"})


class NameIsTaken(Refused):
    """There is a file of this name already. This link adds files and replaces none; choose another name."""


@dataclass(frozen=True, slots=True)
class SharedObject:
    """An object that a recipient may read. Nothing was read yet."""

    actor: Actor
    opened: Opened

    @property
    def described(self) -> Described:
        return self.opened.described

    def read(self, start: int, stop: int) -> Closeable:
        """The slice, kept as a download before its first byte leaves."""
        pieces = self.opened.read(start, stop)
        attempts.keep_transfer(self.actor, Kind.DOWNLOADED, self.opened.version.path, stop - start)
        return pieces


def open_shared(*, actor: Actor, path: str) -> SharedObject:
    """Find what a recipient asks for. Call it outside of any transaction. Raises NotFound, InvalidPath."""
    return SharedObject(actor, vault.open_object(actor=actor, path=path))


def put_shared(
    *,
    actor: Actor,
    path: str,
    body: Body,
    match: frozenset[str] | None = None,
    none_match: frozenset[str] | None = None,
) -> StoredAs:
    """Store what a recipient sends. Call it outside of any transaction.

    A file that the link is pinned to is replaced. Below its folders only names that are free are taken.

    Raises:
        NameIsTaken: something has this name already.
        Whatever the vault's `put_object` raises.
    """
    path = clean_path(path)
    replaces = path in (actor.pinned or ())
    try:
        stored = vault.put_object(
            actor=actor,
            path=path,
            chunks=body.chunks,
            content_type=body.content_type,
            conditions=Conditions(match, none_match if replaces else ANY),
            expected_size=body.length,
            expected_sha256=body.sha256,
        )
    except PreconditionFailed:
        if replaces or match is not None:
            raise
        raise NameIsTaken from None
    attempts.keep_transfer(actor, Kind.UPLOADED, stored.version.path, stored.version.size)
    return stored
