"""What a derivative comes with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


class Status(IntEnum):
    """How an element is to be taken; 0 and -3 are as in `scipy.differentiate`.

    Examples
    --------
    >>> from kobai.differentiate import Status, gradient
    >>> found = gradient(lambda x: abs(x), 0.0)
    >>> Status(found.status).name
    'KINK'
    """

    CONVERGED = 0
    """The error bar holds."""
    UNSETTLED = -1
    """The quotients do not settle at any step: noise, a pole, an infinite slope."""
    NOT_FINITE = -3
    """x or f(x) is not finite, or f is not on one side of x, however near."""
    NO_ROOM = -4
    """The bounds, or the spacing of floats, leave no room for a step."""
    KINK = -5
    """The slopes left and right of x differ beyond their errors."""
    JUMP = -6
    """f jumps at x."""


@dataclass(frozen=True, eq=False)
class Derivative:
    """Derivatives with error bars; arrays that are called one an element have the shape of `df`.

    Attributes
    ----------
    df : ndarray of float64
        The derivatives, shape ``f(x).shape + x.shape``; of a Hessian ``x.shape + x.shape``. At a
        kink, the mean of the slopes on both sides; NaN where there is none.
    error : ndarray
        One an element: the distance of `df` to the derivative is at most this, truncation and
        rounding, noise of `f` included. Infinite or NaN where nothing is known.
    success : ndarray of bool
        One an element: whether `status` is 0. Only then the error is promised to hold.
    status : ndarray of int
        One an element: a `Status`.
    nfev : ndarray of int, shape ``x.shape``
        How often `f` was asked for each element. A Hessian: ``x.shape + x.shape``, for each pair.
    h : ndarray
        One an element: the widest step that `df` was found with.
    noise : ndarray, shape ``f(x).shape``
        The noise of `f`, a standard deviation: that which was measured, or given.
    left, right : ndarray
        One an element: the slopes on both sides of a kink or jump; NaN elsewhere.
    calls : int
        How often `f` was asked altogether, at x and for the noise too.

    Examples
    --------
    >>> from kobai.differentiate import gradient
    >>> found = gradient(lambda x: x**3, 2.0)
    >>> print(f"{found.df:.6f}", found.success, found.nfev)
    12.000000 True 6
    """

    df: Numbers
    error: Numbers
    success: npt.NDArray[np.bool_]
    status: npt.NDArray[np.int64]
    nfev: npt.NDArray[np.int64]
    h: Numbers
    noise: Numbers
    left: Numbers
    right: Numbers
    calls: int

    def __repr__(self) -> str:
        """The derivatives with their errors, as far as they fit."""
        names = ("df", "error", "status", "nfev")
        lines = [_line(name, getattr(self, name)) for name in names]
        return "Derivative(\n" + "\n".join(lines) + "\n)"


def _line(name: str, array: npt.NDArray[Any]) -> str:
    text = np.array2string(array, prefix=" " * 12, separator=", ", threshold=40)
    return f"{name:>10}: {text}"
