"""A gradient beside its difference quotients: what a check finds before anybody reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from kobai.testing.choice import Elements
from kobai.testing.directions import Direction
from kobai.testing.layout import Layout
from kobai.testing.lines import Line
from kobai.testing.verdicts import Floats, Judged, Verdict, judge


@dataclass
class Comparison:
    """Rows of all elements, and what was found on the way.

    Attributes
    ----------
    layout : Layout
        Where the arrays stand in the rows.
    at : ndarray
        The point.
    given, estimate, bar : ndarray
        The gradient, the difference quotients, and how far these may be from the derivative; NaN
        where an element was not looked at.
    judged : Judged
        Verdicts and reasons.
    rounding : ndarray
        How far the gradient's own rounding may move it; a part of the bar. For double precision
        zeros until it is measured.
    directions : list of Direction
        Derivatives along directions in which many elements move together.
    sides : dict
        The one-sided slopes of elements at kinks.
    notes : list of str
        What else there is to say.
    nfev : int
        How often f was asked.
    samples : int, optional
        The number of samples of a batch.
    line : callable, optional
        The values of f along one element, for a picture.
    """

    layout: Layout
    at: Floats
    given: Floats
    estimate: Floats
    bar: Floats
    judged: Judged
    rounding: Floats
    directions: list[Direction] = field(default_factory=list)
    sides: dict[int, tuple[float, float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    nfev: int = 0
    samples: int | None = None
    line: Callable[[int], Line] | None = None

    def of_verdict(self, *verdicts: Verdict) -> Elements:
        """The elements that have one of these verdicts."""
        elements: Elements = np.flatnonzero(np.isin(self.judged.verdict, verdicts))
        return elements

    def judge_again(self, elements: Elements, scale: float) -> None:
        """Verdicts of some elements, from what is known of them now."""
        given, estimate, bar = (row[elements] for row in (self.given, self.estimate, self.bar))
        judged = judge(given, estimate, bar, scale)
        self.judged.verdict[elements], self.judged.reason[elements] = judged
