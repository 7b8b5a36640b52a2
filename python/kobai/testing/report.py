"""The report of a gradient check."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from kobai.testing.comparison import Comparison
from kobai.testing.directions import Direction
from kobai.testing.element import Element, element_of
from kobai.testing.patterns import Part, Pattern, find_patterns
from kobai.testing.table import report_table
from kobai.testing.verdicts import Reason, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# How many elements are shown, and how many are drawn.
_WORST = 10
_DRAWN = 4


class GradientReport:
    """What a gradient check found: print it, plot it, or ask its attributes.

    It is true, as ``if report:`` asks, if it `passed`.

    Attributes
    ----------
    given, estimate, bar : dict of ndarray
        By the name of each array: the gradient that was checked, what the difference quotients say,
        and how far these may be from the derivative. NaN where an element was not looked at by
        itself. A function of one array calls it ``"x"``.
    verdicts : dict of ndarray
        By the name of each array, a `Verdict` for each element.
    directions : list of Direction
        Derivatives along directions, in which many elements move together.
    notes : list of str
        What else there is to say: how elements were chosen, an f that answers twice differently.
    nfev : int
        How often f was asked; 0 for kobai's networks, which have their differences from the core.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai.testing import check_gradient
    >>> report = check_gradient(lambda x: np.sum(x**3), lambda x: 3 * x**2, [1.0, 2.0])
    >>> report.passed, report.counts
    (True, {'right': 2})
    """

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        arrays = comparison.layout.arrays
        self.given = arrays(comparison.given)
        self.estimate = arrays(comparison.estimate)
        self.bar = arrays(comparison.bar)
        self.verdicts = arrays(comparison.judged.verdict)
        self.directions: list[Direction] = comparison.directions
        self.notes: list[str] = comparison.notes
        self.nfev = comparison.nfev

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many elements there are of each verdict that there is."""
        numbers = np.bincount(self._comparison.judged.verdict, minlength=len(Verdict)).tolist()
        return {str(verdict): numbers[verdict] for verdict in Verdict if numbers[verdict]}

    def count(self, verdict: Verdict) -> int:
        """How many elements there are of a verdict.

        Examples
        --------
        >>> from kobai.testing import Verdict, check_gradient
        >>> check_gradient(lambda x: x**2, lambda x: x, 3.0).count(Verdict.WRONG)
        1
        """
        return self.counts.get(str(verdict), 0)

    @property
    def passed(self) -> bool:
        """Whether something was found right, and nothing wrong or not finite.

        Elements at kinks have no derivative to compare with, and undecided ones speak neither for
        nor against the gradient.

        Examples
        --------
        >>> from kobai.testing import check_gradient
        >>> check_gradient(lambda x: x**2, lambda x: 2 * x, 3.0).passed
        True
        """
        if self.count(Verdict.WRONG) or self.count(Verdict.NOT_FINITE):
            return False
        said = {direction.verdict for direction in self.directions}
        if said & {Verdict.WRONG, Verdict.NOT_FINITE}:
            return False
        nothing = not self._comparison.layout.size
        return bool(nothing or self.count(Verdict.RIGHT) or Verdict.RIGHT in said)

    def __bool__(self) -> bool:
        """Whether the gradient passed."""
        return self.passed

    @cached_property
    def worst(self) -> list[Element]:
        """The elements that are furthest from what they should be in units of their bars.

        At most ten: wrong ones and those that are not finite first, then the others.
        """
        found = self._comparison
        with np.errstate(all="ignore"):
            distance = np.abs(found.given - found.estimate) / found.bar
        verdict = found.judged.verdict
        rank = np.zeros(verdict.size)
        for k, kind in enumerate((Verdict.KINK, Verdict.UNDECIDED, Verdict.WRONG), 1):
            rank[verdict == kind] = k
        rank[verdict == Verdict.NOT_FINITE] = 3
        seen = np.flatnonzero(verdict != Verdict.UNSEEN)
        distance = np.nan_to_num(distance, nan=0.0, posinf=np.finfo(np.float64).max)
        if seen.size > 50 * _WORST:
            # Only the largest few are put into order.
            top = rank[seen].max()
            seen = seen[rank[seen] == top] if (rank[seen] == top).sum() >= _WORST else seen
            keep = min(seen.size, _WORST)
            seen = seen[np.argpartition(-distance[seen], keep - 1)[:keep]] if top else seen
        order = np.lexsort((-distance[seen], -rank[seen]))
        return [element_of(found, int(i)) for i in seen[order[:_WORST]]]

    @cached_property
    def patterns(self) -> list[Pattern]:
        """What the mistake looks like; empty if nothing is wrong or nothing explains it."""
        return find_patterns(self._parts(), self._comparison.samples)

    def _parts(self) -> list[Part]:
        found = self._comparison
        rows = (found.given, found.estimate, found.bar, found.judged.verdict, found.at)
        columns = [found.layout.arrays(row) for row in rows]
        return [Part(name, *(arrays[name] for arrays in columns)) for name in found.layout.names]

    @cached_property
    def reasons(self) -> dict[str, int]:
        """Why elements are undecided, and how many for each reason."""
        judged = self._comparison.judged
        codes = judged.reason[judged.verdict == Verdict.UNDECIDED]
        numbers = np.bincount(codes, minlength=len(Reason)).tolist()
        return {str(reason): numbers[reason] for reason in Reason if reason and numbers[reason]}

    def __str__(self) -> str:
        """The report as a table."""
        return report_table(self._comparison, self.passed, self.worst, self.patterns, self.reasons)

    def __repr__(self) -> str:
        """The verdict and the counts, in one line."""
        counts = ", ".join(f"{number:,} {name}" for name, number in self.counts.items())
        return f"<GradientReport {'passed' if self.passed else 'failed'}: {counts or 'empty'}>"

    def plot(self, figure: Figure | None = None) -> Figure:
        """Draw the error of the difference quotient against its half-width, for the worst elements.

        A right gradient gives a V: truncation falls with h, rounding rises again. For a wrong one
        the curve ends on a shelf above its bar.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, optional
            Where to draw; a new figure of pyplot's by default. Needs matplotlib.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from kobai.testing import check_gradient
        >>> report = check_gradient(lambda x: x**2, lambda x: x, 3.0)
        >>> len(report.plot(Figure()).axes)
        1
        """
        from kobai.testing.plot import draw_lines

        line = self._comparison.line
        if line is None:
            raise ValueError("a report that was pickled, or one of no function, cannot be plotted")
        return draw_lines([(element, line(i)) for i, element in self._drawn()], figure)

    def _drawn(self) -> list[tuple[int, Element]]:
        return [(self._comparison.layout.element(x.name, x.index), x) for x in self.worst[:_DRAWN]]

    def __getstate__(self) -> dict[str, Any]:
        """All but the function, which need not be one that pickles."""
        comparison = copy.copy(self._comparison)
        comparison.line = None
        return {**self.__dict__, "_comparison": comparison}
