"""A first look at single elements, by `kobai.differentiate`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kobai.differentiate import Status
from kobai.testing.choice import Elements
from kobai.testing.moved import MovedFunction
from kobai.testing.verdicts import Floats

# Elements that are differentiated at a time: all of them are written at each call of f.
_BLOCK = 256

# Bars are promised to hold for 97 elements of 100: twice the bar is for all that a check sees.
_MARGIN = 2.0


class Looked(NamedTuple):
    """What the differences say of some elements.

    Attributes
    ----------
    estimate, bar : ndarray
        The derivatives, and how far they may be off; infinite where nothing is known.
    left, right : ndarray
        The slopes on both sides of a kink; NaN elsewhere.
    is_unsettled : ndarray of bool
        Where the quotients do not settle, or f jumps.
    """

    estimate: Floats
    bar: Floats
    left: Floats
    right: Floats
    is_unsettled: npt.NDArray[np.bool_]


def look_at(f: MovedFunction, elements: Elements) -> Looked:
    """The derivatives by some elements, with error bars, kinks and jumps."""
    rows = [np.full(elements.size, np.nan) for _ in range(4)]
    status = np.zeros(elements.size, np.int64)
    for start in range(0, elements.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        found = f.of_elements(elements[part])
        for row, values in zip(rows, (found.df, found.error, found.left, found.right), strict=True):
            row[part] = values
        status[part] = found.status
    estimate, error, left, right = rows
    is_kink = status == Status.KINK
    left[~is_kink], right[~is_kink] = np.nan, np.nan
    is_unsettled = (status != Status.CONVERGED) & ~is_kink
    bar = _MARGIN * error
    bar[is_unsettled | ~np.isfinite(bar)] = np.inf
    return Looked(estimate, bar, left, right, is_unsettled)
