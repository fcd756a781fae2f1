"""Who and what is meant by a name that somebody typed, without opening more names than match."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from evidence.models.explorer import TrailName, TrailWord
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.lib.folding import folded
from keys import selectors as keys

SHORTEST: Final = 2
LONGEST: Final = 8
WORDS_MOST: Final = 12
FOUND_MOST: Final = 200
LOOKED_AT_MOST: Final = 2000
_WORD: Final = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The words of a name, in the form in which they are compared; what follows the first twelve is not looked at."""
    return list(dict.fromkeys(_WORD.findall(folded(unicodedata.normalize("NFC", text)))))[:WORDS_MOST]


def beginnings_of(word: str) -> list[str]:
    """What finds a word: its beginnings of two to eight letters, or a shorter word itself."""
    return [word[:length] for length in range(SHORTEST, min(len(word), LONGEST) + 1)] or [word]


def token(organization_id: UUID, beginning: str) -> bytes:
    """The blind index of a beginning, 16 bytes. Raises KeyUnavailable."""
    return keys.blind_index(organization_id, "evidence.name.word", beginning)[:16]


@dataclass(frozen=True, slots=True)
class Named:
    """("actor" or "target", id) of each that has such a name. `cut`: there may be more, which were not looked at."""

    found: tuple[tuple[str, str], ...] = ()
    cut: bool = False


def find_names(actor: Actor, typed: str) -> Named:
    """Actors and targets that have a name in which each typed word begins a word.

    Not more than 200, among the newest 2,000 names for each word; who means one of more types another word. Raises
    KeyUnavailable.
    """
    gate.require(actor, Permission.AUDIT_READ)
    wanted = words_of(typed)
    if not wanted:
        return Named()
    tokens = {token(actor.organization_id, word[:LONGEST]) for word in wanted}
    words = TrailWord.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))
    # Each word by itself, as an index has its names in their order: those of several would have to be sorted.
    first, *others = (
        words.filter(token=each).order_by("-name_id").values_list("name_id", "token")[:LOOKED_AT_MOST]
        for each in tokens
    )
    looked_at = list(first.union(*others, all=True))
    hits = Counter(name_id for name_id, _ in looked_at)
    behind = max(Counter(bytes(each) for _, each in looked_at).values(), default=0) == LOOKED_AT_MOST
    whole = [name_id for name_id, count in hits.items() if count == len(tokens)]
    names = TrailName.objects.filter(pk__in=whole).order_by("-pk")
    found = {(name.kind, name.reference): None for name in names if _fits(name.label or "", wanted)}
    return Named(tuple(found)[:FOUND_MOST], cut=behind or len(found) > FOUND_MOST)


def _fits(label: str, wanted: list[str]) -> bool:
    """What is longer than a blind index goes is compared in the open."""
    known = words_of(label)
    return all(any(word.startswith(each) for word in known) for each in wanted)
