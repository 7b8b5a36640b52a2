"""Fits, timed: both estimators, and PyTorch where there is one, take turns with the same seeds."""

from __future__ import annotations

import statistics
import time
import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn import neural_network as theirs

from benchmarks.sklearn_estimators.problems import Data, Problem, Setting
from kobai import sklearn as ours

try:
    from benchmarks.sklearn_estimators.torch_estimator import VERSION, TorchEstimator
except ImportError:
    TORCH: str | None = None
else:
    TORCH = VERSION

# Threads of OpenBLAS look for work for about 110 ms after they had some, and so keep a core busy.
_REST = 0.15


class Row(NamedTuple):
    """What some fits came to, by seed.

    Attributes
    ----------
    times, scores : list of tuple
        scikit-learn's and kobai's.
    torch : list of tuple
        The times and scores of PyTorch; none where it is not installed, or of sparse inputs.
    """

    problem: Problem
    setting: Setting
    times: list[tuple[float, float]]
    scores: list[tuple[float, float]]
    torch: list[tuple[float, float]]

    @property
    def ratio(self) -> float:
        """How many times as long scikit-learn takes: the median over the seeds."""
        return statistics.median(theirs / ours for theirs, ours in self.times)

    @property
    def target(self) -> float:
        return 1.5 if self.setting.solver == "lbfgs" else 3.0

    def medians(self) -> tuple[float, float]:
        of = list(zip(*self.times, strict=True))
        return statistics.median(of[0]), statistics.median(of[1])

    @property
    def torch_ratio(self) -> float:
        """How many times as long PyTorch takes as kobai: the median over the seeds."""
        pairs = zip(self.torch, self.times, strict=True)
        return statistics.median(other / ours for (other, _), (_, ours) in pairs)

    def difference(self) -> tuple[float, float]:
        """The mean difference of the scores, and its spread over the seeds."""
        each = [ours - theirs for theirs, ours in self.scores]
        return statistics.mean(each), statistics.stdev(each) if len(each) > 1 else 0.0


def warm_up() -> None:
    """What only the first fit of a process does is not measured."""
    x, y = np.eye(4), np.arange(4) % 2
    setting = {"solver": "sgd", "batch_size": 2, "max_iter": 1, "learning_rate_init": 0.1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in (theirs, ours):
            module.MLPClassifier(**setting).fit(x, y)
        if TORCH is not None:
            TorchEstimator("Classifier", 0, setting).fit(x, y)


def measured(problem: Problem, setting: Setting, data: Data, seeds: int) -> Row:
    times, scores, of_torch = [], [], []
    has_torch = TORCH is not None and not sparse.issparse(data[0])
    for seed in range(min(seeds, problem.seeds)):
        # Whoever is first in one pair is second in the next.
        order = (0, 1, 2)[: 2 + has_torch]
        answers: dict[int, tuple[float, float]] = {}
        for k in order if seed % 2 == 0 else reversed(order):
            answers[k] = _fit(k, problem, setting, data, seed)
        times.append((answers[0][0], answers[1][0]))
        scores.append((answers[0][1], answers[1][1]))
        if has_torch:
            of_torch.append(answers[2])
    return Row(problem, setting, times, scores, of_torch)


def _estimator(k: int, problem: Problem, setting: Setting, seed: int) -> Any:
    """scikit-learn's, kobai's or that of PyTorch."""
    arguments = setting.arguments(problem)
    if k == 2:
        return TorchEstimator(problem.kind, seed, arguments)
    return getattr((theirs, ours)[k], f"MLP{problem.kind}")(random_state=seed, **arguments)


def _fit(k: int, problem: Problem, setting: Setting, data: Data, seed: int) -> tuple[float, float]:
    """The time of a fit, and the score of what it has not seen."""
    x, x_test, y, y_test = data
    model = _estimator(k, problem, setting, seed)
    time.sleep(_REST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        model.fit(x, y)
        seconds = time.perf_counter() - start
    return seconds, model.score(x_test, y_test)
