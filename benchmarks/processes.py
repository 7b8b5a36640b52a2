"""The processes of the contenders, from the side of the one that asks them in turn."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.problem import ROOT

# Every library that could be asked reads its number of threads from one of these.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "PJRT_NPROC",
    "NPROC",
)

LEAST_ROUNDS = 3


def all_cores() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environment(threads: int) -> dict[str, str]:
    """This process's environment with every known pool of threads set to this size."""
    variables = dict(os.environ) | dict.fromkeys(THREAD_VARIABLES, str(threads))
    variables["JAX_PLATFORMS"] = "cpu"
    if threads == 1:
        flags = variables.get("XLA_FLAGS", "")
        variables["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    return variables


@dataclass(frozen=True)
class Plan:
    """How long to measure: one measurement at least `minimum` seconds, so many rounds.

    No further round begins after `seconds`, so that a busy machine gets fewer.
    """

    minimum: float
    rounds: int
    seconds: float


class Ask(NamedTuple):
    """A task of a process."""

    family: str
    threads: int
    task: str


class Worker:
    """A contender's process; it sleeps between two questions."""

    def __init__(self, family: str, threads: int, folder: Path, minimum: float) -> None:
        command = [sys.executable, "-m", "benchmarks.worker"]
        self._process = subprocess.Popen(
            [*command, family, str(threads), str(folder), str(minimum)],
            cwd=ROOT,
            env=environment(threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.family = family
        self.threads = threads
        self.missing: str | None = None
        self.versions: dict[str, str] = {}
        self.tasks: list[str] = []

    def wait_until_ready(self) -> None:
        ready = self._read()
        self.missing = ready.get("missing") or ready.get("error")
        self.versions = ready.get("versions", {})
        self.tasks = ready.get("tasks", [])

    def ask(self, command: str, task: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{command} {task}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return {"error": "the process ended"}
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the process ended"}
        return answer

    def close(self) -> None:
        """End the process by closing its input, and wait for it."""
        self._process.communicate()


@contextmanager
def workers(
    families: Sequence[tuple[str, int]], folder: Path, minimum: float
) -> Iterator[list[Worker]]:
    """Start a process for each (family, threads), one after the other, and end them all."""
    started: list[Worker] = []
    try:
        for family, threads in families:
            started.append(Worker(family, threads, folder, minimum))
            started[-1].wait_until_ready()
        yield started
    finally:
        for worker in started:
            worker.close()


@dataclass
class Records:
    """Seconds of every round, differences from the oracle, and what went wrong."""

    seconds: dict[Ask, list[float]] = field(default_factory=lambda: defaultdict(list))
    differences: dict[Ask, float] = field(default_factory=dict)
    errors: dict[Ask, str] = field(default_factory=dict)
    rounds: int = 0

    def keep(self, ask: Ask, answer: dict[str, Any]) -> None:
        if "error" in answer:
            self.errors[ask] = answer["error"]
        elif "seconds" in answer:
            for task, seconds in answer["seconds"].items():
                self.seconds[ask._replace(task=task)].append(seconds)
        elif answer["difference"] is not None:
            self.differences[ask] = answer["difference"]


def interleave(running: Iterable[Worker], plan: Plan, limit: Mapping[Ask, int]) -> Records:
    """Each round asks every process for every task, in an order drawn anew.

    `limit` is the most rounds of a task, where that is fewer; 0 leaves it out.
    """
    records = Records()
    start = time.perf_counter()
    by_name = {(worker.family, worker.threads): worker for worker in running}
    asks = [Ask(*name, task) for name, worker in by_name.items() for task in worker.tasks]
    for number in range(plan.rounds):
        if number >= LEAST_ROUNDS and time.perf_counter() - start > plan.seconds:
            break
        say(f"round {number + 1} of {plan.rounds}")
        records.rounds = number + 1
        this_round = [ask for ask in asks if number < limit.get(ask, plan.rounds)]
        random.Random(number).shuffle(this_round)
        for ask in this_round:
            if ask not in records.errors:
                answer = by_name[ask.family, ask.threads].ask("run", ask.task)
                records.keep(ask, answer)
    for ask in list(records.seconds):
        records.keep(ask, by_name[ask.family, ask.threads].ask("check", ask.task))
    return records


def say(words: str) -> None:
    """Progress, apart from the results."""
    print(words, file=sys.stderr, flush=True)
