"""Archiving closed days: every entry once, in order, still sealed, in files that digests chain and a verifier takes."""

import gzip
import json
import subprocess
import sys
import tracemalloc
from base64 import b64decode
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client

from archive import actions
from archive.actions import lines, plan
from archive.actions import write as writing
from archive.models import File
from audit.models import AccessEntry, AuditEvent
from audit.tags import Log
from evidence.actions.checkpoints import make_checkpoints
from hq.authz.roles import Role
from hq.crypto import chain
from hq.crypto.statements import open_file
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied
from keys import selectors as keys
from tests.archive import support
from tests.crashing import ROOT
from tests.factories import Place, make_place

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = 'line\nfeed\r\n\x1b[31mred\x1b[0m \x00nul \u2028sep "quoted" =1+1 </script>'


@pytest.fixture
def place(archived_place: Place) -> Place:
    return archived_place


def days_ago(count: int, hour: int = 12) -> datetime:
    return (now() - timedelta(days=count)).replace(hour=hour, minute=0, second=0, microsecond=0)


def trail_of_days(place: Place) -> None:
    """The organization itself was made today, so what the tests tell of former days comes after it in the order."""
    for count in (3, 2, 1):
        with support.at(days_ago(count)):
            support.act(place, 3)
    support.act(place, 2)
    support.grow(place)


def test_a_closed_day_goes_into_a_file_of_its_own_and_a_digest_and_today_waits(place: Place) -> None:
    with support.at(days_ago(2)):
        other = make_place()
        support.act(other, 2)
        support.grow(other)
    with support.at(days_ago(1)):
        support.act(other, 3)
        support.grow(other)
    support.act(other, 4)
    support.grow(other)
    support.sweep()
    environment, (two, one) = other.live_id, (days_ago(2), days_ago(1))
    assert support.files(f"audit/admin/{environment}/**/*") == sorted(
        [
            f"audit/admin/{environment}/{two:%Y/%m/%d}/1-4.jsonl.gz",
            f"audit/admin/{environment}/{one:%Y/%m/%d}/5-7.jsonl.gz",
        ]
    )
    first, second = support.digests(environment)
    assert (first["files"][0]["first"], first["files"][0]["last"], first["previous"]) == (1, 4, None)
    assert (second["number"], second["files"][0]["last"]) == (2, 7)
    assert [row["document"]["index"] for row in support.rows(environment, Log.ACCESS)] == [1, 2, 3, 4, 5]
    assert support.progress(other).archived == 7


def test_asked_for_it_writes_up_to_now_and_goes_on_from_there(place: Place) -> None:
    trail_of_days(place)
    with tenant(place.id):
        actions.archive_now(actor=place.actor())
    support.work()
    before = support.files("audit/admin/**/*")
    support.act(place, 1)
    support.grow(place)
    with tenant(place.id):
        actions.archive_now(actor=place.actor())
    support.work()
    indexes = [row["document"]["index"] for row in support.rows(place.live_id)]
    assert indexes == list(range(1, support.progress(place).archived + 1))
    assert len(indexes) == 2 + 9 + 2 + 1 + 1 + 1  # made and ready, the days, today, asked, one more, asked again
    assert set(before) < set(support.files("audit/admin/**/*"))


def test_details_stay_sealed_and_open_with_the_key_and_the_row(place: Place) -> None:
    support.act(place, 1, label="A name nobody reads here")
    support.grow(place)
    support.write(place)
    for log, model in ((Log.ADMIN, AuditEvent), (Log.ACCESS, AccessEntry)):
        row = support.rows(place.live_id, log)[-1 if log is Log.ACCESS else 2]
        assert "nobody reads" not in json.dumps(row)
        sealed = b64decode(row["sealed"])
        made = model(id=UUID(bytes=sealed[:16]), organization_id=place.id)
        with tenant(place.id):
            stored = model.objects.get(pk=made.pk)
        assert stored.__dict__["detail"].data == sealed[16:]
        assert "nobody reads" in json.dumps(stored.detail)


def test_the_same_entries_make_the_same_bytes(place: Place) -> None:
    support.act(place, 3)
    support.grow(place)
    support.write(place)
    with tenant(place.id):
        file = File.objects.get(environment_id=place.live_id, log=Log.ADMIN)
    again = lines.compressed(writing._entries(file))
    assert again == (support.folder() / file.name).read_bytes()
    assert again[4:8] == bytes(4)  # no time
    assert again[3] == 0  # no name


