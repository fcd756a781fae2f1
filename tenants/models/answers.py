"""What was answered to a POST with an Idempotency-Key, so that repeating it repeats the answer and not the act."""

from typing import ClassVar

from django.db import models

from hq.db.classes import Declared, days
from hq.db.fields import Purpose, SealedTextField
from hq.db.models import TenantModel
from hq.lib.clock import now


class Answer(TenantModel):
    """One act that was done, by whom, under which key of theirs, and what was asked. Written with its effect.

    `standing` is what they could do then, and where: who can do less by now is not told the answer again.
    """

    sealed_title: ClassVar = "Answers to repeat"

    principal_kind = models.CharField(max_length=20)
    principal_id = models.UUIDField()
    key_digest = models.BinaryField()
    request_digest = models.BinaryField()
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = SealedTextField(purpose=Purpose.METADATA)
    standing = SealedTextField(purpose=Purpose.METADATA, null=True)
    at = models.DateTimeField(default=now)

    data_classes: ClassVar = Declared(
        kept=days(1, "after it was given"),
        metadata="body standing",
        in_clear={
            "key_digest": "A digest, by which an equal key is found",
            "request_digest": "A digest, to tell another request from the same",
        },
        operational="principal_kind principal_id status headers at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "principal_kind", "principal_id", "key_digest"], name="tenants_answered_once"
            )
        ]
        indexes = [models.Index(fields=["organization", "at"], name="tenants_answer_by_age")]
