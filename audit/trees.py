"""The trees over the two logs, in the database: tiles of 256 hashes (C2SP tlog-tiles), read and grown.

Everything runs in the caller's tenant transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from audit.tags import Log
from hq.crypto import merkle
from hq.db.prepared import prepared
from hq.lib.ids import new_id

_READ = (
    'SELECT "hashes" FROM "audit_tile" WHERE "organization_id" = %s AND "environment_id" = %s AND "log" = %s'
    ' AND "level" = %s AND "number" = %s'
)
_GROW = """
    INSERT INTO audit_tile (id, organization_id, environment_id, log, level, number, hashes)
    SELECT grown.id, %s, %s, %s, grown.level, grown.number, grown.hashes
    FROM unnest(%s::uuid[], %s::int[], %s::bigint[], %s::bytea[]) AS grown (id, level, number, hashes)
    ON CONFLICT ON CONSTRAINT audit_one_tile_a_place DO UPDATE SET hashes = excluded.hashes
"""


@dataclass(slots=True)
class Tiles:
    """The tiles of one log, each read once: what `hq.crypto.merkle` reads trees through."""

    organization_id: UUID
    environment_id: UUID
    log: Log
    _read: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def __call__(self, level: int, number: int) -> bytes:
        """Its hashes in a row; b"" if there is none."""
        tile = self._read.get((level, number))
        if tile is None:
            with prepared() as cursor:
                cursor.execute(_READ, [self.organization_id, self.environment_id, self.log, level, number])
                row = cursor.fetchone()
            tile = self._read[level, number] = bytes(row[0]) if row else b""
        return tile

    def root(self, size: int) -> bytes:
        """That of the tree over the first leaves. Raises LookupError: the tiles do not hold so many."""
        return merkle.root(size, merkle.nodes_of(self))

    def add(self, size: int, leaves: Sequence[bytes]) -> None:
        """Grow the tree of this size by leaf hashes. The caller holds the log's head. Raises LookupError."""
        grown = merkle.extend(size, leaves, self)
        if not grown:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                _GROW,
                [
                    self.organization_id,
                    self.environment_id,
                    self.log,
                    [new_id() for _ in grown],
                    [level for level, _ in grown],
                    [number for _, number in grown],
                    list(grown.values()),
                ],
            )
        self._read |= grown
