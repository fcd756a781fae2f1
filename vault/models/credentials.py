"""What programs come with to the S3 door."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from hq.db.classes import Declared, Held, days
from hq.db.fields import Purpose, SealedJSONField, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now


class StorageCredential(TenantModel):
    """What a program comes with to the S3 door: an access key, a secret that signs, a session token (VLT-4).

    It stands on who asked for it: a member, by an API key of theirs or not; a service account's key; or a workload's
    trust. What it gives is the meeting of `paths` (a folder ends in "/", "" is everything), `permission` and what they
    may do now. Of the session token only a digest is kept; the secret is sealed, as a signature is checked with it.

    `lands`: programs may have put files into its landing area in S3; `landed` says which of them was taken in last.
    """

    class Level(models.TextChoices):
        READ = "read"
        WRITE = "write"

    sealed_title: ClassVar = "Storage credentials"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    access_key = models.CharField(max_length=24, unique=True, db_index=False)
    secret = SealedTextField(purpose=Purpose.METADATA)
    token_digest = models.BinaryField()
    paths = SealedJSONField(purpose=Purpose.METADATA)
    permission = models.CharField(max_length=5, choices=Level.choices)
    issued_to_kind = models.CharField(max_length=20)
    issued_to_id = models.UUIDField()
    label = SealedTextField(purpose=Purpose.METADATA)
    membership = TenantForeignKey("tenants.Membership", on_delete=models.DO_NOTHING, null=True, related_name="+")
    service_account = TenantForeignKey(
        "tenants.ServiceAccount", on_delete=models.DO_NOTHING, null=True, related_name="+"
    )
    api_key = TenantForeignKey("tenants.ApiKey", on_delete=models.DO_NOTHING, null=True, related_name="+")
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    lands = models.BooleanField(default=False, db_default=False)
    landed = models.CharField(max_length=64, blank=True, default="", db_default="")

    data_classes: ClassVar = Declared(
        kept=days(1, "after it expired"),
        metadata="paths label",
        secrets={"secret": Held.SEALED, "token_digest": Held.DIGEST},
        operational="environment access_key permission issued_to_kind issued_to_id membership service_account api_key"
        " created_at expires_at last_used_at revoked_at lands landed",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(membership__isnull=False, service_account__isnull=True)
                | Q(membership__isnull=True, service_account__isnull=False),
                name="vault_credential_stands_on_one",
            ),
            models.CheckConstraint(
                condition=Q(issued_to_kind="person", api_key__isnull=True, service_account__isnull=True)
                | Q(issued_to_kind="api_key", api_key__isnull=False)
                | Q(issued_to_kind="workload", api_key__isnull=True, membership__isnull=True),
                name="vault_credential_is_issued_to_one",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__lte=F("created_at") + timedelta(hours=12)), name="vault_credential_is_short"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization", "environment", "-id"], name="vault_newest_credentials"),
            models.Index(fields=["organization", "expires_at"], name="vault_credential_by_end"),
            models.Index(fields=["organization", "id"], condition=Q(lands=True), name="vault_credential_lands"),
        ]

    def __str__(self) -> str:
        return self.access_key

    @property
    def pins(self) -> frozenset[str] | None:
        """As `Actor.pinned` has them: None gives no less than everything that the principal reaches."""
        return None if "" in self.paths else frozenset(self.paths)

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and self.expires_at > now()
