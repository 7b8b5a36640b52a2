"""The solver "lbfgs": SciPy's, which asks the core for the loss and its gradient in one call."""

from __future__ import annotations

import functools
import warnings
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy
import threadpoolctl
from sklearn.exceptions import ConvergenceWarning

from kobai import _core
from kobai.sklearn.data import TrainingData
from kobai.sklearn.network import as_core_takes, blocks
from kobai.sklearn.objectives import Objective
from kobai.sklearn.rows import core_rows, dense_rows, elements

Array = npt.NDArray[Any]

_DOUBLE = np.dtype(np.float64)
_HALF_WIDTH = 1e-4


class FullBatch:
    """The loss of all samples and its gradient, as functions of all parameters in one vector.

    They are computed in double precision, also for float32 data: a line search compares losses
    that differ by less than single precision tells apart. The core is asked about a block of rows
    at a time, whose layers stay in the caches.
    """

    def __init__(self, estimator: Any, data: TrainingData, objective: Objective) -> None:
        of = estimator
        self._x = data.x
        self._t = data.t if data.t.dtype == np.int64 else data.t.astype(_DOUBLE, copy=False)
        self._weights = data.weights
        self._share = objective.share
        self._core_loss = objective.core_loss()
        self._constant = objective.constant(data.weights)
        self._activations = of._activations()
        self._is_numerical = of.gradient == "numerical"
        arrays = [*of.coefs_, *of.intercepts_]
        self._shapes = [each.shape for each in arrays]
        ends = np.cumsum([0, *(each.size for each in arrays)]).tolist()
        self._parts = [slice(*pair) for pair in pairwise(ends)]
        self._weight_count = sum(each.size for each in of.coefs_)
        self.last: Array = np.concatenate([each.ravel() for each in arrays]).astype(_DOUBLE)
        self._gradient, self._scratch = np.empty_like(self.last), np.empty_like(self.last)
        # Where the loss was asked for last: no vector equals it yet.
        self._asked: Array = np.empty(0)
        slices = [*blocks(data.x, arrays)]
        counts = np.ones(len(self._t)) if data.weights is None else data.weights
        sums = np.array([counts[rows].sum() for rows in slices])
        shares = (sums / sums.sum()).tolist()
        # The blocks that count, and what share they have in the mean.
        self._blocks = [each for each in zip(slices, shares, strict=True) if each[1] != 0]
        self._held = None if self._is_numerical else self._held_rows()
        self._weight_decay = of.alpha / sums.sum()

    def parameters(self, vector: Array) -> tuple[list[Array], list[Array]]:
        """The weights and the biases that a vector holds, as views."""
        parts = [vector[part] for part in self._parts]
        arrays = [each.reshape(shape) for each, shape in zip(parts, self._shapes, strict=True)]
        half = len(arrays) // 2
        return arrays[:half], arrays[half:]

    def loss(self, vector: Array) -> float:
        """The loss, as lbfgs descends along it; its gradient, found with it, is kept."""
        loss, self._gradient = self._loss_and_gradient(vector)
        self._asked = vector
        return loss

    def gradient(self, vector: Array) -> Array:
        """The gradient: SciPy asks for it where it has just asked for the loss."""
        if not np.array_equal(vector, self._asked):
            self.loss(vector)
        return self._gradient

    def _loss_and_gradient(self, vector: Array) -> tuple[float, Array]:
        mean, gradient = self._mean_and_gradient(vector)
        weights = slice(self._weight_count)
        scratch = self._scratch[weights]
        gradient[weights] += np.multiply(vector[weights], self._weight_decay, out=scratch)
        return mean + self._penalty(vector) + self._constant, gradient

    def reported(self, vector: Array) -> float:
        """The loss at `vector` in the scale in which it is reported."""
        mean, _ = self._mean_and_gradient(vector)
        return mean * self._share + self._penalty(vector) + self._constant

    def keep(self, vector: Array) -> None:
        """Keep the parameters of the iteration that has just ended: SciPy hands over a copy."""
        self.last = vector

    @property
    def is_reported_as_it_is(self) -> bool:
        """Whether the loss is reported as lbfgs descends along it."""
        return self._share == 1

    def _mean_and_gradient(self, vector: Array) -> tuple[float, Array]:
        """The mean loss of the samples and its gradient, without what the weights add."""
        network = as_core_takes(*self.parameters(vector), self._activations, self._core_loss)
        parts = (self._part_of_mean(network, block) for block in range(len(self._blocks)))
        mean, gradient = next(parts)
        for loss, part in parts:
            mean += loss
            gradient += part
        return mean, gradient

    def _part_of_mean(self, network: Any, block: int) -> tuple[float, Array]:
        """What a block has of the mean loss, and of its gradient in one vector."""
        rows, share = self._blocks[block]
        if self._held is not None:
            # SciPy copies what it is given; the parts of other blocks have been added.
            gradient = self._gradient if block == 0 else self._scratch
            loss = self._held.gradient(network, block, *self._targets(rows), gradient)
        else:
            loss, layers = self._ask(network, rows)
            weights_and_biases = chain.from_iterable(zip(*layers, strict=True))
            gradient = np.concatenate([*weights_and_biases], axis=None)
        if share != 1:
            gradient *= share
        return share * loss, gradient

    def _targets(self, rows: slice) -> tuple[Array, Array | None]:
        return self._t[rows], None if self._weights is None else self._weights[rows]

    def _held_rows(self) -> _core.HeldRows | None:
        """The rows of the blocks, gathered once; None for rows that are asked for as they stand."""
        if isinstance(self._x, np.ndarray):
            return None
        slices = [rows for rows, _ in self._blocks]
        x = self._x
        sizes = [len(self._t[rows]) for rows in slices]
        if sum(sizes) < x.shape[0]:
            x = scipy.sparse.vstack([x[rows] for rows in slices], "csr")
        return _core.HeldRows.of(elements(x, _DOUBLE), sizes)

    def _ask(self, network: Any, rows: slice) -> tuple[float, list[Any]]:
        x, (t, weights) = self._x[rows], self._targets(rows)
        if self._is_numerical:
            batch = dense_rows(x, _DOUBLE), t, weights
            return _core.network_numerical_gradient(network, *batch, _HALF_WIDTH, "auto")
        return _core.network_gradient(network, core_rows(x, _DOUBLE), t, weights)

    def _penalty(self, vector: Array) -> float:
        weights = vector[: self._weight_count]
        return float(0.5 * self._weight_decay * np.dot(weights, weights))


