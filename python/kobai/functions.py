"""Activation functions and losses of the course, computed in Rust.

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
    are_labels,
    in_dtype,
    integer,
    plain_array,
    real_array,
    result_dtype,
)

__all__ = ["cross_entropy_error", "mean_squared_error", "relu", "sigmoid", "softmax"]


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
    """
    return _elementwise(_core.sigmoid, x)


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
    """
    return _elementwise(_core.relu, x)


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
    """
    array = real_array("x", x)
    axis = integer("axis", axis)
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"axis must be one of x's {array.ndim}, got {axis}")
    if array.shape[axis] == 0:
        raise ValueError(f"x must not be empty along axis {axis}, got shape {array.shape}")
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
    """
    outputs, targets = _pair(y, t)
    dtype = result_dtype(y, t)
    return in_dtype(np.asarray(_core.mean_squared_error(outputs, targets)), dtype)[()]


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
    """
    probabilities, targets = plain_array("y", y), plain_array("t", t)
    dtype = result_dtype(probabilities, targets)
    if probabilities.ndim == 2 and probabilities.shape[0] == 0:
        raise ValueError(f"y must hold at least one sample, got shape {probabilities.shape}")
    samples = probabilities.shape[0] if probabilities.ndim == 2 else 1
    if probabilities.ndim in (1, 2) and are_labels(targets, probabilities.shape[:-1]):
        rows = np.atleast_2d(real_array("y", probabilities))
        labels = np.atleast_1d(targets).astype(np.int64)
        total = _core.cross_entropy_error_labels(rows, labels)
    else:
        total = _core.cross_entropy_error(*_pair(probabilities, targets))
    return in_dtype(np.asarray(total / samples), dtype)[()]


def _pair(y: npt.ArrayLike, t: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Both arguments in the wider of their computed dtypes, of one shape."""
    outputs, targets = real_array("y", y), real_array("t", t)
    if outputs.shape != targets.shape:
        raise ValueError(f"t must have the shape of y, {outputs.shape}, got shape {targets.shape}")
    dtype = np.promote_types(result_dtype(y, t), np.float32)
    return outputs.astype(dtype, copy=False), targets.astype(dtype, copy=False)
