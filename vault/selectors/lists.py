"""Lists of objects. Paths are found by ranges in C order, never by LIKE: row security would keep that from an index."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Sum

from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid
from hq.lib.paths import LAST, clean_prefix
from vault.models import ObjectVersion, StoredObject
from vault.selectors.objects import current_of, folder_of, objects_of
from vault.selectors.reach import HERE, LIES_WITHIN, WITHIN, Range, lies_in, ranges_of, reach_of, require_way, split

COUNTED_MOST = 1_000
TOTALLED_MOST = 20_000
RANGES_AT_ONCE = 16


class NotOurCursor(Invalid):
    """The cursor is not one of ours; use next_cursor as it was given."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What several paths begin with, its slash included. Above COUNTED_MOST objects are not counted: `more` says so."""

    path: str
    objects: int
    more: bool

    @property
    def name(self) -> str:
        return self.path.rstrip("/").rpartition("/")[2]


Entry = Folder | ObjectVersion


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything below a prefix. `more`: there is more than was counted, and `size` tells nothing."""

    objects: int
    size: int
    more: bool


def list_objects(
    actor: Actor, *, prefix: str = "", folders: bool = False, after: str = "", limit: int = 50
) -> Sequence[Entry]:
    """Objects that the actor may read and whose path begins with `prefix`, by path; up to limit + 1.

    With `folders`, what lies deeper than the prefix's own folder is shown as the folder it is in, and folders come
    first. Whoever may read only below some folders sees, above these, the ways there and nothing else. `after` is
    `position()` of the last entry seen.

    Raises:
        InvalidPath, NotOurCursor, Denied: also for a folder out of reach, whatever is in it.
    """
    reach = reach_of(actor, Permission.OBJECTS_READ)
    prefix = clean_prefix(prefix)
    kind, last = _position(after, prefix)
    if reach is not None and not lies_in(prefix, reach):
        require_way(actor, Permission.OBJECTS_READ, reach, folder_of(prefix))
        if folders:
            return _ways(actor, ranges_of(reach, prefix), prefix, last, limit + 1) if kind != "o" else []
        return current_of(actor, _objects_within(actor, ranges_of(reach, prefix), last, limit + 1))
    entries: list[Entry] = []
    if folders and kind != "o":
        entries.extend(_folders(actor, prefix, last, limit + 1))
        last = ""
    if len(entries) <= limit:
        entries.extend(_objects(actor, prefix, last, limit + 1 - len(entries), flat=not folders))
    return entries


def position(entry: Entry) -> str:
    """Where a list went on from this entry."""
    return f"d{entry.path}" if isinstance(entry, Folder) else f"o{entry.path}"


def _position(after: str, prefix: str) -> tuple[str, str]:
    kind, last = after[:1], after[1:]
    if after and (kind not in {"d", "o"} or not last.startswith(prefix) or clean_prefix(last) != last):
        raise NotOurCursor
    return kind, last


def _objects(actor: Actor, prefix: str, last: str, limit: int, *, flat: bool) -> list[ObjectVersion]:
    rows = objects_of(actor).filter(deleted_at=None, path__gte=prefix, path__lt=prefix + LAST)
    if not flat:
        rows = rows.filter(folder=folder_of(prefix))
    if last:
        rows = rows.filter(path__gt=last)
    return current_of(actor, rows.order_by("path")[:limit])


def _where(actor: Actor) -> dict[str, Any]:
    return {"organization": actor.organization_id, "environment": environment_of(actor)}


PAGE_WITHIN = f"""
    SELECT found.* FROM {WITHIN} CROSS JOIN LATERAL (
        SELECT * FROM vault_storedobject AS seen
        WHERE {HERE} AND seen.deleted_at IS NULL AND {LIES_WITHIN} AND seen.path > %(last)s COLLATE "C"
        ORDER BY seen.path LIMIT %(limit)s
    ) AS found ORDER BY found.path LIMIT %(limit)s
"""  # noqa: S608 - constants of this room


def _objects_within(actor: Actor, ranges: Sequence[Range], last: str, limit: int) -> list[StoredObject]:
    """The first objects after `last` that lie in these ranges: a page's work, however many ranges there are."""
    found: list[StoredObject] = []
    for some in _batches([one for one in ranges if one[1] > last]):
        arguments = _where(actor) | split(some) | {"last": last, "limit": limit - len(found)}
        found.extend(StoredObject.objects.raw(PAGE_WITHIN, arguments))
        if len(found) == limit:
            break
    return found


def _batches(ranges: Sequence[Range]) -> Iterator[Sequence[Range]]:
    """Growing: the first ranges mostly fill a page, and a thousand empty ones still take few queries."""
    at, size = 0, RANGES_AT_ONCE
    while at < len(ranges):
        yield ranges[at : at + size]
        at, size = at + size, size * 8


