"""Whose rows the database shows. Row security reads the setting made here; without it there are no rows (ISO-1)."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.utils import CursorWrapper

from hq.db.prepared import begin, prepared

SETTING = "hq.organization_id"
_SET = f"SELECT set_config('{SETTING}', %s, true)"


@contextmanager
def tenant(organization_id: UUID) -> Iterator[None]:
    """Open a transaction that sees one organization's rows.

    Nested in another transaction it becomes a savepoint and puts the former setting back on leaving: a setting made in
    a *released* savepoint would otherwise live on in the outer transaction. A rolled back savepoint restores by itself.
    Where the organization is set already, nothing is set and nothing put back.
    Never hold it across an `await`.
    """
    link, wanted = connections[DEFAULT_DB_ALIAS], str(organization_id)
    nested = link.in_atomic_block
    with transaction.atomic():
        former = ""
        if not nested:
            begin(f"SET LOCAL {SETTING} = '{UUID(wanted)}'")  # no value can be bound to it; this is surely an id
        else:
            with prepared() as cursor:
                cursor.execute("SELECT coalesce(current_setting(%s, true), '')", [SETTING])
                former = cursor.fetchone()[0]
                if former != wanted:
                    cursor.execute("SELECT set_config(%s, %s, true)", [SETTING, wanted])
        yield
        if nested and former != wanted and not link.needs_rollback:
            with prepared() as cursor:
                cursor.execute("SELECT set_config(%s, %s, true)", [SETTING, former])


def seeing(organization_id: UUID) -> CursorWrapper:
    """A cursor for one constant statement. In a transaction it sees what that does; else one organization's rows.

    That one is then a transaction with its setting, in one round trip.
    """
    if connections[DEFAULT_DB_ALIAS].in_atomic_block:
        return prepared()
    return prepared(first=(_SET, [str(organization_id)]))


def current_tenant() -> UUID | None:
    """The organization whose rows are visible now, or None."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT NULLIF(current_setting(%s, true), '')", [SETTING])
        value = cursor.fetchone()[0]
    return UUID(value) if value else None
