"""An operator's way into an organization: asked for, agreed to by another person, and over by itself (ACC-11)."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from hq.db.classes import ORGANIZATION, Declared
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import TenantModel
from hq.lib.clock import now
from tenants.models.people import User


class AccessRequest(TenantModel):
    """One asking. `subject_id` is the membership that the operator would see the pages as; None: as support."""

    sealed_title: ClassVar = "Support requests"

    operator = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    operator_label = SealedTextField(purpose=Purpose.METADATA)
    reason = SealedTextField(purpose=Purpose.METADATA)
    minutes = models.PositiveSmallIntegerField()
    writes = models.BooleanField(default=False)
    subject_id = models.UUIDField(null=True)
    requested_at = models.DateTimeField(default=now)
    answer_before = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by_id = models.UUIDField(null=True)
    decided_by_label = SealedTextField(purpose=Purpose.METADATA, null=True)
    approved = models.BooleanField(null=True)
    started_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="operator_label reason decided_by_label",
        operational="operator minutes writes subject_id requested_at answer_before decided_at decided_by_id approved"
        " started_at ends_at ended_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_at=None, decided_by_id=None, approved=None)
                | Q(decided_at__isnull=False, decided_by_id__isnull=False, approved__isnull=False),
                name="tenants_access_decided_as_a_whole",
            ),
            models.CheckConstraint(
                condition=Q(decided_by_id=None) | ~Q(decided_by_id=F("operator_id")),
                name="tenants_access_decided_by_another",
            ),
            models.CheckConstraint(
                condition=Q(started_at=None, ends_at=None)
                | Q(started_at__isnull=False, ends_at__isnull=False, approved=True),
                name="tenants_access_starts_when_approved",
            ),
            models.CheckConstraint(condition=Q(minutes__gte=15, minutes__lte=480), name="tenants_access_is_short"),
        ]

    @property
    def state(self) -> str:
        """waiting, lapsed, refused, withdrawn, approved, active, ended."""
        if self.approved is False:
            return "refused"
        if self.ended_at is not None:
            if self.started_at is not None:
                return "ended"
            return "withdrawn" if self.ended_at < self.answer_before else "lapsed"
        if self.started_at is not None:
            return "active" if self.ends_at and self.ends_at > now() else "ended"
        if self.answer_before <= now():
            return "lapsed"
        return "approved" if self.approved else "waiting"
