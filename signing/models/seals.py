"""What agreements are sealed with, and how an organization's pages look to its signers."""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q, Value

from hq.db.classes import DEPLOYMENT, ORGANIZATION, Declared, Held
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import PLATFORM_ID, Model, TenantModel
from hq.lib.clock import now


class SealRoot(Model):
    """The deployment's own root, a P-256 key and its certificate. Its one purpose is to certify the seals' keys."""

    sealed_under: ClassVar[UUID] = PLATFORM_ID

    certificate = models.TextField()
    key = SealedTextField(purpose=Purpose.SIGNING)
    created_at = models.DateTimeField(default=now)
    retired_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=DEPLOYMENT, secrets={"key": Held.SEALED}, operational="certificate created_at retired_at"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Value(1), condition=Q(retired_at__isnull=True), name="signing_one_root_in_use"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class SealKey(TenantModel):
    """The P-256 key with which HQ seals an organization's PDFs, and the certificate that the root gave it."""

    sealed_title: ClassVar = "Keys that seal agreements"

    certificate = models.TextField()
    key = SealedTextField(purpose=Purpose.METADATA)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        secrets={"key": Held.SEALED},
        in_clear={"certificate": "Stands in every sealed PDF"},
        operational="created_at expires_at retired_at",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization"], condition=Q(retired_at__isnull=True), name="signing_one_seal_key_in_use"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Brand(TenantModel):
    """How an organization's pages look to signers: a colour that can be read on, and a mark."""

    sealed_title: ClassVar = "Branding of agreements"

    colour = models.CharField(max_length=7)
    mark = SealedTextField(purpose=Purpose.METADATA, null=True)  # a PNG in base64, 64 kB at most
    changed_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(kept=ORGANIZATION, metadata="mark", operational="colour changed_at")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization"], name="signing_one_brand"),
            models.CheckConstraint(condition=Q(colour__regex=r"^#[0-9a-f]{6}$"), name="signing_colour_is_one"),
        ]

    def __str__(self) -> str:
        return self.colour
