"""The notebook's numerical gradient: NumPy, float64, two forward passes a parameter.

The whole gradient takes 10 to 20 seconds, so a slice of the parameters is timed. Every parameter
costs the same two passes, whichever array it is in.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from benchmarks.problem import CLASSES, HIDDEN, INPUTS, Array, Batch, Params, Problem
from benchmarks.timing import Task, loop

VERSIONS = {"NumPy": np.__version__}

FIRST_WEIGHTS, WEIGHTS, BIASES = 60, 20, 10


def slice_of(layers: int) -> dict[str, int]:
    """How many parameters of each array are timed."""
    counts = {}
    for k in range(1, layers + 1):
        counts[f"W{k}"], counts[f"b{k}"] = WEIGHTS if k > 1 else FIRST_WEIGHTS, BIASES
    return counts


def parameters_of(sizes: Sequence[int]) -> int:
    """How many parameters there are."""
    return sum((rows + 1) * units for rows, units in pairwise(sizes))


SLICE_PARAMETERS = sum(slice_of(2).values())
ALL_PARAMETERS = parameters_of((INPUTS, HIDDEN, CLASSES))


def cross_entropy_error(y: Array, t: Array, delta: float) -> float:
    return float(-np.sum(t * np.log(y + delta)) / len(y))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


class Net:
    """The notebook's network, of any depth, with its loss divided by N as its text has it."""

    def __init__(self, params: Params, delta: float) -> None:
        self.params = params
        self.delta = delta
        self.depth = len(params) // 2

    def predict(self, x: Array) -> Array:
        z = x
        for k in range(1, self.depth):
            z = sigmoid(np.dot(z, self.params[f"W{k}"]) + self.params[f"b{k}"])
        return softmax(np.dot(z, self.params[f"W{self.depth}"]) + self.params[f"b{self.depth}"])

    def loss(self, x: Array, t: Array) -> float:
        return cross_entropy_error(self.predict(x), t, self.delta)


def difference_quotients(net: Net, batch: Batch) -> Params:
    """The notebook's loop over evenly spaced parameters; the others stay NaN."""
    h = 1e-4
    grads = {}
    for key, count in slice_of(net.depth).items():
        param = net.params[key].reshape(-1)
        grad = np.full(param.size, np.nan)
        for idx in np.linspace(0, param.size - 1, count).astype(int):
            tmp = param[idx]
            param[idx] = tmp + h
            fxh1 = net.loss(batch.x, batch.t)
            param[idx] = tmp - h
            fxh2 = net.loss(batch.x, batch.t)
            grad[idx] = (fxh1 - fxh2) / (2 * h)
            param[idx] = tmp
        grads[key] = grad.reshape(net.params[key].shape)
    return grads


def tasks(problem: Problem, threads: int) -> dict[str, Task]:  # noqa: ARG001 (environment)
    net = Net(problem.start(), problem.delta)

    def task(batch: Batch) -> Task:
        def gradient() -> Params:
            return difference_quotients(net, batch)

        return Task(loop(gradient), gradient, batch)

    return {"mnist": task(problem.mnist), "dense": task(problem.dense)}
