"""Backpropagation written out in NumPy by someone who minds the time: in place where it can be."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from benchmarks.problem import BATCH, EPOCH_STEPS, LEARNING_RATE, Array, Params, Problem, one_hot
from benchmarks.timing import Task, from_step, loop

VERSIONS = {"NumPy": np.__version__}


Layers = list[tuple[Array, Array]]


def layers_of(params: Params) -> Layers:
    """Weights and biases, layer by layer."""
    return [(params[f"W{k}"], params[f"b{k}"]) for k in range(1, len(params) // 2 + 1)]


def step(layers: Layers, x: Array, t: Array) -> None:
    """One step of gradient descent; every row of `t` sums to one."""
    inputs = [x]
    for W, b in layers[:-1]:
        z = inputs[-1] @ W
        z += b
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)
        inputs.append(z)

    W, b = layers[-1]
    y = inputs[-1] @ W
    y += b
    y -= y.max(axis=1, keepdims=True)
    np.exp(y, out=y)
    y /= y.sum(axis=1, keepdims=True)

    y -= t
    y *= LEARNING_RATE / len(x)
    by_a = y
    for (W, b), z in zip(layers[:0:-1], inputs[:0:-1], strict=True):
        below = by_a @ W.T
        below *= z
        below *= 1 - z
        W -= z.T @ by_a
        b -= by_a.sum(axis=0)
        by_a = below
    W, b = layers[0]
    W -= x.T @ by_a
    b -= by_a.sum(axis=0)


def _step_task(problem: Problem, dtype: npt.DTypeLike) -> Task:
    layers = layers_of(problem.start(dtype))
    x, t = problem.mnist.x.astype(dtype), problem.mnist.t.astype(dtype)

    def reset() -> None:
        layers[:] = layers_of(problem.start(dtype))

    def gradient() -> Params:
        params = problem.start(dtype)
        step(layers_of(params), x, t)
        return from_step(problem.start(dtype), params)

    return Task(loop(lambda: step(layers, x, t), reset), gradient, problem.mnist)


def _epoch_task(problem: Problem) -> Task:
    data: list[Array] = []

    def run(calls: int) -> int:
        if not data:
            images, labels = problem.images()
            data.extend((images, one_hot(labels).astype(np.float32)))
        x, t = data
        layers = layers_of(problem.start(np.float32))
        rng = np.random.default_rng(0)
        start = time.perf_counter_ns()
        for _ in range(calls):
            order = rng.permutation(len(x))
            for k in range(EPOCH_STEPS):
                drawn = order[k * BATCH : (k + 1) * BATCH]
                step(layers, x[drawn], t[drawn])
        return time.perf_counter_ns() - start

    return Task(run)


def tasks(problem: Problem, threads: int) -> dict[str, Task]:  # noqa: ARG001 (environment)
    return {
        "step float32": _step_task(problem, np.float32),
        "step float64": _step_task(problem, np.float64),
        "epoch float32": _epoch_task(problem),
    }
