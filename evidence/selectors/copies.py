"""Reads of who is sent copies, and of what HQ keeps of others' logs."""

from hashlib import sha256
from uuid import UUID

from evidence.models import MailWitness, WitnessedLog
from evidence.selectors.origins import witnessed
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.crypto.secrets import digest
from hq.db import lookups
from hq.lib.errors import NotFound


def list_mail_witnesses(actor: Actor) -> list[MailWitness]:
    """Everybody who is sent the organization's checkpoints, or has been asked whether they want to be."""
    gate.require(actor, Permission.AUDIT_READ)
    return list(MailWitness.objects.filter(organization_id=actor.organization_id).order_by("id"))


def find_mail_witness(token: str) -> UUID:
    """Whose the token of a mail is. Raises NotFound."""
    found = lookups.one("evidence_find_mail_witness", digest(token))
    if found is None:
        raise NotFound
    organization_id: UUID = found["organization_id"]
    return organization_id


def witnessed_note(origin_hash: str) -> str:
    """The newest checkpoint that HQ cosigned of a log, by the SHA-256 of its name in hex. Raises NotFound."""
    for origin in witnessed():
        if sha256(origin.encode()).hexdigest() == origin_hash:
            row = WitnessedLog.objects.filter(origin=origin).first()
            if row is not None:
                return row.note
    raise NotFound
