"""Sending an agreement, and what its sender may do while it is out."""

import math
import re
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from audit import recorder
from audit.tags import Tag
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db import retention
from hq.lib.clock import now
from hq.lib.errors import NotFound
from hq.lib.mail_addresses import spell_address
from hq.lib.text import NO_CONTROL, is_plain
from signing import selectors
from signing.actions import papers
from signing.actions.ceiling import charge_mails
from signing.actions.chain import add_step
from signing.actions.drafts import insert_markers, lock_draft, membership_of, target_of
from signing.actions.faults import InAnothersName, NotOver, NotSent, RemindedAlready, StillKept, fault, refuse_support
from signing.actions.links import give_link
from signing.actions.turns import let_in, mail, sender_of
from signing.models import Agreement, Field, Signer, SignerSession
from signing.models.agreements import DAYS_MOST, REASON_LENGTH
from signing.models.signers import NAME_LENGTH

State = Agreement.State
KEPT: Final = "signing.agreements"  # the class of record, see signing.actions.upkeep
REMIND_GAP: Final = timedelta(minutes=10)


def text_of(agreement: Agreement) -> str:
    """What was written in HQ. Reads from the store: call it outside of any transaction."""
    return papers.read(agreement.organization_id, agreement.document_id).decode()


def send_agreement(*, actor: Actor, agreement_id: UUID, text: str = "") -> Agreement:
    """Send it to whose turn it is first; from now on nothing of it changes. `text` is that of a text's document.

    Raises NotADraft, InAnothersName, CannotBeSigned, TooManyMails, KeyUnavailable.
    """
    agreement = lock_draft(actor, agreement_id)
    if not goes_out_in_name_of(actor, agreement):
        raise InAnothersName
    signers = selectors.list_signers(agreement)
    fields = selectors.list_fields(agreement)
    if agreement.source == Agreement.Source.TEXT:
        if sha256(text.encode()).hexdigest() != agreement.document.sha256:
            raise fault("/document", "The document was replaced meanwhile. Look at it again, then send it.")
        fields = insert_markers(agreement, signers, text)
    _check_whole(signers, fields)
    charge_mails(agreement.organization_id, len(signers))
    agreement.state, agreement.sent_at = State.SENT, now()
    agreement.expires_at = agreement.sent_at + timedelta(days=agreement.days)
    agreement.save(update_fields=["state", "sent_at", "expires_at"])
    people = [
        {"name": one.name, "email": one.email, "role": one.role, "kind": one.kind, "turn": one.turn} for one in signers
    ]
    facts = {"expires_at": agreement.expires_at.isoformat(), "signers": [str(one.id) for one in signers]}
    add_step(
        agreement,
        "sent",
        origin=actor.origin,
        who=sender_of(actor),
        facts=facts,
        detail={"title": agreement.title, "signers": people},
    )
    let_in(agreement)
    after = {"signers": len(signers), "expires_at": agreement.expires_at.isoformat()}
    recorder.record(actor, Tag.AGREEMENT_SENT, target=target_of(agreement), after=after)
    return agreement


def goes_out_in_name_of(actor: Actor, agreement: Agreement) -> bool:
    """Each mail names who prepared it as the one who asks; their keys and their sessions are the same. In doubt, no."""
    if (agreement.created_by_kind, agreement.created_by_id) == (actor.kind, actor.id):
        return True
    return agreement.membership_id is not None and agreement.membership_id == membership_of(actor)


def void_agreement(*, actor: Actor, agreement_id: UUID, reason: str) -> Agreement:
    """End it before everybody has signed, and tell everybody why. Raises NotForSupport, NotSent, CannotBeSigned."""
    refuse_support(actor)
    reason = reason.strip()
    if not reason or len(reason) > REASON_LENGTH or not is_plain(reason):
        raise fault("/reason", f"Say why, in 1 to {REASON_LENGTH} characters: whoever was asked is told.")
    agreement = _lock_sent(actor, agreement_id, Permission.SHARES_REVOKE)
    told = [one for one in selectors.list_signers(agreement) if one.sent_at is not None]
    agreement.state, agreement.ended_at, agreement.reason = State.VOIDED, now(), reason
    agreement.save(update_fields=["state", "ended_at", "reason"])
    add_step(agreement, "voided", origin=actor.origin, who=sender_of(actor), detail={"reason": reason})
    for signer in told:
        mail(agreement, "voided", signer)
    recorder.record(actor, Tag.AGREEMENT_VOIDED, target=target_of(agreement), reason=reason)
    return agreement


def remind_signers(*, actor: Actor, agreement_id: UUID) -> int:
    """Mail the same link again to everybody who is asked now and has not acted; how many.

    Raises NotSent, RemindedAlready, TooManyMails.
    """
    agreement = _lock_sent(actor, agreement_id)
    if agreement.reminded_at is not None and (wait := agreement.reminded_at + REMIND_GAP - now()) > timedelta():
        raise RemindedAlready(wait=math.ceil(wait.total_seconds()))
    asked = [one for one in selectors.list_signers(agreement) if one.acts and one.is_asked]
    charge_mails(agreement.organization_id, len(asked))
    for signer in asked:
        mail(agreement, "remind", signer)
    agreement.reminded_at = now()
    agreement.save(update_fields=["reminded_at"])
    add_step(agreement, "reminded", origin=actor.origin, who=sender_of(actor), facts={"signers": len(asked)})
    recorder.record(actor, Tag.AGREEMENT_REMINDED, target=target_of(agreement), after={"signers": len(asked)})
    return len(asked)


