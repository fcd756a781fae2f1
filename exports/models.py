"""Exports: what was asked for, the volumes that were made of it, and which versions of files were there at its cut.

Whoever reads these tables learns when somebody took something along, and how much. To whom it is encrypted stands
sealed; what opens it is never here, but for an identity that a passphrase locks, and that stands sealed as well.
"""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length

from hq.db.classes import Declared, Held, days
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now

KEPT = days(7, "after it was asked for or made")
LIFE = timedelta(days=7)

models.BinaryField.register_lookup(Length)


class Export(TenantModel):
    """One wish to take data along. Under way until `made_at`; `cursor` says where the next volume goes on."""

    sealed_title: ClassVar = "Exports"

    class Scope(models.TextChoices):
        OWN = "own"
        ORGANIZATION = "organization"

    scope = models.CharField(max_length=12, choices=Scope.choices)
    # Where its volumes are kept, and whose chain tells of it: live, whatever is in it.
    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    # The database empties it when the member is gone, so Django must not.
    membership = TenantForeignKey("tenants.Membership", on_delete=models.DO_NOTHING, related_name="+", null=True)
    requested_by_id = models.UUIDField()
    requested_by_label = SealedTextField(purpose=Purpose.METADATA)
    recipient = SealedTextField(purpose=Purpose.METADATA)
    identity = SealedTextField(purpose=Purpose.METADATA, null=True)
    all_versions = models.BooleanField(default=False)
    deleted = models.BooleanField(default=False)
    job_id = models.UUIDField(null=True)
    cursor = models.JSONField(default=dict)
    files_total = models.PositiveBigIntegerField(default=0)
    bytes_total = models.PositiveBigIntegerField(default=0)
    bytes_done = models.PositiveBigIntegerField(default=0)
    members = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(default=now)
    cut_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    manifest_digest = models.BinaryField(null=True)
    # What could not be read: of agreements each file, as the manifest names it; of stored files how many.
    left_out = models.JSONField(default=list, db_default=[])
    files_left_out = models.PositiveBigIntegerField(default=0, db_default=0)

    data_classes: ClassVar = Declared(
        kept=KEPT,
        metadata="requested_by_label recipient",
        in_clear={"files_total": "Shown as progress", "bytes_total": "Shown as progress"},
        secrets={"identity": Held.SEALED},
        operational="scope environment membership requested_by_id all_versions deleted job_id cursor bytes_done members"
        " created_at cut_at made_at expires_at removed_at manifest_digest left_out files_left_out",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(scope__in=["own", "organization"]), name="exports_scope_is_known"),
            models.CheckConstraint(
                condition=Q(made_at__isnull=True, manifest_digest__isnull=True)
                | Q(made_at__isnull=False, manifest_digest__length=32, cut_at__isnull=False),
                name="exports_made_with_a_manifest",
            ),
            models.UniqueConstraint(
                fields=["organization", "requested_by_id"],
                condition=Q(scope="own", made_at=None, removed_at=None),
                name="exports_one_under_way_a_person",
            ),
            models.UniqueConstraint(
                fields=["organization"],
                condition=Q(scope="organization", made_at=None, removed_at=None),
                name="exports_one_under_way_an_organization",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="exports_by_end")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def by_passphrase(self) -> bool:
        """True if what opens it is an identity that a passphrase locks."""
        return self.identity is not None

    @property
    def left_out_total(self) -> int:
        """How many files are not in it because they could not be read."""
        return len(self.left_out) + self.files_left_out

    @property
    def is_whole(self) -> bool:
        return self.scope == self.Scope.ORGANIZATION

    def file_name(self, number: int) -> str:
        """What a volume is called where it is kept outside. The first part tells exports apart."""
        return f"hq-export-{self.id}-{number:04}.tar.age"

    @property
    def identity_name(self) -> str:
        return f"hq-export-{self.id}-identity.age"

    def ends_at(self, made_at: datetime) -> datetime:
        """It is kept as long again once it is made: making it may take days."""
        return made_at + LIFE


class Volume(TenantModel):
    """One finished file of an export. Never changed, but for which blob holds it: rotations replace that."""

    export = TenantForeignKey(Export, on_delete=models.CASCADE, related_name="volumes")
    number = models.PositiveIntegerField()
    blob = TenantForeignKey("vault.Blob", on_delete=models.DO_NOTHING, related_name="+")
    size = models.BigIntegerField()
    plain_size = models.BigIntegerField()
    members = models.PositiveIntegerField()
    manifest_digest = models.BinaryField()
    created_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=KEPT,
        in_clear={"size": "Listed without opening anything", "plain_size": "Listed without opening anything"},
        operational="export number blob members manifest_digest created_at",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "export", "number"], name="exports_volume_once"),
            models.CheckConstraint(condition=Q(manifest_digest__length=32), name="exports_manifest_is_hashed"),
        ]


class Entry(TenantModel):
    """A version of a file that was there at the cut, by its number in the export's order. Gone once that is made."""

    export = TenantForeignKey(Export, on_delete=models.CASCADE, related_name="entries")
    number = models.PositiveBigIntegerField()
    version_id = models.UUIDField()
    # At the cut: the path showed it; its file was deleted.
    shown = models.BooleanField()
    deleted = models.BooleanField()
    # Why its content is not in the export: it was erased meanwhile, or its stored bytes do not open.
    left_out = models.CharField(max_length=10, default="")

    data_classes: ClassVar = Declared(kept=KEPT, operational="export number version_id shown deleted left_out")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "export", "number"], name="exports_place_once"),
            models.CheckConstraint(condition=Q(left_out__in=["", "gone", "damaged"]), name="exports_left_out_for"),
        ]
