"""The state of optimizers and callbacks: as JSON text and named arrays, and back.

A state is a dict with names as keys. Its values are such dicts, lists, tuples, arrays of numbers,
numbers, text or None.

In JSON, a dict is an object. A list, whose first element says what follows, stands for the rest:
``["list", ...]``, ``["tuple", ...]``, ``["array", name]``, or ``["scalar", name]`` for a number of
NumPy's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kobai._training.network import Array
from kobai._validation import shown

_NUMBERS = "biufc"


def pack(name: str, state: object, arrays: dict[str, Array]) -> Any:
    """`state` as JSON can hold it; its arrays are added to `arrays`, under names below `name`.

    Raises
    ------
    TypeError
        If it holds something else.
    """
    if isinstance(state, (np.ndarray, np.generic)):
        return [_kind_of(state), _add(name, np.asarray(state), arrays)]
    if state is None or isinstance(state, (bool, int, float, str)):
        return state
    if isinstance(state, (list, tuple)):
        kind = "tuple" if isinstance(state, tuple) else "list"
        return [kind, *(pack(f"{name}/{k}", part, arrays) for k, part in enumerate(state))]
    if isinstance(state, Mapping):
        for key in state:
            if not isinstance(key, str):
                raise TypeError(f"{name} must have keys that are text, got {shown(key)}")
        return {key: pack(f"{name}/{key}", part, arrays) for key, part in state.items()}
    raise TypeError(
        f"{name} must be made of numbers, text, arrays, lists and dicts, got {shown(state)}"
    )


def _kind_of(state: object) -> str:
    return "array" if isinstance(state, np.ndarray) else "scalar"


def _add(name: str, array: Array, arrays: dict[str, Array]) -> str:
    if array.dtype.kind not in _NUMBERS:
        raise TypeError(f"{name} must hold numbers, got dtype {array.dtype}")
    while name in arrays:
        name += "+"
    arrays[name] = array
    return name


def unpack(packed: object, arrays: dict[str, Array]) -> Any:
    """The state that `pack` has packed; takes the arrays it needs out of `arrays`.

    Raises
    ------
    ValueError
        If it was not packed so, or an array is missing.
    """
    if packed is None or isinstance(packed, (bool, int, float, str)):
        return packed
    if isinstance(packed, dict):
        return {key: unpack(part, arrays) for key, part in packed.items()}
    kind, *parts = packed if isinstance(packed, list) and packed else [None]
    if kind in ("list", "tuple"):
        inner = [unpack(part, arrays) for part in parts]
        return inner if kind == "list" else tuple(inner)
    if kind not in ("array", "scalar") or len(parts) != 1 or not isinstance(parts[0], str):
        raise ValueError(f"a state must be packed, got {shown(packed)}")
    if parts[0] not in arrays:
        raise ValueError(f"a state has no array {parts[0][:200]!r}")
    array = arrays.pop(parts[0])
    if array.dtype.kind not in _NUMBERS or (kind == "scalar" and array.ndim):
        raise ValueError(f"a state must hold numbers, got {array.dtype} {array.shape}")
    return array if kind == "array" else array[()]
