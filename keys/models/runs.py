"""Work on keys that takes its time: rotations, destructions, and the last count of what is held."""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import F, Q

from hq.db.classes import ALWAYS, Declared
from hq.db.fields import SealedTextField
from hq.db.models import PLATFORM_ID, Model, TenantForeignKey
from hq.db.sealing import Purpose
from hq.lib.clock import now
from keys.models.custody import Cmk


class Rotation(Model):
    """One run of making everything of an organization stand under new keys. The row is the truth of how far it is.

    `from_cmk` is set when the data keys move to another CMK, which then is `cmk`. `cursors` holds, for each holder of
    data, where to go on and the numbers people see; losing it costs time, nothing else.
    """

    class State(models.TextChoices):
        """In the order of its life. SETTLING: nothing is left, but a process may still hold the old keys.

        ABANDONED: given up before anything was changed.
        """

        REQUESTED = "REQUESTED"
        REENCRYPTING = "REENCRYPTING"
        SETTLING = "SETTLING"
        DONE = "DONE"
        INCOMPLETE = "INCOMPLETE"
        ABANDONED = "ABANDONED"

    UNFINISHED: ClassVar = (State.REQUESTED, State.REENCRYPTING, State.SETTLING)

    organization_id = models.UUIDField()
    cmk = TenantForeignKey(Cmk, on_delete=models.PROTECT, related_name="+")
    from_cmk = TenantForeignKey(Cmk, on_delete=models.PROTECT, related_name="+", null=True)
    from_version = models.PositiveIntegerField(null=True)
    to_version = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.REQUESTED)
    scheduled = models.BooleanField(default=False)
    requested_at = models.DateTimeField(default=now)
    requested_by_kind = models.CharField(max_length=20)
    requested_by_id = models.UUIDField()
    requested_by_label = SealedTextField(purpose=Purpose.AUDIT)
    # When the provider was told to make a new version. It may take its time.
    turned_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField(null=True)
    rewrapped = models.PositiveIntegerField(default=0)
    cursors = models.JSONField(default=dict)
    unopened = models.PositiveIntegerField(default=0)
    reencrypted_at = models.DateTimeField(null=True)
    # Transactions that had begun by then must have ended before "nothing is left" is said.
    barrier = models.BigIntegerField(null=True)
    paused_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    job_id = models.UUIDField(null=True)
    statement_id = models.UUIDField(null=True)

    data_classes: ClassVar = Declared(
        kept=ALWAYS,
        metadata="requested_by_label",
        operational="organization_id cmk from_cmk from_version to_version state scheduled requested_at"
        " requested_by_kind requested_by_id turned_at made_at rewrapped cursors unopened reencrypted_at barrier"
        " paused_at finished_at job_id statement_id",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id"],
                condition=Q(state__in=["REQUESTED", "REENCRYPTING", "SETTLING"]),
                name="keys_one_rotation_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["REQUESTED", "ABANDONED"], made_at__isnull=True, to_version__isnull=True)
                | ~Q(state__in=["REQUESTED", "ABANDONED"]) & Q(made_at__isnull=False, to_version__isnull=False),
                name="keys_rotation_has_a_version_once_made",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["DONE", "INCOMPLETE", "ABANDONED"], finished_at__isnull=False)
                | ~Q(state__in=["DONE", "INCOMPLETE", "ABANDONED"]) & Q(finished_at__isnull=True),
                name="keys_rotation_finished_at_iff_finished",
            ),
            models.CheckConstraint(
                condition=~Q(state="DONE") | Q(unopened=0, statement_id__isnull=False),
                name="keys_rotation_done_has_a_statement",
            ),
        ]
        indexes = [models.Index(fields=["organization_id", "-id"], name="keys_rotation_newest")]

    def __str__(self) -> str:
        return f"rotation {self.id}"


class Destruction(Model):
    """A wish to destroy a CMK, who agreed, and what became of it.

    Sealed under the deployment's audit key: it must be readable while the organization's own keys are not.
    """

    class State(models.TextChoices):
        REQUESTED = "REQUESTED"
        SCHEDULED = "SCHEDULED"
        CANCELLED = "CANCELLED"
        DONE = "DONE"

    OPEN: ClassVar = (State.REQUESTED, State.SCHEDULED)
    sealed_under: ClassVar[UUID] = PLATFORM_ID

    organization_id = models.UUIDField()
    cmk = TenantForeignKey(Cmk, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=9, choices=State.choices, default=State.REQUESTED)
    erases = models.BooleanField()
    days = models.PositiveSmallIntegerField()
    reason = SealedTextField(purpose=Purpose.AUDIT)
    listing = models.JSONField(default=list)
    requested_at = models.DateTimeField(default=now)
    requested_by_id = models.UUIDField()
    requested_by_label = SealedTextField(purpose=Purpose.AUDIT)
    approved_at = models.DateTimeField(null=True)
    approved_by_id = models.UUIDField(null=True)
    approved_by_label = SealedTextField(purpose=Purpose.AUDIT, null=True)
    due_at = models.DateTimeField(null=True)
    # When the clock was last looked at, so that a leap of it shows.
    looked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_by_id = models.UUIDField(null=True)
    ended_by_label = SealedTextField(purpose=Purpose.AUDIT, null=True)
    # The number of days before the end that was announced last.
    announced = models.PositiveSmallIntegerField(null=True)
    statement_id = models.UUIDField(null=True)

    data_classes: ClassVar = Declared(
        kept=ALWAYS,
        metadata="reason requested_by_label approved_by_label ended_by_label",
        operational="organization_id cmk state erases days listing requested_at requested_by_id approved_at"
        " approved_by_id due_at looked_at ended_at ended_by_id announced statement_id",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "cmk"],
                condition=Q(state__in=["REQUESTED", "SCHEDULED"]),
                name="keys_one_open_destruction_a_cmk",
            ),
            models.CheckConstraint(condition=Q(days__gte=7, days__lte=30), name="keys_destruction_waits_7_to_30_days"),
            models.CheckConstraint(
                condition=Q(approved_by_id__isnull=True) | ~Q(approved_by_id=F("requested_by_id")),
                name="keys_destruction_needs_a_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["SCHEDULED", "DONE"]) | Q(approved_by_id__isnull=False, due_at__isnull=False),
                name="keys_destruction_is_approved_before_it_is_scheduled",
            ),
            models.CheckConstraint(
                condition=~Q(state="DONE") | Q(statement_id__isnull=False), name="keys_destruction_has_a_certificate"
            ),
        ]
        indexes = [models.Index(fields=["organization_id", "-id"], name="keys_destruction_newest")]

    def __str__(self) -> str:
        return f"destruction {self.id}"


class Holding(Model):
    """How much one holder had under an organization's keys when it was last counted."""

    organization_id = models.UUIDField()
    holder = models.CharField(max_length=80)
    rows = models.PositiveBigIntegerField()
    bytes = models.PositiveBigIntegerField()
    counted_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(kept=ALWAYS, operational="organization_id holder rows bytes counted_at")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization_id", "holder"], name="keys_holding_once")]
