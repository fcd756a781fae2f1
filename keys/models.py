"""Which CMK an organization has at its provider, and the data keys under it. Key material stands here only wrapped.

The organization is a plain id everywhere: the deployment itself has keys too and is no organization, and evidence of
destruction outlives the organization that was destroyed.
"""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.lookups import GreaterThan

from hq.db.fields import SealedTextField
from hq.db.models import PLATFORM_ID, Model, TenantForeignKey
from hq.db.sealing import Purpose
from hq.lib.clock import now
from keys.providers.base import KeyState

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


class Rotation(Model):
    """One run of making everything of an organization stand under new keys. The row is the truth of how far it is.

    `from_cmk` is set when the data keys move to another CMK, which then is `cmk`. `cursors` holds, for each holder of
    data, where to go on and the numbers people see; losing it costs time, nothing else.
    """

    class State(models.TextChoices):
        """In the order of its life. SETTLING: nothing is left, but a process may still hold the old keys."""

        REQUESTED = "REQUESTED"
        REENCRYPTING = "REENCRYPTING"
        SETTLING = "SETTLING"
        DONE = "DONE"
        INCOMPLETE = "INCOMPLETE"

    UNFINISHED: ClassVar = (State.REQUESTED, State.REENCRYPTING, State.SETTLING)

    organization_id = models.UUIDField()
    cmk = TenantForeignKey(Cmk, on_delete=models.PROTECT, related_name="+")
    from_cmk = TenantForeignKey(Cmk, on_delete=models.PROTECT, related_name="+", null=True)
    from_version = models.PositiveIntegerField(null=True)
    to_version = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.REQUESTED)
    scheduled = models.BooleanField(default=False)
    requested_at = models.DateTimeField(default=now)
    requested_by_kind = models.CharField(max_length=20)
    requested_by_id = models.UUIDField()
    requested_by_label = SealedTextField(purpose=Purpose.AUDIT)
    made_at = models.DateTimeField(null=True)
    rewrapped = models.PositiveIntegerField(default=0)
    cursors = models.JSONField(default=dict)
    unopened = models.PositiveIntegerField(default=0)
    reencrypted_at = models.DateTimeField(null=True)
    # Transactions that had begun by then must have ended before "nothing is left" is said.
    barrier = models.BigIntegerField(null=True)
    paused_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    job_id = models.UUIDField(null=True)
    statement_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id"],
                condition=Q(state__in=["REQUESTED", "REENCRYPTING", "SETTLING"]),
                name="keys_one_rotation_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(state="REQUESTED", made_at__isnull=True, to_version__isnull=True)
                | ~Q(state="REQUESTED") & Q(made_at__isnull=False, to_version__isnull=False),
                name="keys_rotation_has_a_version_once_made",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["DONE", "INCOMPLETE"], finished_at__isnull=False)
                | ~Q(state__in=["DONE", "INCOMPLETE"]) & Q(finished_at__isnull=True),
                name="keys_rotation_finished_at_iff_finished",
            ),
            models.CheckConstraint(
                condition=~Q(state="DONE") | Q(unopened=0, statement_id__isnull=False),
                name="keys_rotation_done_has_a_statement",
            ),
        ]
        indexes = [models.Index(fields=["organization_id", "-id"], name="keys_rotation_newest")]

    def __str__(self) -> str:
        return f"rotation {self.id}"


class Destruction(Model):
    """A wish to destroy a CMK, who agreed, and what became of it.

    Sealed under the deployment's audit key: it must be readable while the organization's own keys are not.
    """

    class State(models.TextChoices):
        REQUESTED = "REQUESTED"
        SCHEDULED = "SCHEDULED"
        CANCELLED = "CANCELLED"
        DONE = "DONE"

    OPEN: ClassVar = (State.REQUESTED, State.SCHEDULED)
    sealed_under: ClassVar[UUID] = PLATFORM_ID

    organization_id = models.UUIDField()
    cmk = TenantForeignKey(Cmk, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=9, choices=State.choices, default=State.REQUESTED)
    erases = models.BooleanField()
    days = models.PositiveSmallIntegerField()
    reason = SealedTextField(purpose=Purpose.AUDIT)
    listing = models.JSONField(default=list)
    requested_at = models.DateTimeField(default=now)
    requested_by_id = models.UUIDField()
    requested_by_label = SealedTextField(purpose=Purpose.AUDIT)
    approved_at = models.DateTimeField(null=True)
    approved_by_id = models.UUIDField(null=True)
    approved_by_label = SealedTextField(purpose=Purpose.AUDIT, null=True)
    due_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_by_id = models.UUIDField(null=True)
    ended_by_label = SealedTextField(purpose=Purpose.AUDIT, null=True)
    # The number of days before the end that was announced last.
    announced = models.PositiveSmallIntegerField(null=True)
    statement_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "cmk"],
                condition=Q(state__in=["REQUESTED", "SCHEDULED"]),
                name="keys_one_open_destruction_a_cmk",
            ),
            models.CheckConstraint(condition=Q(days__gte=7, days__lte=30), name="keys_destruction_waits_7_to_30_days"),
            models.CheckConstraint(
                condition=Q(approved_by_id__isnull=True) | ~Q(approved_by_id=F("requested_by_id")),
                name="keys_destruction_needs_a_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["SCHEDULED", "DONE"]) | Q(approved_by_id__isnull=False, due_at__isnull=False),
                name="keys_destruction_is_approved_before_it_is_scheduled",
            ),
            models.CheckConstraint(
                condition=~Q(state="DONE") | Q(statement_id__isnull=False), name="keys_destruction_has_a_certificate"
            ),
        ]
        indexes = [models.Index(fields=["organization_id", "-id"], name="keys_destruction_newest")]

    def __str__(self) -> str:
        return f"destruction {self.id}"


class Holding(Model):
    """How much one holder had under an organization's keys when it was last counted."""

    organization_id = models.UUIDField()
    holder = models.CharField(max_length=80)
    rows = models.PositiveBigIntegerField()
    bytes = models.PositiveBigIntegerField()
    counted_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization_id", "holder"], name="keys_holding_once")]


class SigningKey(Model):
    """An Ed25519 key of the deployment. The public half stays for ever; the seed goes when the next key takes over."""

    sealed_under: ClassVar[UUID] = PLATFORM_ID

    kid = models.CharField(max_length=43, unique=True)
    public = models.BinaryField()
    seed = SealedTextField(purpose=Purpose.SIGNING, null=True)
    created_at = models.DateTimeField(default=now)
    retired_at = models.DateTimeField(null=True)

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
        ROTATION = "rotation"

    sealed_under: ClassVar[UUID] = PLATFORM_ID

    organization_id = models.UUIDField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    kid = models.CharField(max_length=43)
    digest = models.BinaryField()
    issued_at = models.DateTimeField()
    file = SealedTextField(purpose=Purpose.AUDIT)

    class Meta:
        indexes = [models.Index(fields=["organization_id", "-id"], name="keys_statement_newest")]
