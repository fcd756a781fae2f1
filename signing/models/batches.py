"""Many agreements of one template at once, from a table of people. What was asked for stays until it is done."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from hq.db.classes import ORGANIZATION, Declared
from hq.db.fields import Purpose, SealedJSONField, SealedTextField
from hq.db.models import TenantForeignKey, TenantModel
from hq.lib.clock import now
from signing.models.agreements import MADE_BY

ROWS_MOST = 500
TABLES_KEPT = timedelta(days=7)  # unsent: it is full of people whom nobody has written to


class Batch(TenantModel):
    """One table of people, and how far it was sent.

    `rows` is a list of {"id", "line", "title", "people": [[name, address]…], "values": {…}, "problem"}: `id` is of the
    agreement that comes of it, and a row with a problem is never sent. Once all is done, who it was is emptied; a table
    that nobody sends is forgotten.
    """

    sealed_title: ClassVar = "Batches of agreements"

    class State(models.TextChoices):
        """`checked`: read and shown, and nothing was sent."""

        CHECKED = "checked"
        SENDING = "sending"
        DONE = "done"
        STOPPED = "stopped"

    environment = TenantForeignKey("tenants.Environment", on_delete=models.CASCADE, related_name="+")
    template = TenantForeignKey("signing.Template", on_delete=models.DO_NOTHING, related_name="+", null=True)
    name = SealedTextField(purpose=Purpose.METADATA)  # of the template, as it was then
    rows = SealedJSONField(purpose=Purpose.METADATA)
    state = models.CharField(max_length=8, choices=State.choices, default=State.CHECKED)
    total = models.PositiveIntegerField()  # rows that can be sent
    reached = models.PositiveIntegerField(default=0)  # the first so many rows are dealt with
    sent = models.PositiveIntegerField(default=0)
    reason = SealedTextField(purpose=Purpose.METADATA, null=True)  # why it was stopped
    created_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True)
    created_by_kind = models.CharField(max_length=20)
    created_by_id = models.UUIDField()
    created_by_label = SealedTextField(purpose=Purpose.METADATA)
    # On whose rights it is sent; the database empties it when the member is gone, so Django must not.
    membership = TenantForeignKey("tenants.Membership", on_delete=models.DO_NOTHING, related_name="+", null=True)
    # How whoever sent it came in, and by which key: it goes on no longer than that does. Empty: nobody has sent it.
    method = models.CharField(max_length=10, blank=True, default="", db_default="")
    api_key = TenantForeignKey("tenants.ApiKey", on_delete=models.DO_NOTHING, related_name="+", null=True)
    seen = models.BinaryField(null=True)  # the template as it was when the table was shown: a SHA-256

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="name rows reason created_by_label",
        operational=f"environment template state total reached sent created_at ended_at {MADE_BY} membership"
        " method api_key seen",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=["checked", "sending", "done", "stopped"]), name="signing_batch_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(total__lte=ROWS_MOST, reached__lte=ROWS_MOST, sent__lte=F("total")),
                name="signing_batch_has_bounds",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["done", "stopped"]) ^ Q(ended_at__isnull=True),
                name="signing_batch_ended_iff_over",
            ),
            models.CheckConstraint(
                condition=~Q(state="checked") | Q(sent=0, reached=0), name="signing_batch_sends_nothing_unasked"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "environment", "id"], name="signing_batches")]

    def __str__(self) -> str:
        return str(self.id)
