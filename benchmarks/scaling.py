"""How the time of a gradient grows with the batch, the hidden layer, the density, the threads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contenders import KOBAI_SIZES
from benchmarks.processes import Ask, Records, Worker, all_cores, say, workers
from benchmarks.report import table
from benchmarks.sizes import METHODS, Sweep, sweeps
from benchmarks.timing import Summary, duration

ROUNDS = 3
AFFORDABLE_SECONDS = 1.5  # a point whose time is expected to be above is left out

INTRODUCTION = f"""\
kobai's gradients without updates, medians of {ROUNDS} rounds, with all threads where nothing else
is said. "growth" is the ratio to the line above, and the exponent if time grew as a power. A dash
stands where one gradient would take more than {AFFORDABLE_SECONDS} s.

"""
HEADINGS = {
    "node": "node, float64",
    "incremental": "incremental, float64",
    "backprop": "backprop, float32",
}


def measure(folder: Path, minimum: float) -> str:
    """Markdown: a table for each sweep."""
    with workers([(KOBAI_SIZES, all_cores())], folder, minimum) as (worker,):
        if worker.missing:
            return f"Not measured: {worker.missing}.\n"
        records = Records()
        for number in range(ROUNDS):
            say(f"scaling, round {number + 1} of {ROUNDS}")
            for method in METHODS:
                for sweep in sweeps():
                    _sweep_once(worker, records, sweep, method)
    return INTRODUCTION + "\n".join(_section(records, sweep) for sweep in sweeps())


def _sweep_once(worker: Worker, records: Records, sweep: Sweep, method: str) -> None:
    previous: tuple[float, float] | None = None
    for value, size in sweep.points:
        if previous and previous[1] * value / previous[0] > AFFORDABLE_SECONDS:
            return
        ask = Ask(worker.family, worker.threads, size.task(method))
        records.keep(ask, worker.ask("run", ask.task))
        if not records.seconds.get(ask):
            return
        previous = value, records.seconds[ask][-1]


def _section(records: Records, sweep: Sweep) -> str:
    header = [sweep.column]
    for method in METHODS:
        header += [HEADINGS[method], "growth"]
    columns = [list(_column(records, sweep, method)) for method in METHODS]
    rows = []
    for index, (value, _) in enumerate(sweep.points):
        row = [f"{value:,}"]
        for column in columns:
            row += column[index]
        rows.append(row)
    return f"### {sweep.title}\n\n{table(header, rows)}"


def _column(records: Records, sweep: Sweep, method: str) -> Iterator[list[str]]:
    previous: tuple[float, float] | None = None
    for value, size in sweep.points:
        seconds = records.seconds.get(Ask(KOBAI_SIZES, all_cores(), size.task(method)))
        if not seconds:
            yield ["-", ""]
            continue
        median = Summary.of(seconds).median
        yield [duration(median), _growth(previous, (value, median))]
        previous = value, median


def _growth(previous: tuple[float, float] | None, now: tuple[float, float]) -> str:
    """The ratio to the point before, and the exponent if time grew as a power."""
    if previous is None:
        return ""
    ratio = now[1] / previous[1]
    return f"{ratio:.2f}x, ^{math.log(ratio) / math.log(now[0] / previous[0]):.2f}"
