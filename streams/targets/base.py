"""What every target is given, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any, ClassVar, Protocol
from uuid import UUID

from audit.selectors import Entry
from hq.lib.errors import FieldError
from hq.lib.outbound import (
    AddressNotPublic,
    CertificateNotTrusted,
    HostNotFound,
    NotFetched,
    NotHttps,
    NotReached,
    TooLarge,
    TooSlow,
)

# Longer than a webhook's: a batch is larger, and who takes it in may index it first.
SECONDS = 30.0

FAULTS: dict[type[NotFetched], str] = {
    AddressNotPublic: "The address leads into a private network.",
    HostNotFound: "No server is known by the name in the address.",
    NotHttps: "The address has to begin with https://.",
    NotReached: "The server does not answer, or breaks off.",
    TooLarge: "The server’s answer is too large to be read.",
    TooSlow: "The server takes too long.",
}
Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes out at once: entries of one log in their order, or nothing but a test.

    `batch_id` is the same whenever the same batch is sent again, and another once it is replayed.
    """

    batch_id: str
    environment_id: UUID
    log: str
    entries: Sequence[Entry] = field(repr=False)

    @property
    def is_test(self) -> bool:
        return not self.entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it. `said` is a sentence; `final`: another try would be of no use; `wait`: what the target asked."""

    arrived: bool
    said: str = ""
    final: bool = False
    too_large: bool = False
    wait: timedelta = timedelta()
    size: int = 0


class Target(Protocol):
    """A kind of target. `texts` and `secrets`: what its settings and its secret may hold, and how long each may be.

    0: what is no text. Anything else is refused, not passed over: a stream that goes on without its endpoint, its
    prefix or its header leads elsewhere than was asked for.
    """

    texts: ClassVar[Mapping[str, int]]
    secrets: ClassVar[Mapping[str, int]]

    def clean(self, target: Settings, secret: Settings) -> tuple[dict[str, Any], dict[str, Any], list[FieldError]]:
        """Target and secret as they are kept, and what is wrong with them. Members that are no member are left out."""
        ...

    def place(self, target: Settings) -> str:
        """Where it leads, without anything secret: for lists and for the trail."""
        ...

    def shown_to(self, target: Settings) -> str:
        """The server that is sent the secret itself; empty where none is."""
        ...

    def send(self, parcel: Parcel, target: Settings, secret: Settings) -> Outcome:
        """Bring it there; no transaction is open. Never raises for what the other side does."""
        ...


def faulty(error: NotFetched) -> Outcome:
    """What an address that cannot be reached comes to: it is tried again."""
    if isinstance(error, CertificateNotTrusted):  # its own words say what is wrong with it
        return Outcome(arrived=False, said=str(error))
    return Outcome(arrived=False, said=FAULTS.get(type(error), "The address cannot be asked."))


def since(began: float) -> int:
    """Milliseconds."""
    return round((monotonic() - began) * 1000)


def unread(given: Settings, known: Mapping[str, int], where: str) -> list[FieldError]:
    """What of these members would not be taken as it was given."""
    faults: list[FieldError] = []
    for name, value in given.items():
        most = known.get(name)
        if most is None:
            faults.append({"pointer": f"/{where}/{name[:60]}", "detail": "This member is not known here."})
        elif most and not (isinstance(value, str) and len(value) <= most):
            faults.append({"pointer": f"/{where}/{name}", "detail": f"Enter text of at most {most:,} characters."})
    return faults


def text_of(settings: Settings, name: str) -> str:
    """A member as text: empty where it is missing or something else."""
    value = settings.get(name, "")
    return value.strip() if isinstance(value, str) else ""
