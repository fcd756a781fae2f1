"""Whose turn it is. Those of one turn go side by side; the next begins when everybody of this one has acted."""

from hq.authz.actor import Actor, environment_of
from hq.lib.clock import now
from jobs import actions as jobs
from keys.registry import tenancy
from signing import selectors
from signing.actions.links import give_link
from signing.models import Agreement, Signer

State = Signer.State


def let_in(agreement: Agreement) -> list[Signer]:
    """Send for everybody whose turn it is now and who was not sent for yet; those."""
    signers = selectors.list_signers(agreement)
    turn = current_turn(signers)
    due = [one for one in signers if one.state == State.WAITING and (turn is None or one.turn <= turn)]
    for signer in due:
        give_link(agreement, signer)
        signer.state, signer.sent_at = State.SENT, now()
        signer.save(update_fields=["state", "sent_at", "generation", "key_version", "token_digest"])
        mail(agreement, "invite", signer)
    return due


def current_turn(signers: list[Signer]) -> int | None:
    """The number of the turn that goes on; None once everybody has acted."""
    return min((one.turn for one in signers if one.acts and not one.is_done), default=None)


def mail(agreement: Agreement, what: str, signer: Signer | None = None) -> None:
    """Have a mail sent once the caller's transaction commits; without a signer it goes to the sender."""
    jobs.enqueue(
        "signing.mail",
        organization_id=agreement.organization_id,
        environment_id=agreement.environment_id,
        payload={"agreement": str(agreement.id), "signer": str(signer.id) if signer else "", "what": what},
    )


def sender_of(actor: Actor) -> dict[str, str]:
    """Who did it, for the chain, where it was one of the organization's own; it may be called otherwise later."""
    return {
        "name": actor.label,
        "kind": actor.kind,
        "id": str(actor.id),
        "environment": str(environment_of(actor)),
        "organization": tenancy().name_of(actor.organization_id),
    }
