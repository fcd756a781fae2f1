"""What the page of keys tells of versions, data keys, custody and evidence."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from audit import selectors as trail
from audit.selectors import Filters
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.sealing import KeyUnavailable
from hq.lib.text import plural
from keys.models import Cmk, Holding, Rotation, Statement
from keys.registry import holders
from keys.selectors import KeyLine

KINDS = {"api_key": "an API key", "link": "a share link", "person": "a member", "system": "HQ"}
UNREADABLE = "Not readable now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One line of the history. `state` is a name that keys/_state.html knows; `moved_to` where a move led."""

    number: int
    state: str
    made_at: datetime
    by: str
    moved_to: str
    statement: Statement | None

    @property
    def digest(self) -> str:
        return bytes(self.statement.digest).hex() if self.statement else ""


def versions(
    first: Cmk | None, rotations: Sequence[Rotation], statements: Mapping[UUID, Statement], state: str
) -> list[Version]:
    """Newest first. `state` is what the CMK in use is now; the first version was made with the organization."""
    made = [rotation for rotation in rotations if rotation.made_at is not None]
    names = _names(made)
    found = [
        Version(
            number=rotation.to_version or 0,
            state=_state(place, made, state),
            made_at=rotation.made_at or rotation.requested_at,
            by=names[rotation.id],
            moved_to=rotation.cmk.kept_in if rotation.from_cmk_id else "",
            statement=statements.get(rotation.statement_id) if rotation.statement_id else None,
        )
        for place, rotation in enumerate(made)
    ]
    if first is not None:
        found.append(
            Version(
                number=1,
                state=_state(len(made), made, state),
                made_at=first.created_at,
                by="Set-up",
                moved_to="",
                statement=None,
            )
        )
    return found


def _state(place: int, made: Sequence[Rotation], state: str) -> str:
    """The newest is in use or taking over; the one before it decrypts until nothing is left under it."""
    if state in {"DISABLED", "PENDING_DELETION", "DESTROYED"}:
        return state
    under_way = bool(made) and made[0].state != Rotation.State.DONE
    if place == 0:
        return "TAKING_OVER" if under_way and made[0].state != Rotation.State.INCOMPLETE else "VERSION_IN_USE"
    return "DECRYPTS" if place == 1 and under_way else "VERSION_RETIRED"


def _names(rotations: Sequence[Rotation]) -> dict[UUID, str]:
    """Who asked for each. The names are sealed under the organization's own key: that may not be to be had."""
    names = {rotation.id: "Yearly schedule" for rotation in rotations if rotation.scheduled}
    asked = [rotation for rotation in rotations if not rotation.scheduled]
    try:
        return names | {rotation.id: str(rotation.requested_by_label) for rotation in asked}
    except KeyUnavailable:
        return names | dict.fromkeys((rotation.id for rotation in asked), UNREADABLE)


def asked_by(rotation: Rotation) -> str:
    """Who wanted a rotation."""
    return _names([rotation])[rotation.id]


def users(actor: Actor, lines: Sequence[KeyLine]) -> dict[UUID, str]:
    """For whom each data key was last held in memory, by the id of the key's line."""
    used = [line for line in lines if line.last_used_at is not None]
    ids = {line.last_used_by_id for line in used if line.last_used_by_id and line.last_used_by_kind != "system"}
    names: dict[UUID, str] = {}
    if ids and gate.allows(actor, Permission.AUDIT_READ):
        try:
            names = trail.names_of(actor, [each for each in ids if each is not None])
        except KeyUnavailable:  # then the kind of principal has to do
            names = {}
    return {
        line.id: names.get(line.last_used_by_id or line.id) or KINDS.get(line.last_used_by_kind, "HQ") for line in used
    }


