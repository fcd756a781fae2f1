"""Recording what happens to an organization whose own trail may be out of reach."""

from dataclasses import replace
from typing import Any

from django.db import transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz.actor import Actor
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.db.sealing import KeyUnavailable

REASON_LENGTH = 500  # of what people give as their reason, on pages and over /v1


def record_somewhere(
    actor: Actor,
    tag: Tag,
    *,
    target: Target,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> None:
    """In the organization's trail, or, while its key cannot be used, in the deployment's, which names it."""
    try:
        with transaction.atomic():
            recorder.record(actor, tag, target=target, before=before, after=after, reason=reason)
    except KeyUnavailable:
        there = replace(actor, organization_id=PLATFORM_ID, home_environment_id=PLATFORM_ID)
        with tenant(PLATFORM_ID):
            after = (after or {}) | {"organization": str(actor.organization_id)}
            recorder.record(there, tag, target=target, before=before, after=after, reason=reason)
