"""Reads of checkpoints. What takes no actor is for other rooms and for the public, in the caller's tenant context."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from audit import selectors as trail
from audit.tags import Log
from evidence.models import Checkpoint, Cosignature, Incident
from evidence.models.checkpoints import OF_ENTRIES
from evidence.selectors import origins
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.crypto.merkle import BadProof, check_consistency, check_inclusion, leaf_hash
from hq.crypto.notes import BadNote, read_checkpoint, read_note
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.errors import Invalid, NotFound


class NotTheseSizes(Invalid):
    """`from` and `to` are sizes of the log of which there is a checkpoint, the smaller one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """What is known of one log. `state` is `none` (no checkpoint yet), `whole` or `contradicted`."""

    log: str
    origin: str
    address: str
    keys: list[str]
    state: str
    checkpoint: Checkpoint | None
    incident: Incident | None
    witnessed: list[Cosignature]


@dataclass(frozen=True, slots=True)
class Consistency:
    """That the checkpoint `new` goes on from `old`."""

    old: Checkpoint
    new: Checkpoint
    path: list[bytes]


def of_log(environment_id: UUID, log: str) -> QuerySet[Checkpoint]:
    """Every checkpoint of a log."""
    return Checkpoint.objects.filter(environment_id=environment_id, log=log)


def latest_checkpoint(environment_id: UUID, log: str) -> Checkpoint | None:
    """The newest one, which is the largest."""
    return of_log(environment_id, log).order_by("-size").first()


def checkpoint_at_least(environment_id: UUID, log: str, size: int) -> Checkpoint | None:
    """The newest one, if it covers so many entries."""
    return of_log(environment_id, log).filter(size__gte=size).order_by("-size").first()


def is_genuine(checkpoint: Checkpoint) -> bool:
    """Tell whether the row says what HQ signed, and of its own log. Who writes rows without the key makes none.

    The log's name may begin with another host by now; its end says which it is. That of another log is no past of it.
    """
    try:
        note = read_note(checkpoint.note.encode())
    except BadNote:
        return False
    own = checkpoint.origin.endswith(f"/logs/{checkpoint.environment_id}/{checkpoint.log}")
    return own and note.text == checkpoint.committed().text() and origins.is_signed(note, checkpoint.origin)


def goes_on_from(place: tuple[UUID, UUID, Log], note: str) -> bool | None:
    """Whether a log begins with what a note that was found elsewhere commits to; None: it is none that HQ signed.

    In the caller's tenant context. Raises LookupError: the tiles do not hold the tree.
    """
    organization_id, environment_id, log = place
    try:
        found = read_checkpoint(read_note(note.encode()).text)
    except BadNote:
        return None
    kept = Checkpoint(
        organization_id=organization_id, environment_id=environment_id, log=log.value, size=found.size, root=found.root
    )
    kept.note = note
    if not is_genuine(kept):
        return None
    size = trail.size_of(organization_id, environment_id, log)
    return found.size <= size and trail.root_at(organization_id, environment_id, log, found.size) == found.root


def steps_to(checkpoint: Checkpoint, index: int, document: bytes) -> int | None:
    """How many hashes lead from an entry, its index from 1, to what a checkpoint signed; None if none do."""
    place = (checkpoint.organization_id, checkpoint.environment_id, Log(checkpoint.log))
    try:
        path = trail.inclusion(*place, index - 1, checkpoint.size)
        check_inclusion(leaf_hash(document), index - 1, checkpoint.size, path, bytes(checkpoint.root))
    except (BadProof, LookupError, NotFound):
        return None
    return len(path) if is_genuine(checkpoint) else None


def note_of(checkpoint: Checkpoint) -> str:
    """The whole note: what HQ signed, and the lines of those who have seen it."""
    lines = Cosignature.objects.filter(checkpoint=checkpoint).order_by("id").values_list("line", flat=True)
    return checkpoint.note + "".join(lines)


