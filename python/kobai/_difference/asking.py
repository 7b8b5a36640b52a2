"""Ways to ask a function around x: x moved in place, copies of it, or many of it stacked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kobai._difference.loop import of_copies
from kobai._difference.moved import Function, MovedArray
from kobai._difference.outputs import Outputs, Values
from kobai._difference.sampling import add_note, sample
from kobai._difference.steps import element, numbers
from kobai._validation import FloatArray

Indices = npt.NDArray[np.int64]

# A stack of points holds at most so many numbers, unless a single point has more.
_MAX_STACKED = 1 << 18


class Asked(Protocol):
    """A function that is asked at points around x."""

    outputs: Outputs
    calls: int

    def center(self) -> Values:
        """The values at x: shape ``(M,)``; the first question."""
        ...

    def along(self, steps: FloatArray, counts: Iterable[int]) -> Values:
        """The values at ``x + count * steps``: shape ``(counts, M)``."""
        ...

    def each(self, which: Indices, points: Values) -> Values:
        """The values with one element moved: shape ``(E, P, M)``.

        Parameters
        ----------
        which : ndarray, shape (E,)
            The elements, counted in C order.
        points : ndarray, shape (E, P)
            The numbers that each is moved to; NaN where f is not to be asked.
        """
        ...

    def holding(self, element: int, point: float) -> AbstractContextManager[None]:
        """While the block runs, that element of x is `point`, in `each` too."""
        ...


class InPlace:
    """`x` is moved in place, and restored bit for bit, also when f raises.

    f is called with `argument`, which shares the memory of `x`; without one, each call gets a copy
    of `x`.
    """

    def __init__(
        self, f: Function, x: FloatArray, argument: FloatArray | None, name: str, outputs: Outputs
    ) -> None:
        self.outputs = outputs
        self.calls = 0
        self._moved = moved = MovedArray(x, x if argument is None else argument, name)
        checked = moved.checked(f)
        self._functions = (checked, f)
        if argument is None:
            self._functions = of_copies(checked), of_copies(f)

    def center(self) -> Values:
        """As `Asked` says."""
        self.calls += 1
        moved = self._moved
        try:
            value = self._functions[0](moved.argument)
            return self.outputs.first(value, moved.name).reshape(-1)
        except BaseException as error:
            moved.restore_after(error)
            raise

    def along(self, steps: FloatArray, counts: Iterable[int]) -> Values:
        """As `Asked` says."""
        moved, found = self._moved, []
        try:
            start = moved.x.copy()
            for count in counts:
                moved.x[...] = start + count * steps.reshape(start.shape)
                self.calls += 1
                value = self._functions[1](moved.argument)
                found.append(self.outputs.convert(value, moved.name, None))
            moved.restore()
        except BaseException as error:
            moved.restore_after(error)
            raise
        return self._array(found, len(found))

    def each(self, which: Indices, points: Values) -> Values:
        """As `Asked` says."""
        moved, size = self._moved, self.outputs.size
        is_asked = ~np.isnan(points)
        rows: list[list[float]] = points.tolist()
        if not is_asked.all():
            rows = [[point for point in row if point == point] for row in rows]
        kept = numbers(moved.original[which])
        places = kept, rows, _indices(which, moved.x.shape)
        try:
            found = sample(self._functions, moved, places, self.outputs.convert, has_notes=True)
            moved.check()
        except BaseException as error:
            moved.restore_after(error)
            raise
        self.calls += len(found)
        values = np.full((*points.shape, size), np.nan)
        values[is_asked] = self._array(found, len(found))
        return values

    @contextlib.contextmanager
    def holding(self, element: int, point: float) -> Iterator[None]:
        """As `Asked` says."""
        moved = self._moved
        index = np.unravel_index(element, moved.x.shape)
        kept = moved.original[element]
        try:
            moved.x[index] = moved.original[element] = point
            yield
        finally:
            moved.x[index] = moved.original[element] = kept

    def _array(self, found: list[Any], count: int) -> Values:
        values: Values = np.reshape(np.array(found, np.float64), (count, self.outputs.size))
        return values


class Stacked:
    """f takes points stacked in front of the axes of `x`, and answers as many values."""

    def __init__(self, f: Function, x: FloatArray, name: str, outputs: Outputs) -> None:
        self.outputs = outputs
        self.calls = 0
        self._f, self._x, self._name = f, x, name

    def center(self) -> Values:
        """As `Asked` says."""
        values: Values = self._ask(self._x[np.newaxis].copy(), is_first=True)[0]
        return values

    def along(self, steps: FloatArray, counts: Iterable[int]) -> Values:
        """As `Asked` says."""
        step = steps.reshape(self._x.shape)
        points = ((self._x + n * step).astype(self._x.dtype)[np.newaxis] for n in counts)
        return np.concatenate([self._ask(point) for point in points])

    def each(self, which: Indices, points: Values) -> Values:
        """As `Asked` says."""
        rows, columns = np.nonzero(~np.isnan(points))
        values = np.full((*points.shape, self.outputs.size), np.nan)
        stack = max(1, _MAX_STACKED // max(1, self._x.size))
        for start in range(0, rows.size, stack):
            part = slice(start, start + stack)
            row, column = rows[part], columns[part]
            moved = np.repeat(self._x.reshape(1, -1), row.size, axis=0)
            moved[np.arange(row.size), which[row]] = points[row, column]
            first, last = (self._element(which[row[i]]) for i in (0, -1))
            try:
                values[row, column] = self._ask(moved.reshape(row.size, *self._x.shape))
            except Exception as error:
                add_note(error, f"raised when f was asked for {first} to {last}")
                raise
        return values

    @contextlib.contextmanager
    def holding(self, element: int, point: float) -> Iterator[None]:
        """As `Asked` says."""
        kept = self._x
        held = kept.copy()
        held[np.unravel_index(element, kept.shape)] = point
        try:
            self._x = held
            yield
        finally:
            self._x = kept

    def _ask(self, points: FloatArray, *, is_first: bool = False) -> Values:
        count = points.shape[0]
        self.calls += count
        return self.outputs.stacked(self._f(points), self._name, count, is_first=is_first)

    def _element(self, i: int) -> str:
        index = np.unravel_index(int(i), self._x.shape)
        return element(self._name, tuple(map(int, index)))


def _indices(which: Indices, shape: tuple[int, ...]) -> Iterator[Any]:
    if len(shape) == 1:
        return iter(which.tolist())
    if not shape:
        return iter([()] * which.size)
    axes = [axis.tolist() for axis in np.unravel_index(which, shape)]
    indices: Iterator[Any] = zip(*axes, strict=True)
    return indices
