"""Where f is asked first: the scale of each element, the side, and the first step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._validation import FloatArray

Numbers = npt.NDArray[np.float64]

# The first step is this power of the relative noise, as a part of the scale: truncation of three or
# four quotients, extrapolated, is then about as large as their noise. 1e-16 gives 1/64, for second
# derivatives 1/32; noise of 1e-4 gives 1/2.
FIRST_ORDER, SECOND_ORDER = 1 / 9, 1 / 11
_MAX_START = 0.5

# From step to step. Not a half: waves whose length fits a step would fit all steps below.
RATIO = 9 / 16

# Central differences between bounds are preferred to one-sided ones if they have this part of the
# room.
_MIN_ROOM = 1 / 16

# Smaller elements than this part of the usual ones are taken for zeros.
_NEARLY_ZERO = 1e-12

# Steps below so many spacings of floats are not taken.
_MIN_SPACINGS = 4


@dataclass(frozen=True, eq=False)
class Plan:
    """What is known of the elements before f is asked: arrays of shape ``(E,)``, in C order.

    Attributes
    ----------
    which : ndarray of int
        The elements, counted in C order.
    x, low, high : ndarray
        Their numbers and bounds.
    scale : ndarray
        The length on which f is thought to change.
    side : ndarray of int
        0 for central differences, 1 and -1 for steps up and down only.
    start : ndarray
        The first step; 0 where there is no room.
    widest, smallest : ndarray
        Bounds of the steps.
    is_fixed : bool
        Whether the user gave the step, so that no other is tried.
    """

    which: npt.NDArray[np.int64]
    x: FloatArray
    low: Numbers
    high: Numbers
    scale: Numbers
    side: npt.NDArray[np.int64]
    start: Numbers
    widest: Numbers
    smallest: Numbers
    is_fixed: bool

    def part(self, of: slice | npt.NDArray[Any]) -> Plan:
        """That of some of the elements."""
        return Plan(
            self.which[of],
            self.x[of],
            self.low[of],
            self.high[of],
            self.scale[of],
            self.side[of],
            self.start[of],
            self.widest[of],
            self.smallest[of],
            self.is_fixed,
        )


def scales(x: FloatArray) -> Numbers:
    """The length on which f is thought to change by each element of a flat `x`.

    That is its magnitude. For zeros it is the median magnitude of the others, or 1 if that is
    larger: too small a step is noticed, and costs less than one that leaves the domain of f.
    Subnormal numbers are taken for zeros: too few floats lie around them.
    """
    size = np.abs(x.astype(np.float64))
    is_normal = size >= float(np.finfo(x.dtype).smallest_normal)
    usual = np.sort(size[is_normal & np.isfinite(size)])
    fallback = min(1.0, float(usual[usual.size // 2])) if usual.size else 1.0
    return np.where(is_normal & (size > _NEARLY_ZERO * fallback), size, fallback)


def planned(
    x: FloatArray,
    scale: Numbers,
    bounds: tuple[Numbers, Numbers],
    relative_noise: float,
    h: Numbers | None,
    power: float = FIRST_ORDER,
) -> Plan:
    """The plan for all elements of a flat `x`; `h` are the steps that the user gave."""
    low, high = bounds
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        spacing = np.abs(np.spacing(np.abs(x))).astype(np.float64)
        smallest = _MIN_SPACINGS * np.where(np.isfinite(spacing), spacing, np.inf)
        if h is None:
            part = min(_MAX_START, relative_noise**power)
            step = np.exp2(np.round(np.log2(scale * part)))
        else:
            step = h
        largest = float(np.finfo(x.dtype).max)
        up, down = np.minimum(high, largest) - wide, wide - np.maximum(low, -largest)
        least, most = np.minimum(up, down), np.maximum(up, down)
        is_central = least >= _MIN_ROOM * np.minimum(step, most)
        room = np.where(is_central, least, most)
        side = np.where(is_central, 0, np.where(up >= down, 1, -1))
        widest = np.minimum(np.maximum(scale, 1.0) / 4, room)
        start = np.minimum(step, room)
        has_room = np.isfinite(wide) & (start >= smallest)
    return Plan(
        which=np.arange(x.size, dtype=np.int64),
        x=x,
        low=low,
        high=high,
        scale=scale,
        side=side.astype(np.int64),
        start=np.where(has_room, start, 0.0),
        widest=widest,
        smallest=smallest,
        is_fixed=h is not None,
    )
