"""What became of an attempt, in words and with what to do."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from webhooks.models import Attempt


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt as the page tells it. `tone` is a state of the badge, `hint` what was wrong or what to do."""

    number: int
    at: datetime
    replay: bool
    milliseconds: int
    tone: str
    said: str
    hint: str
    answer: str


def of(attempt: Attempt) -> Try:
    """The answer is only the beginning of what came."""
    return Try(
        number=attempt.number,
        at=attempt.at,
        replay=attempt.replay,
        milliseconds=attempt.milliseconds,
        tone="ok" if attempt.arrived else "refused",
        said=_said(attempt),
        hint=_hint(attempt),
        answer=attempt.answer,
    )


def _said(attempt: Attempt) -> str:
    if attempt.status is None:
        return "No answer"
    try:
        return f"{attempt.status} {HTTPStatus(attempt.status).phrase}"
    except ValueError:
        return f"Status {attempt.status}"


# What a status means to a sender of webhooks, where its name alone does not say what to do.
_HINTS = {
    401: "The receiver did not accept the signature, or asks for something else. Compare its secret, and its clock.",
    403: "The receiver, or what stands before it, refuses requests from HQ. Look at its rules and its firewall.",
    404: "There is nothing at this address. Compare the path with the receiver’s.",
    405: "The receiver takes no POST at this address.",
    410: "It asks HQ to send nothing more.",
    413: "The body is too large for the receiver. Bodies are small; look at its limit.",
    429: "The receiver has too much to do.",
}
# What HQ then did by itself.
_THEN = {410: " So HQ switched the endpoint off.", 429: " HQ waits as long as it asked, a day at most."}


def _hint(attempt: Attempt) -> str:
    status = attempt.status
    if status is None:
        return f"{attempt.fault}."
    if attempt.arrived:
        return ""
    if status in _HINTS:
        # What is sent by hand switches nothing off and is not tried again.
        return _HINTS[status] if attempt.replay else f"{_HINTS[status]}{_THEN.get(status, '')}"
    if 300 <= status < 400:
        return "HQ follows no redirect: it could lead anywhere. Enter the address that it leads to."
    return "The receiver failed while it worked on it. Its own log says why." if status >= 500 else ""
