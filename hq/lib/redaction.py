"""Takes personal data out of free text before it is kept (AUD-4): e-mail addresses, social security numbers, card
numbers and phone numbers each become a mark, such as `[email]`.

What an investigation reads by stays: dates, times, UUIDs, digests, network addresses, and integers that stand alone,
but for those that a card could have, by length, beginning and check digit (Luhn). Where numbers in groups may be a
phone number or an amount, they are taken for a phone number: a trail can do without an amount in a sentence.

Tokens that HQ gives out are no personal data, but whoever pastes one into a text would leave it there for years: of
them only what they begin with stays.

A text without personal data costs a few microseconds: one look-up for each byte finds the digits and what joins them,
and only stretches that are long enough for a number are read by rules.
"""

import re
from collections.abc import Iterator
from typing import Any

EMAIL, SSN, CARD, PHONE = "[email]", "[ssn]", "[card]", "[phone]"

# Every token of ours begins with what it is.
_OURS = re.compile(r"\b(hq[a-z]_|hd_(?:live|test)_)[A-Za-z0-9_-]+")
_AT = re.compile(r"@|%40")
# Read from the @ to both sides, the left one backwards: searching for the whole would try each letter of a long word.
_LOCAL_BACKWARDS = re.compile(r"[\w.!$%'*+^`{|}~-]{1,64}")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,62})\.){1,8}[^\W_][\w-]{1,62}")

_GAP = " \u00a0\u202f\u2010\u2011\u2013-"  # people paste what their word processor made of a space or a hyphen
# A look-behind stands second where a text is searched: what comes first is found without trying at each place.
_RUN = re.compile(
    rf"[0-9+(](?<![\w@].)(?:((?<=[12])[09][0-9]{{2}}-[0-9]{{2}}-[0-9]{{2}}(?![0-9-])|[0-9]{{3,10}}(?![0-9().+{_GAP}]))|[0-9().+{_GAP}]{{6,}})"
)
# A run that is read by rules has seven of these at least, one after the other.
_DIGITS = bytes(ord("0" if chr(byte) in "0123456789().+ -" else "x") for byte in range(256))
_LEAST = b"0" * 7
_START = re.compile(r"[0-9+(](?<![\w@].)")
_KEEP = r"""
      (?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}(?![0-9]|-[0-9])               # 2026-11-22
    | (?:19|20)[0-9]{2}\.[0-9]{2}\.[0-9]{2}(?![0-9]|\.[0-9])            # 2026.11.22
    | [0-9]{1,2}-[0-9]{1,2}-(?:19|20)[0-9]{2}(?![0-9]|-[0-9])           # 22-11-2026
    | [0-9]{1,2}\.[0-9]{1,2}\.(?:19|20)[0-9]{2}(?![0-9]|\.[0-9])        # 22.11.2026
    | (?:19|20)[0-9]{2}\s?[-\u2013]\s?(?:19|20)[0-9]{2}(?![0-9]|[-.][0-9])  # 2019-2026
    | (?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9]|\.[0-9])                    # 192.0.2.1
"""
_KEPT = re.compile(rf"(?<![0-9.-])(?:{_KEEP})", re.VERBOSE)
_TOKEN = re.compile(
    rf"""
      (?P<keep> {_KEEP} )
    | (?P<ssn> [0-9]{{3}}(?P<tie>[{_GAP}])[0-9]{{2}}(?P=tie)[0-9]{{4}} (?!\w|[-.][0-9]) )
    | (?P<card> [0-9](?:[{_GAP}]?[0-9]){{11,18}} (?!\w|[-.][0-9]) )
    | (?P<phone>
        (?:\+[0-9]{{1,15}}+|\(\+?[0-9]{{1,4}}+\)|0[0-9]{{4}}(?![0-9])|[0-9]{{1,4}}+)
        (?:(?:[.{_GAP}]{{1,2}}\(?|(?<=\))|\()[0-9]{{1,8}}+\)?){{0,7}}
        (?:\ ?x[0-9]{{1,5}})? (?!\w)
      )""",
    re.VERBOSE,
)
_GROUPS = re.compile(r"[0-9]+")
_NOT_DIGITS = re.compile(r"[^0-9]+")
CARD_LEAST = 12  # digits
# By ISO/IEC 7812 as the networks use it: what each begins with, and how long it is. The last are Maestro and UnionPay.
_CARD = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|(?:5[1-5]|2[2-7]|3[015])[0-9]{14}|3[47][0-9]{13}|3[0689][0-9]{12}"
    r"|(?:1800|2131)[0-9]{11}|(?:50|5[6-9])[0-9]{10,17}|6[0-9]{11,18}"
)
_ID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def redact(text: str) -> str:
    """The text with each piece of personal data replaced by its mark; the very same text if there is none."""
    # One letter is found many times as fast as several.
    if ("q" in text and "hq" in text) or ("_" in text and "hd_" in text):
        text = _OURS.sub(r"\1[redacted]", text)
    if "@" in text or ("%" in text and "%40" in text):
        text = _replaced(text, _emails(text))
    return _replaced(text, _numbers(text))


