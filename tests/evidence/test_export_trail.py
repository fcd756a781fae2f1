"""Exports of the trail: what is in the ZIP, what the offline verifier says of it, and a worker that is killed."""

import io
import json
import subprocess
import sys
import zipfile
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from audit.actions import verify_chain
from audit.models import AuditEvent, ChainVerification
from audit.tags import Log
from evidence.actions import exports
from evidence.actions.checkpoints import make_checkpoint
from evidence.actions.export_zip import Making
from evidence.actions.exports import NoSuchRange, Range, TooManyAtOnce
from evidence.models import Incident, TrailExport
from evidence.selectors import list_logs
from evidence.selectors.exports import MISSING, first_since, get_trail_export, list_trail_exports
from evidence.tasks import sweep_exports
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound
from jobs.models import Job
from keys import rings
from tests.archive import support
from tests.crashing import ROOT
from tests.database import as_superuser
from tests.factories import Place, make_place, run_jobs, sign_in
from tests.keys.support import new_data_key
from vault.models import Blob

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = "=cmd()\r\nline\x1b[2J"


@pytest.fixture
def place(transactional_db: None) -> Place:
    place = make_place()
    support.act(place, 5, label=HOSTILE)
    return place


def ask(place: Place, log: Log = Log.ADMIN, **wish: Any) -> TrailExport:
    with tenant(place.id):
        return exports.request_trail_export(actor=place.actor(), wish=Range(log=log, **wish))


def fresh(export: TrailExport) -> TrailExport:
    with tenant(export.organization_id):
        return TrailExport.objects.get(pk=export.pk)


def content(place: Place, export: TrailExport) -> bytes:
    given = exports.open_trail_export(actor=place.actor(), export_id=export.id)
    return b"".join(given.read(0, given.export.size))


def made(place: Place, **wish: Any) -> tuple[TrailExport, zipfile.ZipFile]:
    export = ask(place, **wish)
    run_jobs()
    return fresh(export), zipfile.ZipFile(io.BytesIO(content(place, fresh(export))))


