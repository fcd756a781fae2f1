"""A table with sealed columns, and a key source whose keys a test can see. The models stay out of the app registry."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import connection, models
from django.test.utils import isolate_apps

from hq.db.fields import KeyUnavailable, Purpose, Ring, SealedJSONField, SealedTextField
from hq.db.models import PLATFORM_ID, Model
from hq.db.sealing import remembered

with isolate_apps("hq.db"):

    class Note(Model):
        objects: ClassVar[models.Manager["Note"]] = models.Manager()
        organization_id = models.UUIDField()
        number = models.IntegerField(default=0, unique=True)
        text = SealedTextField(purpose=Purpose.METADATA)
        other = SealedTextField(purpose=Purpose.METADATA, null=True, blank=True)
        document = SealedJSONField(purpose=Purpose.METADATA, null=True)

        class Meta:
            app_label = "db"
            db_table = "test_note"
            managed = False

    class PlatformNote(Model):
        sealed_under = PLATFORM_ID
        objects: ClassVar[models.Manager["PlatformNote"]] = models.Manager()
        text = SealedTextField(purpose=Purpose.METADATA)

        class Meta:
            app_label = "db"
            db_table = "test_platformnote"
            managed = False


CREATE = """
CREATE TABLE test_note (id uuid PRIMARY KEY, organization_id uuid NOT NULL, number int NOT NULL UNIQUE,
                        text bytea NOT NULL, other bytea, document bytea);
CREATE TABLE test_platformnote (id uuid PRIMARY KEY, text bytea NOT NULL);
GRANT ALL ON test_note, test_platformnote TO hq_app
"""
SECRET = "Zoë was here"
DROP = "DROP TABLE test_note, test_platformnote"


class OpenSource:
    """Keys by organization and version. `remembers` or not: the short way through the fields, or the long one."""

    def __init__(self, *, remembers: bool):
        self.remembers = remembers
        self.keys: dict[UUID, dict[int, bytes]] = {}
        self.current: dict[UUID, int] = {}
        self.down = False
        self.asked_again = 0

    def ring(self, organization_id, purpose):
        if self.down:
            raise KeyUnavailable("The CMK is disabled.")
        known = remembered[purpose].get(organization_id.int)
        if known is not None:
            return known
        versions = self.keys.setdefault(organization_id, {1: bytes([len(self.keys) + 1]) * 32})
        ring = Ring(organization_id, current=self.current.get(organization_id, 1), keys=versions)
        if self.remembers:
            remembered[purpose][organization_id.int] = ring
        return ring

    def renewed(self, organization_id, purpose):
        self.asked_again += 1
        self.forget()
        return self.ring(organization_id, purpose)

    def rotate(self, organization_id):
        """Start version 2 elsewhere: what is remembered here is the old ring."""
        self.keys[organization_id] |= {2: bytes([200]) * 32}
        self.current[organization_id] = 2

    def forget(self):
        for shelf in remembered.values():
            shelf.clear()


def stored(row, column="text"):
    """What the database has there."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {row._meta.db_table} WHERE id = %s", [row.pk])
        return bytes(cursor.fetchone()[0])


def store(row, data, column="text"):
    """Put bytes there, as somebody with the database in hand could."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {row._meta.db_table} SET {column} = %s WHERE id = %s", [data, row.pk])


def again(row) -> Any:
    """The same row, fresh from the database."""
    return type(row).objects.get(pk=row.pk)
