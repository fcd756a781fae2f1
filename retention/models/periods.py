"""How long an organization keeps what is over, when that was enforced last, and what a legal hold keeps meanwhile."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from hq.db.classes import ORGANIZATION, Declared
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import TenantModel
from hq.lib.clock import now
from hq.lib.paths import MAX_PATH_BYTES


class Period(TenantModel):
    """What an organization has chosen for one class of record, in days; None: it stays. No row: as HQ says."""

    name = models.CharField(max_length=60)
    days = models.PositiveIntegerField(null=True)
    changed_at = models.DateTimeField(default=now)
    changed_by_id = models.UUIDField()

    data_classes: ClassVar = Declared(kept=ORGANIZATION, operational="name days changed_at changed_by_id")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="retention_one_period_a_class"),
            models.CheckConstraint(condition=Q(days=None) | Q(days__gte=1), name="retention_period_is_a_day_or_more"),
        ]


class Enforcement(TenantModel):
    """When a class of record was looked through last, and how many rows that removed; `running`: this time so far."""

    name = models.CharField(max_length=60)
    at = models.DateTimeField(null=True)
    removed = models.PositiveBigIntegerField(default=0)
    running = models.PositiveBigIntegerField(default=0)

    data_classes: ClassVar = Declared(kept=ORGANIZATION, operational="name at removed running")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="retention_enforced_once_a_class")]


class Hold(TenantModel):
    """A legal hold: while it stands, nothing that it covers is removed. Without paths it covers the organization."""

    sealed_title: ClassVar = "Legal holds"

    name = SealedTextField(purpose=Purpose.METADATA)
    reason = SealedTextField(purpose=Purpose.METADATA)
    prefixes = ArrayField(models.CharField(max_length=MAX_PATH_BYTES, db_collation="C"), default=list)
    placed_at = models.DateTimeField(default=now)
    placed_by_id = models.UUIDField()
    placed_by_label = SealedTextField(purpose=Purpose.METADATA)
    lifted_at = models.DateTimeField(null=True)
    lifted_by_id = models.UUIDField(null=True)
    lifted_by_label = SealedTextField(purpose=Purpose.METADATA, null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="name reason placed_by_label lifted_by_label",
        in_clear={"prefixes": "Compared with paths, which stand in the clear"},
        operational="placed_at placed_by_id lifted_at lifted_by_id",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by_id=None) | Q(lifted_at__isnull=False, lifted_by_id__isnull=False),
                name="retention_hold_is_lifted_by_somebody",
            )
        ]
        indexes = [
            models.Index(fields=["organization"], condition=Q(lifted_at=None), name="retention_hold_standing"),
        ]
