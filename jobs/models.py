"""Durable work (OPS-2). The row is the truth; Celery and Valkey only ring the bell."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from hq.db.classes import Declared, days
from hq.db.models import Model
from hq.lib.clock import now

# How long a claim holds without a sign of life. A handler reports progress more often than this.
LEASE = timedelta(minutes=2)
KIND_LENGTH, KEY_LENGTH, MESSAGE_LENGTH, ERROR_LENGTH = 100, 200, 200, 500


class JobQuerySet(models.QuerySet["Job"]):
    def unfinished(self) -> "JobQuerySet":
        return self.filter(state__in=Job.UNFINISHED)


class Job(Model):
    """One piece of work for one organization, or for the deployment itself (PLATFORM_ID).

    `organization_id` is a plain id, not a reference: jobs sit below tenants, and the last job of an organization
    outlives it. `payload` holds ids, never content. `claim_id` is the fencing token: new with each claim, so that a
    worker stopped past its lease and continued finds that the job is no longer its own.
    """

    class State(models.TextChoices):
        QUEUED = "QUEUED"
        RUNNING = "RUNNING"
        DONE = "DONE"
        DEAD = "DEAD"

    UNFINISHED: ClassVar = (State.QUEUED, State.RUNNING)

    organization_id = models.UUIDField()
    # None: about the whole organization, readable from each of its environments.
    environment_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=KIND_LENGTH)
    payload = models.JSONField(default=dict)
    key = models.CharField(max_length=KEY_LENGTH, default="")
    state = models.CharField(max_length=7, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField()
    run_at = models.DateTimeField(default=now)
    # Who has it, or had it last.
    claimed_by = models.CharField(max_length=200, default="")
    claim_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    message = models.CharField(max_length=MESSAGE_LENGTH, default="")
    result = models.JSONField(null=True)
    # What went wrong last: a class name and a sentence, never a value.
    error = models.CharField(max_length=ERROR_LENGTH, default="")
    created_at = models.DateTimeField(default=now)
    finished_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=days(30, "after it is done"),
        operational="organization_id environment_id kind payload key state attempts max_attempts run_at claimed_by"
        " claim_id lease_until heartbeat_at done total message result error created_at finished_at",
    )

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=["QUEUED", "RUNNING", "DONE", "DEAD"]), name="jobs_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["DONE", "DEAD"], finished_at__isnull=False)
                | Q(state__in=["QUEUED", "RUNNING"], finished_at__isnull=True),
                name="jobs_finished_at_iff_finished",
            ),
            models.CheckConstraint(
                condition=Q(
                    state="RUNNING", claim_id__isnull=False, lease_until__isnull=False, heartbeat_at__isnull=False
                )
                | (~Q(state="RUNNING") & Q(claim_id__isnull=True, lease_until__isnull=True)),
                name="jobs_claim_and_lease_iff_running",
            ),
            models.CheckConstraint(
                condition=Q(attempts__lte=models.F("max_attempts"), max_attempts__gte=1),
                name="jobs_attempts_within_limit",
            ),
            models.CheckConstraint(
                condition=Q(state="RUNNING", attempts__gte=1) | ~Q(state="RUNNING"), name="jobs_running_was_attempted"
            ),
            models.CheckConstraint(condition=~Q(state="DEAD") | ~Q(error=""), name="jobs_dead_has_a_reason"),
            models.CheckConstraint(
                condition=Q(result__isnull=True) | Q(state="DONE"), name="jobs_result_only_when_done"
            ),
            models.UniqueConstraint(
                fields=["organization_id", "kind", "key"],
                condition=~Q(key="") & Q(state__in=["QUEUED", "RUNNING"]),
                name="jobs_one_unfinished_per_key",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["run_at", "id"], condition=Q(state="QUEUED"), name="jobs_waiting"),
            models.Index(fields=["lease_until"], condition=Q(state="RUNNING"), name="jobs_leased"),
            models.Index(fields=["finished_at"], condition=Q(state="DONE"), name="jobs_finished"),
            models.Index(fields=["state", "-id"], name="jobs_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
