"""What was uploaded is found nowhere at rest; and what was altered at rest is found when it is read."""

import os
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from hq.crypto.aead import Tampered
from hq.db.context import tenant
from hq.embedded.postgres import find_programs
from hq.lib.errors import NotFound
from tests.database import cluster
from tests.factories import Place, make_place
from tests.vault.support import files, get
from vault import actions
from vault.actions.read import ObjectDamaged
from vault.models import Blob, ObjectVersion
from vault.store import ForeignKey, MissingBytes

CANARY = os.urandom(32)


def put(place: Place, path: str, content: bytes) -> None:
    actions.put_object(actor=place.actor(), path=path, chunks=[content], content_type="text/x-secret-kind")


def dump() -> bytes:
    database = connection.settings_dict
    command = [
        str(find_programs() / "pg_dump"),
        "-h",
        str(cluster().postgres_sockets),
        "-U",
        "postgres",
        database["NAME"],
    ]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def test_the_canary_is_in_no_file_and_in_no_dump(committed_place: Place) -> None:
    place = committed_place
    put(place, "a", bytes(60_000) + CANARY * 4 + bytes(60_000))
    put(place, "a", CANARY)
    actions.delete_object(actor=place.actor(), path="a")
    actions.restore_object(actor=place.actor(), path="a", version=1)
    dumped = dump()
    assert b"vault_objectversion" in dumped
    for form in (CANARY, CANARY.hex().encode(), b"text/x-secret-kind", place.owner.label.encode()):
        assert form not in dumped
        for file in Path(settings.DATA_DIR).rglob("*"):
            assert not file.is_file() or form not in file.read_bytes()
    assert CANARY in get(place.actor(), "a")


def test_a_file_altered_on_the_disk_is_not_given_out(place: Place) -> None:
    put(place, "a", b"content")
    [file] = files(place)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ObjectDamaged):
        get(place.actor(), "a")


def test_a_chunk_altered_in_the_middle_breaks_the_answer_off(place: Place) -> None:
    put(place, "a", bytes(300_000))
    [file] = files(place)
    content = bytearray(file.read_bytes())
    content[100_000] ^= 1
    file.write_bytes(content)
    pieces = actions.open_object(actor=place.actor(), path="a").read()
    assert len(next(iter(pieces))) == 65_536
    with pytest.raises(Tampered):
        list(pieces)


def test_a_file_that_is_gone_is_said_to_be(place: Place) -> None:
    put(place, "a", b"content")
    files(place)[0].unlink()
    with pytest.raises(MissingBytes):
        get(place.actor(), "a")


def test_a_row_that_points_at_another_file_opens_nothing(committed_place: Place) -> None:
    place = committed_place
    put(place, "a", b"one")
    put(place, "b", b"two")
    with tenant(place.id):
        one, two = Blob.objects.order_by("id")
        Blob.objects.filter(pk=two.pk).update(key=one.key)
    with pytest.raises(ObjectDamaged):
        get(place.actor(), "b")


def test_a_row_that_points_into_another_bucket_is_refused_before_the_disk_is_asked(committed_place: Place) -> None:
    place, other = committed_place, make_place()
    put(place, "a", b"one")
    put(other, "a", b"theirs")
    with tenant(other.id):
        theirs = Blob.objects.get().key
    with tenant(place.id):
        Blob.objects.update(key=theirs)
    with pytest.raises(ForeignKey) as refusal:
        get(place.actor(), "a")
    assert isinstance(refusal.value, NotFound)


def test_a_version_cannot_be_changed_by_the_running_role(place: Place) -> None:
    put(place, "a", b"one")
    with tenant(place.id), pytest.raises(Exception, match="permission denied"):
        ObjectVersion.objects.update(size=5)
