"""kobai's two gradients with each activation and each loss, of networks of two depths."""

from __future__ import annotations

import kobai
from benchmarks.contenders.kobai_steps import VERSIONS
from benchmarks.problem import CLASSES, DEEP_HIDDEN, HIDDEN, INPUTS, Array, Problem
from benchmarks.timing import LoopOfTwo, Task
from kobai import MultiLayerNet
from kobai.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Pinball,
    Poisson,
    SquaredError,
)
from kobai.losses.base import Loss

__all__ = ["ACTIVATIONS", "DEPTHS", "LOSSES", "VERSIONS", "tasks"]

# Each with the deviation that its weights are drawn with.
ACTIVATIONS = {
    "identity": "xavier",
    "sigmoid": "xavier",
    "tanh": "xavier",
    "relu": "he",
    "leaky_relu": "he",
    "elu": "he",
    "softplus": "he",
    "silu": "he",
    "gelu": "he",
}
LOSSES: dict[str, Loss] = {
    "CrossEntropy()": CrossEntropy(),
    "CrossEntropy(epsilon)": CrossEntropy(epsilon=1e-7),
    "BinaryCrossEntropy()": BinaryCrossEntropy(),
    "SquaredError()": SquaredError(),
    "AbsoluteError()": AbsoluteError(),
    "Huber(delta)": Huber(delta=1.0),
    "Pinball(quantile)": Pinball(quantile=0.9),
    "Poisson()": Poisson(),
}
DEPTHS: dict[str, tuple[int, ...]] = {"one": (HIDDEN,), "two": DEEP_HIDDEN}


def tasks(problem: Problem, threads: int) -> dict[str, Task]:
    kobai.set_num_threads(threads)
    batch = problem.mnist
    made: dict[str, Task] = {}
    for depth, hidden in DEPTHS.items():
        for name, std in ACTIVATIONS.items():
            net = MultiLayerNet(INPUTS, hidden, CLASSES, name, std, rng=0)
            made |= _both_gradients(f"{depth} {name}", net, batch.x, batch.targets)
        for name, loss in LOSSES.items():
            net = MultiLayerNet(INPUTS, hidden, CLASSES, "sigmoid", "xavier", loss=loss, rng=0)
            made |= _both_gradients(f"{depth} {name}", net, batch.x, batch.t)
    return made


def _both_gradients(name: str, net: MultiLayerNet, x: Array, t: Array) -> dict[str, Task]:
    """The loop of both gradients in turn, and the numerical one's part of it."""
    last: list[dict[str, Array]] = []

    def numerical() -> None:
        last[:] = [net.numerical_gradient(x, t)]

    both = LoopOfTwo(numerical, lambda: net.gradient(x, t))
    return {
        f"{name} both": Task(both.run),
        f"{name} numerical": Task(both.run, within=f"{name} both", part=both.part),
        f"{name} backprop": Task(both.run, within=f"{name} both", part=lambda: 1 - both.part()),
    }
