"""Log lines: time, level, logger, message, then the extras a call names. Nothing else of a request is ever added."""

import logging
import re
from datetime import UTC, datetime

_STANDARD = set(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "request",
    "server_time",
    "status_code",
}

# Every token of ours begins with what it is. Other packages log addresses and exceptions, and those may carry one.
_TOKEN = re.compile(r"\b(hq[iost]_|hd_(?:live|test)_)[A-Za-z0-9_-]+")


class LineFormatter(logging.Formatter):
    """`2026-11-22T14:31:07Z INFO hq.jobs claimed kind=keys.reencrypt`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        extras = " ".join(f"{key}={value}" for key, value in record.__dict__.items() if key not in _STANDARD)
        line = f"{at} {record.levelname} {record.name} {record.getMessage()}" + (f" {extras}" if extras else "")
        told = line + (f"\n{self.formatException(record.exc_info)}" if record.exc_info else "")
        return _TOKEN.sub(r"\1[redacted]", told)
