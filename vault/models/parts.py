"""Parts that programs send to the S3 door before they say that a file is whole."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from hq.db.classes import UNTIL_EXPIRED, Declared
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now
from vault.models.objects import Blob


class DoorPart(TenantModel):
    """One part of a file, sealed in the bucket like any other file, and shown by no path.

    `upload` is what its program calls the whole by, made up by HQ. It goes when the file is whole, when it is given up,
    and at `expires_at`, whichever comes first; its sealed file goes with it.
    """

    sealed_title: ClassVar = "Parts sent to the S3 address"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    credential_id = models.UUIDField()
    upload = models.UUIDField()
    number = models.PositiveIntegerField()
    blob = TenantForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    size = models.BigIntegerField()
    sha256 = SealedTextField(purpose=Purpose.METADATA)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()

    data_classes: ClassVar = Declared(
        kept=UNTIL_EXPIRED,
        metadata="sha256",
        operational="environment credential_id upload number blob size created_at expires_at",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "upload", "number"], name="vault_one_part_of_a_number"),
            models.CheckConstraint(condition=Q(number__gte=1, number__lte=10_000), name="vault_part_number_is_s3s"),
        ]
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="vault_part_by_end")]

    def __str__(self) -> str:
        return str(self.number)

    @property
    def etag(self) -> str:
        """As S3 writes it."""
        return f'"{self.sha256}"'
