"""Exports of the trail: which entries somebody asked for, and the file that was made of them."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from audit.tags import Log
from hq.db.classes import Declared, days
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now

LIFE = timedelta(days=7)


class TrailExport(TenantModel):
    """A range of one log, settled when the job begins. `made_at` without a blob: it was empty.

    `name` is how its file's name begins, and the whole name once it is made.
    """

    sealed_title: ClassVar = "Exports of the trail"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    log = models.CharField(max_length=10, choices=[(log.value, log.value) for log in Log])
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    with_csv = models.BooleanField(default=False)
    requested_by_id = models.UUIDField()
    requested_by_label = SealedTextField(purpose=Purpose.METADATA)
    job_id = models.UUIDField(null=True)
    first = models.BigIntegerField(null=True)
    last = models.BigIntegerField(null=True)
    shredded = models.BigIntegerField(default=0)
    # The database empties it when the file goes, so Django must not.
    blob = TenantForeignKey("vault.Blob", on_delete=models.DO_NOTHING, related_name="+", null=True)
    name = models.CharField(max_length=200, blank=True)
    size = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=now)
    made_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    data_classes: ClassVar = Declared(
        kept=days(7, "after it was made"),
        metadata="requested_by_label",
        in_clear={
            "name": "Made of the organization’s and the environment’s short names, which are in every address",
            "size": "Listed without opening anything",
        },
        operational="environment log since until with_csv requested_by_id job_id first last shredded blob created_at"
        " made_at expires_at",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(first__isnull=True, last__isnull=True) | Q(first__gte=1, last__gte=F("first")),
                name="evidence_export_of_a_range",
            ),
            models.CheckConstraint(
                condition=Q(blob__isnull=True) | Q(made_at__isnull=False, first__isnull=False),
                name="evidence_export_is_made_whole",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="evidence_export_by_end")]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def entries(self) -> int:
        """How many are in it; 0 while that is not settled, and where there is none."""
        return self.last - self.first + 1 if self.first and self.last else 0

    def ends_at(self, made_at: datetime) -> datetime:
        """It is kept as long again once it is made."""
        return made_at + LIFE
