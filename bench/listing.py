"""One folder of a million objects: what a page of it asks of the database, wherever in it the page begins."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.db import connection

from bench.access_data import administrator
from bench.figures import Figure, Report
from hq.db.context import tenant
from tests.factories import Place, make_place
from vault import actions, selectors

FOLDER = "archive/"
PAGE = 50
_OBJECTS = """
    INSERT INTO vault_storedobject (organization_id, environment_id, id, path, current, size, created_at, updated_at)
    SELECT organization_id, environment_id, gen_random_uuid(), %(folder)s || lpad(number::text, 9, '0') || '.csv',
        1, size, created_at, updated_at
    FROM vault_storedobject, generate_series(1, %(objects)s) AS number WHERE id = %(like)s
"""
# The sealed columns are another row's: they are not opened here, only fetched.
_VERSIONS = """
    INSERT INTO vault_objectversion
        (organization_id, id, object_id, number, blob_id, size, sha256, content_type, created_at, created_by_kind,
         created_by_id, created_by)
    SELECT made.organization_id, gen_random_uuid(), made.id, 1, shown.blob_id, shown.size, shown.sha256,
        shown.content_type, shown.created_at, shown.created_by_kind, shown.created_by_id, shown.created_by
    FROM vault_objectversion AS shown
    JOIN vault_storedobject AS made ON made.organization_id = shown.organization_id AND made.id != shown.object_id
    WHERE shown.object_id = %(like)s
"""


def measure(*, objects: int = 1_000_000, rounds: int = 7) -> Report:
    place = make_place()
    _fill(place, objects)
    pages: dict[str, Callable[[], None]] = {
        "first": lambda: _page(place, ""),
        "in the middle": lambda: _page(place, f"o{FOLDER}{objects // 2:09}.csv"),
        "by the beginning of a name": lambda: _page(place, "", f"{FOLDER}{objects // 2 // 1000:06}"),
    }
    for page in pages.values():
        page()  # the plans are made, and what is asked for most often is in memory
    taken = {name: [_in_database(page) * 1000 for _ in range(rounds)] for name, page in pages.items()}
    return Report(
        sizes=f"{objects:,} objects in one folder, pages of {PAGE}",
        figures=[
            Figure(what=f"a page {name}, in the database", samples=samples, unit=" ms", at_most=20)
            for name, samples in taken.items()
        ],
    )


def _fill(place: Place, objects: int) -> None:
    first = actions.put_object(actor=place.actor(), path=f"{FOLDER}first.csv", chunks=[b"x"]).version
    arguments = {"folder": FOLDER, "objects": objects, "like": first.object_id}
    with administrator() as link, link.transaction():
        link.execute("SET LOCAL session_replication_role = replica")  # no triggers: what refers is right as it is made
        link.execute(_OBJECTS, arguments)
        link.execute(_VERSIONS, arguments)
    with administrator() as link:
        for table in ("vault_storedobject", "vault_objectversion"):
            link.execute(f"VACUUM ANALYZE {table}")


def _page(place: Place, after: str, prefix: str = FOLDER) -> None:
    with tenant(place.id):
        found = selectors.list_objects(place.actor(), prefix=prefix, folders=True, after=after, limit=PAGE)
    if len(found) != PAGE + 1:
        raise AssertionError("The page is not full.")


def _in_database(page: Callable[[], None]) -> float:
    """Seconds between asking and having the rows, of all its statements."""
    taken: list[float] = []

    def timed(execute: Callable[..., Any], *arguments: Any) -> Any:
        began = perf_counter()
        try:
            return execute(*arguments)
        finally:
            taken.append(perf_counter() - began)

    with connection.execute_wrapper(timed):
        page()
    return sum(taken)
