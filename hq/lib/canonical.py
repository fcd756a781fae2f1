"""Canonical JSON (RFC 8785): equal documents have equal bytes, so that their hashes can be compared by anyone."""

from collections.abc import Callable
from typing import cast

import orjson
import rfc8785

_SAFE_INTEGER = 2**53

# It checks every type by itself, so it may be given anything.
_slow = cast("Callable[[object], bytes]", rfc8785.dumps)


class NotCanonical(ValueError):
    """The value has no canonical JSON form."""


def canonical(value: object) -> bytes:
    """Write a value of JSON's own types as RFC 8785 bytes.

    Keys are sorted by their UTF-16 code units, floats written as ECMAScript does; tuples are arrays, a `StrEnum` is its
    value.

    Raises:
        NotCanonical: for integers beyond ±(2^53 - 1), NaN and infinities, lone surrogates, keys that are no strings,
            other types, and documents that are nested too deeply.
    """
    try:
        # 30 times faster than rfc8785, and the same bytes for what the guard lets through.
        if _is_plain(value):
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        return _slow(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise NotCanonical(str(error)) from error


def _is_plain(value: object) -> bool:
    """Tell whether orjson writes this exactly as RFC 8785 wants it.

    Not so for floats (`1.0`, `-0.0`, `1e16`), integers from 2^53 on, and keys outside ASCII (UTF-8 and UTF-16 order
    differ). Exact types only: a subclass may be written in its own way.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if isinstance(value, int):
        return kind is int and -_SAFE_INTEGER < value < _SAFE_INTEGER
    if isinstance(value, list):
        return kind is list and all(map(_is_plain, value))
    if isinstance(value, dict):
        return (
            kind is dict
            and all(type(key) is str and key.isascii() for key in value)
            and all(map(_is_plain, value.values()))
        )
    return False
