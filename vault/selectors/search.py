"""Objects found by what their names begin with, in a whole environment or below a folder, whatever their capitals.

A page is a bounded walk along the index of names. Who reaches some folders only might have to pass very many names of
others: then a page ends after SEEN_MOST of them, with what it found and where to go on. Where little can be reached at
all, that is looked through instead.
"""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection

from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid
from hq.lib.folding import folded
from hq.lib.paths import LAST, clean_prefix
from vault.models import ObjectVersion, StoredObject
from vault.selectors.lists import NotOurCursor
from vault.selectors.objects import current_of, refuse_links
from vault.selectors.reach import HERE, LIES_WITHIN, WITHIN, Range, ranges_of, reach_of, split

SEEN_MOST = 5_000
LONGEST = 255


class NoSuchName(Invalid):
    """No name begins like this."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page: the current versions, by name and then by path. `after` is where the next page begins, or ""."""

    versions: Sequence[ObjectVersion]
    after: str = ""


def search_objects(actor: Actor, begins: str, *, folder: str = "", after: str = "", limit: int = 50) -> Found:
    """Objects that the actor may read, whose name begins like this, below a folder. `after` is that of a page before.

    Raises NoSuchName, InvalidPath, NotOurCursor, Denied.
    """
    refuse_links(actor)
    reach = reach_of(actor, Permission.OBJECTS_READ)
    name, folder, last = _name(begins), clean_prefix(folder), _position(after)
    if reach is None and not folder:
        return _page(actor, _by_name(actor, name, last, limit + 1), limit)
    ranges = ranges_of(reach if reach is not None else ("",), folder)
    if _is_little(actor, ranges):
        return _page(actor, _looked_through(actor, ranges, name, last, limit + 1), limit)
    return _walked(actor, ranges, name, last, limit)


def _name(begins: str) -> str:
    if not begins or "/" in begins or len(begins) > LONGEST:
        raise NoSuchName("Enter what a name begins with: 1 to 255 characters, without a slash.")
    return folded(unicodedata.normalize("NFC", clean_prefix(begins)))


def _position(after: str) -> tuple[str, str] | None:
    if not after:
        return None
    try:
        name, path = orjson.loads(after)
    except (ValueError, TypeError):
        raise NotOurCursor from None
    if not (isinstance(name, str) and isinstance(path, str)) or "\0" in name + path or not (name + path).isprintable():
        raise NotOurCursor
    return name, path


def _after(name: str, path: str) -> str:
    return json.dumps([name, path], ensure_ascii=False, separators=(",", ":"))


def _page(actor: Actor, rows: Sequence[StoredObject], limit: int) -> Found:
    shown = rows[:limit]
    after = _after(shown[-1].search_name, shown[-1].path) if len(rows) > limit else ""
    return Found(current_of(actor, shown), after)


