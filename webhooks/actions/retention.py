"""Forgetting what was sent, with what became of it."""

from datetime import datetime
from uuid import UUID

from hq.db.classes import retention
from hq.db.retention import RecordClass, cutoff
from jobs.registry import RunningJob
from webhooks.models import Message

KEPT = retention(Message)
BATCH = 500
NAME = "webhooks.messages"


def forget_messages(job: RunningJob) -> None:
    """Leave those of the last 30 days, or of as many as the organization says."""
    done, more = 0, True
    while more:
        with job.step():
            before = cutoff(job.organization_id, NAME)
            batch = remove_old(job.organization_id, before) if before else 0
            done, more = done + batch, batch == BATCH
            if not more:
                job.complete({"messages": done})


def count_old(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    return Message.objects.filter(organization_id=organization_id, at__lt=before).count()


def remove_old(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    """One batch of those from before then, with their deliveries; how many."""
    old = Message.objects.filter(organization_id=organization_id, at__lt=before)
    batch = list(old.order_by("at").values_list("pk", flat=True)[:BATCH])
    Message.objects.filter(organization_id=organization_id, pk__in=batch).delete()
    return len(batch)


MESSAGES = RecordClass(
    name=NAME,
    title="Webhook log",
    holds="What was sent to your webhooks, and how each delivery went",
    since="after the event",
    default=KEPT,
    least=7,
    most=365,
    count=count_old,
    remove=remove_old,
)
