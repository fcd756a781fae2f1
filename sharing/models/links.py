"""Share-session links (SHR-1) and everything that happened to them.

Only the SHA-256 of a link's nonce is kept, so that nobody here can make the link again.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Count, F, Func, Q
from django.db.models.functions import Length

from hq.authz.permissions import Permission
from hq.db.classes import UNTIL_EXPIRED, Declared, Held, days
from hq.db.fields import Purpose, SealedJSONField, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now

SHORTEST, DEFAULT, LONGEST = timedelta(seconds=60), timedelta(minutes=15), timedelta(days=7)
SESSION_LIFE = timedelta(minutes=15)
KEPT = days(30, "after the link has ended")
PATHS_MOST = 100
FOLDERS_MOST = 10  # each is a range of paths that a recipient's page looks into
RECIPIENTS_MOST = 50
PURPOSE_LENGTH = 200
RECIPIENT_LENGTH = 120
USER_AGENT_LENGTH = 300

models.BinaryField.register_lookup(Length)


class ClockTimestamp(Func):
    """The database's clock at this very moment: a statement that waited for a lock must not use an older one."""

    function = "clock_timestamp"
    output_field = models.DateTimeField()


class State(models.TextChoices):
    """Where a link is in its life."""

    WAITING = "waiting"
    IN_USE = "in_use"
    SPENT = "spent"
    EXPIRED = "expired"
    REVOKED = "revoked"


def in_state(state: str, at: datetime) -> Q:
    """The rows that are in a state at a moment; the same rules as `ShareLink.state`."""
    alive = Q(revoked_at__isnull=True)
    unopened = alive & Q(opened_at__isnull=True)
    return {
        State.WAITING.value: unopened & Q(expires_at__gt=at),
        State.EXPIRED.value: unopened & Q(expires_at__lte=at),
        State.IN_USE.value: alive & Q(opened_at__gt=at - SESSION_LIFE),
        State.SPENT.value: alive & Q(opened_at__lte=at - SESSION_LIFE),
        State.REVOKED.value: Q(revoked_at__isnull=False),
    }[state]


def ended_before(moment: datetime) -> Q:
    """Links that gave nobody anything any more at that moment."""
    opened = Q(revoked_at__isnull=True, opened_at__lt=moment - SESSION_LIFE)
    unopened = Q(revoked_at__isnull=True, opened_at__isnull=True, expires_at__lt=moment)
    return Q(revoked_at__lt=moment) | opened | unopened


