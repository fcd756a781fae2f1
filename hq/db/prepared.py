"""Statements of the hot path: the server parses and plans each once for a connection, and binds its values itself.

The ORM puts a statement together anew each time and the server plans it anew, which together cost many times the work
that is left. So what every request asks is written out. It is asked through libpq at once: psycopg's own way there,
made for waiting in event loops too, costs as much as the server needs for the answer.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from select import POLLIN, POLLOUT, poll
from typing import Any, Self

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName, OperationalError, error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus

_DONE = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})
_PLANS = "hq_plans"  # of a connection: what each statement is called there, by its text and the types of its values
_numbers = count(1)
_Asking = tuple[str, list[Any]]


class _Statement:
    """As much of a cursor as one statement needs, and those that go `first` or `then`, in the same transaction."""

    def __init__(self, link: Any, first: _Asking | None, then: Sequence[_Asking]) -> None:
        self.connection = link
        self.pgresult: Any = None
        self._types = Transformer(link)
        self._query = PostgresQuery(self._types)  # under this name Django's log of queries reads it
        self._asked = [self._query]
        self._before = 0 if first is None else 1  # answers of which nobody asks
        if first is not None or then:
            self._asked = [*self._converted([first] if first else []), self._query, *self._converted(then)]
        self._answers: list[Any] = []
        self._next = 0

    def _converted(self, asking: Sequence[_Asking]) -> Iterator[PostgresQuery]:
        for text, values in asking:
            query = PostgresQuery(Transformer(self.connection))
            query.convert(text, values)
            yield query

    def execute(self, text: str, values: Any = None) -> Self:
        """What gives other columns since it was planned is planned anew: a migration need not wait for old processes.

        In a transaction nothing can be tried twice; once that is undone, the next one finds a new plan.
        """
        asked, server = self._query, self.connection.pgconn
        asked.convert(text, values)
        if server.transaction_status == TransactionStatus.IDLE and not self.connection.autocommit:
            _send(server, b"BEGIN")
        try:
            answers = self._answer()
        except (FeatureNotSupported, InvalidSqlStatementName):
            if server.transaction_status != TransactionStatus.IDLE:
                raise
            answers = self._answer()
        self._answers = answers[self._before :]
        self.nextset()
        return self

    def _answer(self) -> list[Any]:
        server = self.connection.pgconn
        plans: dict[Any, bytes] = vars(self.connection).setdefault(_PLANS, {})
        try:
            named = [(_name(server, plans, asked), asked) for asked in self._asked]
            if len(named) > 1:
                return _together(server, named)
            name, asked = named[0]
            return [_done(server.exec_prepared(name, asked.params, asked.formats))]
        except (FeatureNotSupported, InvalidSqlStatementName):
            for asked in self._asked:
                plans.pop((asked.query, asked.types), None)
            raise

    def nextset(self) -> bool | None:
        """Go on to the answer of the next statement, if there is one."""
        if not self._answers:
            return None
        self.pgresult = self._answers.pop(0)
        self._types.set_pgresult(self.pgresult)
        self._next = 0
        return True

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


def _name(server: Any, plans: dict[Any, bytes], asked: PostgresQuery) -> bytes:
    plan = (asked.query, asked.types)
    name = plans.get(plan)
    if name is None:
        name = b"hq_%d" % next(_numbers)
        _done(server.prepare(name, asked.query, asked.types))
        plans[plan] = name
    return name


def _together(server: Any, named: list[tuple[bytes, PostgresQuery]]) -> list[Any]:
    """Their answers. They are sent at once, and outside of a transaction are one: if one fails, all do."""
    server.enter_pipeline_mode()
    for name, asked in named:
        server.send_query_prepared(name, asked.params, asked.formats)
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


def prepared(*, first: _Asking | None = None, then: Sequence[_Asking] = ()) -> CursorWrapper:
    """A cursor as `connection.cursor()` gives, for constant statements only: each text is kept by the server.

    `first` and `then` are others, with their values, that are sent along; outside of a transaction all are one. The
    answers of those in `then` come after that of the statement, by `nextset`.
    """
    link = connections[DEFAULT_DB_ALIAS]  # `connection` would look it up anew for each attribute
    link.close_if_health_check_failed()
    link.ensure_connection()
    bare: Any = _Statement(link.connection, first, then)
    return link.make_debug_cursor(bare) if link.queries_logged else link.make_cursor(bare)
