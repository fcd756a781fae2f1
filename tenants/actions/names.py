"""Names that people, programs and directories give to things."""

import re

from hq.lib.errors import Invalid
from hq.lib.text import NO_CONTROL

_CLEAN = re.compile(NO_CONTROL)


class BadName(Invalid):
    """The name is empty, too long, or has a control character."""


def clean_name(raw: str, *, most: int) -> str:
    """The name without space around it. Raises BadName."""
    name = raw.strip()
    if not 1 <= len(name) <= most or not _CLEAN.match(name):
        raise BadName(errors=[{"pointer": "/name", "detail": f"Enter 1 to {most} characters, without control ones."}])
    return name
