"""Several writers on one path, each with a connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from hq.authz.actor import Actor
from hq.db.context import tenant
from hq.lib.errors import PreconditionFailed, Problem
from tests.factories import Place
from tests.vault.support import files, get
from vault import actions, selectors
from vault.actions import Conditions
from vault.actions.put import NameTaken
from vault.models import Blob, ObjectVersion, StoredObject

WRITERS = 8


def at_once(work: Callable[[int], Any], writers: int = WRITERS) -> list[Any]:
    """What each writer came to, a refusal included. All of them begin to commit together."""

    def one(number: int) -> Any:
        try:
            return work(number)
        except Problem as problem:
            return problem
        finally:
            connection.close()

    with ThreadPoolExecutor(writers) as pool:
        return list(pool.map(one, range(writers)))


def meeting(actor: Actor, path: Callable[[int], str], **more: Any) -> Callable[[int], Any]:
    """A put whose last chunk is held back until every writer has come as far."""
    barrier = Barrier(WRITERS)

    def work(number: int) -> Any:
        def chunks() -> Any:
            yield f"writer {number}".encode()
            barrier.wait(30)

        return actions.put_object(actor=actor, path=path(number), chunks=chunks(), **more)

    return work


def test_each_becomes_a_version_and_the_last_one_is_shown(committed_place: Place) -> None:
    actor = committed_place.actor()
    made = at_once(meeting(actor, lambda _: "a"))
    assert sorted(stored.version.number for stored in made) == list(range(1, WRITERS + 1))
    assert [stored.created for stored in made].count(True) == 1
    last = max(made, key=lambda stored: stored.version.number)
    assert get(actor, "a").decode() == f"writer {made.index(last)}"
    with tenant(actor.organization_id):
        assert [version.number for version in selectors.list_versions(actor, "a")] == list(range(WRITERS, 0, -1))


def test_of_writers_that_saw_the_same_version_exactly_one_wins(committed_place: Place) -> None:
    actor = committed_place.actor()
    seen = actions.put_object(actor=actor, path="a", chunks=[b"seen"]).version.sha256
    results = at_once(meeting(actor, lambda _: "a", conditions=Conditions(match=frozenset({seen}))))
    assert sum(isinstance(result, PreconditionFailed) for result in results) == WRITERS - 1
    with tenant(actor.organization_id):
        assert ObjectVersion.objects.count() == 2
        assert Blob.objects.count() == 2
    assert len(files(committed_place)) == 2


def test_of_writers_that_want_a_free_path_exactly_one_gets_it(committed_place: Place) -> None:
    actor = committed_place.actor()
    results = at_once(meeting(actor, lambda _: "a", conditions=Conditions(none_match=frozenset({"*"}))))
    assert sum(isinstance(result, PreconditionFailed) for result in results) == WRITERS - 1
    assert len(files(committed_place)) == 1


def test_a_file_and_a_folder_of_one_name_are_never_both_made(committed_place: Place) -> None:
    actor = committed_place.actor()
    results = at_once(meeting(actor, lambda number: ["a", "a/b", "a/b/c", "a/b/c/d"][number % 4]))
    assert any(isinstance(result, NameTaken) for result in results)
    with tenant(actor.organization_id):
        paths = set(StoredObject.objects.filter(deleted_at=None).values_list("path", flat=True))
    assert len(paths) == 1


def test_deleting_restoring_and_storing_at_once_never_wait_for_each_other_for_ever(committed_place: Place) -> None:
    actor = committed_place.actor()
    actions.put_object(actor=actor, path="a", chunks=[b"first"])

    def work(number: int) -> Any:
        for _ in range(6):
            try:
                match number % 3:
                    case 0:
                        actions.put_object(actor=actor, path="a", chunks=[b"more"])
                    case 1:
                        actions.delete_object(actor=actor, path="a")
                    case _:
                        actions.restore_object(actor=actor, path="a")
            except Problem:
                continue

    assert at_once(work) == [None] * WRITERS
    with tenant(actor.organization_id):
        numbers = [version.number for version in selectors.list_versions(actor, "a")]
    assert numbers == list(range(len(numbers), 0, -1))


@pytest.mark.parametrize("removed", ["doomed first", "shown first"])
def test_the_reaper_and_a_writer_that_is_late_never_both_win(committed_place: Place, removed: str) -> None:
    actor = committed_place.actor()

    def chunks() -> Any:
        yield b"late"
        if removed == "doomed first":
            with tenant(actor.organization_id):
                Blob.objects.filter(state="PENDING").update(state="DOOMED", lease_until=None)

    results = at_once(lambda _: actions.put_object(actor=actor, path="a", chunks=chunks()), writers=1)
    with tenant(actor.organization_id):
        shown = StoredObject.objects.filter(current__isnull=False).count()
    assert shown == (0 if removed == "doomed first" else 1)
    assert isinstance(results[0], Problem) == (removed == "doomed first")
