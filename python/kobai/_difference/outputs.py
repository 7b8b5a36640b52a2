"""What a function returns, whatever it is, as an array of float64 of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._difference.steps import Index, element
from kobai._difference.value import number
from kobai._validation import any_real_array

Values = npt.NDArray[np.float64]

_FLOAT64 = np.dtype(np.float64)


class Outputs:
    """The shape of what f returns, once it is known, and how well its dtype holds numbers.

    Attributes
    ----------
    shape : tuple of int
        ``()`` where f is to return one number, whatever holds it.
    precision : tuple of float
        The spacing at 1 of the dtype, and the magnitude below which numbers lie no closer: its
        smallest normal number, or what that of `x_dtype` is worth in its spacing.
    """

    def __init__(self, *, one_number: bool, x_dtype: npt.DTypeLike = np.float64) -> None:
        self._one_number = one_number
        self._is_known = one_number
        self._x_dtype = np.dtype(x_dtype)
        self.shape: tuple[int, ...] = ()
        self.precision = self._precision(1.0)

    @property
    def size(self) -> int:
        """How many numbers they are."""
        return int(np.prod(self.shape))

    def first(self, value: Any, name: str) -> Values:
        """The value at x, which shape and precision are taken from."""
        self.precision = self._precision(value)
        converted = self.convert(value, name, None)
        return np.array(converted, np.float64)

    def convert(self, value: Any, name: str, index: Index | None) -> Any:
        """A value: a float where the shape is ``()``, else an array that shares no memory.

        Errors name the element `index` of the argument `name`, which was moved for this call.
        """
        shape = self.shape
        if shape and type(value) is np.ndarray and value.dtype is _FLOAT64 and value.shape == shape:
            return value.copy()
        if self._is_known and self.shape == ():
            return number(value, name, () if index is None else index)
        array = any_real_array(self._called(name, index), value).astype(np.float64)
        if not self._is_known:
            self.shape, self._is_known = array.shape, True
        elif array.shape != self.shape:
            raise ValueError(
                f"f must return arrays of one shape, got {array.shape} when asked for "
                f"{_element(name, index)}, but {self.shape} at {name} itself"
            )
        return array if self.shape else float(array)

    def stacked(self, value: Any, name: str, count: int, *, is_first: bool) -> Values:
        """The values at `count` points, which f returned together: shape ``(count, size)``."""
        if is_first:
            self.precision = self._precision(value)
        array = any_real_array("what f returns", value).astype(np.float64)
        shape = array.shape[1:]
        if self._one_number and array.size == count and array.shape[:1] == (count,):
            shape = ()
        if array.shape[:1] != (count,) or (self._is_known and shape != self.shape):
            wanted = ", ".join(map(str, (count, *self.shape)))
            more = "" if self._is_known else ", ..."
            raise ValueError(
                f"f must return the values at {count} points stacked, an array of shape "
                f"({wanted}{',' if wanted == str(count) and not more else ''}{more}), got shape "
                f"{array.shape}: with vectorized=True it is given {name} stacked likewise"
            )
        self.shape, self._is_known = shape, True
        return array.reshape(count, -1)

    def _precision(self, value: object) -> tuple[float, float]:
        own, of_x = np.finfo(_float_dtype(value)), np.finfo(self._x_dtype)
        # f computes in the dtype of x, maybe: then what is smaller than its numbers is lost.
        least = float(of_x.smallest_normal) * float(of_x.eps) / float(own.eps)
        return float(own.eps), max(float(own.smallest_normal), least)

    def _called(self, name: str, index: Index | None) -> str:
        return f"what f returns when asked for {_element(name, index)}"


def _element(name: str, index: Index | None) -> str:
    return name if index is None else element(name, index)


def _dtype_of(value: object) -> np.dtype[Any]:
    if isinstance(value, float) and not isinstance(value, np.generic):
        return np.dtype(np.float64)
    try:
        return np.asarray(value).dtype
    except Exception:  # a tensor of PyTorch that requires grad: taken as what float() makes of it
        return np.dtype(np.float64)


def _float_dtype(value: object) -> np.dtype[Any]:
    dtype = _dtype_of(value)
    is_held = dtype.kind == "f" and dtype.itemsize <= 8
    return dtype if is_held else np.dtype(np.float64)
