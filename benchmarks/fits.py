"""`Trainer.fit` on the images of an epoch, timed without the evaluation of accuracies."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from benchmarks.problem import BATCH, Array, Problem
from kobai import History, Trainer


class Fits:
    """The images of an epoch, and trainings on them.

    `fit` evaluates before the first step, then calls `on_epoch`; it evaluates again when an epoch
    is complete. The images are one batch more than the steps take, so the time from that call to
    the return of `fit` is that of the steps alone.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._data: tuple[Array, Array] | None = None

    def run(self, new_trainer: Callable[[], Trainer], steps: int) -> Callable[[int], int]:
        """The `run` of a task: so many steps of a new trainer."""

        def run(calls: int) -> int:
            return sum(_time_of_steps(new_trainer(), *self._images(steps)) for _ in range(calls))

        return run

    def _images(self, steps: int) -> tuple[Array, Array, int]:
        if self._data is None:
            x, t = self._problem.images()
            self._data = np.concatenate([x, x[:BATCH]]), np.concatenate([t, t[:BATCH]])
        x, t = self._data
        samples = (steps + 1) * BATCH
        return x[:samples], t[:samples], steps


def _time_of_steps(trainer: Trainer, x: Array, t: Array, steps: int) -> int:
    evaluated: list[int] = []

    def on_epoch(history: History) -> None:  # noqa: ARG001 (what fit calls)
        evaluated.append(time.perf_counter_ns())

    trainer.fit(x, t, iterations=steps, progress=False, on_epoch=on_epoch)
    end = time.perf_counter_ns()
    (start,) = evaluated
    return end - start
