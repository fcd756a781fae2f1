"""Published artifacts (SHR-4): folders of files at an address of their own, each deployment whole and never changed.

In the clear stands what the edge looks up by: the host label, paths, sizes, types. Sealed stand names, people and the
SHA-256 of each file. The bytes of a deployment are one sealed bundle in the vault.
"""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length

from hq.db.classes import ORGANIZATION, Declared, Held, days
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now

SHORTEST, LONGEST = timedelta(seconds=60), timedelta(days=7)
NAME_LENGTH, LABEL_LENGTH, FOR_LENGTH, USER_AGENT_LENGTH = 80, 63, 120, 300
FILES_MOST, BYTES_MOST = 10_000, 1024**3
LINKS_AT_ONCE = 50
KEPT_VISITS = days(90, "after the visit")
KEPT_LINKS = days(30, "after the link has ended")
MADE_BY = "created_by_kind created_by_id"

models.BinaryField.register_lookup(Length)


class Artifact(TenantModel):
    """Something that is published: a name, an address, who may see it, and which of its deployments is shown.

    `policy` is the second since which who may see it has not changed: whoever came in before is out.
    """

    sealed_title: ClassVar = "Names of artifacts"

    class Access(models.TextChoices):
        """Who may see it, beside those who know the address."""

        LINK = "link"
        PASSWORD = "password"
        OPEN = "open"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    label = models.CharField(max_length=LABEL_LENGTH, unique=True, db_index=False, db_collation="C")
    name = SealedTextField(purpose=Purpose.METADATA)
    access = models.CharField(max_length=8, choices=Access.choices)
    policy = models.PositiveIntegerField(default=1)
    password = models.CharField(max_length=200, blank=True)
    # The number of the deployment that is shown, and of the newest one that there ever was. A foreign key to the first
    # stands in the migration.
    current = models.PositiveIntegerField(null=True)
    deployed = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=now)
    created_by_kind = models.CharField(max_length=20)
    created_by_id = models.UUIDField()
    created_by_label = SealedTextField(purpose=Purpose.METADATA)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="name created_by_label",
        in_clear={"label": "A part of the address it is published at"},
        secrets={"password": Held.ARGON2ID},
        operational=f"environment access policy current deployed created_at {MADE_BY}",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(access__in=["link", "password", "open"]), name="artifacts_access_is_known"
            ),
            models.CheckConstraint(
                condition=Q(access="password") ^ Q(password=""), name="artifacts_password_iff_asked"
            ),
            models.CheckConstraint(
                condition=Q(password="") | Q(password__startswith="$argon2id$"),  # noqa: S106 - how every hash of the kind begins
                name="artifacts_password_is_argon2id",
            ),
            models.CheckConstraint(
                condition=Q(label__regex=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"), name="artifacts_label_is_a_host_name"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization", "environment", "id"], name="artifacts_by_environment")
        ]

    def __str__(self) -> str:
        return self.label


class Deployment(TenantModel):
    """One set of files. Never changed: another set is another deployment."""

    sealed_title: ClassVar = "Details of deployments"

    artifact = TenantForeignKey(Artifact, on_delete=models.CASCADE, related_name="deployments")
    number = models.PositiveIntegerField()
    blob = TenantForeignKey("vault.Blob", on_delete=models.PROTECT, related_name="+")
    files = models.PositiveIntegerField()
    size = models.BigIntegerField()
    created_at = models.DateTimeField(default=now)
    created_by_kind = models.CharField(max_length=20)
    created_by_id = models.UUIDField()
    created_by_label = SealedTextField(purpose=Purpose.METADATA)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="created_by_label",
        in_clear={"size": "Listed without opening anything"},
        operational=f"artifact number blob files created_at {MADE_BY}",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "artifact", "number"], name="artifacts_number_once"),
            models.CheckConstraint(
                condition=Q(number__gte=1, files__gte=1, files__lte=FILES_MOST, size__gte=0, size__lte=BYTES_MOST),
                name="artifacts_deployment_has_bounds",
            ),
        ]

    def __str__(self) -> str:
        return f"deployment {self.number}"


class DeployedFile(TenantModel):
    """One file of a deployment, and where in its bundle the bytes are."""

    sealed_title: ClassVar = "Hashes of published files"

    deployment = TenantForeignKey(Deployment, on_delete=models.CASCADE, related_name="contents")
    path = models.CharField(max_length=1024, db_collation="C")
    offset = models.BigIntegerField()
    size = models.BigIntegerField()
    content_type = models.CharField(max_length=100)
    sha256 = SealedTextField(purpose=Purpose.METADATA)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="sha256",
        in_clear={
            "path": "Looked up by the edge for each request",
            "size": "Told before anything is opened",
            "content_type": "Follows from the path",
        },
        operational="deployment offset",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "deployment", "path"], name="artifacts_path_once"),
            models.CheckConstraint(
                condition=Q(offset__gte=0, size__gte=0) & ~Q(path=""), name="artifacts_file_lies_in_its_bundle"
            ),
        ]

    def __str__(self) -> str:
        return self.path


