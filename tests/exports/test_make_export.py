"""What an organization's export holds: opened by Debian's `age`, every hash compared, each file once."""

import json
import os
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from audit.models import AuditEvent
from exports.actions import by_key, by_passphrase
from exports.models import Entry, Export, Volume
from exports.registry import Scope
from hq.authz.roles import Role
from hq.crypto import chain
from hq.db.context import tenant
from jobs import actions as jobs
from jobs.models import Job
from sharing import actions as sharing
from tenants import actions as tenants
from tests.database import as_superuser
from tests.exports.support import (
    Pair,
    ask,
    checked,
    decrypt,
    decrypt_by_passphrase,
    files_of,
    fresh,
    made,
    opened,
    small_volumes,
)
from tests.factories import Place, make_api_key, make_place, run_jobs
from tests.keys.support import rotate
from tests.verify.program import PROGRAM
from vault import actions as vault
from vault.models import Blob, ObjectVersion, StoredObject
from vault.store import store_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.age]
NAMES = [
    "a/b.txt",
    "README",
    "Übung/日本語 🙂.md",
    "-rf",
    "a/" + "n" * 250,
    "/".join(["deep"] * 31) + "/x",
    "% '\"$(id)",
]
PASSPHRASE = "otter granite lamp 71 violin"


def put(place: Place, path: str, content: bytes) -> None:
    vault.put_object(actor=place.actor(), path=path, chunks=[content])


@pytest.fixture
def place(transactional_db: None) -> Place:
    place = make_place("Alder Peak")
    for name in NAMES:
        put(place, name, f"first of {name}".encode())
    put(place, "README", b"second")
    put(place, "gone.txt", b"deleted")
    vault.delete_object(actor=place.actor(), path="gone.txt")
    vault.put_object(actor=place.actor(environment_id=place.test_id), path="t", chunks=[b"in test"])
    return place


def test_an_organization_is_exported_whole(place: Place, tmp_path: Path) -> None:
    pair = Pair()
    whole = opened(place, made(place, Scope.ORGANIZATION, pair.lock), pair, tmp_path)
    assert whole.files.keys() == {f"files/live/{name}" for name in NAMES} | {"files/test/t"}
    assert whole.members["files/live/README"] == b"second"
    assert [row["slug"] for row in whole.table("tenants_organization")] == [place.slug]
    assert [row["email"] for row in whole.table("people")] == [place.owner.email]
    assert {row["path"] for row in whole.table("vault_storedobject")} == {*NAMES, "gone.txt", "t"}
    assert whole.table("left-out") == []
    assert whole.manifest["volumes"] == []


def test_its_trail_can_be_checked_with_nothing_but_hashes(place: Place, tmp_path: Path) -> None:
    pair = Pair()
    whole = opened(place, made(place, Scope.ORGANIZATION, pair.lock), pair, tmp_path)
    heads = {head["environment"]: (head["index"], head["hash"]) for head in whole.manifest["chains"]}
    last: dict[str, str] = {}
    for event in whole.table("trail"):
        before = last.get(event["environment"], chain.GENESIS.hex())
        assert event["previous"] == before
        last[event["environment"]] = chain.link(bytes.fromhex(before), event["document"].encode()).hex()
        assert last[event["environment"]] == event["hash"]
        assert event["detail"]["salt"]
    assert last == {environment: digest for environment, (_, digest) in heads.items()}


def test_older_versions_and_deleted_files_come_where_they_were_asked_for(place: Place, tmp_path: Path) -> None:
    pair = Pair()
    export = made(place, Scope.ORGANIZATION, pair.lock, all_versions=True, deleted=True)
    whole = opened(place, export, pair, tmp_path)
    other = {each["path"]: each for each in whole.listed if each["name"].startswith("versions/")}
    assert other.keys() == {"README", "gone.txt"}
    assert whole.members[other["README"]["name"]] == b"first of README"
    assert whole.members[other["gone.txt"]["name"]] == b"deleted"
    assert (other["gone.txt"]["deleted"], other["README"]["deleted"]) == (True, False)


