"""Lists: by prefix, by folder, page by page, at any size."""

import random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hq.authz.actor import Actor
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied
from hq.lib.paths import InvalidPath
from tests.factories import Place
from tests.vault.support import Put
from vault import actions, selectors
from vault.selectors import Folder, NotOurCursor

PATHS = [
    "a",
    "b.txt",
    "b/c",
    "b/d/e",
    "b/d/f",
    "b0",
    "claims/2026-q3/one",
    "claims/2026-q3/two",
    "claims/2026-q4/one",
    "claims/2026",
    "claims/ä/x",
    "claims/\U0001f600",
    "Z",
]


@pytest.fixture
def many(put: Put, actor: Actor) -> list[str]:
    for path in PATHS:
        put(path, path.encode())
    put("deleted/x")
    actions.delete_object(actor=actor, path="deleted/x")
    put("b/gone")
    actions.delete_object(actor=actor, path="b/gone")
    return sorted(PATHS)


def listed(actor: Actor, **more: Any) -> list[str]:
    with tenant(actor.organization_id):
        return [entry.path for entry in selectors.list_objects(actor, **{"limit": 100, **more})]


def by_pages(actor: Actor, limit: int, **more: Any) -> list[str]:
    seen: list[str] = []
    after = ""
    with tenant(actor.organization_id):
        while True:
            rows = selectors.list_objects(actor, limit=limit, after=after, **more)
            seen += [entry.path for entry in rows[:limit]]
            if len(rows) <= limit:
                return seen
            after = selectors.position(rows[limit - 1])


def expected(prefix: str, paths: list[str]) -> list[str]:
    """Folders first, then files, each in the order of their bytes: what a list must be, said the slow way."""
    base = prefix[: prefix.rfind("/") + 1]
    matching = [path for path in paths if path.startswith(prefix)]
    folders = {
        base + path.removeprefix(base).split("/")[0] + "/" for path in matching if "/" in path.removeprefix(base)
    }
    return [
        *sorted(folders, key=str.encode),
        *sorted((p for p in matching if "/" not in p.removeprefix(base)), key=str.encode),
    ]


def test_all_objects_come_in_the_order_of_their_bytes(actor: Actor, many: list[str]) -> None:
    assert listed(actor) == sorted(many, key=str.encode)


PREFIXES = [
    "",
    "b",
    "b/",
    "b/d",
    "b/d/",
    "claims/",
    "claims/2026",
    "claims/2026-",
    "claims/2026-q3/",
    "claims/ä",
    "nothing",
    "Z",
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_gives_what_begins_with_it(actor: Actor, many: list[str], prefix: str) -> None:
    assert listed(actor, prefix=prefix) == sorted((p for p in many if p.startswith(prefix)), key=str.encode)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_folders_come_first_and_each_once(actor: Actor, many: list[str], prefix: str) -> None:
    assert listed(actor, prefix=prefix, folders=True) == expected(prefix, many)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("folders", [True, False])
def test_pages_give_each_entry_once(actor: Actor, many: list[str], limit: int, folders: bool) -> None:
    for prefix in ("", "claims/", "b"):
        assert by_pages(actor, limit, prefix=prefix, folders=folders) == listed(actor, prefix=prefix, folders=folders)


def test_random_trees_are_listed_as_the_slow_way_lists_them(actor: Actor, put: Put) -> None:
    chosen = random.Random(20261122)
    names = ["a", "a0", "a-", "a.", "b", "B", "é", "z z"]
    paths: list[str] = []
    while len(paths) < 40:
        path = "/".join(chosen.choices([n for n in names if not n.endswith(".")], k=chosen.randint(1, 4)))
        if not any(other == path or other.startswith(f"{path}/") or path.startswith(f"{other}/") for other in paths):
            put(path)
            paths.append(path)
    for prefix in {"", *(path[: chosen.randint(1, len(path))] for path in paths)}:
        assert listed(actor, prefix=prefix, folders=True) == expected(prefix, paths), prefix
        assert by_pages(actor, 3, prefix=prefix, folders=True) == expected(prefix, paths), prefix


def test_a_folder_says_how_many_objects_are_below_it(
    actor: Actor, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant(actor.organization_id):
        counts = {e.path: e for e in selectors.list_objects(actor, folders=True) if isinstance(e, Folder)}
    assert {path: (folder.objects, folder.more) for path, folder in counts.items()} == {
        "b/": (3, False),
        "claims/": (6, False),
    }
    monkeypatch.setattr("vault.selectors.lists.COUNTED_MOST", 2)
    with tenant(actor.organization_id):
        folder = selectors.list_objects(actor, folders=True)[0]
    assert isinstance(folder, Folder)
    assert (folder.objects, folder.more, folder.name) == (2, True, "b")


def test_totals_below_a_prefix(actor: Actor, many: list[str]) -> None:
    with tenant(actor.organization_id):
        totals = selectors.count_below(actor, "b/")
    assert (totals.objects, totals.size, totals.more) == (3, len("b/cb/d/eb/d/f"), False)


@pytest.mark.parametrize("after", ["x", "o", "oa\x00", "o/../", "dclaims", "oother/a", "o" + "x" * 5000, "\ud800"])
def test_a_made_up_position_is_refused(actor: Actor, after: str) -> None:
    with tenant(actor.organization_id), pytest.raises((NotOurCursor, InvalidPath)):
        selectors.list_objects(actor, prefix="claims/", after=after)


@pytest.mark.parametrize(
    "after",
    [
        "x",
        "2026-11-22T00:00:00+00:00",
        "2026-11-22 x",
        "0001-01-01T00:00:00+23:59 01234567-89ab-7def-8123-456789abcdef",
    ],
)
def test_a_made_up_position_among_the_deleted_is_refused(actor: Actor, after: str) -> None:
    with tenant(actor.organization_id), pytest.raises(NotOurCursor):
        selectors.list_deleted(actor, after=after)


@pytest.mark.parametrize("prefix", ["/", "a//", "../", "a\x00", "x" * 1025, "a\\"])
def test_a_hostile_prefix_is_refused(actor: Actor, prefix: str) -> None:
    with tenant(actor.organization_id), pytest.raises(InvalidPath):
        selectors.list_objects(actor, prefix=prefix)


def test_an_auditor_lists_no_files(place: Place) -> None:
    with tenant(place.id), pytest.raises(Denied):
        selectors.list_objects(place.actor(Role.AUDITOR))


def test_a_folder_costs_one_probe_of_the_index_whatever_it_holds(actor: Actor, many: list[str]) -> None:
    """Nothing is sorted and no table is read through: with few rows the planner must be told that it may not."""
    with tenant(actor.organization_id), CaptureQueriesContext(connection) as queries:
        selectors.list_objects(actor, prefix="b", folders=True)
        selectors.list_objects(actor, prefix="b", after="ob")
        selectors.count_below(actor, "b")
        listing = [
            query["sql"]
            for query in queries
            if 'FROM "vault_storedobject"' in query["sql"] or "RECURSIVE" in query["sql"]
        ]
        assert len(listing) == 4
        with connection.cursor() as cursor:
            for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
            for statement in listing:
                cursor.execute(f"EXPLAIN {statement}")
                plan = "\n".join(line for (line,) in cursor.fetchall())
                assert "Sort" not in plan
                assert "Seq Scan" not in plan


def test_a_page_costs_the_same_few_queries_whatever_is_listed(actor: Actor, many: list[str]) -> None:
    with tenant(actor.organization_id):
        for folders, most in ((True, 3), (False, 2)):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                selectors.list_objects(actor, folders=folders)
            assert len(queries) <= most
