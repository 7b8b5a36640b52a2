"""Activation functions of the course, each applied to the elements of any array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai._validation import FloatArray, integer, real_array, result_dtype


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
    return softmax_of("x", x, axis)


def softmax_of(name: str, x: npt.ArrayLike, axis: int) -> Any:
    """The softmax of the argument that the caller knows as `name`."""
    array = real_array(name, x)
    axis = integer("axis", axis)
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"axis must be one of {name}'s {array.ndim}, got {axis}")
    if array.shape[axis] == 0:
        raise ValueError(f"{name} must not be empty along axis {axis}, got shape {array.shape}")
    return _core.softmax(array, axis % array.ndim).astype(result_dtype(x), copy=False)


def _elementwise(compute: Callable[[FloatArray], FloatArray], x: npt.ArrayLike) -> Any:
    answer = compute(real_array("x", x)).astype(result_dtype(x), copy=False)
    return answer[()]  # a scalar for a scalar, as NumPy's own functions give
