"""The solver "lbfgs": SciPy's, which asks the core for the loss and its gradient in one call."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy
from sklearn.exceptions import ConvergenceWarning

from kobai import _core
from kobai.sklearn.data import TrainingData
from kobai.sklearn.network import as_core_takes, dense_rows
from kobai.sklearn.objectives import Objective

Array = npt.NDArray[Any]

_DOUBLE = np.dtype(np.float64)
_HALF_WIDTH = 1e-4


class FullBatch:
    """The loss of all samples and its gradient, as functions of all parameters in one vector.

    They are computed in double precision, also for float32 data: a line search compares losses
    that differ by less than single precision tells apart.
    """

    def __init__(self, estimator: Any, data: TrainingData, objective: Objective) -> None:
        of = estimator
        self._x = dense_rows(data.x, _DOUBLE)
        self._t = data.t if data.t.dtype == np.int64 else data.t.astype(_DOUBLE, copy=False)
        self._weights = data.weights
        self._objective = objective
        self._activations = of._activations()
        self._is_numerical = of.gradient == "numerical"
        total = data.t.shape[0] if data.weights is None else data.weights.sum()
        self._weight_decay = of.alpha / total
        self._shapes = [each.shape for each in (*of.coefs_, *of.intercepts_)]
        self._ends = np.cumsum([each.size for each in (*of.coefs_, *of.intercepts_)])
        self._constant = objective.constant(data.weights)
        self.last: Array = np.concatenate([each.ravel() for each in (*of.coefs_, *of.intercepts_)])
        self.last = self.last.astype(_DOUBLE, copy=False)

    def parameters(self, vector: Array) -> tuple[list[Array], list[Array]]:
        """The weights and the biases that a vector holds, as views."""
        parts = np.split(vector, self._ends[:-1])
        arrays = [each.reshape(shape) for each, shape in zip(parts, self._shapes, strict=True)]
        half = len(arrays) // 2
        return arrays[:half], arrays[half:]

    def __call__(self, vector: Array) -> tuple[float, Array]:
        """The loss and its gradient."""
        network = self._network(vector, self._weight_decay)
        batch = self._x, self._t, self._weights
        if self._is_numerical:
            loss, layers = _core.network_numerical_gradient(network, *batch, _HALF_WIDTH, "auto")
        else:
            loss, layers = _core.network_gradient(network, *batch)
        weights, biases = zip(*layers, strict=True)
        return loss + self._constant, np.concatenate([g.ravel() for g in (*weights, *biases)])

    def reported(self, loss: float, vector: Array) -> float:
        """A loss found at `vector` in the scale in which it is reported."""
        share = self._objective.share
        if share == 1:
            return loss
        mean = _core.network_loss(self._network(vector, 0.0), self._x, self._t, self._weights)
        return loss - mean + mean * share

    def keep(self, vector: Array) -> None:
        """Keep the parameters of the iteration that has just ended."""
        self.last = vector.copy()

    def _network(self, vector: Array, weight_decay: float) -> tuple[list[Any], Any, float]:
        loss = self._objective.core_loss
        return as_core_takes(*self.parameters(vector), self._activations, loss, weight_decay)


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
        result = scipy.optimize.minimize(
            function,
            function.last,
            method="L-BFGS-B",
            jac=True,
            options=options,
            callback=function.keep,
        )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
        found = function.last
        of.loss_ = function.reported(function(found)[0], found)
    else:
        found = result.x
        of.n_iter_ = min(result.nit, of.max_iter)
        of.loss_ = function.reported(float(result.fun), found)
        if result.status != 0:
            warnings.warn(_complaint(result, of), ConvergenceWarning, stacklevel=2)
    weights, biases = function.parameters(found)
    of.coefs_ = [w.astype(old.dtype) for w, old in zip(weights, of.coefs_, strict=True)]
    of.intercepts_ = [b.astype(old.dtype) for b, old in zip(biases, of.intercepts_, strict=True)]


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
