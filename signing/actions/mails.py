"""Mails about agreements: to whoever is asked, and to the sender of what becomes of it.

A mail is a job, so that it is sent exactly if what it tells was committed, and again if the mail server is away. Killed
between the mail and its mark, it is sent twice. A mail whose time is over by then is left out.
"""

import logging
from dataclasses import dataclass
from smtplib import SMTPRecipientsRefused
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from audit import recorder
from audit.tags import Tag
from hq.authz.actor import Origin, system_actor
from hq.authz.permissions import Permission
from hq.authz.roles import GRANTS, Role
from hq.lib.clock import now
from jobs.registry import RunningJob
from signing import selectors
from signing.actions.chain import add_step
from signing.actions.drafts import target_of
from signing.actions.links import link_of
from signing.actions.turns import mail
from signing.models import Agreement, Signer
from tenants import selectors as tenants

log = logging.getLogger("hq.signing")
TITLE_IN_SUBJECT: Final = 80
_ASKS: Final = {"signer": "sign", "approver": "approve", "viewer": "look at"}
# What the subject says. {} is the title; {ask} is what the reader is asked to do, {who} who asks.
SUBJECTS: Final = {
    "invite": "{who} asks you to {ask} “{}”",
    "remind": "“{}” waits for you to {ask} it",
    "voided": "“{}” was withdrawn",
    "ended": "“{}” will not be signed",
    "completed": "“{}” is signed by everybody",
    "expired": "“{}” was not signed in time",
    "declined": "“{}” was declined",
    "delegated": "Somebody else signs “{}”",
    "bounced": "A mail about “{}” cannot be delivered",
}
# Those that are only worth sending while their reader can still act.
_WHILE_OPEN: Final = {"invite", "remind"}
_ABOUT: Final = {
    "declined": Signer.State.DECLINED,
    "ended": Signer.State.DECLINED,
    "delegated": Signer.State.DELEGATED,
}
_ABOUT_SIGNER: Final = {"bounced"}  # to the sender, about the signer that the job names


@dataclass(frozen=True, slots=True)
class _Letter:
    to: str
    subject: str
    body: str

    def send(self) -> None:
        EmailMessage(f"HQ: {self.subject}", self.body, to=[self.to]).send()


def send_mail(job: RunningJob) -> None:
    """Send one, or find that its reader refuses it: then their sender is told. Any other fault is tried again."""
    letter = _letter(job)
    refused = _sent(letter) if letter is not None else None
    if refused is not None:
        _keep_bounce(job, refused)
        return
    with job.step():
        job.complete({"sent": letter is not None})


def _letter(job: RunningJob) -> _Letter | None:
    """None where there is nobody to write to, or nothing to say any more."""
    with job.step():
        agreement, signer = _about(job)
        what, organization = job.payload["what"], tenants.find_open(job.organization_id)
        if agreement is None or organization is None or (job.payload["signer"] and signer is None):
            return None
        to_sender = signer is None or what in _ABOUT_SIGNER
        if to_sender:
            address = _sender_of(agreement)
        else:
            address = signer.email if signer and _worth(agreement, signer, what) else ""
        if not address:
            return None
        context = _context(agreement, signer, what, to_sender=to_sender) | {"organization": organization.name}
        context |= _places(agreement, None if to_sender else signer, organization.slug)
        title = agreement.title
        short = title if len(title) <= TITLE_IN_SUBJECT else title[:TITLE_IN_SUBJECT].rstrip() + "…"
        subject = SUBJECTS[what].format(short, who=context["sender"], ask=context["ask"])
        return _Letter(address, subject, render_to_string(f"signing/mail/{what}.txt", context))


def _sender_of(agreement: Agreement) -> str:
    """Their address, while they are a member who may look at it; an admin sees it in the list."""
    member = agreement.membership
    return member.user.email if member and Permission.SHARES_READ in GRANTS[Role(member.role)] else ""


def _about(job: RunningJob) -> tuple[Agreement | None, Signer | None]:
    rows = Agreement.objects.filter(organization_id=job.organization_id, id=UUID(job.payload["agreement"]))
    agreement = rows.select_related("environment", "membership__user").first()
    signer = selectors.find_signer(job.organization_id, UUID(job.payload["signer"])) if job.payload["signer"] else None
    return agreement, signer


def _worth(agreement: Agreement, signer: Signer, what: str) -> bool:
    if signer.token_digest is None:
        return False
    if what not in _WHILE_OPEN:
        return True
    lives = agreement.expires_at is not None and agreement.expires_at > now()
    return agreement.state == Agreement.State.SENT and lives and signer.is_asked


def _context(agreement: Agreement, signer: Signer | None, what: str, *, to_sender: bool) -> dict[str, Any]:
    return {
        "agreement": agreement,
        "signer": signer,
        "what": what,
        "sender": agreement.created_by_label,
        "ask": _ASKS[signer.kind] if signer else "sign",
        "to_sender": to_sender,
        "others": _others(agreement, what),
    }


def _places(agreement: Agreement, signer: Signer | None, slug: str) -> dict[str, str]:
    own = f"{settings.BASE_URL}/o/{slug}/{agreement.environment.name}/agreements/{agreement.id}"
    return {
        "url": link_of(agreement, signer) if signer else own,
        "site": f"{settings.BASE_URL}/",
        "all_url": f"{settings.BASE_URL}/sign/documents/{agreement.organization_id}/",
        "verify_url": f"{settings.BASE_URL}/verify",
    }


def _others(agreement: Agreement, what: str) -> list[Signer]:
    """Whom a mail to the sender is about: who declined, who handed it on, or who never signed."""
    people = [one for one in selectors.list_signers(agreement) if one.acts]
    if what == "expired":
        return [one for one in people if one.is_asked or one.state == Signer.State.WAITING]
    return [one for one in people if one.state == _ABOUT.get(what)]


def _sent(letter: _Letter) -> int | None:
    """The code by which the reader's server refuses to take it for good (RFC 5321, 4.2.1); None if it was taken."""
    try:
        letter.send()
    except SMTPRecipientsRefused as error:
        code = int(next(iter(error.recipients.values()))[0])
        if not 500 <= code <= 599:
            raise
        return code
    return None


def _keep_bounce(job: RunningJob, code: int) -> None:
    """The reader cannot be reached. Of a signer this is a step of the chain, and the sender is told."""
    with job.step():
        agreement, signer = _about(job)
        if agreement is None or signer is None or job.payload["what"] in _ABOUT_SIGNER:
            log.warning("the sender of an agreement cannot be reached by mail", extra={"code": code})
            job.complete({"refused": code})
            return
        agreement = selectors.lock_agreement(job.organization_id, agreement.id)
        signer.bounced_at = now()
        signer.save(update_fields=["bounced_at"])
        facts = {"mail": job.payload["what"], "code": code}
        if agreement.state == Agreement.State.SENT:  # behind the seal there is no step
            add_step(agreement, "bounced", origin=Origin(), signer=signer, facts=facts)
        mail(agreement, "bounced", signer)
        job.complete({"refused": code})
        actor = system_actor(agreement.organization_id, environment_id=agreement.environment_id)
        recorder.record(actor, Tag.AGREEMENT_BOUNCED, target=target_of(agreement), after=facts)
