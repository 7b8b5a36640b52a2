"""Arrays by name, and all their elements one after the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._validation import FloatArray, shown
from kobai.testing.verdicts import Floats

Index = tuple[int, ...]

# Roundings that a sum of many terms may gather.
_SUMMED = 4


class Layout:
    """Where the elements of each array stand in the row of all elements.

    Attributes
    ----------
    names : tuple of str
        What the arrays are called.
    shapes : tuple of tuple of int
        Their shapes.
    slices : tuple of slice
        Where their elements stand, in C order.
    size : int
        The number of all elements.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]], *, is_single: bool = False) -> None:
        self.names = tuple(arrays)
        self.shapes = tuple(array.shape for array in arrays.values())
        stops = np.cumsum([0, *(math.prod(shape) for shape in self.shapes)]).tolist()
        self.slices = tuple(map(slice, stops[:-1], stops[1:]))
        self.size = int(stops[-1])
        self._is_single = is_single
        self._stops = stops

    def row(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Floats:
        """All elements in one array of float64, always a new one."""
        row = np.empty(self.size)
        for name, part in zip(self.names, self.slices, strict=True):
            row[part] = arrays[name].reshape(-1)
        return row

    def arrays(self, row: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Views of a row by name, in their shapes."""
        return {
            name: row[part].reshape(shape)
            for name, shape, part in zip(self.names, self.shapes, self.slices, strict=True)
        }

    def place(self, element: int) -> tuple[str, Index]:
        """The name of an element's array and the index there."""
        k = int(np.searchsorted(self._stops, element, "right")) - 1
        inside = element - self._stops[k]
        return self.names[k], tuple(map(int, np.unravel_index(inside, self.shapes[k])))

    def element(self, name: str, index: Index) -> int:
        """Where the element of an array stands in the row of all elements."""
        k = self.names.index(name)
        shape = self.shapes[k]
        inside = int(np.ravel_multi_index(index, shape)) if shape else 0
        return int(self._stops[k]) + inside

    def words(self, element: int) -> str:
        """The element as a user writes it: ``W1[3, 4]``."""
        name, index = self.place(element)
        return f"{name}[{', '.join(map(str, index))}]" if index else name

    def gradient(self, what: str, gradient: Any) -> tuple[Floats, Floats | None]:
        """A gradient in a row, and how far rounding to its dtype may move it; None for float64.

        A sum in single precision is off by about the spacing of numbers at the size of its terms,
        for which the largest element of the array stands.
        """
        arrays = self.checked(what, gradient)
        row = self.row(arrays)
        if all(array.dtype.itemsize >= 8 for array in arrays.values()):
            return row, None
        rounding = np.zeros(self.size)
        for name, part in zip(self.names, self.slices, strict=True):
            dtype = arrays[name].dtype
            if dtype.kind == "f" and dtype.itemsize < 8 and part.stop > part.start:
                sizes = np.abs(row[part])
                largest = sizes[np.isfinite(sizes)].max(initial=0.0)
                rounding[part] = _SUMMED * float(np.finfo(dtype).eps) * largest
        return row, rounding

    def checked(self, what: str, gradient: Any) -> dict[str, FloatArray]:
        """The arrays of a gradient, whose names and shapes must be these.

        `what` is what the message calls it.
        """
        arrays = {self.names[0]: gradient} if self._is_single else gradient
        if not isinstance(arrays, Mapping):
            raise TypeError(f"{what} must be a dict of arrays, got {type(arrays).__name__}")
        missing = [name for name in self.names if name not in arrays]
        if missing:
            raise ValueError(
                f"{what} must have an array for each of {', '.join(self.names)}, "
                f"lacks {', '.join(missing)}"
            )
        found = {}
        for name, shape in zip(self.names, self.shapes, strict=True):
            array = np.asarray(arrays[name])
            if array.dtype.kind not in "fiub":
                raise TypeError(f"{what} must hold real numbers, got {shown(array.dtype)} ({name})")
            if array.shape != shape:
                raise ValueError(
                    f"{what} must have shape {shape} for {name}, got shape {array.shape}"
                )
            found[name] = array
        return found
