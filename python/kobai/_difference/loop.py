"""The loop over the elements: moved up, asked about, moved down, asked about, put back."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from kobai._difference.moved import Function, MovedArray
from kobai._difference.steps import Block, Index, blocks
from kobai._difference.value import number
from kobai._validation import FloatArray


class Gradient(NamedTuple):
    """The quotients, and whether f gave the same number wherever it was asked."""

    quotients: FloatArray
    is_of_a_constant: bool


def central_difference(
    f: Function,
    x: FloatArray,
    h: float,
    *,
    argument: FloatArray | None = None,
    name: str = "x",
    cure: str = "take a larger h, or scale x",
) -> Gradient:
    """``(f(x + h) - f(x - h)) / ((x + h) - (x - h))`` in every element, in the shape of `x`.

    `x` is moved in place, and put back bit for bit; errors call it `name`, and name the `cure`
    where rounding swallows the step. f is called with `argument`, which shares its memory; without
    one, with a copy of `x` of its own at each call.
    """
    moved = MovedArray(x, x if argument is None else argument, name)
    functions = moved.watched(f), f
    seen: set[float] | None = None
    if argument is None:
        functions = _of_copies(functions[0]), _of_copies(f)
        seen = set()
    quotients = np.empty(x.size, x.dtype)
    indices = moved.indices()
    try:
        for block in blocks(name, x, h, cure):
            differences = _differences(functions, moved, block, indices, seen)
            quotients[block.places] = _divided(differences, block.step, x.dtype)
            moved.check()
            functions = functions[1], functions[1]
    except BaseException as error:
        cause = None if moved.is_told else error
        # Such as the IndexError of an array that f has given other axes.
        if moved.put_back() and isinstance(error, (IndexError, ValueError)):
            raise moved.changed() from cause
        raise
    is_of_a_constant = seen is not None and _are_all_values(seen, functions[1], x)
    return Gradient(quotients.reshape(x.shape), is_of_a_constant)


def _of_copies(f: Function) -> Function:
    return lambda x: f(x.copy())


def _differences(
    functions: tuple[Function, Function],
    moved: MovedArray,
    block: Block,
    indices: Iterator[Index],
    seen: set[float] | None,
) -> Iterator[float]:
    """``f(up) - f(down)`` for each element of a block; adds values of f to `seen`, at least two.

    The first of the functions is asked about the first element, the other about the rest.
    """
    f, rest = functions
    float64 = np.float64
    x, argument, name, read = moved.x, moved.argument, moved.name, moved.x.item
    for up, down, kept, index in zip(*block[1:4], indices, strict=False):
        # To put this element back would hide what f did to it while another was moved.
        if read(index) != kept and kept == kept:  # of a NaN nothing can be told
            raise moved.changed()
        try:
            x[index] = up
            above = f(argument)
            if above.__class__ is not float:
                above = float(above) if above.__class__ is float64 else number(above, name, index)
            x[index] = down
            below = f(argument)
            if below.__class__ is not float:
                below = float(below) if below.__class__ is float64 else number(below, name, index)
        finally:
            x[index] = kept
        if seen is not None and len(seen) < 2:
            seen.update((above, below))
        yield above - below
        f = rest


def _divided(
    differences: Iterator[float], step: FloatArray | list[float], dtype: np.dtype[Any]
) -> FloatArray | list[float]:
    if isinstance(step, list):
        return [difference / width for difference, width in zip(differences, step, strict=True)]
    found = np.fromiter(differences, np.float64, len(step))
    with np.errstate(all="ignore"):
        return (found / step).astype(dtype, copy=False)


def _are_all_values(values: set[float], f: Function, x: FloatArray) -> bool:
    """Whether f gives one finite value everywhere: moved wherever it was, and at `x` itself.

    The latter tells a constant from the bottom of a symmetric valley.
    """
    if len(values) != 1 or not math.isfinite(*values):
        return False
    with contextlib.suppress(Exception):
        return number(f(x), "x", ()) in values
    return False
