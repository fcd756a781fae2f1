"""Opening an object for reading."""

import logging
from dataclasses import dataclass

from hq.authz.actor import Actor
from hq.crypto.aead import Tampered
from hq.db.context import tenant
from hq.lib.errors import Problem
from hq.web.transfer import Described
from keys.selectors import content_key
from vault import selectors
from vault.models import Blob, Bucket, ObjectVersion
from vault.store import MissingBytes, Pieces, store_for

log = logging.getLogger("hq.vault")


class ObjectDamaged(Problem):
    """The stored bytes of this object were changed or cut. None is given out; an operator can restore a backup."""

    status = 500


@dataclass(frozen=True, slots=True)
class Opened:
    """A version that may be read. Nothing was read yet."""

    version: ObjectVersion
    bucket: Bucket

    @property
    def described(self) -> Described:
        """What HTTP says of it."""
        version = self.version
        return Described(version.object.name, version.size, version.sha256, version.content_type)

    def read(self, start: int = 0, stop: int | None = None) -> Pieces:
        """The plaintext's slice `[start:stop]`, each piece verified. Read it to its end or close it.

        Between looking up and reading, a rotation may have put another file of the same content in the place of this
        one; then that one is read.

        Raises:
            ObjectDamaged, MissingBytes, KeyUnavailable. When a later chunk turns out to be bad, Tampered from the
            iterator: the answer has begun by then, so all that is left is to break it off.
        """
        blob = self.version.blob
        while True:
            try:
                return self._open(blob, start, stop)
            except MissingBytes:
                replaced_by = self._blob_now()
                if replaced_by is None or replaced_by.id == blob.id:
                    log.error("stored bytes are missing", extra=_place(blob))  # noqa: TRY400 - the place says it all
                    raise
                blob = replaced_by

    def _open(self, blob: Blob, start: int, stop: int | None) -> Pieces:
        key = content_key(blob.organization_id, blob.key_version)
        try:
            return store_for(self.bucket.store).open(
                self.bucket.name, blob.key, content_key=key.key, aad=blob.aad, start=start, stop=stop
            )
        except Tampered:
            log.error("stored bytes were altered", extra=_place(blob))  # noqa: TRY400 - the place says it all
            raise ObjectDamaged from None

    def _blob_now(self) -> Blob | None:
        version = self.version
        with tenant(version.organization_id):
            rows = ObjectVersion.objects.filter(organization_id=version.organization_id, id=version.id)
            found = rows.select_related("blob").first()
        return found.blob if found else None


def _place(blob: Blob) -> dict[str, str]:
    return {"organization": str(blob.organization_id), "blob": str(blob.id)}


def open_object(*, actor: Actor, path: str, version: int | None = None) -> Opened:
    """Find what a path holds, and what it takes to read it. Opens its own transaction; reading needs none.

    Raises:
        NotFound, Denied, InvalidPath.
    """
    with tenant(actor.organization_id):
        return Opened(selectors.get_object(actor, path, version=version), selectors.get_bucket(actor))
