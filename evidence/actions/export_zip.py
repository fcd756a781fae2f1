"""The ZIP of an export, piece by piece as entries are read: its size in memory is that of one page of them."""

import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import IO, Any, Final, Protocol, cast

from audit import selectors as trail
from audit.selectors import Entry
from audit.tags import Log
from evidence.actions.export_rows import csv_head, csv_row, json_line
from evidence.models import Checkpoint, TrailExport
from evidence.selectors import note_of
from hq.crypto.statements import TRAIL_EXPORT, timestamp
from hq.db.context import tenant
from hq.lib.canonical import canonical
from keys.actions.signing import sign_statement
from keys.registry import tenancy

PAGE: Final = 1000
COVERS = (
    "Every entry of the log from the first to the last, none left out, as each was hashed when it was made.",
    "Details as they were committed to. One that is null can no longer be opened: its key was destroyed.",
)
NOT_COVERED = (
    "What happened before the first entry and after the last one.",
    "Whether what is recorded is true, and the times, which are by the clock of the server.",
)


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> Any: ...


class ChangedMeanwhile(Exception):
    """A key was destroyed between two readings of the same entries. The export is begun again."""


@dataclass(slots=True)
class Making:
    """One export being written. `after_page` is called now and then with how many entries were read so far."""

    export: TrailExport
    checkpoint: Checkpoint
    after_page: Callable[[int], None]
    shredded: int = 0
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    _read: int = 0
    _files: list[dict[str, Any]] = field(default_factory=list)

    @property
    def log(self) -> Log:
        return Log(self.export.log)

    @property
    def file_name(self) -> str:
        """What was put together when it was asked for, and the range."""
        return f"{self.export.name}-{self.export.first}-{self.export.last}.zip"

    def write(self, sink: Sink) -> None:
        """All of it. Raises KeyUnavailable, ChangedMeanwhile, EntryMissing, and what the sink raises."""
        with zipfile.ZipFile(cast("IO[bytes]", _Forward(sink)), "w", zipfile.ZIP_DEFLATED) as archive:
            with self._member(archive, "events.jsonl") as put:
                for entry in self._entries():
                    self._note(entry)
                    put(json_line(entry))
            if self.export.with_csv:
                self._write_csv(archive)
            self._short(archive, "checkpoint.txt", self._note_text().encode())
            self._short(archive, "proof.json", canonical(self._proof()))
            statement = self._statement()
            self._short(archive, "statement.json", statement)

    def _write_csv(self, archive: zipfile.ZipFile) -> None:
        row, shredded = csv_row(self.log), 0
        with self._member(archive, "events.csv") as put:
            put(csv_head(self.log))
            for entry in self._entries():
                shredded += entry.detail is None
                put(row(entry))
        if shredded != self.shredded:
            raise ChangedMeanwhile

    def _note(self, entry: Entry) -> None:
        self.begins_at = self.begins_at or entry.at
        self.ends_at = entry.at
        self.shredded += entry.detail is None

    def _entries(self) -> Iterator[Entry]:
        """A page a transaction, without a gap."""
        export = self.export
        after, last = (export.first or 1) - 1, export.last or 0
        while after < last:
            with tenant(export.organization_id):
                page = trail.page_log(
                    export.organization_id, export.environment_id, self.log, after=after, limit=min(PAGE, last - after)
                )
            if not page:
                raise trail.EntryMissing
            for entry in page:
                if entry.index != after + 1:
                    raise trail.EntryMissing
                after = entry.index
                yield entry
            self._read += len(page)
            self.after_page(self._read)

    @contextmanager
    def _member(self, archive: zipfile.ZipFile, name: str) -> Iterator[Callable[[bytes], None]]:
        digest, size, lines = sha256(), 0, 0
        held: list[bytes] = []

        def flush() -> None:
            nonlocal size, lines
            piece = b"".join(held)
            held.clear()
            digest.update(piece)
            size += len(piece)
            lines += piece.count(b"\n")
            member.write(piece)

        def put(piece: bytes) -> None:
            held.append(piece)
            if len(held) == PAGE:
                flush()

        with archive.open(self._info(name), "w", force_zip64=True) as member:
            yield put
            flush()
        self._files.append({"name": name, "sha256": digest.hexdigest(), "size": size, "lines": lines})

    def _short(self, archive: zipfile.ZipFile, name: str, content: bytes) -> None:
        with self._member(archive, name) as put:
            put(content)

    def _info(self, name: str) -> zipfile.ZipInfo:
        """No clock but that of the request stands in it."""
        info = zipfile.ZipInfo(name, self.export.created_at.timetuple()[:6])
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
        return info

    def _note_text(self) -> str:
        with tenant(self.export.organization_id):
            return note_of(self.checkpoint)

    def _proof(self) -> dict[str, Any]:
        export, size = self.export, self.checkpoint.size
        first, last = export.first or 1, export.last or 1
        with tenant(export.organization_id):
            hashes = trail.beside(export.organization_id, export.environment_id, self.log, first - 1, last, size)
        return {"beside": [b64encode(each).decode() for each in hashes], "first": first, "last": last, "size": size}

    def _statement(self) -> bytes:
        export = self.export
        with tenant(export.organization_id):
            organization = tenancy().name_of(export.organization_id)
            return sign_statement(
                {
                    "type": TRAIL_EXPORT,
                    "organization": {"id": str(export.organization_id), "name": organization},
                    "environment": str(export.environment_id),
                    "log": str(self.log),
                    "first": export.first,
                    "last": export.last,
                    "begins_at": timestamp(self.begins_at or export.created_at),
                    "ends_at": timestamp(self.ends_at or export.created_at),
                    "shredded": self.shredded,
                    "checkpoint": {
                        "origin": self.checkpoint.origin,
                        "size": self.checkpoint.size,
                        "root": bytes(self.checkpoint.root).hex(),
                    },
                    "files": self._files,
                    "covers": list(COVERS),
                    "does_not_cover": list(NOT_COVERED),
                    "requested": {"at": timestamp(export.created_at), "by": str(export.requested_by_id)},
                }
            )


class _Forward:
    """A writer as a file that zipfile only ever appends to."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        self._sink.write(data)
        return len(data)

    def flush(self) -> None:
        """The store does that itself, at its end."""
