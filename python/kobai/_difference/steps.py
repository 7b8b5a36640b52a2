"""The two numbers each element is moved to, and the step that is really between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from kobai._validation import FloatArray

Index = int | tuple[int, ...]

# For at most so many elements, lists of numbers are faster than arrays.
_MAX_LISTED = 32

# After each block the whole array is compared with the original: after 64 elements, after 1024,
# then after every 4096. That takes about as long as one call of an f that reads all elements.
_FIRST_BLOCK = 64
_GROWTH = 16
_LARGEST_BLOCK = 4096


class Block(NamedTuple):
    """Consecutive elements in C order.

    Attributes
    ----------
    elements : slice
        Which they are.
    up, down : list of float
        The numbers that each element is moved to.
    kept : list
        The original numbers; assigned to the elements, they restore the original bits.
    step : ndarray or list of float
        ``up - down``, in float64.
    """

    elements: slice
    up: list[float]
    down: list[float]
    kept: list[Any]
    step: FloatArray | list[float]


def blocks(
    name: str, x: FloatArray, h: float, cure: str, part: slice | None = None
) -> Iterator[Block]:
    """Elements block by block; `h` is added in float64, then the sum is rounded to the dtype.

    All elements, or those of `part`; blocks count from its first. If a sum is not finite, the step
    is ``2 * h``. Raises a ValueError before the first block if rounding swallows any step; it calls
    the array `name` and advises `cure`.
    """
    if x.size <= _MAX_LISTED and x.dtype == np.float64 and part is None:
        yield _all_in_one(name, x, h, cure)
        return
    kept = x.flatten() if part is None else x.flatten()[part]
    up, down, step = _ends(kept, h)
    if np.count_nonzero(step) < step.size:
        first = 0 if part is None else part.start
        raise _swallowed(name, x, first + int(np.flatnonzero(step == 0)[0]), h, cure)
    step[~np.isfinite(step)] = 2 * h
    start, stop = 0, _FIRST_BLOCK
    while start < kept.size:
        part = slice(start, stop)
        yield Block(part, up[part].tolist(), down[part].tolist(), numbers(kept[part]), step[part])
        start, stop = stop, min(_GROWTH * stop, stop + _LARGEST_BLOCK)


def _all_in_one(name: str, x: FloatArray, h: float, cure: str) -> Block:
    kept: list[float] = x.ravel().tolist()
    up, down = [value + h for value in kept], [value - h for value in kept]
    step = [above - below for above, below in zip(up, down, strict=True)]
    if 0.0 in step:
        raise _swallowed(name, x, step.index(0.0), h, cure)
    if not math.isfinite(sum(step)):
        step = [width if math.isfinite(width) else 2 * h for width in step]
    return Block(slice(len(kept)), up, down, kept, step)


def check_steps(name: str, x: FloatArray, h: float) -> None:
    """A ValueError if rounding swallows `h` in an element of `x`, an array called `name`."""
    _, _, step = _ends(x.ravel(), h)
    if np.count_nonzero(step) < step.size:
        cure = f"take a larger h, or scale {name}"
        raise _swallowed(name, x, int(np.flatnonzero(step == 0)[0]), h, cure)


def _ends(kept: FloatArray, h: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    with np.errstate(all="ignore"):
        up = np.add(kept, h, dtype=np.float64).astype(kept.dtype, copy=False)
        down = np.subtract(kept, h, dtype=np.float64).astype(kept.dtype, copy=False)
        return up, down, np.subtract(up, down, dtype=np.float64)


def numbers(kept: FloatArray) -> list[Any]:
    """The elements, as numbers that restore their bits when they are assigned."""
    found: list[Any] = kept.tolist()
    if kept.dtype == np.float32:
        for i in np.flatnonzero(np.isnan(kept)):
            found[i] = kept[i]  # conversion to float64 and back makes a signaling NaN quiet
    return found


def _swallowed(name: str, x: FloatArray, i: int, h: float, cure: str) -> ValueError:
    index = tuple(map(int, np.unravel_index(i, x.shape)))
    value = x[index]
    half = value.dtype.type(0.5)  # the spacing of the largest number itself is infinite
    spacing = np.spacing(abs(value) * half) / half
    return ValueError(
        f"h must be large enough to move every element of {name}: {element(name, index)} = "
        f"{value} is the same number with h = {h} added and with it subtracted, as numbers of "
        f"dtype {value.dtype} lie {spacing:.3g} apart there: {cure}"
    )


def element(name: str, index: Index) -> str:
    """The element as Python writes it: ``x[3]``, ``x[1, 2]``; ``x`` if it has no axes."""
    if index == ():
        return name
    axes = index if isinstance(index, tuple) else (index,)
    return f"{name}[{', '.join(map(str, axes))}]"
