"""The number that a function returned."""

from __future__ import annotations

from typing import Any

import numpy as np

from kobai._difference.steps import Index, element

# Kinds of dtype that hold times and durations, whose elements `item()` may turn to integers.
_TIMES = "mM"


def number(value: object, name: str, index: Index) -> float:
    """`value` as a float, if it is a real number, an array of one, or has `__float__`.

    Errors name the element `index` of the argument `name`, which was moved for this call. Text and
    complex numbers are refused.
    """
    if isinstance(value, float):
        return float(value)
    if hasattr(type(value), "__array__"):
        value = _only_element(value, name, index)
    kind = type(value)
    if not (hasattr(kind, "__float__") or hasattr(kind, "__index__")):
        raise TypeError(_no_number(value, name, index))
    try:
        return float(value)  # type: ignore[arg-type]
    except MemoryError:
        raise
    except OverflowError as error:
        raise ValueError(
            f"f must return a number that float64 can hold, got {kind.__name__} when asked for "
            f"{element(name, index)}: {error}"
        ) from error
    except Exception as error:
        raise TypeError(f"{_no_number(value, name, index)}: {error}") from error


def _only_element(value: Any, name: str, index: Index) -> object:
    """The only element of what NumPy can make an array of; `value` itself if NumPy cannot."""
    try:
        array = np.asarray(value)
    except MemoryError:
        raise
    except Exception:  # a tensor of PyTorch that requires grad; float(value) works
        return value
    if array.size != 1:
        raise ValueError(
            f"f must return a single number, got an array of shape {array.shape} when asked for "
            f"{element(name, index)}: {name} is one point, whatever its shape. For many points, "
            "take the gradient of each, or let f return the sum of their values"
        )
    if np.ma.is_masked(value) or array.dtype.kind in _TIMES:
        raise TypeError(_no_number(value, name, index))
    return array.item()


def _no_number(value: object, name: str, index: Index) -> str:
    return (
        f"f must return a real number, got {type(value).__name__} when asked for "
        f"{element(name, index)}"
    )
