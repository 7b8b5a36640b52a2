"""A function of named arrays, whose elements are moved in place and put back bit for bit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._validation import FloatArray
from kobai.differentiate import Derivative, gradient
from kobai.testing.choice import Elements
from kobai.testing.layout import Index, Layout
from kobai.testing.lines import Line, drawn_line
from kobai.testing.verdicts import Floats

_REPEATS = 5

# Points on a line, and how far apart in units of what is a long way.
_ON_A_LINE = 9
_APART = 2.0**-9

# The dtypes of tensors, by their names.
_DTYPES = {"torch.float32": np.float32, "torch.float16": np.float16, "torch.bfloat16": np.float16}

Speeds = Mapping[str, tuple[Any, Floats]]


class MovedFunction:
    """What is asked: a function, and the arrays that it reads.

    Attributes
    ----------
    layout : Layout
        Where the arrays stand in the row of all elements.
    at : ndarray
        All elements, in a row.
    calls : int
        How often the function was asked.
    centre : float
        Its value at the point.
    noise : float
        The standard deviation of what is random in it.
    answers : list of float
        More values at the point, if they are not all the same.
    error : Exception or None
        What it raised first where something was moved, as `math.log` does at the end of its domain.
    """

    def __init__(
        self,
        layout: Layout,
        arrays: Mapping[str, FloatArray],
        ask: Callable[[], Any],
        *,
        seed: int = 0,
    ) -> None:
        self.layout = layout
        self.at: Floats = layout.row(arrays)
        self.calls = 1
        self.answers: list[float] = []
        self._precision = float(np.finfo(np.float64).eps)
        self._arrays = arrays
        self._originals = {name: array.copy() for name, array in arrays.items()}
        self._scales = {name: array_scale(array) for name, array in arrays.items()}
        self._ask = ask
        self._seen: set[float] = set()
        self.error: ArithmeticError | ValueError | None = None
        self.centre = self._number(ask())
        self.check_unchanged()
        self.noise = self._measured_noise(np.random.default_rng(seed))

    def _measured_noise(self, rng: np.random.Generator) -> float:
        values = [self.centre, self._value()]
        if values[0] != values[1] and not all(map(math.isnan, values)):
            values += [self._value() for _ in range(_REPEATS - 2)]
            self.answers = values
        everywhere = {
            name: (Ellipsis, scale * rng.choice((-1.0, 1.0), self._originals[name].shape))
            for name, scale in self._scales.items()
        }
        least = self._precision * abs(self.centre) / 2 if math.isfinite(self.centre) else 0.0
        # A few answers tell little of how far others may lie.
        spread = 2 * float(np.ptp(values)) if self.answers else 0.0
        with np.errstate(all="ignore"):  # f may leave its domain
            measured = float(self.slope_along(everywhere).noise)
        noise = max(measured, least, spread)
        # Errors of single precision are steps rather than noise: close points share theirs.
        return 2 * noise if self._is_rounded else noise

    def slope_along(self, direction: Speeds) -> Derivative:
        """The derivative along a line in many elements, and the noise there."""
        ask = self._moving(direction)
        try:
            return gradient(lambda move: self._as_answered(ask(float(move))), 0.0)
        finally:
            self._put_back(direction)

    def _as_answered(self, value: float) -> float | np.float32:
        """A number in the precision of what the function answers."""
        return np.float32(value) if self._is_rounded else value

    @property
    def _is_rounded(self) -> bool:
        """Whether what the function answers is of less than double precision."""
        return self._precision > float(np.finfo(np.float64).eps)

    @property
    def is_constant(self) -> bool:
        """Whether the function gave the same number wherever it was asked."""
        return len(self._seen) < 2

    def _value(self) -> float:
        """The function at the arrays as they are; NaN where it says that it has no value."""
        self.calls += 1
        try:
            answer = self._ask()
        except (ArithmeticError, ValueError) as error:
            # Away from the point, f may leave its domain.
            self.error = self.error or error
            return math.nan
        value = answer if type(answer) is float else self._number(answer)
        if len(self._seen) < 2:
            self._seen.add(value)
        return value

    def _number(self, answer: Any) -> float:
        try:
            array = np.asarray(answer)
        except RuntimeError:  # a tensor of PyTorch that requires grad: float(answer) works
            array = np.asarray(float(answer), _DTYPES.get(str(answer.dtype), np.float64))
        if array.size != 1 or array.dtype.kind not in "fiub":
            shape = f" of shape {array.shape}" if array.size != 1 else ""
            raise TypeError(f"f must return a real number, got {type(answer).__name__}{shape}")
        if array.dtype.kind == "f" and array.dtype.itemsize < 8:
            self._precision = max(self._precision, float(np.finfo(array.dtype).eps))
        return float(array.reshape(())[()])

    def check_unchanged(self) -> None:
        """Raise a ValueError if an element is not what it was; all are put back."""
        for name, array in self._arrays.items():
            if array.tobytes() != self._originals[name].tobytes():
                self.restore()
                raise ValueError(
                    f"f and its gradient must not change their argument, but {name} is not what it "
                    "was: let them work on a copy. Everything is as it was before"
                )

    def place(self, element: int) -> tuple[FloatArray, FloatArray, Index, float]:
        """The array of an element, its original, the index there, and a long way for it.

        That is its size, or that of its array, or 1.
        """
        name, index = self.layout.place(element)
        original = self._originals[name]
        size = abs(float(original[index]))
        scale = max(size if math.isfinite(size) else 0.0, self._scales[name])
        return self._arrays[name], original, index, scale

    def of_elements(self, elements: Elements) -> Derivative:
        """The derivatives by some elements, which are moved as one row."""
        layout = self.layout
        parts: list[tuple[str, Any, slice]] = []
        for name, shape, part in zip(layout.names, layout.shapes, layout.slices, strict=True):
            first, last = np.searchsorted(elements, (part.start, part.stop)).tolist()
            if first < last:
                index = np.unravel_index(elements[first:last] - part.start, shape or (1,))
                parts.append((name, index, slice(first, last)))
        flat = {name: np.atleast_1d(self._arrays[name]) for name, _, _ in parts}

        def ask(row: FloatArray) -> Any:
            for name, index, place in parts:
                flat[name][index] = row[place]
            return self._as_answered(self._value())

        dtype = np.result_type(*(array.dtype for array in flat.values()))
        try:
            return gradient(ask, self.at[elements].astype(dtype))
        finally:
            for name, index, _ in parts:
                flat[name][index] = np.atleast_1d(self._originals[name])[index]

    def restore(self) -> None:
        """Put all elements back, bit for bit."""
        for name, original in self._originals.items():
            self._arrays[name][...] = original

    def along_element(self, element: int) -> Line:
        """The line along which one element moves."""
        array, original, index, scale = self.place(element)
        start, kind = float(original[index]), array.dtype.type

        def ask(move: float) -> float:
            array[index] = start + move
            return self._value()

        def step(move: float) -> float:
            return float(kind(start + move)) - float(kind(start - move))

        try:
            return drawn_line(ask, scale, self.noise, step)
        finally:
            array[index] = original[index]

    def line_of(self, element: int) -> Line:
        """The line along one element through the point, wherever the arrays have gone since."""
        now = {name: array.copy() for name, array in self._arrays.items()}
        self.restore()
        try:
            with np.errstate(all="ignore"):
                return self.along_element(element)
        finally:
            for name, array in now.items():
                self._arrays[name][...] = array

    def along(self, direction: Speeds, noise: float) -> Line:
        """The line along which many elements move, where f has that noise."""
        try:
            return drawn_line(self._moving(direction), 1.0, max(noise, self.noise))
        finally:
            self._put_back(direction)

    def nudged(self, regive: Callable[[], Floats], rng: np.random.Generator) -> Floats:
        """What `regive` answers while each element is moved by the rounding of its dtype."""
        try:
            for name, original in self._originals.items():
                signs = rng.choice((-1.0, 1.0), original.shape)
                away = np.nextafter(original, (np.inf * signs).astype(original.dtype))
                self._arrays[name][...] = np.where(np.isfinite(away), away, original)
            return regive()
        finally:
            self.restore()

    @property
    def is_single(self) -> bool:
        """Whether arrays are of single precision."""
        return any(array.dtype.itemsize < 8 for array in self._arrays.values())

    def on_a_line(self, regive: Callable[[], Floats], rng: np.random.Generator) -> Floats:
        """What `regive` answers at a few points of a line in all elements, a row each.

        The points lie well apart for single precision.
        """
        speeds = {
            name: scale * rng.choice((-1.0, 1.0), self._originals[name].shape)
            for name, scale in self._scales.items()
        }
        answers = []
        try:
            for k in range(1, _ON_A_LINE + 1):
                for name, original in self._originals.items():
                    self._arrays[name][...] = original + k * _APART * speeds[name]
                answers.append(regive())
        finally:
            self.restore()
        return np.array(answers)

    def scale_row(self) -> Floats:
        """A long way for each element, in a row: that of its array."""
        return self.layout.row(
            {name: np.full(self._originals[name].shape, s) for name, s in self._scales.items()}
        )

    def _moving(self, direction: Speeds) -> Callable[[float], float]:
        def ask(move: float) -> float:
            for name, (index, speeds) in direction.items():
                self._arrays[name][index] = self._originals[name][index] + move * speeds
            return self._value()

        return ask

    def _put_back(self, direction: Speeds) -> None:
        for name, (index, _) in direction.items():
            self._arrays[name][index] = self._originals[name][index]


def array_scale(array: npt.NDArray[Any]) -> float:
    """The root of the mean square of an array's finite elements; 1 if that is 0."""
    with np.errstate(all="ignore"):
        finite = array[np.isfinite(array)].astype(np.float64)
        largest = float(np.abs(finite).max(initial=0.0))
        if largest == 0:
            return 1.0
        return largest * float(np.sqrt(np.mean((finite / largest) ** 2)))