class ArtifactLink(TenantModel):
    """A link that lets one browser in, once (SHR-2). Of its token only the SHA-256 is kept."""

    sealed_title: ClassVar = "Details of artifact links"

    class State(models.TextChoices):
        """Where a link is in its life."""

        WAITING = "waiting"
        OPENED = "opened"
        EXPIRED = "expired"
        REVOKED = "revoked"

    artifact = TenantForeignKey(Artifact, on_delete=models.CASCADE, related_name="links")
    recipient = SealedTextField(purpose=Purpose.METADATA)
    token_digest = models.BinaryField(unique=True)
    # Whose rights it lives on; the database empties this when the member is gone, so Django must not.
    membership = TenantForeignKey("tenants.Membership", on_delete=models.DO_NOTHING, related_name="+", null=True)
    created_at = models.DateTimeField(default=now)
    created_by_kind = models.CharField(max_length=20)
    created_by_id = models.UUIDField()
    created_by_label = SealedTextField(purpose=Purpose.METADATA)
    expires_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    opened_ip = models.GenericIPAddressField(null=True)
    recorded_at = models.DateTimeField(null=True)  # since when the trail tells that it was opened
    revoked_at = models.DateTimeField(null=True)
    revoked_by_id = models.UUIDField(null=True)
    revoked_by_label = SealedTextField(purpose=Purpose.METADATA, null=True)

    data_classes: ClassVar = Declared(
        kept=KEPT_LINKS,
        metadata="recipient created_by_label revoked_by_label",
        secrets={"token_digest": Held.DIGEST},
        operational=f"artifact membership created_at {MADE_BY} expires_at opened_at opened_ip recorded_at revoked_at"
        " revoked_by_id",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(token_digest__length=32), name="artifacts_token_is_kept_as_sha256"),
            models.CheckConstraint(
                condition=Q(expires_at__gte=F("created_at") + SHORTEST, expires_at__lte=F("created_at") + LONGEST),
                name="artifacts_link_lives_7_days_at_most",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_by_id__isnull=True)
                | Q(revoked_at__isnull=False, revoked_by_id__isnull=False),
                name="artifacts_link_revoked_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(recorded_at__isnull=True) | Q(opened_at__isnull=False),
                name="artifacts_recorded_once_opened",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["organization"],
                condition=Q(opened_at__isnull=False, recorded_at__isnull=True),
                name="artifacts_opened_untold",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def title(self) -> str:
        """What people call it."""
        return str(self.recipient) or "Link"

    @property
    def state(self) -> State:
        if self.revoked_at:
            return self.State.REVOKED
        if self.opened_at:
            return self.State.OPENED
        return self.State.WAITING if self.expires_at > now() else self.State.EXPIRED


class ArtifactVisit(TenantModel):
    """Something that was done at the door of a protected artifact, or tried. Added, never changed."""

    sealed_title: ClassVar = "Visits to artifacts"

    class Kind(models.TextChoices):
        LOOKED = "looked"
        OPENED = "opened"
        ENTERED = "entered"
        REFUSED = "refused"

    artifact = TenantForeignKey(Artifact, on_delete=models.CASCADE, related_name="visits")
    link = TenantForeignKey(ArtifactLink, on_delete=models.CASCADE, related_name="visits", null=True)
    at = models.DateTimeField(default=now)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.CharField(max_length=40, blank=True)
    ip = models.GenericIPAddressField(null=True)
    user_agent = SealedTextField(purpose=Purpose.METADATA)
    request_id = models.CharField(max_length=40, blank=True)

    data_classes: ClassVar = Declared(
        kept=KEPT_VISITS, metadata="user_agent", operational="artifact link at kind reason ip request_id"
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=["looked", "opened", "entered", "refused"]), name="artifacts_visit_kind_is_known"
            ),
            models.CheckConstraint(condition=Q(kind="refused") ^ Q(reason=""), name="artifacts_reason_iff_refused"),
            models.UniqueConstraint(
                fields=["organization", "link"], condition=Q(kind="opened"), name="artifacts_opened_once"
            ),
        ]

    def __str__(self) -> str:
        return self.kind


def ended_before(moment: datetime) -> Q:
    """Links that gave nobody anything any more at that moment, and of which the trail knows. For rows of links."""
    told: Q = Q(opened_at__isnull=True) | Q(recorded_at__isnull=False)
    over: Q = Q(revoked_at__lt=moment) | Q(opened_at__lt=moment) | Q(opened_at__isnull=True, expires_at__lt=moment)
    both: Q = told & over
    return both
