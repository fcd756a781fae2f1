"""Statements of the hot path: the server parses and plans each once for a connection, and binds its values itself.

The ORM puts a statement together anew each time and the server plans it anew, which together cost many times the work
that is left. So what every request asks is written out.
"""

from typing import Any, Self

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper
from psycopg import Cursor
from psycopg.errors import FeatureNotSupported
from psycopg.pq import TransactionStatus


class _Preparing(Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **_: Any) -> Self:
        """What gives other columns since it was planned is planned anew: a migration need not wait for old processes.

        In a transaction nothing can be tried twice; undoing it makes psycopg forget the plans, and the next one holds.
        """
        try:
            return super().execute(query, params, prepare=True)
        except FeatureNotSupported:
            if self.connection.info.transaction_status is not TransactionStatus.IDLE:
                raise
            super().execute("DEALLOCATE ALL", prepare=False)
            return super().execute(query, params, prepare=True)

    def _convert_query(self, query: Any, params: Any = None) -> Any:
        self._query = super()._convert_query(query, params)  # where Django's log of queries reads it
        return self._query


def prepared() -> CursorWrapper:
    """A cursor as `connection.cursor()` gives, for constant statements only: each text is kept by the server."""
    link = connections[DEFAULT_DB_ALIAS]  # `connection` would look it up anew for each attribute
    link.close_if_health_check_failed()
    link.ensure_connection()
    bare: Any = _Preparing(link.connection)
    return link.make_debug_cursor(bare) if link.queries_logged else link.make_cursor(bare)
