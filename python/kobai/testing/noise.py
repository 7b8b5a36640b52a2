"""The noise of a function: what is random in its values, rounding or worse.

Method: ECNoise of Moré and Wild, Estimating Computational Noise, SIAM J. Sci. Comput. 33 (2011).
Differences of high order of a smooth function at close points are nothing but noise, whose standard
deviation follows from each order.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from kobai.testing.verdicts import Floats

_POINTS = 7
_SPACINGS = (1e-8, 1e-10, 1e-6, 1e-4)


def noise_along(f: Callable[[float], float], scale: float) -> float:
    """The standard deviation of the noise of `f` near 0, where `scale` is a long way.

    The points lie to one side of 0, where there may be a kink. 0 if the values do not tell.
    """
    for spacing in _SPACINGS:
        places = spacing * scale * (np.arange(_POINTS) + _POINTS)
        values = np.array([f(place) for place in places.tolist()])
        if not np.isfinite(values).all():
            continue
        noise = _from_differences(values)
        if noise is not None:
            return noise
    return 0.0


def _from_differences(values: Floats) -> float | None:
    """The noise by the first order that agrees with the next ones; None if there is none."""
    spread = float(values.max() - values.min())
    size = float(np.abs(values).max())
    if spread == 0 or np.unique(values).size <= _POINTS // 2 or spread > 0.1 * size:
        return None
    levels, changes = [], []
    differences = values
    for order in range(1, _POINTS):
        differences = np.diff(differences)
        weight = math.factorial(order) ** 2 / math.factorial(2 * order)
        levels.append(math.sqrt(weight * float(np.mean(differences**2))))
        changes.append(bool((differences > 0).any() and (differences < 0).any()))
    for k in range(len(levels) - 2):
        three = levels[k : k + 3]
        if changes[k] and max(three) <= 4 * min(three):
            return levels[k]
    return None
