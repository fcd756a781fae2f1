"""Streams: where the trail of an environment is sent as it grows, and how far each has come."""

from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from django.db import models
from django.db.models import F, Q

from audit.tags import Log
from hq.db.classes import ORGANIZATION, Declared, Held
from hq.db.fields import Purpose, SealedJSONField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now

NAME_MOST, SAID_MOST = 80, 300


class Sent(StrEnum):
    """A log as streams call it: both of the environment, and from live that of the organization.

    Requests that are of no environment - members, single sign-on, erasure over /v1 - stand in a log whose environment
    is the organization's own id. Like acts on the whole organization it goes with live.
    """

    ADMIN = "admin"
    ACCESS = "access"
    ORGANIZATION = "organization"


LONGEST: Final = max(map(len, Sent))


def log_of(sent: str, organization_id: UUID, environment_id: UUID) -> tuple[UUID, UUID, Log]:
    """Where its entries stand: organization, environment and log."""
    if sent == Sent.ORGANIZATION:
        return organization_id, organization_id, Log.ACCESS
    return organization_id, environment_id, Log(sent)


class Stream(TenantModel):
    """One target of one environment. What stands in the trail is the queue: nothing of it is copied here.

    `failing_since` is when a batch failed with none having arrived since, `told_at` when its people heard of that, and
    `next_at` before when nothing more is tried. `said` is the last thing that went wrong, as a sentence.
    """

    class Kind(models.TextChoices):
        HTTPS = "https", "HTTPS"
        SYSLOG = "syslog", "Syslog over TLS"
        S3 = "s3", "S3"

    class State(models.TextChoices):
        ACTIVE = "ACTIVE"
        PAUSED = "PAUSED"

    class Reason(models.TextChoices):
        """Why it is paused."""

        BY_HAND = "BY_HAND"
        REFUSED = "REFUSED"

    sealed_title: ClassVar = "Streams"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=NAME_MOST)
    kind = models.CharField(max_length=6, choices=Kind.choices)
    target = SealedJSONField(purpose=Purpose.METADATA)
    secret = SealedJSONField(purpose=Purpose.METADATA)
    state = models.CharField(max_length=6, choices=State.choices, default=State.ACTIVE)
    paused_reason = models.CharField(max_length=8, choices=Reason.choices, default="", blank=True)
    paused_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    said = models.CharField(max_length=SAID_MOST, default="", blank=True)
    sent_at = models.DateTimeField(null=True)
    created_by_id = models.UUIDField()
    created_at = models.DateTimeField(default=now)
    changed_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="target",
        in_clear={"name": "Names a machine, and is found by it"},
        secrets={"secret": Held.SEALED},
        operational="environment kind state paused_reason paused_at failing_since told_at failures next_at said sent_at"
        " created_by_id created_at changed_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="streams_stream_has_a_name"),
            models.CheckConstraint(
                condition=Q(state="ACTIVE", paused_at=None, paused_reason="")
                | (Q(state="PAUSED", paused_at__isnull=False) & ~Q(paused_reason="")),
                name="streams_paused_says_why",
            ),
        ]


class Position(TenantModel):
    """How far a stream has come in one log: the target has every entry up to `acknowledged`.

    `upto` is the end of the batch that is under way. It is written before the batch is sent and stays until it has
    arrived, so that whatever is sent twice is the same batch. `round` counts replays. `waiting_since` is when the
    oldest entry that was seen waiting was written.
    """

    stream = TenantForeignKey(Stream, on_delete=models.CASCADE, related_name="positions")
    log = models.CharField(max_length=LONGEST)
    acknowledged = models.BigIntegerField()
    upto = models.BigIntegerField(null=True)
    round = models.PositiveIntegerField(default=0)
    waiting_since = models.DateTimeField(null=True)
    moved_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION, operational="stream log acknowledged upto round waiting_since moved_at"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "stream", "log"], name="streams_one_position_a_log"),
            models.CheckConstraint(condition=Q(acknowledged__gte=0), name="streams_positions_begin_at_nothing"),
            models.CheckConstraint(
                condition=Q(upto=None) | Q(upto__gt=F("acknowledged")), name="streams_batches_lie_ahead"
            ),
        ]


class Batch(TenantModel):
    """One sending of entries `first` to `last`, and what came of it. A test has no log."""

    stream = TenantForeignKey(Stream, on_delete=models.CASCADE, related_name="batches")
    log = models.CharField(max_length=LONGEST, blank=True)
    first = models.BigIntegerField(default=0)
    last = models.BigIntegerField(default=0)
    at = models.DateTimeField(default=now)
    arrived = models.BooleanField()
    said = models.CharField(max_length=SAID_MOST, blank=True)
    milliseconds = models.PositiveIntegerField()
    size = models.BigIntegerField(default=0)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION, operational="stream log first last at arrived said milliseconds size"
    )

    class Meta:
        indexes = [models.Index(fields=["organization", "stream", "-id"], name="streams_newest_batches")]
