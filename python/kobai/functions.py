"""Activation functions and losses of the course, under the course's names.

Any shape and memory layout; float dtypes are kept, integers and bools become float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai._validation import (
    FloatArray,
    column_cure,
    in_dtype,
    integer,
    plain_array,
    real_array,
    result_dtype,
    targets,
)

__all__ = [
    "cross_entropy_error",
    "identity_function",
    "mean_squared_error",
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_loss",
    "step_function",
    "sum_squared_error",
]


def _elementwise(compute: Callable[[FloatArray], FloatArray], x: npt.ArrayLike) -> Any:
    real = real_array("x", x)
    return compute(real).astype(result_dtype(x), copy=False)[
        ()
    ]  # a scalar for a scalar, as NumPy's own functions give


def sigmoid(x: npt.ArrayLike) -> Any:
    """The logistic function, ``1 / (1 + exp(-x))``, of each element.

    Parameters
    ----------
    x : array_like
        Real numbers, any shape.

    Returns
    -------
    ndarray or scalar
        Shape and float dtype of `x`. No overflow: ``-inf`` gives 0 and ``inf`` gives 1.

    Raises
    ------
    TypeError
        If `x` does not hold real numbers.

    Examples
    --------
    >>> from kobai import sigmoid
    >>> sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    return _elementwise(_core.sigmoid, x)


def sigmoid_grad(x: npt.ArrayLike) -> Any:
    """The derivative of `sigmoid`, ``sigmoid(x) * (1 - sigmoid(x))``, at each element.

    Computed as ``sigmoid(x) * sigmoid(-x)``, which keeps its digits where the sigmoid is nearly 1.

    Parameters
    ----------
    x : array_like
        Real numbers, any shape.

    Returns
    -------
    ndarray or scalar
        Shape and float dtype of `x`. 0 at ``-inf`` and ``inf``.

    Raises
    ------
    TypeError
        If `x` does not hold real numbers.

    Examples
    --------
    >>> from kobai.functions import sigmoid_grad
    >>> sigmoid_grad([-1000.0, 0.0, 1000.0])
    array([0.  , 0.25, 0.  ])
    """

    def slope(real: FloatArray) -> FloatArray:
        with np.errstate(under="ignore"):
            return np.asarray(_core.sigmoid(real) * _core.sigmoid(np.asarray(-real)))

    return _elementwise(slope, x)


def relu(x: npt.ArrayLike) -> Any:
    """The rectifier, ``max(x, 0)``, of each element.

    Parameters
    ----------
    x : array_like
        Real numbers, any shape.

    Returns
    -------
    ndarray or scalar
        Shape and float dtype of `x`.

    Raises
    ------
    TypeError
        If `x` does not hold real numbers.

    Examples
    --------
    >>> from kobai import relu
    >>> relu([-1.5, 0.0, 2.0])
    array([0., 0., 2.])
    """
    return _elementwise(_core.relu, x)


