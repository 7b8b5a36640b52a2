"""kobai's gradients at other sizes: one task for each point of the scaling tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import kobai
from benchmarks.contenders.kobai_steps import VERSIONS, new_net
from benchmarks.problem import INPUTS, Problem, draw_params
from benchmarks.sizes import METHODS, Size, sweeps
from benchmarks.timing import Task, loop

__all__ = ["VERSIONS", "tasks"]

Call = Callable[[], Any]


class _Points:
    """Makes what one point needs when it is measured, and keeps only the last."""

    def __init__(self, problem: Problem, threads: int) -> None:
        self._problem = problem
        self._threads = threads
        self._last: tuple[tuple[str, Size], Call] | None = None

    def task(self, method: str, size: Size) -> Task:
        def run(calls: int) -> int:
            if self._last is None or self._last[0] != (method, size):
                self._last = (method, size), self._call(method, size)
            kobai.set_num_threads(size.threads or self._threads)
            return loop(self._last[1])(calls)

        return Task(run)

    def _call(self, method: str, size: Size) -> Call:
        dtype = np.float32 if method == "backprop" else np.float64
        net = new_net(draw_params(size.hidden), dtype)
        x, t = self._inputs(size)
        x = x.astype(dtype)
        if method == "backprop":
            return lambda: net.gradient(x, t)
        return lambda: net.numerical_gradient(x, t, method=method)

    def _inputs(self, size: Size) -> tuple[Any, Any]:
        folder = self._problem.folder
        labels = np.load(folder / "labels.npy")[: size.batch]
        if size.density is None:
            return np.load(folder / "images.npy", mmap_mode="r")[: size.batch], labels
        rng = np.random.default_rng(2)
        x = rng.random((size.batch, INPUTS))
        return x * (rng.random(x.shape) < size.density), labels


def tasks(problem: Problem, threads: int) -> dict[str, Task]:
    points = _Points(problem, threads)
    sizes = [size for sweep in sweeps() for _, size in sweep.points]
    return {size.task(method): points.task(method, size) for size in sizes for method in METHODS}
