"""How a signer comes in: the link, a code by mail where it is asked for, and the cookie that stands for both.

Looking at a link spends nothing, so that a mail scanner burns nothing. Every try of a code is counted before it is
looked at, and is a step of the agreement's chain, whether it was right or not.
"""

import secrets as random
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string

from hq.authz.actor import Origin
from hq.crypto import secrets
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Unavailable
from hq.limits.buckets import Bucket, take
from hq.web.limits import network_of
from keys import selectors as keys
from signing import selectors
from signing.actions.acts import Standing
from signing.actions.chain import add_step
from signing.actions.faults import LinkCannotBeOpened, TooManyCodes, WrongCode
from signing.models import Agreement, Code, Signer, SignerSession

CODE_LIFE, SESSION_LIFE = timedelta(minutes=10), timedelta(hours=4)
TRIES: Final = 5  # of one code
# Who holds a link and not the mailbox has 50 tries a day at one in a million, and each code is told to the signer.
CODE_GAP: Final = 30  # seconds from one to the next
CODES_OF_SIGNER: Final = (("", 5, 60 * 60), ("_day", 10, 24 * 60 * 60), ("_gap", 1, CODE_GAP))
CODES_OF_ADDRESS: Final = (20, 60 * 60)
# Each is a step of the chain, with a code or without, and a chain of more than 48 MiB can be checked by nobody.
TRIES_OF_SIGNER: Final = (40, 24 * 60 * 60)
TRIES_OF_ADDRESS: Final = (30, 60 * 60)
SESSION_PREFIX: Final = "hqh_"


class CodeNotMailed(Unavailable):
    """The code could not be mailed just now. Ask for another one in a minute."""


@dataclass(frozen=True, slots=True)
class Invited:
    """What a link names: nothing is shown of it before who holds it has shown who they are."""

    agreement: Agreement
    signer: Signer


def look_at_link(*, token: str) -> Invited:
    """Who was invited to what. Opens its own transaction, changes nothing. Raises LinkCannotBeOpened."""
    located = selectors.locate_link(secrets.digest(token))
    if located is None:
        raise LinkCannotBeOpened
    organization_id, signer_id = located
    with tenant(organization_id):
        signer = selectors.find_signer(organization_id, signer_id)
        if signer is None or signer.state == Signer.State.WAITING:
            raise LinkCannotBeOpened
        return Invited(signer.agreement, signer)


def send_code(*, token: str, origin: Origin) -> None:
    """Mail a code to the signer of a link; the one before is void. It is a step once the mail server has taken it.

    Raises LinkCannotBeOpened, TooManyCodes, CodeNotMailed.
    """
    invited = look_at_link(token=token)
    signer = invited.signer
    charge_code(str(signer.id), origin)
    with transaction.atomic(durable=True), tenant(signer.organization_id):
        code = make_code(signer.organization_id, bytes(signer.email_index), signer)
    try:
        mail_code(signer.email, code, invited.agreement)
    except OSError as error:  # every fault of SMTP is one
        raise CodeNotMailed from error
    with transaction.atomic(durable=True), tenant(signer.organization_id):
        agreement = selectors.lock_agreement(signer.organization_id, signer.agreement_id)
        if agreement.state == Agreement.State.SENT:
            add_step(agreement, "code_sent", origin=origin, signer=signer)


def enter(*, token: str, code: str, origin: Origin) -> str:
    """Come in by a link, and the code that was mailed where one is asked for; the token of the session.

    Raises LinkCannotBeOpened, WrongCode, TooManyCodes.
    """
    invited = look_at_link(token=token)
    signer = invited.signer
    asked = signer.method != Signer.Method.LINK
    right: bool | None = True
    charge_try(str(signer.id), origin)
    if asked:
        with transaction.atomic(durable=True), tenant(signer.organization_id):
            right = take_code(signer.organization_id, bytes(signer.email_index), code, signer)
    if right is None:  # no step: or whoever has the link could make the chain as long as they like
        raise WrongCode
    with transaction.atomic(durable=True), tenant(signer.organization_id):
        agreement = selectors.lock_agreement(signer.organization_id, signer.agreement_id)
        method = Signer.Method.CODE if asked else Signer.Method.LINK
        if agreement.state == Agreement.State.SENT:
            facts = {"method": method.value, "outcome": "ok" if right else "wrong"}
            add_step(agreement, "identified", origin=origin, signer=signer, facts=facts)
        made = open_session(signer.organization_id, bytes(signer.email_index), method, signer) if right else ""
    if not right:
        raise WrongCode
    return made


