"""Answers to POSTs with an Idempotency-Key, kept for a day where `hq.web.idempotency` asks for them."""

from datetime import datetime
from uuid import UUID

from hq.authz.actor import Actor
from hq.web.idempotency import Kept
from tenants.models import Answer


class Answers:
    """The table, as `hq.web` knows it."""

    def find(self, actor: Actor, key: bytes) -> Kept | None:
        """What was answered to this principal under this key."""
        row = Answer.objects.filter(
            organization_id=actor.organization_id, principal_kind=actor.kind, principal_id=actor.id, key_digest=key
        ).first()
        return Kept(bytes(row.request_digest), row.status, row.headers, row.body, row.standing) if row else None

    def keep(self, actor: Actor, key: bytes, kept: Kept) -> None:
        Answer.objects.create(
            organization_id=actor.organization_id,
            principal_kind=actor.kind,
            principal_id=actor.id,
            key_digest=key,
            request_digest=kept.request,
            status=kept.status,
            headers=kept.headers,
            body=kept.body,
            standing=kept.standing,
        )


def forget_answers(organization_id: UUID, *, before: datetime) -> None:
    """Delete those that were given before; the same keys then mean new requests (VLT-11)."""
    Answer.objects.filter(organization_id=organization_id, at__lt=before).delete()
