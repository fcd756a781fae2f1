"""Variables of a template's text: `{company}` stands for what is filled in when it is used.

One brace, so that neither a marker (`[[…]]`) nor anything of HQ's own pages can be meant. What is filled in is text and
nothing else: it can add no field, and nothing in it is markup.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from hq.lib.text import NO_CONTROL
from signing.actions.faults import fault

NAME_LENGTH, VALUE_LENGTH, VARIABLES_MOST = 40, 500, 50
PATTERN: Final = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")
_LINE = re.compile(NO_CONTROL)
# All of ASCII's punctuation may stand behind a backslash (CommonMark 0.31, 2.4), and is then only itself.
_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")


def list_variables(text: str) -> list[str]:
    """The names in a text, each once, in the order in which they come. Raises CannotBeSigned."""
    names = list(dict.fromkeys(PATTERN.findall(text)))
    if len(names) > VARIABLES_MOST:
        raise fault("/text", f"A text has at most {VARIABLES_MOST} variables.")
    return names


def label_of(name: str) -> str:
    """As people are asked for it: `start_date` is Start date."""
    return name.replace("_", " ").capitalize()


def check_values(names: Iterable[str], values: Mapping[str, str]) -> dict[str, str]:
    """What is filled in for each name. Raises CannotBeSigned with the first that cannot be."""
    return {name: _checked(name, values.get(name, "").strip()) for name in names}


def _checked(name: str, value: str) -> str:
    at = f"/values/{name}"
    if not value:
        raise fault(at, f"{label_of(name)} is not filled in.")
    if len(value) > VALUE_LENGTH:
        raise fault(at, f"{label_of(name)} has more than {VALUE_LENGTH} characters.")
    if not _LINE.match(value):
        raise fault(at, f"{label_of(name)} has to be one line of text.")
    if "[" in value or "]" in value:  # a marker is found in what Markdown makes of the text, escaped or not
        raise fault(at, f"{label_of(name)} cannot hold [ or ]: fields are made of them.")
    return value


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables replaced. What is filled in is not looked through again."""
    return PATTERN.sub(lambda found: _MARKUP.sub(r"\\\1", values[found[1]]), text)
