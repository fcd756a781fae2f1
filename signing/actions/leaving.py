"""How a signer goes: what stands for them in a browser ends, there and in the database."""

from collections.abc import Iterable

from django.db import transaction

from hq.crypto import secrets
from hq.db.context import tenant
from signing import selectors
from signing.models import SignerSession

MOST = 50  # of one browser; a cookie's header is no longer


def leave(*, session_tokens: Iterable[str]) -> None:
    """End the sessions of these tokens; what names none is passed over. Opens its own transactions."""
    for token in [*session_tokens][:MOST]:
        digest = secrets.digest(token)
        located = selectors.locate_session(digest)
        if located is not None:
            with transaction.atomic(durable=True), tenant(located[0]):
                SignerSession.objects.filter(organization_id=located[0], token_digest=digest).delete()
