"""Inputs, and data that must be finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._validation.arrays import real_as_it_lies
from kobai._validation.messages import place, shown

# Elements looked at together: what NumPy answers of them fits into a processor's cache.
_BLOCK = 1 << 17


def inputs(name: str, x: npt.ArrayLike, columns: int | None = None) -> npt.NDArray[Any]:
    """The inputs `x` as they lie: (N, D), or (D,) for one sample, of any real dtype.

    Only an array of objects is copied, and what is no array. `columns` is D where it is known.
    """
    array = real_as_it_lies(name, x)
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} must have shape (N, D) or (D,), got shape {array.shape}")
    if columns is not None and array.shape[-1] != columns:
        raise ValueError(f"{name} must have {columns} columns, got shape {array.shape}")
    return array


def check_finite(name: str, array: npt.NDArray[Any]) -> None:
    """Raise a ValueError that shows the first element of `array` that is NaN or infinite.

    One pass, block by block, in the order of the rows. Integers and bools are finite.
    """
    if array.dtype.kind != "f" or array.size == 0:
        return
    if array.ndim == 0:
        if not np.isfinite(array):
            raise ValueError(f"{name} must be finite, got {shown(array[()])}")
        return
    rows = max(1, _BLOCK * len(array) // array.size)
    for start in range(0, len(array), rows):
        is_finite = np.isfinite(array[start : start + rows])
        if not is_finite.all():
            first, *rest = map(int, np.unravel_index(is_finite.argmin(), is_finite.shape))
            index = (start + first, *rest)
            value = shown(array[index])
            raise ValueError(f"{name} must be finite, got {value}{place(index)}")
