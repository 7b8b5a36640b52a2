"""Hessians with error bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, SupportsFloat

import numpy as np
import numpy.typing as npt

from kobai._validation import FloatArray
from kobai._workers import workers_of
from kobai.differentiate.arguments import Bounds, callable_function
from kobai.differentiate.asking import started, warn_if_constant
from kobai.differentiate.curvature import Axes, Mixed, along_axes, mixed_rows
from kobai.differentiate.plan import SECOND_ORDER
from kobai.differentiate.results import Derivative, Status
from kobai.differentiate.spread import Task, second_derivatives

Auto = Literal["auto"]


def hessian(
    f: Callable[[Any], Any],
    x: npt.ArrayLike,
    *,
    h: SupportsFloat | npt.ArrayLike | Auto = "auto",
    bounds: Bounds = None,
    vectorized: bool = False,
    workers: Any = 1,
    noise: SupportsFloat | npt.ArrayLike | Auto = "auto",
) -> Derivative:
    """The second derivatives of a function of one number, with error bars.

    Second differences at four steps are extrapolated, along each axis and for each pair of
    elements: 8 values each where nothing stands in the way.

    Parameters
    ----------
    f, x, h, bounds, vectorized, workers, noise
        As for `gradient`; the steps are wider, as noise is divided by their squares.

    Returns
    -------
    Derivative
        As for `gradient`: `df` has the shape ``x.shape + x.shape``, and is symmetric. `left` and
        `right` are not found.

    Raises
    ------
    TypeError, ValueError
        As for `gradient`.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai.differentiate import hessian
    >>> found = hessian(lambda x: x[0] ** 2 * x[1], [1.0, 3.0])
    >>> np.round(found.df, 6)
    array([[6., 2.],
           [2., 0.]])
    """
    callable_function(f)
    who = workers_of(workers)
    array, asked, center, level, plan = started(
        f, x, h, bounds, vectorized, noise, one_number=True, power=SECOND_ORDER
    )
    if not np.isfinite(center[0]):
        nothing = np.full((3, array.size, array.size), np.nan)
        status = np.full(nothing.shape[1:], int(Status.NOT_FINITE), np.int64)
        return _result(nothing, status, np.zeros_like(status), array, level.level, asked.calls)
    if who.is_this_process:
        axes = along_axes(asked, plan, float(center[0]), level)
        rows = mixed_rows(asked, plan, axes, float(center[0]), range(array.size - 1))
    else:
        task = Task(f, array, vectorized, asked.outputs, (center, level))
        axes, rows = second_derivatives(task, plan, who)
        is_constant = (axes.values == center[0]) | np.isnan(axes.values)
        warn_if_constant(is_constant, stacklevel=3)
    numbers, status, nfev = _matrices(axes, rows)
    calls = asked.calls
    if not who.is_this_process:
        calls += int(axes.nfev.sum()) + sum(int(row[2].sum()) for row in rows)
    return _result(numbers, status, nfev, array, level.level, calls)


def _matrices(axes: Axes, rows: list[Mixed]) -> Mixed:
    size = axes.status.size
    numbers = np.full((3, size, size), np.nan)
    status, nfev = np.zeros((2, size, size), np.int64)
    diagonal = np.arange(size)
    numbers[:, diagonal, diagonal] = axes.numbers
    status[diagonal, diagonal] = axes.status
    nfev[diagonal, diagonal] = axes.nfev
    for i, row in enumerate(rows):
        for matrix, found in zip((numbers, status, nfev), row, strict=True):
            matrix[..., i, i + 1 :] = matrix[..., i + 1 :, i] = found
    return numbers, status, nfev


def _result(
    numbers: npt.NDArray[np.float64],
    status: npt.NDArray[np.int64],
    nfev: npt.NDArray[np.int64],
    x: FloatArray,
    noise: npt.NDArray[np.float64],
    calls: int,
) -> Derivative:
    shape = x.shape + x.shape
    success = status == int(Status.CONVERGED)
    error = np.where(success, numbers[1], np.inf)
    df = np.where(status < int(Status.NOT_FINITE), np.nan, numbers[0])
    return Derivative(
        df=df.reshape(shape),
        error=error.reshape(shape),
        success=success.reshape(shape),
        status=status.reshape(shape),
        nfev=nfev.reshape(shape),
        h=numbers[2].reshape(shape),
        noise=noise.reshape(()),
        left=np.full(shape, np.nan),
        right=np.full(shape, np.nan),
        calls=calls,
    )
