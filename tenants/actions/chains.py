"""What concerns an organization and the operator of this HQ alike stands in the trails of both (ACC-11)."""

from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz.actor import Actor
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.db.sealing import KeyUnavailable
from tenants.models import LIVE, Environment


def record_on_both_sides(
    actor: Actor,
    organization_id: UUID,
    tag: Tag,
    *,
    target: Target,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> None:
    """In the organization's trail, then in the deployment's, which names the organization too.

    Always in this order, and of one organization in one transaction, or two acts could wait for each other. Where the
    organization's key cannot be used its own trail cannot be written; the deployment's has it then.
    """
    said: dict[str, Any] = {"target": target, "before": before, "after": after, "reason": reason}
    with suppress(KeyUnavailable), tenant(organization_id):
        live = Environment.objects.get(organization_id=organization_id, name=LIVE)
        recorder.record(replace(actor, organization_id=organization_id, home_environment_id=live.id), tag, **said)
    said["after"] = (after or {}) | {"organization": str(organization_id)}
    record_for_deployment(actor, tag, **said)


def record_for_deployment(actor: Actor, tag: Tag, **said: Any) -> None:
    """In the deployment's own trail only."""
    with tenant(PLATFORM_ID):
        recorder.record(replace(actor, organization_id=PLATFORM_ID, home_environment_id=PLATFORM_ID), tag, **said)
