"""Agreements and the chain of what was done to each (SIG-1).

In the clear stands what is counted, sorted and compared by the database: states, times, numbers. Sealed stands what
people wrote, and the content itself lies in the vault under the organization's key.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length

from hq.crypto.chain import DIGEST_BYTES
from hq.db.classes import ORGANIZATION, Declared
from hq.db.fields import Purpose, SealedJSONField, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now

TITLE_LENGTH, MESSAGE_LENGTH, REASON_LENGTH = 200, 2_000, 1_000
PAGES_MOST, BYTES_MOST, SIGNERS_MOST, FIELDS_MOST = 500, 25_000_000, 50, 500
FINAL_BYTES_MOST, FINAL_PAGES_MOST = 100_000_000, 10_000  # with signatures, certificate and evidence
DAYS_DEFAULT, DAYS_MOST = 30, 365
MADE_BY = "created_by_kind created_by_id"

models.BinaryField.register_lookup(Length)


class Paper(TenantModel):
    """The content of a document, in the vault. Never changed; a rotation puts the same bytes under a newer key."""

    sealed_title: ClassVar = "Hashes of agreements’ documents"

    blob = TenantForeignKey("vault.Blob", on_delete=models.PROTECT, related_name="+")
    sha256 = SealedTextField(purpose=Purpose.METADATA)
    size = models.PositiveIntegerField()
    pages = models.PositiveIntegerField()

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="sha256",
        in_clear={"size": "Told before anything is opened", "pages": "Compared with where fields lie"},
        operational="blob",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(pages__gte=1, pages__lte=FINAL_PAGES_MOST, size__gte=1, size__lte=FINAL_BYTES_MOST),
                name="signing_paper_has_bounds",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Agreement(TenantModel):
    """A document, whoever is to sign it, and where it is in its life. A trigger refuses any step out of order."""

    sealed_title: ClassVar = "Agreements"

    class State(models.TextChoices):
        """Where an agreement is in its life. `signed`: everybody has, and the sealed PDF is being made."""

        DRAFT = "draft"
        SENT = "sent"
        SIGNED = "signed"
        SEALED = "sealed"
        DECLINED = "declined"
        EXPIRED = "expired"
        VOIDED = "voided"

    class Source(models.TextChoices):
        """What the document is: a PDF that was uploaded, or Markdown that was written in HQ."""

        PDF = "pdf"
        TEXT = "text"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    title = SealedTextField(purpose=Purpose.METADATA)
    message = SealedTextField(purpose=Purpose.METADATA)
    state = models.CharField(max_length=8, choices=State.choices, default=State.DRAFT)
    source = models.CharField(max_length=4, choices=Source.choices)
    document = TenantForeignKey(Paper, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField(default=1)  # of the document, which may be replaced while this is a draft
    language = models.CharField(max_length=8, default="en")
    days = models.PositiveIntegerField(default=DAYS_DEFAULT)  # it can be signed for so long once it was sent
    remind_every = models.PositiveIntegerField(default=0)  # days; 0: never by itself
    may_delegate = models.BooleanField(default=False)
    template = TenantForeignKey("signing.Template", on_delete=models.DO_NOTHING, related_name="+", null=True)
    created_at = models.DateTimeField(default=now)
    created_by_kind = models.CharField(max_length=20)
    created_by_id = models.UUIDField()
    created_by_label = SealedTextField(purpose=Purpose.METADATA)
    # Whom to tell; the database empties it when the member is gone, so Django must not.
    membership = TenantForeignKey("tenants.Membership", on_delete=models.DO_NOTHING, related_name="+", null=True)
    sent_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # sealed, declined, expired or voided
    reason = SealedTextField(purpose=Purpose.METADATA, null=True)  # why it was voided or declined
    length = models.PositiveIntegerField(default=0)
    head = models.BinaryField()
    final = TenantForeignKey(Paper, on_delete=models.PROTECT, related_name="+", null=True)
    level = models.CharField(max_length=8, blank=True)  # of the seal: B-B, or B-T with a timestamp
    sealed_event = models.PositiveBigIntegerField(null=True)  # its place in the administrative log

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="title message created_by_label reason",
        operational=f"environment state source document version language days remind_every may_delegate template"
        f" created_at {MADE_BY} membership sent_at expires_at reminded_at ended_at length head final level"
        " sealed_event",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=["draft", "sent", "signed", "sealed", "declined", "expired", "voided"]),
                name="signing_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="draft", sent_at__isnull=True, expires_at__isnull=True)
                | Q(sent_at__isnull=False, expires_at__isnull=False) & ~Q(state="draft"),
                name="signing_sent_unless_draft",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["sealed", "declined", "expired", "voided"]) ^ Q(ended_at__isnull=True),
                name="signing_ended_iff_over",
            ),
            models.CheckConstraint(
                condition=Q(state="sealed", final__isnull=False, sealed_event__isnull=False, level__in=["B-B", "B-T"])
                | Q(final__isnull=True, sealed_event__isnull=True, level="") & ~Q(state="sealed"),
                name="signing_whole_iff_sealed",
            ),
            models.CheckConstraint(
                condition=Q(version__gte=1, days__gte=1, days__lte=DAYS_MOST, remind_every__lte=DAYS_MOST),
                name="signing_agreement_has_bounds",
            ),
            models.CheckConstraint(condition=Q(head__length=DIGEST_BYTES), name="signing_head_is_a_link"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization", "environment", "id"], name="signing_by_environment"),
            models.Index(fields=["expires_at"], condition=Q(state="sent"), name="signing_due"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Step(TenantModel):
    """One link of an agreement's chain. Added, never changed: no rotation reaches the audit key.

    `document` and `detail` are as the chain of the trail has them (hq.crypto.chain): the document commits to the
    detail, which holds who it was, and its salt stands in it.
    """

    sealed_title: ClassVar = "Steps of agreements"

    agreement = TenantForeignKey(Agreement, on_delete=models.DO_NOTHING, related_name="steps")  # goes with it
    index = models.PositiveIntegerField()
    kind = models.CharField(max_length=20)
    signer_id = models.UUIDField(null=True)
    at = models.DateTimeField()
    document = SealedTextField(purpose=Purpose.AUDIT)
    detail = SealedJSONField(purpose=Purpose.AUDIT)
    previous = models.BinaryField()
    hash = models.BinaryField()

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="document detail",
        operational="agreement index kind signer_id at previous hash",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "agreement", "index"], name="signing_step_once"),
            models.CheckConstraint(
                condition=Q(index__gte=1, previous__length=DIGEST_BYTES, hash__length=DIGEST_BYTES),
                name="signing_step_is_a_link",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.index} {self.kind}"


class Template(TenantModel):
    """A document to send again and again: its roles, fields and variables (`plan`), and how long what came of it stays.

    `plan` is JSON: {"roles": [{"role", "kind", "turn", "method"}…], "fields": [{"signer" (from 1), "kind", "page", "x",
    "y", "width", "height", "label", "required"}…], "variables": [{"name", "label"}…], "message", "days",
    "remind_every", "may_delegate"}.
    """

    sealed_title: ClassVar = "Templates of agreements"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    name = SealedTextField(purpose=Purpose.METADATA)
    source = models.CharField(max_length=4, choices=Agreement.Source.choices)
    document = TenantForeignKey(Paper, on_delete=models.PROTECT, related_name="+")
    plan = SealedJSONField(purpose=Purpose.METADATA)
    keep_days = models.PositiveIntegerField(null=True)  # after an agreement of it has ended; empty: for good
    held = models.BooleanField(default=False)  # nothing that came of it may be removed
    created_at = models.DateTimeField(default=now)
    created_by_kind = models.CharField(max_length=20)
    created_by_id = models.UUIDField()
    created_by_label = SealedTextField(purpose=Purpose.METADATA)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="name plan created_by_label",
        operational=f"environment source document keep_days held created_at {MADE_BY}",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(keep_days__isnull=True) | Q(keep_days__gte=1, keep_days__lte=36_500),
                name="signing_template_keeps_some_days",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "environment", "id"], name="signing_templates")]

    def __str__(self) -> str:
        return str(self.id)
