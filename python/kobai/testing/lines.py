"""A function along a line, at half-widths from coarse to fine: quotients, slopes and Taylor rates.

The point is 0. Half-widths fall by four from level to level, far enough for the truncation of the
central difference to be seen to fall, and its rounding to rise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kobai.testing.verdicts import Floats

RATIO = 4.0
LEVELS = 12
_COARSEST = 0.125

# The rounding of a quotient is below this many times noise / h: six standard deviations.
_ROUNDING = 4.0

# What f changes by at first, after moves that leave it as it is, is a step of rounding unless it is
# larger than this: rounding of numbers near 1, be they single, in an f that is much smaller.
_MAX_STAIR = 1e-6

# A kink is a jump of the slope by more than so many of its bars.
_JUMP = 2.0


class Line(NamedTuple):
    """Values of f on both sides of a point.

    Attributes
    ----------
    widths : ndarray
        The half-widths, falling.
    steps : ndarray
        What is really between the two points of a level, about ``2 * widths``.
    centre : float
        f at the point itself.
    above, below : ndarray
        f at both points of each level.
    noise : float
        The standard deviation of what is random in f.
    """

    widths: Floats
    steps: Floats
    centre: float
    above: Floats
    below: Floats
    noise: float

    @property
    def quotients(self) -> Floats:
        """The central difference at each level; NaN where rounding swallows the step."""
        with np.errstate(all="ignore"):
            return np.where(self.steps > 0, (self.above - self.below) / self.steps, np.nan)

    @property
    def rounding(self) -> Floats:
        """How far noise may move each quotient."""
        with np.errstate(all="ignore"):
            floor = np.finfo(np.float64).eps * np.abs(self.quotients)
            return 2 * _ROUNDING * self.noise / self.steps + floor


class Slope(NamedTuple):
    """The derivative at the point.

    Attributes
    ----------
    value, bar : float
        The derivative, and how far it may be from that; NaN if f is not finite nearby.
    left, right : float
        The one-sided slopes.
    gap_bar : float
        How far their difference may be from the jump of the slope.
    is_kink : bool
        Whether these two differ by more than their bars.
    """

    value: float
    bar: float
    left: float
    right: float
    gap_bar: float
    is_kink: bool


def drawn_line(
    f: Callable[[float], float],
    scale: float,
    noise: float,
    step: Callable[[float], float] | None = None,
) -> Line:
    """Ask `f` along a line, of which `scale` is a long way.

    `step` tells what is really between the points of a half-width.
    """
    widths: Floats = np.multiply(scale * _COARSEST, RATIO ** -np.arange(LEVELS, dtype=np.float64))
    above = np.array([f(h) for h in widths.tolist()])
    below = np.array([f(-h) for h in widths.tolist()])
    steps = np.array([2 * h if step is None else step(h) for h in widths.tolist()])
    centre = f(0.0)
    with np.errstate(invalid="ignore"):
        changes = np.maximum(np.abs(above - centre), np.abs(below - centre))
    stair = float(changes[changes > 0].min(initial=np.inf))
    if stair <= _MAX_STAIR and (changes == 0).any():
        noise = max(noise, stair / 2)
    return Line(widths, steps, centre, above, below, noise)


def slope_of(line: Line) -> Slope:
    """The derivative with its error bar, from the levels where the bar is least.

    The bar is half of what two levels differ by, and the rounding. If truncation falls with the
    square of h, that is eight times what the finer level has of it; if it falls with h, more than
    the error of the result. A third level guards against two that agree by chance: from it, the
    differences must have fallen as they do at least. Finer ones guard against a bar that does not
    hold.
    """
    q, rounding = line.quotients, line.rounding
    with np.errstate(all="ignore"):
        values = (RATIO**2 * q[1:] - q[:-1]) / (RATIO**2 - 1)
        moved = np.abs(np.diff(q))
        before = np.append(np.inf, moved[:-1]) / RATIO
        bars = np.maximum(moved, np.where(np.isfinite(before), before, moved)) / 2
        bars += 1.2 * rounding[1:]
    value, bar, _ = _best(values, bars, 1.2 * rounding[1:])
    left, right, gap_bar, is_kink = _sides(line)
    if is_kink and abs(right - left) <= bar:
        is_kink = False
    return Slope(value, bar, left, right, gap_bar, is_kink)


def _best(values: Floats, bars: Floats, rounding: Floats) -> tuple[float, float, int]:
    """The value of the least bar, a bar that finer levels agree with, and the level."""
    usable = np.isfinite(values) & np.isfinite(bars)
    if not usable.any():
        return math.nan, math.nan, 0
    bars = np.where(usable, bars, np.inf)
    k = int(np.argmin(bars))
    value, bar = float(values[k]), float(bars[k])
    finer = usable.copy()
    finer[: k + 1] = False
    apart = np.abs(values[finer] - value)
    # Truncation is less at finer levels: nothing but rounding may set them apart from this one.
    excess = apart > rounding[finer] + bar
    return value, max(bar, float(apart[excess].max(initial=0.0))), k


def _sides(line: Line) -> tuple[float, float, float, bool]:
    """Both one-sided slopes, extrapolated, and whether they differ by more than is known of it.

    The slopes of a smooth function differ by h times the second derivative, so that their
    extrapolated difference is nothing but noise.
    """
    with np.errstate(all="ignore"):
        h = line.steps / 2
        right, left = (line.above - line.centre) / h, (line.centre - line.below) / h
        gap = right - left
        gaps = (RATIO * gap[1:] - gap[:-1]) / (RATIO - 1)
        moved = np.abs(np.diff(gap))
        before = np.append(np.inf, moved[:-1]) / RATIO
        bars = np.maximum(moved, np.where(np.isfinite(before), before, moved))
        rounding = 4 * _ROUNDING * line.noise / h[1:]
        rounding += 4 * np.finfo(np.float64).eps * (np.abs(right) + np.abs(left))[1:]
        ends = [(RATIO * side[1:] - side[:-1]) / (RATIO - 1) for side in (left, right)]
    jump, bar, k = _best(gaps, bars + rounding, rounding)
    return float(ends[0][k]), float(ends[1][k]), bar, bool(abs(jump) > _JUMP * bar)


def taylor_rate(line: Line, given: float) -> float:
    """How fast ``f(h) - f(0) - h * given`` falls with h: 2 for a derivative, 1 for another number.

    From the two finest levels where the remainder is above the noise; NaN if there are none.
    Pyadjoint's ``taylor_test`` judges gradients so.
    """
    with np.errstate(all="ignore"):
        h = line.steps / 2
        above = np.abs(line.above - line.centre - h * given)
        below = np.abs(line.below - line.centre + h * given)
        remainder = np.maximum(above, below)
        floor = 2 * _ROUNDING * line.noise + 4 * np.finfo(np.float64).eps * np.abs(h * given)
        usable = np.isfinite(remainder) & (remainder > 4 * floor) & (h > 0)
        pairs = np.flatnonzero(usable[1:] & usable[:-1])
        if not pairs.size:
            return math.nan
        k = int(pairs[-1])
        return float(np.log(remainder[k] / remainder[k + 1]) / np.log(h[k] / h[k + 1]))