def fit_lbfgs(estimator: Any, data: TrainingData, objective: Objective) -> None:
    """Minimize the loss of all samples.

    Ctrl-C ends it with the parameters of the last whole iteration, with a warning.
    """
    import scipy.optimize

    of = estimator
    function = FullBatch(of, data, objective)
    options = {"maxfun": of.max_fun, "maxiter": of.max_iter, "gtol": of.tol}
    if _takes_iprint():
        options["iprint"] = 1 if of.verbose else -1
    try:
        # SciPy's own arithmetic is on a few vectors: more threads of BLAS only wait for each other.
        with _blas_libraries().limit(limits=1, user_api="blas"):
            # Not as one function of both: SciPy would compare and copy the vector more often.
            result = scipy.optimize.minimize(
                function.loss,
                function.last,
                method="L-BFGS-B",
                jac=function.gradient,
                options=options,
                callback=function.keep,
            )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
        found = function.last
        of.loss_ = function.reported(found)
    else:
        found = result.x
        of.n_iter_ = min(result.nit, of.max_iter)
        as_it_is = function.is_reported_as_it_is
        of.loss_ = float(result.fun) if as_it_is else function.reported(found)
        if result.status != 0:
            warnings.warn(_complaint(result, of), ConvergenceWarning, stacklevel=2)
    weights, biases = function.parameters(found)
    of.coefs_ = [w.astype(old.dtype) for w, old in zip(weights, of.coefs_, strict=True)]
    of.intercepts_ = [b.astype(old.dtype) for b, old in zip(biases, of.intercepts_, strict=True)]


@functools.cache
def _blas_libraries() -> Any:
    """The libraries whose threads can be limited; they are looked for once, which takes a while."""
    return threadpoolctl.ThreadpoolController()


def _takes_iprint() -> bool:
    """Whether this SciPy prints what it does where it is told to; later ones print nothing."""
    return tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 15)


def _complaint(result: Any, estimator: Any) -> str:
    """Why the solver ended early, in scikit-learn's words."""
    text = (
        f"lbfgs failed to converge after {estimator.n_iter_} iteration(s) "
        f"(status={result.status}):\n{result.message}\n"
    )
    if estimator.n_iter_ == estimator.max_iter:
        text += (
            "\nIncrease the number of iterations to improve the "
            f"convergence (max_iter={estimator.max_iter})."
        )
    return text + (
        "\nYou might also want to scale the data as shown in:\n"
        "    https://scikit-learn.org/stable/modules/preprocessing.html"
    )
