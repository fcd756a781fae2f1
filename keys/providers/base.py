"""What any keeper of CMKs does, after the pattern of AWS KMS, and what can go wrong with each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from hq.lib.errors import Invalid, Refused, Unavailable

KEY_BYTES = 32
SHORTEST_WAIT_DAYS, LONGEST_WAIT_DAYS = 7, 30


class ProviderError(Unavailable):
    """The key provider could not do this. No message ever holds key material."""


class ProviderUnavailable(ProviderError):
    """The key provider does not answer, or cannot work as it is set up."""


class Throttled(ProviderUnavailable):
    """The key provider answers too many requests at the moment; HQ tries again by itself."""


class NotAllowed(ProviderError):
    """The key provider does not let HQ use this CMK. Whoever owns it has to allow it in its policy or by a grant."""


class NoSuchKey(ProviderError):
    """There is no such CMK."""


class KeyDisabled(ProviderError):
    """The CMK is disabled."""


class KeyPendingDeletion(ProviderError):
    """The CMK is scheduled for deletion."""


class Gone(ProviderError):
    """The CMK has been destroyed. What it wrapped can never be read again."""


class InvalidWrapping(ProviderError):
    """The wrapped key was changed, cut, or wrapped by another CMK or for another purpose."""


class WrongState(Refused):
    """The CMK's present state does not allow this."""


class InvalidWait(Invalid):
    """Destruction waits 7 to 30 days."""


class KeyState(StrEnum):
    ENABLED = "ENABLED"
    DISABLED = "DISABLED"
    PENDING_DELETION = "PENDING_DELETION"
    DESTROYED = "DESTROYED"


REFUSALS: dict[str, type[ProviderError]] = {
    KeyState.DISABLED: KeyDisabled,
    KeyState.PENDING_DELETION: KeyPendingDeletion,
    KeyState.DESTROYED: Gone,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDescription:
    """A CMK as its provider sees it. `delete_at` is set while deletion is pending.

    Versions are not here: AWS KMS keeps its own to itself, so HQ counts its rotations in its own row of the CMK.
    """

    ref: str
    state: KeyState
    tags: Mapping[str, str]
    created_at: datetime
    delete_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlainKey:
    """A new data key, wrapped and plain (32 bytes). The plain one is not printed and not stored."""

    wrapped: bytes
    plain: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at in a key that somebody brings, whether it is as it has to be, and the sentence to show."""

    name: str
    ok: bool
    sentence: str


class KeyProvider(Protocol):
    """`context` is the encryption context: strings that must be given again, exactly, to unwrap.

    Every method raises ProviderError (NoSuchKey, Gone, NotAllowed, Throttled, ProviderUnavailable), every use of a CMK
    also KeyDisabled, KeyPendingDeletion and InvalidWrapping, every change of its state WrongState.
    """

    name: str

    def create_key(self, tags: Mapping[str, str]) -> str:
        """Make a CMK, enabled, and give its reference."""
        ...

    def describe_key(self, ref: str) -> KeyDescription: ...

    def generate_data_key(self, ref: str, context: Mapping[str, str]) -> PlainKey:
        """Make a random 256-bit key and wrap it under the newest version."""
        ...

    def wrap(self, ref: str, plain: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap a data key that another CMK gave out: how an organization's keys move from one CMK to the next."""
        ...

    def decrypt(self, ref: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap, whatever version wrapped it."""
        ...

    def reencrypt(self, ref: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap again under the newest version, without the plain key leaving the provider."""
        ...

    def rotate_key(self, ref: str) -> None:
        """Start a new version. Older versions still unwrap."""
        ...

    def is_rotating(self, ref: str) -> bool:
        """Whether a rotation that was asked for is still to come: until then the former version wraps."""
        ...

    def disable_key(self, ref: str) -> None: ...

    def enable_key(self, ref: str) -> None: ...

    def schedule_deletion(self, ref: str, *, days: int = LONGEST_WAIT_DAYS) -> datetime:
        """Refuse every use from now on, destroy after 7 to 30 days, and give that time. Raises InvalidWait."""
        ...

    def destroy_key(self, ref: str) -> datetime | None:
        """Destroy it as soon as the provider lets anybody: at once (None), or, refusing every use till then, at a time.

        For the end of an organization, whose waiting is over. One that is destroyed stays so.
        """
        ...

    def cancel_deletion(self, ref: str) -> None:
        """Leave the key disabled, as AWS KMS does: enabling it is a second decision."""
        ...

    def purge_due(self) -> list[str]:
        """Destroy what is due and give the references. A provider that does it by itself gives none."""
        ...
