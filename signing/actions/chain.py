"""The chain of an agreement: every step is one more link, in the transaction of the act (SIG-1).

`hq.crypto.chain` says what a link is. The first hangs on the agreement's own id, so that no chain can pass for another.
"""

import os
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import orjson

from hq.authz.actor import Origin
from hq.crypto import chain
from hq.lib.canonical import canonical
from hq.lib.clock import now
from signing.models import Agreement, Signer, Step

VERSION: Final = 1
_LABEL: Final = b"hq-agreement-v1\x00"
_SALT: Final = "salt"


def genesis(agreement_id: UUID) -> bytes:
    """What the first link hangs on, 32 bytes."""
    return sha256(_LABEL + agreement_id.bytes).digest()


def time_of(agreement: Agreement) -> datetime:
    """Now; or when its last step was, if a clock was set back since: times go as steps do."""
    rows = Step.objects.filter(organization_id=agreement.organization_id, agreement=agreement, index=agreement.length)
    last = rows.values_list("at", flat=True).first()
    return max(now(), last) if last else now()


def add_step(
    agreement: Agreement,
    kind: str,
    *,
    origin: Origin,
    signer: Signer | None = None,
    who: dict[str, str] | None = None,
    facts: dict[str, Any] | None = None,
    detail: dict[str, Any] | None = None,
) -> Step:
    """Add one link. The caller holds the agreement's row locked, and saves its `head` and `length` by this.

    `who` is the name and e-mail address of whoever did it, where it was no signer. `facts` stand in the document,
    `detail` only as a commitment: what is personal belongs there.
    """
    at, salt = time_of(agreement), os.urandom(chain.SALT_BYTES)
    person = {"name": signer.name, "email": signer.email} if signer else who or {}
    full = {**person, "ip": origin.ip, "user_agent": origin.user_agent[:300], **(detail or {})}
    document = {
        "v": VERSION,
        "agreement": str(agreement.id),
        "organization": str(agreement.organization_id),
        "environment": str(agreement.environment_id),
        "index": agreement.length + 1,
        "kind": kind,
        "at": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "signer": str(signer.id) if signer else None,
        "facts": {"document": document_of(agreement), **(facts or {})},
        "detail": chain.commitment(salt, canonical(full)).hex(),
    }
    content = canonical(document)
    previous = bytes(agreement.head)
    step = Step.objects.create(
        organization_id=agreement.organization_id,
        agreement=agreement,
        index=agreement.length + 1,
        kind=kind,
        signer_id=signer.id if signer else None,
        at=at,
        document=content.decode(),
        detail=full | {_SALT: salt.hex()},
        previous=previous,
        hash=chain.link(previous, content),
    )
    agreement.length, agreement.head = step.index, step.hash
    agreement.save(update_fields=["length", "head"])
    return step


def document_of(agreement: Agreement) -> dict[str, Any]:
    """Which document it was, as every step says it."""
    return {"sha256": agreement.document.sha256, "version": agreement.version, "pages": agreement.document.pages}


def line_of(step: Step) -> bytes:
    """A step as a line of a file, RFC 8785 without the line's end: as in exports of the trail."""
    detail = dict(step.detail)
    salt = detail.pop(_SALT)
    return canonical(
        {
            "detail": detail,
            "document": orjson.loads(step.document),
            "hash": bytes(step.hash).hex(),
            "previous": bytes(step.previous).hex(),
            "salt": salt,
        }
    )
