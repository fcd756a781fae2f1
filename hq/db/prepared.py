"""Statements of the hot path: the server parses and plans each once for a connection, and binds its values itself.

The ORM puts a statement together anew each time and the server plans it anew, which together cost many times the work
that is left. So what every request asks is written out. It is asked through libpq at once: psycopg's own way there,
made for waiting in event loops too, costs as much as the server needs for the answer.
"""

from collections.abc import Sequence
from itertools import count
from select import POLLIN, POLLOUT, poll
from typing import Any, NamedTuple, Self

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName, OperationalError, error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, Format, TransactionStatus

_DONE = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})
_PLANS = "hq_plans"  # of a connection: what each statement is called there, by its text and the types of its values
_numbers = count(1)
_Asking = tuple[str, list[Any]]


class Bound(NamedTuple):
    """A statement and its values, as the server takes them, and the format in which it is to answer."""

    query: bytes
    params: Sequence[Any] | None
    types: tuple[int, ...]
    formats: Sequence[Format] | None
    answer: Format = Format.TEXT


def _bound(query: PostgresQuery) -> Bound:
    return Bound(query.query, query.params, query.types, query.formats)


class _Statement:
    """As much of a cursor as one statement needs, and the one that goes `first`, in the same transaction."""

    def __init__(self, link: Any, first: _Asking | None) -> None:
        self.connection = link
        self.pgresult: Any = None
        self._types = Transformer(link)
        self._query = PostgresQuery(self._types)  # under this name Django's log of queries reads it
        self._first: list[Bound] = []
        if first is not None:
            before = PostgresQuery(Transformer(link))
            before.convert(*first)
            self._first.append(_bound(before))
        self._next = 0

    def execute(self, text: str, values: Any = None) -> Self:
        self._query.convert(text, values)
        self.pgresult = answers(self.connection, [*self._first, _bound(self._query)])[-1]
        self._types.set_pgresult(self.pgresult)
        self._next = 0
        return self

    def fetchone(self) -> Any:
        """The next row, or None."""
        if self._next >= self.pgresult.ntuples:
            return None
        self._next += 1
        return self._types.load_row(self._next - 1, tuple)

    def fetchall(self) -> list[Any]:
        """Every row from the next one on."""
        first, self._next = self._next, self.pgresult.ntuples
        return self._types.load_rows(first, self._next, tuple)

    def close(self) -> None:
        """Nothing is open: the whole answer was taken."""


def answers(link: Any, asked: Sequence[Bound]) -> list[Any]:
    """The server's, to one statement or several in one round trip; outside of a transaction they are one of their own.

    What gives other columns since it was planned is planned anew: a migration need not wait for old processes. In a
    transaction nothing can be tried twice; once that is undone, the next one finds a new plan.
    """
    server = link.pgconn
    if server.transaction_status == TransactionStatus.IDLE and not link.autocommit:
        _send(server, b"BEGIN")
    try:
        return _answers(link, server, asked)
    except (FeatureNotSupported, InvalidSqlStatementName):
        if server.transaction_status != TransactionStatus.IDLE:
            raise
        return _answers(link, server, asked)


def _answers(link: Any, server: Any, asked: Sequence[Bound]) -> list[Any]:
    plans: dict[Any, bytes] = vars(link).setdefault(_PLANS, {})
    try:
        named = [(_name(server, plans, each), each) for each in asked]
        if len(named) > 1:
            return _together(server, named)
        name, only = named[0]
        return [_done(server.exec_prepared(name, only.params, only.formats, only.answer))]
    except (FeatureNotSupported, InvalidSqlStatementName):
        plans.clear()  # what befell one befell all: the server was told to forget, or a migration went by
        raise


def _name(server: Any, plans: dict[Any, bytes], asked: Bound) -> bytes:
    plan = (asked.query, asked.types)
    name = plans.get(plan)
    if name is None:
        name = b"hq_%d" % next(_numbers)
        _done(server.prepare(name, asked.query, asked.types))
        plans[plan] = name
    return name


def _together(server: Any, named: list[tuple[bytes, Bound]]) -> list[Any]:
    """Their answers. They are sent at once, and outside of a transaction are one: if one fails, all do."""
    server.enter_pipeline_mode()
    for name, asked in named:
        server.send_query_prepared(name, asked.params, asked.formats, asked.answer)
    server.pipeline_sync()
    link = poll()
    while server.flush():
        link.register(server.socket, POLLIN | POLLOUT)
        link.poll()
        server.consume_input()
    link.register(server.socket, POLLIN)
    answers = []
    for _ in named:
        answers.append(_next_answer(server, link))
        _next_answer(server, link)  # the end of it
    _next_answer(server, link)  # the end of them all
    server.exit_pipeline_mode()
    return [_done(answer) for answer in answers]


def _next_answer(server: Any, link: poll) -> Any:
    """As libpq's own waiting, but with other threads going on meanwhile. Raises OperationalError."""
    while server.is_busy():
        link.poll()
        server.consume_input()
    return server.get_result()


def _done(result: Any) -> Any:
    if result.status in _DONE:
        return result
    if result.error_field(DiagnosticField.SQLSTATE) is None:  # libpq's own: the server is away
        raise OperationalError(result.error_message.decode("utf-8", "replace").strip())
    raise error_from_result(result, encoding="utf-8")


def _send(server: Any, statements: bytes) -> None:
    _done(server.exec_(statements))


def begin(first: str) -> None:
    """Begin the transaction that Django has just opened, and do this first, in one round trip. No caller's values."""
    link = connections[DEFAULT_DB_ALIAS]
    link.ensure_connection()
    with link.wrap_database_errors:
        _send(link.connection.pgconn, f"BEGIN; {first}".encode())


def prepared(*, first: _Asking | None = None) -> CursorWrapper:
    """A cursor as `connection.cursor()` gives, for constant statements only: each text is kept by the server.

    `first` is another, with its values, that is sent along; outside of a transaction both are one.
    """
    link = connections[DEFAULT_DB_ALIAS]  # `connection` would look it up anew for each attribute
    link.close_if_health_check_failed()
    link.ensure_connection()
    bare: Any = _Statement(link.connection, first)
    return link.make_debug_cursor(bare) if link.queries_logged else link.make_cursor(bare)
