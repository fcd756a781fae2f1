"""What the explorer asks for, by statements that read no more rows than they give, however long the trail is.

Newest first means by time and, within a time, by index. Each filter has an index that ends in these two. Where one of
several values will do (everything that somebody did or that was done to them, every act on objects), each value is
looked up by itself and the newest of all are taken: one condition over all of them would read the whole trail.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from audit.models import AccessEntry, AuditEvent
from audit.selectors.events import Filters
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.lib.ids import earliest_id

COUNTED: Final = 10_000  # more matches than that are told as "more than"
CHOICES: Final = 50
SLACK: Final = timedelta(minutes=1)  # between the time in a request's id and the one beside it
ACTORS_MOST: Final = 20
_TABLE: Final = AuditEvent._meta.db_table  # noqa: SLF001 - Django's documented way to a table's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """`filters`, and beside them: one of these tags, and anything that names one of these actors or targets.

    `named` None is no search by name; empty is one that found nobody, and nothing matches.
    """

    filters: Filters = field(default_factory=Filters)
    tags: tuple[Tag, ...] = ()
    named: tuple[tuple[str, str], ...] | None = None  # ("actor" or "target", id)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A statement's parts: what every row must be, and the column and values of which each is looked up by itself."""

    conditions: tuple[str, ...]
    values: tuple[Any, ...]
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
    return list(rows.order_by("-at", "-index")[: limit + 1])


def count_matches(actor: Actor, search: Search) -> int:
    """How many events match, or `COUNTED` + 1 if they are more than that."""
    gate.require(actor, Permission.AUDIT_READ)
    total = 0
    for asked in _asked(actor, search, None):
        statement, values = _rows(asked, "1 AS one", "LIMIT %s", COUNTED + 1)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM ({statement}) matches", values)  # noqa: S608 - it is made of our own texts
            total += cursor.fetchone()[0]
    return min(total, COUNTED + 1)


def choices(actor: Actor, column: str) -> list[str]:
    """The first values that a column has in this trail, in order, without reading all of it.

    PostgreSQL has no such scan of its own: from each value the next larger one is looked up. `column` is tag, ip or
    actor_id.
    """
    gate.require(actor, Permission.AUDIT_READ)
    if column not in {"actor_id", "ip", "tag"}:
        raise ValueError(column)
    here = "organization_id = %s AND environment_id = %s"
    statement = f"""
        WITH RECURSIVE found AS (
            (SELECT {column} FROM {_TABLE} WHERE {here} AND {column} IS NOT NULL ORDER BY {column} LIMIT 1)
            UNION ALL
            SELECT (SELECT {column} FROM {_TABLE} WHERE {here} AND {column} > found.{column} ORDER BY {column} LIMIT 1)
            FROM found WHERE found.{column} IS NOT NULL
        )
        SELECT {column}::text FROM found WHERE {column} IS NOT NULL LIMIT %s
    """  # noqa: S608 - table and column are our own words
    place = [actor.organization_id, actor.environment_id]
    limit = len(Tag) if column == "tag" else CHOICES
    with connection.cursor() as cursor:
        cursor.execute(statement, [*place, *place, limit])
        return [row[0].partition("/")[0] for row in cursor.fetchall()]


def list_tags(actor: Actor) -> list[str]:
    """The tags that occur, for the filter."""
    return choices(actor, "tag")


def list_actors(actor: Actor) -> list[tuple[UUID, str]]:
    """Who acted, each with the name of their newest event, for the filter."""
    statement = f"""
        SELECT newest.id FROM unnest(%s::uuid[]) AS wanted (value), LATERAL (
            SELECT id FROM {_TABLE} WHERE organization_id = %s AND environment_id = %s AND actor_id = wanted.value
            ORDER BY at DESC, index DESC LIMIT 1
        ) newest
    """  # noqa: S608 - the table's name
    ids = [UUID(each) for each in choices(actor, "actor_id")]
    with connection.cursor() as cursor:
        cursor.execute(statement, [ids, actor.organization_id, actor.environment_id])
        found = [row[0] for row in cursor.fetchall()]
    newest = AuditEvent.objects.filter(organization_id=actor.organization_id, pk__in=found)
    return sorted(((event.actor_id, event.actor_label) for event in newest), key=lambda pair: pair[1].casefold())


def _asked(actor: Actor, search: Search, before: int | None) -> list[_Asked]:
    conditions = ["organization_id = %s", "environment_id = %s"]
    values: list[Any] = [actor.organization_id, actor.environment_id]

    def require(condition: str, value: object) -> None:
        conditions.append(condition)
        values.append(value)

    filters = search.filters
    if before is not None:
        place = f"SELECT at, index FROM {_TABLE} WHERE organization_id = %s AND environment_id = %s AND index = %s"  # noqa: S608 - the table's name
        conditions.append(f"(at, index) < ({place})")
        values += [actor.organization_id, actor.environment_id, before]
    for condition, value in (
        ("at >= %s", filters.since),
        ("at < %s", filters.until),
        ("actor_id = %s", filters.actor_id),
        ("ip = %s::inet", filters.ip),
        ("request_id = %s", filters.request_id),
        ("target_id = %s", filters.target_id),
        ("tag = %s", filters.tag),
    ):
        if value:
            require(condition, value)
    if search.named is not None:
        return _by_name(search, conditions, values)
    if search.tags and not filters.tag:
        return [_Asked(tuple(conditions), tuple(values), "tag", tuple(search.tags))]
    return [_Asked(tuple(conditions), tuple(values))]


def _by_name(search: Search, conditions: list[str], values: list[Any]) -> list[_Asked]:
    """What these did, and what was done to them. An act of theirs on themselves is found twice and shown once."""
    if search.tags and not search.filters.tag:
        conditions, values = [*conditions, "tag = ANY(%s)"], [*values, list(search.tags)]
    did = tuple(each for kind, each in search.named or () if kind == "actor")
    done = tuple(each for kind, each in search.named or () if kind == "target")
    kinds = (("actor_id", did), ("target_id", done))
    return [_Asked(tuple(conditions), tuple(values), column, among) for column, among in kinds if among]


def _rows(asked: _Asked, columns: str, end: str, limit: int) -> tuple[str, list[Any]]:
    """At most so many rows of each value, and of all of them together; `end` orders and cuts both."""
    where = " AND ".join(asked.conditions)
    if not asked.column:
        return f"SELECT {columns} FROM {_TABLE} WHERE {where} {end}", [*asked.values, limit]  # noqa: S608 - our own texts
    kind = "uuid" if asked.column == "actor_id" else "text"
    statement = f"""
        SELECT each.* FROM unnest(%s::{kind}[]) AS wanted (value), LATERAL (
            SELECT {columns} FROM {_TABLE} WHERE {asked.column} = wanted.value AND {where} {end}
        ) each {end}
    """  # noqa: S608 - table, columns and conditions are our own texts
    among: list[Any] = [UUID(each) for each in asked.among] if kind == "uuid" else list(asked.among)
    return statement, [among, *asked.values, limit, limit]


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
        return list(rows.order_by("-pk")[: limit + 1])
    each = (rows.filter(actor_id=one).order_by("-pk")[: limit + 1] for one in actors[:ACTORS_MOST])
    found = [row for several in each for row in several]
    return sorted(found, key=lambda row: row.pk, reverse=True)[: limit + 1]
