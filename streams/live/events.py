"""What connections are told, and the one rule of who is told what."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from streams.live.people import Viewer

TRAIL, REQUESTS, ACCOUNT, MISSED, END = "trail", "requests", "account", "missed", "end"
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: in the trail of an environment, or in one person's account.

    `place` is its index in the log, or the length of the log now.
    """

    kind: str
    data: dict[str, Any] = field(repr=False)
    organization_id: UUID | None = None
    environment_id: UUID | None = None
    person_id: UUID | None = None
    place: int = 0
    id: UUID = _NOBODY


def visible(viewer: Viewer, event: Event) -> bool:
    """Whether this may be written to them. Everything that is ever written has been asked here."""
    if event.kind == ACCOUNT:
        return event.person_id is not None and event.person_id == viewer.person_id
    if event.kind not in {TRAIL, REQUESTS}:
        return False
    here = event.organization_id == viewer.organization_id and event.environment_id == viewer.environment_id
    return viewer.reads_trail and event.organization_id is not None and here


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """What a connection has been told so far: an index of each log, and the last event of the account."""

    admin: int = 0
    access: int = 0
    account: UUID = _NOBODY

    def __str__(self) -> str:
        return f"{self.admin}.{self.access}.{self.account.hex}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """As it was given out; None if it is none of ours. `12` alone is an index of the trail."""
        admin, _, rest = text.partition(".")
        access, _, account = rest.partition(".")
        try:
            if len(text) > 80 or not (admin + access).isascii() or not (admin + access).isdigit():
                return None
            return cls(int(admin), int(access or -1), UUID(account) if account else _NOBODY)
        except ValueError:
            return None

    def after(self, event: Event) -> "Position":
        if event.kind == TRAIL:
            return Position(max(self.admin, event.place), self.access, self.account)
        if event.kind == REQUESTS:
            return Position(self.admin, max(self.access, event.place), self.account)
        return Position(self.admin, self.access, max(self.account, event.id))

    def is_before(self, event: Event) -> bool:
        return self != self.after(event)


def written(kind: str, data: dict[str, Any], position: Position | None = None) -> bytes:
    """One event as it is sent. JSON on one line: nothing in it can end the event or begin another."""
    lines = [f"id: {position}"] if position else []
    return "\n".join([*lines, f"event: {kind}", f"data: {json.dumps(data)}", "", ""]).encode()


def of_document(raw: bytes) -> dict[str, Any]:
    """What a page is told of an entry: only what stands in the clear, and never its detail."""
    document = json.loads(raw)
    actor, target = document["actor"], document["target"]
    return {
        "index": document["index"],
        "at": document["at"],
        "tag": document["tag"],
        "actor": {"kind": actor["kind"], "id": actor["id"]},
        "target": {"kind": target["kind"], "id": target["id"]},
    }


def new_for(viewer: Viewer, events: Iterable[Event], position: Position) -> list[Event]:
    """Those that the viewer may see and has not been told."""
    return [event for event in events if position.is_before(event) and visible(viewer, event)]
