"""vault.actions.StoredFiles: what is stored comes under the newest content key, and nobody notices."""

import logging
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from hq.db.context import tenant
from hq.db.sealing import Purpose
from hq.lib.clock import now
from hq.lib.ids import new_id
from jobs.registry import LeaseLost
from keys import registry, rings
from keys.models import DataKey
from tests.factories import Place, make_place
from tests.vault.support import Put, assert_nothing_is_left_over, files, get, new_content_key, reseal
from tests.vault.test_embedded_store import _full_file
from vault import actions, selectors
from vault.actions import StoredFiles, drafts
from vault.actions import reseal as module
from vault.models import Blob, ObjectVersion
from vault.store import StorageFull, embedded

LONG = bytes(range(256)) * 1024  # four chunks
HOLDER = StoredFiles()


def blob_of(place: Place, path: str, number: int | None = None) -> Blob:
    with tenant(place.id):
        stored = selectors.find_object(place.actor(), path)
        assert stored is not None
        blob: Blob = selectors.version_of(stored, number).blob
    return blob


def file_of(place: Place, path: str) -> Path:
    [file] = [file for file in files(place) if file.name == blob_of(place, path).id.hex]
    return file


def left(place: Place, version: int) -> int:
    with tenant(place.id):
        return HOLDER.left(place.id, version)


def test_it_is_registered_for_organizations() -> None:
    assert [holder.title for holder in registry.holders(new_id()) if holder.name == "vault_blob"] == ["File contents"]


def test_every_file_stands_under_the_new_key_and_reads_as_before(place: Place, put: Put) -> None:
    contents = {"empty": b"", "short": b"short", "long": LONG}
    for path, content in contents.items():
        put(path, content)
    before = {path: blob_of(place, path) for path in contents}
    version = new_content_key(place)
    assert (left(place, version), left(place, 1)) == (3, 0)
    assert reseal(place, version) == (3, 0, None)
    assert left(place, version) == 0
    for path, content in contents.items():
        blob = blob_of(place, path)
        assert get(place.actor(), path) == content
        assert (blob.key_version, blob.sealed_size) == (2, before[path].sealed_size)
        assert (blob.id, blob.key) != (before[path].id, before[path].key)
    assert_nothing_is_left_over(place)
    assert reseal(place, version) == (0, 0, None)


def test_the_old_key_opens_nothing_any_more(place: Place, put: Put) -> None:
    put("a", LONG)
    version = new_content_key(place)
    reseal(place, version)
    lose(place, 1)
    assert get(place.actor(), "a") == LONG


def test_history_and_deleted_files_come_along_and_what_they_share_stays_shared(place: Place, put: Put) -> None:
    for content in (b"first", b"second"):
        put("a", content)
    put("b", b"gone")
    actions.restore_object(actor=place.actor(), path="a", version=1)
    actions.delete_object(actor=place.actor(), path="b")
    assert reseal(place, new_content_key(place)) == (3, 0, None)
    assert [get(place.actor(), "a", number) for number in (1, 2, 3)] == [b"first", b"second", b"first"]
    assert blob_of(place, "a", 1) == blob_of(place, "a", 3)
    actions.restore_object(actor=place.actor(), path="b")
    assert get(place.actor(), "b") == b"gone"
    assert_nothing_is_left_over(place)


def test_nothing_else_of_a_version_changes(place: Place, put: Put) -> None:
    put("a", LONG, content_type="text/plain")

    def told() -> dict[str, Any]:
        with tenant(place.id):
            version = ObjectVersion.objects.get()
            sealed = {name: getattr(version, name) for name in ("sha256", "content_type", "created_by")}
            return ObjectVersion.objects.values("id", "number", "size", "created_at", "created_by_id").get() | sealed

    before = told()
    reseal(place, new_content_key(place))
    assert told() == before


def test_the_test_environment_and_nobody_elses_files_are_done(place: Place) -> None:
    other = make_place()
    for actor in (place.actor(), place.actor(environment_id=place.test_id), other.actor()):
        actions.put_object(actor=actor, path="a", chunks=[b"mine"])
    version = new_content_key(place)
    assert reseal(place, version) == (2, 0, None)
    assert blob_of(other, "a").key_version == 1
    assert get(place.actor(environment_id=place.test_id), "a") == b"mine"


def test_it_counts_files_and_their_bytes_at_rest(place: Place, put: Put) -> None:
    with tenant(place.id):
        assert HOLDER.count(place.id) == (0, 0)
    put("a", LONG)
    put("b", b"")
    with tenant(place.id):
        assert HOLDER.count(place.id) == (2, sum(file.stat().st_size for file in files(place)))


