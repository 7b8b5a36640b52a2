"""Derivatives along directions in which many elements move together, so that each is seen."""

from __future__ import annotations

from typing import NamedTuple

from kobai.testing.verdicts import Verdict


class Direction(NamedTuple):
    """The slope of f along a direction.

    Attributes
    ----------
    words : str
        Which elements move.
    given : float
        What the gradient says of it: its product with the direction.
    estimate : float
        What the difference quotients say.
    bar : float
        How far that may be from the derivative.
    rate : float
        How fast the remainder of Taylor's formula falls with h: 2 for a derivative, 1 for another
        number. NaN where the remainder is nothing but rounding.
    verdict : Verdict
        What follows from the bar.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai.testing import check_gradient
    >>> report = check_gradient(
    ...     lambda x: np.sum(x**2), lambda x: 2 * x, np.arange(1.0, 9.0), elements=2, directions=1
    ... )
    >>> direction = report.directions[0]
    >>> print(direction.words, direction.verdict, round(direction.rate))
    all 8 elements right 2
    """

    words: str
    given: float
    estimate: float
    bar: float
    rate: float
    verdict: Verdict
