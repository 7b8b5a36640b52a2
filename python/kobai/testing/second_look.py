"""Elements that a first look did not find right are looked at again, along lines of their own."""

from __future__ import annotations

import numpy as np

from kobai.testing.choice import Elements
from kobai.testing.comparison import Comparison
from kobai.testing.lines import slope_of
from kobai.testing.moved import MovedFunction
from kobai.testing.verdicts import Reason, Verdict

# Of more suspects, so many are looked at.
MOST = 64


def look_again(
    found: Comparison,
    f: MovedFunction,
    scale: float,
    suspects: Elements,
    seed: int,
    most: int = MOST,
) -> None:
    """Draw lines along the elements that are not right, and judge them by these.

    Of many, `most`: the worst half, and others by chance. If some of them turn out to lie at kinks,
    those that were not drawn for are undecided.
    """
    chosen = _chosen(found, suspects, seed, most)
    kinks = 0
    for i in chosen.tolist():
        kinks += judge_by_line(found, f, i, scale)
    if kinks and chosen.size < suspects.size:
        rest = np.setdiff1d(suspects, chosen)
        rest = rest[found.judged.verdict[rest] == Verdict.WRONG]
        found.judged.verdict[rest] = Verdict.UNDECIDED
        found.judged.reason[rest] = Reason.UNEXAMINED


def _chosen(found: Comparison, suspects: Elements, seed: int, most: int) -> Elements:
    if suspects.size <= most:
        return suspects
    with np.errstate(all="ignore"):
        distance = np.abs(found.given - found.estimate)[suspects] / found.bar[suspects]
    order = np.argsort(-np.nan_to_num(distance, nan=np.inf, posinf=np.inf), kind="stable")
    half = most // 2
    rest = np.random.default_rng(seed).permutation(order[half:])
    return np.sort(suspects[np.concatenate((order[:half], rest[: most - half]))])


def judge_by_line(found: Comparison, f: MovedFunction, i: int, scale: float) -> bool:
    """Judge an element by a line of its own; whether it lies at a kink."""
    slope = slope_of(f.along_element(i))
    rounding = found.rounding[i]
    if slope.is_kink:
        judge_kink(found, i, slope.left, slope.right, slope.gap_bar)
        return True
    if np.isfinite(slope.bar):
        # The first look is sharper, but rests on fewer values: both must call an element wrong.
        found.estimate[i], found.bar[i] = slope.value, slope.bar + rounding
        low, high = sorted((slope.left, slope.right))
        if low - slope.gap_bar <= found.given[i] <= high + slope.gap_bar:
            # There may be a kink that noise hides.
            found.bar[i] += high - low
    found.judge_again(np.array([i]), scale)
    return False


def judge_kink(found: Comparison, i: int, left: float, right: float, bar: float) -> None:
    """Judge an element at a kink: its derivative may be any slope between both."""
    low, high = sorted((left, right))
    # Moved across the kink, the gradient jumps: that is not rounding.
    width = bar + min(found.rounding[i], (high - low) / 8) + (high - low) / 4
    is_between = low - width <= found.given[i] <= high + width
    found.sides[i] = (left, right)
    found.estimate[i], found.bar[i] = (low + high) / 2, (high - low) / 2
    found.judged.verdict[i] = Verdict.KINK if is_between else Verdict.WRONG
    found.judged.reason[i] = Reason.NONE if is_between else Reason.OUTSIDE