_BEGINS = """
    seen.deleted_at IS NULL AND seen.search_name >= %(name)s COLLATE "C" AND seen.search_name < %(stop)s COLLATE "C"
    AND (%(last_name)s::text IS NULL OR (seen.search_name, seen.path) > (%(last_name)s, %(last_path)s))
"""
_BY_NAME = f"""
    SELECT * FROM vault_storedobject AS seen WHERE {HERE} AND {_BEGINS}
    ORDER BY seen.search_name, seen.path LIMIT %(limit)s
"""  # noqa: S608 - constants of this room
_LOOKED_THROUGH = f"""
    SELECT found.* FROM {WITHIN} CROSS JOIN LATERAL (
        SELECT * FROM (
            SELECT * FROM vault_storedobject AS seen WHERE {HERE} AND seen.deleted_at IS NULL AND {LIES_WITHIN}
            ORDER BY seen.path OFFSET 0
        ) AS seen WHERE {_BEGINS}
    ) AS found ORDER BY found.search_name, found.path LIMIT %(limit)s
"""  # noqa: S608 - constants of this room
# As a range with an order, so that the index of paths is taken also before anything is known of the table.
_AT_PATHS = f"""
    SELECT found.* FROM unnest(%(paths)s::text[]) AS wanted (path) CROSS JOIN LATERAL (
        SELECT * FROM vault_storedobject AS seen
        WHERE {HERE} AND seen.deleted_at IS NULL AND seen.path >= wanted.path COLLATE "C"
          AND seen.path <= wanted.path COLLATE "C"
        ORDER BY seen.path LIMIT 1
    ) AS found
"""  # noqa: S608 - constants of this room
# The walk itself is of the index alone; whole rows are fetched of what is shown.
_WALKED = f"""
    WITH walk AS MATERIALIZED (
        SELECT seen.search_name, seen.path FROM vault_storedobject AS seen WHERE {HERE} AND {_BEGINS}
        ORDER BY seen.search_name, seen.path LIMIT %(most)s
    ), met AS (
        SELECT seen.search_name, seen.path FROM walk AS seen
        WHERE EXISTS (SELECT FROM {WITHIN} WHERE {LIES_WITHIN})
        ORDER BY seen.search_name, seen.path LIMIT %(limit)s
    )
    SELECT array(SELECT met.path FROM met ORDER BY met.search_name, met.path),
        (SELECT count(*) FROM walk),
        (SELECT array[walk.search_name, walk.path] FROM walk ORDER BY walk.search_name DESC, walk.path DESC LIMIT 1)
"""  # noqa: S608 - constants of this room


def _arguments(actor: Actor, name: str, last: tuple[str, str] | None, limit: int) -> dict[str, Any]:
    last_name, last_path = last or (None, None)
    where = {"organization": actor.organization_id, "environment": environment_of(actor), "limit": limit}
    return where | {"name": name, "stop": name + LAST, "last_name": last_name, "last_path": last_path}


def _by_name(actor: Actor, name: str, last: tuple[str, str] | None, limit: int) -> list[StoredObject]:
    return list(StoredObject.objects.raw(_BY_NAME, _arguments(actor, name, last, limit)))


def _is_little(actor: Actor, ranges: Sequence[Range]) -> bool:
    """Whether everything in these ranges is less than what a page may pass over."""
    some = f"""
        SELECT count(*) FROM (
            SELECT FROM {WITHIN} CROSS JOIN LATERAL (
                SELECT FROM vault_storedobject AS seen
                WHERE {HERE} AND seen.deleted_at IS NULL AND {LIES_WITHIN} ORDER BY seen.path LIMIT %(most)s
            ) AS inside LIMIT %(most)s
        ) AS counted
    """  # noqa: S608 - constants of this room
    most = SEEN_MOST // 4
    where: dict[str, Any] = {"organization": actor.organization_id, "environment": environment_of(actor), "most": most}
    with connection.cursor() as cursor:
        cursor.execute(some, where | split(ranges))
        return bool(cursor.fetchone()[0] < most)


def _looked_through(
    actor: Actor, ranges: Sequence[Range], name: str, last: tuple[str, str] | None, limit: int
) -> list[StoredObject]:
    return list(StoredObject.objects.raw(_LOOKED_THROUGH, _arguments(actor, name, last, limit) | split(ranges)))


def _walked(actor: Actor, ranges: Sequence[Range], name: str, last: tuple[str, str] | None, limit: int) -> Found:
    arguments = _arguments(actor, name, last, limit + 1) | split(ranges) | {"most": SEEN_MOST}
    with connection.cursor() as cursor:
        cursor.execute(_WALKED, arguments)
        paths, passed, end = cursor.fetchone()
    rows = {row.path: row for row in StoredObject.objects.raw(_AT_PATHS, arguments | {"paths": paths})}
    found = _page(actor, [rows[path] for path in paths if path in rows], limit)
    if found.after or passed < SEEN_MOST:
        return found
    return Found(found.versions, _after(*end))
