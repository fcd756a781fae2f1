"""Where the gate asks for access rules. They are rows of a room above, which registers itself at start-up."""

from typing import Protocol

from hq.authz.actor import Actor
from hq.authz.levels import Level


class Rules(Protocol):
    """Reads the rules that name an actor's principal or a group it is in. Union: the strongest one counts."""

    def level_at(self, actor: Actor, path: str) -> Level | None:
        """The strongest level on a path, or on a prefix that ends in a slash; None where no rule reaches."""
        ...

    def prefixes(self, actor: Actor, level: Level) -> tuple[str, ...]:
        """Where the actor has at least this level: in C order, none below another; "" is everything."""
        ...


_source: list[Rules] = []


def register(source: Rules) -> None:
    """Called once at start-up; the last one wins."""
    _source[:] = [source]


def rules() -> Rules:
    """The registered ones."""
    return _source[0]
