"""kobai as people call it: the network's gradients with `SGD.update`, and `Trainer.fit`."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

import kobai
from benchmarks.fits import Fits
from benchmarks.problem import (
    BATCH,
    CLASSES,
    EPOCH_STEPS,
    LEARNING_RATE,
    Batch,
    Params,
    Problem,
)
from benchmarks.timing import LoopOfTwo, Task, from_step, loop
from kobai import SGD, MultiLayerNet, Trainer, TwoLayerNet

VERSIONS = {"kobai": kobai.__version__, "NumPy": np.__version__}

NUMERICAL_STEPS = 100

Gradient = Literal["backprop", "numerical"]


def new_net(params: Params, dtype: npt.DTypeLike = np.float64) -> TwoLayerNet | MultiLayerNet:
    """The notebook's network, or one of more layers, that starts from parameters."""
    inputs, *hidden = (len(params[f"W{k}"]) for k in range(1, len(params) // 2 + 1))
    net: TwoLayerNet | MultiLayerNet
    if len(hidden) == 1:
        net = TwoLayerNet(inputs, hidden[0], CLASSES, dtype=dtype)
    else:
        net = MultiLayerNet(inputs, hidden, CLASSES, "sigmoid", dtype=dtype)
    net.params.update({key: value.astype(dtype) for key, value in params.items()})
    return net


def _numerical_task(problem: Problem, batch: Batch, method: str) -> Task:
    """A gradient without an update."""
    net = new_net(problem.params)
    last: list[Params] = []

    def call() -> None:
        last[:] = [net.numerical_gradient(batch.x, batch.targets, method=method)]

    def gradient() -> Params:
        if not last:
            call()
        return last[0]

    return Task(loop(call), gradient, batch, is_slow=method == "direct")


def _step_task(problem: Problem, batch: Batch, dtype: npt.DTypeLike) -> Task:
    """A gradient by backpropagation and its update."""
    net = new_net(problem.params, dtype)
    optimizer = SGD(lr=LEARNING_RATE)
    x, t = batch.x.astype(dtype), batch.targets

    def reset() -> None:
        net.params.update(problem.start(dtype))

    def call() -> None:
        optimizer.update(net.params, net.gradient(x, t))

    def stepped() -> Params:
        reset()
        call()
        return from_step(problem.params, net.params)

    return Task(loop(call, reset), stepped, batch)


def _numerical_step_tasks(problem: Problem, batch: Batch, name: str) -> dict[str, Task]:
    """A numerical gradient and its update in one loop, and the gradient's part of it."""
    net = new_net(problem.params)
    optimizer = SGD(lr=LEARNING_RATE)
    grads: list[Params] = []

    def reset() -> None:
        net.params.update(problem.start())

    def gradient() -> None:
        grads[:] = [net.numerical_gradient(batch.x, batch.targets)]

    def update() -> None:
        optimizer.update(net.params, grads[0])

    def first_gradient() -> Params:
        reset()
        gradient()
        return grads[0]

    def stepped() -> Params:
        reset()
        gradient()
        update()
        return from_step(problem.params, net.params)

    both = LoopOfTwo(gradient, update, reset)
    return {
        f"{name} auto step": Task(both.run, stepped, batch),
        f"{name} auto": Task(
            both.run, first_gradient, batch, within=f"{name} auto step", part=both.part
        ),
    }


def _fit_tasks(problem: Problem) -> dict[str, Task]:
    """`Trainer.fit` by both gradients."""
    fits = Fits(problem)

    def task(dtype: npt.DTypeLike, gradient: Gradient, steps: int) -> Task:
        def trainer() -> Trainer:
            net = new_net(problem.params, dtype)
            return Trainer(net, SGD(lr=LEARNING_RATE), batch_size=BATCH, gradient=gradient, rng=0)

        def stepped() -> Params:
            one, batch = trainer(), problem.mnist
            one.fit(batch.x.astype(dtype), batch.targets, iterations=1, progress=False)
            return from_step(problem.params, one.net.params)

        return Task(fits.run(trainer, steps), stepped, problem.mnist)

    return {
        "trainer backprop": task(np.float32, "backprop", EPOCH_STEPS),
        "trainer numerical": task(np.float64, "numerical", NUMERICAL_STEPS),
    }


def tasks(problem: Problem, threads: int) -> dict[str, Task]:
    kobai.set_num_threads(threads)
    is_notebooks = len(problem.sizes) == 3
    batches = {"mnist": problem.mnist} | ({"dense": problem.dense} if is_notebooks else {})
    made = {}
    for name, batch in batches.items():
        for method in ("direct", "incremental", "node") if is_notebooks else ():
            made[f"{name} {method}"] = _numerical_task(problem, batch, method)
        made.update(_numerical_step_tasks(problem, batch, name))
    for dtype in ("float32", "float64"):
        made[f"backprop step {dtype}"] = _step_task(problem, problem.mnist, dtype)
    return made | _fit_tasks(problem)
