"""What every store does, whatever it is made of. tests/vault/contract.py says it as tests.

A stored key is `<bucket>/<id>`. Every call names the caller's bucket as well, and a key whose first segment is another
one is refused before anything is looked up (VLT-1): a row that was altered to point elsewhere opens nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from hq.lib.errors import NotFound, Problem

PAGE = 1000  # keys
Told = Callable[[int], None]


def nobody(gone: int) -> None:
    """For who need not hear it."""


# The key's first segment is not the caller's bucket. In words it is no thing; the type tells in the log.
class ForeignKey(NotFound):
    """There is nothing here that you can see."""


class MissingBytes(Problem):
    """The stored bytes of this object are missing. HQ has logged it; an operator can restore them from a backup."""

    status = 500


class BucketMissing(Problem):
    """The bucket of this organization is missing. HQ has logged it; an operator can restore it from a backup."""

    status = 500


class StorageFull(Problem):
    """There is no room for this file where HQ stores objects. Nothing of it was kept."""

    status = 507


class Writer(Protocol):
    """Takes the plain bytes of one object."""

    @property
    def size(self) -> int:
        """Plain bytes so far."""
        ...

    def write(self, data: bytes | memoryview, /) -> int:
        """Seal and store. Raises StorageFull."""
        ...


class Pieces(Protocol):
    """Plain bytes in order. Close it if it is left early; at its end it is closed by itself."""

    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...
    def close(self) -> None: ...


class Closable(Protocol):
    def close(self) -> None: ...


class ClosingPieces:
    """Decrypted pieces, and what is closed with them. A generator that was never begun would not close it."""

    def __init__(self, source: Closable, pieces: Iterator[bytes]) -> None:
        self._source = source
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except BaseException:
            self._source.close()
            raise

    def close(self) -> None:
        self._source.close()


class ObjectStore(Protocol):
    """Sealed objects in buckets. Plain bytes go in and come out; none are ever at rest."""

    def make_bucket(self, bucket: str, cmk: str = "") -> None:
        """Make it, or bring it to the present rules; nothing in it changes.

        `cmk` is the organization's CMK, for a store that encrypts under it besides: the ARN of a key in AWS KMS, or "".
        Raises WrongRegion and BucketTaken on S3.
        """
        ...

    def remove_bucket(self, bucket: str, told: Told = nobody) -> None:
        """Remove everything that is in it, whole, older or unfinished, then the bucket. There is none: nothing happens.

        `told` hears from time to time how many things are gone. Stopped anywhere, it goes on when it is called again.
        """
        ...

    def keys_of(self, bucket: str, after: str = "") -> list[str]:
        """A page of what lies in it, from the first key above `after`; none at the end, or when there is no bucket.

        An object's key is as it was put; what waits or was left there has its own, with one more slash.
        """
        ...

    def put(self, bucket: str, key: str, *, content_key: bytes, aad: bytes) -> AbstractContextManager[Writer]:
        """Write one object. It appears whole and lasting when the block ends; if the block raises, nothing is left.

        Keys are never used again. Raises ForeignKey, StorageFull, BucketMissing, and MissingBytes when it was deleted
        meanwhile.
        """
        ...

    def open(
        self, bucket: str, key: str, *, content_key: bytes, aad: bytes, start: int = 0, stop: int | None = None
    ) -> Pieces:
        """The plaintext's slice, each piece verified before it is given away.

        What was opened stays readable although it be deleted meanwhile; on S3 for as long as its connection does not
        break. Raises ForeignKey, MissingBytes, hq.crypto.aead.Tampered.
        """
        ...

    def delete(self, bucket: str, key: str) -> None:
        """Remove the object, and what an unfinished `put` of it left. If there is none nothing happens."""
        ...

    def sealed_size(self, bucket: str, key: str) -> int | None:
        """Bytes at rest, or None if there is no such whole object."""
        ...

    def unfinished(self, bucket: str) -> list[str]:
        """Keys whose `put` has not ended, or never will. Raises BucketMissing."""
        ...


def check_key(bucket: str, key: str) -> str:
    """The id in a key of this bucket. Raises ForeignKey."""
    first, _, rest = key.partition("/")
    if first != bucket or not bucket or not rest or "/" in rest or rest.startswith("."):
        raise ForeignKey
    return rest