def verified(place: Place, export: TrailExport, folder: Path, client: Client) -> subprocess.CompletedProcess[str]:
    file, jwks = folder / export.name, folder / "jwks.json"
    file.write_bytes(content(place, export))
    jwks.write_bytes(client.get("/.well-known/jwks.json").content)
    return subprocess.run(
        [sys.executable, "-I", ROOT / "bin" / "verify", file, "--jwks", jwks],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("log", Log)
@pytest.mark.parametrize("with_csv", [False, True])
def test_the_offline_verifier_takes_it(place: Place, tmp_path: Path, client: Client, log: Log, with_csv: bool) -> None:
    export, archive = made(place, log=log, with_csv=with_csv)
    names = {"events.jsonl", "checkpoint.txt", "proof.json", "statement.json"} | ({"events.csv"} if with_csv else set())
    assert set(archive.namelist()) == names
    lines = [json.loads(line) for line in archive.read("events.jsonl").splitlines()]
    indexes = [line["document"]["index"] for line in lines]
    assert (indexes[0], indexes[-1]) == (export.first, export.last)
    assert indexes == list(range(indexes[0], indexes[-1] + 1))
    assert export.entries >= 5
    said = json.loads(archive.read("statement.json"))["statement"]
    for file in said["files"]:
        assert sha256(archive.read(file["name"])).hexdigest() == file["sha256"]
    done = verified(place, export, tmp_path, client)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_range_of_time_has_what_happened_in_it_and_nothing_else(place: Place, tmp_path: Path, client: Client) -> None:
    begin = now()
    support.act(place, 3)
    end = now()
    support.act(place, 2)
    export, archive = made(place, since=begin, until=end)
    assert (export.first, export.last) == (8, 10)
    assert export.name.endswith("-live-admin-8-10.zip")
    times = [json.loads(line)["document"]["at"] for line in archive.read("events.jsonl").splitlines()]
    assert all(begin.strftime("%FT%T") <= time <= end.strftime("%FT%T.%fZ") for time in times)
    done = verified(place, export, tmp_path, client)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("size", [0, 1, 7])
def test_the_first_entry_since_a_time_is_found_by_halves(place: Place, size: int) -> None:
    make_checkpoint(place.id, place.live_id, Log.ADMIN)
    with tenant(place.id):
        times = list(AuditEvent.objects.order_by("index").values_list("at", flat=True))
        for number, at in enumerate(times[:size]):
            for moment in (at, at - timedelta(microseconds=1)):
                expected = next(place for place, other in enumerate(times, 1) if other >= moment)
                assert first_since(place.id, place.live_id, Log.ADMIN, moment, size) == min(expected, number + 1)
        assert first_since(place.id, place.live_id, Log.ADMIN, None, 7) == 1
        assert first_since(place.id, place.live_id, Log.ADMIN, now(), 7) == 8


def test_a_range_without_entries_ends_empty(place: Place) -> None:
    export = ask(place, since=now() - timedelta(days=9), until=now() - timedelta(days=8))
    run_jobs()
    with tenant(place.id):
        (listed,) = list_trail_exports(place.actor())
    assert listed.state == "empty"
    with pytest.raises(NotFound):
        exports.open_trail_export(actor=place.actor(), export_id=export.id)


def test_events_whose_key_was_shredded_have_no_detail_and_still_verify(
    place: Place, tmp_path: Path, client: Client
) -> None:
    with tenant(place.id):
        shredded = AuditEvent.objects.count()
    new_data_key(place.id, "audit")
    support.act(place, 3)
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        lost = "UPDATE keys_datakey SET wrapped = NULL, destroyed_at = now() WHERE purpose = 'audit' AND version = 1"
        assert database.execute(f"{lost} AND organization_id = %s", [place.id]).rowcount == 1
    rings.forget(place.id)
    export, archive = made(place, with_csv=True)
    lines = [json.loads(line) for line in archive.read("events.jsonl").splitlines()]
    assert [line["detail"] is None for line in lines] == [index < shredded for index in range(len(lines))]
    assert len(lines) > shredded
    assert export.shredded == shredded
    assert json.loads(archive.read("statement.json"))["statement"]["shredded"] == export.shredded
    done = verified(place, export, tmp_path, client)
    assert done.returncode == 0, done.stdout + done.stderr


def alter(place: Place, index: int) -> None:
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute(
            "UPDATE audit_auditevent SET detail = set_byte(detail, 40, get_byte(detail, 40) # 1)"
            " WHERE environment_id = %s AND index = %s",
            [place.live_id, index],
        )


def test_an_entry_that_was_altered_raises_an_alarm_and_is_named_and_what_is_beside_it_can_be_exported(
    place: Place,
) -> None:
    alter(place, 4)
    mail.outbox.clear()
    failed = [ask(place), ask(place)]
    run_jobs()
    with tenant(place.id):
        found = [each for each in list_trail_exports(place.actor()) if each.export in failed]
        assert [(each.state, "entry 4" in each.fault) for each in found] == [("failed", True)] * 2
        (incident,) = Incident.objects.all()
        assert (incident.kind, incident.log, incident.found_size) == ("altered", "admin", 4)
        assert {log.log: log.state for log in list_logs(place.actor())} == {"admin": "contradicted", "access": "none"}
        before = AuditEvent.objects.get(environment_id=place.live_id, index=4).at
        assert not Blob.objects.exists()
    assert ["entry 4" in letter.body for letter in mail.outbox] == [True]
    page = sign_in(place.owner).get(f"/o/{place.slug}/live/audit/exports").content.decode()
    assert "It is entry 4" in page
    export, _ = made(place, until=before)
    assert (export.first, export.last) == (1, 3)


@pytest.mark.parametrize("rows", ["index = 4", "index >= 6", "index BETWEEN 2 AND 7", "index = 1", "index >= 1"])
def test_an_entry_that_is_missing_ends_it_and_the_whole_log_is_checked_at_once(place: Place, rows: str) -> None:
    make_checkpoint(place.id, place.live_id, Log.ADMIN)
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute(f"DELETE FROM audit_auditevent WHERE environment_id = '{place.live_id}' AND {rows}")
    exports_asked = [ask(place), ask(place, since=now() - timedelta(hours=1))]
    run_jobs()
    with tenant(place.id):
        found = [each for each in list_trail_exports(place.actor()) if each.export in exports_asked]
        assert [(each.state, each.fault) for each in found] == [("failed", MISSING)] * 2
        checked = ChainVerification.objects.get(log=Log.ADMIN)
        assert checked.first_bad == int("".join(filter(str.isdigit, rows.partition("AND")[0])))
        assert not Blob.objects.exists()
        assert not Job.objects.filter(kind="evidence.export").exclude(state="DONE").exists()


def test_the_alarm_of_an_altered_entry_stands_until_all_fits_again(place: Place) -> None:
    alter(place, 4)
    ask(place)
    run_jobs()
    states = []
    for _ in range(2):
        verify_chain(actor=place.actor())
        with tenant(place.id):
            states += [log.state for log in list_logs(place.actor()) if log.log == "admin"]
        alter(place, 4)  # the same byte again: as it was
    assert states == ["contradicted", "whole"]


def test_asking_downloading_and_removing_are_in_the_trail(place: Place) -> None:
    export, _ = made(place)
    with tenant(place.id):
        exports.remove_trail_export(actor=place.actor(), export_id=export.id)
        tags = list(AuditEvent.objects.order_by("index").values_list("tag", flat=True))
        assert tags[-3:] == ["trail:exported", "export:downloaded", "export:removed"]
        assert not TrailExport.objects.exists()
        assert not Blob.objects.filter(state="STORED").exists()


def test_it_is_gone_after_a_week(place: Place) -> None:
    export, _ = made(place)
    sweep_exports()
    run_jobs()
    assert content(place, export)
    with as_superuser() as database:
        database.execute("UPDATE evidence_trailexport SET expires_at = now() - interval '1 second'")
    with pytest.raises(NotFound):  # though nobody has removed it yet
        content(place, export)
    sweep_exports()
    run_jobs()
    with tenant(place.id):
        assert not TrailExport.objects.exists()
        assert not Blob.objects.filter(state="STORED").exists()


def test_removed_while_it_is_made_it_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    export, proof = ask(place), Making._proof

    def meanwhile(making: Making) -> dict[str, Any]:
        with tenant(place.id):
            exports.remove_trail_export(actor=place.actor(), export_id=export.id)
        return proof(making)

    monkeypatch.setattr(Making, "_proof", meanwhile)
    run_jobs()
    with tenant(place.id):
        assert not TrailExport.objects.exists()
        assert not Blob.objects.exists()


def test_who_may_not_read_the_trail_exports_none_of_it(place: Place) -> None:
    export, _ = made(place)
    stranger = make_place()
    with tenant(place.id):
        with pytest.raises(Denied):
            exports.request_trail_export(actor=place.actor(Role.DEVELOPER), wish=Range(log=Log.ADMIN))
        with pytest.raises(Denied):
            get_trail_export(place.actor(Role.DEVELOPER), export.id)
    with pytest.raises(NotFound):
        exports.open_trail_export(actor=stranger.actor(), export_id=export.id)
    with pytest.raises(NotFound):
        exports.open_trail_export(actor=place.actor(environment_id=place.test_id), export_id=export.id)


def test_a_range_that_ends_before_it_begins_and_a_fourth_at_once_are_refused(place: Place) -> None:
    with pytest.raises(NoSuchRange):
        ask(place, since=now(), until=now() - timedelta(hours=1))
    for _ in range(3):
        ask(place)
    with pytest.raises(TooManyAtOnce):
        ask(place)


def test_one_that_failed_for_good_holds_up_no_other(place: Place) -> None:
    for _ in range(3):
        ask(place)
    with as_superuser() as database:
        database.execute(
            "UPDATE jobs_job SET state = 'DEAD', error = 'StorageFull', finished_at = now()"
            " WHERE id = (SELECT min(id::text)::uuid FROM jobs_job WHERE kind = 'evidence.export')"
        )
    ask(place)
    with pytest.raises(TooManyAtOnce):
        ask(place)
