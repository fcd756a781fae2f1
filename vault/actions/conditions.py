"""Preconditions on what a path holds now (RFC 9110 section 13), by the SHA-256 of its content."""

from dataclasses import dataclass

from hq.lib.errors import PreconditionFailed

ANY = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class Conditions:
    """`match`: one of these must be there. `none_match`: none of these may be. Hex, `*` for anything, None for any."""

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    def matches(self, sha256: str | None) -> bool:
        """Whether If-Match holds. `sha256` is None where nothing is."""
        return self.match is None or (sha256 is not None and (self.match == ANY or sha256 in self.match))

    def is_new(self, sha256: str | None) -> bool:
        """Whether If-None-Match holds; on reading, False means that the caller has it already."""
        return self.none_match is None or sha256 is None or (self.none_match != ANY and sha256 not in self.none_match)

    def check(self, sha256: str | None) -> None:
        """For writes. Raises PreconditionFailed."""
        if not self.matches(sha256):
            raise PreconditionFailed
        if not self.is_new(sha256):
            raise PreconditionFailed("There is something at this path already.")


ALWAYS = Conditions()
