"""A damaged agreement keeps back nothing but itself: whoever leaves takes along the rest, and is told what is not."""

import json
import os
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from django.conf import settings
from django.core import mail

from audit.models import AuditEvent
from exports.registry import Scope
from hq.db.context import tenant
from signing.models import Agreement, Paper
from tests.database import as_superuser
from tests.exports.support import Pair, made, opened, small_volumes
from tests.factories import Place, make_place, sign_in
from tests.signing import support
from tests.verify.program import PROGRAM

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.age]
WHOLE = {
    "agreement.pdf",
    "original.md",
    "chain.jsonl",
    "consent-en-1.txt",
    "certificate.json",
    "event-proof.json",
    "statement.json",
}


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place("Alder Peak")


def folder(agreement: Agreement) -> str:
    return f"agreements/live/{agreement.id}/"


def names(members: dict[str, bytes], agreement: Agreement) -> set[str]:
    begin = folder(agreement)
    return {name.removeprefix(begin) for name in members if name.startswith(begin)}


def damage(agreement: Agreement, which: str) -> None:
    """Cut off the end of a stored document."""
    with tenant(agreement.organization_id):
        paper = Paper.objects.select_related("blob").get(id=getattr(agreement, f"{which}_id"))
    (file,) = Path(settings.DATA_DIR).rglob(paper.blob.key.rpartition("/")[2])
    os.truncate(file, file.stat().st_size - 1)


def forge(agreement: Agreement) -> None:
    """Put what was sealed of one step into another's place."""
    with as_superuser() as database:
        database.execute("ALTER TABLE signing_step DISABLE TRIGGER USER")
        database.execute(
            "UPDATE signing_step SET detail = (SELECT detail FROM signing_step WHERE agreement_id = %s AND index = 1)"
            " WHERE agreement_id = %s AND index = 2",
            [agreement.id, agreement.id],
        )
        database.execute("ALTER TABLE signing_step ENABLE TRIGGER USER")


def test_everything_but_what_is_damaged_goes_along_and_that_is_named(place: Place, tmp_path: Path) -> None:
    whole, torn, blank = support.sealed(place), support.sealed(place), support.make_agreement(place)
    forged = support.sent(place)
    damage(torn, "final")
    damage(blank, "document")
    forge(forged)
    pair = Pair()
    export = made(place, Scope.ORGANIZATION, pair.lock)
    found = opened(place, export, pair, tmp_path)
    assert names(found.members, whole) == WHOLE
    assert names(found.members, torn) == WHOLE - {"agreement.pdf", "statement.json"}
    assert names(found.members, blank) == {"chain.jsonl", "certificate.json"}
    assert names(found.members, forged) == {"original.md"}
    missing = {each["name"]: (each["why"], each["agreement"]) for each in found.manifest["left_out"]}
    expected = {
        f"{folder(torn)}agreement.pdf": torn,
        f"{folder(torn)}statement.json": torn,
        f"{folder(blank)}original.md": blank,
        f"{folder(forged)}chain.jsonl": forged,
        f"{folder(forged)}certificate.json": forged,
    }
    assert missing == {name: ("damaged", str(one.id)) for name, one in expected.items()}
    assert (export.left_out_total, found.manifest["files_left_out"]) == (5, 0)
    with tenant(place.id):
        [event] = AuditEvent.objects.filter(tag="export:completed")
        assert event.detail["after"]["left_out"] == 5
    assert "5 files could not be read" in mail.outbox[-1].body
    page = sign_in(place.owner).get(f"/o/{place.slug}/live/export/").content.decode()
    assert "Ready, 5 left out" in page
    assert f"/o/{place.slug}/live/agreements/{blank.id}" in page


def test_what_an_agreement_came_with_is_checked_as_it_lies_there(place: Place, tmp_path: Path) -> None:
    agreement, pair = support.sealed(place), Pair()
    found = opened(place, made(place, Scope.ORGANIZATION, pair.lock), pair, tmp_path)
    files = {name: found.members[folder(agreement) + name] for name in WHOLE}
    said = json.loads(files["statement.json"])["statement"]
    told = {each["name"]: each["sha256"] for each in said["files"]}
    assert told == {name: sha256(content).hexdigest() for name, content in files.items() if name != "statement.json"}
    (tmp_path / "statement.json").write_bytes(files["statement.json"])
    done = subprocess.run(
        [PROGRAM, tmp_path / "statement.json", "--kid", said["signed_by"]["kid"]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "HOLDS" in done.stdout, done.stdout + done.stderr
    assert found.manifest["left_out"] == []


def test_the_files_of_one_agreement_stand_in_one_volume(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = [support.sealed(place) for _ in range(3)]
    damage(several[1], "document")
    pair = Pair()
    with small_volumes(monkeypatch):
        export = made(place, Scope.ORGANIZATION, pair.lock)
    found = opened(place, export, pair, tmp_path)
    assert [names(found.members, one) for one in several] == [WHOLE, WHOLE - {"original.md", "statement.json"}, WHOLE]
    lists = [json.loads(content)["members"] for name, content in found.members.items() if name.startswith("manifest")]
    for one in several:
        assert sum(any(each["name"].startswith(folder(one)) for each in members) for members in lists) == 1
    assert [each["agreement"] for each in found.manifest["left_out"]] == [str(several[1].id)] * 2
