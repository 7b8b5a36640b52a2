"""Targets that are numbers: one for each output of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._validation.arrays import any_real_array
from kobai._validation.messages import at_index, shown

Counted = npt.NDArray[np.bool_] | None


def number_targets(
    name: str,
    t: npt.ArrayLike,
    samples: tuple[int, ...],
    outputs: int | None = None,
    *,
    lowest: float | None = None,
    highest: float | None = None,
    counted: Counted = None,
) -> npt.NDArray[Any]:
    """The targets `t` as an array of real numbers, of shape ``(*samples, outputs)``.

    Parameters
    ----------
    name : str
        What the caller knows `t` as.
    t : array_like
        That shape, or `samples` where there is one output.
    samples : tuple of int
        ``(N,)``, or ``()`` for a single sample.
    outputs : int, optional
        The number of outputs K. Where it is not known, there may be any, and the shape of `t` is
        left as it is.
    lowest, highest : float, optional
        What no target may lie below or above. NaN lies nowhere, and is let through.
    counted : ndarray of bool, shape (N,), optional
        The samples that count, of several. Targets of the others may lie anywhere.

    Returns
    -------
    ndarray
        Of any real dtype; copied only if `t` is no array, or one of objects.

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If the shape does not fit, or a target lies outside the limits.
    """
    array = any_real_array(name, t)
    if outputs is None:
        if array.shape[: len(samples)] != samples:
            wanted = f"hold {samples[0] if samples else 1} targets, one a sample"
            raise ValueError(f"{name} must {wanted}, got shape {array.shape}")
    elif array.shape != (*samples, outputs) and (outputs != 1 or array.shape != samples):
        raise _wrong_shape(name, array, samples, outputs)
    _check_limits(name, array, lowest, highest, counted)
    if outputs is None:
        return array
    return array.reshape((*samples, outputs)) if array.shape == samples else array


def _check_limits(
    name: str,
    array: npt.NDArray[Any],
    lowest: float | None,
    highest: float | None,
    counted: Counted,
) -> None:
    wrong = np.zeros(array.shape, np.bool_)
    if lowest is not None:
        wrong |= array < lowest
    if highest is not None:
        wrong |= array > highest
    if counted is not None:
        wrong[~counted] = False
    if not wrong.any():
        return
    index = tuple(map(int, np.unravel_index(int(wrong.argmax()), array.shape)))
    if highest is None:
        limits = "not hold negative numbers" if lowest == 0 else f"hold numbers from {lowest:g} on"
    else:
        limits = f"hold numbers in [{lowest:g}, {highest:g}]"
    raise ValueError(f"{name} must {limits}, got {shown(array[index])}{at_index(index)}")


def _wrong_shape(
    name: str, array: npt.NDArray[Any], samples: tuple[int, ...], outputs: int
) -> ValueError:
    also = f" or {samples}" if outputs == 1 else ""
    message = (
        f"{name} must have shape {(*samples, outputs)}{also}, one number for each output, "
        f"got shape {array.shape}"
    )
    if array.shape == samples and array.dtype.kind in "iu":
        message += ": if they are labels of classes, the loss must be 'cross_entropy'"
    return ValueError(message)
