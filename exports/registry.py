"""What an export holds. Rooms register their sources at start-up; an export writes them one after the other.

A source is read in pages and keeps nothing, so that it may be of any size, and it says with each thing where it would
go on after it, so that a killed worker's successor begins there. Sources come in the order of their registration.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import orjson

from hq.db.context import tenant

PART_BYTES = 4 * 1024 * 1024
PAGE = 500


class Scope(StrEnum):
    """Whose data it is: one person's, or everything that an organization has."""

    OWN = "own"
    ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True)
class Asked:
    """One export, as sources see it. `person_id` is who asked: all that an export of the scope OWN may tell of."""

    export_id: UUID
    organization_id: UUID
    scope: Scope
    person_id: UUID
    membership_id: UUID | None


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive. `facts` stand beside its name in the manifest.

    `sha256` is given where it is known: of a stored file since it was stored, and reading it verifies every byte.
    Hashing once more would take as long as all else together.

    `pieces` is called once, outside of any transaction, and gives exactly `size` bytes.
    """

    name: str
    size: int
    pieces: Callable[[], Iterator[bytes]]
    sha256: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    counts: int = 0  # bytes that progress is told by
    # Members that belong together are in one volume: those that are joined to the one before them, and of the first
    # how many bytes they take.
    joined: bool = False
    beside: int = 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A member that would be here if it could be read: its name, why it cannot, and what stands beside it."""

    name: str
    why: str
    facts: Mapping[str, Any] = field(default_factory=dict)


Item = Member | LeftOut


class Source(Protocol):
    """Where members come from."""

    @property
    def name(self) -> str: ...
    @property
    def scopes(self) -> frozenset[Scope]: ...
    def members(self, asked: Asked, after: str) -> Iterator[tuple[str, Item]]:
        """Each with the place behind it, from which another call would go on; the beginning is the empty place."""
        ...


# Of a row: where the next page goes on after it, and what the line says.
Rows = Callable[[Asked, str, int], Sequence[tuple[str, Mapping[str, Any]]]]
Files = Callable[[Asked, str, int], Sequence[tuple[str, Member]]]


@dataclass(frozen=True, slots=True)
class RowSource:
    """Rows as JSON Lines, in parts of some megabytes: `tables/<name>-0001.jsonl`, `tables/<name>-0002.jsonl`, …"""

    name: str
    title: str
    page: Rows
    scopes: frozenset[Scope]

    def members(self, asked: Asked, after: str) -> Iterator[tuple[str, Member]]:
        number, _, place = after.partition(":")
        part, lines, size = int(number or 0), list[bytes](), 0
        while True:
            with tenant(asked.organization_id):
                rows = self.page(asked, place, PAGE)
            for behind, row in rows:
                line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
                if lines and size + len(line) > PART_BYTES:
                    part += 1
                    yield f"{part}:{place}", self._part(part, lines)
                    lines, size = [], 0
                lines.append(line)
                size += len(line)
                place = behind
            if len(rows) < PAGE:
                break
        if lines:
            yield f"{part + 1}:{place}", self._part(part + 1, lines)

    def _part(self, number: int, lines: list[bytes]) -> Member:
        content = b"".join(lines)
        name = f"tables/{self.name}-{number:04}.jsonl"
        return Member(name, len(content), lambda: iter((content,)), facts={"title": self.title, "rows": len(lines)})


@dataclass(frozen=True, slots=True)
class FileSource:
    """Files as they are."""

    name: str
    title: str
    page: Files
    scopes: frozenset[Scope]

    def members(self, asked: Asked, after: str) -> Iterator[tuple[str, Member]]:
        place = after
        while True:
            with tenant(asked.organization_id):
                found = self.page(asked, place, PAGE)
            if not found:
                return
            yield from found
            place = found[-1][0]


_sources: dict[str, Source] = {}
BOTH = frozenset(Scope)
WHOLE, OWN = frozenset({Scope.ORGANIZATION}), frozenset({Scope.OWN})


def add_source(name: str, title: str, page: Rows, *, scopes: frozenset[Scope] = WHOLE) -> None:
    """Rows that exports hold, in a file of their own. Twice the same name: the last one.

    `page(asked, after, limit)` is called in the organization's context and gives up to `limit` rows behind `after`, in
    an order that does not change; fewer are the last. Each comes with its place, a short text. What a row says is of
    JSON's own types, and never a secret.
    """
    _sources[name] = RowSource(name, title, page, scopes)


def add_files(name: str, title: str, page: Files, *, scopes: frozenset[Scope] = WHOLE) -> None:
    """Files that exports hold as they are. As with rows; none are the end. Twice the same name: the last one.

    The names of its members begin with a folder that no other source writes to, and each occurs once.
    """
    _sources[name] = FileSource(name, title, page, scopes)


def add(source: Source) -> None:
    """One that reads in its own way, outside of any transaction. Twice the same name: the last one."""
    _sources[source.name] = source


def sources(scope: Scope) -> list[Source]:
    """What exports of this scope are made of, in order."""
    return [source for source in _sources.values() if scope in source.scopes]
