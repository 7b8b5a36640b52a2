"""Gradients and Jacobians with error bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, SupportsFloat

import numpy.typing as npt

from kobai._difference import Asked
from kobai._validation import FloatArray
from kobai._workers import workers_of
from kobai.differentiate.arguments import Bounds, callable_function
from kobai.differentiate.asking import started, warn_if_constant
from kobai.differentiate.elements import Found, derivatives
from kobai.differentiate.noise import Noise
from kobai.differentiate.results import Derivative, Status
from kobai.differentiate.spread import Task, joined, spread

Auto = Literal["auto"]


def gradient(
    f: Callable[[Any], Any],
    x: npt.ArrayLike,
    *,
    h: SupportsFloat | npt.ArrayLike | Auto = "auto",
    bounds: Bounds = None,
    vectorized: bool = False,
    workers: Any = 1,
    noise: SupportsFloat | npt.ArrayLike | Auto = "auto",
) -> Derivative:
    """The gradient of a function of one number, with error bars.

    Central differences at several steps are extrapolated to the step zero. The steps follow the
    magnitude of x and the noise of `f`, which is measured, and where they prove too wide or too
    narrow, others are tried. An element where the slopes left and right differ is called a kink.

    Parameters
    ----------
    f : callable
        Takes an array of the shape of `x`, returns a real number, as for
        `kobai.numerical_gradient`, whose rules hold: a writable float32 or float64 array is moved
        in place and put back bit for bit, so `f` may read `x` through a closure; anything else is
        copied first. `f` must not change its argument.
    x : array_like
        Where to take the gradient, any shape: one point.
    h : "auto", float or array_like
        The widest step, in the units of `x`. Then two narrower ones are taken, and no others.
    bounds : pair of array_like, optional
        The lowest and highest numbers of each element, or a `scipy.optimize.Bounds`: no point
        outside is asked. One-sided formulas serve at the edges.
    vectorized : bool, default False
        Whether `f` takes points stacked in front, shape ``(m, *x.shape)``, and returns ``m``
        numbers. They are copies of `x`.
    workers : int or map-like, default 1
        Who asks `f`, as for `kobai.numerical_gradient`: a number of processes, a function like
        `map`, or None for what `joblib.parallel_config` says. This process asks at x and for the
        noise.
    noise : "auto", float or array_like
        The noise of `f`, a standard deviation, where it is known.

    Returns
    -------
    Derivative
        `df` and the `error` of each element, in the shape of `x`, `status`, `success`, `nfev`, the
        steps `h`, and the `noise` that was found.

    Raises
    ------
    TypeError, ValueError
        If an argument makes no sense; if `f` returns something other than one real number or
        changes its argument, in which case `x` is as it was before.

    Notes
    -----
    The error bar holds truncation, which is estimated from how the extrapolated values draw
    together, three standard deviations of the noise, and the rounding of `f`, of which nothing is
    assumed but that it is like noise. No difference can see what `f` does between the points:
    something narrower than the steps, or a period that fits them, is taken for smooth.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai.differentiate import gradient
    >>> found = gradient(lambda x: np.sum(np.exp(x)), [0.0, 1.0])
    >>> np.round(found.df, 6)
    array([1.      , 2.718282])
    >>> bool((abs(found.df - np.exp([0.0, 1.0])) <= found.error).all())
    True

    A kink has a slope on each side:

    >>> found = gradient(lambda x: np.sum(abs(x)), [0.0, 2.0])
    >>> found.success
    array([False,  True])
    >>> np.round([found.left[0], found.right[0]], 6)
    array([-1.,  1.])
    """
    callable_function(f)
    return _first(f, x, h, bounds, vectorized, workers, noise, one_number=True)


def jacobian(
    f: Callable[[Any], Any],
    x: npt.ArrayLike,
    *,
    h: SupportsFloat | npt.ArrayLike | Auto = "auto",
    bounds: Bounds = None,
    vectorized: bool = False,
    workers: Any = 1,
    noise: SupportsFloat | npt.ArrayLike | Auto = "auto",
) -> Derivative:
    """The derivatives of all that a function returns by all elements of `x`, with error bars.

    As `gradient`, for an `f` that returns an array of any shape, always the same one. `df` has the
    shape ``f(x).shape + x.shape``, never squeezed; `f` is asked for one element of `x` until all
    its outputs are known, and each takes the steps that serve it best. `f` may return the same
    array again and again, or its argument: what it returns is copied before it is called again.

    Parameters
    ----------
    f : callable
        Takes an array of the shape of `x`, returns an array of real numbers.
    x, h, bounds, vectorized, workers, noise
        As for `gradient`. With ``vectorized=True``, f returns an array of shape ``(m, ...)``.

    Returns
    -------
    Derivative
        As for `gradient`.

    Raises
    ------
    TypeError, ValueError
        As for `gradient`, or if the shape of what `f` returns changes.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai.differentiate import jacobian
    >>> found = jacobian(lambda x: np.array([x[0] * x[1], x[0] ** 2]), [2.0, 3.0])
    >>> np.round(found.df, 6)
    array([[3., 2.],
           [4., 0.]])
    """
    callable_function(f)
    return _first(f, x, h, bounds, vectorized, workers, noise, one_number=False)


def _first(
    f: Callable[[Any], Any],
    x: npt.ArrayLike,
    h: Any,
    bounds: Bounds,
    vectorized: bool,
    workers: Any,
    noise: Any,
    *,
    one_number: bool,
) -> Derivative:
    who = workers_of(workers)
    array, asked, center, level, plan = started(
        f, x, h, bounds, vectorized, noise, one_number=one_number
    )
    if who.is_this_process:
        found = derivatives(asked, plan, center, level)
        calls = asked.calls
    else:
        task = Task(f, array, vectorized, asked.outputs, (center, level))
        found = joined(spread(task, plan, who))
        calls = asked.calls + int(found.nfev.sum())
        warn_if_constant(found.is_constant, stacklevel=4)
    return _result(found, array, asked, level, calls)


def _result(found: Found, x: FloatArray, asked: Asked, noise: Noise, calls: int) -> Derivative:
    shape = asked.outputs.shape + x.shape
    df, error, step, left, right = (rows.T.reshape(shape) for rows in found.numbers)
    status = found.status.T.reshape(shape)
    return Derivative(
        df=df,
        error=error,
        success=status == int(Status.CONVERGED),
        status=status,
        nfev=found.nfev.reshape(x.shape),
        h=step,
        noise=noise.level.reshape(asked.outputs.shape),
        left=left,
        right=right,
        calls=calls,
    )