def extend_agreement(*, actor: Actor, agreement_id: UUID, days: int) -> Agreement:
    """Let it be signed for so many days from now. Raises NotSent, CannotBeSigned."""
    if not 1 <= days <= DAYS_MOST:
        raise fault("/days", f"It can be signed for 1 to {DAYS_MOST} days.")
    agreement = _lock_sent(actor, agreement_id)
    agreement.expires_at = now() + timedelta(days=days)
    agreement.save(update_fields=["expires_at"])
    until = agreement.expires_at.isoformat()
    add_step(agreement, "extended", origin=actor.origin, who=sender_of(actor), facts={"expires_at": until})
    recorder.record(actor, Tag.AGREEMENT_EXTENDED, target=target_of(agreement), after={"expires_at": until})
    return agreement


def correct_signer(*, actor: Actor, agreement_id: UUID, signer_id: UUID, name: str, email: str) -> Signer:
    """Another name or address for somebody who has not acted. The link that went out is dead, and so is who came by it;
    what was looked at and typed in by it was not by them.

    Raises NotSent, NotFound, CannotBeSigned, TooManyMails.
    """
    agreement = _lock_sent(actor, agreement_id)
    signers = selectors.list_signers(agreement)
    signer = next((one for one in signers if one.id == signer_id), None)
    if signer is None:
        raise NotFound
    if (signer.is_done and signer.acts) or signer.consented_at is not None:
        raise fault("/signer", "Only somebody who has not agreed to sign yet can be corrected.")
    address, name = spell_address(email.strip()), name.strip()
    if address is None:
        raise fault("/email", "This is not an e-mail address that HQ can write to.")
    if not name or len(name) > NAME_LENGTH or not re.match(NO_CONTROL, name):
        raise fault("/name", f"A name has 1 to {NAME_LENGTH} characters.")
    index = selectors.email_index(agreement.organization_id, address)
    if any(one.id != signer.id and one.kind == signer.kind and bytes(one.email_index) == index for one in signers):
        raise fault("/email", "This address is there twice.")
    before = {"name": signer.name, "email": signer.email}
    signer.name, signer.email, signer.email_index = name, address, index
    signer.bounced_at, signer.viewed_at = None, None
    signer.state = Signer.State.SENT if signer.state == Signer.State.VIEWED else signer.state
    if signer.token_digest is not None:
        charge_mails(agreement.organization_id, 1)
        give_link(agreement, signer)
        mail(agreement, "invite", signer)
    signer.save(
        update_fields=[
            *("name", "email", "email_index", "bounced_at", "state", "viewed_at"),
            *("generation", "key_version", "token_digest"),
        ]
    )
    signer.fields.update(value=None)  # whoever comes by the new link is shown nothing of it
    SignerSession.objects.filter(organization_id=agreement.organization_id, signer=signer).delete()
    add_step(agreement, "corrected", origin=actor.origin, signer=signer, detail={"before": before, "by": actor.label})
    # Their name and address go with the agreement: the trail, which outlives it, has the id.
    recorder.record(actor, Tag.AGREEMENT_CORRECTED, target=target_of(agreement), after={"signer": str(signer.id)})
    return signer


def remove_agreement(*, actor: Actor, agreement_id: UUID) -> None:
    """Remove a draft, or one that is over, with all of its documents; the trail keeps that it was there.

    Raises NotForSupport, NotOver, StillKept.
    """
    refuse_support(actor)
    retention.wait_for_turn(actor.organization_id)  # a hold that is being placed comes first
    agreement = selectors.get_agreement(actor, agreement_id, permission=Permission.SHARES_REVOKE, lock=True)
    if agreement.state in {State.SENT, State.SIGNED}:
        raise NotOver
    by_template = agreement.template is not None and agreement.template.held
    if by_template or retention.held(agreement.organization_id, KEPT) != ():
        raise StillKept
    target, tombstone = target_of(agreement), tombstone_of(agreement)
    delete_agreement(agreement)
    recorder.record(actor, Tag.AGREEMENT_REMOVED, target=target, before=tombstone)


def tombstone_of(agreement: Agreement) -> dict[str, Any]:
    """What the trail keeps of one that is removed: enough to know its documents again."""
    return {
        "state": agreement.state,
        "head": bytes(agreement.head).hex(),
        "length": agreement.length,
        "document_sha256": agreement.document.sha256,
        "pdf_sha256": agreement.final.sha256 if agreement.final else None,
    }


def delete_agreement(agreement: Agreement) -> None:
    """All of its rows and documents, in the caller's transaction. Steps, signers and fields go with it."""
    organization_id = agreement.organization_id
    documents = [one for one in (agreement.document_id, agreement.final_id) if one is not None]
    Agreement.objects.filter(organization_id=organization_id, id=agreement.id).delete()
    for paper_id in documents:
        papers.drop_unused(organization_id, paper_id)


def _lock_sent(actor: Actor, agreement_id: UUID, permission: Permission = Permission.SHARES_CREATE) -> Agreement:
    agreement = selectors.get_agreement(actor, agreement_id, permission=permission, lock=True)
    if agreement.state != State.SENT or agreement.expires_at is None or agreement.expires_at <= now():
        raise NotSent
    return agreement


def _check_whole(signers: list[Signer], fields: list[Field]) -> None:
    """Everybody who signs has a place to sign at, and somebody does."""
    if not any(one.kind == Signer.Kind.SIGNER for one in signers):
        raise fault("/signers", "Nobody signs it yet. Add a signer.")
    signing = {field.signer_id for field in fields if field.kind == Field.Kind.SIGNATURE}
    for one in signers:
        if one.kind == Signer.Kind.SIGNER and one.id not in signing:
            raise fault(f"/signers/{one.position - 1}", f"{one.name} has no place to sign at. Place a signature field.")
