"""The noise of f, measured along a line through x."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kobai._core import difference_noise
from kobai._difference import Asked
from kobai._validation import FloatArray

Numbers = npt.NDArray[np.float64]

# The points lie so many steps from x. x itself is none of them: f may jump there.
_COUNTS = range(1, 8)

# From seven points, noise is found too small by a factor of two once in 25 times, and then it is
# too small for all elements: so it is taken to be twice as much.
_MARGIN = 2.0

# The step along the line, as a part of the scale: so small that a smooth f has no third difference
# there. Where values are equal, they are rounded to fewer digits than their dtype has, and the next
# line is longer; where f changes too much, it is shorter.
_STEP = 2.0**-26
_LONGER = 2.0**10
_SHORTER = 2.0**-8
_MAX_LINES = 3

# Where all elements are smaller than this and no value changes, the lines were too short: others
# follow, as long as if the elements were zeros.
_SMALL = 1e-6

_FOUND, _TOO_CLOSE = 0, 1


class Noise(NamedTuple):
    """The noise of f, and the largest magnitude of the values that it was measured with.

    Attributes
    ----------
    level, magnitude : ndarray, shape (M,)
        One for each output.
    bound : ndarray, shape (M,)
        What the noise is taken to be at most.
    """

    level: Numbers
    magnitude: Numbers
    bound: Numbers

    def relative(self, epsilon: float) -> float:
        """The noise relative to the values, of the usual output, at least `epsilon`."""
        is_usual = (self.magnitude > 0) & np.isfinite(self.level)
        if not is_usual.any():
            return epsilon
        ratio = np.sort(self.level[is_usual] / self.magnitude[is_usual])
        return max(epsilon, float(ratio[ratio.size // 2]))


def measured(
    asked: Asked,
    x: FloatArray,
    scale: Numbers,
    bounds: tuple[Numbers, Numbers],
    center: Numbers,
) -> Noise:
    """The noise of all outputs, from values along a line that moves all elements of a flat `x`."""
    levels = _Levels(center)
    _look(levels, asked, x, scale, bounds)
    if levels.is_unmoved and (scale < _SMALL).all():
        _look(levels, asked, x, np.maximum(scale, 1.0), bounds)
    return levels.noise()


def _look(
    levels: _Levels,
    asked: Asked,
    x: FloatArray,
    scale: Numbers,
    bounds: tuple[Numbers, Numbers],
) -> None:
    """Look at values along lines whose lengths are parts of `scale`."""
    step = max(_STEP, 8 * float(np.finfo(x.dtype).eps))
    for _ in range(_MAX_LINES):
        line = _line(x, scale * step, bounds)
        if not (levels.is_open.any() and line.any()):
            break
        step *= _SHORTER if levels.changes_too_much(asked.along(line, _COUNTS)) else _LONGER
        if step > 1e-3:
            break


class _Levels:
    """The noise of outputs, as far as values along lines have shown it.

    Attributes
    ----------
    is_open : ndarray of bool, shape (M,)
        Whose noise is not known yet.
    is_unmoved : bool
        Whether none of the values differed from that at x.
    """

    def __init__(self, center: Numbers) -> None:
        self._center, self._magnitude = center, np.abs(center)
        self._level = np.zeros(center.size)
        self._least = np.full(center.size, np.inf)  # where nothing is found, noise is less
        self.is_open, self.is_unmoved = np.isfinite(center), True

    def changes_too_much(self, values: Numbers) -> bool:
        """Take the values along a line; whether f changes too much there for noise to be seen."""
        found, how = difference_noise(values)
        is_finite = np.isfinite(values).all(axis=0)
        is_found = self.is_open & is_finite & (how == _FOUND)
        self._level[is_found] = found[is_found]
        most = np.abs(values).max(axis=0)
        larger = np.maximum(self._magnitude, most)
        self._magnitude = np.where(is_finite, larger, self._magnitude)
        self.is_open &= is_finite & ~is_found
        self.is_unmoved &= bool((values == self._center).all())
        is_too_far = self.is_open & (how != _TOO_CLOSE)
        self._least[is_too_far] = np.minimum(self._least, found)[is_too_far]
        return bool(is_too_far.any())

    def noise(self) -> Noise:
        """What they have shown."""
        is_bounded = self.is_open & np.isfinite(self._least)
        level = np.where(is_bounded, self._least, self._level)
        magnitude = np.where(np.isfinite(self._magnitude), self._magnitude, 0.0)
        return Noise(level, magnitude, _MARGIN * level)


def _line(x: FloatArray, about: Numbers, bounds: tuple[Numbers, Numbers]) -> Numbers:
    """How far each element goes in one step: `about` so far, up or down without a pattern.

    It is a power of two and at least a spacing of floats, so that steps are not rounded.
    """
    low, high = bounds
    wide = x.astype(np.float64)
    with np.errstate(all="ignore"):
        length = np.exp2(np.floor(np.log2(about)))
        length = np.maximum(length, np.abs(np.spacing(np.abs(x))).astype(np.float64))
        # Multiples of the golden ratio are spread evenly over [0, 1), whatever their number.
        goes_up = np.modf(np.arange(1, x.size + 1) * 0.618_033_988_749_894_9)[0] < 0.5
        reach = _COUNTS[-1] * length
        can_rise, can_fall = high - wide >= reach, wide - low >= reach
        sign = np.where(can_rise & (goes_up | ~can_fall), 1.0, np.where(can_fall, -1.0, 0.0))
        line = sign * length
    return np.where(np.isfinite(line) & np.isfinite(wide), line, 0.0)
