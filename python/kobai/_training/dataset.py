"""The data of a run, as steps and accuracies read it.

An epoch sees the user's arrays as they are when it begins:

- float32 and float64 arrays in C order are read without a copy;
- those in another layout are copied into C order, once, and again when the user's code may have
  changed them;
- arrays that must be converted (integers, bools, float16, other byte orders) are converted batch by
  batch, so that a data set of bytes never becomes one of floats.

Data that shares memory with a parameter changes at every step, and is read again at each.
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

# The most bytes of converted data in one call of the core, unless one batch is larger.
_CONVERTED_BYTES = 1 << 22

# Rows that are copied together from another layout: a few cache lines of each column.
_COPIED_ROWS = 64

_DOUBLE = np.dtype(np.float64)


class CoreData(NamedTuple):
    """Inputs, targets and weights as the core takes them, and the rows that the steps use."""

    x: Array
    t: Array
    samples: Samples
    weights: Array | None


class Dataset:
    """Inputs and targets, for training or for testing.

    Attributes
    ----------
    given : tuple of ndarray
        The user's arrays.
    weights : ndarray or None
        What each sample counts.
    counted : ndarray of int or None
        The rows of the samples that count; None if all do.
    """

    def __init__(self, x: Array, t: Array, weights: Array | None = None) -> None:
        self.given = x, t
        # Weights stay what they are when the training begins.
        self.weights = None if weights is None else weights.copy()
        self.counted: Samples | None = counted_rows(weights)
        self._laid_out = x, t
        self._targets: Array | None = None
        self._checked_params: list[Any] = []
        self._overlaps = False
        self.renew()

    def renew(self) -> None:
        """Read the user's arrays as they are now."""
        (x, t), (old_x, old_t) = self.given, self._laid_out
        self._laid_out = _in_c_order(x, old_x), _in_c_order(t, old_t)
        self._targets = None

    def overlaps(self, params: Iterable[Any]) -> bool:
        """Whether a parameter may share memory with the user's arrays."""
        arrays = list(params)
        # The same array objects still have the same memory.
        known = self._checked_params
        if len(arrays) != len(known) or not all(map(is_, arrays, known)):
            self._checked_params = arrays
            self._overlaps = any(
                np.may_share_memory(array, given)
                for array in arrays
                if isinstance(array, np.ndarray)
                for given in self.given
            )
        return self._overlaps

    def arrays(self, params: Iterable[Any]) -> tuple[Array, Array]:
        """Inputs and targets in the user's dtypes; `params` are the parameters of the network."""
        return self.given if self.overlaps(params) else self._laid_out

    def max_rows(self) -> float:
        """How many rows one call of `for_core` should take at most, beyond a single batch."""
        if self._is_read_whole():
            return float("inf")
        x, t = self._laid_out
        return _CONVERTED_BYTES / (_DOUBLE.itemsize * (x.size + t.size) / len(x))

    def for_core(self, samples: Samples, dtype: np.dtype[Any]) -> CoreData:
        """The rows `samples`, for a network of kobai's of that dtype."""
        x, t = self._laid_out
        if not self._is_read_whole():
            rows, targets = _core_inputs(x[samples], dtype), _core_targets(t[samples], dtype)
            weights = None if self.weights is None else self.weights[samples]
            return CoreData(rows, targets, np.arange(len(samples)), weights)
        if self._targets is None or (t.ndim > 1 and self._targets.dtype != dtype):
            self._targets = _core_targets(self._counted_targets(t), dtype)
        return CoreData(x, self._targets, samples, self.weights)

    def _counted_targets(self, t: Array) -> Array:
        """The targets with zeros where samples do not count: the core looks at all of them."""
        if self.counted is None:
            return t
        targets = np.zeros_like(t)
        targets[self.counted] = t[self.counted]
        return targets

    def _is_read_whole(self) -> bool:
        """Whether the core reads the inputs without a copy, and converted targets are small."""
        x, t = self._laid_out
        return _is_in_place(x) and t.size * _DOUBLE.itemsize <= max(x.nbytes // 4, _CONVERTED_BYTES)


def counted_rows(weights: Array | None) -> Samples | None:
    """The rows whose weight is not 0; None if that are all."""
    if weights is None or weights.all():
        return None
    return np.flatnonzero(weights)


def _is_in_place(array: Array) -> bool:
    flags = array.flags
    return array.dtype in (np.float32, np.float64) and flags.c_contiguous and flags.aligned


def _in_c_order(array: Array, old: Array) -> Array:
    """`array`, or its floats copied into C order: into `old`, if that is such a copy."""
    if array.dtype not in (np.float32, np.float64) or _is_in_place(array):
        return array
    copy = np.empty(array.shape, array.dtype) if old is array else old
    for start in range(0, len(array), _COPIED_ROWS):
        copy[start : start + _COPIED_ROWS] = array[start : start + _COPIED_ROWS]
    return copy


def _core_inputs(x: Array, dtype: np.dtype[Any]) -> Array:
    """Rows in single precision if it represents them exactly, else in the network's dtype."""
    if np.can_cast(x.dtype, np.float32):
        return x.astype(np.float32, copy=False)
    return in_dtype(real_array("x_train", x), dtype)


def _core_targets(t: Array, dtype: np.dtype[Any]) -> Array:
    """Integer labels as int64, rows in the network's dtype; not copied if they are that already."""
    if t.ndim == 1:
        is_plain = t.flags.c_contiguous and t.flags.aligned
        return t.astype(np.int64, copy=not is_plain)
    return in_dtype(real_array("t_train", t), dtype)
