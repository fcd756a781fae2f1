"""What the explorer keeps: names by which events are found, and the searches that people keep for themselves."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length

from hq.db.classes import ORGANIZATION, Declared
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now

models.BinaryField.register_lookup(Length)
VIEW_NAME_LENGTH = 60
VIEWS_MOST = 20


class TrailName(TenantModel):
    """What an actor or a target was called in an environment's trail. One that was renamed has several."""

    class Kind(models.TextChoices):
        ACTOR = "actor"
        TARGET = "target"

    environment_id = models.UUIDField()
    kind = models.CharField(max_length=10, choices=Kind)
    reference = models.CharField(max_length=80)
    label = SealedTextField(purpose=Purpose.AUDIT)
    digest = models.BinaryField()  # a blind index of the label: the same name is kept once

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION, metadata="label", operational="environment_id kind reference digest"
    )
    sealed_title: ClassVar = "Names in the trail"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "environment_id", "kind", "reference", "digest"], name="evidence_name_once"
            ),
            models.CheckConstraint(condition=Q(digest__length=32), name="evidence_name_digest_is_whole"),
        ]


class TrailWord(TenantModel):
    """A blind index of the beginning of a word of a name, so that who types the beginning finds the name."""

    environment_id = models.UUIDField()
    name = TenantForeignKey(TrailName, on_delete=models.CASCADE, related_name="words")
    token = models.BinaryField()

    data_classes: ClassVar = Declared(kept=ORGANIZATION, operational="environment_id name token")

    class Meta:
        indexes = [
            models.Index(fields=["organization", "environment_id", "token", "name"], name="evidence_word_of_name")
        ]


class NamesRead(TenantModel):
    """Up to which event the names of an environment's trail are known."""

    environment_id = models.UUIDField()
    index = models.BigIntegerField(default=0)

    data_classes: ClassVar = Declared(kept=ORGANIZATION, operational="environment_id index")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "environment_id"], name="evidence_names_read_once")
        ]


class SavedView(TenantModel):
    """A search of the explorer under a name, for the one who kept it."""

    environment_id = models.UUIDField()
    person_id = models.UUIDField()
    name = SealedTextField(purpose=Purpose.METADATA)
    query = SealedTextField(purpose=Purpose.METADATA)
    created_at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION, metadata="name query", operational="environment_id person_id created_at"
    )
    sealed_title: ClassVar = "Saved views of the trail"

    class Meta:
        indexes = [
            models.Index(fields=["organization", "person_id", "environment_id"], name="evidence_views_of_person")
        ]
