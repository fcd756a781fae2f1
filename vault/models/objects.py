"""What a tenant stores: a bucket, objects with versions, and the blobs that hold their bytes.

In the clear stand what is searched or sorted by: paths, sizes, times, numbers. Sealed stand the SHA-256 of the content
(it would tell whoever reads the table which known files an organization has), the content type, and people's names.
"""

from typing import ClassVar

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower

from hq.db.classes import ORGANIZATION, Declared
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now
from hq.lib.folding import CAPITALS, SMALL

EMBEDDED = "embedded"
DEFAULT_TYPE = "application/octet-stream"
# A name is what follows the last slash; the folder is what stands before, with its slash, or "" at the top.
FOLDER_OF_PATH = Func(F("path"), Value("[^/]*$"), Value(""), function="regexp_replace")
# The name as hq.lib.folding.folded() makes it. The path's own collation, "C", lets lower() change ASCII alone.
NAME_TO_SEARCH = Lower(
    Func(
        Func(F("path"), Value("^.*/"), Value(""), function="regexp_replace"),
        Value(CAPITALS),
        Value(SMALL),
        function="translate",
    )
)


class Bucket(TenantModel):
    """Where the content of one organization lives, and of no other (VLT-1)."""

    name = models.CharField(max_length=63, unique=True, db_index=False)
    store = models.CharField(max_length=20, default=EMBEDDED)
    region = models.CharField(max_length=40)
    # VLT-2. The embedded store is no server, so nothing can reach it in plain text; a networked one gets the deny rule.
    denies_plaintext = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(kept=ORGANIZATION, operational="name store region denies_plaintext created_at")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization"], name="vault_one_bucket_an_organization"),
            models.CheckConstraint(condition=Q(denies_plaintext=True), name="vault_bucket_denies_requests_without_tls"),
            models.CheckConstraint(condition=Q(name__regex=r"^hq-[a-z0-9-]{1,60}$"), name="vault_bucket_name_is_ours"),
        ]

    def __str__(self) -> str:
        return self.name


class Blob(TenantModel):
    """One sealed file in the store. Its row is committed before the file is begun, so no file is ever without one.

    PENDING while it is written, under a lease that the writer renews; STORED once a version refers to it; DOOMED when
    it must go: the file first, then the row.
    """

    class State(models.TextChoices):
        PENDING = "PENDING"
        STORED = "STORED"
        DOOMED = "DOOMED"

    bucket = TenantForeignKey(Bucket, on_delete=models.PROTECT, related_name="+")
    environment = TenantForeignKey("tenants.Environment", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=7, choices=State.choices, default=State.PENDING)
    key = models.TextField(db_collation="C")
    key_version = models.PositiveIntegerField()
    sealed_size = models.BigIntegerField(null=True)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        operational="bucket environment state key key_version sealed_size lease_until created_at",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=["PENDING", "STORED", "DOOMED"]), name="vault_blob_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="PENDING", lease_until__isnull=False)
                | (~Q(state="PENDING") & Q(lease_until__isnull=True)),
                name="vault_blob_is_leased_iff_pending",
            ),
            models.CheckConstraint(
                condition=~Q(state="STORED") | Q(sealed_size__isnull=False), name="vault_stored_blob_has_a_size"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["lease_until"], condition=Q(state="PENDING"), name="vault_blob_pending"),
            models.Index(fields=["organization"], condition=Q(state="DOOMED"), name="vault_blob_doomed"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def aad(self) -> bytes:
        """What the sealed file is bound to: a file of another organization or environment does not open here."""
        return b"vault_blob\0" + self.organization_id.bytes + self.environment_id.bytes + self.id.bytes


class StoredObject(TenantModel):
    """A path in an environment, with its history. Deleting hides it and keeps every version."""

    sealed_title: ClassVar = "Deletions of files"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.PROTECT, related_name="+")
    path = models.TextField(db_collation="C")
    folder = models.GeneratedField(
        expression=FOLDER_OF_PATH, output_field=models.TextField(db_collation="C"), db_persist=True
    )
    search_name = models.GeneratedField(
        expression=NAME_TO_SEARCH, output_field=models.TextField(db_collation="C"), db_persist=True
    )
    # The number of the version that is served. A foreign key to it stands in the migration; None only while one
    # transaction makes the object and its first version.
    current = models.PositiveIntegerField(null=True)
    size = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=now)
    updated_at = models.DateTimeField(default=now)
    deleted_at = models.DateTimeField(null=True)
    deleted_by = SealedTextField(purpose=Purpose.METADATA, null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="deleted_by",
        in_clear={
            "path": "Listed and searched by range",
            "folder": "Listed and searched by range",
            "search_name": "Searched by range",
            "size": "Added up for folders and environments",
        },
        operational="environment current created_at updated_at deleted_at",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "environment", "path"], name="vault_path_once"),
            models.CheckConstraint(
                condition=~Q(path="") & ~Q(path__startswith="/") & ~Q(path__endswith="/"),
                name="vault_path_names_an_object",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True, deleted_by__isnull=True)
                | Q(deleted_at__isnull=False, deleted_by__isnull=False),
                name="vault_deletion_names_who",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["organization", "environment", "folder", "path"],
                include=["size"],
                condition=Q(deleted_at__isnull=True),
                name="vault_live_by_folder",
            ),
            models.Index(
                fields=["organization", "environment", "path"],
                include=["size"],
                condition=Q(deleted_at__isnull=True),
                name="vault_live_by_path",
            ),
            models.Index(
                fields=["organization", "environment", "search_name", "path"],
                condition=Q(deleted_at__isnull=True),
                name="vault_live_by_name",
            ),
            # Of one who may read below some folders only: their deleted files are few among many live ones.
            models.Index(
                fields=["organization", "environment", "path"],
                condition=Q(deleted_at__isnull=False),
                name="vault_deleted_by_path",
            ),
            models.Index(
                fields=["organization", "environment", "-deleted_at", "-id"],
                condition=Q(deleted_at__isnull=False),
                name="vault_deleted_newest_first",
            ),
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class ObjectVersion(TenantModel):
    """What an object held from a moment on. Never changed; two versions share a blob when an old one was restored."""

    sealed_title: ClassVar = "Details of files"

    object = TenantForeignKey(StoredObject, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    blob = TenantForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    size = models.BigIntegerField()
    sha256 = SealedTextField(purpose=Purpose.METADATA)
    content_type = SealedTextField(purpose=Purpose.METADATA)
    created_at = models.DateTimeField(default=now)
    created_by_kind = models.CharField(max_length=20)
    created_by_id = models.UUIDField()
    created_by = SealedTextField(purpose=Purpose.METADATA)
    restored_from = models.PositiveIntegerField(null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="sha256 content_type created_by",
        in_clear={"size": "Listed without opening anything"},
        operational="object number blob created_at created_by_kind created_by_id restored_from",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "object", "number"], name="vault_version_number_once"),
            models.CheckConstraint(condition=Q(number__gte=1) & Q(size__gte=0), name="vault_version_counts_from_one"),
            models.CheckConstraint(
                condition=Q(restored_from__isnull=True) | Q(restored_from__lt=F("number")),
                name="vault_restored_from_an_earlier_version",
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"

    @property
    def path(self) -> str:
        path: str = self.object.path
        return path

    @property
    def etag(self) -> str:
        """The entity tag (RFC 9110 section 8.8.3): the content's SHA-256, hex, in quotes."""
        return f'"{self.sha256}"'

    @property
    def is_current(self) -> bool:
        current: int | None = self.object.current
        return current == self.number
