"""Who keeps copies of checkpoints outside: people by mail. And what HQ keeps of others' logs as their witness."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length

from hq.db.classes import DEPLOYMENT, ORGANIZATION, Declared, Held
from hq.db.fields import SealedTextField
from hq.db.models import Model
from hq.db.sealing import Purpose
from hq.lib.clock import now

models.BinaryField.register_lookup(Length)


class MailWitness(Model):
    """Somebody who is sent the newest checkpoints once a day, having said that they want to be.

    The token in their link confirms and stops. It stands sealed, as each mail carries it, and is found by its digest.
    """

    class State(models.TextChoices):
        ASKED = "ASKED"
        CONFIRMED = "CONFIRMED"

    organization_id = models.UUIDField()
    address = SealedTextField(purpose=Purpose.METADATA)
    state = models.CharField(max_length=9, choices=State.choices, default=State.ASKED)
    token = SealedTextField(purpose=Purpose.METADATA)
    token_digest = models.BinaryField(unique=True)
    created_at = models.DateTimeField(default=now)
    confirmed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="address",
        secrets={"token": Held.SEALED, "token_digest": Held.DIGEST},
        operational="organization_id state created_at confirmed_at sent_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="ASKED", confirmed_at__isnull=True, sent_at__isnull=True)
                | Q(state="CONFIRMED", confirmed_at__isnull=False),
                name="evidence_confirmed_at_iff_confirmed",
            ),
            models.CheckConstraint(condition=Q(token_digest__length=32), name="evidence_mail_token_is_a_digest"),
        ]
        indexes = [
            models.Index(fields=["sent_at"], condition=Q(state="CONFIRMED"), name="evidence_mail_due"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class WitnessedLog(Model):
    """The newest checkpoint that this deployment cosigned of somebody else's log. It only ever grows."""

    origin = models.CharField(max_length=300, unique=True)
    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.TextField()
    at = models.DateTimeField()

    data_classes: ClassVar = Declared(kept=DEPLOYMENT, operational="origin size root note at")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(size__gte=0), name="evidence_witnessed_size_is_one"),
            models.CheckConstraint(condition=Q(root__length=32), name="evidence_witnessed_root_is_sha256"),
        ]

    def __str__(self) -> str:
        return self.origin
