"""Random directions that see every element, and the way from a wrong one to the elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kobai.differentiate import Status
from kobai.testing.choice import Elements
from kobai.testing.comparison import Comparison
from kobai.testing.directions import Direction
from kobai.testing.lines import slope_of, taylor_rate
from kobai.testing.moved import MovedFunction, Speeds
from kobai.testing.second_look import judge_by_line
from kobai.testing.verdicts import Floats, Verdict, judge

# How many directions may be asked to find the elements that are wrong, and how many of these do.
_MOST_ASKED = 100
_ENOUGH = 8


class Directions:
    """Directions with random signs and speeds, one speed for each element.

    Speeds lie between one half and one of what is a long way for an element's array, so that no two
    errors cancel but by chance.
    """

    def __init__(self, found: Comparison, f: MovedFunction, seed: int) -> None:
        self._found, self._f = found, f
        self._scales = f.scale_row()
        self._rng = np.random.default_rng(seed)
        self._finite = np.flatnonzero(np.isfinite(found.given) & np.isfinite(f.at))

    def ask_all(self, count: int) -> Floats | None:
        """Judge so many directions of all elements; the speeds of the first wrong one."""
        wrong = None
        for _ in range(count):
            speeds = self._speeds()
            direction = self._judged(self._finite, speeds, has_rate=True)
            self._found.directions.append(direction)
            if direction.verdict == Verdict.WRONG and wrong is None:
                wrong = speeds
        return wrong

    def find(self, speeds: Floats, scale: float) -> None:
        """Halve what moves until single elements are left, and judge these by themselves.

        What the halves say is kept for sets of which neither half is wrong by more than its bar.
        """
        sets = self._halves(self._finite)
        asked = ends = 0
        while sets and asked < _MOST_ASKED and ends < _ENOUGH:
            elements = sets.pop()
            if elements.size == 1:
                judge_by_line(self._found, self._f, int(elements[0]), scale)
                ends += 1
                continue
            direction = self._judged(elements, speeds)
            asked += 1
            if direction.verdict == Verdict.WRONG:
                sets += self._halves(elements)
        if sets:
            self._found.notes.append(
                f"the search for wrong elements ended after {asked} directions and {ends} "
                "elements: there may be more"
            )

    def _halves(self, elements: Elements) -> list[Elements]:
        """Two halves, cut between arrays if there are several."""
        starts = [part.start for part in self._found.layout.slices]
        cuts = np.unique(np.searchsorted(elements, starts))
        cuts = cuts[(cuts > 0) & (cuts < elements.size)]
        cut = int(cuts[np.abs(cuts - elements.size / 2).argmin()]) if cuts.size else 0
        cut = cut or elements.size // 2
        return [half for half in (elements[:cut], elements[cut:]) if half.size]

    def _speeds(self) -> Floats:
        size = self._scales.size
        signs = self._rng.choice((-1.0, 1.0), size)
        speeds: Floats = self._scales * signs * self._rng.uniform(0.5, 1.0, size)
        return speeds

    def _judged(self, elements: Elements, speeds: Floats, *, has_rate: bool = False) -> Direction:
        arrays = self._as_arrays(elements, speeds)
        products = self._found.given[elements] * speeds[elements]
        given = float(products.sum())
        found = self._f.slope_along(arrays)
        value, bar, is_kink = float(found.df), 2 * float(found.error), found.status == Status.KINK
        sides = float(found.left), float(found.right)
        rate = math.nan
        if has_rate or not found.success:
            line = self._f.along(arrays, float(found.noise))
            rate = taylor_rate(line, given)
            if not found.success:
                slope = slope_of(line)
                value, bar, is_kink = slope.value, slope.bar, slope.is_kink
                sides = slope.left, slope.right
        size = float(np.sqrt(np.sum(products**2)))
        rounding = self._found.rounding[elements] * speeds[elements]
        bar += float(np.sqrt(np.sum(rounding**2))) + 8 * float(np.finfo(np.float64).eps) * size
        one = [np.array([number]) for number in (given, value, bar)]
        scale = max(size, abs(self._f.centre))
        verdict = Verdict(int(judge(one[0], one[1], one[2], scale).verdict[0]))
        if is_kink:
            apart = abs(sides[1] - sides[0])
            is_between = min(sides) - apart / 4 <= given <= max(sides) + apart / 4
            verdict = Verdict.KINK if is_between else Verdict.WRONG
        return Direction(self._words(elements), given, value, bar, rate, verdict)

    def _as_arrays(self, elements: Elements, speeds: Floats) -> Speeds:
        layout = self._found.layout
        found: dict[str, tuple[Any, Floats]] = {}
        for name, shape, part in zip(layout.names, layout.shapes, layout.slices, strict=True):
            first, last = np.searchsorted(elements, (part.start, part.stop))
            inside = elements[first:last]
            if inside.size == part.stop - part.start > 0:
                found[name] = (Ellipsis, speeds[part].reshape(shape))
            elif inside.size:
                found[name] = (np.unravel_index(inside - part.start, shape), speeds[inside])
        return found

    def _words(self, elements: Elements) -> str:
        layout = self._found.layout
        if elements.size == layout.size:
            return f"all {layout.size:,} elements"
        ends = layout.words(int(elements[0])), layout.words(int(elements[-1]))
        return f"{elements.size:,} elements from {ends[0]} to {ends[1]}"


def wanted_directions(wanted: str | int, is_all: bool) -> int:
    """How many directions to ask: none by default where each element is looked at by itself."""
    if wanted == "auto":
        return 0 if is_all else 3
    return int(wanted)


def elements_around(found: Comparison, wrong: Elements, most: int) -> Elements:
    """The rows and columns of wrong elements, as far as nobody looked at them."""
    layout = found.layout
    around: list[Sequence[int]] = []
    for i in wrong.tolist():
        name, index = layout.place(i)
        shape = layout.shapes[layout.names.index(name)]
        for axis, length in enumerate(shape):
            places = np.unique(np.linspace(0, length - 1, min(length, most)).astype(int))
            around.append(
                [
                    layout.element(name, (*index[:axis], k, *index[axis + 1 :]))
                    for k in places.tolist()
                ]
            )
    flat = np.unique(np.concatenate(around)) if around else np.arange(0)
    unseen: Elements = flat[np.isnan(found.bar[flat])]
    return unseen
