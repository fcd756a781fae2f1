"""What the explorer asks for, by statements that read no more rows than they give, however long the trail is.

Newest first means by time and, within a time, by index. Each filter has an index that ends in these two. Where one of
several values will do (everything that somebody did or that was done to them, every act on objects), each value is
looked up by itself and the newest of all are taken: one condition over all of them would read the whole trail.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from audit.models import AccessEntry, AuditEvent
from audit.selectors.altered import shown
from audit.selectors.events import Filters
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db.rows import Columns
from hq.lib.ids import earliest_id

COUNTED: Final = 10_000  # more matches than that are told as "more than"
SIFTED: Final = 5_000  # where two filters meet, so many of what the first one leaves are looked at to count
CHOICES: Final = 50
SLACK: Final = timedelta(minutes=1)  # between the time in a request's id and the one beside it
ACTORS_MOST: Final = 20
_TABLE: Final = AuditEvent._meta.db_table  # noqa: SLF001 - Django's documented way to a table's name
_EVENTS: Final = Columns(AuditEvent)
# Those that leave fewest first: an index finds what meets the first, and the others are asked of each row.
_SINGLE: Final = {
    "request_id": "request_id = %s",
    "target_id": "target_id = %s",
    "actor_id": "actor_id = %s",
    "ip": "ip = %s::inet",
    "tag": "tag = %s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """`filters`, and beside them: one of these tags, and anything that names one of these actors or targets.

    `named` None is no search by name; empty is one that found nobody, and nothing matches.
    """

    filters: Filters = field(default_factory=Filters)
    tags: tuple[Tag, ...] = ()
    named: tuple[tuple[str, str], ...] | None = None  # ("actor" or "target", id)


class Counted(NamedTuple):
    """So many events match, or `more` than that."""

    events: int
    more: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    """A statement's parts: what every row must be, and the column and values of which each is looked up by itself.

    An index finds what meets the conditions. What is there `besides`, each row is asked for.
    """

    conditions: tuple[str, ...]
    values: tuple[Any, ...]
    besides: tuple[str, ...] = ()
    asked: tuple[Any, ...] = ()
    column: str = ""
    among: tuple[str, ...] = ()


def search_events(actor: Actor, search: Search, *, before: int | None, limit: int) -> Sequence[AuditEvent]:
    """Newest first; up to limit + 1, so that the caller knows whether there is more. `before` is an index."""
    gate.require(actor, Permission.AUDIT_READ)
    found: set[int] = set()
    for asked in _asked(actor, search, before):
        statement, values = _rows(asked, "at, index", "ORDER BY at DESC, index DESC LIMIT %s", limit + 1)
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            found |= {index for _, index in cursor.fetchall()}
    rows = AuditEvent.objects.filter(
        organization_id=actor.organization_id, environment_id=environment_of(actor), index__in=found
    )
    return shown(list(rows.order_by("-at", "-index")[: limit + 1]))


def count_matches(actor: Actor, search: Search) -> Counted:
    """How many events match, up to `COUNTED`. Where filters meet, of the newest `SIFTED` that the first one leaves."""
    gate.require(actor, Permission.AUDIT_READ)
    total, cut = 0, False
    for asked in _asked(actor, search, None):
        statement, values = _sifted(asked) if asked.besides else _counted(asked)
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            matches, more = cursor.fetchone()
        total, cut = total + matches, cut or more
    return Counted(min(total, COUNTED), cut or total > COUNTED)


def _counted(asked: _Asked) -> tuple[str, list[Any]]:
    statement, values = _rows(asked, "1 AS one", "LIMIT %s", COUNTED + 1)
    return f"SELECT count(*), false FROM ({statement}) matches", values  # noqa: S608 - it is made of our own texts


def _sifted(asked: _Asked) -> tuple[str, list[Any]]:
    """How many are right of the newest ones, of each value of the column, and whether there are others behind them."""
    first = replace(asked, besides=(), asked=())
    each = max(1, SIFTED // max(1, len(asked.among)))
    columns = f"{', '.join(_SINGLE)}{', wanted.value' if asked.column else ''}"
    statement, values = _rows(first, columns, "ORDER BY at DESC, index DESC LIMIT %s", each, together=False)
    right = " AND ".join(asked.besides)
    counting = f"""
        SELECT coalesce(sum(fits), 0)::bigint, coalesce(bool_or(seen = %s), false) FROM (
            SELECT count(*) FILTER (WHERE {right}) AS fits, count(*) AS seen
            FROM ({statement}) newest {"GROUP BY value" if asked.column else ""}
        ) sifted
    """  # noqa: S608 - it is made of our own texts
    return counting, [each, *asked.asked, *values]


def choices(actor: Actor, column: str) -> list[str]:
    """The first values that a column has in this trail, in order, without reading all of it.

    PostgreSQL has no such scan of its own: from each value the next larger one is looked up. Of the acts all are known,
    so each is looked up by itself, which ends at the first month that has it. `column` is tag, ip or actor_id.
    """
    gate.require(actor, Permission.AUDIT_READ)
    if column not in {"actor_id", "ip", "tag"}:
        raise ValueError(column)
    place = [actor.organization_id, actor.environment_id]
    here = "organization_id = %s AND environment_id = %s"
    if column == "tag":
        return _read(
            f"SELECT tag FROM unnest(%s::text[]) AS known (tag), LATERAL ("  # noqa: S608 - the table's name
            f" SELECT FROM {_TABLE} e WHERE {here} AND e.tag = known.tag LIMIT 1) found",
            [sorted(Tag), *place],
        )
    statement = f"""
        WITH RECURSIVE found AS (
            (SELECT {column} FROM {_TABLE} WHERE {here} AND {column} IS NOT NULL ORDER BY {column} LIMIT 1)
            UNION ALL
            SELECT (SELECT {column} FROM {_TABLE} WHERE {here} AND {column} > found.{column} ORDER BY {column} LIMIT 1)
            FROM found WHERE found.{column} IS NOT NULL
        )
        SELECT {"host(ip)" if column == "ip" else "actor_id::text"} FROM found WHERE {column} IS NOT NULL LIMIT %s
    """  # noqa: S608 - table and column are our own words
    return _read(statement, [*place, *place, CHOICES])


def _read(statement: str, values: list[Any]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]


def list_tags(actor: Actor) -> list[str]:
    """The tags that occur, for the filter."""
    return choices(actor, "tag")


def list_actors(actor: Actor) -> list[tuple[UUID, str]]:
    """Who acted, each with the name of their newest event, for the filter."""
    statement = f"""
        SELECT newest.* FROM unnest(%s::uuid[]) AS wanted (value), LATERAL (
            SELECT {_EVENTS.of("e")} FROM {_TABLE} e
            WHERE e.organization_id = %s AND e.environment_id = %s AND e.actor_id = wanted.value
            ORDER BY e.at DESC, e.index DESC LIMIT 1
        ) newest
    """  # noqa: S608 - the names of a table and of its columns
    ids = [UUID(each) for each in choices(actor, "actor_id")]
    with connection.cursor() as cursor:
        cursor.execute(statement, [ids, actor.organization_id, actor.environment_id])
        newest = shown([_EVENTS.row(row) for row in cursor.fetchall()])
    return sorted(((event.actor_id, event.actor_label) for event in newest), key=lambda pair: pair[1].casefold())


def _asked(actor: Actor, search: Search, before: int | None) -> list[_Asked]:
    conditions, filters = ["organization_id = %s", "environment_id = %s"], search.filters
    values: list[Any] = [actor.organization_id, actor.environment_id]
    if before is not None:
        place = f"SELECT at, index FROM {_TABLE} WHERE organization_id = %s AND environment_id = %s AND index = %s"  # noqa: S608 - the table's name
        conditions.append(f"(at, index) < ({place})")
        values += [actor.organization_id, actor.environment_id, before]
    for condition, value in (("at >= %s", filters.since), ("at < %s", filters.until)):
        if value:
            conditions.append(condition)
            values.append(value)
    single = [(condition, value) for name, condition in _SINGLE.items() if (value := getattr(filters, name))]
    ways, tags = _ways(search), search.tags if not filters.tag else ()
    if search.named is not None and tags:
        single.append(("tag = ANY(%s)", list(tags)))
    if not ways and search.named is None:
        conditions += [condition for condition, _ in single[:1]]
        values += [value for _, value in single[:1]]
        ways, single = [("", ())], single[1:]
    besides, asked = tuple(condition for condition, _ in single), tuple(value for _, value in single)
    return [_Asked(tuple(conditions), tuple(values), besides, asked, column, among) for column, among in ways]


def _ways(search: Search) -> list[tuple[str, tuple[str, ...]]]:
    """Columns of which any of several values will do, each looked up by itself.

    By name it is what these did, and what was done to them. What somebody did to themselves is found twice, and
    shown once.
    """
    if search.named is not None:
        did = tuple(each for kind, each in search.named if kind == "actor")
        done = tuple(each for kind, each in search.named if kind == "target")
        return [(column, among) for column, among in (("actor_id", did), ("target_id", done)) if among]
    return [("tag", tuple(search.tags))] if search.tags and not search.filters.tag else []


def _rows(asked: _Asked, columns: str, end: str, limit: int, *, together: bool = True) -> tuple[str, list[Any]]:
    """At most so many rows of each value, and of all of them together; `end` orders and cuts both."""
    where, values = " AND ".join([*asked.conditions, *asked.besides]), [*asked.values, *asked.asked]
    if not asked.column:
        return f"SELECT {columns} FROM {_TABLE} WHERE {where} {end}", [*values, limit]  # noqa: S608 - our own texts
    kind = "uuid" if asked.column == "actor_id" else "text"
    statement = f"""
        SELECT each.* FROM unnest(%s::{kind}[]) AS wanted (value), LATERAL (
            SELECT {columns} FROM {_TABLE} WHERE {asked.column} = wanted.value AND {where} {end}
        ) each {end if together else ""}
    """  # noqa: S608 - table, columns and conditions are our own texts
    among: list[Any] = [UUID(each) for each in asked.among] if kind == "uuid" else list(asked.among)
    return statement, [among, *values, limit, *([limit] if together else [])]


def list_access(
    actor: Actor, filters: Filters, *, before: UUID | None, limit: int, actors: tuple[UUID, ...] | None = None
) -> Sequence[AccessEntry]:
    """Requests, newest first, up to limit + 1; of the first twenty `actors` only, if any are given."""
    gate.require(actor, Permission.AUDIT_READ)
    rows = AccessEntry.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))
    if filters.since:
        rows = rows.filter(at__gte=filters.since, pk__gte=earliest_id(filters.since, -SLACK))
    if filters.until:
        rows = rows.filter(at__lt=filters.until, pk__lt=earliest_id(filters.until, SLACK))
    for name, value in (
        ("ip", filters.ip),
        ("request_id", filters.request_id),
        ("actor_id", filters.actor_id),
        ("pk__lt", before),
    ):
        if value:
            rows = rows.filter(**{name: value})
    if filters.outcome:
        rows = rows.filter(**{"status__gte" if filters.outcome == "refused" else "status__lt": 400})
    if actors is None:
        return shown(list(rows.order_by("-pk")[: limit + 1]))
    each = (rows.filter(actor_id=one).order_by("-pk")[: limit + 1] for one in actors[:ACTORS_MOST])
    found = [row for several in each for row in several]
    return shown(sorted(found, key=lambda row: row.pk, reverse=True)[: limit + 1])
