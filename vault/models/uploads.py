"""A file on its way into the vault by parts."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from hq.db.classes import UNTIL_EXPIRED, Declared, Held
from hq.db.fields import Purpose, SealedJSONField, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now
from vault.models.objects import Bucket, ObjectVersion


class Upload(TenantModel):
    """A file that comes in parts, straight to the store, and becomes a version once all of them are there.

    OPEN while parts may come, ASSEMBLING once its sender said that they are all there, then DONE with the version it
    became, or GIVEN_UP. `parts_kept`: some may still wait in the store; they go first, then the row. `begun`: the store
    was asked to make room, and calls it by `handle`. What waits in files is sealed under a key of the upload's own, so
    that a rotation has only this row to bring forward; the capability key of `address_version` seals the addresses. The
    maker is named by what their rights hang on, so that they can be asked again; the database empties that once it is
    gone (vault/0007).
    """

    sealed_title: ClassVar = "Uploads under way"

    class State(models.TextChoices):
        OPEN = "OPEN"
        ASSEMBLING = "ASSEMBLING"
        DONE = "DONE"
        GIVEN_UP = "GIVEN_UP"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    bucket = TenantForeignKey(Bucket, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    path = models.TextField(db_collation="C")
    size = models.BigIntegerField()
    part_size = models.BigIntegerField()
    content_type = SealedTextField(purpose=Purpose.METADATA)
    sha256 = SealedTextField(purpose=Purpose.METADATA, null=True)
    # As If-Match and If-None-Match said: {"match": […], "none_match": […]}, each null where it was left out.
    conditions = SealedJSONField(purpose=Purpose.METADATA)
    begun = models.BooleanField(default=False)
    handle = models.TextField(default="")
    parts_key = SealedTextField(purpose=Purpose.METADATA)
    address_version = models.PositiveIntegerField()
    parts_kept = models.BooleanField(default=True)
    created_by_kind = models.CharField(max_length=20)
    created_by_id = models.UUIDField()
    created_by = SealedTextField(purpose=Purpose.METADATA)
    method = models.CharField(max_length=20)
    membership = TenantForeignKey("tenants.Membership", on_delete=models.DO_NOTHING, null=True, related_name="+")
    service_account = TenantForeignKey(
        "tenants.ServiceAccount", on_delete=models.DO_NOTHING, null=True, related_name="+"
    )
    api_key = TenantForeignKey("tenants.ApiKey", on_delete=models.DO_NOTHING, null=True, related_name="+")
    # Where it was completed from: address, agent and request, for the trail.
    origin = SealedJSONField(purpose=Purpose.METADATA, null=True)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    version = TenantForeignKey(ObjectVersion, on_delete=models.DO_NOTHING, null=True, related_name="+")
    created = models.BooleanField(null=True)
    event_id = models.UUIDField(null=True)
    event_index = models.BigIntegerField(null=True)
    # Why nothing became of it: the name of the refusal, and its sentence.
    refusal = models.CharField(max_length=60, default="")
    refusal_detail = SealedTextField(purpose=Purpose.METADATA, null=True)

    data_classes: ClassVar = Declared(
        kept=UNTIL_EXPIRED,
        metadata="content_type sha256 conditions created_by origin refusal_detail",
        in_clear={
            "path": "Found again by it after a lost connection",
            "size": "Found again by it after a lost connection",
        },
        secrets={"parts_key": Held.SEALED},
        operational="environment bucket state part_size begun handle address_version parts_kept"
        " created_by_kind created_by_id method membership service_account api_key created_at expires_at version created"
        " event_id event_index refusal",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=["OPEN", "ASSEMBLING", "DONE", "GIVEN_UP"]), name="vault_upload_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="DONE", created__isnull=False, event_id__isnull=False, event_index__isnull=False)
                | (
                    ~Q(state="DONE")
                    & Q(version__isnull=True, created__isnull=True, event_id__isnull=True, event_index__isnull=True)
                ),
                name="vault_upload_became_a_version_iff_done",
            ),
            models.CheckConstraint(
                condition=Q(size__gte=0) & Q(part_size__gte=1), name="vault_upload_counts_from_nothing"
            ),
            models.CheckConstraint(
                condition=Q(parts_kept=True) | Q(state__in=["DONE", "GIVEN_UP"]),
                name="vault_upload_keeps_its_parts_until_it_ends",
            ),
            models.CheckConstraint(
                condition=Q(membership__isnull=True) | Q(service_account__isnull=True),
                name="vault_upload_has_one_maker",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], name="vault_upload_expiring"),
            models.Index(
                fields=["organization"],
                condition=Q(parts_kept=True, state__in=["DONE", "GIVEN_UP"]),
                name="vault_upload_to_clear",
            ),
            models.Index(fields=["organization", "environment", "created_by_id", "-id"], name="vault_upload_by_maker"),
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def aad(self) -> bytes:
        """What its sealed parts are bound to."""
        return b"vault_upload\0" + self.organization_id.bytes + self.environment_id.bytes + self.id.bytes

    @property
    def is_over(self) -> bool:
        """Its time is over."""
        return self.expires_at <= now()
