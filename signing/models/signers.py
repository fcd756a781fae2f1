"""Who signs, approves or only sees an agreement, and what they fill in. Names and addresses are sealed (KEY-3)."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from hq.db.classes import ORGANIZATION, Declared, Held
from hq.db.fields import Purpose, SealedJSONField, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from signing.models.agreements import SIGNERS_MOST, Agreement

NAME_LENGTH, ROLE_LENGTH, LABEL_LENGTH, VALUE_LENGTH = 120, 60, 120, 2_000


class Signer(TenantModel):
    """Somebody who was asked. Those of one turn go side by side; a turn begins when the one before it is done."""

    sealed_title: ClassVar = "Signers of agreements"

    class Kind(models.TextChoices):
        """What is asked of them: to sign, to approve, or nothing but to look."""

        SIGNER = "signer"
        APPROVER = "approver"
        VIEWER = "viewer"

    class State(models.TextChoices):
        """How far they are. A viewer is done once it was sent; an approver signs without any field."""

        WAITING = "waiting"
        SENT = "sent"
        VIEWED = "viewed"
        CONSENTED = "consented"
        SIGNED = "signed"
        DECLINED = "declined"
        DELEGATED = "delegated"

    class Method(models.TextChoices):
        """How they must show who they are: the link alone, a code by mail, or a passkey beside the code."""

        LINK = "link"
        CODE = "code"
        PASSKEY = "passkey"

    agreement = TenantForeignKey(Agreement, on_delete=models.DO_NOTHING, related_name="signers")  # goes with it
    position = models.PositiveIntegerField()  # from 1, as the sender lists them
    turn = models.PositiveIntegerField(default=1)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.SIGNER)
    method = models.CharField(max_length=8, choices=Method.choices, default=Method.CODE)
    role = SealedTextField(purpose=Purpose.METADATA)
    name = SealedTextField(purpose=Purpose.METADATA)
    email = SealedTextField(purpose=Purpose.METADATA)
    email_index = models.BinaryField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    # The link follows from a version of the capability key, the row and this number: with another, the old one is dead.
    generation = models.PositiveIntegerField(default=0)
    key_version = models.PositiveIntegerField(null=True)
    token_digest = models.BinaryField(unique=True, null=True)
    delegated_to = TenantForeignKey("self", on_delete=models.DO_NOTHING, related_name="+", null=True)
    sent_at = models.DateTimeField(null=True)
    bounced_at = models.DateTimeField(null=True)
    viewed_at = models.DateTimeField(null=True)
    consented_at = models.DateTimeField(null=True)
    consent_version = models.CharField(max_length=20, blank=True)
    consent_language = models.CharField(max_length=8, blank=True)
    signed_at = models.DateTimeField(null=True)
    # {"how": typed | drawn | uploaded, "text"?, "strokes"?, "image"? (PNG, base64), "initials"?} as it was signed.
    signature = SealedJSONField(purpose=Purpose.METADATA, null=True)
    # What shows that the signer's own key signed: see signing.actions.passkeys.
    passkey = SealedJSONField(purpose=Purpose.METADATA, null=True)
    reason = SealedTextField(purpose=Purpose.METADATA, null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="role name email signature passkey reason",
        secrets={"token_digest": Held.DIGEST},
        in_clear={"email_index": "A keyed digest, by which all documents of an address are found"},
        operational="agreement position turn kind method state generation key_version delegated_to sent_at bounced_at"
        " viewed_at consented_at consent_version consent_language signed_at",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "agreement", "position"], name="signing_position_once"),
            models.CheckConstraint(
                condition=Q(position__gte=1, position__lte=SIGNERS_MOST, turn__gte=1, turn__lte=SIGNERS_MOST),
                name="signing_turn_has_bounds",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["signer", "approver", "viewer"], method__in=["link", "code", "passkey"]),
                name="signing_signer_is_of_a_kind",
            ),
            models.CheckConstraint(
                condition=Q(state="signed", signed_at__isnull=False, consented_at__isnull=False)
                | Q(signed_at__isnull=True) & ~Q(state="signed"),
                name="signing_signed_with_consent",
            ),
            models.CheckConstraint(
                condition=Q(consented_at__isnull=True, consent_version="", consent_language="")
                | Q(consented_at__isnull=False) & ~Q(consent_version="") & ~Q(consent_language=""),
                name="signing_consent_to_a_text",
            ),
            models.CheckConstraint(
                condition=Q(state="delegated") ^ Q(delegated_to__isnull=True), name="signing_delegated_to_somebody"
            ),
            models.CheckConstraint(
                condition=Q(token_digest__isnull=True) | Q(token_digest__length=32),
                name="signing_link_is_kept_as_sha256",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "email_index"], name="signing_by_address")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def acts(self) -> bool:
        """Whether something must be done by them before the agreement is whole."""
        return self.kind != self.Kind.VIEWER

    @property
    def is_asked(self) -> bool:
        """Whether their turn came, and they have not done what was asked; a viewer is asked to look."""
        return self.state in {self.State.SENT, self.State.VIEWED, self.State.CONSENTED}

    @property
    def is_done(self) -> bool:
        return self.state in {self.State.SIGNED, self.State.DELEGATED} or (
            not self.acts and self.state != self.State.WAITING
        )


class Field(TenantModel):
    """Where somebody fills something in: on a page of a PDF, or at a marker of a text (page 0, by its number).

    `x`, `y`, `width` and `height` are millionths of the page, from its top left as it is shown.
    """

    sealed_title: ClassVar = "Fields of agreements"

    class Kind(models.TextChoices):
        SIGNATURE = "signature"
        INITIALS = "initials"
        NAME = "name"
        DATE = "date"
        TEXT = "text"
        CHECKBOX = "checkbox"

    agreement = TenantForeignKey(Agreement, on_delete=models.DO_NOTHING, related_name="fields")  # goes with it
    signer = TenantForeignKey(Signer, on_delete=models.CASCADE, related_name="fields")
    number = models.PositiveIntegerField()  # from 1, in reading order
    kind = models.CharField(max_length=10, choices=Kind.choices)
    page = models.PositiveIntegerField()
    x = models.PositiveIntegerField(default=0)
    y = models.PositiveIntegerField(default=0)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    required = models.BooleanField(default=True)
    label = SealedTextField(purpose=Purpose.METADATA)
    value = SealedTextField(purpose=Purpose.METADATA, null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="label value",
        operational="agreement signer number kind page x y width height required",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "agreement", "number"], name="signing_field_number_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["signature", "initials", "name", "date", "text", "checkbox"]),
                name="signing_field_is_of_a_kind",
            ),
            models.CheckConstraint(
                condition=Q(page=0, x=0, y=0, width=0, height=0)
                | Q(page__gte=1, width__gte=1, height__gte=1)
                & Q(x__lte=1_000_000 - F("width"), y__lte=1_000_000 - F("height")),
                name="signing_field_lies_on_its_page",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"
