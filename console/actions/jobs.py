"""The operator's verbs, each with its event in the trail of the organization whose job it was."""

from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.db.sealing import KeyUnavailable
from jobs import actions as jobs
from tenants import selectors as tenants
from tenants.actions import record_for_deployment

REASON = "By the platform's operator."
LIVE = "live"


@transaction.atomic
def retry_job(*, actor: Actor, job_id: UUID) -> None:
    """Queue a dead job again. Raises NotFound, NotDead, QueuedAgain."""
    job = jobs.retry_job(actor=actor, job_id=job_id)
    event = {"target": Target("job", job.id, job.kind), "before": {"state": "DEAD", "error": job.error}}
    _record(actor, Tag.JOB_RETRIED, job.organization_id, event | {"after": {"state": job.state}})


@transaction.atomic
def discard_job(*, actor: Actor, job_id: UUID) -> None:
    """Delete a dead job. Raises NotFound, NotDead."""
    job = jobs.discard_job(actor=actor, job_id=job_id)
    before = {"state": job.state, "error": job.error, "payload": job.payload}
    event = {"target": Target("job", job.id, job.kind), "before": before, "after": None}
    _record(actor, Tag.JOB_DISCARDED, job.organization_id, event)


def _record(actor: Actor, tag: Tag, organization_id: UUID, event: dict[str, Any]) -> None:
    """In the organization's trail; in the deployment's own where that has no key yet, or no longer."""
    if (live := _live_environment(actor, organization_id)) is not None:
        with suppress(KeyUnavailable), tenant(organization_id):
            there = replace(actor, organization_id=organization_id, home_environment_id=live)
            recorder.record(there, tag, reason=REASON, **event)
            return
    event["before"]["organization"] = str(organization_id)
    record_for_deployment(actor, tag, reason=REASON, **event)


def _live_environment(actor: Actor, organization_id: UUID) -> UUID | None:
    reader = replace(actor, organization_id=organization_id, permissions=frozenset({Permission.ORGANIZATION_READ}))
    with tenant(organization_id):
        return next((place.id for place in tenants.list_environments(reader) if place.name == LIVE), None)
