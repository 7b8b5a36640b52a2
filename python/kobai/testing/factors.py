"""A factor between two arrays, known as well as the error bars allow, and what it may mean."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from kobai.testing.verdicts import Floats

# Fractions of whole numbers up to this one are named.
_DENOMINATOR = 12


class Fit(NamedTuple):
    """A factor that explains all elements.

    Attributes
    ----------
    value : float
        The factor.
    name : str
        What is known by that number: ``"N"``, ``"1/N"``, or empty.
    informative : int
        How many elements are larger than their bars.
    """

    value: float
    name: str
    informative: int


def fitted_factor(
    given: Floats,
    model: Floats,
    bar: Floats,
    shape: tuple[int, ...],
    samples: int | None,
    *,
    bar_of_model: bool = True,
) -> Fit | None:
    """The factor c with ``given == c * model`` in all elements within the bars, if there is one.

    The bar is that of the model, and grows with the factor, or else that of `given`. Factors that
    mean something (-1, 2, 1/2, the number of samples, the length of an axis) are taken where they
    explain the elements too; any other one needs three elements that are larger than their bars.
    """
    bar = np.maximum(bar, np.finfo(np.float64).eps * np.abs(given))
    is_informative = np.abs(given) > 2 * bar
    informative = int(is_informative.sum())
    if informative == 0 or not np.all(np.isfinite(bar)):
        return None
    # Least squares in units of the bars; an element whose bar is 0 counts as the most precise one.
    positive = bar[bar > 0]
    least = float(positive.min()) if positive.size else 1.0
    scaled_model, scaled = model / np.maximum(bar, least), given / np.maximum(bar, least)
    squares = float(scaled_model @ scaled_model)
    if not (0 < squares < np.inf):
        return None
    factor = float(scaled_model @ scaled) / squares
    if factor == 0 or not np.isfinite(factor):
        return None

    def explains(c: float, uncertainty: float) -> bool:
        slack = bar * (1 + abs(c)) if bar_of_model else 2 * bar
        return bool(np.all(np.abs(given - c * model) <= slack + uncertainty * np.abs(model)))

    uncertainty = 3 * (1 + abs(factor) if bar_of_model else 1) / squares**0.5
    for value, name in _known(shape, samples) if bar_of_model else ():
        if abs(value - factor) <= 1e-3 * abs(value) + uncertainty and explains(value, 0.0):
            return Fit(value, name, informative)
    if informative < 3 or not explains(factor, uncertainty):
        return None
    return Fit(factor, "", informative)


def _known(shape: Iterable[int], samples: int | None) -> list[tuple[float, str]]:
    known = [(-1.0, ""), (2.0, ""), (0.5, ""), (-2.0, ""), (-0.5, "")]
    named = ([] if samples is None else [(samples, "N")]) + [(n, str(n)) for n in shape]
    for n, name in named:
        if n > 2:
            known += [(float(n), name), (1 / n, f"1/{name}"), (-float(n), f"-{name}")]
            known += [(-1 / n, f"-1/{name}")]
    return known


def factor_words(fit: Fit, samples: int | None) -> str:
    """What such a factor may come from."""
    c = fit.value
    if c == -1:
        return "the sign is wrong"
    sign = "of the wrong sign and " if c < 0 else ""
    size = abs(c)
    if size == 2:
        return f"{sign}twice too large: a factor of 2"
    if size == 0.5:
        return f"{sign}half of what it should be: a factor of 1/2"
    if "N" in fit.name and samples is not None:
        mistake = "a sum over the batch where f takes the mean"
        if size < 1:
            mistake = "the mean over the batch where f takes the sum, or divided by N twice"
        words = f"{samples} times too {'large' if size > 1 else 'small'}"
        return f"{sign}{words}, N = {samples} the number of samples: {mistake}"
    if size > 1 and abs(size - round(size)) < 1e-6 * size:
        return f"{sign}{round(size)} times too large: a sum in place of a mean?"
    if size < 1 and abs(1 / size - round(1 / size)) < 1e-6 / size:
        return f"{sign}{round(1 / size)} times too small: a mean in place of a sum?"
    ratio = Fraction(size).limit_denominator(_DENOMINATOR)
    about = f", {ratio}" if abs(size - ratio) < 1e-6 * size else ""
    return f"{sign}a factor of {size:.6g}{about}"