def published_note(environment_id: UUID, log: str) -> str:
    """The newest checkpoint of a log, for anybody who knows its name. Raises NotFound, the same for all that is not."""
    found = lookups.one("evidence_find_log", environment_id, log)
    if found is None:
        raise NotFound
    with tenant(found["organization_id"]):
        checkpoint = latest_checkpoint(environment_id, log)
        if checkpoint is None:
            raise NotFound
        return note_of(checkpoint)


def list_checkpoints(actor: Actor, log: str, *, below: int | None, limit: int) -> Sequence[Checkpoint]:
    """Those of a log, newest first, with whose cosignatures they have; up to limit + 1. `below` is a size."""
    gate.require(actor, Permission.AUDIT_READ)
    rows = of_log(environment_of(actor), log).filter(organization_id=actor.organization_id)
    if below is not None:
        rows = rows.filter(size__lt=below)
    return list(rows.prefetch_related("cosignatures").order_by("-size")[: limit + 1])


def prove_consistency(actor: Actor, log: str, old: int, new: int) -> Consistency:
    """Show that one checkpoint of a log goes on from another.

    Raises:
        NotTheseSizes: there are no checkpoints of these sizes.
        NotFound: the tree does not hold what HQ signed; the integrity page says more.
    """
    gate.require(actor, Permission.AUDIT_READ)
    environment_id = environment_of(actor)
    sizes = {row.size: row for row in of_log(environment_id, log).filter(size__in=[old, new])}
    if old > new or old not in sizes or new not in sizes:
        raise NotTheseSizes
    first, second = sizes[old], sizes[new]
    try:
        path = trail.consistency(actor.organization_id, environment_id, Log(log), old, new)
        check_consistency(old, new, bytes(first.root), bytes(second.root), path)
    except (BadProof, LookupError):
        raise NotFound from None
    return Consistency(first, second, path)


def list_logs(actor: Actor) -> list[LogState]:
    """Both logs of the actor's environment."""
    gate.require(actor, Permission.AUDIT_READ)
    environment_id = environment_of(actor)
    return [_state(environment_id, log.value, _verified_at(actor, log)) for log in Log]


def _verified_at(actor: Actor, log: Log) -> datetime | None:
    """When the whole log was checked last, if everything in it was found to fit."""
    status = trail.chain_status(actor, log)
    return status.verified_at if status.state == "verified" else None


def _state(environment_id: UUID, log: str, verified_at: datetime | None) -> LogState:
    checkpoint, origin = latest_checkpoint(environment_id, log), origins.origin_of(environment_id, log)
    told = _incidents(environment_id, log)
    standing = next((each for each in told if is_open(each, checkpoint, verified_at)), None)
    known = "whole" if checkpoint else "none"
    newest: dict[str, Cosignature] = {}
    rows = Cosignature.objects.filter(checkpoint__environment_id=environment_id, checkpoint__log=log)
    for row in rows.select_related("checkpoint").order_by("-checkpoint__size")[:100]:
        newest.setdefault(row.witness, row)
    return LogState(
        log=log,
        origin=origin,
        address=origins.address_of(environment_id, log),
        keys=origins.verifier_keys(origin),
        state="contradicted" if standing else known,
        checkpoint=checkpoint,
        incident=standing or (told[0] if told else None),
        witnessed=sorted(newest.values(), key=lambda row: row.witness),
    )


def _incidents(environment_id: UUID, log: str) -> list[Incident]:
    """The newest, first those of what was signed: many of single entries hide none of these."""
    found = Incident.objects.filter(environment_id=environment_id, log=log)
    of_entries = Q(kind__in=OF_ENTRIES)
    newest = [rows.order_by("-size", "-id")[:100] for rows in (found.exclude(of_entries), found.filter(of_entries))]
    return [each for rows in newest for each in rows]


def is_open(incident: Incident, newest: Checkpoint | None, verified_at: datetime | None) -> bool:
    """An alarm stands until a checkpoint goes on from the one that it is about; of what others keep it stands always.

    One of an entry stands until all of the log was found to fit again.
    """
    if incident.is_of_an_entry:
        return verified_at is None or verified_at < incident.at
    return newest is None or incident.is_of_another_history or incident.size >= newest.size
