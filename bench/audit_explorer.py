"""The explorer over many events: what one page of each filter costs in the database.

The events are written past HQ, by the administrator, into months from this one on, with people, addresses, acts and
targets as uneven as in life. Nothing of them is opened or proved here: their details are one sealed row's, their hashes
are random.
"""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

from django.db import connection

from audit.selectors import Filters
from audit.selectors.explorer import Search, choices, count_matches, list_actors, search_events
from audit.tags import Tag
from bench.access_data import administrator
from bench.figures import Figure, Report
from hq.authz.actor import Actor
from hq.crypto.aead import Tampered
from hq.db.context import tenant
from hq.lib.ids import new_id
from tests.factories import Place, make_place

MONTHS = 6
_FILL = """
    INSERT INTO audit_auditevent (id, organization_id, environment_id, index, at, tag, actor_kind, actor_id, method,
        target_kind, target_id, ip, request_id, detail, commitment, previous, hash)
    SELECT (lpad(to_hex(ms), 12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
        e.organization_id, e.environment_id, n, to_timestamp(ms / 1000.0),
        tags[1 + floor(power(spread, 3) * count)::int],
        'person', lpad(to_hex(floor(power(spread, 2) * 200)::int), 32, '0')::uuid, 'session',
        'object', 'target-' || floor(power(other, 2) * 500000)::int,
        '10.0.0.0'::inet + floor(power(other, 3) * 2000)::int, 'request-' || n / 2, e.detail, sha256(n::text::bytea),
        sha256(n::text::bytea), sha256(n::text::bytea)
    FROM (SELECT * FROM audit_auditevent WHERE environment_id = %(environment)s ORDER BY index LIMIT 1) e,
        (SELECT %(tags)s::text[] AS tags, %(count)s AS count) known,
        LATERAL (
            SELECT n, random() AS spread, random() AS other, %(begins)s + n * %(step)s AS ms
            FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
        ) drawn
"""


def measure(*, events: int = 10_000_000, rounds: int = 5) -> Report:
    """50 milliseconds for all the statements of a page, or for each of them on a page whose filter matches most."""
    logging.getLogger("hq.db.fields").setLevel(logging.CRITICAL)
    place = make_place()
    fill(place, events)
    pages = [(name, _page(place, search, before)) for name, search, before in asked(place, events)]
    for _, page in pages:
        page()
    figures = [
        Figure(what=f"page of {name}", samples=[page() for _ in range(rounds)], unit=" ms", at_most=50)
        for name, page in pages
    ]
    figures.append(
        Figure(what="the bar of filters", samples=[_bar(place) for _ in range(rounds)], unit=" ms", at_most=50)
    )
    return Report(
        sizes=f"{events:,} events of one environment in {MONTHS} months",
        figures=figures,
        beside={"load": f"{os.getloadavg()[0]:.1f}", "events and their indexes": _size()},
    )


def fill(place: Place, events: int) -> None:
    """The month's indexes are made when its rows are there, as for a table that comes from a dump."""
    tags = sorted(Tag)
    with administrator() as link:
        newest = link.execute("SELECT max(index) FROM audit_auditevent WHERE environment_id = %s", [place.live_id])
        first = newest.fetchall()[0][0] + 1
        dropped = _without_indexes(link)
        begins = int(datetime.now().astimezone().timestamp() * 1000)
        values = {"environment": place.live_id, "tags": tags, "count": len(tags), "begins": begins}
        values["step"] = MONTHS * 30 * 86_400_000 // events
        link.execute("SET synchronous_commit = off")
        for start in range(first, first + events, 500_000):
            last = min(start + 500_000, first + events) - 1
            link.execute(_FILL, values | {"first": start, "last": last})
        for statement in dropped:
            link.execute(statement)
        link.execute("VACUUM (ANALYZE) audit_auditevent")


def _without_indexes(link: Any) -> list[str]:
    rows = link.execute(
        "SELECT indexname, indexdef FROM pg_indexes"
        " WHERE tablename = 'audit_auditevent' AND indexdef NOT LIKE '%UNIQUE%'"
    ).fetchall()
    for name, _ in rows:
        link.execute(f"DROP INDEX {name}")
    return [text.replace(" ONLY ", " ") for _, text in rows]


def asked(place: Place, events: int) -> list[tuple[str, Search, int | None]]:
    """Each filter that docs/trail.md names: with what matches often, rarely and never."""
    begins = datetime.now().astimezone()
    often, rarely = UUID(int=0), UUID(int=199)
    tags = sorted(Tag)

    def by(**filters: Any) -> Search:
        return Search(filters=Filters(**filters))

    return [
        ("everything", Search(), None),
        ("everything, half way down", Search(), events // 2),
        ("a day", by(since=begins + timedelta(days=60), until=begins + timedelta(days=61)), None),
        ("somebody who did much", by(actor_id=often), None),
        ("somebody who did little", by(actor_id=rarely), None),
        ("nobody", by(actor_id=new_id()), None),
        ("an act that is usual", by(tag=tags[0]), None),
        ("an act that is rare", by(tag=tags[-1]), None),
        ("a kind of acts", Search(tags=tuple(tags[:12])), None),
        ("an address", by(ip="10.0.0.5"), None),
        ("an address that never came", by(ip="192.0.2.1"), None),
        ("a target", by(target_id="target-77"), None),
        ("a request", by(request_id="request-123456"), None),
        ("a name", Search(named=(("actor", str(rarely)), ("target", "target-9999"))), None),
        (
            "somebody's rare acts in a week",
            by(actor_id=often, tag=tags[-1], since=begins, until=begins + timedelta(7)),
            None,
        ),
        ("an address and an act", by(ip="10.0.0.5", tag=tags[3]), None),
    ]


def _page(place: Place, search: Search, before: int | None) -> Callable[[], float]:
    """Milliseconds of what the page asks: a page of rows and how many there are."""

    def ask(actor: Actor) -> None:
        search_events(actor, search, before=before, limit=50)
        count_matches(actor, search)

    return lambda: _in_database(place, ask)


def _bar(place: Place) -> float:
    def ask(actor: Actor) -> None:
        with suppress(Tampered):  # names, when everything is read: details here are another row's
            list_actors(actor)
        choices(actor, "ip")
        choices(actor, "tag")

    return _in_database(place, ask)


def _in_database(place: Place, work: Callable[[Actor], None]) -> float:
    """Milliseconds that its statements took, as Django sees them: with the way there and back."""
    taken = [0.0]

    def timed(execute: Any, *arguments: Any) -> Any:
        began = perf_counter()
        try:
            return execute(*arguments)
        finally:
            taken[0] += (perf_counter() - began) * 1000

    with tenant(place.id), connection.execute_wrapper(timed):
        work(place.actor())
    return taken[0]


def _size() -> str:
    with administrator() as link:
        row = link.execute(
            "SELECT pg_size_pretty(sum(pg_total_relation_size(inhrelid))) FROM pg_inherits"
            " WHERE inhparent = 'audit_auditevent'::regclass"
        ).fetchall()
    return str(row[0][0])
