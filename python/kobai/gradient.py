"""Numerical gradients of Python functions, and gradient descent with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, SupportsFloat, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

from kobai._difference import (
    Gradient,
    central_difference,
    check_steps,
    stacked_difference,
    warn_of_a_constant,
)
from kobai._validation import (
    HALF_WIDTH,
    FloatArray,
    in_dtype,
    integer,
    non_negative_float,
    overlaps_itself,
    plain_array,
    positive_float,
    real_array,
    result_dtype,
)
from kobai._workers import Workers, workers_of

__all__ = ["gradient_descent", "numerical_gradient"]

_CURE = "take a larger h, or a smaller lr if the steps lead away from where they should"


def numerical_gradient(
    f: Callable[[Any], SupportsFloat | SupportsIndex],
    x: npt.ArrayLike,
    h: float = HALF_WIDTH,
    *,
    vectorized: bool = False,
    workers: Any = 1,
) -> FloatArray:
    """The central difference ``(f(x + h) - f(x - h)) / 2h`` in every element of `x`.

    The quotient is divided by the step really taken, ``(x + h) - (x - h)`` in the dtype of `x`,
    which is ``2h`` up to the rounding of `x`.

    `f` may ignore its argument and read `x` through a closure, as the course does
    (``lambda W: net.loss(x, t)``): a writable float32 or float64 array is moved in place, one
    element at a time, and every element is put back bit for bit, also when `f` raises. Integers,
    lists and read-only arrays are copied to float first, and `f` is called with copies.

    Parameters
    ----------
    f : callable
        Takes an array of the shape of `x`, returns a real number: a float, an integer, an array,
        tensor or series of one number, or anything Python makes a float of. It must not change
        its argument.
    x : array_like
        Where to take the gradient, any shape: one point. Prefer float64: in float32 the moves
        themselves are rounded.
    h : float, default 1e-4
        The half-width of the difference, in the units of `x`. The error of truncation is
        ``h**2 / 6`` times the third derivative, that of rounding about ``1e-16 / h`` times `f`.
    vectorized : bool, default False
        Whether `f` takes points stacked in front, shape ``(m, *x.shape)``, and returns ``m``
        numbers. They are copies of `x`.
    workers : int or map-like, default 1
        How many processes share the elements; -1 for as many as there are cores. Or a function
        like `map`: ``pool.map``, the ``map`` of any executor, of processes, threads, loky, MPI, or
        Dask's ``client.get_executor()``. Or None for what `joblib.parallel_config` says. `f` and
        `x` travel once for a block of elements, and `f` is called with a copy of `x` that is moved
        in place, so it must read its argument. The numbers do not depend on `workers`.

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
        If `h` is not a positive finite number, or is so small against an element of `x` that
        rounding swallows the step; if `f` returns an array of several numbers, or a number beyond
        float64; or if `f` changes its argument, in which case `x` is as it was before.
    RuntimeError
        If a worker process ends in the midst of its work.

    Warns
    -----
    UserWarning
        If `x` was copied and `f` gave the same number wherever it was asked. Then `f` may be
        reading the original, which is not moved. A function that is constant around `x` cannot be
        told from that.

    Notes
    -----
    A writable float array is the same object at every call, so what `f` keeps of it for later is
    to be copied. Where `x` is copied first, each call gets an array of its own. Read-only float16
    is moved, and given to `f`, as float32.

    Whether `f` changes its argument is looked at in the first two calls, in each element before it
    is moved, and in all of `x` now and then and at the end. An `f` that changes its argument and
    undoes that before it returns does no harm.

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
    half_width = _half_width(f, h)
    if vectorized or workers != 1:
        return _spread(f, x, half_width, vectorized, workers_of(workers))
    if isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.flags.writeable:
        return central_difference(f, _movable(x), half_width, argument=x).quotients
    copy = np.array(real_array("x", x))
    gradient = central_difference(f, copy, half_width)
    if gradient.is_of_a_constant:
        warn_of_a_constant("x", _why_copied(x))
    return in_dtype(gradient.quotients, result_dtype(x))


class _Quotients:
    """The quotients of a block of elements, for whoever computes them."""

    def __init__(self, f: Callable[[Any], Any], x: FloatArray, h: float, vectorized: bool) -> None:
        self._f, self._x, self._h, self._vectorized = f, x, h, vectorized

    def __call__(self, part: slice) -> Gradient:
        if self._vectorized:
            return stacked_difference(self._f, self._x, self._h, part=part)
        x = np.array(self._x)
        return central_difference(self._f, x, self._h, argument=x, part=part, is_remote=True)


