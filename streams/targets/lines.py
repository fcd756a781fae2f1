"""An entry of a log as one line of text, which no text in it can break.

JSON escapes U+0000 to U+001F. What else some reader takes for the end of a line, or for a command to a terminal, is
escaped here too, so that the line has no control character at all: DEL, C1, and the two separators of Unicode. Such
characters stand only inside JSON's strings, where an escape means the same.
"""

import re
from typing import Any, Final

import orjson

from audit.selectors import Entry
from hq.lib.canonical import canonical

_BREAKS: Final = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def line(log: str, entry: Entry) -> str:
    """One entry: which log, its index and hash to tell it by, what was hashed, and the detail it commits to."""
    return one_line(
        {
            "log": log,
            "index": entry.index,
            "hash": entry.hash.hex(),
            "previous": entry.previous.hex(),
            "document": orjson.loads(entry.document),
            "detail": entry.detail,
            "salt": entry.salt,
        }
    )


def test_line(batch_id: str, environment_id: object) -> str:
    """What a test sends: it is told from an entry by its one member `test`."""
    return one_line({"test": {"stream": batch_id, "environment": str(environment_id), "said": "A test of HQ’s stream"}})


def one_line(document: dict[str, Any]) -> str:
    """RFC 8785 JSON without a character that could end it early."""
    return _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", canonical(document).decode())
