"""How error messages show a value, say where it stands, and name the caller's own array."""

from __future__ import annotations

import math
import reprlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

# Digits of an integer that are still shown: Python refuses to print the longest ones.
_SHOWN_BITS = 256


def shown(value: object) -> str:
    """`value` as its owner would write it, in a few words whatever it is."""
    if isinstance(value, np.generic) and value.dtype.kind in "biufcUS":
        value = value.item()
    if isinstance(value, int) and value.bit_length() > _SHOWN_BITS:
        sign = "-" if value < 0 else ""
        return f"about {sign}10**{int(value.bit_length() * math.log10(2))}"
    try:
        return reprlib.repr(value)
    except Exception:  # of a class whose repr fails
        return f"an object of type {type(value).__name__}"


def place(index: Sequence[int]) -> str:
    """Where the element of that index stands: `` at position 3``, `` in row 3, column 5``."""
    if len(index) == 0:
        return ""
    if len(index) == 1:
        return f" at position {index[0]}"
    if len(index) == 2:
        return f" in row {index[0]}, column {index[1]}"
    return f" at index ({', '.join(map(str, index))})"


def is_sparse(value: object) -> bool:
    """Whether `value` is a sparse matrix or array of SciPy's, which NumPy takes for one object."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(value))


def as_array(name: str, value: Any) -> str:
    """The expression that makes an array of the argument called `name`, for the reader to copy."""
    # A np.matrix has no flat form of its own.
    if isinstance(value, np.ndarray) and not isinstance(value, np.matrix):
        return name
    if is_sparse(value):
        return f"{name}.toarray()"
    if hasattr(value, "to_numpy"):
        return f"{name}.to_numpy()"
    return f"np.asarray({name})"
