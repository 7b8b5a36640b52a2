"""One measurement, and what is said about many of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.problem import LEARNING_RATE, Array, Batch, Params


@dataclass(frozen=True)
class Task:
    """Something a contender does.

    `run(calls)` does it so many times and returns the nanoseconds taken. `gradient()` is the
    gradient it computes at the starting parameters, of the loss over `batch`.
    """

    run: Callable[[int], int]
    gradient: Callable[[], Params] | None = None
    batch: Batch | None = None
    is_slow: bool = False


def nothing() -> None:
    """Stand in where a loop needs neither preparation nor an end."""


def loop(
    call: Callable[[], object],
    before: Callable[[], object] = nothing,
    after: Callable[[], object] = nothing,
) -> Callable[[int], int]:
    """The `run` of a task; `before` is not timed, `after` is."""

    def run(calls: int) -> int:
        before()
        start = time.perf_counter_ns()
        for _ in range(calls):
            call()
        after()
        return time.perf_counter_ns() - start

    return run


def from_step(before: Params, after: Params) -> Params:
    """The gradient that one step of gradient descent went along."""
    return {key: (before[key] - after[key]) / LEARNING_RATE for key in before}


class Stopwatch:
    """Measures tasks, each over enough calls that a measurement lasts `minimum` seconds."""

    def __init__(self, minimum: float) -> None:
        self._minimum = int(minimum * 1e9)
        self._calls: dict[str, int] = {}

    def seconds(self, name: str, task: Task) -> float:
        """The time of one call. What is short, or new, is done once before, untimed."""
        calls = self._calls.get(name, 1)
        if not task.is_slow and (calls > 1 or name not in self._calls):
            task.run(1)
        while True:
            elapsed = task.run(calls)
            if elapsed >= self._minimum or task.is_slow:
                self._calls[name] = calls
                return elapsed / calls / 1e9
            needed = int(1.2 * calls * self._minimum / max(elapsed, 1)) + 1
            calls = max(calls + 1, min(needed, 100 * calls))


@dataclass(frozen=True)
class Summary:
    """Seconds: the median of all rounds and the quartiles."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Summary:
        median = statistics.median(seconds)
        if len(seconds) < 3:
            return cls(median, min(seconds), max(seconds), len(seconds))
        low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
        return cls(median, low, high, len(seconds))

    def scaled(self, factor: float) -> Summary:
        return Summary(self.median * factor, self.low * factor, self.high * factor, self.rounds)


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    if seconds < 1e-3:
        return f"{_three_digits(seconds * 1e6)} µs"
    if seconds < 1:
        return f"{_three_digits(seconds * 1e3)} ms"
    return f"{_three_digits(seconds)} s"


def _three_digits(value: float) -> str:
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f}"


def density(x: Array) -> float:
    """The share of elements that are not zero."""
    return float((x != 0).mean())
