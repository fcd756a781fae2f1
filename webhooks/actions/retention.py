"""Forgetting what was sent, with what became of it."""

from hq.db.classes import retention
from hq.lib.clock import now
from jobs.registry import RunningJob
from webhooks.models import Message

KEPT = retention(Message)
BATCH = 500


def forget_messages(job: RunningJob) -> None:
    """Leave those of the last 30 days."""
    done, more = 0, True
    while more:
        with job.step():
            old = Message.objects.filter(organization_id=job.organization_id, at__lt=now() - KEPT)
            batch = list(old.order_by("at").values_list("pk", flat=True)[:BATCH])
            Message.objects.filter(organization_id=job.organization_id, pk__in=batch).delete()
            done, more = done + len(batch), len(batch) == BATCH
            if not more:
                job.complete({"messages": done})
