"""What users pass, as what the core takes: one place for the rules about dtypes and shapes."""

from __future__ import annotations

import math
import operator
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]

# The half-width of central differences: the course's.
HALF_WIDTH = 1e-4

_COMPUTED = {np.dtype(np.float32), np.dtype(np.float64)}


def plain_array(name: str, value: npt.ArrayLike) -> npt.NDArray[Any]:
    """`value` as a plain array, without a copy where it is one.

    A mask that hides something is refused: NumPy would drop it and compute with what it hides.
    """
    if type(value) is np.ndarray:
        return value
    if _is_masked(value):
        raise ValueError(f"{name} must not hold masked elements: fill them or leave them out")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be an array or nested sequences of one: {error}") from error


def _is_masked(value: npt.ArrayLike) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_masked, value))
    return isinstance(value, np.ma.MaskedArray) and bool(np.ma.is_masked(value))


def real_array(name: str, value: npt.ArrayLike) -> FloatArray:
    """`value` as an aligned float32 or float64 array, without a copy where it is one.

    Integers and bools become float64, float16 becomes float32.
    """
    array = plain_array(name, value)
    if array.dtype in _COMPUTED and array.flags.aligned:
        return array
    kind = array.dtype.kind
    if kind in "iub":
        return array.astype(np.float64)
    native = array.dtype.newbyteorder("=") if kind == "f" else array.dtype
    if native == np.float16:
        return array.astype(np.float32)
    if native not in _COMPUTED:
        raise TypeError(
            f"{name} must hold real numbers (float16, float32, float64, integers or bools), "
            f"got dtype {array.dtype}"
        )
    return np.require(array, dtype=native, requirements="A")


def result_dtype(*arrays: npt.ArrayLike) -> np.dtype[Any]:
    """The dtype of a result: that of the float arguments, float64 where none is float."""
    dtypes = (np.asarray(array).dtype for array in arrays)
    floats = [dtype.newbyteorder("=") for dtype in dtypes if dtype.kind == "f"]
    return np.result_type(*floats) if floats else np.dtype(np.float64)


def overlaps_itself(array: npt.NDArray[Any]) -> bool:
    """Whether two elements of `array` share memory: to change one would change the other."""
    axes = sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1)
    extent = array.itemsize
    nested = array.size > 0
    for stride, count in axes:
        nested = nested and stride >= extent
        extent += stride * (count - 1)
    if nested or array.size == 0:
        return False
    places = np.zeros(1, np.int64)
    for stride, count in axes:
        places = np.add.outer(places, stride * np.arange(count)).ravel()
    return bool(np.any(np.diff(np.sort(places)) < array.itemsize))


def in_dtype(array: FloatArray, dtype: np.dtype[Any]) -> FloatArray:
    """`array` in that dtype; what lies beyond its range becomes infinite, without a warning."""
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def are_labels(t: npt.NDArray[Any], samples: tuple[int, ...]) -> bool:
    """Whether `t` is one integer label a sample, told by its shape and dtype.

    A float array of that shape is refused.
    """
    if t.shape != samples:
        return False
    if t.dtype.kind not in "iu":
        raise TypeError(f"t must hold integers where it holds labels, got dtype {t.dtype}")
    return True


def integer(name: str, value: SupportsIndex) -> int:
    """`value` as an int."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None


def positive_int(name: str, value: SupportsIndex) -> int:
    """`value` as an int of at least 1."""
    number = integer(name, value)
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}")
    return number


def non_negative_float(name: str, value: SupportsFloat) -> float:
    """`value` as a finite float of at least 0."""
    number = real_number(name, value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be finite and not negative, got {number}")
    return number


def positive_float(name: str, value: SupportsFloat) -> float:
    """`value` as a finite float above 0."""
    number = real_number(name, value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be a positive finite number, got {number}")
    return number


def real_number(name: str, value: SupportsFloat) -> float:
    """`value` as a float; text is no number."""
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        return float(value)
    except TypeError:
        raise TypeError(f"{name} must be a number, got {value!r}") from None
