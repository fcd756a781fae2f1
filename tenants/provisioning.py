"""The steps that make an organization ready. Rooms above add theirs at start-up; this one knows none of them."""

from collections.abc import Callable
from dataclasses import dataclass

from hq.authz.actor import Actor

# What a step makes; returns one sentence of what is there now. Running it again changes nothing.
Step = Callable[[Actor], str]


@dataclass(frozen=True, slots=True)
class NamedStep:
    """`name` identifies, `title` is what people read while it runs."""

    name: str
    title: str
    run: Step


_steps: dict[str, NamedStep] = {}


def add_step(name: str, title: str, run: Step) -> None:
    """Append a step. Twice the same name is the same step."""
    _steps[name] = NamedStep(name, title, run)


def steps() -> list[NamedStep]:
    """In the order in which they run."""
    return list(_steps.values())