def test_what_lies_under_its_name_may_be_packed_in_another_way_but_is_unpacked_no_further_than_ours() -> None:
    ours = gzip.compress(b"line\n" * 100, mtime=0)
    assert lines.same(ours, ours)
    assert lines.same(gzip.compress(b"line\n" * 100, compresslevel=1, mtime=7), ours)
    for other in (b"", b"not gzip", ours[:-9], gzip.compress(b"line\n" * 99), gzip.compress(b"line\n" * 101)):
        assert not lines.same(other, ours)
    bomb = gzip.compress(bytes(200_000_000), compresslevel=9)
    tracemalloc.start()
    assert not lines.same(bomb, ours)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize("field", ["label", "reason", "route"])
def test_no_text_ends_a_line_or_reaches_a_terminal(place: Place, field: str) -> None:
    support.act(place, 1, **{field: HOSTILE.replace("\x00", "") if field == "route" else HOSTILE})
    support.grow(place)
    support.write(place)
    for log in Log:
        for name in support.files(f"audit/{log}/{place.live_id}/**/*.gz"):
            plain = gzip.decompress((support.folder() / name).read_bytes())
            assert plain.endswith(b"\n")
            assert not [byte for byte in plain.replace(b"\n", b"") if byte < 0x20 or byte == 0x7F]
            assert all(json.loads(line)["document"]["index"] for line in plain.splitlines())


def test_digests_are_signed_chain_by_hash_and_name_the_newest_checkpoint(place: Place) -> None:
    trail_of_days(place)
    make_checkpoints(place.id, place.live_id)
    support.work()
    support.write(place)
    support.act(place, 1)
    support.grow(place)
    support.write(place)
    names = support.files(f"audit/digests/{place.live_id}/admin/**/*")
    first, second = [(support.folder() / name).read_bytes() for name in sorted(names, key=lambda n: int(Path(n).stem))]
    said = open_file(second, {"keys": keys.public_keys()})
    assert said["previous"]["sha256"] == sha256(first).hexdigest()
    assert open_file(first, {"keys": keys.public_keys()})["checkpoint"]["origin"].endswith(
        f"/logs/{place.live_id}/admin"
    )
    kept = support.files(f"audit/checkpoints/{place.live_id}/**/*.txt")
    assert [Path(name).parent.name for name in kept] == ["access", "admin"]


def test_the_offline_verifier_takes_the_folder(place: Place, tmp_path: Path, client: Client) -> None:
    trail_of_days(place)
    make_checkpoints(place.id, place.live_id)
    support.work()
    support.write(place)
    jwks = tmp_path / "jwks.json"
    jwks.write_bytes(client.get("/.well-known/jwks.json").content)
    done = subprocess.run(
        [sys.executable, "-I", ROOT / "bin" / "verify", support.folder(), "--jwks", jwks],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_clock_that_goes_back_opens_no_former_day_again(place: Place) -> None:
    with support.at(days_ago(1)):
        other = make_place()
    with support.at(days_ago(2)):
        support.act(other, 2)
    support.grow(other)
    support.sweep()
    (only,) = support.files(f"audit/admin/{other.live_id}/**/*.gz")
    assert f"{days_ago(1):%Y/%m/%d}/1-4." in only


def test_a_day_of_many_entries_is_several_files_and_one_digest(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MOST_ENTRIES", 4)
    support.act(place, 9)
    support.grow(place)
    support.write(place)
    names = support.files(f"audit/admin/{place.live_id}/**/*.gz")
    assert sorted(name.rpartition("/")[2] for name in names) == ["1-4.jsonl.gz", "5-8.jsonl.gz", "9-11.jsonl.gz"]
    (digest,) = support.digests(place.live_id)
    assert [each["first"] for each in digest["files"]] == [1, 5, 9]
    previous = chain.GENESIS.hex()
    for row in support.rows(place.live_id):
        assert row["previous"] == previous
        previous = row["hash"]


def test_asking_needs_the_permission(place: Place) -> None:
    with tenant(place.id), pytest.raises(Denied):
        actions.archive_now(actor=place.actor(Role.DEVELOPER))


def test_what_was_archived_today_is_not_looked_at_again_today(place: Place) -> None:
    trail_of_days(place)
    support.sweep()
    before = support.progress(place).looked_at
    support.sweep()
    assert before is not None
    assert support.progress(place).looked_at == before
