"""The explorer over many events: what one page of each filter costs in the database.

The events, the requests beside them and the names in them are written past HQ, by the administrator, into months from
this one on, with people, addresses, acts, targets and words as uneven as in life. Nothing of them is opened or proved
here: their details are one sealed row's, their hashes are random.
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
from audit.selectors.explorer import Search, choices, count_matches, list_access, list_actors, search_events
from audit.tags import Tag
from bench.access_data import administrator
from bench.figures import Figure, Report
from evidence.selectors.search import beginnings_of, find_names, token
from hq.authz.actor import Actor
from hq.crypto.aead import Tampered
from hq.db.context import tenant
from hq.lib.folding import folded
from hq.lib.ids import new_id
from tests.factories import Place, make_place

MONTHS = 6
# What forty of them begin with many names have, and the others few.
WORDS = [
    *(f"Report{chr(97 + number % 26)}{number}" for number in range(40)),
    *(f"{chr(97 + number % 26)}{chr(97 + number // 26 % 26)}{number:04}" for number in range(40, 4040)),
]
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
# One for each two events, as two events of an act are one request.
_REQUESTS = """
    INSERT INTO audit_accessentry (id, organization_id, environment_id, at, actor_kind, actor_id, method, verb, route,
        status, ip, request_id, duration_ms, detail)
    SELECT (lpad(to_hex(ms), 12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
        e.organization_id, e.environment_id, to_timestamp(ms / 1000.0), 'person',
        lpad(to_hex(floor(power(random(), 2) * 200)::int), 32, '0')::uuid, 'session', 'POST', 'bench',
        CASE WHEN random() < 0.02 THEN 403 ELSE 200 END, '10.0.0.0'::inet + floor(power(random(), 3) * 2000)::int,
        'request-' || n, 3, e.detail
    FROM (SELECT * FROM audit_auditevent WHERE environment_id = %(environment)s ORDER BY index LIMIT 1) e,
        LATERAL (
            SELECT n, %(begins)s + n * 2 * %(step)s AS ms FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
        ) drawn
"""
# Each has two words: what many are called, and what few are. The label is one that nobody can open.
_NAMES = """
    WITH named AS (
        INSERT INTO evidence_trailname (id, organization_id, environment_id, kind, reference, label, digest)
        SELECT gen_random_uuid(), %(organization)s, %(environment)s, 'target', 'target-' || n, '\\x00'::bytea,
            sha256(n::text::bytea)
        FROM generate_series(1, %(names)s) n RETURNING id
    ), drawn AS (
        SELECT id, floor(power(random(), 3) * 40)::int AS often, 40 + floor(random() * 4000)::int AS rarely FROM named
    )
    INSERT INTO evidence_trailword (id, organization_id, environment_id, name_id, token)
    SELECT gen_random_uuid(), %(organization)s, %(environment)s, drawn.id, tokens.token
    FROM drawn, LATERAL unnest(ARRAY[often, rarely]) AS said (word)
    JOIN unnest(%(words)s::int[], %(tokens)s::bytea[]) AS tokens (word, token) ON tokens.word = said.word
"""
EVENTS_A_NAME = 50


def measure(*, events: int = 10_000_000, rounds: int = 5) -> Report:
    """50 milliseconds for all the statements of a page, or for each of them on a page whose filter matches most."""
    logging.getLogger("hq.db.fields").setLevel(logging.CRITICAL)
    place = make_place()
    fill(place, events)
    write_names(place, events // EVENTS_A_NAME)
    pages = [(name, _page(place, search, before)) for name, search, before in asked(place, events)]
    pages += [
        ("a name that is typed, found out", _named(place, "Report")),
        ("a whole name that is typed, found out", _named(place, f"{WORDS[0]} {WORDS[77]}")),
        ("a name that nobody has", _named(place, f"{WORDS[1]} Quixotic")),
        ("a request that is followed over both logs", _followed(place, "request-123456")),
    ]
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
            link.execute(_REQUESTS, values | {"first": start // 2, "last": last // 2})
        for statement in dropped:
            link.execute(statement)
        link.execute("VACUUM (ANALYZE) audit_auditevent")
        link.execute("VACUUM (ANALYZE) audit_accessentry")


def write_names(place: Place, names: int) -> None:
    """As `evidence.names` keeps them, with the tokens that HQ computes; nobody checks here whose they are."""
    tokens = {
        (number, token(place.id, beginning))
        for number, word in enumerate(WORDS)
        for beginning in beginnings_of(folded(word))
    }
    values = {
        "organization": place.id,
        "environment": place.live_id,
        "names": names,
        "words": [number for number, _ in tokens],
        "tokens": [each for _, each in tokens],
    }
    with administrator() as link:
        link.execute("SET session_replication_role = replica")  # no foreign key is looked up a million times
        link.execute(_NAMES, values)
        link.execute("VACUUM (ANALYZE) evidence_trailname")
        link.execute("VACUUM (ANALYZE) evidence_trailword")


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


def _named(place: Place, typed: str) -> Callable[[], float]:
    """Milliseconds of finding out who and what is meant by a name, before the page of their events is asked for."""

    def ask(actor: Actor) -> None:
        with suppress(Tampered):  # the names were read by then: their labels open nowhere
            find_names(actor, typed)

    return lambda: _in_database(place, ask)


def _followed(place: Place, request_id: str) -> Callable[[], float]:
    """Milliseconds of a request's events, how many they are, and its lines of the access log."""

    def ask(actor: Actor) -> None:
        search = Search(filters=Filters(request_id=request_id))
        search_events(actor, search, before=None, limit=50)
        count_matches(actor, search)
        list_access(actor, search.filters, before=None, limit=50)

    return lambda: _in_database(place, ask)


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
