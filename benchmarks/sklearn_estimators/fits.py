"""Fits, timed: both estimators take turns, with the same seeds."""

from __future__ import annotations

import statistics
import time
import warnings
from typing import Any, NamedTuple

from sklearn import neural_network as theirs

from benchmarks.sklearn_estimators.problems import Data, Problem, Setting
from kobai import sklearn as ours

# Threads of OpenBLAS look for work for about 110 ms after they had some, and so keep a core busy.
_REST = 0.15


class Row(NamedTuple):
    """What some fits came to, by seed.

    Attributes
    ----------
    times, scores : list of tuple
        scikit-learn's and kobai's.
    """

    problem: Problem
    setting: Setting
    times: list[tuple[float, float]]
    scores: list[tuple[float, float]]

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

    def difference(self) -> tuple[float, float]:
        """The mean difference of the scores, and its spread over the seeds."""
        each = [ours - theirs for theirs, ours in self.scores]
        return statistics.mean(each), statistics.stdev(each) if len(each) > 1 else 0.0


def measured(problem: Problem, setting: Setting, data: Data, seeds: int) -> Row:
    times, scores = [], []
    for seed in range(min(seeds, problem.seeds)):
        # Whoever is first in one pair is second in the next.
        order = (0, 1) if seed % 2 == 0 else (1, 0)
        answers: dict[int, tuple[float, float]] = {}
        for k in order:
            module = (theirs, ours)[k]
            answers[k] = _fit(module, problem, setting, data, seed)
        times.append((answers[0][0], answers[1][0]))
        scores.append((answers[0][1], answers[1][1]))
    return Row(problem, setting, times, scores)


def _fit(
    module: Any, problem: Problem, setting: Setting, data: Data, seed: int
) -> tuple[float, float]:
    """The time of a fit, and the score of what it has not seen."""
    x, x_test, y, y_test = data
    kind = getattr(module, f"MLP{problem.kind}")
    model = kind(random_state=seed, **setting.arguments(problem))
    time.sleep(_REST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        model.fit(x, y)
        seconds = time.perf_counter() - start
    return seconds, model.score(x_test, y_test)
