"""How signers come in: codes by mail, and what a browser holds once it has shown who it is."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from hq.db.classes import ORGANIZATION, Declared, Held, days
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now
from signing.models.signers import Signer

KEPT_DOORS = days(1, "after it is over")


class Code(TenantModel):
    """A code that was mailed. `email_index` says to whom; `signer` is empty where somebody asks for all documents."""

    signer = TenantForeignKey(Signer, on_delete=models.CASCADE, related_name="codes", null=True)
    email_index = models.BinaryField()
    digest = models.BinaryField()  # under a key of the organization: six digits alone could be tried out
    made_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    used_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=KEPT_DOORS,
        secrets={"digest": Held.DIGEST},
        in_clear={"email_index": "A keyed digest"},
        operational="signer made_at expires_at tries used_at",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(digest__length=32), name="signing_code_is_kept_as_digest"),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "email_index", "id"], name="signing_codes")]

    def __str__(self) -> str:
        return str(self.id)


class SignerSession(TenantModel):
    """What one cookie stands for: a signer who showed who they are, or (without one) an address that did."""

    signer = TenantForeignKey(Signer, on_delete=models.CASCADE, related_name="sessions", null=True)
    email_index = models.BinaryField()
    method = models.CharField(max_length=8, choices=Signer.Method.choices)
    token_digest = models.BinaryField(unique=True)
    made_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()

    data_classes: ClassVar = Declared(
        kept=KEPT_DOORS,
        secrets={"token_digest": Held.DIGEST},
        in_clear={"email_index": "A keyed digest"},
        operational="signer method made_at expires_at",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(token_digest__length=32), name="signing_session_is_kept_as_sha256"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Passkey(TenantModel):
    """A passkey that an address has shown here before, by which its owner signs again (WebAuthn Level 3)."""

    email_index = models.BinaryField()
    credential_id = models.BinaryField()
    public_key = models.BinaryField()  # COSE (RFC 9052)
    made_at = models.DateTimeField(default=now)
    used_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        in_clear={
            "email_index": "A keyed digest",
            "credential_id": "Told to the browser before anybody is known",
            "public_key": "Public",
        },
        operational="made_at used_at",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "credential_id"], name="signing_passkey_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "email_index"], name="signing_passkeys")]

    def __str__(self) -> str:
        return str(self.id)
