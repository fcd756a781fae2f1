"""Text that people type, and text that they read."""

import re

# No control characters: they would hide or forge something wherever the name is shown.
NO_CONTROL = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*$"

_LINE, _BREAKS = re.compile(NO_CONTROL), re.compile(r"[\n\r\t]")


def is_plain(words: str) -> bool:
    """Whether lines of text hold nothing that hides or turns what is read."""
    return _LINE.match(_BREAKS.sub(" ", words)) is not None


def plural(number: int, noun: str) -> str:
    """`1 key`, `2 keys`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
