"""Targets: integer labels or rows of real numbers, told apart by shape and dtype."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._validation.arrays import (
    any_real_array,
    is_missing,
    is_real,
    plain_array,
)
from kobai._validation.messages import as_array, at_index, shown


def targets(
    name: str,
    t: npt.ArrayLike,
    samples: tuple[int, ...],
    classes: int | None = None,
    counted: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[Any]:
    """The targets `t` as an array: for each sample an integer label, or a row of real numbers.

    Parameters
    ----------
    name : str
        What the caller knows `t` as.
    t : array_like
        Labels of shape `samples`, or rows of shape ``(*samples, classes)``.
    samples : tuple of int
        ``(N,)``, or ``()`` for a single sample.
    classes : int, optional
        The number of classes K. Where it is not known, rows may have any shape, and targets of
        shape `samples` may be any real numbers.
    counted : ndarray of bool, shape (N,), optional
        The samples that count, of several. Labels of the others may be any integers; they come back
        as 0.

    Returns
    -------
    ndarray
        Labels have the shape `samples` and an integer dtype, and lie in ``0..K-1``; rows have any
        real dtype. Copied only if `t` is no array, or one of objects, or not all samples count.

    Raises
    ------
    TypeError
        If labels are not integers, or rows not real numbers.
    ValueError
        If the shape does not fit, a label is outside ``0..K-1``, or a target is missing.
    """
    array = plain_array(name, t)
    if array.ndim == 0 and array.dtype.kind == "O" and not is_real(type(array[()])):
        raise TypeError(f"{name} must hold labels or rows of real numbers, got {shown(array[()])}")
    if classes is None:
        if array.shape[: len(samples)] != samples:
            raise ValueError(
                f"{name} must hold {samples[0] if samples else 1} targets, one a sample, "
                f"got shape {array.shape}"
            )
        return any_real_array(name, array)
    if array.shape == samples:
        if counted is not None and _are_integers(array):
            array = np.where(counted, array, np.zeros_like(array))
        return _labels(name, t, array, classes)
    if array.shape == (*samples, classes):
        return any_real_array(name, array)
    raise _wrong_shape(name, t, array, (*samples, classes))


def check_label_range(name: str, labels: npt.NDArray[Any], classes: int) -> None:
    """Refuse integers outside ``0..classes - 1``: a ValueError shows the first of them."""
    if labels.size == 0 or (labels.min() >= 0 and labels.max() < classes):
        return
    is_wrong = (labels < 0) | (labels >= classes)
    index = tuple(map(int, np.unravel_index(is_wrong.argmax(), labels.shape)))
    got = f"{shown(labels[index])}{at_index(index)}"
    wrong = f"{name} must hold labels in 0..{classes - 1} only, got {got}"
    raise ValueError(f"{wrong}: {_numbered(name, labels, classes)}" if labels.ndim else wrong)


def _numbered(expression: str, labels: npt.NDArray[Any], classes: int) -> str:
    """The advice to number labels from 0, unless there are more of them than classes."""
    try:
        different = len(np.unique(labels))
    except TypeError:  # text and numbers, say, have no order
        expression, labels = f"{expression}.astype(str)", labels.astype(str)
        different = len(np.unique(labels))
    if different > classes:
        return f"{different} different labels need as many outputs"
    return f"np.unique({expression}, return_inverse=True)[1] numbers the classes from 0"


def _labels(name: str, t: npt.ArrayLike, array: npt.NDArray[Any], classes: int) -> npt.NDArray[Any]:
    """The labels, after checking that all are integers in ``0..classes - 1``."""
    if not _are_integers(array):
        index, value = _decisive_element(array)
        got = shown(value) + at_index(index)
        if array.dtype.kind != "O":
            got = f"dtype {array.dtype} ({got})"
        cure = _cure(as_array(name, t), array, classes)
        raise TypeError(f"{name} must hold integers where it holds labels, got {got}: {cure}")
    check_label_range(name, array, classes)
    return array if array.dtype.kind != "O" else array.astype(np.int64)


def _are_integers(array: npt.NDArray[Any]) -> bool:
    if array.dtype.kind == "O":
        return all(map(_is_integer, set(map(type, array.flat))))
    return array.dtype.kind in "iu"


def _is_integer(kind: type) -> bool:
    return is_real(kind) and issubclass(kind, numbers.Integral) and not issubclass(kind, bool)


def _cure(expression: str, array: npt.NDArray[Any], classes: int) -> str:
    """The advice how to make labels of `array`, an array that the user can write as `expression`.

    Empty if they are labels already.
    """
    value = _decisive_element(array)[1]
    if is_missing(value) or (_is_number(value) and math.isnan(_as_float(value))):
        return "leave samples without a label out"
    if isinstance(value, (str, bytes)):
        return _numbered(expression, array, classes)
    if not _is_number(value):
        return "number the classes from 0"
    if not _as_float(value).is_integer():
        return "targets other than labels need a row of numbers a sample"
    if array.min() < 0 or array.max() >= classes:
        return _numbered(expression, array, classes)
    return "" if _are_integers(array) else f"convert them with {expression}.astype(int)"


def _is_number(value: Any) -> bool:
    return is_real(type(value))


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except (ArithmeticError, ValueError):  # a number beyond the floats' range
        return math.inf


def _decisive_element(array: npt.NDArray[Any]) -> tuple[tuple[int, ...], Any]:
    """The element that shows what is wrong with labels, and its index.

    That is the first that `astype(int)` would not turn into the label that was meant. If there is
    none, it is the first that is not an integer.
    """
    first = None
    for index, value in np.ndenumerate(array):
        if _is_integer(type(value)):
            continue
        if not _is_number(value) or not _as_float(value).is_integer():
            return index, value
        first = first or (index, value)
    return first or ((), array.flat[0])


def _wrong_shape(
    name: str, t: npt.ArrayLike, array: npt.NDArray[Any], shape: tuple[int, ...]
) -> ValueError:
    return ValueError(
        f"{name} must have shape {shape}, or {shape[:-1]} for labels, got shape {array.shape}"
        f"{column_cure(name, t, array, shape)}"
    )


def column_cure(
    name: str, t: npt.ArrayLike, array: npt.NDArray[Any], shape: tuple[int, ...]
) -> str:
    """The advice to flatten an `array` that holds one label a sample in a column or a row.

    Empty otherwise. `shape` is the shape that rows of numbers would have.
    """
    if len(shape) != 2 or array.ndim != 2 or array.shape == shape or 1 not in array.shape:
        return ""
    if array.size != shape[0] or array.size == 0:
        return ""
    flat = f"{as_array(name, t)}.ravel()"
    made_flat = f": labels in one column are made flat by {flat}"
    then = _cure(flat, array.ravel(), shape[-1])
    return f"{made_flat}, then: {then}" if then else made_flat
