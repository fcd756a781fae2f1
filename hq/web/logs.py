"""Log lines: time, level, logger, message, then the extras a call names. Nothing else of a request is ever added.

What an extra may say follows from its class (VLT-12): a name that means customer data or a secret where it is stored is
written without its value. Rows, sealed values and bytes are never written, whatever they are called.
"""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import DataError, Error, models

from hq.db.classes import unlogged
from hq.db.sealed import Sealed

_STANDARD = set(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "request",
    "server_time",
    "status_code",
}
WITHHELD = "[withheld]"
_NEVER = (Sealed, models.QuerySet, bytes, bytearray, memoryview)

# Every token of ours begins with what it is. Other packages log addresses and exceptions, and those may carry one.
_TOKEN = re.compile(r"\b(hq[a-z]_|hd_(?:live|test)_)[A-Za-z0-9_-]+")


class LineFormatter(logging.Formatter):
    """`2026-11-22T14:31:07Z INFO hq.jobs claimed kind=keys.reencrypt`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        extras = " ".join(
            f"{key}={named(key, value)}" for key, value in record.__dict__.items() if key not in _STANDARD
        )
        line = f"{at} {record.levelname} {record.name} {_message(record)}" + (f" {extras}" if extras else "")
        told = line + (f"\n{self.formatException(record.exc_info)}" if record.exc_info else "")
        return _TOKEN.sub(r"\1[redacted]", told)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        """The trace, without what the database says of the row: that holds values."""
        text = super().formatException(ei)
        for error in _chain(ei):
            if isinstance(error, Error) and str(error):
                text = text.replace(str(error), _first_line(error))
        return text


def named(name: str, value: object) -> Any:
    """What a line may say under a name. Before Django knows the models no name can be judged, so nothing is said."""
    return WITHHELD if not apps.models_ready or name in unlogged() else shown(value)


def shown(value: object) -> Any:
    """A value as it may stand in a line: ids for rows, nothing for what is sealed, bytes, or not fetched yet."""
    if isinstance(value, models.Model):
        return f"<{value._meta.label} {value.pk if isinstance(value.pk, UUID | int) else WITHHELD}>"  # noqa: SLF001 - Django's documented name
    if isinstance(value, _NEVER):
        return WITHHELD
    if isinstance(value, Mapping):
        return {key: named(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [shown(each) for each in value]
    return _first_line(value) if isinstance(value, Error) else value


def _message(record: logging.LogRecord) -> str:
    """The record's message, made as logging makes it, of arguments that may be said."""
    message = str(shown(record.msg))
    arguments: Any = shown(record.args) if isinstance(record.args, Mapping) else tuple(map(shown, record.args or ()))
    path = getattr(getattr(record, "request", None), "path", None)
    if path and isinstance(arguments, tuple):  # what people call their files stands in it
        arguments = tuple(_route(record) if each == path else each for each in arguments)
    return str(message % arguments) if record.args else message


def _route(record: logging.LogRecord) -> str:
    """Which address of ours was asked for, without what the request filled in."""
    match = getattr(record.__dict__["request"], "resolver_match", None)
    return f"/{match.route}" if match else WITHHELD


def _chain(ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]) -> Any:
    """The exception and all that stand behind it, as a trace shows them."""
    waiting, seen = [ei[1]], set[int]()
    while waiting:
        error = waiting.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        waiting += [error.__cause__, error.__context__]


def _first_line(error: Error) -> str:
    """Which rule was broken. The lines below it name the row's values, and a refused value stands in the first."""
    return WITHHELD if isinstance(error, DataError) else str(error).partition("\n")[0]
