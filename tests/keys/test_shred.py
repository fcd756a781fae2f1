"""Destroying an organization's keys makes every copy unreadable, one that was taken before included (KEY-11)."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.crypto import statements
from hq.db.context import tenant
from hq.db.sealing import KeyUnavailable
from keys import actions, rings, selectors
from keys.models import Cmk, SigningKey, Statement
from keys.selectors import public_keys
from tenants import actions as tenants
from tenants.models import Invitation
from tests.database import as_superuser
from tests.factories import make_member, make_place
from tests.keys.test_destroy_key import pass_days
from vault import actions as vault

__all__ = ["pass_days"]

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = ("keys_cmk", "keys_datakey", "tenants_invitation", "vault_blob")
VERIFY = Path(__file__).resolve().parents[2] / "bin" / "verify"


@pytest.fixture
def place():
    place = make_place()
    vault.put_object(actor=place.actor(), path="a/b", chunks=[b"content"])
    with tenant(place.id):
        tenants.invite_member(actor=place.actor(), email="new@example.com", role=Role.ANALYST)
    return place


@pytest.fixture
def copy(place, tmp_path):
    """The database's rows and the stored files, as a backup from before has them; calling it puts them back."""
    with as_superuser() as admin:
        rows = {
            table: admin.execute(
                f"SELECT to_jsonb(t) - 'fingerprint' FROM {table} AS t WHERE organization_id = %s", [place.id]
            ).fetchall()
            for table in TABLES
        }
    shutil.copytree(settings.DATA_DIR / "objects", tmp_path / "objects")

    def restore():
        with as_superuser() as admin:
            admin.execute("SET session_replication_role = replica")
            for table, saved in rows.items():
                columns = ", ".join(f'"{name}"' for name in saved[0][0])
                admin.execute(f"DELETE FROM {table} WHERE organization_id = %s", [place.id])
                for (row,) in saved:
                    made = f"SELECT {columns} FROM jsonb_populate_record(NULL::{table}, %s)"
                    admin.execute(f"INSERT INTO {table} ({columns}) {made}", [json.dumps(row)])
        shutil.rmtree(settings.DATA_DIR / "objects")
        shutil.copytree(tmp_path / "objects", settings.DATA_DIR / "objects")
        rings.forget()

    return restore


def shred(place, pass_days) -> Statement:
    second = place.actor(Role.ADMIN, make_member(place, Role.ADMIN))
    with tenant(place.id):
        key = Cmk.objects.get(organization_id=place.id, retired_at=None)
    wish = actions.request_destruction(actor=place.actor(), key_id=key.id, days=7, reason="We leave", erase=True)
    actions.approve_destruction(actor=second, destruction_id=wish.id)
    pass_days(place, 8)
    with tenant(place.id):
        return Statement.objects.get(kind="deletion")


def reads(place) -> dict[str, bool]:
    def opens(read):
        try:
            read()
        except KeyUnavailable:
            return False
        return True

    def file():
        opened = vault.open_object(actor=place.actor(), path="a/b")
        assert b"".join(opened.read()) == b"content"

    def row():
        with tenant(place.id):
            assert Invitation.objects.get().email == "new@example.com"

    def event():
        with tenant(place.id):
            assert AuditEvent.objects.order_by("index")[0].detail

    def token():
        selectors.capability_key(place.id, place.live_id)

    rings.forget()
    return {name: opens(read) for name, read in (("file", file), ("row", row), ("event", event), ("token", token))}


def test_a_copy_from_before_opens_while_the_key_is_there(place, copy):
    copy()
    assert set(reads(place).values()) == {True}


def test_nothing_of_a_copy_from_before_opens_when_the_key_is_gone(place, copy, pass_days):
    shred(place, pass_days)
    assert set(reads(place).values()) == {False}
    copy()
    with tenant(place.id):
        assert Cmk.objects.get().state == "ENABLED"  # the rows do not know of it; the key store does
    assert set(reads(place).values()) == {False}


def test_the_certificate_is_verified_without_hq_and_refused_after_any_byte_is_changed(place, pass_days, tmp_path):
    statement = shred(place, pass_days)
    file, jwks = tmp_path / "certificate.json", tmp_path / "jwks.json"
    file.write_text(statement.file)
    jwks.write_text(json.dumps({"keys": public_keys()}))

    def verified() -> int:
        command = [sys.executable, "-I", VERIFY, file, "--jwks", jwks]
        return subprocess.run(
            command, capture_output=True, check=False, cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}
        ).returncode

    assert verified() == 0
    raw = statement.file.encode()
    for at in range(0, len(raw), max(1, len(raw) // 25)):
        file.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        assert verified() == 1, at


def test_the_steps_printed_in_the_certificate_verify_it_with_openssl_alone(place, pass_days, tmp_path):
    statement = shred(place, pass_days)

    opened = statements.open_file(statement.file.encode(), bytes(SigningKey.objects.get().public))
    (tmp_path / statements.file_name(opened)).write_text(statement.file)
    done = subprocess.run(
        ["/bin/sh", "-eu"], input="\n".join(opened["check"]), capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert "Signature Verified Successfully" in done.stdout, done.stderr
