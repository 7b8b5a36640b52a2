"""The data sets, and how the estimators are fitted to them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn import datasets
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from benchmarks.problem import ROOT
from kobai import load_mnist

# A data set: inputs and targets to train with, and others to be scored.
Data = tuple[Any, Any, Any, Any]


class Problem(NamedTuple):
    """A data set, and how many epochs or iterations are trained on it.

    Attributes
    ----------
    name : str
        What the table calls it.
    kind : str
        "Classifier" or "Regressor".
    load : callable
        Its data.
    epochs : dict
        By the batch size, or "lbfgs".
    seeds : int
        How many fits are taken at most.
    """

    name: str
    kind: str
    load: Callable[[], Data | None]
    epochs: dict[Any, int]
    seeds: int = 10


def _split(x: Any, y: Any) -> Data:
    x, x_test, y, y_test = train_test_split(x, y, random_state=0)
    scaler = StandardScaler().fit(x)
    return scaler.transform(x), scaler.transform(x_test), y, y_test


def _loaded(load: Callable[..., Any]) -> Callable[[], Data]:
    return lambda: _split(*load(return_X_y=True))


def _diabetes() -> Data:
    x, x_test, y, y_test = _split(*datasets.load_diabetes(return_X_y=True))
    scale = y.std()
    return x, x_test, (y - y.mean()) / scale, (y_test - y.mean()) / scale


def _made(samples: int, features: int) -> Callable[[], Data]:
    def load() -> Data:
        informative = features // 3
        return _split(
            *datasets.make_classification(
                samples, features, n_informative=informative, n_classes=5, random_state=0
            )
        )

    return load


def _text(samples: int, words: int, length: int, topics: int) -> Callable[[], Data]:
    """Counts of words, drawn with probabilities like 1 / rank; a third of them by topic."""

    def load() -> Data:
        generator = np.random.default_rng(0)
        y = generator.integers(0, topics, samples)
        ranks = np.minimum(np.exp(generator.uniform(0, np.log(words), (samples, length))), words)
        columns = ranks.astype(int) - 1
        orders = np.array([generator.permutation(words) for _ in range(topics)])
        by_topic = generator.random((samples, length)) < 1 / 3
        columns = np.where(by_topic, orders[y[:, np.newaxis], columns], columns)
        rows = np.repeat(np.arange(samples), length)
        x = sparse.csr_matrix((np.ones(rows.size), (rows, columns.ravel())), (samples, words))
        split: Data = train_test_split(TfidfTransformer().fit_transform(x), y, random_state=0)
        x, x_test, y, y_test = split
        return x, x_test, y, y_test

    return load


def _mnist() -> Data | None:
    folder = Path(os.environ.get("KOBAI_MNIST", ROOT.parent.parent / "shared" / "mnist"))
    if not folder.is_dir():
        return None
    (x, y), (x_test, y_test) = load_mnist(path=folder)
    return x, x_test, y, y_test


SMALL = {"auto": 100, 32: 40, "lbfgs": 100}
PROBLEMS = (
    Problem("digits", "Classifier", _loaded(datasets.load_digits), SMALL),
    Problem("breast_cancer", "Classifier", _loaded(datasets.load_breast_cancer), SMALL),
    Problem("wine", "Classifier", _loaded(datasets.load_wine), SMALL),
    Problem("diabetes", "Regressor", _diabetes, SMALL),
    Problem("made 20,000 x 30", "Classifier", _made(20_000, 30), {"auto": 10, 32: 4, "lbfgs": 30}),
    Problem(
        "made 200,000 x 100",
        "Classifier",
        _made(200_000, 100),
        {"auto": 2, 32: 1, "lbfgs": 10},
        seeds=3,
    ),
    Problem(
        "text, 20,000 x 10,000 CSR",
        "Classifier",
        _text(20_000, 10_000, 60, 5),
        {"auto": 2, 32: 1, "lbfgs": 10},
        seeds=3,
    ),
    Problem("MNIST, float32", "Classifier", _mnist, {"auto": 3, 32: 1, "lbfgs": 10}, seeds=3),
)


class Setting(NamedTuple):
    """A row of the table, but for the data set."""

    solver: str
    batch_size: Any

    @property
    def label(self) -> str:
        return self.solver if self.solver == "lbfgs" else f"{self.solver}, batch {self.batch_size}"

    def arguments(self, problem: Problem) -> dict[str, Any]:
        """What the constructors are given: both go through all epochs."""
        epochs = problem.epochs["lbfgs" if self.solver == "lbfgs" else self.batch_size]
        rate = 0.01 if self.solver == "sgd" else 0.001
        return {
            "solver": self.solver,
            "batch_size": self.batch_size,
            "max_iter": epochs,
            "learning_rate_init": rate,
            "tol": 0.0,
            "n_iter_no_change": np.inf,
        }


def settings() -> Iterator[Setting]:
    for solver in ("sgd", "adam"):
        for batch_size in ("auto", 32):
            yield Setting(solver, batch_size)
    yield Setting("lbfgs", "auto")
