"""Weights of samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kobai._validation.arrays import any_real_array
from kobai._validation.data import check_finite
from kobai._validation.messages import at_index, shown


def sample_weights(
    name: str, weights: npt.ArrayLike, samples: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """The weights of samples as a contiguous array of shape (N,), also for a single sample.

    Parameters
    ----------
    name : str
        What the caller knows `weights` as.
    weights : array_like
        One number a sample: shape `samples`; or (1,) where that is ``()``.
    samples : tuple of int
        ``(N,)``, or ``()`` for a single sample.

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If the shape does not fit, one is negative or not finite, or all are 0.
    """
    array = any_real_array(name, weights)
    if array.shape != samples and (samples or array.shape != (1,)):
        wanted = f"shape {samples}, one number a sample" if samples else "shape () for one sample"
        raise ValueError(f"{name} must have {wanted}, got shape {array.shape}")
    check_finite(name, array)
    if (array < 0).any():
        index = tuple(map(int, np.unravel_index(int((array < 0).argmax()), array.shape)))
        got = f"{shown(array[index])}{at_index(index)}"
        raise ValueError(f"{name} must not hold negative numbers, got {got}")
    if not array.any():
        raise ValueError(f"{name} must not be 0 for all samples")
    flat = np.require(array, np.float64, requirements=["C", "A"]).reshape(-1)
    with np.errstate(over="ignore"):
        is_finite = np.isfinite(flat.sum())
    # Only how they compare counts.
    return flat if is_finite else flat / flat.max()
