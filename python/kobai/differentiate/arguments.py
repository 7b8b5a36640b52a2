"""The arguments of derivatives, checked and converted."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kobai._difference import check_steps, element
from kobai._validation import (
    FloatArray,
    any_real_array,
    non_negative_float,
    overlaps_itself,
    plain_array,
    positive_float,
    real_array,
)

Numbers = npt.NDArray[np.float64]
Bounds: TypeAlias = Any


def callable_function(f: object) -> None:
    """A TypeError unless `f` can be called."""
    if not callable(f):
        raise TypeError(f"f must be callable, got {type(f).__name__}")


def point(x: npt.ArrayLike) -> tuple[FloatArray, FloatArray | None]:
    """`x` as an array whose elements can be moved, and what f is given: None for copies."""
    is_movable = (
        isinstance(x, np.ndarray)
        and x.dtype in (np.float32, np.float64)
        and x.flags.writeable
        and x.flags.aligned
    )
    if is_movable and isinstance(x, np.ndarray):
        if overlaps_itself(x):
            raise ValueError(
                "x must not overlap itself in memory: moving one element moves another"
            )
        return plain_array("x", x), x
    return np.array(real_array("x", x)), None


def steps(h: Any, x: FloatArray) -> Numbers | None:
    """The steps of the elements of `x`, flat; None for those that kobai chooses."""
    if isinstance(h, str):
        if h != "auto":
            raise ValueError(f"h must be 'auto', a number or an array of the shape of x, got {h!r}")
        return None
    if np.ndim(h) == 0:
        width = positive_float("h", h)
        check_steps("x", x[np.isfinite(x)], width)
        return np.full(x.size, width)
    widths = _broadcast("h", h, x)
    if not (np.isfinite(widths).all() and (widths > 0).all()):
        raise ValueError("h must hold positive finite numbers")
    return widths


def bounds_of(bounds: Bounds, x: FloatArray) -> tuple[Numbers, Numbers]:
    """The lowest and the highest numbers that each element of `x` may be moved to, flat."""
    if bounds is None:
        return np.full(x.size, -np.inf), np.full(x.size, np.inf)
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        bounds = bounds.lb, bounds.ub
    try:
        low, high = bounds
    except (TypeError, ValueError):
        raise TypeError(
            "bounds must be a pair (low, high) of numbers or arrays that fit x, "
            f"or a scipy.optimize.Bounds, got {type(bounds).__name__}"
        ) from None
    low = _broadcast("bounds[0]", -np.inf if low is None else low, x)
    high = _broadcast("bounds[1]", np.inf if high is None else high, x)
    flat = x.ravel()
    outside = ~((low <= flat) & (flat <= high)) & ~np.isnan(flat)
    if outside.any():
        i = int(np.flatnonzero(outside)[0])
        index = tuple(map(int, np.unravel_index(i, x.shape)))
        raise ValueError(
            f"x must lie within bounds, got {element('x', index)} = {flat[i]} outside "
            f"[{low[i]}, {high[i]}]"
        )
    return low, high


def noise_of(noise: Any, shape: tuple[int, ...]) -> Numbers | None:
    """The noise of each output, flat; None if it is to be measured."""
    if isinstance(noise, str):
        if noise != "auto":
            raise ValueError(f"noise must be 'auto', a number or an array, got {noise!r}")
        return None
    size = int(np.prod(shape))
    if np.ndim(noise) == 0:
        return np.full(size, non_negative_float("noise", noise))
    levels = any_real_array("noise", noise).astype(np.float64)
    if levels.shape != shape:
        raise ValueError(
            f"noise must be a number or have the shape of f(x), {shape}, got shape {levels.shape}"
        )
    if not (np.isfinite(levels).all() and (levels >= 0).all()):
        raise ValueError("noise must hold finite numbers that are not negative")
    return levels.ravel()


def _broadcast(name: str, value: npt.ArrayLike, x: FloatArray) -> Numbers:
    array = any_real_array(name, value).astype(np.float64)
    try:
        return np.broadcast_to(array, x.shape).ravel()
    except ValueError:
        raise ValueError(
            f"{name} must be a number or fit the shape of x, {x.shape}, got shape {array.shape}"
        ) from None
