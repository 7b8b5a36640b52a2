"""Second derivatives: values along the axes, then values with two elements moved at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kobai._core import extrapolate_differences, judge_differences
from kobai._difference import Asked
from kobai.differentiate.elements import ask
from kobai.differentiate.noise import Noise
from kobai.differentiate.plan import RATIO, Plan
from kobai.differentiate.results import Status

Numbers = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Steps for each second derivative.
LEVELS = 4

# Where they do not settle, all steps become so much smaller, at most so often.
_NEARER = 2.0**-5
_MAX_ROUNDS = 4


@dataclass(frozen=True, eq=False)
class Axes:
    """Values with one element moved, and the second derivatives along the axes.

    Attributes
    ----------
    distances : ndarray, shape (E, LEVELS + 1, 2)
        How far each element was moved, up and down; 0 where f was not asked. With one side, the
        first column holds one level more.
    points, values : ndarray, shape (E, LEVELS + 1, 2)
        The numbers that each was moved to, and the values there.
    noise : ndarray, shape (E,)
        The noise of one value, rounding of the element included.
    numbers : ndarray, shape (3, E)
        The second derivatives, their errors and steps.
    status, nfev : ndarray, shape (E,)
    """

    distances: Numbers
    points: Numbers
    values: Numbers
    noise: Numbers
    numbers: Numbers
    status: Integers
    nfev: Integers


# Derivatives, errors and steps, shape (3, n); status and how often f was asked, shape (n,).
Mixed = tuple[Numbers, Integers, Integers]


def joined_axes(parts: Sequence[Axes]) -> Axes:
    """Blocks of elements that follow each other, as one."""
    return Axes(
        distances=np.concatenate([part.distances for part in parts]),
        points=np.concatenate([part.points for part in parts]),
        values=np.concatenate([part.values for part in parts]),
        noise=np.concatenate([part.noise for part in parts]),
        numbers=np.concatenate([part.numbers for part in parts], axis=1),
        status=np.concatenate([part.status for part in parts]),
        nfev=np.concatenate([part.nfev for part in parts]),
    )


def along_axes(asked: Asked, plan: Plan, center: float, noise: Noise) -> Axes:
    """The second derivatives along the axes."""
    count = plan.which.size
    axes = Axes(
        distances=np.zeros((count, LEVELS + 1, 2)),
        points=np.full((count, LEVELS + 1, 2), np.nan),
        values=np.full((count, LEVELS + 1, 2), np.nan),
        noise=np.zeros(count),
        numbers=np.full((3, count), np.nan),
        status=np.where(np.isfinite(plan.x), int(Status.NO_ROOM), int(Status.NOT_FINITE)),
        nfev=np.zeros(count, np.int64),
    )
    active = np.flatnonzero(plan.start > 0)
    start = plan.start.copy()
    for round_ in range(1 if plan.is_fixed else _MAX_ROUNDS):
        if not active.size:
            break
        own = plan.part(active)
        _ask(asked, own, start[active], active, axes)
        _extrapolate(own, active, center, (noise, asked.outputs.precision), axes)
        # A kink stays one nearer to x, where a smooth function that bends more settles.
        is_open = axes.status[active] == int(Status.UNSETTLED)
        if round_ == 0:
            is_open |= axes.status[active] < int(Status.NO_ROOM)
        active = active[is_open]
        start[active] *= _NEARER
        active = active[start[active] * RATIO**LEVELS >= plan.smallest[active]]
    return axes


def _ask(asked: Asked, own: Plan, start: Numbers, active: Integers, axes: Axes) -> None:
    is_central = (own.side == 0)[:, np.newaxis]
    narrower = RATIO ** np.arange(LEVELS + 1)
    # One-sided formulas need two points each: those of a step and the one above it.
    parts = np.where(is_central & (np.arange(LEVELS + 1) == LEVELS), 0.0, narrower)
    points, distances, values = ask(asked, own, start[:, np.newaxis] * parts)
    levels = distances.shape[1]
    axes.distances[active], axes.values[active] = 0.0, np.nan
    axes.distances[active, :levels] = distances
    axes.points[active, :levels] = points
    axes.values[active, :levels] = values[..., 0]
    axes.nfev[active] += np.count_nonzero(distances, axis=(1, 2))


def _extrapolate(
    own: Plan,
    active: Integers,
    center: float,
    known: tuple[Noise, tuple[float, float]],
    axes: Axes,
) -> None:
    distances, values = axes.distances[active], axes.values[active]
    noise, (epsilon, _) = known
    is_central = own.side == 0
    with np.errstate(all="ignore"):
        slopes = np.abs(values - center) / distances
        slope = np.max(slopes, axis=(1, 2), where=np.isfinite(slopes), initial=0.0)
        size = np.max(np.abs(values), axis=(1, 2), where=np.isfinite(values), initial=abs(center))
        rounding = 0.5 * epsilon * (size + slope * np.abs(own.x.astype(np.float64)))
        axes.noise[active] = np.maximum(noise.bound[0], 0.5 * epsilon * size) + rounding
        up, down = distances[..., 0], distances[..., 1]
        right, left = (values[..., 0] - center) / up, (center - values[..., 1]) / down
        both = 2 * (right - left) / (up + down)
        wider, width = right[:, :-1], up[:, :-1]
        one = 2 * (wider - right[:, 1:]) / (width - up[:, 1:])
    steps = np.where(is_central[:, np.newaxis], up[:, :LEVELS], up[:, 1:])
    quotients = np.where(is_central[:, np.newaxis], both[:, :LEVELS], one)
    sigmas = np.sqrt(6.0) * axes.noise[active][:, np.newaxis] / np.maximum(steps, 1e-300) ** 2
    numbers, settled = extrapolate_differences(steps, quotients, sigmas, is_central)
    axes.numbers[:, active] = numbers
    status = np.where(settled, int(Status.CONVERGED), int(Status.UNSETTLED))
    is_finite = np.isfinite(np.where(steps > 0, quotients, np.nan)).sum(axis=1) >= 3
    status = np.where(is_finite, status, int(Status.NOT_FINITE))
    corner = _corners(own, distances, values, center, known)
    is_corner = ~settled & ((corner == int(Status.KINK)) | (corner == int(Status.JUMP)))
    axes.status[active] = np.where(is_corner, corner, status)


def _corners(
    own: Plan,
    distances: Numbers,
    values: Numbers,
    center: float,
    known: tuple[Noise, tuple[float, float]],
) -> Integers:
    """What the first derivative says of the elements: at a kink there is no second."""
    noise, precision = known
    zeros = np.zeros(own.x.size)
    columns = np.stack([zeros, own.scale, own.widest, own.smallest], axis=1)
    outputs = np.array([center]), noise.bound, noise.magnitude
    block = own.side, distances, values[..., np.newaxis], columns
    status: Integers = judge_differences(block, outputs, precision, True)[1][:, 0]
    return status


def mixed(asked: Asked, plan: Plan, axes: Axes, center: float, row: int) -> Mixed:
    """The mixed second derivatives of element `row` by all that follow it.

    Both are moved together, by steps of the same level: up and down, or to the sides that bounds
    leave.
    """
    others = np.arange(row + 1, plan.which.size)
    is_even = (plan.side[row] == 0) & (plan.side[others] == 0)
    brackets = np.zeros((others.size, LEVELS + 1))
    areas = np.zeros_like(brackets)
    calls = np.zeros(others.size, np.int64)
    for end, level in ((e, n) for e in (0, 1) for n in range(LEVELS + 1)):
        is_asked = axes.distances[others, level, end] > 0
        is_asked &= is_even if end else True
        distance = axes.distances[row, level, end]
        if not (distance > 0 and is_asked.any()):
            continue
        part = others[is_asked]
        with asked.holding(int(plan.which[row]), float(axes.points[row, level, end])):
            points = axes.points[part, level, end][:, np.newaxis]
            values = asked.each(plan.which[part], points)[:, 0, 0]
        alone = axes.values[row, level, end] + axes.values[part, level, end] - center
        # Where both go down, or both up, the signs cancel.
        sign = _sign(plan.side[row]) * np.where(plan.side[part] < 0, -1, 1)
        brackets[is_asked, level] += sign * (values - alone)
        areas[is_asked, level] += distance * axes.distances[part, level, end]
        calls[is_asked] += 1
    noise = np.maximum(axes.noise[row], axes.noise[others])
    numbers, status = _limits(brackets, areas, is_even, noise)
    before = np.minimum(axes.status[row], axes.status[others])
    is_open = (before >= int(Status.UNSETTLED)) | (status == int(Status.CONVERGED))
    return numbers, np.where(is_open, status, before), calls


def _sign(side: np.int64) -> int:
    return -1 if side < 0 else 1


def _limits(
    brackets: Numbers, areas: Numbers, is_even: npt.NDArray[np.bool_], noise: Numbers
) -> tuple[Numbers, Integers]:
    with np.errstate(all="ignore"):
        quotients = np.where(areas > 0, brackets / areas, np.nan)
        # The noise of the values in a bracket, or in two: one of the four points is x itself.
        terms = np.where(is_even, np.sqrt(10.0), 2.0) * noise
        sigmas = np.where(areas > 0, terms[:, np.newaxis] / areas, np.nan)
    numbers, settled = extrapolate_differences(np.sqrt(areas), quotients, sigmas, is_even)
    status = np.where(settled, int(Status.CONVERGED), int(Status.UNSETTLED))
    is_known = np.isfinite(quotients).sum(axis=1) >= 3
    return numbers, np.where(is_known, status, int(Status.NOT_FINITE))