def place_of(cmk: Cmk) -> tuple[str, str]:
    """Where a CMK is kept, and a note: for AWS KMS its region and whose account."""
    if cmk.provider != "kms":
        return cmk.kept_in, "Outside the database, so its backups never carry it"
    region, account = (cmk.ref.split(":") + [""] * 5)[3:5]
    whose = "your account" if cmk.customer_owned else "account"
    return cmk.kept_in, f"{region}, {whose} {account[:4]}…{account[-4:]}"


def losses(organization_id: UUID, held: Mapping[str, Holding]) -> list[Mapping[str, Any]]:
    """What becomes unreadable without the keys, by the last count; the largest first."""
    return by_size(
        {"what": holder.title, "rows": held[holder.name].rows, "bytes": held[holder.name].bytes}
        for holder in holders(organization_id)
        if holder.name in held
    )


def by_size(lines: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What there is, the largest first."""
    return sorted((line for line in lines if line["rows"]), key=lambda line: (-line["bytes"], line["what"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A signed statement as its card tells it. `body` is what was signed."""

    statement: Statement
    title: str
    sentence: str
    limits: str
    body: dict[str, Any]
    entry: int | None = None

    @property
    def digest(self) -> str:
        return bytes(self.statement.digest).hex()


def evidence_of(statement: Statement) -> Evidence:
    """Read it; it stands under the deployment's own key, so it opens when those of its organization are gone."""
    body: dict[str, Any] = json.loads(statement.file)["statement"]
    title, sentence = _TOLD[statement.kind]
    return Evidence(
        statement=statement,
        title=title,
        sentence=sentence(body),
        limits=" ".join(body["does_not_cover"]),
        body=body,
    )


def _at(text: str) -> str:
    at = datetime.fromisoformat(text).astimezone(UTC)
    return f"On {at:%-d %B %Y at %H:%M:%S} UTC"


def _rotated(body: Mapping[str, Any]) -> str:
    key = body["key"]
    rows = plural(sum(line["rows"] for line in body["data"]), "row")
    name, wrapped = body["organization"]["name"], plural(body["rewrapped"], "data key")
    what = "its former key" if "moved_from" in key else f"version {key['from_version']} of its key"
    return (
        f"{_at(body['finished_at'])}, {body['rows_left']} rows of {name} were left on {what}."
        f" {rows} stand under version {key['to_version']}; {wrapped} were wrapped anew."
    )


def _deleted(body: Mapping[str, Any]) -> str:
    data_keys = plural(sum(len(key["data_keys"]) for key in body["keys"]), "data key")
    rows = sum(line["rows"] for line in body["counts"])
    lost = f" {plural(rows, 'row')} are unreadable for good." if rows else " Nothing stood under them any more."
    name, keys = body["organization"]["name"], plural(len(body["keys"]), "key")
    return f"{_at(body['destroyed_at'])}, {keys} and {data_keys} of {name} were destroyed.{lost}"


def _erased(body: Mapping[str, Any]) -> str:
    rows = sum(line["rows"] for line in body["counts"])
    return f"{_at(body['erased_at'])}, one {body['subject']} was erased: {plural(rows, 'row')} are gone."


_TOLD: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    Statement.Kind.DELETION: ("Deletion certificate", _deleted),
    Statement.Kind.ERASURE: ("Erasure certificate", _erased),
    Statement.Kind.ROTATION: ("Rotation statement", _rotated),
}


def with_entry(actor: Actor, evidence: Evidence, rotation: Rotation) -> Evidence:
    """With its place in the trail of the environment that keeps what happens to the whole organization."""
    if (
        rotation.finished_at is None
        or actor.home_environment_id is None
        or not gate.allows(actor, Permission.AUDIT_READ)
    ):
        return evidence
    home = actor.at(actor.home_environment_id)
    near = Filters(
        tag=Tag.KEY_REENCRYPTED,
        target_id=str(rotation.cmk_id),
        since=rotation.finished_at,
        until=rotation.finished_at + timedelta(minutes=1),
    )
    events = trail.list_events(home, near, before=None, limit=1)
    return replace(evidence, entry=events[-1].index) if events else evidence
