"""Preconditions on what a path holds now (RFC 9110 section 13), by the SHA-256 of its content."""

from collections.abc import Mapping
from dataclasses import dataclass

from hq.lib.errors import PreconditionFailed

ANY = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class Conditions:
    """`match`: one of these must be there. `none_match`: none of these may be. Hex, `*` for anything, None for any."""

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    def check(self, sha256: str | None) -> None:
        """Whether a write may go ahead; `sha256` is None where nothing is. Raises PreconditionFailed."""
        if self.match is not None and (sha256 is None or (self.match != ANY and sha256 not in self.match)):
            raise PreconditionFailed
        if self.none_match is not None and sha256 is not None and (self.none_match == ANY or sha256 in self.none_match):
            raise PreconditionFailed("There is something at this path already.")

    def as_json(self) -> dict[str, list[str] | None]:
        """To be kept until the write can be done."""
        return {"match": _listed(self.match), "none_match": _listed(self.none_match)}

    @classmethod
    def of(cls, kept: Mapping[str, list[str] | None]) -> "Conditions":
        """What `as_json` made."""
        match, none_match = kept["match"], kept["none_match"]
        return cls(None if match is None else frozenset(match), None if none_match is None else frozenset(none_match))


def _listed(tags: frozenset[str] | None) -> list[str] | None:
    return None if tags is None else sorted(tags)


ALWAYS = Conditions()
