"""One element of a gradient, and what was found of it."""

from __future__ import annotations

from dataclasses import dataclass

from kobai.testing.comparison import Comparison
from kobai.testing.verdicts import Reason, Verdict


@dataclass(frozen=True)
class Element:
    """One element of a gradient, and what was found of it.

    Attributes
    ----------
    words : str
        The element as a user writes it: ``W1[3, 4]``.
    name : str
        The array it belongs to.
    index : tuple of int
        Its index there.
    given : float
        What the gradient says.
    estimate : float
        What the difference quotients say.
    bar : float
        How far that may be from the derivative.
    verdict : Verdict
        What follows.
    reason : str
        Why it is undecided, or what more there is to say; mostly empty.
    sides : tuple of float or None
        The slopes to the left and to the right, at a kink.

    Examples
    --------
    >>> from kobai.testing import check_gradient
    >>> element = check_gradient(lambda x: abs(x[0]), lambda x: [0.0], [0.0]).worst[0]
    >>> element.words, str(element.verdict)
    ('x[0]', 'at a kink')
    >>> [round(slope, 6) for slope in element.sides]
    [-1.0, 1.0]
    """

    words: str
    name: str
    index: tuple[int, ...]
    given: float
    estimate: float
    bar: float
    verdict: Verdict
    reason: str
    sides: tuple[float, float] | None


def element_of(comparison: Comparison, i: int) -> Element:
    """The element that stands at `i` in the row of all elements."""
    name, index = comparison.layout.place(i)
    return Element(
        comparison.layout.words(i),
        name,
        index,
        float(comparison.given[i]),
        float(comparison.estimate[i]),
        float(comparison.bar[i]),
        Verdict(int(comparison.judged.verdict[i])),
        str(Reason(int(comparison.judged.reason[i]))),
        comparison.sides.get(i),
    )
