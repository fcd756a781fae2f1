"""The sealed columns of a table: how much they hold, what is still under older data keys, and bringing it forward.

In SQL of its own: a million rows go through here, and the ORM would make a million objects of them.
"""
# ruff: noqa: S608 - the names in the statements are those of our own models, quoted; every value is a parameter

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Self
from uuid import UUID

import psycopg
from django.db import connection

from hq.crypto.aead import Aead, Tampered
from hq.db.models import PLATFORM_ID
from hq.db.sealing import HEADER_BYTES, Purpose, Ring, header
from keys import rings

log = logging.getLogger("hq.keys")
ROWS = 2000  # in a transaction: its commit weighs little then, and they are locked for some hundredths of a second
PART = 250  # of them, sealed while the server writes the ones before
NAMED = 10  # rows that do not open, in the log of one call: where a data key is wrong, every row says the same
# Our commit need not reach the disk before the next batch: rows that a crash of the server takes back stand under the
# older key again and are found as left. The caller's next commit, which says that they are done, takes ours along.
NOT_WAITED_FOR = "SET LOCAL synchronous_commit TO off"
# A transaction of the caller's, refused once the work is no longer the caller's. Each is a sign of life that renews the
# caller's lease, so whoever works long on one row opens one every minute.
Step = Callable[[], AbstractContextManager[None]]


class _Unopened:
    """The rows of one call that do not open. The log names the first, and then says how many they are."""

    def __init__(self, holder: str, organization_id: UUID) -> None:
        self.whose = {"holder": holder, "organization_id": str(organization_id)}
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.count > NAMED:
            log.error("more values do not open than are named", extra=self.whose | {"count": self.count})

    def add(self, field: Any, row_id: UUID) -> None:
        self.count += 1
        if self.count <= NAMED:
            place = {"column": str(field), "row_id": str(row_id)}
            log.error("sealed value does not open, so it is left as it is", extra=self.whose | place)


class Held(NamedTuple):
    """How many rows there are, and their sealed bytes."""

    rows: int
    bytes: int


class Batch(NamedTuple):
    """What one call did. `last` is where the next one goes on; None when there was no more."""

    resealed: int
    unopened: int
    last: UUID | None


