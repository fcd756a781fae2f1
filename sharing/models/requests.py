"""Upload requests: an address at which a stranger sends files into one folder, until it is over or closed.

It is opened as often as need be, so its token is no single-use capability: 256 random bits, of which only the SHA-256
is kept.
"""

from datetime import datetime, timedelta
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from hq.authz.permissions import Permission
from hq.db.classes import Declared, Held, days
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now

REQUEST_SHORTEST, REQUEST_DEFAULT, REQUEST_LONGEST = timedelta(seconds=60), timedelta(days=7), timedelta(days=30)
REQUEST_KEPT = days(30, "after the request has ended")
FILES_MOST = 1_000
TYPES_MOST = 20


class RequestState(models.TextChoices):
    """Where a request is in its life."""

    OPEN = "open"
    FULL = "full"
    EXPIRED = "expired"
    CLOSED = "closed"


def request_in_state(state: str, at: datetime) -> Q:
    """The rows that are in a state at a moment; the same rules as `UploadRequest.state`."""
    running = Q(closed_at__isnull=True, expires_at__gt=at)
    full = Q(files__gte=F("files_most")) | Q(size__gte=F("size_most"))
    return {
        RequestState.OPEN.value: running & ~full,
        RequestState.FULL.value: running & full,
        RequestState.EXPIRED.value: Q(closed_at__isnull=True, expires_at__lte=at),
        RequestState.CLOSED.value: Q(closed_at__isnull=False),
    }[state]


class UploadRequest(TenantModel):
    """A folder that takes files from whoever holds the address, within limits, as long as its maker may write there."""

    sealed_title: ClassVar = "Details of upload requests"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    folder = models.CharField(max_length=1024, db_collation="C")
    purpose = SealedTextField(purpose=Purpose.METADATA)
    types = ArrayField(models.CharField(max_length=16), default=list)
    files_most = models.PositiveIntegerField()
    file_size_most = models.BigIntegerField()
    size_most = models.BigIntegerField()
    # What has come and what is on its way, counted before it is read, so that no number of senders passes a limit.
    files = models.PositiveIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    created_by_kind = models.CharField(max_length=20)
    created_by_id = models.UUIDField()
    created_by_label = SealedTextField(purpose=Purpose.METADATA)
    # Whose rights it lives on. The database empties these when the member or the key is gone, so Django must not.
    membership = TenantForeignKey("tenants.Membership", on_delete=models.DO_NOTHING, related_name="+", null=True)
    api_key = TenantForeignKey("tenants.ApiKey", on_delete=models.DO_NOTHING, related_name="+", null=True)
    token_digest = models.BinaryField(unique=True)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_by_id = models.UUIDField(null=True)
    closed_by_label = SealedTextField(purpose=Purpose.METADATA, null=True)

    data_classes: ClassVar = Declared(
        kept=REQUEST_KEPT,
        metadata="purpose created_by_label closed_by_label",
        in_clear={"folder": "Compared with the objects’ own paths", "size": "Added up and compared by the database"},
        secrets={"token_digest": Held.DIGEST},
        operational="environment types files_most file_size_most size_most files created_by_kind created_by_id"
        " membership api_key created_at expires_at closed_at closed_by_id",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(folder__endswith="/"), name="sharing_request_names_a_folder"),
            models.CheckConstraint(
                condition=Q(
                    expires_at__gte=F("created_at") + REQUEST_SHORTEST,
                    expires_at__lte=F("created_at") + REQUEST_LONGEST,
                ),
                name="sharing_request_lives_60_seconds_to_30_days",
            ),
            models.CheckConstraint(
                condition=Q(token_digest__length=32), name="sharing_request_token_is_kept_as_sha256"
            ),
            models.CheckConstraint(
                condition=Q(files__lte=F("files_most"), size__gte=0, size__lte=F("size_most")),
                name="sharing_request_keeps_its_limits",
            ),
            models.CheckConstraint(
                condition=Q(files_most__gte=1, files_most__lte=FILES_MOST, file_size_most__gte=1)
                & Q(size_most__gte=F("file_size_most")),
                name="sharing_request_limits_make_sense",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by_id__isnull=True)
                | Q(closed_at__isnull=False, closed_by_id__isnull=False),
                name="sharing_request_closed_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["organization_id", "environment_id", "id"], name="sharing_request_by_environment")
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def title(self) -> str:
        """What people call it."""
        return self.purpose or "Upload request"

    @property
    def state(self) -> RequestState:
        if self.closed_at:
            return RequestState.CLOSED
        if self.expires_at <= now():
            return RequestState.EXPIRED
        full = self.files >= self.files_most or self.size >= self.size_most
        return RequestState.FULL if full else RequestState.OPEN

    @property
    def is_live(self) -> bool:
        """True while closing it takes something away from somebody."""
        return self.state in {RequestState.OPEN, RequestState.FULL}

    @property
    def ends_at(self) -> datetime:
        return self.closed_at or self.expires_at

    @property
    def permissions(self) -> frozenset[Permission]:
        """What whoever holds the address may do: add, and see nothing."""
        return frozenset({Permission.OBJECTS_WRITE})


class UploadAttempt(TenantModel):
    """Something that was done with an upload request, or tried. A file is `arriving` until it is stored or refused."""

    sealed_title: ClassVar = "Visits to upload requests"

    class Kind(models.TextChoices):
        LOOKED = "looked"
        ARRIVING = "arriving"
        RECEIVED = "received"
        REFUSED = "refused"

    request = TenantForeignKey(UploadRequest, on_delete=models.DO_NOTHING, related_name="attempts")
    at = models.DateTimeField(default=now)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.CharField(max_length=40, blank=True)
    ip = models.GenericIPAddressField(null=True)
    user_agent = SealedTextField(purpose=Purpose.METADATA)
    client_request = models.CharField(max_length=40, blank=True)
    path = models.CharField(max_length=1024, blank=True, db_collation="C")
    size = models.BigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)

    data_classes: ClassVar = Declared(
        kept=REQUEST_KEPT,
        metadata="user_agent",
        in_clear={
            "path": "Compared with the objects’ own paths",
            "size": "Added up per request",
            "sha256": "Compared with what is stored",
        },
        operational="request at kind reason ip client_request",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["looked", "arriving", "received", "refused"]),
                name="sharing_upload_kind_is_known",
            ),
            models.CheckConstraint(
                condition=Q(kind="refused") ^ Q(reason=""), name="sharing_upload_reason_iff_refused"
            ),
            models.CheckConstraint(
                condition=Q(kind="received") ^ Q(sha256=""), name="sharing_upload_digest_iff_received"
            ),
        ]
        indexes = [
            models.Index(fields=["organization_id", "at"], condition=Q(kind="arriving"), name="sharing_upload_arriving")
        ]
