"""Verbs on the trail."""

from collections.abc import Callable, Iterator
from uuid import UUID

from audit import months, registry
from audit.models import ChainVerification, PersonEvent
from audit.months import Held, Month
from audit.sequencing import TrailBroken, grow_admin, sequence
from audit.tags import Log
from audit.verify import Progress, Verdict, walk
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.clock import now


def grow(organization_id: UUID, environment_id: UUID) -> None:
    """Give every line that can have one its place, and bring both trees up to date, batch by batch.

    Each batch is a transaction of its own, unless the caller is in one. Raises TrailBroken, LookupError: once both logs
    were tried, as one that cannot go on keeps the other from nothing.
    """
    for _ in grow_in_batches(organization_id, environment_id):
        pass


def grow_in_batches(organization_id: UUID, environment_id: UUID) -> Iterator[int]:
    """As `grow`, telling after each batch how many entries it had."""
    broken: list[TrailBroken | LookupError] = []
    for batch in (sequence, grow_admin):
        try:
            more = True
            while more:
                done, more = batch(organization_id, environment_id)
                yield done
        except (TrailBroken, LookupError) as fault:
            broken.append(fault)
    if broken:
        raise broken[0]


def verify_chain(*, actor: Actor, log: Log = Log.ADMIN, progress: Progress = lambda _done, _total: None) -> Verdict:
    """Check a log of the actor's environment from its first entry, and keep and tell what was found (AUD-3).

    Outside of a transaction it reads in many short ones, and `progress` is told how many of how many entries are seen.
    """
    gate.require(actor, Permission.AUDIT_VERIFY)
    environment_id = environment_of(actor)
    verdict = walk(actor.organization_id, environment_id, log, progress)
    with tenant(actor.organization_id):
        _keep(actor.organization_id, environment_id, log, verdict)
        if verdict.first_bad is not None:
            registry.tell_unfit(actor.organization_id, environment_id, log, verdict.first_bad, verdict.altered)
    return verdict


def _keep(organization_id: UUID, environment_id: UUID, log: Log, verdict: Verdict) -> None:
    ChainVerification.objects.create(
        organization_id=organization_id,
        environment_id=environment_id,
        log=log,
        at=now(),
        length=verdict.length,
        head=verdict.head,
        first_bad=verdict.first_bad,
        reason=verdict.reason,
    )


def drop_month(month: Month, *, archived: Callable[[Held], bool]) -> list[Held]:
    """Drop the rows of the oldest month that is there, of every organization; what went. As the database's owner.

    Of each log that the month holds something of, `archived` says whether all of it is in an archive that was verified.
    Raises NotTheOwner, CannotDrop.
    """
    return months.drop(month, archived=archived)


def forget_person_events(person_id: UUID) -> int:
    """Remove an account's own log, of which only a tombstone is left; the database asks whether it is. How many."""
    return PersonEvent.objects.filter(person_id=person_id).delete()[0]
