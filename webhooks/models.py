"""Addresses that events are sent to, and what was sent."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from hq.db.classes import ORGANIZATION, Declared, Held, days
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now

EVERYTHING = "*"
KEPT_DAYS = 30


class Endpoint(TenantModel):
    """One address of one environment. `events` are tags of the trail, or `*` for all of them.

    `failing_since` is when a delivery failed with none having arrived since; `warned_at` when its people were told.
    """

    class State(models.TextChoices):
        ENABLED = "ENABLED"
        DISABLED = "DISABLED"

    class Reason(models.TextChoices):
        """Why it is disabled."""

        BY_HAND = "BY_HAND"
        GONE = "GONE"
        FAILING = "FAILING"

    sealed_title: ClassVar = "Webhook endpoints"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    url = SealedTextField(purpose=Purpose.METADATA)
    events = ArrayField(models.CharField(max_length=60))
    state = models.CharField(max_length=8, choices=State.choices, default=State.ENABLED)
    disabled_reason = models.CharField(max_length=8, choices=Reason.choices, default="", blank=True)
    disabled_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    warned_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    created_by_id = models.UUIDField()
    created_at = models.DateTimeField(default=now)
    changed_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="url",
        in_clear={"name": "Names a machine, and is found by it"},
        operational="environment events state disabled_reason disabled_at failing_since warned_at delivered_at"
        " created_by_id created_at changed_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(events=[]), name="webhooks_endpoint_wants_something"),
            models.CheckConstraint(condition=~Q(name=""), name="webhooks_endpoint_has_a_name"),
            models.CheckConstraint(
                condition=Q(state="ENABLED", disabled_at=None, disabled_reason="")
                | (Q(state="DISABLED", disabled_at__isnull=False) & ~Q(disabled_reason="")),
                name="webhooks_disabled_says_why",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "environment"], condition=Q(state="ENABLED"), name="webhooks_enabled_endpoints"
            )
        ]


class Secret(TenantModel):
    """What deliveries are signed with: an HMAC secret and an Ed25519 key. A former one signs too until it expires."""

    sealed_title: ClassVar = "Webhook secrets"

    endpoint = TenantForeignKey(Endpoint, on_delete=models.CASCADE, related_name="secrets")
    symmetric = SealedTextField(purpose=Purpose.METADATA)
    private = SealedTextField(purpose=Purpose.METADATA)
    public = models.CharField(max_length=80)
    created_by_id = models.UUIDField()
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        in_clear={"public": "A public key"},
        secrets={"symmetric": Held.SEALED, "private": Held.SEALED},
        operational="endpoint created_by_id created_at expires_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "endpoint"], condition=Q(expires_at=None), name="webhooks_one_current_secret"
            )
        ]


class Message(TenantModel):
    """One event, as it is sent: the very bytes that are signed. Its id is `webhook-id`."""

    sealed_title: ClassVar = "Webhook messages"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    event_id = models.UUIDField()
    tag = models.CharField(max_length=60)
    body = SealedTextField(purpose=Purpose.METADATA)
    at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=days(KEPT_DAYS, "after the event"), metadata="body", operational="environment event_id tag at"
    )

    class Meta:
        indexes = [models.Index(fields=["organization", "at"], name="webhooks_message_by_age")]


class Delivery(TenantModel):
    """One message on its way to one endpoint. `tag` and `at` are its message's, to find it by."""

    class State(models.TextChoices):
        PENDING = "PENDING"
        DELIVERED = "DELIVERED"
        FAILED = "FAILED"
        CANCELLED = "CANCELLED"

    endpoint = TenantForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    message = TenantForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries")
    tag = models.CharField(max_length=60)
    at = models.DateTimeField(default=now)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=days(KEPT_DAYS, "after the event"),
        operational="endpoint message tag at state attempts next_at finished_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "endpoint", "message"], name="webhooks_delivered_once"),
            models.CheckConstraint(
                condition=Q(state="PENDING", finished_at=None) | (~Q(state="PENDING") & Q(finished_at__isnull=False)),
                name="webhooks_finished_at_iff_finished",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "endpoint", "-id"], name="webhooks_newest_deliveries"),
            models.Index(fields=["organization", "endpoint", "at"], name="webhooks_delivery_by_age"),
        ]


class Attempt(TenantModel):
    """One sending, with its `webhook-timestamp` and `webhook-signature`.

    `status` is the answer's; without one, `fault` is a word for what went wrong.
    """

    sealed_title: ClassVar = "Webhook answers"

    delivery = TenantForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField(default=now)
    status = models.PositiveSmallIntegerField(null=True)
    fault = models.CharField(max_length=60, default="", blank=True)
    milliseconds = models.PositiveIntegerField()
    replay = models.BooleanField(default=False)
    signed_at = models.DateTimeField()
    signature = models.CharField(max_length=1000)
    answer = SealedTextField(purpose=Purpose.METADATA)

    data_classes: ClassVar = Declared(
        kept=days(KEPT_DAYS, "after the event"),
        metadata="answer",
        in_clear={"signature": "As it was sent; it holds for its message only"},
        operational="delivery number at status fault milliseconds replay signed_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(Q(status=None) & ~Q(fault="")) | Q(status__isnull=False, fault=""),
                name="webhooks_attempt_answered_or_failed",
            )
        ]
        indexes = [models.Index(fields=["organization", "at"], name="webhooks_attempts_by_time")]

    @property
    def arrived(self) -> bool:
        """Whether the receiver took it: any answer of the 200s."""
        return self.status is not None and 200 <= self.status < 300
