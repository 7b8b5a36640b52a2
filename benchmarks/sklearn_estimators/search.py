"""A search over candidates: python -m benchmarks.sklearn_estimators.search [--rounds N]

`GridSearchCV` over 12 candidates with one job, one thread each, and with two, in joblib's
processes, in its threads and, where it is installed, in Dask's processes; nothing but they sets
numbers of threads. The time, the processor time, and how many threads ran at the same time.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import joblib
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

import kobai
from benchmarks.processes import THREAD_VARIABLES, all_cores
from benchmarks.report import table
from benchmarks.running import Seen, watched
from kobai.sklearn import MLPClassifier

GRID = {"alpha": [1e-5, 1e-4, 1e-3, 1e-2], "hidden_layer_sizes": [(50,), (100,), (100, 50)]}
TARGET = 0.6
# So few samples may see a thread more than there are cores: one that hands over to another.
TRANSITIONS = 0.01


class Way(NamedTuple):
    """A way of searching: its name, the number of jobs, the threads of a job, and its backend."""

    name: str
    jobs: int
    threads: int
    backend: Callable[[], contextlib.AbstractContextManager[Any]]


class Run(NamedTuple):
    seconds: float
    seen: Seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; the status is 1 if two jobs take too long, or too many threads run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sklearn_estimators.search")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=12000)
    options = parser.parse_args(arguments)
    for name in (*THREAD_VARIABLES, "KOBAI_NUM_THREADS"):
        os.environ.pop(name, None)
    # Candidates are compared after as many epochs, of which there are too few to converge.
    os.environ["PYTHONWARNINGS"] = "ignore"
    warnings.simplefilter("ignore")
    data = make_classification(options.samples, 30, n_informative=10, n_classes=5, random_state=0)
    ways = _ways_of_joblib()
    rounds = _rounds(ways, data, options.rounds)
    with contextlib.suppress(ImportError), _dask() as way:
        # Apart: its scheduler never quite sleeps.
        for each, found in zip(rounds, _rounds([way], data, options.rounds), strict=True):
            each |= found
        ways.append(way)
    return _tell(ways, rounds)


def _ways_of_joblib() -> list[Way]:
    return [
        Way("one job, one thread", 1, 1, contextlib.nullcontext),
        Way("one job, all threads", 1, 0, contextlib.nullcontext),
        Way("two processes", 2, 0, lambda: joblib.parallel_config("loky", n_jobs=2)),
        Way("a process each core", -1, 0, lambda: joblib.parallel_config("loky", n_jobs=-1)),
        Way("two threads", 2, 0, lambda: joblib.parallel_config("threading", n_jobs=2)),
    ]


@contextlib.contextmanager
def _dask() -> Iterator[Way]:
    from distributed import Client

    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None):
        yield Way("two processes of Dask", 2, 0, lambda: joblib.parallel_config("dask", n_jobs=2))


def _rounds(ways: list[Way], data: Any, count: int) -> list[dict[str, Run]]:
    """What searches come to; all ways take turns."""
    for way in ways:
        # Workers are started, and import what they need.
        _search(way, data)
    return [{way.name: _search(way, data) for way in ways} for _ in range(count)]


def _search(way: Way, data: Any) -> Run:
    """Search with the defaults of everything but the number of epochs."""
    model = MLPClassifier(max_iter=15, random_state=0)
    search = GridSearchCV(model, GRID, n_jobs=way.jobs, error_score="raise")
    kobai.set_num_threads(way.threads)
    with watched() as seen, way.backend():
        start = time.perf_counter()
        search.fit(*data)
        seconds = time.perf_counter() - start
    kobai.set_num_threads(0)
    return Run(seconds, seen)


def _tell(ways: list[Way], rounds: list[dict[str, Run]]) -> int:
    cores = all_cores()
    lines, is_right = [], True
    for way in ways:
        runs = [each[way.name] for each in rounds]
        ratio = statistics.median(
            each[way.name].seconds / each[ways[0].name].seconds for each in rounds
        )
        running = sum((run.seen.running for run in runs), Counter[int]())
        # Processes that fit do so beside one that hands out work, for some milliseconds a fit.
        fitting = running
        if "process" in way.name:
            fitting = sum((run.seen.in_descendants for run in runs), Counter[int]())
        beyond = sum(count for number, count in fitting.items() if number > cores)
        share = beyond / max(1, fitting.total())
        is_right &= share <= TRANSITIONS and (ratio <= TARGET or way.name != "two processes")
        lines.append(
            [
                way.name,
                f"{statistics.median(run.seconds for run in runs):.2f} s",
                f"{ratio:.2f}",
                f"{statistics.median(run.seen.processor_seconds for run in runs):.2f} s",
                f"{max(running, default=0)}",
                f"{max(fitting, default=0)}",
                f"{100 * share:.2f} %",
            ]
        )
    header = (
        "jobs",
        "time",
        "of the first",
        "processor time",
        "most threads running",
        "where fits run",
        f"more than {cores} there in",
    )
    print(table(header, lines), end="")
    return int(not is_right)


if __name__ == "__main__":
    raise SystemExit(main())
