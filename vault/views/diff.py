"""What changed between two versions of a text, line by line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import zip_longest
from time import thread_time
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from hq.db.context import tenant
from hq.lib.errors import Invalid, NotFound
from hq.web.portal import own_context
from hq.web.request import TenantRequest
from vault import actions, selectors
from vault.actions import Opened
from vault.actions.previews import MARKDOWN, MIB, TEXT, kind_of
from vault.views.files import address, steps
from vault.views.preview import number_of

MOST_LINES, MOST_PAIRS, MOST_ROWS, AROUND = 5_000, 100_000, 4_000, 3
LONGEST = 2.0  # seconds of computing


class NotCompared(Invalid):
    """These versions cannot be compared line by line."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of one version beside a line of the other; `gap` in place of lines that both have."""

    old_number: int | None = None
    old: str = ""
    new_number: int | None = None
    new: str = ""
    changed: bool = True
    gap: int = 0


class _Matcher(SequenceMatcher[str]):
    """Gives up in time: made for it, a few thousand lines keep the search busy for a minute."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        self._until = thread_time() + LONGEST
        super().__init__(None, old, new, autojunk=False)

    def find_longest_match(self, *where: Any) -> Match:
        """One step of the search, which takes milliseconds. Raises NotCompared."""
        if thread_time() > self._until:
            raise NotCompared("It takes too long to tell what changed.")
        return super().find_longest_match(*where)


@own_context
def diff(request: TenantRequest, **where: str) -> HttpResponse:
    """`?from=` an older version, the one before by default, `?to=` a newer one, the current one by default."""
    path = request.GET.get("path", "")
    to, since = (number_of(request.GET.get(name)) for name in ("to", "from"))
    newer = actions.open_object(actor=request.actor, path=path, version=to)
    if to is None:
        to = newer.version.number
    since = since or to - 1
    if since < 1:
        raise NotFound
    older = actions.open_object(actor=request.actor, path=path, version=since)
    rows, trouble = _compared(older, newer)
    file, folder = newer.version, selectors.folder_of(newer.version.path)
    context = {
        "file": file,
        "older": older.version,
        "rows": rows[:MOST_ROWS],
        "cut": len(rows) > MOST_ROWS,
        "trouble": trouble,
        "steps": [(name, url or address("browse", where, folder=folder)) for name, url in steps(folder, where)],
        "back": address("versions", where, path=file.path),
    }
    with tenant(request.actor.organization_id):
        return render(request, "vault/diff.html", context)


def _compared(older: Opened, newer: Opened) -> tuple[Sequence[Row], str]:
    """The rows, or why there are none."""
    versions = older.version, newer.version
    if any(kind_of(version) not in {TEXT, MARKDOWN} for version in versions):
        return (), "Only text is compared line by line."
    if any(version.size > MIB for version in versions):
        return (), "Text is compared up to 1 MiB."
    if older.version.sha256 == newer.version.sha256:
        return (), ""
    try:
        return list(compare(_lines(older), _lines(newer))), ""
    except NotCompared as refusal:
        return (), str(refusal)


def _lines(opened: Opened) -> list[str]:
    with closing(opened.read()) as pieces:
        content = b"".join(pieces)
    try:
        return content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise NotCompared("One of the versions is no text in UTF-8.") from None


def compare(old: Sequence[str], new: Sequence[str]) -> Iterator[Row]:
    """Rows with three lines around each change. Raises NotCompared for what would take too long."""
    begin = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    end = 0
    while end < min(len(old), len(new)) - begin and old[-1 - end] == new[-1 - end]:
        end += 1
    middle_old, middle_new = old[begin : len(old) - end], new[begin : len(new) - end]
    _refuse_costly(middle_old, middle_new)
    same = [("equal", 0, begin, 0, begin)] if begin else []
    codes = _Matcher(middle_old, middle_new).get_opcodes()
    inside = [(tag, a + begin, b + begin, c + begin, d + begin) for tag, a, b, c, d in codes]
    tail = [("equal", len(old) - end, len(old), len(new) - end, len(new))] if end else []
    return _rows([*same, *inside, *tail], old, new)


def _refuse_costly(old: Sequence[str], new: Sequence[str]) -> None:
    """Lines that are often the same on both sides make the search for the least change very long."""
    if max(len(old), len(new)) > MOST_LINES:
        raise NotCompared("Too much changed to be compared line by line.")
    there = Counter(new)
    if sum(there[line] for line in old) > MOST_PAIRS:
        raise NotCompared("Too many lines are the same to tell which of them changed.")


def _rows(codes: Sequence[tuple[str, int, int, int, int]], old: Sequence[str], new: Sequence[str]) -> Iterator[Row]:
    for at, (tag, old_from, old_to, new_from, new_to) in enumerate(codes):
        if tag != "equal":
            for one, other in zip_longest(range(old_from, old_to), range(new_from, new_to)):
                yield Row(
                    old_number=None if one is None else one + 1,
                    old="" if one is None else old[one],
                    new_number=None if other is None else other + 1,
                    new="" if other is None else new[other],
                )
            continue
        length = old_to - old_from
        before = 0 if at == 0 else AROUND
        after = 0 if at == len(codes) - 1 else AROUND
        hidden = max(0, length - before - after)
        for step in range(length):
            if hidden > 1 and before <= step < length - after:
                if step == before:
                    yield Row(gap=hidden, changed=False)
                continue
            line = old[old_from + step]
            yield Row(old_from + step + 1, line, new_from + step + 1, line, changed=False)
