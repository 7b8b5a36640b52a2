"""scikit-learn's MLPClassifier, one `partial_fit` a batch: plain gradient descent, float32."""

from __future__ import annotations

import time

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

from benchmarks.problem import (
    BATCH,
    CLASSES,
    EPOCH_STEPS,
    LEARNING_RATE,
    Array,
    Params,
    Problem,
)
from benchmarks.timing import Task, from_step, loop

VERSIONS = {"scikit-learn": sklearn.__version__}


class Training:
    """A classifier that starts from the problem's parameters."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._model = MLPClassifier(
            hidden_layer_sizes=problem.sizes[1:-1],
            activation="logistic",
            solver="sgd",
            alpha=0.0,
            batch_size=BATCH,
            learning_rate_init=LEARNING_RATE,
            momentum=0.0,
            nesterovs_momentum=False,
            shuffle=False,
        )
        self.x = problem.mnist.x.astype(np.float32)
        self.labels = problem.mnist.targets
        self._model.partial_fit(self.x, self.labels, classes=np.arange(CLASSES))
        self.reset()

    def reset(self) -> None:
        start = self._problem.start(np.float32)
        for key, array in self._arrays().items():
            array[...] = start[key]

    def params(self) -> Params:
        return {key: array.copy() for key, array in self._arrays().items()}

    def _arrays(self) -> Params:
        """The model's own arrays by the names of the problem's."""
        pairs = zip(self._model.coefs_, self._model.intercepts_, strict=True)
        named = [{f"W{k}": W, f"b{k}": b} for k, (W, b) in enumerate(pairs, 1)]
        return {key: array for layer in named for key, array in layer.items()}

    def step(self, x: Array, labels: Array) -> None:
        self._model.partial_fit(x, labels)


def _step_task(problem: Problem) -> Task:
    training = Training(problem)

    def call() -> None:
        training.step(training.x, training.labels)

    def gradient() -> Params:
        training.reset()
        call()
        params = training.params()
        if params["W1"].dtype != np.float32:
            raise TypeError(f"expected float32, computed in {params['W1'].dtype}")
        return from_step(problem.params, params)

    return Task(loop(call, training.reset), gradient, problem.mnist)


def _epoch_task(problem: Problem) -> Task:
    training = Training(problem)
    data: list[Array] = []

    def run(calls: int) -> int:
        if not data:
            data.extend(problem.images())
        x, labels = data
        training.reset()
        rng = np.random.default_rng(0)
        start = time.perf_counter_ns()
        for _ in range(calls):
            order = rng.permutation(len(x))
            for k in range(EPOCH_STEPS):
                drawn = order[k * BATCH : (k + 1) * BATCH]
                training.step(x[drawn], labels[drawn])
        return time.perf_counter_ns() - start

    return Task(run)


def tasks(problem: Problem, threads: int) -> dict[str, Task]:  # noqa: ARG001 (environment)
    return {"step float32": _step_task(problem), "epoch float32": _epoch_task(problem)}
