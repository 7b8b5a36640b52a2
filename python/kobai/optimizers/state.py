"""The state of an optimizer: dicts of arrays with the keys, shapes and dtypes of the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kobai._validation import shown
from kobai.optimizers.arrays import Array, Pair, in_words

State = dict[Any, Array]


def matching(name: str, arrays: object, pairs: list[Pair]) -> State:
    """The dict `arrays`, after checking that it fits the parameters; zeros if it is empty or None.

    Raises
    ------
    TypeError
        If it is no dict of arrays.
    ValueError
        If it does not fit.
    """
    if arrays is None or (isinstance(arrays, dict) and not arrays):
        return {pair.key: np.zeros(pair.param.shape, pair.param.dtype) for pair in pairs}
    if not isinstance(arrays, dict):
        raise TypeError(f"{name} must be a dict of arrays, got {shown(arrays)}")
    if arrays.keys() != {pair.key for pair in pairs}:
        raise ValueError(
            f"params must have the keys of {name}, {in_words(arrays)}, which earlier updates made; "
            f"got {in_words(pair.key for pair in pairs)}: make another optimizer for others"
        )
    for pair in pairs:
        _check_fit(f"{name}[{pair.key!r}]", arrays[pair.key], pair)
    return arrays


def _check_fit(name: str, array: object, pair: Pair) -> None:
    if type(array) is not np.ndarray:
        raise TypeError(f"{name} must be an array, got {shown(array)}")
    if (array.shape, array.dtype) != (pair.param.shape, pair.param.dtype):
        raise ValueError(
            f"params[{pair.key!r}] must be {array.dtype} {array.shape}, as {name} is, which "
            f"earlier updates made; got {pair.param.dtype} {pair.param.shape}"
        )
    if not array.flags.writeable:
        raise ValueError(f"{name} must be writable, got a read-only array")


def copied(name: str, arrays: object) -> State:
    """A copy of a dict of arrays of floats."""
    if not isinstance(arrays, Mapping):
        raise TypeError(f"{name} must be a dict of arrays, got {shown(arrays)}")
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            raise TypeError(f"{name}[{key!r}] must be an array of floats, got {shown(array)}")
    return {key: np.array(array) for key, array in arrays.items()}
