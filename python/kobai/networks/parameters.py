"""Parameters of a new network, and of one that was unpickled."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kobai._validation import shown

_SINGLE_CLASS = "output_size is 1"


@contextmanager
def room_for(parameters: int, **sizes: int) -> Iterator[None]:
    """Within, a network of those sizes is made: where there is no memory for it, they are named."""
    named = ", ".join(f"{name}={shown(size)}" for name, size in sizes.items())
    too_large = f"there is no memory for the {shown(parameters)} parameters of a network of {named}"
    # Beyond this, NumPy finds fault with the shape.
    if parameters * np.dtype(np.float64).itemsize > sys.maxsize:
        raise MemoryError(too_large)
    try:
        yield
    except MemoryError as error:
        raise MemoryError(too_large) from error


def warn_of_single_class(output_size: int) -> None:
    """Tell who makes a classifier of one class that it has nothing to learn."""
    if output_size == 1:
        warnings.warn(
            f"{_SINGLE_CLASS}: the softmax of a single score is always 1, so every sample has the "
            "same loss and every gradient is 0. For two classes, take output_size=2 and labels 0 "
            "and 1",
            stacklevel=3,
        )


@contextmanager
def told_before(output_size: int) -> Iterator[None]:
    """Within, nothing is said about a single class: who made such a network has been told."""
    if output_size != 1:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _SINGLE_CLASS, UserWarning)
        yield


def owned(value: Any) -> Any:
    """`value`, or a writable copy of an array that is read-only."""
    if isinstance(value, np.ndarray) and not value.flags.writeable:
        return np.array(value)
    return value
