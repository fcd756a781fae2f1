"""What is noted of writes past the application, and of that it was told; see audit.watch."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from hq.db.classes import ALWAYS, Declared
from hq.db.models import Model


class Change(Model):
    """A row of a watched table that was written in a transaction without an event in the trail (audit.watch)."""

    organization_id = models.UUIDField()
    at = models.DateTimeField()
    table = models.CharField(max_length=63)
    row_id = models.UUIDField()
    operation = models.CharField(max_length=6)
    columns = ArrayField(models.CharField(max_length=63))
    role = models.CharField(max_length=63)
    xid = models.BigIntegerField()

    data_classes: ClassVar = Declared(
        kept=ALWAYS, operational="organization_id at table row_id operation columns role xid"
    )

    class Meta:
        indexes = [models.Index(fields=["organization_id", "xid"], name="audit_change_xid")]


class ToldChange(Model):
    """That a change is in the trail. It has the change's own id."""

    organization_id = models.UUIDField()
    event_id = models.UUIDField()

    data_classes: ClassVar = Declared(kept=ALWAYS, operational="organization_id event_id")
