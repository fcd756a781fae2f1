"""All documents of an address in one organization, for whoever shows by a code that the address is theirs.

Asking for the code is answered in the same words and the same time whether the address is known or not: a job looks.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from hq.authz.actor import Origin
from hq.crypto import secrets
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.mail_addresses import spell_address
from jobs import actions as jobs
from jobs.registry import RunningJob
from signing import selectors
from signing.actions.chain import add_step
from signing.actions.door import charge_code, charge_try, mail_code, make_code, open_session, take_code
from signing.actions.faults import LinkCannotBeOpened, WrongCode, fault
from signing.models import Agreement, Signer, SignerSession
from tenants import selectors as tenants

SHOWN_MOST = 200


@dataclass(frozen=True, slots=True)
class Inbox:
    """What an address was asked to sign or see in one organization, the newest first."""

    organization_id: UUID
    name: str
    email_index: bytes
    rows: list[Signer]


def name_of(organization_id: UUID) -> str:
    """The organization's name. Opens its own transaction. Raises LinkCannotBeOpened where nobody comes in."""
    with tenant(organization_id):
        found = tenants.find_open(organization_id)
        if found is None:
            raise LinkCannotBeOpened
        return found.name


def ask_for_documents(*, organization_id: UUID, email: str, origin: Origin) -> None:
    """Have a code mailed, if anything was ever sent to the address. Raises TooManyCodes, CannotBeSigned."""
    index = _index(organization_id, email)
    charge_code(index.hex(), origin)
    with transaction.atomic(durable=True), tenant(organization_id):
        jobs.enqueue("signing.inbox_code", organization_id=organization_id, payload={"index": index.hex()})


def mail_inbox_code(job: RunningJob) -> None:
    """Mail the code. It is in no job and in no row; the address stands in the signer's.

    An address that nothing was sent to has a code too, which nobody is told: trying one takes as long as elsewhere.
    """
    index = bytes.fromhex(str(job.payload["index"]))
    with job.step():
        newest = _rows(job.organization_id, index).order_by("-id").first()
        code = make_code(job.organization_id, index, None)
    if newest is not None:
        mail_code(newest.email, code, None)
    with job.step():
        job.complete()


def enter_inbox(*, organization_id: UUID, email: str, code: str, origin: Origin) -> str:
    """The token of a session of the address. Raises WrongCode, TooManyCodes, CannotBeSigned."""
    index = _index(organization_id, email)
    charge_try(index.hex(), origin)
    with transaction.atomic(durable=True), tenant(organization_id):
        right = take_code(organization_id, index, code, None)
        token = open_session(organization_id, index, Signer.Method.CODE, None) if right else ""
    if not right:
        raise WrongCode
    return token


def open_inbox(*, organization_id: UUID, session_token: str) -> Inbox:
    """What a session of an address shows. Opens its own transaction. Raises LinkCannotBeOpened."""
    located = selectors.locate_session(secrets.digest(session_token))
    if located is None or located != (organization_id, None):
        raise LinkCannotBeOpened
    name = name_of(organization_id)
    with tenant(organization_id):
        sessions = SignerSession.objects.filter(
            organization_id=organization_id, token_digest=secrets.digest(session_token)
        )
        session = sessions.first()
        if session is None or session.expires_at <= now():
            raise LinkCannotBeOpened
        index = bytes(session.email_index)
        rows = _rows(organization_id, index).select_related("agreement")
        return Inbox(organization_id, name, index, list(rows.order_by("-id")[:SHOWN_MOST]))


def open_from_inbox(*, inbox: Inbox, signer_id: UUID, origin: Origin) -> str:
    """Go from the list to one of its documents: the token of a session there.

    It is a step of the chain, so it is counted as any other try is. Raises LinkCannotBeOpened, TooManyCodes.
    """
    with transaction.atomic(durable=True), tenant(inbox.organization_id):
        signer = _rows(inbox.organization_id, inbox.email_index).filter(id=signer_id).first()
        if signer is None:
            raise LinkCannotBeOpened
        charge_try(str(signer.id), origin)
        agreement = selectors.lock_agreement(inbox.organization_id, signer.agreement_id)
        if agreement.state == Agreement.State.SENT:
            facts = {"method": Signer.Method.CODE.value, "outcome": "ok"}
            add_step(agreement, "identified", origin=origin, signer=signer, facts=facts)
        return open_session(inbox.organization_id, inbox.email_index, Signer.Method.CODE, signer)


def _rows(organization_id: UUID, index: bytes) -> QuerySet[Signer]:
    rows = Signer.objects.filter(organization_id=organization_id, email_index=index)
    return rows.exclude(state=Signer.State.WAITING)


def _index(organization_id: UUID, email: str) -> bytes:
    """Raises CannotBeSigned, LinkCannotBeOpened."""
    if spell_address(email.strip()) is None:
        raise fault("/email", "This is not an e-mail address.")
    name_of(organization_id)
    with tenant(organization_id):
        return selectors.email_index(organization_id, email.strip())