def test_a_passphrase_opens_it_and_is_kept_nowhere(place: Place, tmp_path: Path) -> None:
    export = made(place, Scope.ORGANIZATION, by_passphrase(PASSPHRASE))
    ((name, sealed),) = files_of(place.actor(), export).items()
    (tmp_path / name).write_bytes(sealed)
    identity = tmp_path / export.identity_name
    identity.write_bytes(b64decode(export.identity or ""))
    assert len(checked({name: decrypt_by_passphrase(tmp_path / name, identity, PASSPHRASE)}).files) == len(NAMES) + 1
    with tenant(place.id):
        kept = json.dumps(
            list(Export.objects.values("recipient", "identity", "cursor")) + list(Job.objects.values()), default=repr
        )
    assert PASSPHRASE not in kept
    assert "AGE-SECRET-KEY" not in kept


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_key_of_ssh_opens_it(transactional_db: None, tmp_path: Path, kind: str) -> None:
    place, key = make_place(), tmp_path / "id"
    put(place, "a", b"content")
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "ines@example.com", "-f", key], check=True)
    lock = by_key(key.with_suffix(".pub").read_text())
    assert "ines" not in lock.recipient
    sealed = files_of(place.actor(), made(place, Scope.ORGANIZATION, lock))
    assert checked({name: decrypt(each, key) for name, each in sealed.items()}).members["files/live/a"] == b"content"


def test_its_names_are_safe_to_unpack_and_its_statement_holds(place: Place, tmp_path: Path) -> None:
    pair = Pair()
    export = made(place, Scope.ORGANIZATION, pair.lock)
    (sealed,) = files_of(place.actor(), export).values()
    folder = tmp_path / "out"
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=decrypt(sealed, pair.file(tmp_path)), check=True)
    found = {
        str(file.relative_to(folder / "files/live")) for file in (folder / "files/live").rglob("*") if file.is_file()
    }
    assert found == set(NAMES)
    assert {each.name for each in folder.iterdir()} >= {"files", "tables", "manifest.json", "README.txt"}
    (statement,) = folder.glob("data-export-*.json")
    kid = json.loads(statement.read_bytes())["statement"]["signed_by"]["kid"]
    said = subprocess.run([PROGRAM, statement, "--kid", kid], capture_output=True, text=True, check=True).stdout
    assert "HOLDS" in said
    assert str(export.id) in said


