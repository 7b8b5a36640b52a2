"""The arrays that an update is given: parameters that can be changed, and their gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kobai._validation import overlaps_itself, plain_array, shown

Array = npt.NDArray[Any]


class Pair(NamedTuple):
    """A parameter, its name and its gradient."""

    key: Any
    param: Array
    gradient: Array


def check_dicts(params: Any, grads: Any) -> None:
    """Raise unless both are dicts, with the same keys."""
    for name, given in (("params", params), ("grads", grads)):
        if type(given) is not dict and not isinstance(given, Mapping):
            raise TypeError(f"{name} must be a dict of arrays, got {shown(given)}")
    if params.keys() != grads.keys():
        wanted, got = in_words(params), in_words(grads)
        raise ValueError(f"grads must have the keys {wanted}, got {got}")


def in_words(keys: Any) -> str:
    """Keys of any type, sorted, for an error message."""
    return ", ".join(sorted(map(repr, keys))) or "none"


def checked_pairs(params: Mapping[Any, Any], grads: Mapping[Any, Any]) -> list[Pair]:
    """All pairs, after checking everything that could stop an update half-way."""
    return [_checked_pair(key, param, grads[key]) for key, param in params.items()]


def _checked_pair(key: Any, param: Any, grad: npt.ArrayLike) -> Pair:
    if not isinstance(param, np.ndarray):
        raise TypeError(f"params[{key!r}] must be an array, got {type(param).__name__}")
    if param.dtype.kind != "f":
        raise TypeError(f"params[{key!r}] must hold floats, got dtype {param.dtype}")
    gradient = plain_array(f"grads[{key!r}]", grad)
    if gradient.shape != param.shape:
        raise ValueError(
            f"grads[{key!r}] must have shape {param.shape}, got shape {gradient.shape}"
        )
    if gradient.dtype.kind not in "fiub":
        raise TypeError(f"grads[{key!r}] must hold real numbers, got dtype {gradient.dtype}")
    if not param.flags.writeable:
        raise ValueError(f"params[{key!r}] must be writable, got a read-only array")
    if overlaps_itself(param):
        raise ValueError(f"params[{key!r}] must not overlap itself in memory")
    return Pair(key, param, gradient)
