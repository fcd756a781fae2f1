"""Keys for sealed columns, as `hq.db` sees them: named by organization and purpose, made by whoever registers here.

A sealed value is: format (1 byte) | data key version (4 bytes, big-endian) | nonce (12) | ciphertext | tag (16).
Its associated data is: table NUL column NUL | organization (16 bytes) | row (16 bytes). The first five bytes choose the
key, so changing them opens nothing; the rest ties the value to its one place (KEY-8).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from hq.crypto.aead import OVERHEAD_BYTES, Aead
from hq.lib.errors import Unavailable

FORMAT = 1
HEADER_BYTES = 5
SHORTEST = HEADER_BYTES + OVERHEAD_BYTES


class Purpose(StrEnum):
    """What a data key is for. One key never serves two purposes (KEY-3)."""

    AUDIT = "audit"
    BLIND_INDEX = "blind_index"
    CAPABILITY = "capability"
    CONTENT = "content"
    METADATA = "metadata"
    PEOPLE = "people"
    SIGNING = "signing"


class KeyUnavailable(Unavailable):
    """The encryption key of this organization cannot be used right now, so nothing under it is readable."""


class KeyGone(KeyUnavailable):
    """The encryption key of this organization was destroyed, so what is under it will never be readable again."""


class Principal(NamedTuple):
    """For whom keys are unwrapped: what `Actor` calls kind and id."""

    kind: str
    id: UUID


principal: ContextVar[Principal | None] = ContextVar("principal", default=None)


@contextmanager
def on_behalf_of(kind: str, principal_id: UUID) -> Iterator[None]:
    """Say for whom this thread works, so that a key can tell who used it last."""
    token = principal.set(Principal(kind, principal_id))
    try:
        yield
    finally:
        principal.reset(token)


@cache
def header(version: int) -> bytes:
    """The five bytes that a value under this key version begins with. One object for all tenants stays near the CPU."""
    return bytes((FORMAT,)) + version.to_bytes(4, "big")


class Ring(Aead):
    """One organization's data keys for one purpose, unwrapped: the current version's cipher, and the older ones.

    It is the cipher rather than having one, because with a thousand tenants each step in memory costs as much as the
    work itself. Never stored, never printed. `used` is for the cache that keeps it, `expires` in monotonic seconds.
    `seals` counts encryptions that nobody has put down yet: two threads at once may lose one, and the bound has room.
    """

    __slots__ = ("current", "expires", "head", "keys", "older", "organization", "principal", "seals", "used")

    def __init__(self, organization_id: UUID, *, current: int, keys: Mapping[int, bytes]) -> None:
        super().__init__(keys[current])
        self.current = current
        self.head = header(current)
        self.organization = organization_id.bytes
        self.keys = dict(keys)
        self.older = {header(version): Aead(key) for version, key in keys.items() if version != current}
        self.expires = 0.0
        self.principal = principal.get()
        self.seals = 0
        self.used = False

    def cipher(self, head: bytes) -> Aead | None:
        """The cipher of the version that a value's first five bytes name."""
        return self if head == self.head else self.older.get(head)

    def __repr__(self) -> str:
        return f"<Ring of {UUID(bytes=self.organization)}: {len(self.keys)} versions, current {self.current}>"

    def __reduce__(self) -> str:
        raise TypeError("Unwrapped keys stay in this process.")


# The rings in this process's memory, for the hot path: one dict read finds one, and what is not here is asked of the
# key source, which alone writes here. It takes out what is too old or was revoked: being here means being usable. The
# key is the organization's number, since hashing a UUID runs Python code; for capability keys with the environment's.
remembered: dict[Purpose, dict[Any, Ring]] = {purpose: {} for purpose in Purpose}


class KeySource(Protocol):
    """Where rings come from when none is remembered."""

    def ring(self, organization_id: UUID, purpose: Purpose) -> Ring:
        """The ring, perhaps some minutes old, and remembered from now on. Raises KeyUnavailable."""
        ...

    def renewed(self, organization_id: UUID, purpose: Purpose) -> Ring:
        """The ring as it is now: a value names a version that the remembered one lacks. Raises KeyUnavailable."""
        ...


class _NoSource:
    def ring(self, organization_id: UUID, purpose: Purpose) -> Ring:
        raise KeyUnavailable("No key source is registered in this process.")

    renewed = ring


_source: KeySource = _NoSource()


def register_key_source(source: KeySource) -> None:
    """Called once at start-up by the app that keeps keys; the last one wins."""
    global _source  # noqa: PLW0603 - `hq.db` stands below `keys` and cannot import it
    _source = source


def key_source() -> KeySource:
    """The registered source; before that, one that refuses."""
    return _source
