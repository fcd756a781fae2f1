"""Committing to a log: its tree is signed if, and only if, it goes on from what was signed before."""

import logging
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from audit import actions as audit
from audit import selectors as trail
from audit.selectors import Tree
from audit.sequencing import TrailBroken
from audit.tags import Log
from evidence import registry
from evidence.models import Checkpoint, Incident
from evidence.selectors import is_genuine, latest_checkpoint, origin_of, witnesses
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.crypto import notes
from hq.crypto.merkle import EMPTY_ROOT, BadProof, check_consistency
from hq.db.context import tenant
from hq.db.locks import hold
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from hq.lib.errors import Refused
from jobs import actions as jobs
from keys.actions.signing import sign_note
from keys.registry import Notice, tenancy

alarms = logging.getLogger("hq.evidence")
MAKE, WITNESS = "evidence.checkpoint", "evidence.witness"
Place = tuple[UUID, UUID, str]  # organization, environment, log


class NotAsSigned(Refused):
    """The trail does not go on from the last checkpoint that HQ signed, so HQ signs no other.

    Entries are missing or were changed. Those who look after the organization have been told.
    """


def request_checkpoints(*, actor: Actor) -> list[Checkpoint]:
    """Commit to both logs of the actor's environment as they are now. Outside of a transaction.

    Raises NotAsSigned, KeyUnavailable.
    """
    gate.require(actor, Permission.AUDIT_VERIFY)
    return make_checkpoints(actor.organization_id, environment_of(actor))


def make_checkpoints(organization_id: UUID, environment_id: UUID) -> list[Checkpoint]:
    """The newest checkpoints of both logs, made where a log has grown; one that is empty has none.

    Outside of a transaction. Raises NotAsSigned after both were looked at; KeyUnavailable.
    """
    broken = _grow(organization_id, environment_id)
    made = [_commit((organization_id, environment_id, log.value), broken=log in broken) for log in Log]
    if Incident in map(type, made):
        raise NotAsSigned
    return [each for each in made if isinstance(each, Checkpoint)]


def make_checkpoint(organization_id: UUID, environment_id: UUID, log: Log) -> Checkpoint | None:
    """The newest checkpoint of a log, made if it has grown; None while it is empty.

    Outside of a transaction. Raises NotAsSigned, KeyUnavailable.
    """
    broken = _grow(organization_id, environment_id)
    made = _commit((organization_id, environment_id, log.value), broken=log in broken)
    if isinstance(made, Incident):
        raise NotAsSigned
    return made


def _grow(organization_id: UUID, environment_id: UUID) -> frozenset[Log]:
    """Bring both trees up to date; the logs of which that cannot be done."""
    try:
        audit.grow(organization_id, environment_id)
    except TrailBroken as fault:
        return frozenset({fault.log})
    except LookupError:  # of which log it is, is found when the trees are read
        return frozenset()
    return frozenset()


def take_turn(environment_id: UUID, log: str) -> None:
    """Nobody else commits to the log, or ends asking its witnesses, until the transaction ends."""
    hold(f"hq.evidence:{environment_id}:{log}")


def _commit(place: Place, *, broken: bool) -> Checkpoint | Incident | None:
    """One transaction: what was signed before, what is there now, and whether the one goes on from the other."""
    organization_id, environment_id, log = place
    with tenant(organization_id):
        take_turn(environment_id, log)
        last = latest_checkpoint(environment_id, log)
        try:
            tree = trail.tree_of(organization_id, environment_id, Log(log))
            wrong = _contradiction(place, last, tree) if last else None
            if broken:
                wrong = wrong or Incident.Kind.BROKEN
        except LookupError:  # the tiles lack what they must hold
            tree, wrong = Tree(0, EMPTY_ROOT), Incident.Kind.DAMAGED
        if wrong is not None:
            return raise_alarm(place, wrong, last, tree)
        if tree.size == (last.size if last else 0):
            return last
        return _sign(place, last, tree)


def _contradiction(place: Place, last: Checkpoint, tree: Tree) -> Incident.Kind | None:
    """How the tree differs from going on from the last checkpoint. Raises LookupError."""
    organization_id, environment_id, log = place
    if not is_genuine(last):
        return Incident.Kind.FORKED  # somebody wrote the row who does not have the key
    if tree.size < last.size:
        return Incident.Kind.SHORTER
    path = trail.consistency(organization_id, environment_id, Log(log), last.size, tree.size)
    try:
        check_consistency(last.size, tree.size, bytes(last.root), tree.root, path)
    except BadProof:
        return Incident.Kind.FORKED
    return None


