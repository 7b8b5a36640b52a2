"""The loop over the elements: move one, call f, move it on, call f, ..., restore it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from kobai._difference.moved import Function, MovedArray
from kobai._difference.steps import Index, element
from kobai._difference.value import number

# Makes a number, or an array, of a value of f that is neither a float nor a float64; told the name
# and the index of the element that was moved.
Convert = Callable[[Any, str, Index], Any]


def sample_pairs(
    functions: tuple[Function, Function],
    moved: MovedArray,
    places: tuple[Iterable[float], Iterable[float], Iterable[Any], Iterator[Index]],
    seen: set[float] | None,
    *,
    has_notes: bool = False,
) -> Iterator[float]:
    """``f(up) - f(down)`` for each element: `sample` for two points and one number, in less time.

    Parameters
    ----------
    functions, moved, has_notes
        As for `sample`.
    places : tuple
        The two points of each element, the original numbers and the indices.
    seen : set, optional
        Values of f are added to it until it holds two different ones.
    """
    f, rest = functions
    float64 = np.float64
    x, argument, name, read = moved.x, moved.argument, moved.name, moved.x.item
    for up, down, kept, index in zip(*places, strict=False):
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
        except Exception as error:
            if has_notes:
                _note(error, moved, index)
            raise
        finally:
            x[index] = kept
        if seen is not None and len(seen) < 2:
            seen.update((above, below))
        yield above - below
        f = rest


def sample(
    functions: tuple[Function, Function],
    moved: MovedArray,
    places: tuple[Iterable[Any], Iterable[Sequence[float]], Iterator[Index]],
    convert: Convert,
    *,
    has_notes: bool = False,
) -> list[Any]:
    """The values of f with each element moved to its points, one after another, in that order.

    Parameters
    ----------
    functions : tuple
        The first is called for the first element, the second for all others.
    moved : MovedArray
        Whose elements are moved; each is restored before the next is moved.
    places : tuple
        The original numbers, the points of each element, and the indices, of at least as many.
    convert : callable
        Makes of a value what is returned, if it is not a float.
    has_notes : bool, default False
        Whether an exception of f is given a note that names the element.
    """
    f, rest = functions
    float64 = np.float64
    found: list[Any] = []
    add = found.append
    x, argument, name, read = moved.x, moved.argument, moved.name, moved.x.item
    for kept, points, index in zip(*places, strict=False):
        # f may have changed this element while another was moved: restoring it would hide that.
        if read(index) != kept and kept == kept:  # a NaN is unequal to itself
            raise moved.change_error()
        try:
            for x[index] in points:
                value = f(argument)
                if value.__class__ is not float:
                    if value.__class__ is float64:
                        value = float(value)
                    else:
                        value = convert(value, name, index)
                add(value)
        except Exception as error:
            if has_notes:
                _note(error, moved, index)
            raise
        finally:
            x[index] = kept
        f = rest
    return found


def _note(error: Exception, moved: MovedArray, index: Index) -> None:
    if not moved.has_raised:
        add_note(error, f"raised when f was asked for {element(moved.name, index)}")


def add_note(error: BaseException, note: str) -> None:
    """Add `note` to what Python prints of an error, from 3.11 on, once."""
    notes = getattr(error, "__notes__", None)
    if notes is None:
        error.__notes__ = notes = []
    if note not in notes:
        notes.append(note)
