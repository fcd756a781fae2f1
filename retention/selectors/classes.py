"""How long everything is kept: what rooms registered, what an organization chose, what stays with its owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db import retention
from hq.db.classes import Erasure, declaration, every_model
from hq.db.retention import RecordClass
from hq.lib.clock import now
from retention.models import Enforcement, Period
from retention.selectors.holds import standing_prefixes
from retention.selectors.tables import title_of

DAY = timedelta(days=1)


class ChosenPeriods:
    """What organizations chose, for the rooms that ask before they remove anything (hq.db.retention.Periods)."""

    def period(self, organization_id: UUID, record: RecordClass) -> timedelta | None:
        return _period(record, Period.objects.filter(organization_id=organization_id, name=record.name).first())

    def held(self, organization_id: UUID, record: RecordClass) -> tuple[str, ...] | None:
        prefixes = standing_prefixes(organization_id)
        if prefixes and not record.by_path:
            return None  # nothing tells what belongs to which path, so all of it stays
        return prefixes


def _period(record: RecordClass, chosen: Period | None) -> timedelta | None:
    if chosen is None or not record.changeable:
        return record.default
    return timedelta(days=chosen.days) if chosen.days else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One class of record in an organization. `past`: rows that are over and still there; `held`: a hold keeps some."""

    record: RecordClass
    period: timedelta | None
    chosen: bool
    past: int
    held: bool
    enforced_at: datetime | None
    removed: int

    @property
    def days(self) -> int | None:
        return self.period.days if self.period is not None else None


def list_classes(actor: Actor) -> Sequence[Line]:
    """Every registered class, with what is past its retention now. Raises Denied."""
    gate.require(actor, Permission.RETENTION_CHANGE)
    here = {"organization_id": actor.organization_id}
    chosen = {row.name: row for row in Period.objects.filter(**here)}
    enforced = {row.name: row for row in Enforcement.objects.filter(**here)}
    prefixes = standing_prefixes(actor.organization_id)
    return [
        _line(actor.organization_id, record, chosen.get(record.name), enforced.get(record.name), prefixes)
        for record in retention.record_classes()
    ]


def _line(
    organization_id: UUID,
    record: RecordClass,
    chosen: Period | None,
    enforced: Enforcement | None,
    prefixes: tuple[str, ...] | None,
) -> Line:
    period = _period(record, chosen)
    return Line(
        record=record,
        period=period,
        chosen=chosen is not None and record.changeable,
        past=record.count(organization_id, now() - period, ()) if period is not None else 0,
        held=prefixes is None or bool(prefixes),
        enforced_at=enforced.at if enforced else None,
        removed=enforced.removed if enforced else 0,
    )


@dataclass(frozen=True, slots=True)
class KeptWith:
    """What is kept in the same way: the sentence, the names of what it is, and what erasing the organization does."""

    sentence: str
    erasure: str
    names: list[str]


def kept_with() -> list[KeptWith]:
    """Every table of an organization, by how long its rows are kept (hq.db.classes)."""
    found: dict[tuple[str, str], set[str]] = {}
    for model in every_model():
        declared = declaration(model)
        if declared is None or declared.kept is None or declared.kept.erasure is Erasure.NOT_THEIRS:
            continue
        sentence = (
            declared.kept.sentence.replace("1 days", "1 day") if declared.kept.after == DAY else declared.kept.sentence
        )
        found.setdefault((sentence, declared.kept.erasure.sentence), set()).add(title_of(model))
    return [KeptWith(sentence, erasure, sorted(names)) for (sentence, erasure), names in sorted(found.items())]
