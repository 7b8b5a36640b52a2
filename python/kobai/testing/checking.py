"""A check by the values of a function: from the choice of elements to the verdicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kobai.testing.choice import Elements, chosen_elements
from kobai.testing.comparison import Comparison
from kobai.testing.first_look import Looked, look_at
from kobai.testing.logarithm import Slack
from kobai.testing.moved import MovedFunction
from kobai.testing.search import Directions, elements_around, wanted_directions
from kobai.testing.second_look import judge_kink, look_again
from kobai.testing.verdicts import Floats, Judged, Reason, Verdict, scale_of

# So many wrong elements, at most, have their rows and columns looked at; and so many of each.
_FEW = 4
_AROUND = 64

_NUDGES = 3


class Given(NamedTuple):
    """The gradient that is checked.

    Attributes
    ----------
    row : ndarray
        All its elements.
    rounding : ndarray or None
        How far rounding to its dtype may move them; None for double precision.
    again : callable or None
        What answers the gradient at the arrays as they are, if it can be asked again.
    slack : callable or None
        What answers how far the gradient may be off for a reason that is known, if there is one.
    """

    row: Floats
    rounding: Floats | None
    again: Callable[[], Floats] | None
    slack: Callable[[], Slack | None] | None = None


def compare(
    f: MovedFunction,
    given: Given,
    *,
    elements: str | int,
    directions: str | int,
    seed: int,
    samples: int | None = None,
) -> Comparison:
    """Compare a gradient with the differences of `f`."""
    with np.errstate(all="ignore"):
        return _compared(f, given, elements, directions, seed, samples)


def _compared(
    f: MovedFunction,
    given: Given,
    elements: str | int,
    directions: str | int,
    seed: int,
    samples: int | None,
) -> Comparison:
    found = unseen(f, given, samples)
    if not np.isfinite(f.centre):
        found.notes.append(f"f is {f.centre} at the point itself")
    chosen = chosen_elements(f.layout, given.row, elements, seed)
    is_all = chosen.size == f.layout.size
    if not is_all:
        found.notes.append(
            f"{chosen.size:,} of {f.layout.size:,} elements were looked at by themselves, chosen "
            f"with seed {seed}; elements='all' looks at each"
        )
    scale = _look(found, f, chosen)
    if not _all_right(found):
        allow_for_slack(found, given.slack)
        _reconsider(found, f, given.again, scale, seed)
    count = wanted_directions(directions, is_all) if f.layout.size else 0
    if count:
        _ask_directions(found, f, count, scale, seed)
    _look_around(found, f, scale, seed)
    _remark(found, f)
    found.nfev = f.calls
    found.line = f.line_of
    return found


def unseen(f: MovedFunction, given: Given, samples: int | None) -> Comparison:
    """A comparison in which nobody has looked at anything."""
    size = f.layout.size
    judged = Judged(np.full(size, Verdict.UNSEEN, np.int8), np.zeros(size, np.int8))
    nothing = np.full(size, np.nan), np.full(size, np.nan)
    rounding = np.zeros(size) if given.rounding is None else given.rounding
    return Comparison(f.layout, f.at, given.row, *nothing, judged, rounding, samples=samples)


def _look(found: Comparison, f: MovedFunction, chosen: Elements) -> float:
    looked = look_at(f, chosen)
    found.estimate[chosen] = looked.estimate
    found.bar[chosen] = looked.bar + found.rounding[chosen]
    size = float(np.abs(f.at[np.isfinite(f.at)]).max(initial=0.0)) or 1.0
    by_value = abs(f.centre) / size if np.isfinite(f.centre) else 0.0
    scale = scale_of(found.given, found.estimate, found.bar, by_value)
    found.judge_again(np.arange(f.layout.size), scale)
    _judge_kinks(found, chosen, looked)
    return scale


def _judge_kinks(found: Comparison, elements: Elements, looked: Looked) -> None:
    unsettled = elements[looked.is_unsettled]
    unsettled = unsettled[found.judged.verdict[unsettled] == Verdict.RIGHT]
    found.judged.verdict[unsettled] = Verdict.UNDECIDED
    found.judged.reason[unsettled] = Reason.UNSETTLED
    for k in np.flatnonzero(np.isfinite(looked.left) & np.isfinite(looked.right)).tolist():
        bar = float(looked.bar[k] - abs(looked.right[k] - looked.left[k]))
        sides = float(looked.left[k]), float(looked.right[k])
        judge_kink(found, int(elements[k]), *sides, max(bar, 0.0))


def _all_right(found: Comparison) -> bool:
    return not found.of_verdict(Verdict.WRONG, Verdict.UNDECIDED, Verdict.NOT_FINITE).size


def _reconsider(
    found: Comparison,
    f: MovedFunction,
    regive: Callable[[], Floats] | None,
    scale: float,
    seed: int,
) -> None:
    """Allow for the rounding of the gradient itself, then look again at what is not right."""
    suspects = found.of_verdict(Verdict.WRONG, Verdict.UNDECIDED)
    if suspects.size:
        if regive is not None:
            allow_for_rounding(found, f, regive, seed)
        again = found.of_verdict(Verdict.WRONG)
        found.judge_again(again, scale)
        suspects = np.setdiff1d(suspects, again[found.judged.verdict[again] == Verdict.RIGHT])
    if np.isfinite(f.centre):
        suspects = np.union1d(suspects, _not_finite_nearby(found))
    look_again(found, f, scale, suspects.astype(np.intp), seed)


def _not_finite_nearby(found: Comparison) -> Elements:
    elements = found.of_verdict(Verdict.NOT_FINITE)
    nearby: Elements = elements[found.judged.reason[elements] == Reason.FUNCTION]
    return nearby


def allow_for_slack(found: Comparison, ask: Callable[[], Slack | None] | None) -> None:
    """Widen the bars by what `ask` answers, and say why."""
    slack = None if ask is None or not found.of_verdict(Verdict.WRONG).size else ask()
    if slack is not None:
        found.rounding += slack.row
        found.bar += slack.row
        found.notes.append(slack.note)


def allow_for_rounding(
    found: Comparison, f: MovedFunction, regive: Callable[[], Floats], seed: int
) -> None:
    """Widen the bars by what is random in the gradient itself.

    A gradient in single precision is rounded, and one that takes differences of large numbers loses
    digits: it moves by more than it should when the point moves by its own rounding. In single
    precision, more is seen along a line: differences of the fourth order of a smooth function are
    noise (Moré and Wild, Estimating Computational Noise, 2011).
    """
    rng = np.random.default_rng(seed)
    if not np.array_equal(regive(), found.given, equal_nan=True):
        found.notes.append("the gradient answers differently when asked again")
    with np.errstate(all="ignore"):
        moved = [np.abs(f.nudged(regive, rng) - found.given) for _ in range(_NUDGES)]
        largest = np.max(moved, axis=0)
        largest[~np.isfinite(largest)] = 0.0
        for part in found.layout.slices:
            if part.stop > part.start:
                # Those at kinks jump, but most do not.
                largest[part] = 2 * largest[part] + 4 * float(np.median(largest[part]))
        if f.is_single:
            fourth = np.diff(f.on_a_line(regive, rng), 4, axis=0)
            noise = np.sqrt(np.mean(fourth**2, axis=0) / 70)
            largest += np.nan_to_num(8 * noise, posinf=0.0)
    found.rounding += largest
    found.bar += largest


def _ask_directions(
    found: Comparison, f: MovedFunction, count: int, scale: float, seed: int
) -> None:
    directions = Directions(found, f, seed)
    wrong = directions.ask_all(count)
    if wrong is not None and not found.of_verdict(Verdict.WRONG).size:
        directions.find(wrong, scale)


def _look_around(found: Comparison, f: MovedFunction, scale: float, seed: int) -> None:
    """Look at the rows and columns of a few wrong elements, to tell what they have in common."""
    wrong = found.of_verdict(Verdict.WRONG)
    if not 0 < wrong.size <= 4 * _FEW:
        return
    around = elements_around(found, wrong[:: max(1, wrong.size // _FEW)], _AROUND)
    if not around.size:
        return
    looked = look_at(f, around)
    found.estimate[around] = looked.estimate
    found.bar[around] = looked.bar + found.rounding[around]
    found.judge_again(around, scale)
    _judge_kinks(found, around, looked)
    suspects = around[np.isin(found.judged.verdict[around], (Verdict.WRONG, Verdict.UNDECIDED))]
    look_again(found, f, scale, suspects, seed)


def _remark(found: Comparison, f: MovedFunction) -> None:
    if f.answers:
        found.notes.append(
            f"f answers differently when asked again: {f.answers[0]!r}, then {f.answers[1]!r}. Fix "
            "what it draws, or average it; its spread counts as noise here"
        )
        undecided = found.of_verdict(Verdict.UNDECIDED)
        found.judged.reason[undecided] = Reason.REPEATED
    if f.is_constant and f.calls > 1 and np.any(found.given):
        found.notes.append(
            "f gave the same number wherever it was asked: does it read what is moved?"
        )
    if f.error is not None and found.of_verdict(Verdict.NOT_FINITE).size:
        found.notes.append(f"near the point, f raised {type(f.error).__name__}: {f.error}")
    f.check_unchanged()
