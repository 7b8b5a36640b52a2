"""JAX on the CPU: a compiled step, and a whole epoch compiled into one scan."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.problem import BATCH, EPOCH_STEPS, LEARNING_RATE, Params, Problem, one_hot
from benchmarks.timing import Task, from_step, loop

VERSIONS = {"JAX": jax.__version__}

Tree = dict[str, Any]


def loss(params: Tree, x: jax.Array, t: jax.Array) -> jax.Array:
    depth = len(params) // 2
    z = x
    for k in range(1, depth):
        z = jax.nn.sigmoid(z @ params[f"W{k}"] + params[f"b{k}"])
    scores = z @ params[f"W{depth}"] + params[f"b{depth}"]
    return -jnp.sum(t * jax.nn.log_softmax(scores)) / len(x)


def descend(params: Tree, x: jax.Array, t: jax.Array) -> Tree:
    grads = jax.grad(loss)(params, x, t)
    return {key: params[key] - LEARNING_RATE * grads[key] for key in params}


step = jax.jit(descend, donate_argnums=0)


@jax.jit
def scan_in_order(params: Tree, x: jax.Array, t: jax.Array) -> Tree:
    """An epoch over batches that lie ready, one after the other."""

    def body(params: Tree, batch: tuple[jax.Array, jax.Array]) -> tuple[Tree, None]:
        return descend(params, *batch), None

    return jax.lax.scan(body, params, (x, t))[0]


@jax.jit
def scan_shuffled(params: Tree, x: jax.Array, t: jax.Array, order: jax.Array) -> Tree:
    """An epoch over batches gathered from all samples."""

    def body(params: Tree, drawn: jax.Array) -> tuple[Tree, None]:
        return descend(params, x[drawn], t[drawn]), None

    return jax.lax.scan(body, params, order)[0]


def _start(problem: Problem) -> Tree:
    return {key: jnp.array(value) for key, value in problem.start(np.float32).items()}


def _gradient(problem: Problem, call: Callable[[Tree], Tree]) -> Callable[[], Params]:
    def gradient() -> Params:
        after = call(_start(problem))
        return from_step(problem.params, {key: np.asarray(after[key]) for key in after})

    return gradient


def _step_task(problem: Problem) -> Task:
    x = jnp.array(problem.mnist.x, jnp.float32)
    t = jnp.array(problem.mnist.t, jnp.float32)
    held: dict[str, Tree] = {}

    def reset() -> None:
        held["params"] = jax.block_until_ready(_start(problem))

    def call() -> None:
        held["params"] = step(held["params"], x, t)

    run = loop(call, reset, lambda: jax.block_until_ready(held["params"]))
    return Task(run, _gradient(problem, lambda params: step(params, x, t)), problem.mnist)


class _Epochs:
    """The images as JAX's arrays, made when they are first needed."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._data: tuple[jax.Array, jax.Array] | None = None

    def data(self) -> tuple[jax.Array, jax.Array]:
        if self._data is None:
            images, labels = self._problem.images()
            self._data = jnp.array(images), jnp.array(one_hot(labels), jnp.float32)
        return self._data

    def in_order(self, calls: int) -> int:
        x, t = self.data()
        batches = x.reshape(EPOCH_STEPS, BATCH, -1), t.reshape(EPOCH_STEPS, BATCH, -1)
        params = jax.block_until_ready((_start(self._problem), batches))[0]
        start = time.perf_counter_ns()
        for _ in range(calls):
            params = scan_in_order(params, *batches)
        jax.block_until_ready(params)
        return time.perf_counter_ns() - start

    def shuffled(self, calls: int) -> int:
        x, t = self.data()
        params = jax.block_until_ready(_start(self._problem))
        rng = np.random.default_rng(0)
        start = time.perf_counter_ns()
        for _ in range(calls):
            order = rng.permutation(len(x)).reshape(EPOCH_STEPS, BATCH)
            params = scan_shuffled(params, x, t, jnp.asarray(order))
        jax.block_until_ready(params)
        return time.perf_counter_ns() - start


def tasks(problem: Problem, threads: int) -> dict[str, Task]:  # noqa: ARG001 (environment)
    epochs = _Epochs(problem)
    x = jnp.array(problem.mnist.x, jnp.float32)
    t = jnp.array(problem.mnist.t, jnp.float32)
    everyone = jnp.arange(BATCH).reshape(1, BATCH)
    ordered = _gradient(problem, lambda params: scan_in_order(params, x[None], t[None]))
    shuffled = _gradient(problem, lambda params: scan_shuffled(params, x, t, everyone))
    return {
        "step float32": _step_task(problem),
        "scanned float32": Task(epochs.in_order, ordered, problem.mnist),
        "epoch float32": Task(epochs.shuffled, shuffled, problem.mnist),
    }
