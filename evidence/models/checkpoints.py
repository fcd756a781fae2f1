"""What HQ committed to of each log, who has seen it, and where a log did not fit what it had committed to."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length

from audit.tags import Log
from hq.crypto.notes import Checkpoint as Committed
from hq.db.classes import ALWAYS, Declared
from hq.db.models import Model

models.BinaryField.register_lookup(Length)
LOGS = [(log.value, log.value) for log in Log]
LOG_LENGTH = 10


class Checkpoint(Model):
    """The head of a log's tree at one size, signed. Never changed: what was signed once is signed."""

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    log = models.CharField(max_length=LOG_LENGTH, choices=LOGS)
    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.TextField()
    at = models.DateTimeField()

    data_classes: ClassVar = Declared(kept=ALWAYS, operational="organization_id environment_id log size root note at")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "environment_id", "log", "size"], name="evidence_one_checkpoint_a_size"
            ),
            models.CheckConstraint(condition=Q(size__gte=1), name="evidence_checkpoint_of_something"),
            models.CheckConstraint(condition=Q(root__length=32), name="evidence_root_is_sha256"),
            models.CheckConstraint(condition=Q(log__in=["access", "admin"]), name="evidence_checkpoint_of_a_log"),
        ]
        indexes = [models.Index(fields=["environment_id", "log", "-size"], name="evidence_checkpoint_newest")]

    def __str__(self) -> str:
        return f"{self.log} {self.size}"

    @property
    def origin(self) -> str:
        """The name of the log, as it was signed."""
        return self.note.partition("\n")[0]

    def committed(self) -> Committed:
        """The three lines that were signed."""
        return Committed(self.origin, self.size, bytes(self.root))


class Cosignature(Model):
    """That a witness saw a checkpoint and found it to go on from the one before: a line of its note."""

    organization_id = models.UUIDField()
    checkpoint = models.ForeignKey(
        Checkpoint, on_delete=models.PROTECT, related_name="cosignatures", db_constraint=False, db_index=False
    )
    witness = models.CharField(max_length=300)
    line = models.TextField()
    at = models.DateTimeField()

    data_classes: ClassVar = Declared(kept=ALWAYS, operational="organization_id checkpoint witness line at")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["checkpoint", "witness"], name="evidence_one_cosignature_a_witness")
        ]

    def __str__(self) -> str:
        return self.witness


class Incident(Model):
    """A log that is not what HQ, a witness or the archive knows it to be.

    One for each checkpoint that it does not go on from, for each entry whose sealed detail was changed, and for each
    that a check found not to fit.
    """

    class Kind(models.TextChoices):
        SHORTER = "shorter"
        FORKED = "forked"
        DAMAGED = "damaged"
        BROKEN = "broken"
        WITNESS = "witness"
        KEPT = "kept"
        ALTERED = "altered"
        UNFIT = "unfit"

    organization_id = models.UUIDField()
    environment_id = models.UUIDField()
    log = models.CharField(max_length=LOG_LENGTH, choices=LOGS)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    # The last checkpoint, and what was found instead; of a single entry, twice its index.
    size = models.BigIntegerField()
    found_size = models.BigIntegerField()
    found_root = models.BinaryField()
    at = models.DateTimeField()

    data_classes: ClassVar = Declared(
        kept=ALWAYS, operational="organization_id environment_id log kind size found_size found_root at"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "environment_id", "log", "size", "kind"], name="evidence_one_alarm_a_state"
            ),
            models.CheckConstraint(condition=Q(log__in=["access", "admin"]), name="evidence_incident_of_a_log"),
        ]

    def __str__(self) -> str:
        return f"{self.log} {self.kind}"

    @property
    def sentence(self) -> str:
        return _SENTENCES[Incident.Kind(self.kind)].format(size=self.size, found=self.found_size)

    @property
    def is_of_an_entry(self) -> bool:
        """Found in what is read, and not in what was signed."""
        return self.kind in OF_ENTRIES

    @property
    def stops_checkpoints(self) -> bool:
        """The tree over a log holds its entries as they were added: what was changed afterwards leaves it whole.

        Nor does a history that others keep stop it: both are whole, and which is the true one HQ cannot tell.
        """
        return not self.is_of_an_entry and not self.is_of_another_history

    @property
    def is_of_another_history(self) -> bool:
        """Found outside of the database: this one was set back, or all in it was made anew."""
        return self.kind in OF_OTHERS


OF_OTHERS = frozenset({Incident.Kind.WITNESS, Incident.Kind.KEPT})
OF_ENTRIES = frozenset({Incident.Kind.ALTERED, Incident.Kind.UNFIT})
_SENTENCES = {
    Incident.Kind.SHORTER: "The log has {found} entries, and HQ has signed that it had {size}.",
    Incident.Kind.FORKED: "The first {size} entries of the log are not those that HQ has signed.",
    Incident.Kind.DAMAGED: "The tree over the log, whose first {size} entries HQ has signed, cannot be read whole.",
    Incident.Kind.BROKEN: "After its first {found} entries the log, of which HQ signed {size}, does not fit its tree.",
    Incident.Kind.ALTERED: "The sealed detail of entry {found} was changed, and cannot be read any more.",
    Incident.Kind.UNFIT: "Entry {found} of the log is not what was written there.",
    Incident.Kind.KEPT: "The log, of {found} entries, does not begin with the {size} of a checkpoint in the archive.",
    Incident.Kind.WITNESS: "A witness has seen a log that does not begin with the {size} entries that HQ has signed.",
}