def test_many_volumes_hold_everything_once(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = os.urandom(150_000)
    put(place, "large", large)
    for number in range(12):
        put(place, f"many/{number}", os.urandom(9_000))
    pair = Pair()
    with small_volumes(monkeypatch):
        export = made(place, Scope.ORGANIZATION, pair.lock)
    with tenant(place.id):
        volumes = list(Volume.objects.filter(export=export).select_related("blob__bucket"))
    for blob in (volume.blob for volume in volumes):
        assert blob.sealed_size == store_for(blob.bucket.store).sealed_size(blob.bucket.name, blob.key)
    sizes = [volume.plain_size for volume in volumes]
    assert len(sizes) > 4
    assert max(sizes) <= 64 * 1024
    whole = opened(place, export, pair, tmp_path)
    assert len(whole.files) == len(NAMES) + 1 + 12
    parts = sorted(name for name in whole.members if name.startswith("parts/"))
    assert b"".join(whole.members[part] for part in parts) == large
    (facts,) = {json.dumps(each["whole"]) for each in whole.listed if each["name"] in parts}
    assert json.loads(facts)["name"] == "files/live/large"


def first_volumes(place: Place, export: Export, count: int) -> None:
    while True:
        assert jobs.run_one("tests")
        with tenant(place.id):
            if Volume.objects.filter(export=export).count() == count:
                return


def test_it_is_as_of_its_cut_whatever_happens_meanwhile(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        put(place, f"z/{number:02}", b"%02d" % number * 4_500)
    pair = Pair()
    with small_volumes(monkeypatch):
        export = ask(place.actor(), Scope.ORGANIZATION, pair.lock)
        first_volumes(place, export, 1)
        put(place, "z/11", b"changed")
        put(place, "z/new", b"new")
        vault.delete_object(actor=place.actor(), path="z/10")
        rotate(place)
        run_jobs()
    whole = opened(place, export, pair, tmp_path)
    assert whole.members["files/live/z/11"] == b"11" * 4_500
    assert whole.members["files/live/z/10"] == b"10" * 4_500
    assert "files/live/z/new" not in whole.members


def test_what_cannot_be_read_is_left_out_and_said(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        put(place, f"z/{number:02}", b"%02d" % number * 4_500)
    pair = Pair()
    with small_volumes(monkeypatch):
        export = ask(place.actor(), Scope.ORGANIZATION, pair.lock)
        first_volumes(place, export, 1)
        with tenant(place.id):
            damaged = ObjectVersion.objects.select_related("blob__bucket").get(object__path="z/10")
            purged = StoredObject.objects.get(path="z/11")
        with as_superuser() as database:
            database.execute("UPDATE vault_storedobject SET current = NULL WHERE id = %s", [purged.id])
            database.execute("DELETE FROM vault_objectversion WHERE object_id = %s", [purged.id])
        blob = damaged.blob
        _cut_short(blob)
        run_jobs()
    whole = opened(place, export, pair, tmp_path)
    assert {(row["why"], row.get("path")) for row in whole.table("left-out")} == {("damaged", "z/10"), ("gone", None)}
    assert len(whole.files) == len(NAMES) + 1 + 10


def _cut_short(blob: Blob) -> None:
    from django.conf import settings

    (file,) = Path(settings.DATA_DIR).rglob(blob.key.rpartition("/")[2])
    os.truncate(file, file.stat().st_size - 1)


def test_nothing_of_another_organization_is_in_it(place: Place, tmp_path: Path) -> None:
    canary = "canary-of-another-tenant"
    other = make_place("Elsewhere")
    put(other, f"{canary}.txt", canary.encode())
    with tenant(other.id):
        tenants.invite_member(actor=other.actor(), email=f"{canary}@example.com", role=Role.ANALYST)
        sharing.create_share(actor=other.actor(), paths=[f"{canary}.txt"], purpose=canary)
    pair = Pair()
    whole = opened(place, made(place, Scope.ORGANIZATION, pair.lock, all_versions=True, deleted=True), pair, tmp_path)
    for name, content in whole.members.items():
        assert canary.encode() not in content, name
        assert str(other.id).encode() not in content, name
        assert canary not in name


def test_no_secret_is_in_it(place: Place, tmp_path: Path) -> None:
    with tenant(place.id):
        link = sharing.create_share(actor=place.actor(), paths=["README"])
        invited = tenants.invite_member(actor=place.actor(), email="i@example.com", role=Role.ANALYST)
    secrets: dict[str, bytes] = {
        "api key": make_api_key(place).encode(),
        "link": link.token.encode(),
        "invitation": invited.url.rpartition("/")[2].encode(),
        "password": place.owner.password.encode(),
    }
    with tenant(place.id):
        secrets |= _kept_as_secrets(place)
    pair = Pair()
    export = made(place, Scope.ORGANIZATION, by_passphrase(PASSPHRASE))
    secrets["identity"] = (export.identity or "").encode()
    whole = opened(place, made(place, Scope.ORGANIZATION, pair.lock), pair, tmp_path)
    assert len(secrets) > 10
    for kind, secret in secrets.items():
        for name, content in whole.members.items():
            assert secret not in content, (kind, name)


def _kept_as_secrets(place: Place) -> dict[str, bytes]:
    """Every value of every column that is declared a secret, as an export would write it."""
    from exports.actions.tables import plain
    from hq.db.classes import DataClass, data_map, every_model

    models = {model._meta.db_table: model for model in every_model()}
    found: dict[str, bytes] = {}
    for line in data_map():
        model: Any = models.get(line.table)
        if model is None or line.data_class is not DataClass.SECRETS:
            continue
        column = next(field.name for field in model._meta.concrete_fields if field.attname == line.field)
        for row in model._base_manager.all()[:50]:
            value = plain(getattr(row, column))
            if isinstance(value, str) and len(value) >= 16:
                found[f"{line.table}.{line.field} {row.pk}"] = value.encode()
    return found


def test_a_full_disk_leaves_nothing_and_the_next_try_ends_it(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Pair()
    export = ask(place.actor(), Scope.ORGANIZATION, pair.lock)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _full)
        assert jobs.run_one("tests")
    with tenant(place.id):
        job = Job.objects.get(pk=export.job_id or export.pk)
        assert job.error.startswith("StorageFull: There is no room")
        assert not Volume.objects.exists()
        assert not Blob.objects.exclude(state=Blob.State.STORED).exists()
        Job.objects.update(run_at=job.created_at)
    run_jobs()
    assert len(opened(place, fresh(export), pair, tmp_path).files) == len(NAMES) + 1


def _full(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_what_it_was_made_by_is_forgotten_once_it_is_made(place: Place) -> None:
    export = made(place, Scope.ORGANIZATION, Pair().lock)
    with tenant(place.id):
        assert not Entry.objects.filter(export=export).exists()
        tags = AuditEvent.objects.filter(tag__startswith="export:").order_by("index").values_list("tag", flat=True)
        assert list(tags) == ["export:requested", "export:completed"]


def test_a_rotation_takes_its_volumes_along(place: Place, tmp_path: Path) -> None:
    pair = Pair()
    export = made(place, Scope.ORGANIZATION, pair.lock)
    with tenant(place.id):
        (before,) = Volume.objects.values_list("blob_id", flat=True)
    rotate(place)
    run_jobs()
    with tenant(place.id):
        (after,) = Volume.objects.values_list("blob_id", flat=True)
    assert after != before
    assert len(opened(place, export, pair, tmp_path).files) == len(NAMES) + 1
