"""Second derivatives: values along the axes, then values with two elements moved at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._core import extrapolate_differences, judge_differences
from kobai._difference import Asked
from kobai.differentiate.elements import ask, half_spacing
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

# Where f changes by less than the first part of itself over the element's length, and the relative
# error is more than the second, steps become wider: by 2 to this power, then by the cube of that,
# and so on, at most so often, and at most to this part of the widest.
_HARDLY, _POOR = 1e-3, 1e-6
_WIDER = 8
_MAX_WIDER = 8
_PART = 1 / 16

_EPSILON = float(np.finfo(np.float64).eps)

# Steps beyond these are taken in a unit of their own: their squares are not numbers.
_LEAST_USUAL, _MOST_USUAL = 1e-60, 1e60


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

    def is_bounded(self) -> npt.NDArray[np.bool_]:
        """Whether the errors hold; also where they are too large for a number: infinite."""
        is_large = (self.status == int(Status.UNSETTLED)) & np.isposinf(self.numbers[1])
        bounded: npt.NDArray[np.bool_] = is_large | (self.status == int(Status.CONVERGED))
        return bounded

    def part(self, of: npt.NDArray[Any]) -> Axes:
        """A copy of that of some of the elements."""
        return Axes(
            distances=self.distances[of],
            points=self.points[of],
            values=self.values[of],
            noise=self.noise[of],
            numbers=self.numbers[:, of],
            status=self.status[of],
            nfev=self.nfev[of],
        )

    def put_back(self, where: Integers, part: Axes, which: npt.NDArray[np.bool_]) -> None:
        """Take from `part`, which is of the elements `where`, those of `which`; not `nfev`."""
        at = where[which]
        self.distances[at], self.points[at] = part.distances[which], part.points[which]
        self.values[at], self.noise[at] = part.values[which], part.noise[which]
        self.numbers[:, at] = part.numbers[:, which]
        self.status[at] = part.status[which]


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
        is_unsettled = axes.status == int(Status.UNSETTLED)
        is_open = (is_unsettled & ~axes.is_bounded())[active]
        if round_ == 0:
            is_open |= axes.status[active] < int(Status.NO_ROOM)
        active = active[is_open]
        start[active] *= _NEARER
        active = active[start[active] * RATIO**LEVELS >= plan.smallest[active]]
    if not plan.is_fixed:
        _widen(asked, plan, start, center, noise, axes)
    return axes


def _widen(
    asked: Asked, plan: Plan, start: Numbers, center: float, noise: Noise, axes: Axes
) -> None:
    """Take wider steps where noise hides a second derivative, less wide than those in vain."""
    wider, too_wide = _WIDER, np.full(start.shape, np.inf)
    for _ in range(_MAX_WIDER):
        with np.errstate(all="ignore"):
            widest = np.minimum(_PART * plan.widest, _NEARER * too_wide)
            steps = np.exp2(np.floor(np.log2(np.minimum(np.ldexp(start, wider), widest))))
        active = np.flatnonzero(_is_hidden(plan, center, noise, axes) & (steps >= 8 * start))
        if not active.size:
            return
        before = axes.part(active)
        own = plan.part(active)
        _ask(asked, own, steps[active], active, axes)
        _extrapolate(own, active, center, (noise, asked.outputs.precision), axes)
        error, error_before = axes.numbers[1, active], before.numbers[1]
        is_worse = (error >= error_before) & np.isfinite(error_before)
        is_worse |= ~axes.is_bounded()[active]
        axes.put_back(active, before, is_worse)
        too_wide[active[is_worse]] = steps[active[is_worse]]
        start[active[~is_worse]] = steps[active[~is_worse]]
        wider *= 3


def _is_hidden(plan: Plan, center: float, noise: Noise, axes: Axes) -> npt.NDArray[np.bool_]:
    """Whether noise hides a second derivative that wider steps may show."""
    derivative, error, _ = axes.numbers
    with np.errstate(all="ignore"):
        quotients = np.abs(axes.values - center) / axes.distances
        slope = np.max(quotients, axis=(1, 2), where=np.isfinite(quotients), initial=0.0)
        hardly = plan.scale * slope <= _HARDLY * max(abs(center), noise.magnitude[0])
        is_poor = (error > _POOR * np.abs(derivative)) | np.isposinf(error)
    hidden: npt.NDArray[np.bool_] = hardly & is_poor & axes.is_bounded()
    return hidden


def _exponents(distances: Numbers) -> Integers:
    """The exponent of two of the unit of each element's distances, even: 0 where they are usual."""
    largest = distances.max(axis=(1, 2))
    is_usual = (largest == 0) | ((largest >= _LEAST_USUAL) & (largest <= _MOST_USUAL))
    return np.where(is_usual, 0, np.frexp(largest)[1] // 2 * 2).astype(np.int64)


def _ask(asked: Asked, own: Plan, start: Numbers, active: Integers, axes: Axes) -> None:
    is_central = (own.side == 0)[:, np.newaxis]
    narrower = RATIO ** np.arange(LEVELS + 1)
    # One-sided formulas need two points each: those of a step and the one above it.
    parts = np.where(is_central & (np.arange(LEVELS + 1) == LEVELS), 0.0, narrower)
    points, distances, values = ask(asked, own, start[:, np.newaxis] * parts)
    levels = distances.shape[1]
    axes.distances[active] = 0.0
    axes.points[active], axes.values[active] = np.nan, np.nan
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
    corner = _corners(own, distances, values, center, known)
    exponents = _exponents(distances)
    noise, (epsilon, smallest) = known
    is_central = own.side == 0
    with np.errstate(all="ignore"):
        distances = np.ldexp(distances, -exponents[:, np.newaxis, np.newaxis])
        moved = np.ldexp(half_spacing(own.x, epsilon), -exponents)
        # Steps far wider than x is large end on floats that do not lie about x: it seems moved.
        difference = np.abs(distances[..., 0] - distances[..., 1]).max(axis=1)
        is_apart = is_central & (difference > 4 * _EPSILON * distances[:, 0, 0])
        moved = np.where(is_apart, np.maximum(moved, 0.5 * difference), moved)
        slopes = np.abs(values - center) / distances
        slope = np.max(slopes, axis=(1, 2), where=np.isfinite(slopes), initial=0.0)
        size = np.max(np.abs(values), axis=(1, 2), where=np.isfinite(values), initial=abs(center))
        rounding = np.maximum(0.5 * epsilon * size, epsilon * smallest)
        axes.noise[active] = np.maximum(noise.bound[0], rounding) + (rounding + slope * moved)
        up, down = distances[..., 0], distances[..., 1]
        right, left = (values[..., 0] - center) / up, (center - values[..., 1]) / down
        both = 2 * (right - left) / (up + down)
        wider, width = right[:, :-1], up[:, :-1]
        one = 2 * (wider - right[:, 1:]) / (width - up[:, 1:])
        steps = np.where(is_central[:, np.newaxis], up[:, :LEVELS], up[:, 1:])
        quotients = np.where(is_central[:, np.newaxis], both[:, :LEVELS], one)
        sigmas = np.sqrt(6.0) * axes.noise[active][:, np.newaxis] / steps**2
    numbers, settled = extrapolate_differences(steps, quotients, sigmas, is_central)
    numbers, settled = _in_their_units(numbers, settled, exponents, exponents)
    axes.numbers[:, active] = numbers
    status = np.where(settled, int(Status.CONVERGED), int(Status.UNSETTLED))
    is_finite = np.isfinite(np.where(steps > 0, quotients, np.nan)).sum(axis=1) >= 3
    status = np.where(is_finite, status, int(Status.NOT_FINITE))
    is_corner = ~settled & ((corner == int(Status.KINK)) | (corner == int(Status.JUMP)))
    axes.status[active] = np.where(is_corner, corner, status)


def _in_their_units(
    numbers: Numbers, settled: npt.NDArray[np.bool_], one: Integers, other: Integers
) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """Second derivatives by distances in units of powers of two, as they are without the units.

    What is too large for a number has not settled.
    """
    if not (one.any() or other.any()):
        return numbers, settled & np.isfinite(numbers[1])
    with np.errstate(all="ignore"):
        derivatives, errors = np.ldexp(numbers[:2], -(one + other))
        step = np.ldexp(numbers[2], (one + other) // 2)
    return np.stack([derivatives, errors, step]), settled & np.isfinite(errors)


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


def mixed_rows(
    asked: Asked, plan: Plan, axes: Axes, center: float, rows: Iterable[int]
) -> list[Mixed]:
    """The mixed second derivatives of elements `rows`, each by all that follow it."""
    exponents = _exponents(axes.distances)
    distances = np.ldexp(axes.distances, -exponents[:, np.newaxis, np.newaxis])
    lengths = exponents, distances
    return [_mixed(asked, plan, axes, lengths, center, row) for row in rows]


def _mixed(
    asked: Asked,
    plan: Plan,
    axes: Axes,
    lengths: tuple[Integers, Numbers],
    center: float,
    row: int,
) -> Mixed:
    """The mixed second derivatives of element `row` by all that follow it.

    Both are moved together, by steps of the same level: up and down, or to the sides that bounds
    leave.
    """
    others = np.arange(row + 1, plan.which.size)
    is_even = (plan.side[row] == 0) & (plan.side[others] == 0)
    exponents, distances = lengths
    brackets = np.zeros((others.size, LEVELS + 1))
    areas = np.zeros_like(brackets)
    calls = np.zeros(others.size, np.int64)
    for end, level in ((e, n) for e in (0, 1) for n in range(LEVELS + 1)):
        is_asked = distances[others, level, end] > 0
        is_asked &= is_even if end else True
        distance = distances[row, level, end]
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
        areas[is_asked, level] += distance * distances[part, level, end]
        calls[is_asked] += 1
    noise = np.maximum(axes.noise[row], axes.noise[others])
    units = exponents[row], exponents[others]
    numbers, status = _limits(brackets, areas, is_even, noise, units)
    before = np.minimum(axes.status[row], axes.status[others])
    is_open = (before >= int(Status.UNSETTLED)) | (status == int(Status.CONVERGED))
    return numbers, np.where(is_open, status, before), calls


def _sign(side: np.int64) -> int:
    return -1 if side < 0 else 1


def _limits(
    brackets: Numbers,
    areas: Numbers,
    is_even: npt.NDArray[np.bool_],
    noise: Numbers,
    units: tuple[Integers, Integers],
) -> tuple[Numbers, Integers]:
    with np.errstate(all="ignore"):
        quotients = np.where(areas > 0, brackets / areas, np.nan)
        # The noise of the values in a bracket, or in two: one of the four points is x itself.
        terms = np.where(is_even, np.sqrt(10.0), 2.0) * noise
        sigmas = np.where(areas > 0, terms[:, np.newaxis] / areas, np.nan)
    numbers, settled = extrapolate_differences(np.sqrt(areas), quotients, sigmas, is_even)
    numbers, settled = _in_their_units(numbers, settled, *units)
    status = np.where(settled, int(Status.CONVERGED), int(Status.UNSETTLED))
    is_known = np.isfinite(quotients).sum(axis=1) >= 3
    return numbers, np.where(is_known, status, int(Status.NOT_FINITE))
