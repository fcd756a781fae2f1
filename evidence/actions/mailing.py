"""Witnesses by mail: somebody outside keeps copies of checkpoints. They are asked first, so that nobody is written to
who has not agreed, and every mail has the way out in it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string

from audit import recorder
from audit import selectors as trail
from audit.recorder import Target
from audit.tags import Tag
from evidence.models import Checkpoint, MailWitness
from evidence.selectors import find_mail_witness, latest_checkpoint, note_of
from hq.authz import gate
from hq.authz.actor import Actor, system_actor
from hq.authz.permissions import Permission
from hq.crypto.secrets import digest, random_token
from hq.db.context import tenant
from hq.db.locks import hold
from hq.lib.clock import now
from hq.lib.errors import Invalid, NotFound, Refused, TooMany
from hq.lib.mail_addresses import spell_address
from hq.limits.buckets import Bucket, take
from jobs.registry import RunningJob
from keys.registry import tenancy

MOST: Final = 10
EVERY: Final = timedelta(days=1)
AHEAD: Final = timedelta(hours=1)
# How long somebody who was asked may take to agree; then they are forgotten.
ANSWER_WITHIN: Final = timedelta(days=7)
# Mails that ask, of one organization and to one address: nobody is asked again and again by taking them out and in.
OF_AN_ORGANIZATION, OF_AN_ADDRESS = (20, 86_400), (3, 86_400)


class NotAnAddress(Invalid):
    """This is not an e-mail address that HQ writes to."""


class AlreadyAWitness(Refused):
    """This address is a witness already, or has been asked."""


class TooManyWitnesses(Refused):
    """An organization has at most ten witnesses by mail. Remove one first."""


class AskedTooOften(TooMany):
    """Too many have been asked today. Ask them tomorrow."""


def add_witness(*, actor: Actor, address: str) -> MailWitness:
    """Ask somebody whether they want to be sent the organization's checkpoints, once a day.

    Raises NotAnAddress, AlreadyAWitness, TooManyWitnesses, AskedTooOften, LimitsUnavailable.
    """
    _require(actor)
    spelled = spell_address(address)
    if spelled is None:
        raise NotAnAddress(errors=[{"pointer": "/address", "detail": "Enter an e-mail address."}])
    hold(f"hq.evidence:mail:{actor.organization_id}")
    rows = list(MailWitness.objects.filter(organization_id=actor.organization_id))
    if spelled in {row.address for row in rows}:
        raise AlreadyAWitness
    if len(rows) >= MOST:
        raise TooManyWitnesses
    verdict = take(
        Bucket("witness_asked", str(actor.organization_id), *OF_AN_ORGANIZATION),
        Bucket("witness_address", digest(spelled).hex(), *OF_AN_ADDRESS),
    )
    if not verdict.allowed:
        raise AskedTooOften(wait=verdict.retry_after)
    token = random_token()
    made = MailWitness.objects.create(
        organization_id=actor.organization_id, address=spelled, token=token, token_digest=digest(token)
    )
    _send(made, "asked", "HQ: Do you want to be a witness?", {})
    recorder.record(actor, Tag.WITNESS_ADDED, target=_target(made), after={"by": "mail"})
    return made


def remove_witness(*, actor: Actor, witness_id: UUID) -> None:
    """Send somebody no more checkpoints. Raises NotFound."""
    _require(actor)
    found = MailWitness.objects.filter(organization_id=actor.organization_id, pk=witness_id).first()
    if found is None:
        raise NotFound
    found.delete()
    recorder.record(actor, Tag.WITNESS_REMOVED, target=Target("witness", witness_id, found.address))


def look_at_invitation(token: str) -> tuple[str, MailWitness]:
    """The organization's name and the row, for who has the link of a mail. Raises NotFound."""
    organization_id = find_mail_witness(token)
    with tenant(organization_id):
        found = MailWitness.objects.filter(token_digest=digest(token)).first()
        if found is None or _lapsed(found):
            raise NotFound
        return tenancy().name_of(organization_id), found


