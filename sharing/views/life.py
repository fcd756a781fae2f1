"""The life of a link as its page tells it: one line, a list of what happened, and a warning when it travelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sharing.models import ShareAttempt, ShareLink, State

Kind = ShareAttempt.Kind
MARKS = 50  # on the line; all of them stand in the list

REASONS = {
    "expired": "it came too late",
    "limited": "too many passwords were tried",
    "password": "a wrong password",
    "revoked": "the link was revoked",
    "spent": "already opened",
    "tampered": "the address was changed or cut",
    "unbacked": "its maker may no longer share this",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the list: an icon, a bold beginning, the rest of the sentence, details."""

    at: datetime
    symbol: str
    tone: str
    lead: str
    text: str
    ip: str | None = None
    size: int | None = None
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Stranger:
    """Tries that came after the link was spent. `elsewhere`: from other addresses than the one that opened it."""

    count: int
    addresses: list[str]
    elsewhere: bool


def events(link: ShareLink, attempts: Sequence[ShareAttempt], *, whole: bool = True) -> list[Event]:
    """Newest first; unless `whole`, only what was done with the link, not what became of it."""
    found = [_event(attempt) for attempt in attempts]
    if not whole:
        return found
    if link.revoked_at:
        found.append(Event(link.revoked_at, "ban", "refused", str(link.revoked_by_label), "revoked the link"))
    if link.state is State.EXPIRED:
        found.append(Event(link.expires_at, "hourglass", "idle", "Expired.", "Nobody opened it in time"))
    if link.state is State.SPENT and link.access_ends_at:
        found.append(Event(link.access_ends_at, "lock", "idle", "Access ended.", ""))
    found.append(Event(link.created_at, "link", "", link.created_by_label, "made the link"))
    return sorted(found, key=lambda event: event.at, reverse=True)


def _event(attempt: ShareAttempt) -> Event:
    name = attempt.path.rpartition("/")[2]
    match attempt.kind:
        case Kind.LOOKED:
            told = ("eye", "", "", "Page looked at, not opened")
        case Kind.OPENED:
            told = ("mail-open", "ok", "Opened.", "The link is now spent")
        case Kind.DOWNLOADED:
            return Event(attempt.at, "download", "", name, "downloaded", attempt.ip, attempt.size)
        case Kind.UPLOADED:
            return Event(attempt.at, "upload", "", name, "stored by the recipient", attempt.ip, attempt.size)
        case _:
            told = ("refused", "refused", "Refused:", REASONS.get(attempt.reason, attempt.reason))
    return Event(attempt.at, *told, attempt.ip, None, attempt.user_agent)


def points(link: ShareLink, attempts: Sequence[ShareAttempt]) -> list[dict[str, object]]:
    """What stands on the line."""
    placed: list[dict[str, object]] = [{"at": link.created_at, "kind": "created", "label": "Created"}]
    if link.opened_at:
        placed.append({"at": link.opened_at, "kind": "opened", "label": "Opened"})
    refused = [attempt for attempt in attempts if attempt.kind == Kind.REFUSED][:MARKS]
    placed += [{"at": attempt.at, "kind": "refused", "label": "Refused"} for attempt in refused]
    kind, label = _ending(link)
    return [*placed, {"at": link.ends_at, "kind": kind, "label": label}]


def _ending(link: ShareLink) -> tuple[str, str]:
    return {
        State.REVOKED: ("revoked", "Revoked"),
        State.WAITING: ("end", "Open before"),
        State.EXPIRED: ("end", "Expired"),
        State.IN_USE: ("end", "Access ends"),
        State.SPENT: ("spent", "Access ended"),
    }[link.state]


def stranger(link: ShareLink, attempts: Sequence[ShareAttempt]) -> Stranger | None:
    """None when nobody tried again. One address may be a whole office: whoever tries from there may be anybody."""
    tries = [a for a in attempts if a.kind == Kind.REFUSED and a.reason == "spent"]
    elsewhere = [attempt for attempt in tries if attempt.ip != link.opened_ip]
    told = elsewhere or tries
    addresses = list(dict.fromkeys(attempt.ip or "an unknown address" for attempt in told))
    return Stranger(len(told), addresses, bool(elsewhere)) if told else None
