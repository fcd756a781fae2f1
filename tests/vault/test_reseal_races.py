"""Bringing files under a new key while everybody goes on: threads with connections of their own."""

import random
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from threading import Barrier, Event
from time import monotonic
from typing import Any

import pytest
from django.db import connection

from hq.authz.actor import Actor
from hq.db.context import tenant
from hq.lib.errors import NotFound, Problem, Refused
from tests.factories import Place
from tests.vault.support import Put, assert_nothing_is_left_over, files, get, new_content_key, reseal
from vault import actions
from vault.actions import StoredFiles, remove
from vault.actions import reseal as module
from vault.actions.put import add_version
from vault.models import Blob, ObjectVersion
from vault.store import MissingBytes

PATIENCE, ENOUGH = 60.0, 100
CONTENT = b"content " * 20_000  # three chunks


@contextmanager
def threads(count: int) -> Any:
    """A pool whose work closes its connection."""
    with ThreadPoolExecutor(count) as pool:

        def begin(work: Callable[..., Any], *arguments: Any) -> Future[Any]:
            def closing() -> Any:
                try:
                    return work(*arguments)
                finally:
                    connection.close()

            return pool.submit(closing)

        yield begin


def left(place: Place, version: int) -> int:
    with tenant(place.id):
        return StoredFiles().left(place.id, version)


def until_somebody_waits_for_a_lock() -> None:
    give_up_at = monotonic() + PATIENCE
    with connection.cursor() as cursor:
        while monotonic() < give_up_at:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("Nobody waits.")


def test_who_looked_before_and_opens_after_reads_the_same(place: Place, put: Put) -> None:
    put("a", CONTENT)
    opened = actions.open_object(actor=place.actor(), path="a")
    for _ in range(2):
        reseal(place, new_content_key(place))
        assert b"".join(opened.read()) == CONTENT
        assert b"".join(opened.read(70_000, 70_010)) == CONTENT[70_000:70_010]


def test_a_download_that_is_under_way_ends(place: Place, put: Put) -> None:
    put("a", CONTENT)
    pieces = actions.open_object(actor=place.actor(), path="a").read()
    begun = next(pieces)
    reseal(place, new_content_key(place))
    assert begun + b"".join(pieces) == CONTENT


def test_bytes_that_are_missing_are_still_missing(place: Place, put: Put) -> None:
    put("a", CONTENT)
    opened = actions.open_object(actor=place.actor(), path="a")
    files(place)[0].unlink()
    with pytest.raises(MissingBytes):
        opened.read()


