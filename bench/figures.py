"""What a bench gives back. Ratios are taken round by round and their median counts: the machine may be shared."""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from time import perf_counter, thread_time
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One value, the median of `samples`, and its target: at least, at most, or (both the same) exactly."""

    what: str
    samples: Sequence[float]
    unit: str = "x"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def value(self) -> float:
        return median(self.samples)

    @property
    def met(self) -> bool:
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    def __str__(self) -> str:
        spread = f"{_short(min(self.samples))} to {_short(max(self.samples))} in {len(self.samples)} rounds"
        return (
            f"{'pass' if self.met else 'MISS'}  {_short(self.value)}{self.unit}  {self.what}"
            f"  [target {self._target()}{self.unit}{'; ' + spread if len(self.samples) > 1 else ''}]"
        )

    def _target(self) -> str:
        if self.at_least == self.at_most:
            return f"= {_short(self.at_least or 0)}"
        return f">= {_short(self.at_least)}" if self.at_least is not None else f"<= {_short(self.at_most or 0)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The figures of one bench, the sizes they hold for, and what was measured beside them, in words."""

    sizes: str
    figures: Sequence[Figure]
    beside: dict[str, str] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        return all(figure.met for figure in self.figures)

    def __str__(self) -> str:
        lines = [
            self.sizes,
            *map(str, self.figures),
            *(f"      {what}: {value}" for what, value in self.beside.items()),
        ]
        return "\n".join(f"  {line}" for line in lines)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {
            "figures": [asdict(figure) | {"value": figure.value, "met": figure.met} for figure in self.figures]
        }


def seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def cpu_seconds(work: Callable[[], object]) -> float:
    """For work that waits for nothing: what others do on the machine meanwhile is not counted."""
    began = thread_time()
    work()
    return thread_time() - began


def undisturbed(work: Callable[[], float], tries: int = 10) -> Callable[[], float]:
    """Measure again when the CPU was taken away meanwhile: its caches are then full of somebody else's data."""

    def measured() -> float:
        for _ in range(tries):
            before = getrusage(RUSAGE_SELF).ru_nivcsw
            taken = work()
            if getrusage(RUSAGE_SELF).ru_nivcsw == before:
                break
        return taken

    return measured


def take_turns(rounds: int, *works: Callable[[], float]) -> list[list[float]]:
    """What each work measured, round by round. Every second round goes backwards, so that nobody is always first."""
    measured: list[list[float]] = [[] for _ in works]
    for number in range(rounds):
        order = list(zip(works, measured, strict=True))
        for work, kept in order if number % 2 == 0 else reversed(order):
            kept.append(work())
    return measured


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def forget_peak() -> int:
    """How many bytes this process has in memory now, which from here on is its peak. Linux only."""
    Path("/proc/self/clear_refs").write_text("5")
    return _resident("VmRSS")


def peak() -> int:
    """The most that this process had in memory since then."""
    return _resident("VmHWM")


def _resident(name: str) -> int:
    match = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if match is None:
        raise RuntimeError(f"This kernel does not tell {name}.")
    return int(match[1]) * 1024


def rate(count: float, times: Sequence[float], unit: str = "/s") -> str:
    return f"{count / median(times):,.0f}{unit}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
