"""One request to an endpoint, and what came of it. No transaction is open here, and no row is read."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic

from django.conf import settings

from hq.lib.outbound import (
    AddressNotPublic,
    CertificateNotTrusted,
    HostNotFound,
    NotFetched,
    NotHttps,
    NotReached,
    OutboundSession,
    TooLarge,
    TooSlow,
)
from hq.lib.retry_after import wait_of
from hq.web.outbound import rules

# Long enough for a receiver that works before it answers. How much of an answer is read, and how much of that is kept.
SECONDS = 15.0
READ_BYTES, KEPT_BYTES = 64 * 1024, 1024
# A receiver may ask to be left alone, for a day at most.
LONGEST_WAIT = timedelta(days=1)
ASKS_TO_WAIT = {429, 503}

FAULTS: dict[type[NotFetched], str] = {
    AddressNotPublic: "The address leads into a private network",
    CertificateNotTrusted: "The certificate of the server is not trusted",
    HostNotFound: "No server is known by the name in the address",
    NotHttps: "The address has to begin with https://",
    NotReached: "The server does not answer, or breaks off its answer",
    TooLarge: "The head of the answer is too large",
    TooSlow: "The server takes too long to answer",
}
OTHERWISE = "The address cannot be asked"


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes out: where to, with which headers, and the very bytes that are signed."""

    url: str = field(repr=False)
    headers: dict[str, str]
    body: bytes = field(repr=False)
    signed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it: a status, or without one a fault in words. `wait` is how long the receiver asks to wait."""

    milliseconds: int
    status: int | None = None
    fault: str = ""
    answer: str = ""
    wait: timedelta = timedelta()

    @property
    def arrived(self) -> bool:
        """Any answer of the 200s; a redirect is none, as nobody follows it."""
        return self.status is not None and 200 <= self.status < 300


def send(letter: Letter) -> Outcome:
    """Post it by the rules for addresses that others typed, to where its name leads now."""
    ours = replace(rules(), seconds=SECONDS, most_bytes=READ_BYTES, as_it_is=True)
    headers = {"content-type": "application/json", "user-agent": f"HQ/{settings.VERSION}", **letter.headers}
    began = monotonic()
    try:
        with OutboundSession(ours) as session:
            response = session.post(letter.url, data=letter.body, headers=headers, allow_redirects=False)
    except NotFetched as fault:
        return Outcome(milliseconds=_since(began), fault=FAULTS.get(type(fault), OTHERWISE))
    return Outcome(
        milliseconds=_since(began),
        status=response.status_code,
        answer=response.content[:KEPT_BYTES].decode(errors="replace"),
        wait=wait_of(response, LONGEST_WAIT) if response.status_code in ASKS_TO_WAIT else timedelta(),
    )


def _since(began: float) -> int:
    return round((monotonic() - began) * 1000)
