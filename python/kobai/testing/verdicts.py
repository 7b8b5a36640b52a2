"""What can be said of one element of a gradient, from its difference quotient and the error bar."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]

# A bar wider than this share of the derivative does not tell it from half of it, or from twice.
_WIDEST = 0.5

# Elements smaller than this share of the scale of derivatives may have any relative error: they are
# zero beside the others.
_NEGLIGIBLE = 1e-3


class Verdict(IntEnum):
    """What can be said of an element.

    Examples
    --------
    >>> from kobai.testing import Verdict
    >>> [str(verdict) for verdict in Verdict]
    ['right', 'wrong', 'at a kink', 'not finite', 'undecided', 'not looked at']
    """

    RIGHT = 0
    WRONG = 1
    KINK = 2
    NOT_FINITE = 3
    UNDECIDED = 4
    UNSEEN = 5

    def __str__(self) -> str:
        """Words, as a table shows them."""
        return _WORDS[self]


_WORDS = ("right", "wrong", "at a kink", "not finite", "undecided", "not looked at")


class Reason(IntEnum):
    """Why an element is undecided, or what more there is to say of its verdict."""

    NONE = 0
    WIDE = 1
    NEAR = 2
    UNEXAMINED = 3
    OUTSIDE = 4
    GIVEN = 5
    FUNCTION = 6
    REPEATED = 7
    UNSETTLED = 8

    def __str__(self) -> str:
        """A clause, to follow the verdict; empty where there is nothing to say."""
        return _CLAUSES[self]


_CLAUSES = (
    "",
    "the bar is too wide to tell it from half or twice as much",
    "it lies outside the bar by less than the bar",
    "others are at kinks, and it was not looked at by itself",
    "it lies outside both one-sided slopes",
    "the gradient itself is not finite",
    "f is not finite nearby",
    "f answers differently when asked again",
    "its quotients do not settle, and it was not looked at by itself",
)


class Judged(NamedTuple):
    """A verdict and a reason for each element."""

    verdict: Codes
    reason: Codes


def judge(given: Floats, estimate: Floats, bar: Floats, scale: Floats | float) -> Judged:
    """Compare `given` with `estimate`, which is known up to `bar`.

    A NaN as the bar says that nobody looked at the element. `scale` is what derivatives there are
    of the order of, by which it is known what is as good as zero.
    """
    verdict = np.zeros(given.size, np.int8)
    reason = np.zeros(given.size, np.int8)
    if given.size == 0:
        return Judged(verdict, reason)
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(given - estimate)
        is_right = distance <= bar
        if not is_right.all():
            rest = np.flatnonzero(~is_right)
            verdict[rest] = np.where(distance[rest] > 2 * bar[rest], Verdict.WRONG, 4)
            reason[rest] = np.where(verdict[rest] == Verdict.WRONG, Reason.NONE, Reason.NEAR)
            _mark_not_finite(given, estimate, bar, Judged(verdict, reason), rest)
        if bool(np.any(bar > _NEGLIGIBLE * scale)):
            size = np.maximum(np.abs(given), np.abs(estimate))
            wide = is_right & (bar > _NEGLIGIBLE * scale) & (bar > _WIDEST * size)
            verdict[wide], reason[wide] = Verdict.UNDECIDED, Reason.WIDE
    return Judged(verdict, reason)


def scale_of(given: Floats, estimate: Floats, bar: Floats, by_value: float) -> float:
    """What derivatives are of the order of: the largest of them, or `by_value`.

    Where the gradient says that f is constant, and nothing that was measured speaks against it,
    there is no scale, and none is needed: it is 1, and the bars become as wide as the widest.
    """
    with np.errstate(invalid="ignore"):
        sizes = np.abs(estimate)
        sizes = sizes[sizes < np.inf]
        largest = float(sizes.max(initial=0.0))
        if not given.any():
            widest = float(bar[bar < np.inf].max(initial=0.0))
            if largest <= widest:
                bar[bar < widest] = widest
                return 1.0
    return max(largest, by_value)


def _mark_not_finite(
    given: Floats, estimate: Floats, bar: Floats, judged: Judged, rest: npt.NDArray[Any]
) -> None:
    unseen = np.isnan(bar[rest])
    lacking = ~np.isfinite(given[rest])
    failing = ~np.isfinite(estimate[rest]) & ~unseen
    for mask, verdict, reason in (
        (unseen, Verdict.UNSEEN, Reason.NONE),
        (failing, Verdict.NOT_FINITE, Reason.FUNCTION),
        (lacking, Verdict.NOT_FINITE, Reason.GIVEN),
    ):
        judged.verdict[rest[mask]], judged.reason[rest[mask]] = verdict, reason
