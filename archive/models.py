"""How far each log has been archived, and what was written. The rows outlive the organization, as the trail does."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length

from audit.tags import Log
from hq.db.classes import ALWAYS, Declared
from hq.db.models import Model

models.BinaryField.register_lookup(Length)
_LOG = [(log, log) for log in Log]


class Progress(Model):
    """One row a log. Everything up to `planned` stands in files, up to `archived` in digests, up to `verified` is read.

    `looked_at`: when all that was there had been written; `failing_since`: since when the bucket refuses.
    """

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    log = models.CharField(max_length=10, choices=_LOG)
    day = models.DateField(null=True)
    planned = models.BigIntegerField(default=0)
    archived = models.BigIntegerField(default=0)
    verified = models.BigIntegerField(default=0)
    checkpoint = models.BigIntegerField(default=0)
    archived_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    failure = models.CharField(max_length=60, blank=True)
    alarmed_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=ALWAYS,
        operational="organization_id environment_id log day planned archived verified checkpoint archived_at looked_at"
        " verified_at failing_since failure alarmed_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "environment_id", "log"], name="archive_one_progress_a_log"
            ),
            models.CheckConstraint(
                condition=Q(verified__lte=F("archived")) & Q(archived__lte=F("planned")),
                name="archive_goes_step_by_step",
            ),
        ]

    @property
    def place(self) -> dict[str, object]:
        """To find what belongs to this log."""
        return {"organization_id": self.organization_id, "environment_id": self.environment_id, "log": self.log}


class File(Model):
    """Some entries of a day in one file. Announced before it is written, so that whoever repeats it writes the same."""

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    log = models.CharField(max_length=10, choices=_LOG)
    day = models.DateField()
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    file_hash = models.BinaryField(null=True)
    size = models.BigIntegerField(null=True)

    data_classes: ClassVar = Declared(
        kept=ALWAYS, operational="organization_id environment_id log day first last file_hash size"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "environment_id", "log", "first"], name="archive_an_entry_in_one_file"
            ),
            models.CheckConstraint(
                condition=Q(first__gte=1) & Q(last__gte=F("first")), name="archive_file_has_entries"
            ),
            models.CheckConstraint(
                condition=Q(file_hash__isnull=True, size__isnull=True) | Q(file_hash__length=32, size__gte=1),
                name="archive_file_is_hashed_once_written",
            ),
        ]

    @property
    def name(self) -> str:
        return f"audit/{self.log}/{self.environment_id}/{self.day:%Y/%m/%d}/{self.first}-{self.last}.jsonl.gz"


class Digest(Model):
    """A signed list of the files since the one before it, whose hash it names. Kept here before it is written there."""

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    log = models.CharField(max_length=10, choices=_LOG)
    number = models.BigIntegerField()
    day = models.DateField()
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    file_hash = models.BinaryField()
    file = models.TextField()
    written_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=ALWAYS, operational="organization_id environment_id log number day first last file_hash file written_at"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "environment_id", "log", "number"], name="archive_digests_are_numbered"
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1) & Q(last__gte=F("first")), name="archive_digest_lists_some"
            ),
            models.CheckConstraint(condition=Q(file_hash__length=32), name="archive_digest_is_hashed"),
        ]

    @property
    def name(self) -> str:
        return f"audit/digests/{self.environment_id}/{self.log}/{self.day:%Y/%m/%d}/{self.number}.json"


class Month(Model):
    """A month of a log that was read back from the archive and fits the tree. Only then may its rows ever go."""

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    log = models.CharField(max_length=10, choices=_LOG)
    month = models.DateField()
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    size = models.BigIntegerField()
    verified_at = models.DateTimeField()
    dropped_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=ALWAYS, operational="organization_id environment_id log month first last size verified_at dropped_at"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "environment_id", "log", "month"], name="archive_month_verified_once"
            ),
        ]
