"""Mails about agreements: to whoever is asked, and to the sender of what becomes of it.

A mail is a job, so that it is sent exactly if what it tells was committed, and again if the mail server is away. Killed
between the mail and its mark, it is sent twice. A mail whose time is over by then is left out; while nobody comes into
its organization it waits. What the sender would hear goes to owners and admins once they have left or may not look.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
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
from keys.registry import Notice, tenancy
from signing import selectors
from signing.actions.chain import add_step
from signing.actions.drafts import target_of
from signing.actions.links import link_of
from signing.actions.turns import mail
from signing.models import Agreement, Signer

log = logging.getLogger("hq.signing")
TITLE_IN_SUBJECT: Final = 80
# It cannot be known for how long an organization is suspended, so its mails look again now and then.
WAITS_SUSPENDED: Final = timedelta(hours=1)
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
    if job.completed:
        return
    refused = _sent(letter) if letter is not None else None
    if refused is not None:
        _keep_bounce(job, refused)
        return
    with job.step():
        job.complete({"sent": letter is not None})


def _letter(job: RunningJob) -> _Letter | None:
    """None where there is nobody to write to, or nothing to say any more; or the job is put back, or done, here."""
    with job.step():
        agreement, signer = _about(job)
        what = job.payload["what"]
        if agreement is None or (job.payload["signer"] and signer is None):
            return None
        place = agreement.organization
        if place.state in place.SHUT:
            if place.state not in place.GONE:
                job.again(now() + WAITS_SUSPENDED)
            return None
        to_sender = signer is None or what in _ABOUT_SIGNER
        if not to_sender and not (signer and _worth(agreement, signer, what)):
            return None
        letter = _written(agreement, signer, what, to_sender=to_sender)
        if not letter.to:
            _tell_keepers(agreement, letter)
            job.complete({"sent": True})
        return letter


def _written(agreement: Agreement, signer: Signer | None, what: str, *, to_sender: bool) -> _Letter:
    """With an empty address where its sender is not to hear of it."""
    organization = agreement.organization
    context = _context(agreement, signer, what, to_sender=to_sender) | {"organization": organization.name}
    context |= _places(agreement, None if to_sender else signer, organization.slug)
    title = agreement.title
    short = title if len(title) <= TITLE_IN_SUBJECT else title[:TITLE_IN_SUBJECT].rstrip() + "…"
    subject = SUBJECTS[what].format(short, who=context["sender"], ask=context["ask"])
    address = _sender_of(agreement) if to_sender else signer.email if signer else ""
    return _Letter(address, subject, render_to_string(f"signing/mail/{what}.txt", context))


def _tell_keepers(agreement: Agreement, letter: _Letter) -> None:
    """In the sender's place: they see all agreements, and may send, remind and withdraw. Told once, as all notices are:
    a mail server that is away at that moment is not asked again.
    """
    *lines, last = letter.body.strip().splitlines()
    said = lines if last.startswith(settings.BASE_URL) else [*lines, last]  # a notice ends with the same address
    sender = f"You are told because {agreement.created_by_label}, who sent it, has left or may not look at it any more."
    notice = Notice(
        subject=letter.subject,
        sentences=(*said, "", sender),
        environment=agreement.environment.name,
        path=f"agreements/{agreement.id}",
    )
    tenancy().tell_keepers(agreement.organization_id, notice)


def _sender_of(agreement: Agreement) -> str:
    """Their address, while they are a member who may look at it."""
    member = agreement.membership
    looks = member and member.user.is_active and Permission.SHARES_READ in GRANTS[Role(member.role)]
    return member.user.email if member and looks else ""


def _about(job: RunningJob) -> tuple[Agreement | None, Signer | None]:
    rows = Agreement.objects.filter(organization_id=job.organization_id, id=UUID(job.payload["agreement"]))
    agreement = rows.select_related("environment", "membership__user", "organization").first()
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
