"""The shape of inputs, and the finiteness of data."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._validation.arrays import any_real_array, in_dtype
from kobai._validation.messages import at_index, shown

# Elements checked together, so that NumPy's intermediate arrays fit into a processor's cache.
_BLOCK = 1 << 17


def inputs(name: str, x: npt.ArrayLike, columns: int | None = None) -> npt.NDArray[Any]:
    """The inputs `x` as an array of shape (N, D), or (D,) for one sample, of any real dtype.

    Copied only if it is no array, or one of objects. `columns` is D where it is known.
    """
    array = any_real_array(name, x)
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} must have shape (N, D) or (D,), got shape {array.shape}")
    if columns is not None and array.shape[-1] != columns:
        raise ValueError(f"{name} must have {columns} columns, got shape {array.shape}")
    return array


def check_finite(name: str, array: npt.NDArray[Any], dtype: np.dtype[Any] | None = None) -> None:
    """Raise a ValueError that shows the first element of `array` that is NaN or infinite.

    The rows are read once, block by block. With `dtype`, that of a network, numbers beyond its
    range count as infinite.
    """
    if array.dtype.kind != "f" or array.size == 0:
        return
    if array.ndim == 0:
        if not np.isfinite(array):
            raise ValueError(f"{name} must be finite, got {shown(array[()])}")
        return
    rows = max(1, _BLOCK * len(array) // array.size)
    for start in range(0, len(array), rows):
        block = array[start : start + rows]
        is_finite = np.isfinite(block if dtype is None else in_dtype(block, dtype))
        if not is_finite.all():
            first, *rest = map(int, np.unravel_index(is_finite.argmin(), is_finite.shape))
            index = (start + first, *rest)
            value = array[index]
            beyond = f" in {dtype}, the network's dtype" if np.isfinite(value) else ""
            raise ValueError(f"{name} must be finite{beyond}, got {shown(value)}{at_index(index)}")
