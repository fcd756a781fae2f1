"""Verbs on the trail."""

from uuid import UUID

from audit.models import ChainVerification, PersonEvent
from audit.sequencing import grow_admin, sequence
from audit.verify import Verdict, walk
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.lib.clock import now


def grow(organization_id: UUID, environment_id: UUID) -> None:
    """Give every line that can have one its place, and bring both trees up to date, batch by batch.

    Each batch is a transaction of its own, unless the caller is in one. Raises TrailBroken.
    """
    while sequence(organization_id, environment_id) is not None:
        pass
    while grow_admin(organization_id, environment_id) is not None:
        pass


def verify_chain(*, actor: Actor) -> Verdict:
    """Check the chain of the actor's environment from its first event, and keep what was found (AUD-3)."""
    gate.require(actor, Permission.AUDIT_VERIFY)
    environment_id = environment_of(actor)
    verdict = walk(actor.organization_id, environment_id)
    ChainVerification.objects.create(
        organization_id=actor.organization_id,
        environment_id=environment_id,
        at=now(),
        length=verdict.length,
        head=verdict.head,
        first_bad=verdict.first_bad,
        reason=verdict.reason,
    )
    return verdict


def forget_person_events(person_id: UUID) -> int:
    """Remove an account's own log, of which only a tombstone is left; the database asks whether it is. How many."""
    return PersonEvent.objects.filter(person_id=person_id).delete()[0]