def confirm_witness(token: str) -> None:
    """Agree, as whoever reads the mail. Twice is once. The trail says from when on there is a witness.

    Raises NotFound, KeyUnavailable.
    """
    organization_id = find_mail_witness(token)
    with tenant(organization_id):
        found = _locked(token)
        if found.state == MailWitness.State.ASKED:
            found.state, found.confirmed_at = MailWitness.State.CONFIRMED, now()
            found.save(update_fields=["state", "confirmed_at"])
            _record_their_act(organization_id, Tag.WITNESS_AGREED, _target(found))


def stop_witness(token: str) -> None:
    """Want no more mail, as whoever reads it. The trail says so: who counts on a witness has to see that it left.

    Raises NotFound, KeyUnavailable.
    """
    organization_id = find_mail_witness(token)
    with tenant(organization_id):
        found = _locked(token)
        target = _target(found)
        found.delete()
        _record_their_act(organization_id, Tag.WITNESS_REMOVED, target)


def _record_their_act(organization_id: UUID, tag: Tag, target: Target) -> None:
    """What a witness did by the link of a mail: they are nobody in the organization."""
    actor = system_actor(organization_id, environment_id=trail.home_of(organization_id))
    recorder.record(actor, tag, target=target, after={"by": "the witness"})


def _locked(token: str) -> MailWitness:
    found = MailWitness.objects.select_for_update(no_key=True).filter(token_digest=digest(token)).first()
    if found is None or _lapsed(found):
        raise NotFound
    return found


def _lapsed(row: MailWitness) -> bool:
    return row.state == MailWitness.State.ASKED and row.created_at < now() - ANSWER_WITHIN


def _is_due(row: MailWitness) -> bool:
    """A day after the last mail; or if that is still to come, as the clock was ahead."""
    at = now()
    return row.sent_at is None or not at - EVERY < row.sent_at <= at + AHEAD


def send_mail(job: RunningJob) -> dict[str, object]:
    """Send the newest checkpoints to everybody whose last mail is a day ago, and forget who never answered.

    Killed between a mail and its mark, it sends that one again.
    """
    with job.step():
        asked = MailWitness.objects.filter(state=MailWitness.State.ASKED, created_at__lt=now() - ANSWER_WITHIN)
        asked.delete()
        confirmed = MailWitness.objects.filter(state=MailWitness.State.CONFIRMED)
        due = [row for row in confirmed.order_by("id") if _is_due(row)]
        context = {"organization": tenancy().name_of(job.organization_id), "notes": _notes(job.organization_id)}
    for row in due if context["notes"] else []:
        _message(row, "checkpoints", f"HQ: Checkpoints of {context['organization']}", context).send()
        with job.step():
            MailWitness.objects.filter(pk=row.pk).update(sent_at=now())
    return {"sent": len(due) if context["notes"] else 0}


def _notes(organization_id: UUID) -> list[str]:
    """The newest checkpoint of each log that has one, in the caller's context."""
    found: list[Checkpoint] = []
    for environment_id, log, _ in trail.logs_of(organization_id):
        newest = latest_checkpoint(environment_id, log)
        if newest is not None:
            found.append(newest)
    return [note_of(each) for each in found]


def _require(actor: Actor) -> None:
    """It sends out what the trail says, so both are needed. Raises Denied."""
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    gate.require(actor, Permission.AUDIT_READ)


def _target(row: MailWitness) -> Target:
    return Target("witness", row.id, row.address)


def _send(row: MailWitness, template: str, subject: str, context: Mapping[str, object]) -> None:
    named = {"organization": tenancy().name_of(row.organization_id), **context}
    transaction.on_commit(_message(row, template, subject, named).send, robust=True)


def _message(row: MailWitness, template: str, subject: str, context: Mapping[str, object]) -> EmailMessage:
    url = f"{settings.BASE_URL}/witnesses/mail/{row.token}"
    body = render_to_string(f"evidence/mail/{template}.txt", {**context, "url": url})
    return EmailMessage(subject, body, to=[row.address])
