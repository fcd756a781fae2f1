"""What HQ signs with, and what it signed. A public key is kept for ever, or old statements could not be checked."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from hq.crypto import notes, signatures, statements
from hq.crypto.secrets import digest
from hq.db.locks import hold
from hq.lib.clock import now
from hq.lib.ids import new_id
from keys.models import SigningKey, Statement
from keys.selectors import YEAR

_TURN = "hq.keys:signing"


def ensure_signing_key() -> SigningKey:
    """The key in use, made if there is none. Called whenever HQ starts, after the deployment's keys."""
    with transaction.atomic():
        hold(_TURN)
        return SigningKey.objects.filter(retired_at=None).first() or _make()


def renew_signing_key() -> SigningKey:
    """Take a new key once the present one is a year old. The old seed is thrown away: it signs nothing again."""
    with transaction.atomic():
        hold(_TURN)
        current = SigningKey.objects.filter(retired_at=None).first()
        if current is not None and current.created_at > now() - YEAR:
            return current
        if current is not None:
            current.seed, current.retired_at = None, now()
            current.save(update_fields=["seed", "retired_at"])
        return _make()


def issue_statement(organization_id: UUID, kind: Statement.Kind, body: Mapping[str, Any]) -> Statement:
    """Sign a statement and keep the file, in the caller's transaction. `type` and what it says stand in `body`.

    Raises KeyUnavailable.
    """
    statement_id, issued_at = new_id(), now()
    key, file = _sign(body, statement_id, issued_at)
    return Statement.objects.create(
        id=statement_id,
        organization_id=organization_id,
        kind=kind,
        kid=key.kid,
        digest=digest(file),
        issued_at=issued_at,
        file=file.decode(),
    )


def sign_statement(body: Mapping[str, Any]) -> bytes:
    """The file of a statement that its own room keeps, with what it is about. Raises KeyUnavailable."""
    return _sign(body, new_id(), now())[1]


def sign_note(text: str, name: str) -> str:
    """The note of a text, such as a checkpoint, with one signature under this name (C2SP signed-note).

    Raises KeyUnavailable, BadNote.
    """
    return notes.sign_note(text, name, _seed())


def cosign_note(text: str, name: str, seconds: int) -> str:
    """The line by which HQ, as a witness of this name, says that it saw a checkpoint's text at that time.

    Raises KeyUnavailable, BadNote.
    """
    return notes.cosign(text, name, _seed(), seconds)


def _seed() -> bytes:
    return base64.b64decode(SigningKey.objects.get(retired_at=None).seed or "")


def _sign(body: Mapping[str, Any], statement_id: UUID, issued_at: datetime) -> tuple[SigningKey, bytes]:
    key = SigningKey.objects.get(retired_at=None)
    head = {
        "v": statements.VERSION,
        "id": str(statement_id),
        "issued_at": statements.timestamp(issued_at),
        "issuer": settings.BASE_URL,
    }
    return key, statements.build({**head, **body}, base64.b64decode(key.seed or ""))


def _make() -> SigningKey:
    seed = signatures.generate()
    public = signatures.public_of(seed)
    return SigningKey.objects.create(kid=signatures.kid_of(public), public=public, seed=base64.b64encode(seed).decode())
