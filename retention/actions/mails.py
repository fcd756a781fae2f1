"""Sending certificates. They are sent again if the sender dies before it could put down that they are."""

from uuid import UUID

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from hq.db.context import tenant
from jobs.registry import RunningJob
from keys.actions.shredding import certificate_file
from retention.models import Erasure, PersonErasure


def send_certificate(job: RunningJob) -> None:
    """To everybody who was an owner when it began. Their addresses go once it is sent."""
    with tenant(job.organization_id):
        wish = Erasure.objects.get(organization_id=job.organization_id, id=UUID(job.payload["wish"]))
        addresses = (wish.addresses or {}).get("owners", [])
        file = _file(job.organization_id, wish.statement_id)
    _send("The organization is erased", "organization", addresses, file)
    with job.step():
        Erasure.objects.filter(organization_id=job.organization_id, id=wish.id).update(addresses=None)
        job.complete()


def send_person_certificate(job: RunningJob) -> None:
    """To the one who is erased, at the address that they had."""
    with tenant(job.organization_id):
        wish = PersonErasure.objects.get(organization_id=job.organization_id, id=UUID(job.payload["wish"]))
        addresses = [wish.address] if wish.address else []
        file = _file(job.organization_id, wish.statement_id)
    _send("You are erased", "person", addresses, file)
    with job.step():
        PersonErasure.objects.filter(organization_id=job.organization_id, id=wish.id).update(address=None)
        job.complete()


def _file(organization_id: UUID, statement_id: UUID | None) -> tuple[str, str]:
    if statement_id is None:
        raise LookupError("There is no certificate yet.")
    return certificate_file(organization_id, statement_id)


def _send(subject: str, what: str, addresses: list[str], file: tuple[str, str]) -> None:
    body = render_to_string("retention/mail/certificate.txt", {"what": what})
    for address in addresses:
        message = EmailMessage(f"HQ: {subject}", body, to=[address])
        message.attach(*file, "application/json")
        message.send()
