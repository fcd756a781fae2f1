"""The files of an export: chosen once, at its cut, and read later as they were then.

Versions never change, so naming them is enough. The current ones stand below `files/` under their own paths. What else
is wanted, older ones and deleted ones, stands below `versions/`, by object and number: a deleted file may have the name
of a folder that is there now. A file too large for a volume is cut into parts below `parts/`, to be put together again
with `cat`.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from exports.actions import sizes
from exports.models import Entry, Export
from exports.registry import BOTH, Asked, Member, add_files, add_source
from hq.authz import gate
from hq.authz.actor import Origin
from hq.authz.permissions import AuthMethod, Permission
from hq.db.context import tenant
from hq.db.fields import Tampered
from tenants import selectors as tenants
from vault import actions as vault
from vault import selectors as stored
from vault.actions.packages import UNREADABLE, open_versions, versions_of

GONE, DAMAGED = "gone", "damaged"


class LeftOut(Exception):
    """A version that cannot be read. The volume is made again without it, and the export says so."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number, self.why = number, why


def register_files() -> None:
    add_files("files", "Files", _page, scopes=BOTH)
    add_source("left-out", "Files whose content is not here, and why", _left_out, scopes=BOTH)


def choose(export: Export) -> tuple[int, int]:
    """Put down every version that belongs to the export, in one statement, so as of one moment. How many, how large.

    In the export's organization, within the caller's transaction.
    """
    chosen = _wanted(export).order_by("object__environment_id", "object__path", "number")
    deleted, current = Q(object__deleted_at__isnull=False), Q(number=F("object__current"))
    told = chosen.annotate(deleted=_is(deleted), shown=_is(~deleted & current))
    try:
        text, values = told.values_list("id", "size", "shown", "deleted").query.sql_with_params()
    except EmptyResultSet:  # they may read nothing, and Django knows without asking
        return 0, 0
    statement = f"""
        WITH chosen AS MATERIALIZED ({text}), numbered AS (
            SELECT row_number() OVER () AS number, id, size, shown, deleted FROM chosen
        ), put AS (
            INSERT INTO exports_entry (id, organization_id, export_id, number, version_id, shown, deleted, left_out)
            SELECT gen_random_uuid(), %s, %s, number, id, shown, deleted, '' FROM numbered
        )
        SELECT count(*), coalesce(sum(size), 0) FROM numbered
    """  # noqa: S608 - Django's own text of the query, with its values apart
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, export.organization_id, export.id])
        count, size = cursor.fetchone()
    return count, int(size)


def _wanted(export: Export) -> QuerySet[Any]:
    versions = versions_of(export.organization_id)
    if not export.is_whole:
        return versions.filter(_readable(export), created_by_kind="person", created_by_id=export.requested_by_id)
    if not export.deleted:
        versions = versions.filter(object__deleted_at=None)
    return versions if export.all_versions else versions.filter(number=F("object__current"))


def _readable(export: Export) -> Q:
    """Where they may read now, in each environment. Who has left may nothing."""
    person = get_user_model().objects.filter(pk=export.requested_by_id, is_active=True).first()
    here = (
        each
        for each in tenants.list_belongings(export.requested_by_id)
        if each.organization_id == export.organization_id
    )
    belonging, condition = next(here, None), Q(pk__in=())
    if person is None or belonging is None:
        return condition
    for name in ("live", "test"):
        actor = belonging.actor(person, method=AuthMethod.SESSION, origin=Origin(), environment_name=name)
        if not gate.reaches(actor, Permission.OBJECTS_READ):
            continue
        environment = Q(object__environment_id=belonging.environment_id(name))
        reach = stored.reach_of(actor, Permission.OBJECTS_READ)
        condition |= environment if reach is None else environment & Q(_LiesBelow(reach))
    return condition


def files_left_out(export: Export) -> int:
    """How many files are not in it because they could not be read. Named in tables/left-out. Once it is cut."""
    with tenant(export.organization_id):
        rows = Entry.objects.filter(organization_id=export.organization_id, export_id=export.id)
        return rows.exclude(left_out="").count()


