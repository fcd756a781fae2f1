"""Keys for sealed columns, as `hq.db` sees them: named by organization and purpose, made by whoever registers here.

A sealed value is: format (1 byte) | data key version (4 bytes, big-endian) | nonce (12) | ciphertext | tag (16).
Its associated data is: table NUL column NUL | organization (16 bytes) | row (16 bytes). The first five bytes choose the
key, so changing them opens nothing; the rest ties the value to its one place (KEY-8).
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Protocol
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


class KeyUnavailable(Unavailable):
    """The encryption key of this organization cannot be used right now, so nothing under it is readable."""


def header(version: int) -> bytes:
    """The five bytes that a value under this key version begins with."""
    return bytes((FORMAT,)) + version.to_bytes(4, "big")


class Ring:
    """One organization's data keys for one purpose, unwrapped and ready. Never stored, never printed.

    `seal` and `head` belong to the current version; `openers` has every version by its header. `expires` and `used` are
    monotonic seconds, kept here so that a look-up is one dict read.
    """

    __slots__ = ("current", "expires", "head", "keys", "openers", "organization", "seal", "used")

    def __init__(self, organization_id: UUID, *, current: int, keys: Mapping[int, bytes], expires: float = 0.0) -> None:
        ciphers = {version: Aead(key) for version, key in keys.items()}
        self.current = current
        self.keys = dict(keys)
        self.head = header(current)
        self.seal: Callable[[bytes, bytes], bytes] = ciphers[current].seal
        self.openers: dict[bytes, Callable[[bytes, bytes], bytes]] = {
            header(v): cipher.open for v, cipher in ciphers.items()
        }
        self.organization = organization_id.bytes
        self.expires = expires
        self.used = 0.0

    def __repr__(self) -> str:
        return f"<Ring of {UUID(bytes=self.organization)}: {len(self.keys)} versions, current {self.current}>"

    def __reduce__(self) -> str:
        raise TypeError("Unwrapped keys stay in this process.")


class KeySource(Protocol):
    """Where rings come from. `ring` is on the path of every sealed value: it must answer from memory."""

    def ring(self, organization_id: UUID, purpose: Purpose) -> Ring:
        """The ring, perhaps some minutes old. Raises KeyUnavailable."""
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
