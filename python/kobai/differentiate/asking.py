"""How f is asked, how noisy it is, and where it is asked first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kobai._difference import Asked, InPlace, Outputs, Stacked, warn_of_a_constant
from kobai._validation import FloatArray
from kobai.differentiate.arguments import Bounds, bounds_of, noise_of, point, steps
from kobai.differentiate.noise import Noise, measured
from kobai.differentiate.plan import FIRST_ORDER, Plan, planned, scales

Numbers = npt.NDArray[np.float64]


class Start(NamedTuple):
    """What is known before elements are moved.

    Attributes
    ----------
    x : ndarray
        The point.
    asked : Asked
        The way to ask f.
    center : ndarray
        The values at x.
    noise : Noise
        Their noise.
    plan : Plan
        Where f is asked first.
    """

    x: FloatArray
    asked: Asked
    center: Numbers
    noise: Noise
    plan: Plan


def started(
    f: Callable[[Any], Any],
    x: npt.ArrayLike,
    h: Any,
    bounds: Bounds,
    vectorized: bool,
    noise: Any,
    *,
    one_number: bool,
    power: float = FIRST_ORDER,
) -> Start:
    """Check the arguments, ask f at `x` and for its noise, and plan the first steps."""
    array, argument = point(x)
    limits = bounds_of(bounds, array)
    widths = steps(h, array)
    asked = asked_for(f, array, argument, vectorized, one_number=one_number)
    center = asked.center()
    flat = array.flatten()
    scale = scales(flat)
    level = known_noise(noise, asked, flat, scale, limits, center)
    relative = level.relative(asked.outputs.precision[0])
    plan = planned(flat, scale, limits, relative, widths, power)
    return Start(array, asked, center, level, plan)


def asked_for(
    f: Callable[[Any], Any],
    array: FloatArray,
    argument: FloatArray | None,
    vectorized: bool,
    *,
    one_number: bool,
) -> Asked:
    """The way to ask f: `argument` is what it is given where `array` is moved in place."""
    outputs = Outputs(one_number=one_number, x_dtype=array.dtype)
    if vectorized:
        return Stacked(f, array, "x", outputs)
    return InPlace(f, array, argument, "x", outputs)


def known_noise(
    noise: Any,
    asked: Asked,
    x: FloatArray,
    scale: Numbers,
    bounds: tuple[Numbers, Numbers],
    center: Numbers,
) -> Noise:
    """The noise that the user gave, or that which is measured."""
    levels = noise_of(noise, asked.outputs.shape)
    if levels is None:
        return measured(asked, x, scale, bounds, center)
    size = np.abs(center)
    return Noise(levels, np.where(np.isfinite(size), size, 0.0), levels)


def warn_if_constant(is_constant: npt.NDArray[np.bool_], *, stacklevel: int) -> None:
    """Warn if f, which workers called with copies of x, gave the same values everywhere."""
    if is_constant.size and is_constant.all():
        why = "workers are given copies of it"
        warn_of_a_constant("x", why, stacklevel=stacklevel + 1)
