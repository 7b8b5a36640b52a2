"""One contender alone in a process: reads a command a line, answers with a line of JSON.

python -m benchmarks.worker FAMILY THREADS FOLDER MINIMUM_SECONDS
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.contenders import build, of_family
from benchmarks.problem import Problem, largest_difference, load_problem, oracle_gradient
from benchmarks.timing import Stopwatch, Task

Answer = dict[str, Any]


def main(arguments: list[str]) -> None:
    family, threads, folder, minimum = arguments
    write = _private_output()
    try:
        problem = of_family(family, load_problem(Path(folder)))
        versions, tasks = build(family, problem, int(threads))
    except ImportError as error:
        write({"missing": f"{error.name or error} is not installed"})
        return
    write({"versions": versions, "tasks": [name for name in tasks if not tasks[name].within]})
    stopwatch = Stopwatch(float(minimum))
    commands: dict[str, Callable[[str], Answer]] = {
        "run": lambda name: {"seconds": _run(name, tasks, stopwatch)},
        "check": lambda name: _check(tasks[name], problem),
    }
    for line in sys.stdin:
        command, name = line.rstrip("\n").split(" ", 1)
        write(_answer(commands[command], name))


def _run(name: str, tasks: Mapping[str, Task], stopwatch: Stopwatch) -> dict[str, float]:
    """The seconds of a call of this task, and of those that are parts of it."""
    seconds = stopwatch.seconds(name, tasks[name])
    parts = {other: task.part for other, task in tasks.items() if task.within == name}
    return {name: seconds} | {other: part() * seconds for other, part in parts.items() if part}


def _answer(command: Callable[[str], Answer], name: str) -> Answer:
    try:
        return command(name)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _check(task: Task, problem: Problem) -> Answer:
    if task.gradient is None or task.batch is None:
        return {"difference": None}
    exact = oracle_gradient(problem, task.batch)
    return {"difference": largest_difference(task.gradient(), exact)}


def _private_output() -> Callable[[Mapping[str, Any]], None]:
    """Answers go where standard output went; whatever a library prints goes to standard error."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def write(answer: Mapping[str, Any]) -> None:
        output.write(json.dumps(answer) + "\n")
        output.flush()

    return write


if __name__ == "__main__":
    main(sys.argv[1:])
