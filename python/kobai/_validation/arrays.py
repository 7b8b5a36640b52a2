"""Arrays of real numbers, from whatever NumPy can make one of."""

from __future__ import annotations

import decimal
import numbers
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from kobai._validation.messages import at_index, is_sparse, shown

FloatArray = npt.NDArray[np.floating[Any]]

_COMPUTED = {np.dtype(np.float32), np.dtype(np.float64)}
_REAL = {*_COMPUTED, np.dtype(np.float16)}
_REAL_NUMBERS = "real numbers (float16, float32, float64, integers or bools)"

# The types of pandas.NA and pandas.NaT, which mark a missing value, as None does.
_MISSING_TYPES = ("NAType", "NaTType")


def plain_array(name: str, value: npt.ArrayLike) -> npt.NDArray[Any]:
    """`value` as an array of the class ndarray itself; not copied if it is an array already.

    A mask that hides elements is refused: NumPy would drop the mask and use the hidden elements.
    """
    if type(value) is np.ndarray:
        return value
    try:
        masked = _is_masked(value)
        array = np.asarray(value)
    except MemoryError:
        raise
    # NumPy raises a ValueError for ragged lists. `__array__` may raise anything: a tensor of
    # PyTorch that requires grad raises a RuntimeError.
    except Exception as error:
        is_ragged = isinstance(error, ValueError) and isinstance(value, (list, tuple))
        raise (ValueError if is_ragged else TypeError)(
            f"{name} must be an array or nested sequences of one: {error}"
        ) from error
    if masked:
        raise ValueError(f"{name} must not hold masked elements: fill them or leave them out")
    if array.ndim == 0 and array.dtype.hasobject and is_sparse(value):
        _refuse_sparse(name, value)
    return array


def _is_masked(value: npt.ArrayLike) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_masked, value))
    return isinstance(value, np.ma.MaskedArray) and bool(np.ma.is_masked(value))


def _refuse_sparse(name: str, value: Any) -> NoReturn:
    cure = f"{name}.toarray()"
    if value.shape[-1:] == (1,):
        cure += f", or labels with {name}.toarray().ravel()"
    raise TypeError(
        f"{name} must be a dense array, got a sparse {type(value).__name__} of shape "
        f"{value.shape}: convert it with {cure}"
    )


def any_real_array(name: str, value: npt.ArrayLike) -> npt.NDArray[Any]:
    """`value` as an array of bools, integers, float16, float32 or float64, not copied if it is one.

    Byte order, layout and alignment stay as they are. An array of objects, such as that of a data
    frame whose columns differ in dtype, is converted if every element is a real number.
    """
    array = plain_array(name, value)
    if array.dtype.kind == "O":
        return numbers_from_objects(name, array)
    if array.dtype.kind not in "iub" and not (
        array.dtype.kind == "f" and array.dtype.newbyteorder("=") in _REAL
    ):
        raise TypeError(f"{name} must hold {_REAL_NUMBERS}, got dtype {array.dtype}")
    return array


def real_array(name: str, value: npt.ArrayLike) -> FloatArray:
    """`value` as an aligned array of native float32 or float64, not copied if it is one.

    Integers and bools become float64, float16 becomes float32.
    """
    if type(value) is np.ndarray and value.dtype in _COMPUTED and value.flags.aligned:
        return value
    array = any_real_array(name, value)
    if array.dtype.kind != "f":
        return array.astype(np.float64)
    native = array.dtype.newbyteorder("=")
    if native == np.float16:
        return array.astype(np.float32)
    return np.require(array, dtype=native, requirements="A")


def is_real(kind: type) -> bool:
    """Whether the objects of a type are real numbers."""
    real = (numbers.Real, np.bool_, decimal.Decimal)
    return issubclass(kind, real) and not issubclass(kind, np.timedelta64)


def is_missing(value: object) -> bool:
    """Whether `value` marks a missing value."""
    return value is None or type(value).__name__ in _MISSING_TYPES


def numbers_from_objects(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array of objects as one of bools or integers, if all elements are such, or of float64."""
    kinds = set(map(type, array.flat))
    if not all(map(is_real, kinds)):
        _refuse_element(name, array)
    bools = [kind for kind in kinds if issubclass(kind, (bool, np.bool_))]
    if bools and len(bools) == len(kinds):
        return array.astype(np.bool_)
    if kinds and not bools and all(issubclass(kind, numbers.Integral) for kind in kinds):
        for dtype in (np.int64, np.uint64):
            try:
                return array.astype(dtype)
            except OverflowError:
                continue
    try:
        return array.astype(np.float64)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers that float64 can hold: {error}") from error


def _refuse_element(name: str, array: npt.NDArray[Any]) -> NoReturn:
    index, value = next(
        (index, value) for index, value in np.ndenumerate(array) if not is_real(type(value))
    )
    message = (
        f"{name} must hold {_REAL_NUMBERS}, got dtype object ({shown(value)}{at_index(index)})"
    )
    if is_sparse(value):
        message += ": sparse rows are made dense by their toarray()"
    if is_missing(value) and array.ndim:
        message += ": fill what is missing, or leave it out"
    raise TypeError(message)


def result_dtype(*arrays: npt.ArrayLike) -> np.dtype[Any]:
    """The dtype of a result: the widest of the float arguments, float64 if no argument is float."""
    dtypes = (np.asarray(array).dtype for array in arrays)
    floats = [dtype.newbyteorder("=") for dtype in dtypes if dtype.kind == "f"]
    return np.result_type(*floats) if floats else np.dtype(np.float64)


def overlaps_itself(array: npt.NDArray[Any]) -> bool:
    """Whether two elements of `array` share memory, so that writing one changes the other."""
    axes = sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1)
    # The usual case: each axis steps over all that the axes before it cover.
    covered = array.itemsize
    is_nested = array.size > 0
    for stride, count in axes:
        is_nested = is_nested and stride >= covered
        covered += stride * (count - 1)
    if is_nested or array.size == 0:
        return False
    offsets = np.zeros(1, np.int64)
    for stride, count in axes:
        offsets = np.add.outer(offsets, stride * np.arange(count)).ravel()
    return bool(np.any(np.diff(np.sort(offsets)) < array.itemsize))


def in_dtype(array: FloatArray, dtype: np.dtype[Any]) -> FloatArray:
    """`array` in a dtype; numbers beyond its range become infinite, without a warning."""
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def converted(array: npt.NDArray[Any], dtype: np.dtype[Any]) -> FloatArray:
    """An array of any real dtype as an aligned array of `dtype`, by at most one copy.

    The numbers are those of `in_dtype(real_array(...), dtype)`.
    """
    if array.dtype == dtype and array.flags.aligned:
        return array
    if array.dtype.kind in "iu" and array.dtype.itemsize > 4:
        # As `real_array` does: rounded to double precision first, then to single.
        array = array.astype(np.float64)
    with np.errstate(over="ignore"):
        return array.astype(dtype)
