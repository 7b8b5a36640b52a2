"""The loop over the elements: move one up, call f, move it down, call f, restore it."""

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
    """The quotients, and whether f returned the same number at every call."""

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

    `x` is moved in place and restored bit for bit. f is called with `argument`, which shares its
    memory; without one, each call gets a copy of `x`. Errors call `x` by `name`, and advise `cure`
    where rounding swallows the step.
    """
    moved = MovedArray(x, x if argument is None else argument, name)
    functions = moved.checked(f), f
    seen: set[float] | None = None
    if argument is None:
        functions = _of_copies(functions[0]), _of_copies(f)
        seen = set()
    quotients = np.empty(x.size, x.dtype)
    indices = moved.indices()
    try:
        for block in blocks(name, x, h, cure):
            differences = _differences(functions, moved, block, indices, seen)
            quotients[block.elements] = _divided(differences, block.step, x.dtype)
            moved.check()
            functions = functions[1], functions[1]
    except BaseException as error:
        cause = None if moved.has_raised else error
        # If f gave its argument another shape, that is the cause of an IndexError here.
        if moved.restore() and isinstance(error, (IndexError, ValueError)):
            raise moved.change_error() from cause
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
    """``f(up) - f(down)`` for each element of a block.

    The first of the `functions` is called for the first element, the second for all others. Values
    of f are added to `seen`, if it is given, until it holds two different ones.
    """
    f, rest = functions
    float64 = np.float64
    x, argument, name, read = moved.x, moved.argument, moved.name, moved.x.item
    for up, down, kept, index in zip(*block[1:4], indices, strict=False):
        # f may have changed this element while another was moved: restoring it would hide that.
        if read(index) != kept and kept == kept:  # a NaN is unequal to itself
            raise moved.change_error()
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
    """Whether `values` is one finite number, which f returns at `x` too.

    At the bottom of a symmetric valley, f returns another number at `x`.
    """
    if len(values) != 1 or not math.isfinite(*values):
        return False
    with contextlib.suppress(Exception):
        return number(f(x), "x", ()) in values
    return False
