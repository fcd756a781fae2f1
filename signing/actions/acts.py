"""What a signer does, once they have shown who they are: read, agree, fill in, sign, decline, hand on.

Each act locks the agreement, so that two of them come one after the other, and is one step of its chain and one event.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from audit import recorder
from audit.tags import Tag
from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod
from hq.crypto import secrets
from hq.lib.clock import now
from hq.lib.ids import new_id
from hq.lib.mail_addresses import spell_address
from hq.lib.text import NO_CONTROL
from jobs import actions as jobs
from signing import consents, selectors
from signing.actions.chain import add_step, time_of
from signing.actions.drafts import target_of
from signing.actions.faults import (
    AnotherConsent,
    CannotBeDelegated,
    NoConsent,
    NotYourTurn,
    PasskeyNeeded,
    fault,
)
from signing.actions.turns import current_turn, let_in, mail
from signing.actions.values import Filled, check_filled, digest_of, take_values
from signing.models import Agreement, Signer
from signing.models.agreements import REASON_LENGTH, SIGNERS_MOST
from signing.models.signers import NAME_LENGTH

State = Signer.State
# A stranger says this name, and HQ mails it to another one: no mail program may make a link of it.
_LEADS_ELSEWHERE: Final = re.compile(r"[/\\@]|www\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Standing:
    """A signer who has shown who they are, and how: what every act here begins with."""

    organization_id: UUID
    signer_id: UUID
    method: str
    email_index: bytes  # the address that was shown: another one may have been put in its place since
    origin: Origin = field(default_factory=Origin)


def view_document(standing: Standing) -> Signer:
    """They have the document before them. The first time it is a step; a viewer has then done all there is to do."""
    agreement, signer = lock_turn(standing)
    if signer.state != State.SENT:
        return signer
    signer.state, signer.viewed_at = State.VIEWED, now()
    signer.save(update_fields=["state", "viewed_at"])
    _add_in_time(agreement, "viewed", standing, signer, facts={"method": standing.method})
    recorder.record(actor_of(agreement, signer, standing), Tag.AGREEMENT_VIEWED, target=target_of(agreement))
    return signer


def give_consent(standing: Standing, *, sha256: str) -> Signer:
    """They agree to sign electronically, by a text that they name by its SHA-256.

    Raises NotYourTurn, AnotherConsent.
    """
    agreement, signer = lock_turn(standing)
    if signer.state == State.CONSENTED:
        return signer
    if signer.state != State.VIEWED or not signer.acts:
        raise NotYourTurn
    text = consents.current(agreement.language)
    if sha256 != text.sha256:
        raise AnotherConsent
    signer.state, signer.consented_at = State.CONSENTED, now()
    signer.consent_version, signer.consent_language = text.version, text.language
    signer.save(update_fields=["state", "consented_at", "consent_version", "consent_language"])
    facts = {"consent": {"version": text.version, "language": text.language, "sha256": text.sha256}}
    _add_in_time(agreement, "consented", standing, signer, facts=facts)
    recorder.record(
        actor_of(agreement, signer, standing), Tag.AGREEMENT_CONSENTED, target=target_of(agreement), after=facts
    )
    return signer


def keep_values(standing: Standing, *, values: Mapping[int, str]) -> Signer:
    """Keep what they have filled in so far, to finish later. No step: nothing is agreed to by it.

    Once they have signed, what they signed stays. Raises NotYourTurn, CannotBeSigned.
    """
    agreement, signer = lock_turn(standing)
    if signer.is_done:
        raise NotYourTurn
    take_values(selectors.list_fields(agreement, signer), values)
    return signer


def sign_agreement(
    standing: Standing,
    *,
    values: Mapping[int, str],
    signature: Mapping[str, Any],
    label: str,
    passkey: Mapping[str, str] | None = None,
) -> Agreement:
    """They sign, or approve. `label` is the words of the button; `passkey` what shows that their own key signed too,
    which signing.actions.passkeys has checked.

    Raises NotYourTurn, NoConsent, NotAllFilled, PasskeyNeeded, CannotBeSigned.
    """
    agreement, signer = lock_turn(standing)
    if signer.state != State.CONSENTED:
        raise NoConsent if not signer.is_done else NotYourTurn
    if signer.method == Signer.Method.PASSKEY and passkey is None:
        raise PasskeyNeeded
    filled = fill_in(agreement, signer, values, signature)
    signer.state, signer.signed_at = State.SIGNED, now()
    signer.signature, signer.passkey = dict(filled.signature), dict(passkey) if passkey else None
    signer.save(update_fields=["state", "signed_at", "signature", "passkey"])
    facts = {
        "how": filled.signature["how"],
        "passkey": passkey is not None,
        "label": label,
        "fields_sha256": digest_of(filled),
        "consent_sha256": consents.get(signer.consent_language, signer.consent_version).sha256,
    }
    detail: dict[str, Any] = {"fields": filled.told, "signature": dict(filled.signature)}
    if passkey:
        detail["passkey"] = dict(passkey)
    _add_in_time(agreement, "signed", standing, signer, facts=facts, detail=detail)
    _go_on(agreement)
    after = facts | {"state": agreement.state}  # signed: they were the last
    recorder.record(
        actor_of(agreement, signer, standing), Tag.AGREEMENT_SIGNED, target=target_of(agreement), after=after
    )
    return agreement


def decline_agreement(standing: Standing, *, reason: str) -> Agreement:
    """They will not sign. That ends the agreement for everybody. Raises NotYourTurn, CannotBeSigned."""
    reason = reason.strip()
    if not reason or len(reason) > REASON_LENGTH:
        raise fault("/reason", f"Say why, in 1 to {REASON_LENGTH} characters: the sender is told.")
    agreement, signer = lock_turn(standing)
    if signer.is_done:
        raise NotYourTurn
    signer.state, signer.reason = State.DECLINED, reason
    signer.save(update_fields=["state", "reason"])
    agreement.state, agreement.ended_at, agreement.reason = Agreement.State.DECLINED, now(), reason
    agreement.save(update_fields=["state", "ended_at", "reason"])
    _add_in_time(agreement, "declined", standing, signer, detail={"reason": reason})
    mail(agreement, "declined")
    for other in selectors.list_signers(agreement):
        if other.id != signer.id and other.sent_at is not None:
            mail(agreement, "ended", other)
    recorder.record(
        actor_of(agreement, signer, standing), Tag.AGREEMENT_DECLINED, target=target_of(agreement), reason=reason
    )
    return agreement


def delegate_signing(standing: Standing, *, name: str, email: str, reason: str = "") -> Signer:
    """Somebody else signs in their place, with their fields. Raises CannotBeDelegated, NotYourTurn, CannotBeSigned."""
    agreement, signer = lock_turn(standing)
    if signer.is_done:
        raise NotYourTurn
    if not agreement.may_delegate:
        raise CannotBeDelegated
    other = _delegate(agreement, signer, name, email)
    signer.state, signer.delegated_to, signer.reason = State.DELEGATED, other, reason.strip()[:REASON_LENGTH]
    signer.save(update_fields=["state", "delegated_to", "reason"])
    signer.fields.update(signer=other, value=None)  # what was typed in is not said in another's name
    to = {"name": other.name, "email": other.email}
    detail = {"to": to, "reason": signer.reason}
    _add_in_time(agreement, "delegated", standing, signer, facts={"to": str(other.id)}, detail=detail)
    let_in(agreement)
    mail(agreement, "delegated")
    recorder.record(
        actor_of(agreement, signer, standing),
        Tag.AGREEMENT_DELEGATED,
        target=target_of(agreement),
        after={"to": str(other.id)},
    )
    return other


def lock_turn(standing: Standing) -> tuple[Agreement, Signer]:
    """The agreement and the signer, locked, while it is theirs to act. Raises NotYourTurn."""
    found = selectors.find_signer(standing.organization_id, standing.signer_id)
    if found is None:
        raise NotYourTurn
    agreement = selectors.lock_agreement(standing.organization_id, found.agreement_id)
    signers = selectors.list_signers(agreement)
    signer = next(one for one in signers if one.id == standing.signer_id)
    turn = current_turn(signers)
    # By the time that the act's step would have: nothing is signed at a moment that the chain says was too late.
    late = agreement.expires_at is None or agreement.expires_at <= time_of(agreement)
    over = late or agreement.state != Agreement.State.SENT
    replaced = not secrets.equal(bytes(signer.email_index), standing.email_index)
    if over or replaced or signer.state == State.WAITING or (turn is not None and signer.turn > turn):
        raise NotYourTurn
    return agreement, signer


def _add_in_time(agreement: Agreement, kind: str, standing: Standing, signer: Signer, **said: Any) -> None:
    """The act's step. However long the act took, its moment is one at which it could be done: or who signs in the last
    milliseconds would make an agreement that HQ seals and every verifier refuses. Raises NotYourTurn.
    """
    step = add_step(agreement, kind, origin=standing.origin, signer=signer, **said)
    if agreement.expires_at is None or agreement.expires_at <= step.at:
        raise NotYourTurn


def actor_of(agreement: Agreement, signer: Signer, standing: Standing) -> Actor:
    """Who acts, for the trail: somebody without an account and without any right of their own.

    Their network address is the organization's to keep: sealed, in the step. The trail has it in the clear.
    """
    return Actor(
        organization_id=agreement.organization_id,
        environment_id=agreement.environment_id,
        kind="signer",
        id=signer.id,
        label=signer.name,
        method=AuthMethod.LINK,
        permissions=frozenset(),
        pinned=frozenset(),
        origin=replace(standing.origin, ip=None),
    )


def fill_in(agreement: Agreement, signer: Signer, values: Mapping[int, str], signature: Mapping[str, Any]) -> Filled:
    if signer.kind == Signer.Kind.APPROVER:
        return Filled(signature={"how": "approved"}, told=[])
    fields = selectors.list_fields(agreement, signer)
    take_values(fields, values)
    return check_filled(fields, signature)


def _go_on(agreement: Agreement) -> None:
    """The next turn, or, once everybody has acted, the seal."""
    if current_turn(selectors.list_signers(agreement)) is not None:
        let_in(agreement)
        return
    let_in(agreement)  # viewers of later turns
    agreement.state = Agreement.State.SIGNED
    agreement.save(update_fields=["state"])
    jobs.enqueue(
        "signing.seal",
        organization_id=agreement.organization_id,
        environment_id=agreement.environment_id,
        payload={"agreement": str(agreement.id)},
        key=f"seal:{agreement.id}",
    )


def _delegate(agreement: Agreement, signer: Signer, name: str, email: str) -> Signer:
    name, address = name.strip(), spell_address(email.strip())
    if not name or len(name) > NAME_LENGTH or not re.match(NO_CONTROL, name) or _LEADS_ELSEWHERE.search(name):
        raise fault("/name", "Say the name of whoever signs in your place.")
    if address is None:
        raise fault("/email", "This is not an e-mail address that HQ can write to.")
    others = selectors.list_signers(agreement)
    if len(others) >= SIGNERS_MOST:
        raise CannotBeDelegated
    index = selectors.email_index(agreement.organization_id, address)
    if any(bytes(one.email_index) == index and one.kind == signer.kind for one in others):
        raise fault("/email", "This person is asked to sign already.")
    return Signer.objects.create(
        id=new_id(),
        organization_id=agreement.organization_id,
        agreement=agreement,
        position=max(one.position for one in others) + 1,
        turn=signer.turn,
        kind=signer.kind,
        method=signer.method,
        role=signer.role,
        name=name,
        email=address,
        email_index=index,
    )