def _is(condition: Q) -> Any:
    return ExpressionWrapper(condition, BooleanField())


class _LiesBelow(Func):
    """True if a path begins with one of these prefixes."""

    template = (
        "EXISTS (SELECT FROM (SELECT %(expressions)s) AS asked (path, prefixes), unnest(prefixes) AS given (prefix)"
        " WHERE starts_with(path, prefix))"
    )
    output_field = BooleanField()

    def __init__(self, prefixes: Sequence[str]) -> None:
        super().__init__(F("object__path"), Cast(Value(list(prefixes)), ArrayField(TextField())))


def _page(asked: Asked, after: str, limit: int) -> Sequence[tuple[str, Member]]:
    number, _, part = after.partition("/")
    beyond = Q(number__gt=int(number or 0)) | (Q(number=int(number)) if part else Q(pk__in=()))
    rows = Entry.objects.filter(beyond, organization_id=asked.organization_id, export_id=asked.export_id, left_out="")
    entries = list(rows.order_by("number")[:limit])
    opened = open_versions(asked.organization_id, [entry.version_id for entry in entries])
    found: list[tuple[str, Member]] = []
    for entry in entries:
        done = int(part) if part and entry.number == int(number) else 0
        found += _members(entry, opened.get(entry.version_id), done)
    return found


def _members(entry: Entry, opened: vault.Opened | None, done: int) -> Iterator[tuple[str, Member]]:
    """One, or as many parts as it takes. `done`: so many of them are in earlier volumes."""
    if opened is None:
        yield str(entry.number), Member("", 0, partial(_missing, entry.number))
        return
    version = opened.version
    most = sizes.part_bytes()
    name, facts = _name(entry, version), _facts(entry, version)
    try:
        sha256 = version.sha256
    except Tampered:
        sha256 = None
    if version.size <= most:
        read = partial(_read, entry.number, opened, 0, version.size)
        yield str(entry.number), Member(name, version.size, read, sha256, facts, counts=version.size)
        return
    parts = -(-version.size // most)
    for part in range(done, parts):
        start, stop = part * most, min(version.size, (part + 1) * most)
        place = f"{entry.number}/{part + 1}" if part + 1 < parts else str(entry.number)
        more = {"part": part + 1, "parts": parts, "whole": {"name": name, "size": version.size, "sha256": sha256}}
        title = f"parts/{version.object_id}/{version.number}/{part + 1:05}-of-{parts:05}"
        read = partial(_read, entry.number, opened, start, stop)
        yield place, Member(title, stop - start, read, None, facts | more, counts=stop - start)


def _read(number: int, opened: vault.Opened, start: int, stop: int) -> Iterator[bytes]:
    try:
        yield from opened.read(start, stop)
    except UNREADABLE:
        raise LeftOut(number, DAMAGED) from None


def _missing(number: int) -> Iterator[bytes]:
    raise LeftOut(number, GONE)
    yield b""  # pragma: no cover - what makes it a generator


def _name(entry: Entry, version: Any) -> str:
    item = version.object
    if entry.shown:
        return f"files/{item.environment.name}/{item.path}"
    return f"versions/{item.environment.name}/{item.id}/{version.number}/{item.name}"


def _facts(entry: Entry, version: Any) -> dict[str, Any]:
    item = version.object
    facts = {"environment": item.environment.name, "path": item.path, "version": version.number}
    return facts | {"object": str(item.id), "deleted": entry.deleted}


def _left_out(asked: Asked, after: str, limit: int) -> Sequence[tuple[str, dict[str, Any]]]:
    rows = Entry.objects.filter(
        organization_id=asked.organization_id, export_id=asked.export_id, number__gt=int(after or 0)
    ).exclude(left_out="")
    entries = list(rows.order_by("number")[:limit])
    opened = open_versions(asked.organization_id, [entry.version_id for entry in entries])

    def told(entry: Entry) -> dict[str, Any]:
        found = opened.get(entry.version_id)
        return _facts(entry, found.version) if found else {}

    return [
        (str(entry.number), {"version_id": str(entry.version_id), "why": entry.left_out} | told(entry))
        for entry in entries
    ]
