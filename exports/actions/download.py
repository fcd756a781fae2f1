"""Giving out the files of an export, each time with an event."""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from audit import recorder
from audit.tags import Tag
from exports import selectors
from exports.actions.make import target_of
from exports.models import Export, Volume
from exports.registry import Scope
from exports.selectors import PERMISSIONS
from hq.authz import gate
from hq.authz.actor import Actor
from hq.crypto.secrets import digest
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import NotFound
from hq.web.transfer import Closeable, Described
from vault.actions.packages import read_package

AGE = "application/octet-stream"
IDENTITY = 0  # the number under which what a passphrase opens is asked for


@dataclass(frozen=True, slots=True)
class Given:
    """A file that may be downloaded. Nothing was read, and nothing recorded yet."""

    actor: Actor
    export: Export
    volume: Volume | None

    @property
    def described(self) -> Described:
        """What HTTP says of it. Its tag is of the volume: the bytes never change, and age itself checks them."""
        export, volume = self.export, self.volume
        if volume is None:
            content = b64decode(export.identity or "")
            return Described(export.identity_name, len(content), digest(content).hex(), AGE)
        tag = digest(f"volume {volume.id}".encode()).hex()
        return Described(export.file_name(volume.number), volume.size, tag, AGE, hashed=False)

    def read(self, start: int, stop: int) -> Closeable:
        """Its bytes, and an event of each time. Raises NotFound, MissingBytes, ObjectDamaged, KeyUnavailable."""
        number = self.volume.number if self.volume else IDENTITY
        with tenant(self.actor.organization_id):
            recorder.record(
                self.actor,
                Tag.EXPORT_DOWNLOADED,
                target=target_of(self.export),
                after={"volume": number, "from": start, "to": stop},
            )
        if self.volume is None:
            return _Bytes(b64decode(self.export.identity or "")[start:stop])
        return read_package(self.actor.organization_id, partial(_blob_of, self.volume), start, stop)


def _blob_of(volume: Volume) -> UUID:
    """The blob that holds it now. Raises NotFound, once it was removed."""
    with tenant(volume.organization_id):
        rows = Volume.objects.filter(organization_id=volume.organization_id, id=volume.id)
        blob_id: UUID | None = rows.values_list("blob_id", flat=True).first()
    if blob_id is None:
        raise NotFound
    return blob_id


class _Bytes:
    """What is at hand, as pieces of a body."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        return iter((self._content,))

    def close(self) -> None:
        """Nothing is open."""


def open_file(*, actor: Actor, scope: Scope, export_id: UUID, number: int) -> Given:
    """One file of a finished export by its number. Opens its own transaction. Raises Denied, NotFound."""
    gate.require(actor, PERMISSIONS[scope])
    with tenant(actor.organization_id):
        export = selectors.get_export(actor, scope, export_id)
        over = export.expires_at <= now()  # the sweep that removes it may be late
        if export.made_at is None or over or (number == IDENTITY and not export.by_passphrase):
            raise NotFound
        volume = selectors.get_volume(export, number) if number != IDENTITY else None
    return Given(actor, export, volume)
