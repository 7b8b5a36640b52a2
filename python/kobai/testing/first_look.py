"""Central differences of single elements at two half-widths: four values of f an element."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kobai.testing.choice import Elements
from kobai.testing.moved import MovedFunction
from kobai.testing.verdicts import Floats

_RATIO = 4.0
_ROUNDING = 4.0
_WIDEST = 0.05
_EPSILON = float(np.finfo(np.float64).eps)


class Looked(NamedTuple):
    """What the differences say of some elements.

    Attributes
    ----------
    estimate, bar : ndarray
        The derivatives, and how far they may be off.
    may_be_kink : ndarray of bool
        Where the one-sided slopes do not come together.
    """

    estimate: Floats
    bar: Floats
    may_be_kink: npt.NDArray[np.bool_]


def look_at(f: MovedFunction, elements: Elements) -> Looked:
    """Quotients of a half-width and of four times as much, and their extrapolation.

    The half-width is the cube root of the relative noise, times the size of the element: there,
    truncation and noise are of the same order. The bar is half of what both differ by, which is
    eight times the truncation of the finer one, and the noise.
    """
    relative = f.noise / abs(f.centre) if f.centre else 0.0
    width = min(max(relative, _EPSILON) ** (1 / 3), _WIDEST)
    values = np.empty((len(elements), 4))
    steps = np.empty((len(elements), 2))
    for k, i in enumerate(elements.tolist()):
        values[k], steps[k] = f.around_element(i, (width, _RATIO * width))
    with np.errstate(all="ignore"):
        fine = (values[:, 0] - values[:, 1]) / steps[:, 0]
        coarse = (values[:, 2] - values[:, 3]) / steps[:, 1]
        estimate = (_RATIO**2 * fine - coarse) / (_RATIO**2 - 1)
        rounding = 2 * _ROUNDING * f.noise / steps[:, 0]
        bar = np.abs(fine - coarse) / 2 + 1.2 * rounding + 4 * _EPSILON * np.abs(estimate)
        gap = 2 * (values[:, 0] + values[:, 1] - 2 * f.centre) / steps[:, 0]
        coarse_gap = 2 * (values[:, 2] + values[:, 3] - 2 * f.centre) / steps[:, 1]
        kink = np.abs(_RATIO * gap - coarse_gap) / (_RATIO - 1)
        known = np.abs(gap - coarse_gap) + 6 * rounding
        may_be_kink = (kink > known) & (kink > bar)
    bar[~np.isfinite(estimate)] = np.inf  # looked at: a NaN would say that nobody did
    return Looked(estimate, bar, may_be_kink)
