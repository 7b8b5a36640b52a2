"""Where each element is moved, and how far apart the two ends really are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from kobai._validation import FloatArray

Index = int | tuple[int, ...]

# Elements whose numbers are handled as lists, which of so few is faster.
_FEW = 32

# How many elements are moved between two looks at the whole array: 64 at first, then up to 1024,
# then 4096 each time. A look takes about as long as one call of the cheapest f that reads all.
_FIRST_BLOCK = 64
_GROWTH = 16
_LARGEST_BLOCK = 4096


class Block(NamedTuple):
    """Elements that follow each other in C order: where each is moved, and what it was.

    Assigned to the element, a number of `kept` gives the very bits it had. `step` is how far the
    two ends of a move are apart, in float64.
    """

    places: slice
    up: list[float]
    down: list[float]
    kept: list[Any]
    step: FloatArray | list[float]


def blocks(name: str, x: FloatArray, h: float, cure: str) -> Iterator[Block]:
    """All elements with `h` added and subtracted in float64, then rounded to their own dtype.

    Where an end is not finite, the step is ``2 * h``. Before the first block there is a ValueError
    if rounding swallows any step; it calls the array `name`, and names a `cure`.
    """
    if x.size <= _FEW and x.dtype == np.float64:
        yield _all_in_one(name, x, h, cure)
        return
    kept = x.flatten()
    up, down, step = _ends(kept, h)
    if np.count_nonzero(step) < step.size:
        raise _swallowed(name, x, int(np.flatnonzero(step == 0)[0]), h, cure)
    step[~np.isfinite(step)] = 2 * h
    start, stop = 0, _FIRST_BLOCK
    while start < kept.size:
        own = slice(start, stop)
        yield Block(own, up[own].tolist(), down[own].tolist(), _numbers(kept[own]), step[own])
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


def _numbers(kept: FloatArray) -> list[Any]:
    numbers: list[Any] = kept.tolist()
    if kept.dtype == np.float32:
        for i in np.flatnonzero(np.isnan(kept)):
            numbers[i] = kept[i]  # on its way through float64 a signaling NaN would become quiet
    return numbers


def _swallowed(name: str, x: FloatArray, i: int, h: float, cure: str) -> ValueError:
    index = tuple(map(int, np.unravel_index(i, x.shape)))
    value = x[index]
    half = value.dtype.type(0.5)  # that of the largest number is infinite, and warned of
    spacing = np.spacing(abs(value) * half) / half
    return ValueError(
        f"h must be large enough to move every element of {name}: {element(name, index)} = "
        f"{value} is the same number with h = {h} added and with it subtracted, as numbers of "
        f"dtype {value.dtype} lie {spacing:.3g} apart there: {cure}"
    )


def element(name: str, index: Index) -> str:
    """``x[3]``, ``x[1, 2]``; ``x`` where it has no axes."""
    if index == ():
        return name
    places = index if isinstance(index, tuple) else (index,)
    return f"{name}[{', '.join(map(str, places))}]"