def standing_of(*, session_token: str, signer_id: UUID, origin: Origin) -> Standing:
    """Who a cookie stands for. Opens its own transaction. Raises LinkCannotBeOpened."""
    digest = secrets.digest(session_token)
    located = selectors.locate_session(digest)
    if located is None or located[1] != signer_id:
        raise LinkCannotBeOpened
    organization_id = located[0]
    with tenant(organization_id):
        rows = SignerSession.objects.filter(organization_id=organization_id, token_digest=digest)
        session = rows.select_related("signer").first()
        if session is None or session.signer is None or session.expires_at <= now():
            raise LinkCannotBeOpened
        if not secrets.equal(bytes(session.email_index), bytes(session.signer.email_index)):
            raise LinkCannotBeOpened
        return Standing(organization_id, signer_id, session.method, bytes(session.email_index), origin)


def open_session(organization_id: UUID, email_index: bytes, method: str, signer: Signer | None) -> str:
    """A session's token, known only now; without a signer it shows an address. In the caller's transaction."""
    token = secrets.random_token(SESSION_PREFIX)
    SignerSession.objects.create(
        organization_id=organization_id,
        signer=signer,
        email_index=email_index,
        method=method,
        token_digest=secrets.digest(token),
        expires_at=now() + SESSION_LIFE,
    )
    return token


def make_code(organization_id: UUID, email_index: bytes, signer: Signer | None) -> str:
    """Six digits; those before, of the same address and purpose, are void. In the caller's transaction."""
    code, at = f"{random.randbelow(1_000_000):06}", now()
    row = Code(organization_id=organization_id, signer=signer, email_index=email_index, expires_at=at + CODE_LIFE)
    row.digest = _digest(organization_id, row.id, code)
    _live(organization_id, email_index, signer).update(used_at=at)
    row.save(force_insert=True)
    return code


def take_code(organization_id: UUID, email_index: bytes, code: str, signer: Signer | None) -> bool | None:
    """Whether it is the code that was mailed last; a right one is spent. None where no code can be tried.

    In a transaction that is kept either way.
    """
    rows = _live(organization_id, email_index, signer).select_for_update(no_key=True)
    row = rows.filter(expires_at__gt=now(), tries__lt=TRIES).order_by("-id").first()
    if row is None:
        return None
    row.tries += 1
    right = secrets.equal(bytes(row.digest), _digest(organization_id, row.id, "".join(code.split())))
    row.used_at = now() if right else None
    row.save(update_fields=["tries", "used_at"])
    return right


def mail_code(email: str, code: str, agreement: Agreement | None) -> None:
    """Mail the code, outside of any transaction: it is in no job and in no row. Raises OSError."""
    body = render_to_string("signing/mail/code.txt", {"code": code, "agreement": agreement})
    EmailMessage("HQ: Your code to read and sign", body, to=[email]).send()


def _live(organization_id: UUID, email_index: bytes, signer: Signer | None) -> QuerySet[Code]:
    return Code.objects.filter(
        organization_id=organization_id, email_index=email_index, signer=signer, used_at__isnull=True
    )


def _digest(organization_id: UUID, code_id: UUID, code: str) -> bytes:
    return keys.blind_index(organization_id, "signing.code", f"{code_id}:{code}")


def charge_code(subject: str, origin: Origin) -> None:
    """Count a code that somebody asks for. Raises TooManyCodes."""
    each = [Bucket(f"signing_codes{name}", subject, most, seconds) for name, most, seconds in CODES_OF_SIGNER]
    _charge(*each, Bucket("signing_codes_address", network_of(origin.ip), *CODES_OF_ADDRESS))


def charge_try(subject: str, origin: Origin) -> None:
    """Count one try to come in. Raises TooManyCodes."""
    _charge(
        Bucket("signing_tries", subject, *TRIES_OF_SIGNER),
        Bucket("signing_tries_address", network_of(origin.ip), *TRIES_OF_ADDRESS),
    )


def _charge(*buckets: Bucket) -> None:
    verdict = take(*buckets)
    if not verdict.allowed:
        raise TooManyCodes(wait=verdict.retry_after)
