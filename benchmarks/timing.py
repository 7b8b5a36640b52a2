"""One measurement, and what is said about many of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.problem import LEARNING_RATE, Array, Batch, Params


@dataclass(frozen=True)
class Task:
    """Something a contender does.

    `run(calls)` does it so many times and returns the nanoseconds taken. `gradient()` is the
    gradient it computes at the starting parameters, of the loss over `batch`. A task that is a
    part of another is measured in that other's loop: `part` is the share of its last run.
    """

    run: Callable[[int], int]
    gradient: Callable[[], Params] | None = None
    batch: Batch | None = None
    is_slow: bool = False
    within: str = ""  # the task it is a part of
    part: Callable[[], float] | None = None


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


class LoopOfTwo:
    """A loop over two calls in turn, with a clock for both and one for the first alone."""

    def __init__(
        self,
        first: Callable[[], object],
        second: Callable[[], object],
        before: Callable[[], object] = nothing,
    ) -> None:
        self._first, self._second, self._before = first, second, before
        self._in_first, self._taken = 0, 1

    def run(self, calls: int) -> int:
        """Call both so many times; the nanoseconds taken. `before` is not timed."""
        now = time.perf_counter_ns
        self._before()
        in_first = 0
        start = now()
        for _ in range(calls):
            at = now()
            self._first()
            in_first += now() - at
            self._second()
        self._in_first, self._taken = in_first, now() - start
        return self._taken

    def part(self) -> float:
        """The first call's share of the last run."""
        return self._in_first / self._taken


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

    @property
    def digits(self) -> int:
        """How many digits of the median the quartiles support: three where they lie within 5 %."""
        return 3 if self.high - self.low <= 0.05 * self.median else 2

    def ratio_to(self, other: Summary) -> str:
        """This median over another, with the digits of the less certain of the two."""
        return count(self.median / other.median, min(self.digits, other.digits))

    def scaled(self, factor: float) -> Summary:
        return Summary(self.median * factor, self.low * factor, self.high * factor, self.rounds)


def duration(seconds: float, digits: int = 3) -> str:
    """So many significant digits and a unit."""
    rounded = significant(seconds, digits)
    if rounded < 1e-3:
        return f"{_fixed(rounded * 1e6, digits)} µs"
    if rounded < 1:
        return f"{_fixed(rounded * 1e3, digits)} ms"
    return f"{_fixed(rounded, digits)} s"


def count(value: float, digits: int = 3) -> str:
    """So many significant digits, thousands apart."""
    return _fixed(significant(value, digits), digits)


def significant(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")


def _fixed(value: float, digits: int) -> str:
    before = math.floor(math.log10(value)) + 1 if value > 0 else 1
    return f"{value:,.{max(digits - before, 0)}f}"


def density(x: Array) -> float:
    """The share of elements that are not zero."""
    return float((x != 0).mean())