@dataclass(frozen=True)
class SealedColumns:
    """The sealed columns of one table that share a purpose."""

    name: str
    title: str
    purpose: Purpose
    table: str
    fields: tuple[Any, ...]
    owned: bool  # by organizations; else all of its rows belong to the deployment

    def count(self, organization_id: UUID) -> Held:
        sizes = " + ".join(f"coalesce(octet_length({self._quoted(field)}), 0)" for field in self.fields)
        present = " OR ".join(f"{self._quoted(field)} IS NOT NULL" for field in self.fields)
        row = self._row(
            f"SELECT count(*), coalesce(sum({sizes}), 0) FROM {self._table} WHERE ({present})", organization_id
        )
        return Held(int(row[0]), int(row[1]))

    def left(self, organization_id: UUID, version: int) -> int:
        row = self._row(
            f"SELECT count(*) FROM {self._table} WHERE ({self._older})", organization_id, self._heads(version)
        )
        return int(row[0])

    def reseal(self, step: Step, organization_id: UUID, version: int, after: UUID | None, limit: int) -> Batch:
        """Bring the next rows forward, ROWS in each transaction. Raises KeyUnavailable, and what `step` raises."""
        resealed = 0
        with _Unopened(self.name, organization_id) as unopened:
            for start in range(0, limit, ROWS):
                most = min(ROWS, limit - start)
                with step(), connection.wrap_database_errors:
                    rows = self._locked(organization_id, version, after, most)
                    made = self._forward(organization_id, version, rows, unopened)
                resealed += made
                if len(rows) < most:
                    return Batch(resealed, unopened.count, None)
                after = rows[-1][0]
            return Batch(resealed, unopened.count, after)

    def _forward(self, organization_id: UUID, version: int, rows: list[tuple[Any, ...]], unopened: _Unopened) -> int:
        """Seal these rows again; how many of them opened. The server writes one part while the next is sealed here."""
        ring, count = rings.cache.ring(organization_id, self.purpose), 0
        if ring.current < version:  # a process that does not know of it yet would seal under an older one
            ring = rings.cache.renewed(organization_id, self.purpose)
        with connection.connection.pipeline():
            for start in range(0, len(rows), PART):
                made = [made for row in rows[start : start + PART] if (made := self._resealed(ring, row, unopened))]
                self._write(organization_id, made)
                count += len(made)
        return count

    def _locked(self, organization_id: UUID, version: int, after: UUID | None, limit: int) -> list[tuple[Any, ...]]:
        """The next rows with an older value, locked: nobody else's write can fall between reading and writing them."""
        columns = ", ".join(map(self._quoted, self.fields))
        owner = "organization_id = %s AND " if self.owned else ""
        _binary().execute(NOT_WAITED_FOR)
        found = _binary().execute(
            f"SELECT id, {columns} FROM {self._table} WHERE {owner}id > %s AND ({self._older})"
            " ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED",
            [*([organization_id] if self.owned else []), after or PLATFORM_ID, *self._heads(version), limit],
            binary=True,
        )
        rows: list[tuple[Any, ...]] = found.fetchall()
        return rows

    def _resealed(self, ring: Ring, row: tuple[Any, ...], unopened: _Unopened) -> list[Any] | None:
        """The row with its values under the current version; None if one does not open, which changes nothing."""
        made: list[Any] = [row[0]]
        place = ring.organization + row[0].bytes
        for field, data in zip(self.fields, row[1:], strict=True):
            head = data and data[:HEADER_BYTES]
            if head is None or head >= ring.head:
                made.append(data)
                continue
            cipher, aad = ring.cipher(head), field.place + place
            plain = _opened(cipher, data[HEADER_BYTES:], aad) if cipher else None
            if plain is None:
                unopened.add(field, row[0])
                return None
            made.append(ring.head + ring.seal(plain, aad))
            ring.seals += 1
        return made

    def _write(self, organization_id: UUID, rows: list[list[Any]]) -> None:
        if not rows:
            return
        names = [self._quoted(field) for field in self.fields]
        owner = " AND t.organization_id = %b" if self.owned else ""
        arrays = ", ".join(["%b::uuid[]"] + ["%b::bytea[]"] * len(names))
        _binary().execute(
            f"UPDATE {self._table} AS t SET {', '.join(f'{name} = v.{name}' for name in names)}"
            f" FROM unnest({arrays}) AS v (id, {', '.join(names)}) WHERE t.id = v.id{owner}",
            [*map(list, zip(*rows, strict=True)), *([organization_id] if self.owned else [])],
        )

    def _row(self, statement: str, organization_id: UUID, values: list[bytes] | None = None) -> tuple[Any, ...]:
        owner = " AND organization_id = %s" if self.owned else ""
        with connection.cursor() as cursor:
            cursor.execute(statement + owner, [*(values or []), *([organization_id] if self.owned else [])])
            row: tuple[Any, ...] = cursor.fetchone()
        return row

    @property
    def _table(self) -> str:
        return connection.ops.quote_name(self.table)

    @property
    def _older(self) -> str:
        # The version stands big-endian behind one format byte, so older values are smaller ones.
        return " OR ".join(f"{self._quoted(field)} < %s" for field in self.fields)

    def _heads(self, version: int) -> list[bytes]:
        return [header(version)] * len(self.fields)

    @staticmethod
    def _quoted(field: Any) -> str:
        return connection.ops.quote_name(field.column)


def _opened(cipher: Aead, sealed: bytes, aad: bytes) -> bytes | None:
    try:
        return cipher.open(sealed, aad)
    except Tampered:
        return None


def _binary() -> psycopg.Cursor[Any]:
    """A cursor that sends and receives bytes as they are. Django's writes them into the statement, in hexadecimal."""
    return psycopg.Cursor(connection.connection)