def test_it_goes_on_where_it_stopped_by_number_and_by_bytes(
    place: Place, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = [put(str(number), LONG).version.blob_id for number in range(5)]
    version = new_content_key(place)

    def next_batch(after: Any, limit: int) -> Any:
        return HOLDER.reseal(lambda: tenant(place.id), place.id, version, after, limit)

    assert next_batch(None, 2) == (2, 0, blobs[1])
    monkeypatch.setattr(module, "BATCH_BYTES", len(LONG))
    assert next_batch(blobs[1], 100) == (1, 0, blobs[2])
    monkeypatch.undo()
    monkeypatch.setattr(module, "BATCH_FILES", 1)
    assert next_batch(blobs[2], 100) == (1, 0, blobs[3])
    monkeypatch.undo()
    assert next_batch(blobs[3], 100) == (1, 0, None)
    assert left(place, version) == 0


def test_an_upload_that_began_before_counts_and_is_done_in_the_next_round(place: Place) -> None:
    version = 0

    def chunks() -> Iterator[bytes]:
        nonlocal version
        yield b"began under "
        version = new_content_key(place)
        assert left(place, version) == 1
        assert reseal(place, version) == (0, 0, None)
        yield b"the old key"

    actions.put_object(actor=place.actor(), path="a", chunks=chunks())
    assert (blob_of(place, "a").key_version, left(place, version)) == (1, 1)
    assert reseal(place, version) == (1, 0, None)
    assert get(place.actor(), "a") == b"began under the old key"
    assert left(place, version) == 0


def test_what_must_go_anyway_does_not_count(place: Place, put: Put) -> None:
    with tenant(place.id):
        bucket = selectors.get_bucket(place.actor())
        blob = drafts.announce(bucket, place.live_id, 1)
        drafts.pending(blob).update(state="DOOMED", lease_until=None)
    assert left(place, new_content_key(place)) == 0


def test_a_process_that_has_not_heard_of_the_new_key_does_not_seal_under_the_old_one(place: Place, put: Put) -> None:
    put("a", b"content")
    stale = rings.cache.ring(place.id, Purpose.CONTENT)
    version = new_content_key(place)
    rings.cache._shelves[Purpose.CONTENT][place.id.int] = stale
    assert reseal(place, version) == (1, 0, None)
    assert blob_of(place, "a").key_version == 2


# ---- what does not open


def lose(place: Place, version: int) -> None:
    with tenant(place.id):
        rows = DataKey.objects.filter(organization_id=place.id, purpose=Purpose.CONTENT, version=version)
        assert rows.update(wrapped=None, destroyed_at=now()) == 1
    rings.forget(place.id)


def flip(place: Place, at: int) -> None:
    file = file_of(place, "b")
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def cut(place: Place) -> None:
    file = file_of(place, "b")
    file.write_bytes(file.read_bytes()[:-65_552])


def send_elsewhere(place: Place) -> None:
    with tenant(place.id):
        Blob.objects.filter(id=blob_of(place, "b").id).update(key="another-bucket/" + "0" * 32)


def swap(place: Place) -> None:
    file_of(place, "b").write_bytes(file_of(place, "a").read_bytes())


def lie_about_the_size(place: Place) -> None:
    with tenant(place.id):
        Blob.objects.filter(id=blob_of(place, "b").id).update(sealed_size=5)


DAMAGE: dict[str, Any] = {
    "first byte": lambda place: flip(place, 0),
    "in the middle": lambda place: flip(place, 140_000),
    "last byte": lambda place: flip(place, -1),
    "cut": cut,
    "missing": lambda place: file_of(place, "b").unlink(),
    "another file's": swap,
    "names another bucket": send_elsewhere,
    "another size": lie_about_the_size,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_does_not_open_is_counted_and_left_as_it_is(
    place: Place, put: Put, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    for path in "abc":
        put(path, LONG)
    version = new_content_key(place)
    DAMAGE[damage](place)
    before = blob_of(place, "b")
    bytes_before = {file.name: file.read_bytes() for file in files(place)}.get(before.id.hex)
    with caplog.at_level(logging.ERROR, "hq.vault"):
        assert reseal(place, version) == (2, 1, None)
    [record] = caplog.records
    said: Any = record
    assert (said.organization_id, said.blob_id) == (str(place.id), str(before.id))
    assert before.key not in caplog.text + str(record.__dict__)
    after = blob_of(place, "b")
    assert (after.id, after.state, after.key_version, after.key) == (before.id, "STORED", 1, before.key)
    assert {file.name: file.read_bytes() for file in files(place)}.get(before.id.hex) == bytes_before
    assert len(files(place)) == (2 if damage == "missing" else 3)
    assert [get(place.actor(), path) for path in "ac"] == [LONG, LONG]
    assert left(place, version) == 1
    with tenant(place.id):
        assert Blob.objects.count() == 3


def test_files_under_a_lost_key_are_counted_and_left(place: Place, put: Put) -> None:
    put("a", LONG)
    version = new_content_key(place)
    put("b", LONG)
    lose(place, 1)
    assert reseal(place, version) == (0, 1, None)
    assert len(files(place)) == 2
    assert blob_of(place, "a").state == "STORED"


def test_a_full_disk_stops_it_and_leaves_everything_readable(
    place: Place, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a", LONG)
    version = new_content_key(place)
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "FileIO", _full_file())
        with pytest.raises(StorageFull):
            reseal(place, version)
    assert get(place.actor(), "a") == LONG
    assert_nothing_is_left_over(place)
    assert reseal(place, version) == (1, 0, None)


# ---- whose work it is


@pytest.mark.parametrize("nth", range(1, 7))
def test_whoever_lost_the_job_ends_at_the_next_step_and_leaves_nothing(place: Place, put: Put, nth: int) -> None:
    put("a", LONG)
    version = new_content_key(place)
    opened = 0

    @contextmanager
    def step() -> Iterator[None]:
        nonlocal opened
        opened += 1
        if opened == nth:
            raise LeaseLost
        with tenant(place.id):
            yield

    if nth < 6:
        with pytest.raises(LeaseLost):
            HOLDER.reseal(step, place.id, version, None, 100)
    else:  # there are five: the list, the row, two signs of life, the change of place
        assert HOLDER.reseal(step, place.id, version, None, 100) == (1, 0, None)
    assert get(place.actor(), "a") == LONG
    assert_nothing_is_left_over(place)
    assert left(place, version) == (1 if nth < 6 else 0)


def test_a_long_copy_shows_that_it_is_alive(place: Place, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a lease of ten minutes and of the job's two, a step each minute keeps both."""
    put("a", LONG)
    version = new_content_key(place)
    monkeypatch.setattr(drafts, "RENEWED_EVERY", -1.0)
    opened = 0

    @contextmanager
    def step() -> Iterator[None]:
        nonlocal opened
        with tenant(place.id):
            Blob.objects.filter(state="PENDING").update(lease_until=now() + timedelta(seconds=1))
            yield
            opened += 1
            if 3 <= opened <= 8:
                [until] = Blob.objects.filter(state="PENDING").values_list("lease_until", flat=True)
                assert until is not None
                assert until > now() + drafts.LEASE / 2

    assert HOLDER.reseal(step, place.id, version, None, 100) == (1, 0, None)
    assert opened == 5 + len(LONG) // 65_536


@pytest.mark.parametrize("at", ["_copy", "_plain", "_replace"])
def test_a_copy_that_was_taken_for_abandoned_is_given_up(
    place: Place, put: Put, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    put("a", LONG)
    version = new_content_key(place)
    real = getattr(module, at)

    def stopped_for_long(*args: Any) -> Any:
        with tenant(place.id):
            Blob.objects.filter(state="PENDING").update(state="DOOMED", lease_until=None)
        return real(*args)

    monkeypatch.setattr(module, at, stopped_for_long)
    assert reseal(place, version) == (0, 0, None)
    monkeypatch.undo()
    with tenant(place.id):  # the reaper's work
        for blob in Blob.objects.filter(state="DOOMED"):
            drafts.remove(blob)
    assert get(place.actor(), "a") == LONG
    assert_nothing_is_left_over(place)
    assert reseal(place, version) == (1, 0, None)


def test_copies_take_constant_memory(place: Place, put: Put) -> None:
    mebibyte = 1024 * 1024
    put("warm", b"up")
    new_content_key(place)
    reseal(place, 2)
    actions.put_object(actor=place.actor(), path="a", chunks=(bytes(mebibyte // 4) for _ in range(4 * 64)))
    version = new_content_key(place)
    tracemalloc.start()
    try:
        assert reseal(place, version) == (2, 0, None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * mebibyte


def test_plain_bytes_are_nowhere_at_rest_while_it_works(
    place: Place, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = b"not to be found" * 20_000
    put("a", canary)
    version = new_content_key(place)
    real, seen = drafts.lively, []

    def looking(chunks: Any, renew: Any) -> Iterator[bytes]:
        for chunk in real(chunks, renew):
            yield chunk
            found = [file for file in Path(settings.DATA_DIR).rglob("*") if file.is_file()]
            seen.append(any(b"not to be found" in file.read_bytes() for file in found))

    monkeypatch.setattr(drafts, "lively", looking)
    assert reseal(place, version) == (1, 0, None)
    assert len(seen) == 5
    assert not any(seen)
