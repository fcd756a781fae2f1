"""How values stand in the cache: as JSON or as bytes.

Django's own way is pickle, by which whoever can write to Valkey has every process of HQ run what they like.
"""

from typing import Any

import orjson

_BYTES, _JSON = b"b", b"j"


class NotOurs(ValueError):
    """What the cache holds there was not put there by HQ."""


class Serializer:
    """Numbers, text, bytes, lists and mappings by text. A tuple comes back as a list."""

    def dumps(self, value: Any) -> int | bytes:
        """Whole numbers stand as they are: Valkey counts with them. Raises TypeError for what is no value."""
        if type(value) is int:
            return value
        return _BYTES + value if isinstance(value, bytes) else _JSON + orjson.dumps(value)

    def loads(self, raw: bytes) -> Any:
        """Raises NotOurs."""
        kind, rest = raw[:1], raw[1:]
        try:
            if kind == _BYTES:
                return rest
            return orjson.loads(rest) if kind == _JSON else int(raw)
        except ValueError:
            raise NotOurs from None
