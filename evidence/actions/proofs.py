"""The file that shows one entry of a log to be in it: what it says, its link, and its place in a signed tree."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import orjson

from audit import selectors as trail
from audit.selectors import Entry, EntryAltered
from audit.tags import Log
from evidence.actions.checkpoints import NotAsSigned, make_checkpoint, tell_altered
from evidence.models import Checkpoint
from evidence.selectors import checkpoint_at_least, is_genuine, note_of
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.crypto.merkle import BadProof, check_inclusion, leaf_hash
from hq.crypto.transparency import write_proof
from hq.db.context import tenant
from hq.lib.canonical import canonical
from hq.lib.errors import NotFound, Refused

TYPE: Final = "hq/event-proof"
VERSION: Final = 1


class NotCovered(Refused):
    """No checkpoint covers this entry yet. One is made within a minute; then ask again."""


class DetailChanged(NotAsSigned):
    """The sealed detail of this entry is not what was written, so it cannot be given out.

    Those who look after the organization have been told.
    """


@dataclass(frozen=True, slots=True)
class ProofFile:
    """The bytes of the file and what it is called."""

    name: str
    content: bytes


def prove_entry(*, actor: Actor, log: Log, index: int) -> ProofFile:
    """Prove that an entry stands at its index, from 1, in the newest checkpoint. Outside of a transaction.

    Raises:
        NotFound: there is no such entry.
        NotCovered: no checkpoint covers it, and the actor may not have one made.
        NotAsSigned: it is not what HQ signed, or nothing can be.
        DetailChanged, EntryMissing, KeyUnavailable.
    """
    gate.require(actor, Permission.AUDIT_READ)
    return _prove((actor.organization_id, environment_of(actor)), log, index, _may_commit(actor))


def prove_for_room(organization_id: UUID, environment_id: UUID, log: Log, index: int) -> ProofFile:
    """Do so for a room whose file it goes into, and which has asked whether that may be had. Outside of a transaction.

    A checkpoint is made if none covers the entry yet. Raises as `prove_entry`.
    """
    return _prove((organization_id, environment_id), log, index, may_commit=True)


def prove_request(*, actor: Actor, request_id: UUID) -> ProofFile:
    """Do so for a request of the access log, by its id. Raises as `prove_entry`."""
    gate.require(actor, Permission.AUDIT_READ)
    index = _place(actor, request_id)
    if index is None and _may_commit(actor):
        make_checkpoint(actor.organization_id, environment_of(actor), Log.ACCESS)
        index = _place(actor, request_id)
    if index is None:
        raise NotCovered
    return _prove((actor.organization_id, environment_of(actor)), Log.ACCESS, index, _may_commit(actor))


def _may_commit(actor: Actor) -> bool:
    return gate.allows(actor, Permission.AUDIT_VERIFY)


def _place(actor: Actor, request_id: UUID) -> int | None:
    with tenant(actor.organization_id):
        return trail.place_of_request(actor.organization_id, environment_of(actor), request_id)


def _prove(place: tuple[UUID, UUID], log: Log, index: int, may_commit: bool) -> ProofFile:
    """An altered entry is told outside of the transaction that found it, as that one ends with the refusal."""
    try:
        return _proved(place, log, index, may_commit)
    except EntryAltered as fault:
        with tenant(place[0]):
            tell_altered((*place, log.value), fault.index)
        raise DetailChanged from None


def _proved(place: tuple[UUID, UUID], log: Log, index: int, may_commit: bool) -> ProofFile:
    organization_id, environment_id = place
    with tenant(organization_id):
        covering = checkpoint_at_least(environment_id, log, index)
        entry = _entry(organization_id, environment_id, log, index)
        if covering is not None:
            return _file(organization_id, covering, entry)
    if not may_commit:
        raise NotCovered
    made = make_checkpoint(organization_id, environment_id, log)
    if made is None or made.size < index:
        raise NotCovered
    with tenant(organization_id):
        return _file(organization_id, made, entry)


def _entry(organization_id: UUID, environment_id: UUID, log: Log, index: int) -> Entry:
    found = trail.page_log(organization_id, environment_id, log, after=index - 1, limit=1)
    if index < 1 or not found or found[0].index != index:
        raise NotFound
    return found[0]


def _file(organization_id: UUID, checkpoint: Checkpoint, entry: Entry) -> ProofFile:
    environment_id, log, place = checkpoint.environment_id, Log(checkpoint.log), entry.index - 1
    try:
        path = trail.inclusion(organization_id, environment_id, log, place, checkpoint.size)
        check_inclusion(leaf_hash(entry.document), place, checkpoint.size, path, bytes(checkpoint.root))
    except (BadProof, LookupError):
        raise NotAsSigned from None
    if not is_genuine(checkpoint):
        raise NotAsSigned
    document = {
        "type": TYPE,
        "v": VERSION,
        "document": orjson.loads(entry.document),
        "previous": entry.previous.hex(),
        "hash": entry.hash.hex(),
        "detail": entry.detail,
        "salt": entry.salt,
        "proof": write_proof(place, path, note_of(checkpoint)),
    }
    return ProofFile(f"event-proof-{environment_id}-{log.value}-{entry.index}.json", canonical(document))
