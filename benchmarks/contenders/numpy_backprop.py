"""Backpropagation written out in NumPy by someone who minds the time: in place where it can be."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from benchmarks.problem import BATCH, EPOCH_STEPS, LEARNING_RATE, Array, Params, Problem, one_hot
from benchmarks.timing import Task, from_step, loop

VERSIONS = {"NumPy": np.__version__}


def step(params: Params, x: Array, t: Array) -> None:
    """One step of gradient descent; every row of `t` sums to one."""
    z = x @ params["W1"]
    z += params["b1"]
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += 1
    np.reciprocal(z, out=z)

    y = z @ params["W2"]
    y += params["b2"]
    y -= y.max(axis=1, keepdims=True)
    np.exp(y, out=y)
    y /= y.sum(axis=1, keepdims=True)

    y -= t
    y *= LEARNING_RATE / len(x)
    by_z = y @ params["W2"].T
    by_z *= z
    by_z *= 1 - z
    params["W2"] -= z.T @ y
    params["b2"] -= y.sum(axis=0)
    params["W1"] -= x.T @ by_z
    params["b1"] -= by_z.sum(axis=0)


def _step_task(problem: Problem, dtype: npt.DTypeLike) -> Task:
    params = problem.start(dtype)
    x, t = problem.mnist.x.astype(dtype), problem.mnist.t.astype(dtype)

    def reset() -> None:
        params.update(problem.start(dtype))

    def gradient() -> Params:
        reset()
        step(params, x, t)
        return from_step(problem.start(dtype), params)

    return Task(loop(lambda: step(params, x, t), reset), gradient, problem.mnist)


def _epoch_task(problem: Problem) -> Task:
    data: list[Array] = []

    def run(calls: int) -> int:
        if not data:
            images, labels = problem.images()
            data.extend((images, one_hot(labels).astype(np.float32)))
        x, t = data
        params = problem.start(np.float32)
        rng = np.random.default_rng(0)
        start = time.perf_counter_ns()
        for _ in range(calls):
            order = rng.permutation(len(x))
            for k in range(EPOCH_STEPS):
                drawn = order[k * BATCH : (k + 1) * BATCH]
                step(params, x[drawn], t[drawn])
        return time.perf_counter_ns() - start

    return Task(run)


def tasks(problem: Problem, threads: int) -> dict[str, Task]:  # noqa: ARG001 (environment)
    return {
        "step float32": _step_task(problem, np.float32),
        "step float64": _step_task(problem, np.float64),
        "epoch float32": _epoch_task(problem),
    }