def _sign(place: Place, last: Checkpoint | None, tree: Tree) -> Checkpoint:
    organization_id, environment_id, log = place
    origin = origin_of(environment_id, log)
    made = Checkpoint.objects.create(
        organization_id=organization_id,
        environment_id=environment_id,
        log=log,
        size=tree.size,
        root=tree.root,
        note=sign_note(notes.Checkpoint(origin, tree.size, tree.root).text(), origin),
        at=max(now(), last.at) if last else now(),  # a clock that was set back changes nothing of the order
    )
    registry.tell(organization_id, environment_id, log, made.size, made.note)
    ask_witnesses(place)
    return made


def ask_witnesses(place: Place) -> None:
    """Put in a job for each witness of the deployment. One that waits already will find the newest checkpoint."""
    organization_id, environment_id, log = place
    for witness in witnesses():
        jobs.enqueue(
            WITNESS,
            organization_id=organization_id,
            environment_id=environment_id,
            payload={"environment_id": str(environment_id), "log": log, "witness": witness.key_id.hex()},
            key=f"{environment_id}:{log}:{witness.key_id.hex()}",
        )


def raise_alarm(place: Place, kind: Incident.Kind, last: Checkpoint | None, tree: Tree) -> Incident:
    """Keep what was found, and tell those who look after the organization: once for each checkpoint and kind."""
    return _alarm(place, kind, last.size if last else 0, tree)


def tell_altered(place: Place, index: int) -> Incident:
    """As `raise_alarm`, of one entry whose sealed detail was changed: once for each entry."""
    return _alarm(place, Incident.Kind.ALTERED, index, Tree(index, EMPTY_ROOT))


def tell_kept(organization_id: UUID, environment_id: UUID, log: Log, size: int) -> None:
    """Raise an alarm of a checkpoint kept outside that the log does not go on from: once for each size."""
    found = Tree(trail.size_of(organization_id, environment_id, log), EMPTY_ROOT)
    _alarm((organization_id, environment_id, log.value), Incident.Kind.KEPT, size, found)


def tell_unfit(organization_id: UUID, environment_id: UUID, log: Log, index: int, altered: bool) -> None:
    """Raise an alarm of the first entry that a check found not to fit: once for each entry."""
    place = (organization_id, environment_id, log.value)
    if altered:
        tell_altered(place, index)
    else:
        _alarm(place, Incident.Kind.UNFIT, index, Tree(index, EMPTY_ROOT))


def _alarm(place: Place, kind: Incident.Kind, size: int, tree: Tree) -> Incident:
    organization_id, environment_id, log = place
    with transaction.atomic():
        incident, new = Incident.objects.get_or_create(
            organization_id=organization_id,
            environment_id=environment_id,
            log=log,
            size=size,
            kind=kind,
            defaults={"found_size": tree.size, "found_root": tree.root, "at": now()},
        )
        if new:
            _tell(incident)
    return incident


def _tell(incident: Incident) -> None:
    """Those who look after the organization, unless it was erased, and those who run HQ, as only they restore a log."""
    notice, organization_id = _notice(incident), incident.organization_id
    alarms.error("the trail does not fit", extra={"log": f"{incident.environment_id}/{incident}", "at": incident.size})
    if organization_id != PLATFORM_ID:
        with suppress(ObjectDoesNotExist):
            tenancy().tell_keepers(organization_id, notice)
        notice = replace(notice, sentences=(*notice.sentences, f"The organization’s id is {organization_id}."))
    tenancy().tell_keepers(PLATFORM_ID, notice)


_THEN = "HQ makes no more checkpoints of it by itself. Compare those that you or a witness have kept."
_OF_OTHERS = (
    "The database was set back, or all in it was made anew. HQ signs on, and cannot tell which of both is the true log."
)
_THEN_OF = {
    Incident.Kind.KEPT: _OF_OTHERS,
    Incident.Kind.WITNESS: _OF_OTHERS,
    Incident.Kind.ALTERED: (
        "Its other entries are proved as before. Exports that would hold it are not made, nor is it found by names."
    ),
    Incident.Kind.UNFIT: (
        "A check of the whole log found it, and says more on the page Integrity. What HQ has signed of the log stands."
    ),
}


def _notice(incident: Incident) -> Notice:
    return Notice(
        subject="The trail is not what HQ signed",
        sentences=(
            incident.sentence,
            f"It is the {incident.log} log of the environment {incident.environment_id}.",
            _THEN_OF.get(Incident.Kind(incident.kind), _THEN),
            "Whoever runs HQ has to restore the log from a backup.",
        ),
        path="audit/",
    )
