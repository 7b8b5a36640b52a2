"""The parameters of a network that is made, loaded or unpickled."""

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
def memory_for(parameters: int, **sizes: object) -> Iterator[None]:
    """A context that makes a network: a MemoryError within it names the sizes of the network."""
    named = ", ".join(f"{name}={shown(size)}" for name, size in sizes.items())
    too_large = f"there is no memory for the {shown(parameters)} parameters of a network of {named}"
    # For larger arrays, NumPy raises a ValueError about the shape instead.
    if parameters * np.dtype(np.float64).itemsize > sys.maxsize:
        raise MemoryError(too_large)
    try:
        yield
    except MemoryError as error:
        raise MemoryError(too_large) from error


def warn_of_single_class(output_size: int) -> None:
    """Warn that a classifier of one class has nothing to learn."""
    if output_size == 1:
        warnings.warn(
            f"{_SINGLE_CLASS}: the softmax of a single score is always 1, so every sample has the "
            "same loss and every gradient is 0. For two classes, take output_size=2 and labels 0 "
            "and 1",
            stacklevel=3,
        )


@contextmanager
def single_class_known(output_size: int) -> Iterator[None]:
    """A context without that warning, for a network that was made, and warned of, before."""
    if output_size != 1:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _SINGLE_CLASS, UserWarning)
        yield


def writable(param: Any) -> Any:
    """`param`, or a copy of an array that is read-only."""
    if isinstance(param, np.ndarray) and not param.flags.writeable:
        return np.array(param)
    return param
