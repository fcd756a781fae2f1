"""Names without regard to capitals, alike in Python and in every PostgreSQL.

The server's own lower() goes by a locale, which differs from one server to the next, so an index could not be carried
over. Here a letter is made small if it is of ASCII, Latin (with what Vietnamese needs), Greek or Cyrillic; other
letters stay as they are.
"""

import string

_BLOCKS = ((0x80, 0x180), (0x370, 0x3F4), (0x3F5, 0x460), (0x1E00, 0x1F00))
# Beyond ASCII, which lower() makes small wherever it is; each with exactly one small letter in its place.
CAPITALS = "".join(
    chr(code)
    for start, stop in _BLOCKS
    for code in range(start, stop)
    if len(chr(code).lower()) == 1 and chr(code).lower() != chr(code)
)
SMALL = CAPITALS.lower()

_FOLDED = str.maketrans(CAPITALS + string.ascii_uppercase, SMALL + string.ascii_lowercase)


def folded(name: str) -> str:
    """The name as it is searched by."""
    return name.translate(_FOLDED)
