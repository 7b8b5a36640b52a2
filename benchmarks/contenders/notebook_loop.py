"""The notebook's numerical gradient: NumPy, float64, two forward passes a parameter.

The whole gradient takes 10 to 20 seconds, so a slice of the parameters is timed. Every parameter
costs the same two passes, whichever array it is in.
"""

from __future__ import annotations

import numpy as np

from benchmarks.problem import CLASSES, HIDDEN, INPUTS, Array, Batch, Params, Problem
from benchmarks.timing import Task, loop

VERSIONS = {"NumPy": np.__version__}

SLICE = {"W1": 60, "b1": 10, "W2": 20, "b2": 10}
SLICE_PARAMETERS = sum(SLICE.values())
ALL_PARAMETERS = INPUTS * HIDDEN + HIDDEN + HIDDEN * CLASSES + CLASSES


def cross_entropy_error(y: Array, t: Array) -> float:
    delta = 1e-7
    return float(-np.sum(t * np.log(y + delta)) / len(y))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


class Net:
    """The notebook's network, its lines kept, with its loss divided by N as its text has it."""

    def __init__(self, params: Params) -> None:
        self.params = params

    def predict(self, x: Array) -> Array:
        a1 = np.dot(x, self.params["W1"]) + self.params["b1"]
        z1 = sigmoid(a1)
        a2 = np.dot(z1, self.params["W2"]) + self.params["b2"]
        return softmax(a2)

    def loss(self, x: Array, t: Array) -> float:
        return cross_entropy_error(self.predict(x), t)


def difference_quotients(net: Net, batch: Batch) -> Params:
    """The notebook's loop over evenly spaced parameters; the others stay NaN."""
    h = 1e-4
    grads = {}
    for key, count in SLICE.items():
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
    net = Net(problem.start())

    def task(batch: Batch) -> Task:
        def gradient() -> Params:
            return difference_quotients(net, batch)

        return Task(loop(gradient), gradient, batch)

    return {"mnist": task(problem.mnist), "dense": task(problem.dense)}
