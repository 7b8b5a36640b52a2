"""Targets: integer labels or rows of real numbers, told apart by shape and dtype."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._validation.arrays import (
    is_missing,
    is_real,
    numbers_in,
    plain_array,
    real_as_it_lies,
)
from kobai._validation.messages import as_array, place, shown


def targets(
    name: str, t: npt.ArrayLike, samples: tuple[int, ...], classes: int | None = None
) -> npt.NDArray[Any]:
    """The targets `t` as they lie: one integer label a sample, or one row of real numbers a sample.

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

    Returns
    -------
    ndarray
        Of shape `samples` and an integer dtype where they are labels, all of them in ``0..K-1``;
        else of any real dtype. Only an array of objects is copied, and what is no array.

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
        return real_as_it_lies(name, array)
    if array.shape == samples:
        labels = _integers(name, t, array)
        check_label_range(name, labels, classes)
        return labels
    if array.shape == (*samples, classes):
        return real_as_it_lies(name, array)
    raise _wrong_shape(name, t, array, (*samples, classes))


def check_label_range(name: str, labels: npt.NDArray[Any], classes: int) -> None:
    """Refuse integers outside ``0..classes - 1``: a ValueError shows the first of them."""
    if labels.size == 0 or (labels.min() >= 0 and labels.max() < classes):
        return
    is_wrong = (labels < 0) | (labels >= classes)
    index = tuple(map(int, np.unravel_index(is_wrong.argmax(), labels.shape)))
    got = f"{shown(labels[index])}{place(index)}"
    wrong = f"{name} must hold labels in 0..{classes - 1} only, got {got}"
    different = len(np.unique(labels))
    if different > classes:
        raise ValueError(f"{wrong}: {different} different labels need as many outputs")
    if labels.ndim:
        wrong += f": np.unique({name}, return_inverse=True)[1] numbers the classes from 0"
    raise ValueError(wrong)


def _integers(name: str, t: npt.ArrayLike, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Labels as they lie, if all of them are integers."""
    kind = array.dtype.kind
    if kind in "iu":
        return array
    if kind == "O" and all(map(is_real, set(map(type, array.flat)))):
        numbers = numbers_in(name, array)
        if numbers.dtype.kind in "iu":
            return numbers
    got, cure = _what_labels_are(as_array(name, t), array)
    raise TypeError(f"{name} must hold integers where it holds labels, got {got}: {cure}")


def _what_labels_are(expression: str, array: npt.NDArray[Any]) -> tuple[str, str]:
    """What stands in the place of integer labels, and what to do about it.

    `expression` is what the caller can write for `array`.
    """
    index, value = _telling_element(array)
    got = shown(value) + place(index)
    if array.dtype.kind != "O":
        got = f"dtype {array.dtype} ({got})"
    if is_missing(value) or (_is_number(value) and math.isnan(_as_float(value))):
        return got, "leave samples without a label out"
    if isinstance(value, (str, bytes)):
        return got, f"np.unique({expression}, return_inverse=True)[1] numbers the classes"
    if not _is_number(value):
        return got, "number the classes from 0"
    if not _as_float(value).is_integer():
        return got, "targets other than labels need a row of numbers a sample"
    return got, f"convert them with {expression}.astype(int)"


def _is_number(value: Any) -> bool:
    return is_real(type(value))


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except (ArithmeticError, ValueError):  # a number beyond the floats' range
        return math.inf


def _telling_element(array: npt.NDArray[Any]) -> tuple[tuple[int, ...], Any]:
    """The first element that `astype(int)` would not make the label that was meant; else the first.

    Integers among objects tell nothing.
    """
    first = None
    for index, value in np.ndenumerate(array):
        if isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64)):
            continue
        if not _is_number(value) or not _as_float(value).is_integer():
            return index, value
        first = first or (index, value)
    return first or ((), array.flat[0])


def _wrong_shape(
    name: str, t: npt.ArrayLike, array: npt.NDArray[Any], shape: tuple[int, ...]
) -> ValueError:
    wrong = f"{name} must have shape {shape}, or {shape[:-1]} for labels, got shape {array.shape}"
    if len(shape) == 2 and array.ndim == 2 and array.size == shape[0] > 0 and 1 in array.shape:
        flat = f"{as_array(name, t)}.ravel()"
        if array.dtype.kind not in "iu":
            flat += f", then: {_what_labels_are(flat, array.ravel())[1]}"
        wrong += f": labels in one column are made flat by {flat}"
    return ValueError(wrong)


def are_labels(t: npt.NDArray[Any], samples: tuple[int, ...], name: str = "t") -> bool:
    """Whether `t` is one integer label a sample, told by its shape and dtype.

    An array of that shape that holds anything else is refused.
    """
    if t.shape != samples:
        return False
    if t.dtype.kind not in "iu":
        _integers(name, t, t)
    return True
