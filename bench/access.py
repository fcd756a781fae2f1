"""Access rules at size: one decision, and one page of what somebody may see, under row security as the running role.

Each is the product's own call, and its statements are explained as they pass: `EXPLAIN (ANALYZE, TIMING OFF)` gives the
server's planning and execution time, so neither the network nor Python is counted, and every plan is made anew. A page
is the principal's prefixes, the objects in them, and the current version of each. The peer is asked for the same page
of the same objects, in the same way.
"""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from django.db import connection

from bench.access_data import FILES, Size, counted, fill, principals_of
from bench.figures import Figure, Report, ratios
from bench.guardian import Visible, guardian
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from tenants.models import User
from tests.factories import make_place
from vault import selectors

PAGE = 50
READ = Permission.OBJECTS_READ
People = list[tuple[User, Actor]]


def measure(
    *, organizations: int = 20, teams: int = 50, projects: int = 20, principals: int = 500, asked: int = 72
) -> Report:
    size = Size(teams=teams, projects=projects, principals=principals)
    places = [make_place() for _ in range(organizations)]
    fill(places, size)
    each = -(-asked // organizations)
    people = [one for place in places for one in principals_of(place, each)][:asked]
    chance = random.Random(20261122)  # noqa: S311 - not a secret
    decisions = [_decision(actor, _path(chance, size)) for _, actor in people for _ in range(10)]
    _pages(people)  # to warm up
    ours, folders = _pages(people), _pages(people, folders=True)
    with guardian(people) as visible:
        _peer_pages(visible, people)  # to warm up
        theirs = _peer_pages(visible, people)
        rows = counted("guardian_userobjectpermission")
    right = [float(_is_right(actor, chance, size)) for _, actor in people]
    entries = counted("tenants_aclentry")
    return Report(
        sizes=f"{organizations * size.paths:,} paths in {organizations} organizations, {entries:,} rules of"
        f" {organizations * principals:,} principals; {len(people)} of them asked",
        figures=[
            Figure(what="a decision on one path", samples=decisions, unit=" ms", at_most=0.3),
            Figure(what=f"a page of {PAGE} visible paths", samples=ours, unit=" ms", at_most=3),
            Figure(what="times faster than django-guardian's page", samples=ratios(theirs, ours), at_least=10),
            Figure(what="lists equal the naive ones", samples=[min(right)], unit="", at_least=1, at_most=1),
        ],
        beside={
            "django-guardian's page": f"{median(theirs):.2f} ms, with {rows:,} rows for {len(people)} principals",
            "a page of folders, each counted": f"{median(folders):.2f} ms",
            "the naive page (EXISTS starts_with)": f"{median(_naive_page(actor) for _, actor in people[:20]):.2f} ms",
        },
    )


@contextmanager
def _server_times() -> Iterator[list[float]]:
    """Milliseconds that the server planned and executed, statement by statement."""
    times: list[float] = []

    def explain(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params, many, context)
        told = context["cursor"].fetchone()[0]
        plan = (json.loads(told) if isinstance(told, str) else told)[0]
        times.append(plan["Planning Time"] + plan["Execution Time"])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield times


def _explained(actor: Actor, work: Callable[[], object]) -> float:
    with tenant(actor.organization_id), _server_times() as times:
        work()
    return sum(times)


def _path(chance: random.Random, size: Size) -> str:
    team, project = chance.randint(1, size.teams), chance.randint(1, size.projects)
    return f"team-{team:03}/project-{project:03}/file-{chance.randint(1, FILES):05}.csv"


def _decision(actor: Actor, path: str) -> float:
    return _explained(actor, lambda: gate.allows(actor, READ, path=path))


def _pages(people: People, *, folders: bool = False) -> list[float]:
    def page(actor: Actor) -> float:
        return _explained(actor, lambda: selectors.list_objects(actor, folders=folders, limit=PAGE))

    return [page(actor) for _, actor in people]


def _peer_pages(visible: Visible, people: People) -> list[float]:
    def page(person: User, actor: Actor) -> float:
        return _explained(actor, lambda: _peer_page(visible, person, actor))

    return [page(person, actor) for person, actor in people]


def _peer_page(visible: Visible, person: User, actor: Actor) -> None:
    """With the versions, as ours has them."""
    found = visible(person, actor)[: PAGE + 1]
    if len(selectors.current_of(actor, found)) != PAGE + 1:
        raise AssertionError("The peer's page is not full.")


_NAIVE = """
    SELECT seen.path FROM vault_storedobject AS seen
    WHERE seen.organization_id = %(organization)s AND seen.environment_id = %(environment)s AND seen.deleted_at IS NULL
      AND EXISTS (SELECT FROM tenants_aclentry AS entry WHERE entry.organization_id = seen.organization_id
                  AND entry.environment_id = seen.environment_id AND entry.membership_id = %(principal)s
                  AND starts_with(seen.path, entry.prefix))
    ORDER BY seen.path
"""


def _naive(actor: Actor, limit: int | None = None) -> list[str]:
    named = {
        "organization": actor.organization_id,
        "environment": actor.environment_id,
        "principal": actor.principal_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NAIVE + (f" LIMIT {limit}" if limit else ""), named)
        return [path for (path,) in cursor.fetchall()]


def _naive_page(actor: Actor) -> float:
    return _explained(actor, lambda: _naive(actor, PAGE + 1))


def _is_right(actor: Actor, chance: random.Random, size: Size) -> bool:
    """Every page of the list, one after the other, and ten decisions."""
    with tenant(actor.organization_id):
        slow, after, seen = _naive(actor), "", list[str]()
        while True:
            rows = selectors.list_objects(actor, after=after, limit=200)
            seen += [row.path for row in rows[:200]]
            if len(rows) <= 200:
                break
            after = selectors.position(rows[199])
        theirs, asked = set(slow), [_path(chance, size) for _ in range(10)]
        return seen == slow and all(gate.allows(actor, READ, path=path) == (path in theirs) for path in asked)
