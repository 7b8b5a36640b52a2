"""Numerical gradients of Python functions, and gradient descent with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, SupportsFloat, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai._validation import (
    HALF_WIDTH,
    FloatArray,
    integer,
    non_negative_float,
    overlaps_itself,
    plain_array,
    positive_float,
    real_array,
)

__all__ = ["gradient_descent", "numerical_gradient"]


def numerical_gradient(
    f: Callable[[Any], SupportsFloat], x: npt.ArrayLike, h: float = HALF_WIDTH
) -> FloatArray:
    """The central difference ``(f(x + h) - f(x - h)) / 2h`` in every element of `x`.

    `f` may ignore its argument and read `x` through a closure, as the course does
    (``lambda W: net.loss(x, t)``): a writable float32 or float64 array is moved in place, one
    element at a time, and every element is put back bit for bit, also when `f` raises. Integers,
    lists and read-only arrays are copied to float first, and `f` is called with the copy.

    Parameters
    ----------
    f : callable
        Takes an array of the shape of `x`, returns a real number.
    x : array_like
        Where to take the gradient, any shape. Prefer float64: in float32 the moves themselves are
        rounded.
    h : float, default 1e-4
        The half-width of the difference, in the units of `x`. The error of truncation is
        ``h**2 / 6`` times the third derivative, that of rounding about ``1e-16 / h`` times `f`.

    Returns
    -------
    ndarray
        Shape and float dtype of `x`.

    Raises
    ------
    TypeError
        If `x` does not hold real numbers, is a writable array of a float dtype other than native
        float32 and float64, or `f` returns something other than a real number.
    ValueError
        If `h` is not a positive finite number, or `f` returns an array of several numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import numerical_gradient
    >>> np.round(numerical_gradient(lambda x: np.sum(x**2), [3.0, 4.0]), 6)
    array([6., 8.])

    The course's idiom, where `f` reads through a closure what is moved:

    >>> W = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> np.round(numerical_gradient(lambda _: W[0] @ W[1], W), 6)
    array([[3., 4.],
           [1., 2.]])
    """
    if not callable(f):
        raise TypeError(f"f must be callable, got {type(f).__name__}")
    h = positive_float("h", h)
    moved, argument = _movable(x)
    return _core.numerical_gradient(f, moved, argument, h)


def _movable(x: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """The array to move and the one to call `f` with: `x` itself where it can be moved in place."""
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or not x.flags.writeable:
        copy = np.array(real_array("x", x))
        return copy, copy
    if x.dtype not in (np.float32, np.float64) or not x.flags.aligned:
        raise TypeError(
            "x must be an aligned array of native float32 or float64 to be moved in place, "
            f"got dtype {x.dtype}{'' if x.flags.aligned else ', unaligned'}"
        )
    if overlaps_itself(x):
        raise ValueError("x must not overlap itself in memory: to move one element moves another")
    return plain_array("x", x), x


@overload
def gradient_descent(
    f: Callable[[Any], SupportsFloat],
    init_x: npt.ArrayLike,
    lr: float = ...,
    step_num: SupportsIndex = ...,
    *,
    h: float = ...,
    return_history: Literal[False] = ...,
) -> FloatArray: ...
@overload
def gradient_descent(
    f: Callable[[Any], SupportsFloat],
    init_x: npt.ArrayLike,
    lr: float = ...,
    step_num: SupportsIndex = ...,
    *,
    h: float = ...,
    return_history: Literal[True],
) -> tuple[FloatArray, FloatArray]: ...


def gradient_descent(
    f: Callable[[Any], SupportsFloat],
    init_x: npt.ArrayLike,
    lr: float = 0.01,
    step_num: SupportsIndex = 100,
    *,
    h: float = HALF_WIDTH,
    return_history: bool = False,
) -> FloatArray | tuple[FloatArray, FloatArray]:
    """Go down the numerical gradient of `f`: ``x -= lr * numerical_gradient(f, x)``, repeated.

    Parameters
    ----------
    f : callable
        Takes an array of the shape of `init_x`, returns a real number.
    init_x : array_like
        Where to start; left alone.
    lr : float, default 0.01
        The learning rate.
    step_num : int, default 100
        The number of steps.
    h : float, default 1e-4
        The half-width of the central difference.
    return_history : bool, default False
        Whether to return the path as well.

    Returns
    -------
    x : ndarray
        The final point, shape and float dtype of `init_x`.
    history : ndarray
        Only with `return_history`: every point from `init_x` on, shape
        ``(step_num + 1, *x.shape)``.

    Raises
    ------
    TypeError
        If an argument is of the wrong type, or `f` returns something other than a real number.
    ValueError
        If `lr` is negative or not finite, `step_num` is negative, or `h` is not a positive finite
        number.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import gradient_descent
    >>> x = gradient_descent(lambda x: np.sum((x - [1, 2]) ** 2), [-3.0, 4.0], lr=0.1)
    >>> np.round(x, 6)
    array([1., 2.])

    With the path to it, from the start on:

    >>> x, path = gradient_descent(
    ...     lambda x: np.sum(x**2), [8.0], lr=0.25, step_num=3, return_history=True
    ... )
    >>> np.round(path[:, 0], 6)
    array([8., 4., 2., 1.])
    """
    lr = non_negative_float("lr", lr)
    steps = integer("step_num", step_num)
    if steps < 0:
        raise ValueError(f"step_num must not be negative, got {steps}")
    x = np.array(real_array("init_x", init_x))
    history = np.empty((steps + 1, *x.shape), x.dtype) if return_history else None
    for step in range(steps):
        if history is not None:
            history[step] = x
        x -= lr * numerical_gradient(f, x, h)
    if history is None:
        return x
    history[steps] = x
    return x, history