def relu_grad(x: npt.ArrayLike) -> Any:
    """The slope of `relu` at each element: 1 where ``x >= 0``, at 0 too, and 0 elsewhere.

    Parameters
    ----------
    x : array_like
        Real numbers, any shape.

    Returns
    -------
    ndarray or scalar
        Shape and float dtype of `x`. NaN where `x` is NaN.

    Raises
    ------
    TypeError
        If `x` does not hold real numbers.

    Examples
    --------
    >>> from kobai.functions import relu_grad
    >>> relu_grad([-1.5, 0.0, 2.0])
    array([0., 1., 1.])
    """

    def slope(real: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore"):
            return np.where(np.isnan(real), real, real >= 0)

    return _elementwise(slope, x)


def step_function(x: npt.ArrayLike) -> Any:
    """The step of the perceptron: 1 where ``x > 0``, and 0 elsewhere.

    Parameters
    ----------
    x : array_like
        Real numbers, any shape.

    Returns
    -------
    ndarray or scalar
        Shape of `x`, dtype int64. NaN is not above 0, so it gives 0.

    Raises
    ------
    TypeError
        If `x` does not hold real numbers.

    Examples
    --------
    >>> from kobai.functions import step_function
    >>> step_function([-1.5, 0.0, 2.0])
    array([0, 0, 1])
    """
    with np.errstate(invalid="ignore"):
        return (real_array("x", x) > 0).astype(np.int64)[()]


def identity_function(x: npt.ArrayLike) -> Any:
    """`x` itself: the activation of an output layer whose scores are its answer.

    Parameters
    ----------
    x : array_like
        Real numbers, any shape.

    Returns
    -------
    ndarray or scalar
        A new array, shape and float dtype of `x`.

    Raises
    ------
    TypeError
        If `x` does not hold real numbers.

    Examples
    --------
    >>> from kobai.functions import identity_function
    >>> identity_function([1, -2, 3])
    array([ 1., -2.,  3.])
    """
    return _elementwise(np.array, x)


def softmax(x: npt.ArrayLike, axis: int = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along an axis, shifted by the maximum so that nothing overflows.

    Parameters
    ----------
    x : array_like
        Scores, at least one axis.
    axis : int, default -1
        The axis along which the result sums to 1.

    Returns
    -------
    ndarray
        Probabilities, shape and float dtype of `x`.

    Raises
    ------
    TypeError
        If `x` does not hold real numbers, or `axis` is not an integer.
    ValueError
        If `x` has no such axis, or the axis has size 0.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import softmax
    >>> y = softmax([[0.3, 2.9, 4.0], [1010.0, 1000.0, 990.0]])
    >>> np.round(y, 4)
    array([[0.0182, 0.2452, 0.7366],
           [1.    , 0.    , 0.    ]])
    >>> y.sum(axis=-1)
    array([1., 1.])
    """
    return _softmax("x", x, axis)


def _softmax(name: str, x: npt.ArrayLike, axis: int) -> Any:
    array = real_array(name, x)
    axis = integer("axis", axis)
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"axis must be one of {name}'s {array.ndim}, got {axis}")
    if array.shape[axis] == 0:
        raise ValueError(f"{name} must not be empty along axis {axis}, got shape {array.shape}")
    return _core.softmax(array, axis % array.ndim).astype(result_dtype(x), copy=False)


def mean_squared_error(y: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    """Half the sum of squared errors, ``0.5 * sum((y - t)**2)``, as the course defines it.

    Parameters
    ----------
    y : array_like
        Outputs, any shape.
    t : array_like
        Targets, shape of `y`.

    Returns
    -------
    scalar
        Of the float dtype of `y` and `t`.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers.
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> from kobai import mean_squared_error
    >>> float(mean_squared_error([0.5, 0.25, 0.25], [0, 1, 0]))
    0.4375
    """
    outputs, targets = _pair("y", y, t)
    dtype = result_dtype(y, t)
    return in_dtype(np.asarray(_core.mean_squared_error(outputs, targets)), dtype)[()]


def sum_squared_error(y: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    """`mean_squared_error` under the name that later printings of the course give it.

    Takes, returns and raises what `mean_squared_error` does: half the sum, no mean.

    Examples
    --------
    >>> from kobai.functions import sum_squared_error
    >>> float(sum_squared_error([0.5, 0.25, 0.25], [0, 1, 0]))
    0.4375
    """
    return mean_squared_error(y, t)


def cross_entropy_error(y: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    """The cross-entropy ``-sum(t * log(y + 1e-7))``, averaged over the samples of a batch.

    Parameters
    ----------
    y : array_like
        Probabilities, shape (K,) for one sample or (N, K) for a batch.
    t : array_like
        Targets: weights of the classes, one-hot or soft, in the shape of `y`; or integer labels,
        shape (N,) for a batch and () for one sample. Shape and dtype tell which.

    Returns
    -------
    scalar
        The sum, divided by N where `y` has two axes. Of the float dtype of `y` and `t`.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, or labels are not integers.
    ValueError
        If the shapes do not fit, a label is outside ``0..K-1``, or the batch is empty.

    Examples
    --------
    Of one sample, with a one-hot target and with its label; then of a batch.

    >>> from kobai import cross_entropy_error
    >>> y = [0.25, 0.5, 0.25]
    >>> print(f"{cross_entropy_error(y, [0, 1, 0]):.6f}")
    0.693147
    >>> print(f"{cross_entropy_error(y, 1):.6f}")
    0.693147
    >>> print(f"{cross_entropy_error([y, y], [1, 0]):.6f}")
    1.039720
    """
    return _cross_entropy("y", y, t)


def softmax_loss(X: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    """The cross-entropy of the softmax of scores: ``cross_entropy_error(softmax(X), t)``.

    Parameters
    ----------
    X : array_like
        Scores, shape (K,) for one sample or (N, K) for a batch.
    t : array_like
        Targets, as `cross_entropy_error` takes them.

    Returns
    -------
    scalar
        Averaged over the samples of a batch. Of the float dtype of `X` and `t`.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, or labels are not integers.
    ValueError
        If the shapes do not fit, a label is outside ``0..K-1``, or the batch is empty.

    Examples
    --------
    >>> from kobai.functions import softmax_loss
    >>> print(f"{softmax_loss([[2.0, 2.0], [5.0, 5.0]], [0, 1]):.6f}")
    0.693147
    """
    scores, targets = plain_array("X", X), plain_array("t", t)
    if targets.dtype.kind == "f":
        real_array("t", targets)  # refuses what is wider than float64
    dtype = result_dtype(scores, targets)
    # No probability is rounded to a narrower type than the loss is computed in.
    wide = real_array("X", scores).astype(np.promote_types(dtype, np.float32), copy=False)
    loss = _cross_entropy("X", _softmax("X", wide, -1), t)
    return in_dtype(np.asarray(loss), dtype)[()]


def _cross_entropy(name: str, y: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    probabilities, answers = plain_array(name, y), plain_array("t", t)
    dtype = result_dtype(probabilities, answers)
    if probabilities.ndim == 2 and probabilities.shape[0] == 0:
        raise ValueError(f"{name} must hold at least one sample, got shape {probabilities.shape}")
    samples = probabilities.shape[0] if probabilities.ndim == 2 else 1
    if probabilities.ndim in (1, 2) and answers.shape == probabilities.shape[:-1]:
        labels = targets("t", t, probabilities.shape[:-1], probabilities.shape[-1])
        rows = np.atleast_2d(real_array(name, probabilities))
        labels = np.atleast_1d(labels).astype(np.int64)
        total = _core.cross_entropy_error_labels(rows, labels)
    else:
        if cure := column_cure("t", t, answers, probabilities.shape):
            wanted = f"t must have the shape of {name}, {probabilities.shape}"
            raise ValueError(f"{wanted}, got shape {answers.shape}{cure}")
        total = _core.cross_entropy_error(*_pair(name, probabilities, answers))
    return in_dtype(np.asarray(total / samples), dtype)[()]


def _pair(name: str, y: npt.ArrayLike, t: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Both arguments in the wider of their computed dtypes, of one shape."""
    outputs, targets = real_array(name, y), real_array("t", t)
    if outputs.shape != targets.shape:
        raise ValueError(
            f"t must have the shape of {name}, {outputs.shape}, got shape {targets.shape}"
        )
    dtype = np.promote_types(result_dtype(y, t), np.float32)
    return outputs.astype(dtype, copy=False), targets.astype(dtype, copy=False)
