"""What HQ signs with, and what it signed."""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q, Value

from hq.db.classes import ALWAYS, DEPLOYMENT, Declared, Held
from hq.db.fields import SealedTextField
from hq.db.models import PLATFORM_ID, Model
from hq.db.sealing import Purpose
from hq.lib.clock import now


class SigningKey(Model):
    """An Ed25519 key of the deployment. The public half stays for ever; the seed goes when the next key takes over."""

    sealed_under: ClassVar[UUID] = PLATFORM_ID

    kid = models.CharField(max_length=43, unique=True)
    public = models.BinaryField()
    seed = SealedTextField(purpose=Purpose.SIGNING, null=True)
    created_at = models.DateTimeField(default=now)
    retired_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=DEPLOYMENT, secrets={"seed": Held.SEALED}, operational="kid public created_at retired_at"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(Value(1), condition=Q(retired_at__isnull=True), name="keys_one_signing_key_in_use"),
            models.CheckConstraint(
                condition=Q(retired_at__isnull=True, seed__isnull=False)
                | Q(retired_at__isnull=False, seed__isnull=True),
                name="keys_retired_signing_key_has_no_seed",
            ),
        ]

    def __str__(self) -> str:
        return self.kid


class Statement(Model):
    """Something that HQ signed, as the file that was given out. Never changed, and readable when the keys are gone."""

    class Kind(models.TextChoices):
        DELETION = "deletion"
        ERASURE = "erasure"
        ROTATION = "rotation"

    sealed_under: ClassVar[UUID] = PLATFORM_ID

    organization_id = models.UUIDField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    kid = models.CharField(max_length=43)
    digest = models.BinaryField()
    issued_at = models.DateTimeField()
    file = SealedTextField(purpose=Purpose.AUDIT)

    data_classes: ClassVar = Declared(
        kept=ALWAYS, metadata="file", operational="organization_id kind kid digest issued_at"
    )

    class Meta:
        indexes = [models.Index(fields=["organization_id", "-id"], name="keys_statement_newest")]
