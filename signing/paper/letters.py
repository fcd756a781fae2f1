"""Letters that no font of HQ has. In what HQ refuses to print they are named; in what was signed they are spelled out.

A document with such letters is refused while it is a draft. A name or an answer that somebody signed with is not: it is
sealed with the letter's number (Unicode) in its place, and stands as it was typed in the evidence beside.
"""

import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final
from unicodedata import category

import typst

_FONTS: Final = Path(__file__).parent / "fonts"
_PROBE = b"""#set document(title: "Probe", date: datetime(year: 2026, month: 1, day: 1))
#set text(font: "Libertinus Serif")
#sys.inputs.words"""


# A letter that no font has; one that PDF/A forbids; one that means whatever a font makes of it.
_REFUSED = re.compile(r'(?:the text|the disallowed codepoint|contains the codepoint) `"(.+?)"`')
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


@cache
def fonts() -> typst.Fonts:
    """Those of the wheel, and those beside this file for other scripts; none of the machine's. Read once a process."""
    return typst.Fonts(include_system_fonts=False, font_paths=[str(_FONTS)])


def refused_in(error: str) -> str:
    """The letters that typst names when it cannot draw them, or nothing: then it is another fault."""
    found = _REFUSED.search(error)
    return found[1] if found else ""


def drawable(words: str) -> str:
    """The words with every letter that can be drawn, and the others as [U+0F40]: what turns the order around too, or
    001 would be read as 100.
    """
    words = _TURNS.sub(lambda found: _spelled(found[0]), words)
    if _stands_alone(words):
        return words
    some = "".join(each if each.isascii() or _draws(each) else _spelled(each) for each in words)
    # A mark that can be drawn by itself may have no font that has it above the letter before it.
    return some if _stands_alone(some) else "".join(each if each.isascii() else _spelled(each) for each in words)


def _stands_alone(words: str) -> bool:
    """Whether it can be drawn, and hangs no mark on what stands before it on the page."""
    return words.isascii() or (not _combines(words[0]) and _draws(words))


def _combines(letter: str) -> bool:
    """Whether it is drawn above, below or through the letter before it."""
    return category(letter)[0] == "M"


def _spelled(letter: str) -> str:
    return f"[U+{ord(letter):04X}]"


def all_drawable(value: Any) -> Any:
    """The same of every text in a tree of plain values."""
    if isinstance(value, str):
        return drawable(value)
    if isinstance(value, dict):
        return {name: all_drawable(each) for name, each in value.items()}
    return [all_drawable(each) for each in value] if isinstance(value, list) else value


@lru_cache(maxsize=4096)
def _draws(words: str) -> bool:
    """Whether typst finds a letter for each. PDF/A wants it so, and refuses to be made otherwise."""
    try:
        typst.compile(_PROBE, format="pdf", pdf_standards=["a-3a"], sys_inputs={"words": words}, font_paths=fonts())
    except typst.TypstError as error:
        if refused_in(str(error)):
            return False
        raise
    return True
