"""How f is asked, and how noisy it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._difference import Asked, InPlace, Outputs, Stacked, warn_of_a_constant
from kobai._validation import FloatArray
from kobai.differentiate.arguments import noise_of
from kobai.differentiate.noise import Noise, measured

Numbers = npt.NDArray[np.float64]


def asked_for(
    f: Callable[[Any], Any],
    array: FloatArray,
    argument: FloatArray | None,
    vectorized: bool,
    *,
    one_number: bool,
) -> Asked:
    """The way to ask f: `argument` is what it is given where `array` is moved in place."""
    outputs = Outputs(one_number=one_number)
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


def warn_if_constant(is_constant: npt.NDArray[np.bool_]) -> None:
    """Warn if f, which workers called with copies of x, gave the same values everywhere."""
    if is_constant.size and is_constant.all():
        warn_of_a_constant("x", "workers are given copies of it", stacklevel=5)