def redact_all(value: Any) -> Any:
    """The JSON value with every text in it redacted. The names of fields are ours, and stay."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_all(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redact_all(each) for each in value]
    return value


def find(text: str) -> list[tuple[int, int, str]]:
    """Where the personal data is: beginning, end and mark of each piece, in the text's order."""
    found = [*_emails(text), *_numbers(text)]
    return sorted(found)


def _replaced(text: str, found: Iterator[tuple[int, int, str]]) -> str:
    parts, done = [], 0
    for start, end, mark in found:
        parts += [text[done:start], mark]
        done = end
    return "".join([*parts, text[done:]]) if parts else text


def _emails(text: str) -> Iterator[tuple[int, int, str]]:
    done = 0
    for at in _AT.finditer(text):
        local = _LOCAL_BACKWARDS.match(text[max(done, at.start() - 64) : at.start()][::-1])
        domain = _DOMAIN.match(text, at.end())
        if local and domain:
            yield at.start() - local.end(), domain.end(), EMAIL
            done = domain.end()


def _runs(text: str) -> Iterator[re.Match[str]]:
    """What `_RUN` finds, but for dates and short integers that stand alone."""
    if not text.isascii():
        yield from (run for run in _RUN.finditer(text) if not run[1])
        return
    flat = text.encode("ascii").translate(_DIGITS)
    at = flat.find(_LEAST)
    while at >= 0:
        end = flat.find(b"x", at)
        end = len(flat) if end < 0 else end
        while at < end and (run := _RUN.search(text, at, end)):
            at = run.end()
            if not run[1]:
                yield run
        at = flat.find(_LEAST, end)


def _numbers(text: str) -> Iterator[tuple[int, int, str]]:
    for run in _runs(text):
        at, end = run.span()
        while start := _START.search(text, at, end):
            at, mark = _judged(text, start.start())
            if mark and not _within_id(text, start.start(), at):
                yield start.start(), at, mark


def _judged(text: str, start: int) -> tuple[int, str | None]:
    """Where what begins here ends, and its mark, if it is to be replaced."""
    token = _TOKEN.match(text, start)
    if token is None:
        return start + 1, None
    kind = token.lastgroup
    if kind in {"keep", "ssn"}:
        return token.end(), SSN if kind == "ssn" else None
    groups = [group.span() for group in _GROUPS.finditer(text, start, token.end())]
    # Two numbers may stand in a row: the longest beginning that is one counts.
    sizes = [end - begin for begin, end in groups]
    if sum(sizes) >= CARD_LEAST:
        for _, end in reversed(groups):
            if _is_card(_NOT_DIGITS.sub("", text[start:end])):
                return end, CARD
    short = (number for number, size in enumerate(sizes[1:], 1) if size < 2)  # no phone number goes on beyond one
    most = len(sizes) if text[start] in "+(" else next(short, len(sizes))
    for count in range(most, 0, -1):
        end = groups[count - 1][1]
        if _is_phone(text[start:end], sizes[:count]):
            kept = _KEPT.search(text, start, token.end())
            if kept is None or kept.start() >= end:
                return end, PHONE
            break  # a small number stood before it
    return groups[0][1], None


def _is_card(digits: str) -> bool:
    return bool(_CARD.fullmatch(digits)) and _luhn(digits)


def _luhn(digits: str) -> bool:
    numbers = [int(digit) for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(_DOUBLED[number] for number in numbers[1::2])) % 10 == 0


def _is_phone(text: str, sizes: list[int]) -> bool:
    """International ones by their plus; others by how they are grouped: short groups, the last perhaps longer."""
    sizes = sizes[:-1] if "x" in text else sizes  # an extension
    digits = sum(sizes)
    if text.startswith(("+", "(+")):
        return 8 <= digits <= 15
    if len(sizes) == 2:
        if "." in text:  # a fraction
            return False
        return sizes == [3, 4] or (digits >= 8 and 2 <= sizes[0] <= 5 and 4 <= sizes[1] <= 8)
    most = 15 if text.startswith("00") else 12
    return len(sizes) > 2 and 8 <= digits <= most and all(2 <= size <= 4 for size in sizes[1:])


def _within_id(text: str, start: int, end: int) -> bool:
    """UUIDs of digits only, and the ends of others, would pass for numbers."""
    return any(each.start() < end and start < each.end() for each in _ID.finditer(text, max(0, start - 36), end + 36))
