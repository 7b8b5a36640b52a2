"""The central difference in every element of an array that is moved in place."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from kobai._difference.moved import Function, MovedArray
from kobai._difference.sampling import sample_pairs
from kobai._difference.steps import blocks
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
    part: slice | None = None,
    is_remote: bool = False,
) -> Gradient:
    """``(f(x + h) - f(x - h)) / ((x + h) - (x - h))`` in every element, in the shape of `x`.

    `x` is moved in place and restored bit for bit. f is called with `argument`, which shares its
    memory; without one, each call gets a copy of `x`. Errors call `x` by `name`, and advise `cure`
    where rounding swallows the step. With `part`, only those elements are moved, counted in C
    order, and the quotients have one axis. `is_remote` says that `x` is a copy somewhere else: then
    an exception of f gets a note that names the element.
    """
    moved = MovedArray(x, x if argument is None else argument, name)
    functions = moved.checked(f), f
    if argument is None:
        functions = of_copies(functions[0]), of_copies(f)
    seen: set[float] | None = set() if argument is None or is_remote else None
    start, stop = (0, x.size) if part is None else (part.start, part.stop)
    quotients = np.empty(stop - start, x.dtype)
    indices = moved.indices(start)
    try:
        for block in blocks(name, x, h, cure, part):
            places = block.up, block.down, block.kept, indices
            differences = sample_pairs(functions, moved, places, seen, has_notes=is_remote)
            quotients[block.elements] = _divided(differences, block.step, x.dtype)
            moved.check()
            functions = functions[1], functions[1]
    except BaseException as error:
        moved.restore_after(error)
        raise
    is_of_a_constant = seen is not None and _are_all_values(seen, functions[1], x)
    return Gradient(quotients if part is not None else quotients.reshape(x.shape), is_of_a_constant)


def of_copies(f: Function) -> Function:
    """f, called with a copy of its argument."""
    return lambda x: f(x.copy())


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
