"""The rounds of asking: steps, values, verdicts, and steps again where they are wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kobai._core import judge_differences
from kobai._difference import Asked
from kobai._validation import FloatArray
from kobai.differentiate.noise import Noise
from kobai.differentiate.plan import RATIO, Plan
from kobai.differentiate.results import Status

Numbers = npt.NDArray[np.float64]

# How often steps are asked for.
_MAX_ROUNDS = 8

# The first steps, as parts of the widest: six values with two sides, five with one.
_FIRST_ONE_SIDED = RATIO ** np.arange(5)
_FIRST_CENTRAL = np.where(np.arange(5) < 3, _FIRST_ONE_SIDED, 0.0)

# Which way the two ends of a step go, by the side of an element: 0, 1, -1.
_SIGNS = np.array([[1.0, -1.0], [1.0, 0.0], [-1.0, 0.0]])

# A block of elements is asked at a time; fewer where their values are more than so many.
_MAX_BLOCK = 512
_MAX_VALUES = 1 << 20


@dataclass(frozen=True, eq=False)
class Found:
    """What was found for E elements and M outputs.

    Attributes
    ----------
    numbers : ndarray, shape (5, E, M)
        Derivative, error, step, left and right slope.
    status : ndarray, shape (E, M)
    nfev : ndarray, shape (E,)
    is_constant : ndarray of bool, shape (E,)
        Whether f gave the values at x wherever it was asked.
    """

    numbers: Numbers
    status: npt.NDArray[np.int64]
    nfev: npt.NDArray[np.int64]
    is_constant: npt.NDArray[np.bool_]

    @classmethod
    def unknown(cls, count: int, size: int) -> Found:
        """Nothing yet."""
        return cls(
            np.full((5, count, size), np.nan),
            np.full((count, size), int(Status.NO_ROOM), np.int64),
            np.zeros(count, np.int64),
            np.ones(count, np.bool_),
        )


def derivatives(asked: Asked, plan: Plan, center: Numbers, noise: Noise) -> Found:
    """The derivatives of all outputs by the elements of the plan."""
    count, size = plan.which.size, center.size
    found = Found.unknown(count, size)
    found.status[~np.isfinite(plan.x)] = Status.NOT_FINITE
    can_move = np.flatnonzero(plan.start > 0)
    outputs = center, noise.bound, noise.magnitude
    block = max(1, min(_MAX_BLOCK, _MAX_VALUES // (10 * max(1, size))))
    for start in range(0, can_move.size, block):
        _find(asked, plan, can_move[start : start + block], outputs, found)
    return found


def _find(
    asked: Asked,
    plan: Plan,
    active: npt.NDArray[np.int64],
    outputs: tuple[Numbers, Numbers, Numbers],
    found: Found,
) -> None:
    """Ask for the `active` elements until no more steps are wanted."""
    precision = asked.outputs.precision
    own = plan.part(active)
    rounding = half_spacing(own.x, precision[0])
    columns = np.stack([rounding, own.scale, own.widest, own.smallest], axis=1)
    first = np.where(own.side[:, np.newaxis] == 0, _FIRST_CENTRAL, _FIRST_ONE_SIDED)
    steps = own.start[:, np.newaxis] * first
    distances = np.zeros((active.size, 0, 2))
    values = np.zeros((active.size, 0, 2, outputs[0].size))
    for round_ in range(_MAX_ROUNDS):
        _, further, answers = ask(asked, own, steps)
        found.nfev[active] += np.count_nonzero(further, axis=(1, 2))
        is_other = (answers != outputs[0]) & (further > 0)[..., np.newaxis]
        found.is_constant[active] &= ~is_other.any(axis=(1, 2, 3))
        distances = np.concatenate([distances, further], axis=1)
        values = np.concatenate([values, answers], axis=1)
        is_last = plan.is_fixed or round_ == _MAX_ROUNDS - 1
        block = own.side, distances, values, columns
        numbers, status, steps = judge_differences(block, outputs, precision, is_last)
        found.numbers[:, active] = numbers
        found.status[active] = status
        wants_more = steps[:, 0] > 0
        if is_last or not wants_more.any():
            return
        own, columns = own.part(wants_more), columns[wants_more]
        active, steps = active[wants_more], steps[wants_more]
        distances, values = distances[wants_more], values[wants_more]


def half_spacing(x: FloatArray, epsilon: float) -> Numbers:
    """How far the elements of `x` move where a function rounds them to a dtype of its own."""
    floats = np.finfo(x.dtype)
    least = float(floats.smallest_normal) * float(floats.eps)
    rounding: Numbers = np.maximum(0.5 * epsilon * np.abs(x.astype(np.float64)), least)
    return rounding


def ask(asked: Asked, plan: Plan, steps: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Where f was asked, how far that is, both (E, L, 2), and the values there, (E, L, 2, M).

    Steps of 0 are not asked, nor are those that rounding swallows.
    """
    steps = steps[:, : int(np.count_nonzero(steps, axis=1).max())]
    signs = _SIGNS[plan.side][:, np.newaxis]
    x = plan.x.astype(np.float64)[:, np.newaxis]
    with np.errstate(all="ignore"):
        # Away from zero the floats lie farther apart: a distance on that side is one on the other.
        out = np.where(plan.side == 0, np.where(plan.x < 0, -1.0, 1.0), plan.side)[:, np.newaxis]
        far = (x + out * steps).astype(plan.x.dtype).astype(np.float64)
        near = (x - (far - x)).astype(plan.x.dtype).astype(np.float64)
        is_up = (out > 0) | (plan.side != 0)[:, np.newaxis]
        points = np.stack([np.where(is_up, far, near), np.where(is_up, near, far)], axis=2)
        x = x[..., np.newaxis]
        low, high = (b[:, np.newaxis, np.newaxis] for b in (plan.low, plan.high))
        is_beyond = (points > high) | (points < low)
        if is_beyond.any():
            narrow = points.astype(plan.x.dtype)
            nearer = np.nextafter(narrow, plan.x[:, np.newaxis, np.newaxis])
            points = np.where(is_beyond, nearer, points).astype(np.float64)
        distances = signs * (points - x)
        is_asked = (distances > 0) & np.isfinite(points)
    # Central differences need both ends.
    is_asked &= is_asked.all(axis=2, keepdims=True) | (plan.side != 0)[:, np.newaxis, np.newaxis]
    if not is_asked.all():
        points, distances = np.where(is_asked, points, np.nan), np.where(is_asked, distances, 0.0)
    values = asked.each(plan.which, points.reshape(points.shape[0], -1))
    return points, distances, values.reshape(*points.shape, -1)
