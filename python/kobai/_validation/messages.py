"""Parts of error messages: a value, the position of an element, the expression of an array."""

from __future__ import annotations

import math
import reprlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

# Longer integers are not printed digit by digit: Python refuses to print the longest ones.
_SHOWN_BITS = 256


def shown(value: object) -> str:
    """A short text for `value`: its literal where it has one, whatever object it is."""
    if isinstance(value, np.generic) and value.dtype.kind in "biufcUS":
        value = value.item()
    if isinstance(value, int) and value.bit_length() > _SHOWN_BITS:
        sign = "-" if value < 0 else ""
        return f"about {sign}10**{int(value.bit_length() * math.log10(2))}"
    try:
        return reprlib.repr(value)
    except Exception:  # of a class whose repr fails
        return f"an object of type {type(value).__name__}"


def at_index(index: Sequence[int]) -> str:
    """The position of an element, in words: `` at position 3``, `` in row 3, column 5``."""
    if len(index) == 0:
        return ""
    if len(index) == 1:
        return f" at position {index[0]}"
    if len(index) == 2:
        return f" in row {index[0]}, column {index[1]}"
    return f" at index ({', '.join(map(str, index))})"


def is_sparse(value: object) -> bool:
    """Whether `value` is a sparse matrix or array of SciPy: for NumPy, a single object."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(value))


def as_array(name: str, value: Any) -> str:
    """The Python expression, for the user to copy, that makes an array of the argument `name`."""
    # ravel() of a np.matrix is still a matrix of two axes.
    if isinstance(value, np.ndarray) and not isinstance(value, np.matrix):
        return name
    if is_sparse(value):
        return f"{name}.toarray()"
    if hasattr(value, "to_numpy"):
        return f"{name}.to_numpy()"
    return f"np.asarray({name})"
