"""What the trail may keep of what people wrote (AUD-4, VLT-12). Applied before an event is hashed and sealed.

- Free text - reasons, purposes, names that people chose, what a program calls itself - is redacted: personal data and
  tokens in it each become a mark (hq.lib.redaction). So is every field of `before`, `after` and of a request's details
  that is not listed here: whoever adds one need not think of it. Names within a value are texts as well: what came from
  outside may have anything for a name.
- What names somebody or something stays, as the trail is of no use without: labels of actor and target, the fields in
  NAMES, and in `before` and `after` any value that is one e-mail address and nothing else. All of it is sealed.
- A field that means a secret anywhere in the data map is masked, whatever it holds. That there is one may be said, by
  True.
"""

import re
from collections import Counter
from functools import cache
from typing import Any, Final

from hq.db.classes import DataClass, fields_of
from hq.lib.redaction import EMAIL, redact

SECRET: Final = "[secret]"
# Fields that say which: of people, places and things. A path is what an object is called.
_NAMED = (
    "access_key actor arn domain domains email env_name folder from host id key network networks org_slug organization"
    " owner path paths prefix prefixes recipient target to"
)
NAMES: Final = frozenset(_NAMED.split())
# `key` in the trail is the name of one, as the provider has it.
_NO_SECRETS = frozenset({"key"})
_SOUNDS_SECRET = re.compile(
    r"(?:^|_)(?:api_?key|authorization|cookie|passphrase|password|secret|seed|token)$|^private(?:_key)?$"
)
_WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]")  # as others write names: clientSecret, Set-Cookie


@cache
def _secrets() -> frozenset[str]:
    return frozenset(line.field for line in fields_of(DataClass.SECRETS)) - _NO_SECRETS


def of_change(value: dict[str, Any] | None) -> dict[str, Any] | None:
    """`before` or `after` as the trail may keep it."""
    return None if value is None else {name: _field(name, each) for name, each in value.items()}


def of_request(detail: dict[str, Any]) -> dict[str, Any]:
    """What is told of a request."""
    return {name: _field(name, each) for name, each in detail.items()}


def _field(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if name in _secrets() or _SOUNDS_SECRET.search(_WORD_BEGINS.sub("_", name).lower()):
        return SECRET if value else value
    return value if name in NAMES and _is_plain(value) else _text(value)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list | tuple) and all(isinstance(each, str) for each in value))


def _text(value: Any) -> Any:
    if isinstance(value, str):
        clean = redact(value)
        return value if clean == EMAIL else clean
    if isinstance(value, dict):
        return _dict(value)
    if isinstance(value, list | tuple):
        return [_text(each) for each in value]
    return value


def _dict(value: dict[Any, Any]) -> dict[str, Any]:
    """Two names that are the same without personal data stay two, also where others look like those made here."""
    kept: dict[str, Any] = {}
    more: Counter[str] = Counter()
    for key, each in value.items():
        name = clean = redact(str(key))
        while name in kept:
            more[clean] += 1
            name = f"{clean} {more[clean] + 1}"
        kept[name] = _field(str(key), each)
    return kept
