"""The data of a run, as its steps and its accuracies read it.

What stands in the user's arrays at the beginning of an epoch is what the epoch sees:

- float32 and float64 in C order are read where they lie;
- the same in another layout are copied into C order, once, and again where the user's code may have
  changed them;
- what must be converted (integers, bools, float16, other byte orders) is gathered and converted
  batch by batch, so that bytes never become a float copy of themselves.

Data that shares memory with a parameter changes with every step, and is read anew at each.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import is_
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kobai._validation import in_dtype, real_array

Array = npt.NDArray[Any]
Samples = npt.NDArray[np.int64]

# What one call of the core may take of converted data, but for a batch that is larger by itself.
_GATHERED_BYTES = 1 << 22

# Rows that are copied together from another layout: of each column, a few lines of the cache.
_COPIED_ROWS = 64

_DOUBLE = np.dtype(np.float64)


class CoreData(NamedTuple):
    """Inputs and targets as the core takes them, and which of their rows the steps use."""

    x: Array
    t: Array
    samples: Samples


class Dataset:
    """Inputs and targets, for training or for testing."""

    def __init__(self, x: Array, t: Array) -> None:
        self.given = x, t
        self._laid_out = x, t
        self._targets: Array | None = None
        self._looked_at: list[Any] = []
        self._overlaps = False
        self.renew()

    def renew(self) -> None:
        """Take what stands in the user's arrays now."""
        (x, t), (old_x, old_t) = self.given, self._laid_out
        self._laid_out = _in_rows(x, old_x), _in_rows(t, old_t)
        self._targets = None

    def overlaps(self, params: Iterable[Any]) -> bool:
        """Whether a parameter may share memory with the user's arrays."""
        arrays = list(params)
        # Where an array stands never changes.
        if len(arrays) != len(self._looked_at) or not all(map(is_, arrays, self._looked_at)):
            self._looked_at = arrays
            self._overlaps = any(
                np.may_share_memory(array, given)
                for array in arrays
                if isinstance(array, np.ndarray)
                for given in self.given
            )
        return self._overlaps

    def arrays(self, params: Iterable[Any]) -> tuple[Array, Array]:
        """Inputs and targets of the user's dtypes, for a network of those parameters."""
        return self.given if self.overlaps(params) else self._laid_out

    def most_rows(self) -> float:
        """How many rows `for_core` is to be asked for at most, or one batch."""
        if self._is_read_whole():
            return float("inf")
        x, t = self._laid_out
        return _GATHERED_BYTES / (_DOUBLE.itemsize * (x.size + t.size) / len(x))

    def for_core(self, samples: Samples, dtype: np.dtype[Any]) -> CoreData:
        """The rows `samples`, for a `TwoLayerNet` of that dtype."""
        x, t = self._laid_out
        if not self._is_read_whole():
            rows, targets = _core_inputs(x[samples], dtype), _core_targets(t[samples], dtype)
            return CoreData(rows, targets, np.arange(len(samples)))
        if self._targets is None or (t.ndim > 1 and self._targets.dtype != dtype):
            self._targets = _core_targets(t, dtype)
        return CoreData(x, self._targets, samples)

    def _is_read_whole(self) -> bool:
        """Whether the core reads the inputs where they lie, and targets that need little memory."""
        x, t = self._laid_out
        return _is_in_place(x) and t.size * _DOUBLE.itemsize <= max(x.nbytes // 4, _GATHERED_BYTES)


def _is_in_place(array: Array) -> bool:
    flags = array.flags
    return array.dtype in (np.float32, np.float64) and flags.c_contiguous and flags.aligned


def _in_rows(array: Array, old: Array) -> Array:
    """`array`, or its floats in C order, in the memory of `old` where that was such a copy."""
    if array.dtype not in (np.float32, np.float64) or _is_in_place(array):
        return array
    copy = np.empty(array.shape, array.dtype) if old is array else old
    for start in range(0, len(array), _COPIED_ROWS):
        copy[start : start + _COPIED_ROWS] = array[start : start + _COPIED_ROWS]
    return copy


def _core_inputs(x: Array, dtype: np.dtype[Any]) -> Array:
    """Rows in single precision where that holds them, else in the network's dtype."""
    if np.can_cast(x.dtype, np.float32):
        return x.astype(np.float32, copy=False)
    return in_dtype(real_array("x_train", x), dtype)


def _core_targets(t: Array, dtype: np.dtype[Any]) -> Array:
    """Integer labels as int64, rows in the network's dtype; without a copy where they are."""
    if t.ndim == 1:
        is_plain = t.flags.c_contiguous and t.flags.aligned
        return t.astype(np.int64, copy=not is_plain)
    return in_dtype(real_array("t_train", t), dtype)
