"""kobai as people call it: the network's gradients with `SGD.update`, and `Trainer.fit`."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

import kobai
from benchmarks.problem import (
    BATCH,
    CLASSES,
    EPOCH_STEPS,
    HIDDEN,
    INPUTS,
    LEARNING_RATE,
    Array,
    Batch,
    Params,
    Problem,
)
from benchmarks.timing import LoopOfTwo, Task, from_step, loop
from kobai import SGD, History, Trainer, TwoLayerNet

VERSIONS = {"kobai": kobai.__version__, "NumPy": np.__version__}

NUMERICAL_STEPS = 100


def new_net(params: Params, dtype: npt.DTypeLike = np.float64) -> TwoLayerNet:
    inputs, hidden = params["W1"].shape
    net = TwoLayerNet(inputs, hidden, CLASSES, dtype=dtype)
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


class _Fits:
    """`Trainer.fit` on the images of an epoch, timed without the evaluation of accuracies.

    `fit` evaluates before the first step, then calls `on_epoch`; it evaluates again when an epoch
    is complete. The images are one batch more than the steps take, so the time from that call to
    the return of `fit` is that of the steps alone.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._data: tuple[Array, Array] | None = None

    def data(self, steps: int) -> tuple[Array, Array]:
        if self._data is None:
            x, t = self._problem.images()
            self._data = np.concatenate([x, x[:BATCH]]), np.concatenate([t, t[:BATCH]])
        x, t = self._data
        samples = (steps + 1) * BATCH
        return x[:samples], t[:samples]

    def task(self, dtype: npt.DTypeLike, gradient: str, steps: int) -> Task:
        def trainer() -> Trainer:
            net = new_net(self._problem.params, dtype)
            return Trainer(net, SGD(lr=LEARNING_RATE), batch_size=BATCH, gradient=gradient, rng=0)

        def run(calls: int) -> int:
            return sum(_time_of_steps(trainer(), *self.data(steps), steps) for _ in range(calls))

        def stepped() -> Params:
            one = trainer()
            batch = self._problem.mnist
            one.fit(batch.x.astype(dtype), batch.targets, iterations=1, progress=False)
            return from_step(self._problem.params, one.net.params)

        return Task(run, stepped, self._problem.mnist)


def _time_of_steps(trainer: Trainer, x: Array, t: Array, steps: int) -> int:
    evaluated: list[int] = []

    def on_epoch(history: History) -> None:  # noqa: ARG001 (what fit calls)
        evaluated.append(time.perf_counter_ns())

    trainer.fit(x, t, iterations=steps, progress=False, on_epoch=on_epoch)
    end = time.perf_counter_ns()
    (start,) = evaluated
    return end - start


def tasks(problem: Problem, threads: int) -> dict[str, Task]:
    kobai.set_num_threads(threads)
    assert problem.params["W1"].shape == (INPUTS, HIDDEN)
    made = {}
    for name, batch in (("mnist", problem.mnist), ("dense", problem.dense)):
        for method in ("direct", "incremental", "node"):
            made[f"{name} {method}"] = _numerical_task(problem, batch, method)
        made.update(_numerical_step_tasks(problem, batch, name))
    for dtype in ("float32", "float64"):
        made[f"backprop step {dtype}"] = _step_task(problem, problem.mnist, dtype)
    fits = _Fits(problem)
    made["trainer backprop"] = fits.task(np.float32, "backprop", EPOCH_STEPS)
    made["trainer numerical"] = fits.task(np.float64, "numerical", NUMERICAL_STEPS)
    return made
