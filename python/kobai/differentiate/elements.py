"""The rounds of asking: steps, values, verdicts, and steps again where they are wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kobai._core import judge_differences
from kobai._difference import Asked
from kobai.differentiate.noise import Noise
from kobai.differentiate.plan import Plan
from kobai.differentiate.results import Status

Numbers = npt.NDArray[np.float64]

# How often steps are asked for.
_MAX_ROUNDS = 8

# The first steps, as parts of the widest: six values with two sides, five with one.
_FIRST_CENTRAL = np.array([1.0, 0.5, 0.25, 0.0, 0.0])
_FIRST_ONE_SIDED = np.array([1.0, 0.5, 0.25, 0.125, 0.0625])

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
    rounding = 0.5 * asked.outputs.precision[0] * np.abs(plan.x.astype(np.float64))
    columns = np.stack([rounding, plan.scale, plan.widest, plan.smallest], axis=1)
    own = plan.part(active)
    first = np.where(own.side[:, np.newaxis] == 0, _FIRST_CENTRAL, _FIRST_ONE_SIDED)
    steps = own.start[:, np.newaxis] * first
    distances = np.zeros((active.size, 0, 2))
    values = np.zeros((active.size, 0, 2, outputs[0].size))
    for round_ in range(_MAX_ROUNDS):
        own = plan.part(active)
        _, further, answers = ask(asked, own, steps)
        found.nfev[active] += np.count_nonzero(further, axis=(1, 2))
        is_other = (answers != outputs[0]) & (further > 0)[..., np.newaxis]
        found.is_constant[active] &= ~is_other.any(axis=(1, 2, 3))
        distances = np.concatenate([distances, further], axis=1)
        values = np.concatenate([values, answers], axis=1)
        is_last = plan.is_fixed or round_ == _MAX_ROUNDS - 1
        block = own.side, distances, values, columns[active]
        numbers, status, steps = judge_differences(block, outputs, asked.outputs.precision, is_last)
        found.numbers[:, active] = numbers
        found.status[active] = status
        wants_more = steps[:, 0] > 0
        if is_last or not wants_more.any():
            return
        active, steps = active[wants_more], steps[wants_more]
        distances, values = distances[wants_more], values[wants_more]


def ask(asked: Asked, plan: Plan, steps: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Where f was asked, how far that is, both (E, L, 2), and the values there, (E, L, 2, M).

    Steps of 0 are not asked, nor are those that rounding swallows.
    """
    steps = steps[:, : int(np.count_nonzero(steps, axis=1).max())]
    points = np.full((*steps.shape, 2), np.nan)
    distances = np.zeros((*steps.shape, 2))
    x = plan.x[:, np.newaxis]
    wide = x.astype(np.float64)
    for end, sign in enumerate((1, -1)):
        is_end = plan.side == 0 if end else np.ones(plan.side.size, bool)
        signs = np.where(plan.side == 0, sign, plan.side)[:, np.newaxis]
        with np.errstate(all="ignore"):
            ends = (wide + signs * steps).astype(x.dtype)
            beyond = (ends > plan.high[:, np.newaxis]) | (ends < plan.low[:, np.newaxis])
            ends = np.where(beyond, np.nextafter(ends, x), ends).astype(np.float64)
            distance = signs * (ends - wide)
        is_asked = is_end[:, np.newaxis] & (steps > 0) & (distance > 0) & np.isfinite(ends)
        points[..., end] = np.where(is_asked, ends, np.nan)
        distances[..., end] = np.where(is_asked, distance, 0.0)
    is_central = plan.side[:, np.newaxis] == 0
    is_half = is_central & ((distances[..., 0] > 0) != (distances[..., 1] > 0))
    points[is_half], distances[is_half] = np.nan, 0.0
    values = asked.each(plan.which, points.reshape(steps.shape[0], -1))
    return points, distances, values.reshape(*points.shape, -1)