class ShareLink(TenantModel):
    """A link that opens once, gives some paths for a quarter of an hour, and never more than its maker may do now."""

    sealed_title: ClassVar = "Details of share links"

    class Level(models.TextChoices):
        """What it gives. There is no `admin`: that cannot be shared."""

        READ = "read"
        WRITE = "write"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    permission = models.CharField(max_length=5, choices=Level.choices)
    purpose = SealedTextField(purpose=Purpose.METADATA)
    # Whom it is for, in the sharer's words; what was made for several recipients in one step has one batch.
    recipient = SealedTextField(purpose=Purpose.METADATA, null=True)
    batch_id = models.UUIDField(null=True)
    password_hash = models.CharField(max_length=200, blank=True, default="")
    created_by_kind = models.CharField(max_length=20)
    created_by_id = models.UUIDField()
    created_by_label = SealedTextField(purpose=Purpose.METADATA)
    # Whose rights the link lives on. The database empties these when the member or the key is gone, so Django must not.
    membership = TenantForeignKey("tenants.Membership", on_delete=models.DO_NOTHING, related_name="+", null=True)
    api_key = TenantForeignKey("tenants.ApiKey", on_delete=models.DO_NOTHING, related_name="+", null=True)
    key_version = models.PositiveIntegerField()
    nonce_digest = models.BinaryField()
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    opened_ip = models.GenericIPAddressField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by_id = models.UUIDField(null=True)
    revoked_by_label = SealedTextField(purpose=Purpose.METADATA, null=True)

    data_classes: ClassVar = Declared(
        kept=KEPT,
        metadata="purpose recipient created_by_label revoked_by_label",
        secrets={"nonce_digest": Held.DIGEST, "password_hash": Held.ARGON2ID},
        operational="environment permission batch_id created_by_kind created_by_id membership api_key key_version"
        " created_at expires_at opened_at opened_ip revoked_at revoked_by_id",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(permission__in=["read", "write"]), name="sharing_permission_is_read_or_write"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gte=F("created_at") + SHORTEST, expires_at__lte=F("created_at") + LONGEST),
                name="sharing_life_is_60_seconds_to_7_days",
            ),
            models.CheckConstraint(condition=Q(nonce_digest__length=32), name="sharing_nonce_is_kept_as_sha256"),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_by_id__isnull=True)
                | Q(revoked_at__isnull=False, revoked_by_id__isnull=False),
                name="sharing_revoked_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["organization_id", "environment_id", "id"], name="sharing_link_by_environment")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def title(self) -> str:
        """What people call it."""
        return self.purpose or "Share link"

    @property
    def access_ends_at(self) -> datetime | None:
        """When the one who opened it loses access; None before it is opened."""
        return self.opened_at + SESSION_LIFE if self.opened_at else None

    @property
    def ends_at(self) -> datetime:
        """When it stops giving anything, as far as is known now."""
        return self.revoked_at or self.access_ends_at or self.expires_at

    @property
    def state(self) -> State:
        at = now()
        if self.revoked_at:
            return State.REVOKED
        if self.access_ends_at:
            return State.IN_USE if self.access_ends_at > at else State.SPENT
        return State.WAITING if self.expires_at > at else State.EXPIRED

    @property
    def is_live(self) -> bool:
        """True while revoking it takes something away from somebody."""
        return self.state in {State.WAITING, State.IN_USE}

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the holder of its session may do."""
        read = frozenset({Permission.OBJECTS_READ})
        return read | {Permission.OBJECTS_WRITE} if self.permission == self.Level.WRITE else read


class SharePath(TenantModel):
    """One file, or folder with its slash, that a link is pinned to, in the order of choosing. Never changed."""

    link = TenantForeignKey(ShareLink, on_delete=models.DO_NOTHING, related_name="pins")
    path = models.CharField(max_length=1024, db_collation="C")
    order = models.PositiveSmallIntegerField()

    data_classes: ClassVar = Declared(
        kept=KEPT, in_clear={"path": "Compared with the objects’ own paths"}, operational="link order"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "link", "path"], name="sharing_path_once_a_link"),
            models.UniqueConstraint(fields=["organization_id", "link", "order"], name="sharing_place_once_a_link"),
            models.CheckConstraint(condition=Q(order__lt=PATHS_MOST) & ~Q(path=""), name="sharing_at_most_100_paths"),
        ]
        ordering = ["order"]


class ShareSession(TenantModel):
    """What redeeming a link gave, kept as the SHA-256 of its token. One link never has two."""

    link = TenantForeignKey(ShareLink, on_delete=models.DO_NOTHING, related_name="sessions")
    token_digest = models.BinaryField(unique=True)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()

    data_classes: ClassVar = Declared(
        kept=UNTIL_EXPIRED, secrets={"token_digest": Held.DIGEST}, operational="link created_at expires_at"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "link"], name="sharing_one_session_a_link"),
            models.CheckConstraint(condition=Q(token_digest__length=32), name="sharing_session_is_kept_as_sha256"),
        ]


class ShareReceipt(TenantModel):
    """What was there when a link was opened. It is signed when somebody asks for it, with its place in the trail."""

    sealed_title: ClassVar = "Receipts of share links"

    link = TenantForeignKey(ShareLink, on_delete=models.DO_NOTHING, related_name="receipts")
    files = SealedJSONField(purpose=Purpose.METADATA)
    statement = SealedTextField(purpose=Purpose.METADATA, null=True)
    created_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(kept=KEPT, metadata="files statement", operational="link created_at")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "link"], name="sharing_one_receipt_a_link"),
        ]


class ShareAttempt(TenantModel):
    """Something that was done with a link, or tried. Added, never changed; it goes when its link goes."""

    sealed_title: ClassVar = "Visits to share links"

    class Kind(models.TextChoices):
        LOOKED = "looked"
        OPENED = "opened"
        REFUSED = "refused"
        DOWNLOADED = "downloaded"
        UPLOADED = "uploaded"

    link = TenantForeignKey(ShareLink, on_delete=models.DO_NOTHING, related_name="attempts")
    at = models.DateTimeField(default=now)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.CharField(max_length=40, blank=True)
    ip = models.GenericIPAddressField(null=True)
    user_agent = SealedTextField(purpose=Purpose.METADATA)
    request_id = models.CharField(max_length=40, blank=True)
    path = models.CharField(max_length=1024, blank=True, db_collation="C")
    size = models.BigIntegerField(null=True)

    data_classes: ClassVar = Declared(
        kept=KEPT,
        metadata="user_agent",
        in_clear={"path": "One of the link’s own, which stand in the clear", "size": "Added up per link"},
        operational="link at kind reason ip request_id",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["looked", "opened", "refused", "downloaded", "uploaded"]),
                name="sharing_attempt_kind_is_known",
            ),
            models.CheckConstraint(condition=Q(kind="refused") ^ Q(reason=""), name="sharing_reason_iff_refused"),
            models.UniqueConstraint(
                fields=["organization_id", "link"], condition=Q(kind="opened"), name="sharing_opened_once"
            ),
        ]


def count_by(rows: "models.QuerySet[ShareLink]", states: Collection[str], at: datetime) -> dict[str, int]:
    """How many rows are in each state, in one query."""
    return rows.aggregate(**{state: Count("pk", filter=in_state(state, at)) for state in states})