_COUNTED_WITHIN = f"""
    SELECT shown.folder, (
        SELECT count(*) FROM (
            SELECT FROM unnest(%(starts)s::text[], %(stops)s::text[], %(ways)s::text[]) AS within (start, stop, folder)
            CROSS JOIN LATERAL (
                SELECT FROM vault_storedobject AS seen
                WHERE {HERE} AND seen.deleted_at IS NULL AND {LIES_WITHIN}
                ORDER BY seen.path LIMIT %(counted)s
            ) AS inside
            WHERE within.folder = shown.folder LIMIT %(counted)s
        ) AS counted
    ) FROM unnest(%(shown)s::text[]) AS shown (folder)
"""  # noqa: S608 - constants of this room


def _ways(actor: Actor, ranges: Sequence[Range], prefix: str, last: str, limit: int) -> list[Entry]:
    """The folders that lead to these ranges. Each counts what can be reached in it, and nothing beside that."""
    base = folder_of(prefix)
    ways = [base + start.removeprefix(base).partition("/")[0] + "/" for start, _ in ranges]
    shown = [folder for folder in dict.fromkeys(ways) if folder > last][:limit]
    arguments = _where(actor) | split(ranges) | {"ways": ways, "shown": shown, "counted": COUNTED_MOST + 1}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED_WITHIN, arguments)
        counts: dict[str, int] = dict(cursor.fetchall())
    return [Folder(path, min(counts[path], COUNTED_MOST), counts[path] > COUNTED_MOST) for path in shown]


# Hops from one folder to the first path behind it ("0" follows "/"), so that a folder costs one probe of the index,
# whatever it holds. Objects that lie in the base folder itself are passed over in one hop as well.
_HOP = """
    SELECT %(base)s || split_part(substr(seen.folder, char_length(%(base)s) + 1), '/', 1) || '/'
    FROM vault_storedobject AS seen
    WHERE seen.organization_id = %(organization)s AND seen.environment_id = %(environment)s AND seen.deleted_at IS NULL
      AND seen.folder >= {start} COLLATE "C" AND seen.folder > %(base)s COLLATE "C"
      AND seen.folder < %(stop)s COLLATE "C"
    ORDER BY seen.organization_id, seen.environment_id, seen.folder LIMIT 1
"""
_FOLDERS = f"""
WITH RECURSIVE hop AS (
    SELECT ({_HOP.format(start="%(start)s")}) COLLATE "C" AS folder
    UNION ALL
    SELECT ({_HOP.format(start="(rtrim(hop.folder, '/') || '0')")}) COLLATE "C" FROM hop WHERE hop.folder IS NOT NULL
), shown AS (SELECT folder FROM hop WHERE folder IS NOT NULL LIMIT %(limit)s)
SELECT folder, (
    SELECT count(*) FROM (
        SELECT FROM vault_storedobject AS inside
        WHERE inside.organization_id = %(organization)s AND inside.environment_id = %(environment)s
          AND inside.deleted_at IS NULL
          AND inside.folder >= shown.folder AND inside.folder < (rtrim(shown.folder, '/') || '0') COLLATE "C"
        LIMIT %(counted)s
    ) AS counted
) FROM shown
"""  # noqa: S608 - constants of this file


def _folders(actor: Actor, prefix: str, last: str, limit: int) -> list[Folder]:
    arguments = _where(actor) | {
        "base": folder_of(prefix),
        "start": f"{last.rstrip('/')}0" if last else prefix,
        "stop": prefix + LAST,
        "limit": limit,
        "counted": COUNTED_MOST + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FOLDERS, arguments)
        return [Folder(path, min(count, COUNTED_MOST), count > COUNTED_MOST) for path, count in cursor.fetchall()]


_TOTALLED_WITHIN = f"""
    SELECT count(*), coalesce(sum(found.size), 0) FROM (
        SELECT inside.size FROM {WITHIN} CROSS JOIN LATERAL (
            SELECT seen.size FROM vault_storedobject AS seen
            WHERE {HERE} AND seen.deleted_at IS NULL AND {LIES_WITHIN} ORDER BY seen.path LIMIT %(most)s
        ) AS inside LIMIT %(most)s
    ) AS found
"""  # noqa: S608 - constants of this room


def count_below(actor: Actor, prefix: str) -> Totals:
    """How many objects that the actor may read begin with the prefix, and their bytes.

    Of a very large folder only that it is large. Raises Denied, InvalidPath.
    """
    reach = reach_of(actor, Permission.OBJECTS_READ)
    prefix = clean_prefix(prefix)
    if reach is not None and not lies_in(prefix, reach):
        require_way(actor, Permission.OBJECTS_READ, reach, folder_of(prefix))
        return _totals(*_count_within(actor, ranges_of(reach, prefix)))
    rows = objects_of(actor).filter(deleted_at=None, path__gte=prefix, path__lt=prefix + LAST)
    found = rows.order_by("path")[: TOTALLED_MOST + 1].aggregate(objects=Count("*"), size=Sum("size"))
    return _totals(found["objects"], int(found["size"] or 0))


def _count_within(actor: Actor, ranges: Sequence[Range]) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_TOTALLED_WITHIN, _where(actor) | split(ranges) | {"most": TOTALLED_MOST + 1})
        objects, size = cursor.fetchone()
    return objects, int(size)


def _totals(objects: int, size: int) -> Totals:
    return Totals(min(objects, TOTALLED_MOST), size, objects > TOTALLED_MOST)
