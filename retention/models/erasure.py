"""What is asked to go for good, who agreed, and how far it is. These rows outlive what they are about."""

from typing import ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from hq.db.classes import ALWAYS, Declared
from hq.db.fields import SealedJSONField, SealedTextField
from hq.db.models import PLATFORM_ID, Model
from hq.db.sealing import Purpose
from hq.lib.clock import now


class Erasure(Model):
    """A wish to erase an organization. In the end this row is its tombstone.

    `owners` are the ids of those who were owners when it was asked for: another one of them has to agree, where there
    is one. `counts` holds the rows of each table, as they were when it began. `addresses` are where the certificate is
    sent; they go once it is. Sealed under the deployment's key: it must be readable when the organization's own is not.
    """

    class State(models.TextChoices):
        """In the order of its life. WAITING: agreed to, and anyone of the owners may still call it off."""

        REQUESTED = "REQUESTED"
        WAITING = "WAITING"
        ERASING = "ERASING"
        ERASED = "ERASED"
        CANCELLED = "CANCELLED"

    OPEN: ClassVar = (State.REQUESTED, State.WAITING)
    sealed_under: ClassVar[UUID] = PLATFORM_ID

    organization_id = models.UUIDField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.REQUESTED)
    days = models.PositiveSmallIntegerField()
    reason = SealedTextField(purpose=Purpose.AUDIT)
    owners = ArrayField(models.UUIDField())
    requested_at = models.DateTimeField(default=now)
    requested_by_id = models.UUIDField()
    requested_by_label = SealedTextField(purpose=Purpose.AUDIT)
    approved_at = models.DateTimeField(null=True)
    approved_by_id = models.UUIDField(null=True)
    approved_by_label = SealedTextField(purpose=Purpose.AUDIT, null=True)
    due_at = models.DateTimeField(null=True)
    # When the clock was last looked at, so that a leap of it shows.
    looked_at = models.DateTimeField(null=True)
    began_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=list)
    facts = models.JSONField(default=dict)
    # What the certificate says of the organization, and no row will know any more.
    known = SealedJSONField(purpose=Purpose.AUDIT, null=True)
    addresses = SealedJSONField(purpose=Purpose.AUDIT, null=True)
    ended_at = models.DateTimeField(null=True)
    ended_by_id = models.UUIDField(null=True)
    statement_id = models.UUIDField(null=True)

    data_classes: ClassVar = Declared(
        kept=ALWAYS,
        metadata="reason requested_by_label approved_by_label known addresses",
        operational="organization_id state days owners requested_at requested_by_id approved_at approved_by_id due_at"
        " looked_at began_at counts facts ended_at ended_by_id statement_id",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id"],
                condition=~Q(state="CANCELLED"),
                name="retention_one_erasure_at_a_time",
            ),
            models.CheckConstraint(condition=Q(days__gte=7, days__lte=30), name="retention_erasure_waits_7_to_30_days"),
            models.CheckConstraint(
                condition=Q(approved_by_id=None) | ~Q(approved_by_id=F("requested_by_id")),
                name="retention_erasure_needs_another_person",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["WAITING", "ERASING", "ERASED"])
                | Q(due_at__isnull=False) & (Q(approved_by_id__isnull=False) | Q(owners__len=1)),
                name="retention_erasure_is_agreed_to_before_it_waits",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["ERASING", "ERASED"], began_at__isnull=False)
                | ~Q(state__in=["ERASING", "ERASED"]) & Q(began_at=None),
                name="retention_erasure_began_iff_erasing",
            ),
            models.CheckConstraint(
                condition=~Q(state="ERASED") | Q(statement_id__isnull=False, ended_at__isnull=False),
                name="retention_erased_has_a_certificate",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state__in=["WAITING", "ERASING"]), name="retention_erasure_due")
        ]

    def __str__(self) -> str:
        return f"erasure {self.id}"


class PersonErasure(Model):
    """A wish to erase one person: from an organization, or (PLATFORM_ID) their account, which only they can ask for.

    `membership_id` is the membership that goes. `address` is where the certificate is sent; it goes once it is.
    """

    class State(models.TextChoices):
        WAITING = "WAITING"
        ERASED = "ERASED"
        CANCELLED = "CANCELLED"

    sealed_under: ClassVar[UUID] = PLATFORM_ID

    organization_id = models.UUIDField()
    person_id = models.UUIDField()
    membership_id = models.UUIDField(null=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    reason = SealedTextField(purpose=Purpose.AUDIT, null=True)
    requested_at = models.DateTimeField(default=now)
    requested_by_id = models.UUIDField()
    requested_by_label = SealedTextField(purpose=Purpose.AUDIT)
    due_at = models.DateTimeField()
    address = SealedTextField(purpose=Purpose.AUDIT, null=True)
    ended_at = models.DateTimeField(null=True)
    ended_by_id = models.UUIDField(null=True)
    statement_id = models.UUIDField(null=True)

    data_classes: ClassVar = Declared(
        kept=ALWAYS,
        metadata="reason requested_by_label address",
        operational="organization_id person_id membership_id state requested_at requested_by_id due_at ended_at"
        " ended_by_id statement_id",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "person_id"],
                condition=Q(state="WAITING"),
                name="retention_one_erasure_of_a_person",
            ),
            models.CheckConstraint(
                condition=~Q(state="ERASED") | Q(statement_id__isnull=False, ended_at__isnull=False),
                name="retention_erased_person_has_a_certificate",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="WAITING"), name="retention_person_due"),
            models.Index(fields=["organization_id", "-id"], name="retention_person_newest"),
        ]

    def __str__(self) -> str:
        return f"erasure of a person {self.id}"