def _spread(
    f: Callable[[Any], Any], x: npt.ArrayLike, h: float, vectorized: bool, workers: Workers
) -> FloatArray:
    """The gradient by blocks of elements."""
    array = real_array("x", x)
    if workers.is_this_process and not vectorized:
        return numerical_gradient(f, x, h)
    check_steps("x", array, h)
    task = _Quotients(f, np.ascontiguousarray(array), h, vectorized)
    if workers.is_this_process:
        found = [task(slice(0, array.size))]
    else:
        blocks = workers.blocks(array.size)
        sizes = [block.stop - block.start for block in blocks]
        found = workers.results(f, task, blocks, sizes)
    quotients = np.concatenate([part.quotients for part in found])
    if all(part.is_of_a_constant for part in found):
        warn_of_a_constant("x", "workers are given copies of it", stacklevel=4)
    return in_dtype(quotients.reshape(array.shape), result_dtype(x))


def _half_width(f: object, h: SupportsFloat) -> float:
    if not callable(f):
        raise TypeError(f"f must be callable, got {type(f).__name__}")
    return positive_float("h", h)


def _movable(x: FloatArray) -> FloatArray:
    """`x` as a plain array on the same memory, if its elements can be moved there."""
    if x.dtype not in (np.float32, np.float64) or not x.flags.aligned:
        raise TypeError(
            "x must be an aligned array of native float32 or float64 to be moved in place, "
            f"got dtype {x.dtype}{'' if x.flags.aligned else ', unaligned'}: "
            "pass x.astype(float) if f reads nothing but its argument"
        )
    if overlaps_itself(x):
        raise ValueError("x must not overlap itself in memory: to move one element moves another")
    return plain_array("x", x)


def _why_copied(x: npt.ArrayLike) -> str:
    if not isinstance(x, np.ndarray):
        return f"it is a {type(x).__name__}"
    return "it is read-only" if x.dtype.kind == "f" else f"it holds {x.dtype}"


@overload
def gradient_descent(
    f: Callable[[Any], SupportsFloat | SupportsIndex],
    init_x: npt.ArrayLike,
    lr: float = ...,
    step_num: SupportsIndex = ...,
    *,
    h: float = ...,
    return_history: Literal[False] = ...,
) -> FloatArray: ...
@overload
def gradient_descent(
    f: Callable[[Any], SupportsFloat | SupportsIndex],
    init_x: npt.ArrayLike,
    lr: float = ...,
    step_num: SupportsIndex = ...,
    *,
    h: float = ...,
    return_history: Literal[True],
) -> tuple[FloatArray, FloatArray]: ...
@overload
def gradient_descent(
    f: Callable[[Any], SupportsFloat | SupportsIndex],
    init_x: npt.ArrayLike,
    lr: float = ...,
    step_num: SupportsIndex = ...,
    *,
    h: float = ...,
    return_history: bool,
) -> FloatArray | tuple[FloatArray, FloatArray]: ...


def gradient_descent(
    f: Callable[[Any], SupportsFloat | SupportsIndex],
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
        Takes an array of the shape of `init_x`, returns a real number, as for
        `numerical_gradient`. Each call gets an array of its own.
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
        The final point, shape and float dtype of `init_x`. float16 is computed in float32 and
        rounded at the end.
    history : ndarray
        Only with `return_history`: every point from `init_x` on, shape
        ``(step_num + 1, *x.shape)``, dtype of `x`.

    Raises
    ------
    TypeError
        If an argument is of the wrong type, or `f` returns something other than a real number.
    ValueError
        If `lr` is negative or not finite, `step_num` is negative, or `h` is not a positive finite
        number; if a step leads so far that rounding swallows `h`, as it does where a learning rate
        is too large; or if `f` returns or does what `numerical_gradient` refuses.

    Warns
    -----
    UserWarning
        If `f` gave the same number wherever it was asked in the first step: it may be reading
        `init_x`, which is not moved.

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
    half_width = _half_width(f, h)
    lr = non_negative_float("lr", lr)
    steps = integer("step_num", step_num)
    if steps < 0:
        raise ValueError(f"step_num must not be negative, got {steps}")
    x = np.array(real_array("init_x", init_x))
    dtype = result_dtype(init_x)
    history = np.empty((steps + 1, *x.shape), dtype) if return_history else None
    for step in range(steps):
        if history is not None:
            history[step] = in_dtype(x, dtype)
        name = f"(init_x after {step} steps)" if step else "init_x"
        gradient = central_difference(f, x, half_width, name=name, cure=_CURE)
        if step == 0 and gradient.is_of_a_constant:
            warn_of_a_constant("init_x", "gradient_descent leaves it alone")
        x -= lr * gradient.quotients
    final = in_dtype(x, dtype)
    if history is None:
        return final
    history[steps] = final
    return final, history