def test_a_version_that_is_restored_just_then_gets_the_new_file(
    committed_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The restore holds the old file already; the change of place waits for it, and finds its version too."""
    place, actor = committed_place, committed_place.actor()
    for content in (CONTENT, b"second"):
        actions.put_object(actor=actor, path="a", chunks=[content])
    version = new_content_key(place)
    holding, go_on = Event(), Event()
    real = add_version

    def waiting(*args: Any, **kwargs: Any) -> Any:
        holding.set()
        assert go_on.wait(PATIENCE)
        return real(*args, **kwargs)

    monkeypatch.setattr(remove, "add_version", waiting)
    with threads(2) as begin:
        restored = begin(lambda: actions.restore_object(actor=actor, path="a", version=1))
        assert holding.wait(PATIENCE)
        resealed = begin(reseal, place, version)
        try:
            until_somebody_waits_for_a_lock()
        finally:
            go_on.set()
        assert restored.result(PATIENCE).number == 3
        assert resealed.result(PATIENCE) == (2, 0, None)
    assert [get(actor, "a", number) for number in (1, 2, 3)] == [CONTENT, b"second", CONTENT]
    assert left(place, version) == 0
    assert_nothing_is_left_over(place)


def test_a_restore_that_looked_before_takes_up_the_new_file(
    committed_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, actor = committed_place, committed_place.actor()
    for content in (CONTENT, b"second"):
        actions.put_object(actor=actor, path="a", chunks=[content])
    version = new_content_key(place)
    real = remove._held

    def late(found: Any) -> Blob:
        with threads(1) as begin:
            assert begin(reseal, place, version).result(PATIENCE) == (2, 0, None)
        return real(found)

    monkeypatch.setattr(remove, "_held", late)
    actions.restore_object(actor=actor, path="a", version=1)
    assert [get(actor, "a", number) for number in (1, 2, 3)] == [CONTENT, b"second", CONTENT]
    assert_nothing_is_left_over(place)


def test_two_workers_at_the_same_file_make_one_new_file_of_it(
    committed_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, actor = committed_place, committed_place.actor()
    for path in "abc":
        actions.put_object(actor=actor, path=path, chunks=[CONTENT])
    version = new_content_key(place)
    both, real = Barrier(2), module._replace

    def together(*args: Any) -> None:
        both.wait(PATIENCE)
        real(*args)

    monkeypatch.setattr(module, "_replace", together)
    with threads(2) as begin:
        done = [work.result(PATIENCE) for work in [begin(reseal, place, version) for _ in range(2)]]
    assert sum(batch.resealed for batch in done) == 3
    assert sum(batch.unopened for batch in done) == 0
    assert [get(actor, path) for path in "abc"] == [CONTENT] * 3
    assert left(place, version) == 0
    assert_nothing_is_left_over(place)


def test_a_worker_that_was_overtaken_finds_nothing_amiss(
    committed_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, actor = committed_place, committed_place.actor()
    actions.put_object(actor=actor, path="a", chunks=[CONTENT])
    version = new_content_key(place)
    real = module._copy

    def overtaken(*args: Any) -> None:
        monkeypatch.undo()
        assert reseal(place, version) == (1, 0, None)
        real(*args)

    monkeypatch.setattr(module, "_copy", overtaken)
    assert reseal(place, version) == (0, 0, None)
    assert get(actor, "a") == CONTENT
    assert_nothing_is_left_over(place)


class Load:
    """Readers and writers, until told to end. Each keeps count; whatever is wrong is raised."""

    def __init__(self, actor: Actor, fixed: dict[str, bytes]) -> None:
        self.actor, self.fixed, self.over = actor, fixed, Event()

    def read(self, seed: int) -> int:
        """Of files that nobody changes, every read must succeed and be right, whole or in part."""
        chance, done = random.Random(seed), 0
        while not self.over.is_set():
            path = chance.choice(sorted(self.fixed))
            start = chance.randrange(len(self.fixed[path]) + 1)
            opened = actions.open_object(actor=self.actor, path=path)
            assert b"".join(opened.read(start)) == self.fixed[path][start:]
            done += 1
        return done

    def change(self, seed: int) -> int:
        """Of files that everybody changes, whatever is read is what its version says."""
        chance, done = random.Random(seed), 0
        while not self.over.is_set():
            path = f"changing/{chance.randrange(4)}"
            try:
                match chance.randrange(4):
                    case 0 if done < ENOUGH:
                        actions.put_object(actor=self.actor, path=path, chunks=[chance.randbytes(90_000)])
                    case 1:
                        actions.delete_object(actor=self.actor, path=path)
                    case 2:
                        actions.restore_object(actor=self.actor, path=path, version=chance.randrange(1, 6))
                    case _:
                        self._read_what_is_there(path)
            except (NotFound, Refused):
                continue
            done += 1
        return done

    def _read_what_is_there(self, path: str) -> None:
        opened = actions.open_object(actor=self.actor, path=path)
        assert sha256(b"".join(opened.read())).hexdigest() == opened.version.sha256


def test_reads_and_writes_go_on_with_none_failed_and_none_wrong(committed_place: Place) -> None:
    place, actor = committed_place, committed_place.actor()
    chance = random.Random(7)
    fixed = {f"fixed/{number}": chance.randbytes(number * 40_000) for number in range(8)}
    for path, content in fixed.items():
        actions.put_object(actor=actor, path=path, chunks=[content])
    load = Load(actor, fixed)
    with threads(7) as begin:
        working = [begin(load.read, seed) for seed in range(3)] + [begin(load.change, seed) for seed in range(2)]
        try:
            resealed = 0
            for _ in range(3):
                version = new_content_key(place)
                for round_ in [begin(reseal, place, version) for _ in range(2)]:
                    batch = round_.result(PATIENCE)
                    assert batch.unopened == 0
                    resealed += batch.resealed
        finally:
            load.over.set()
        done = [work.result(PATIENCE) for work in working]
    assert min(done) > 10, done
    assert resealed >= 3 * len(fixed)
    assert reseal(place, version).unopened == 0
    assert left(place, version) == 0
    assert {path: get(actor, path) for path in fixed} == fixed
    assert_nothing_is_left_over(place)
    assert_every_version_reads(place)


def assert_every_version_reads(place: Place) -> None:
    with tenant(place.id):
        versions = list(ObjectVersion.objects.select_related("object"))
    for version in versions:
        content = get(place.actor(), version.object.path, version.number)
        assert sha256(content).hexdigest() == version.sha256


def test_a_problem_is_what_the_load_would_raise(committed_place: Place) -> None:
    """The load above is not blind: of a file that is gone it says so."""
    load = Load(committed_place.actor(), {"fixed/never": b"stored"})
    with pytest.raises(Problem):
        load.read(0)
