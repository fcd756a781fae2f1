"""Preconditions on what a path holds now (RFC 9110 section 13), by the SHA-256 of its content."""

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


ALWAYS = Conditions()
