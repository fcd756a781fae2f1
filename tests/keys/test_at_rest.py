"""Nothing that is sealed, and no key, is found in the database's files, its dump, or the data directory."""

import base64
import json
import secrets
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from hq.crypto.secrets import random_token
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.db.sealing import Purpose
from hq.embedded.postgres import SUPERUSER, find_programs
from keys import rings
from keys.models import Cmk
from tenants.models import User
from tests.database import as_superuser, cluster, database_name
from tests.factories import make_place

pytestmark = pytest.mark.django_db(transaction=True)


def forms(secret: bytes) -> list[bytes]:
    """The ways in which it might stand somewhere."""
    return [secret, secret.hex().encode(), base64.b64encode(secret), base64.urlsafe_b64encode(secret).rstrip(b"=")]


def dump() -> bytes:
    where = ["-h", str(cluster().postgres_sockets), "-U", SUPERUSER, database_name()]
    return subprocess.run([find_programs() / "pg_dump", *where], check=True, capture_output=True).stdout


def found_in(folder: Path, needles: list[bytes]) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if any(needle in content(path) for needle in needles)]


def content(path: Path) -> bytes:
    """Nothing for a file that the server has removed since, as it does with its log."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def test_plain_text_and_keys_are_nowhere():
    canary, seen = random_token("canary"), secrets.token_hex(8)
    place = make_place()
    person = place.owner
    person.name, person.time_zone = canary, seen
    person.save()
    assert User.objects.get(pk=person.pk).name == canary
    held = [rings.cache.ring(PLATFORM_ID, Purpose.PEOPLE), rings.cache.ring(place.id, Purpose.CONTENT)]
    needles = [form for secret in (canary.encode(), *(ring.keys[1] for ring in held)) for form in forms(secret)]
    with as_superuser() as admin:
        admin.execute("CHECKPOINT")  # everything is in the files now
        row = admin.execute("SELECT current_setting('data_directory')").fetchone()
    assert row

    dumped = dump()
    assert seen.encode() in dumped  # the search itself works
    assert [needle for needle in needles if needle in dumped] == []
    assert found_in(Path(row[0]), [seen.encode()])
    assert found_in(Path(row[0]), needles) == []
    assert found_in(settings.DATA_DIR, needles) == []


def test_a_dump_carries_nothing_that_unwraps():
    place = make_place()
    with tenant(place.id):
        ref = Cmk.objects.get(organization_id=place.id).ref
    document = json.loads((settings.DATA_DIR / "keystore" / "keys" / f"{ref}.json").read_bytes())
    wrapped = [base64.b64decode(version["wrapped"]) for version in document["versions"]]
    root = base64.b64decode(settings.ROOT_KEY_FILE.read_bytes())
    dumped = dump()
    assert ref.encode() in dumped
    assert [form for secret in (root, *wrapped) for form in forms(secret) if form in dumped] == []
