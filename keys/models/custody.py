"""Which CMK an organization has at its provider, and the data keys under it. Key material stands here only wrapped."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.lookups import GreaterThan

from hq.db.classes import ALWAYS, Declared, Held
from hq.db.models import Model, TenantForeignKey
from hq.db.sealing import Purpose
from hq.lib.clock import now
from keys.providers.base import KeyState
from keys.providers.words import KEPT_IN

PURPOSES = [(purpose.value, purpose.value) for purpose in Purpose]
STATES = [(state.value, state.value) for state in KeyState]
LONGEST_UNWRAPPED = 44  # 32 bytes, and the same in base64: nothing as short is a wrapped key


class Cmk(Model):
    """A customer-managed key, kept by its provider and named here. `state` is what the provider was last told.

    `version` counts HQ's rotations. A `customer_owned` one was brought by the organization: HQ neither makes versions
    of it nor destroys it. One that is `retired_at` wraps nothing any more.
    """

    organization_id = models.UUIDField()
    provider = models.CharField(max_length=20)
    ref = models.CharField(max_length=300)
    state = models.CharField(max_length=20, choices=STATES, default=KeyState.ENABLED.value)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=now)
    rotated_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)
    delete_at = models.DateTimeField(null=True)
    overdue_at = models.DateTimeField(null=True)  # when it was said that its yearly rotation did not happen
    customer_owned = models.BooleanField(default=False)

    data_classes: ClassVar = Declared(
        kept=ALWAYS,
        operational="organization_id provider ref state version created_at rotated_at retired_at delete_at overdue_at"
        " customer_owned",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id"],
                condition=Q(retired_at__isnull=True),
                name="keys_one_cmk_in_use_an_organization",
            ),
            models.UniqueConstraint(fields=["organization_id", "provider", "ref"], name="keys_cmk_once"),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in KeyState]), name="keys_cmk_state_is_known"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="keys_cmk_version_from_one"),
            models.CheckConstraint(
                condition=Q(state="PENDING_DELETION", delete_at__isnull=False)
                | ~Q(state="PENDING_DELETION") & Q(delete_at__isnull=True),
                name="keys_delete_at_iff_pending",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}:{self.ref}"

    @property
    def kms_arn(self) -> str:
        """Its ARN if AWS KMS keeps it, else ""."""
        return self.ref if self.provider == "kms" else ""

    @property
    def kept_in(self) -> str:
        """Its provider, as people call it."""
        return KEPT_IN.get(self.provider, self.provider)

    @property
    def since(self) -> datetime:
        """When its present version was made."""
        return self.rotated_at or self.created_at


class DataKey(Model):
    """One version of a data key, wrapped by the CMK. Current until `retired_at`; retired ones still open.

    `emptied_at`: a rotation has found nothing left under it. `destroyed_at`: the wrapping was thrown away as well.
    `uses` counts encryptions, as the processes report them; `last_used_*` is when, and for whom, it was held in memory.
    """

    organization_id = models.UUIDField()
    environment_id = models.UUIDField(null=True)
    purpose = models.CharField(max_length=20, choices=PURPOSES)
    version = models.PositiveIntegerField(default=1)
    wrapped = models.BinaryField(null=True)
    # By pgcrypto, so that whatever writes the row, the fingerprint is the one of what stands in it (KEY-9).
    fingerprint = models.GeneratedField(
        expression=Func(F("wrapped"), Value("sha256"), function="digest"),
        output_field=models.BinaryField(null=True),
        db_persist=True,
    )
    cmk = TenantForeignKey(Cmk, on_delete=models.PROTECT, related_name="+")
    cmk_version = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=now)
    retired_at = models.DateTimeField(null=True)
    emptied_at = models.DateTimeField(null=True)
    destroyed_at = models.DateTimeField(null=True)
    uses = models.PositiveBigIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True)
    last_used_by_kind = models.CharField(max_length=20, default="")
    last_used_by_id = models.UUIDField(null=True)

    data_classes: ClassVar = Declared(
        kept=ALWAYS,
        secrets={"wrapped": Held.WRAPPED},
        operational="organization_id environment_id purpose version fingerprint cmk cmk_version created_at retired_at"
        " emptied_at destroyed_at uses last_used_at last_used_by_kind last_used_by_id",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "environment_id", "purpose", "version"],
                nulls_distinct=False,
                name="keys_data_key_version_once",
            ),
            models.UniqueConstraint(
                fields=["organization_id", "environment_id", "purpose"],
                condition=Q(retired_at__isnull=True),
                nulls_distinct=False,
                name="keys_one_current_data_key_a_purpose",
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=[purpose.value for purpose in Purpose]), name="keys_data_key_purpose_is_known"
            ),
            models.CheckConstraint(
                condition=Q(purpose=Purpose.CAPABILITY.value, environment_id__isnull=False)
                | ~Q(purpose=Purpose.CAPABILITY.value) & Q(environment_id__isnull=True),
                name="keys_capability_iff_environment",
            ),
            models.CheckConstraint(
                condition=Q(version__gte=1, cmk_version__gte=1),
                name="keys_data_key_versions_from_one",
            ),
            models.CheckConstraint(
                condition=GreaterThan(
                    Func(F("wrapped"), function="octet_length", output_field=models.IntegerField()), LONGEST_UNWRAPPED
                ),
                name="keys_data_key_is_wrapped",
            ),
            models.CheckConstraint(
                condition=Q(wrapped__isnull=True, destroyed_at__isnull=False)
                | Q(wrapped__isnull=False, destroyed_at__isnull=True),
                name="keys_wrapping_is_gone_iff_destroyed",
            ),
            models.CheckConstraint(
                condition=Q(emptied_at__isnull=True) | Q(retired_at__isnull=False), name="keys_only_retired_is_emptied"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.version}"

    @property
    def context(self) -> dict[str, str]:
        """What the provider binds the wrapping to."""
        return wrapping_context(self.organization_id, self.environment_id, self.purpose, self.version)


def wrapping_context(organization_id: UUID, environment_id: UUID | None, purpose: str, version: int) -> dict[str, str]:
    """The encryption context of a data key: readable in a provider's log, and the same for ever."""
    context = {"hq:organization": str(organization_id), "hq:purpose": str(purpose), "hq:version": str(version)}
    return context | ({"hq:environment": str(environment_id)} if environment_id else {})
