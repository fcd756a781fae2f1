"""What may be shown of the keys there are: their names, versions, ages and states. Never the keys themselves."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Q

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.classes import Stored, data_map
from hq.db.sealing import Purpose
from hq.lib.clock import now
from keys.models import Cmk, DataKey
from keys.providers import KeyState

YEAR = timedelta(days=365)  # KEY-2
TITLES = {
    Purpose.AUDIT: ("Audit", "The trail of what was done"),
    Purpose.BLIND_INDEX: ("Search", "Finding encrypted details again without opening them"),
    Purpose.CAPABILITY: ("Capability", "Share links and session tokens of this environment"),
    Purpose.CONTENT: ("Content", "Files"),
    Purpose.METADATA: ("Metadata", "Names, addresses and other details of people"),
    Purpose.PEOPLE: ("People", "Accounts of people"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """What may be shown of one key. `purpose` is empty for the CMK, which wraps the others.

    `since` is when this version was made, `next_rotation_on` a year later, None for what is not in use. `state` is
    CURRENT or RETIRED for data keys of a usable CMK, else the CMK's own: ENABLED, DISABLED, PENDING_DELETION or
    DESTROYED. Of data keys also the SHA-256 of the wrapping in hex, how often they encrypted, when they were held in
    memory last, for whom, and when a rotation found that nothing is left under them.
    """

    id: UUID
    purpose: str
    title: str
    protects: str
    kept_in: str
    version: int
    created_at: datetime
    since: datetime
    age_days: int
    state: str
    next_rotation_on: date | None
    fingerprint: str = ""
    uses: int = 0
    last_used_at: datetime | None = None
    last_used_by_kind: str = ""
    last_used_by_id: UUID | None = None
    emptied_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyList:
    """The CMK in use, None before provisioning has made it, and the data keys under it."""

    cmk: KeyLine | None
    data_keys: list[KeyLine]


def list_keys(actor: Actor) -> KeyList:
    """The keys of the actor's organization, with the capability keys of its environment only."""
    gate.require(actor, Permission.KEYS_READ)
    own = {"organization_id": actor.organization_id}
    cmk = Cmk.objects.filter(**own, retired_at=None).first()
    visible = Q(environment_id=None) | Q(environment_id=actor.environment_id)
    rows = DataKey.objects.filter(visible, **own).select_related("cmk").order_by("purpose", "-version")
    return KeyList(_cmk_line(cmk) if cmk else None, [_data_key_line(row) for row in rows])


def get_data_map(actor: Actor) -> tuple[Stored, ...]:
    """Everything that HQ stores, with its class. The same for every organization: it is made from the code."""
    gate.require(actor, Permission.KEYS_READ)
    return data_map()


def _cmk_line(cmk: Cmk) -> KeyLine:
    return KeyLine(
        id=cmk.id,
        purpose="",
        title="Organization key",
        protects="Every data key of this organization",
        kept_in=cmk.kept_in,
        version=cmk.version,
        created_at=cmk.created_at,
        since=cmk.since,
        age_days=(now() - cmk.since).days,
        state=cmk.state,
        next_rotation_on=(cmk.since + YEAR).date() if cmk.state == KeyState.ENABLED else None,
    )


def _data_key_line(row: DataKey) -> KeyLine:
    usable = row.cmk.state == KeyState.ENABLED
    current = row.retired_at is None
    renewed = row.purpose != Purpose.BLIND_INDEX  # only wrapped anew: another one would not find what is indexed
    title, protects = TITLES[Purpose(row.purpose)]
    return KeyLine(
        id=row.id,
        purpose=row.purpose,
        title=title,
        protects=protects,
        kept_in="Wrapped in the database",
        version=row.version,
        created_at=row.created_at,
        since=row.created_at,
        age_days=(now() - row.created_at).days,
        state=("CURRENT" if current else "RETIRED") if usable else row.cmk.state,
        next_rotation_on=(row.created_at + YEAR).date() if current and usable and renewed else None,
        fingerprint=bytes(row.fingerprint or b"").hex(),
        uses=row.uses,
        last_used_at=row.last_used_at,
        last_used_by_kind=row.last_used_by_kind,
        last_used_by_id=row.last_used_by_id,
        emptied_at=row.emptied_at,
    )
