"""Losses of the course: of outputs or scores and their targets, one number."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai._validation import (
    FloatArray,
    column_cure,
    in_dtype,
    plain_array,
    real_array,
    result_dtype,
    targets,
)
from kobai.functions.activations import softmax_of


def mean_squared_error(y: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    """Half the sum of squared errors, ``0.5 * sum((y - t)**2)``, as the course defines it.

    Parameters
    ----------
    y : array_like
        Outputs, any shape.
    t : array_like
        Targets, shape of `y`.

    Returns
    -------
    scalar
        Of the float dtype of `y` and `t`.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers.
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> from kobai import mean_squared_error
    >>> float(mean_squared_error([0.5, 0.25, 0.25], [0, 1, 0]))
    0.4375
    """
    outputs, targets = _pair("y", y, t)
    dtype = result_dtype(y, t)
    return in_dtype(np.asarray(_core.mean_squared_error(outputs, targets)), dtype)[()]


def sum_squared_error(y: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    """`mean_squared_error` under the name that later printings of the course give it.

    Takes, returns and raises what `mean_squared_error` does: half the sum, no mean.

    Examples
    --------
    >>> from kobai.functions import sum_squared_error
    >>> float(sum_squared_error([0.5, 0.25, 0.25], [0, 1, 0]))
    0.4375
    """
    return mean_squared_error(y, t)


def cross_entropy_error(y: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    """The cross-entropy ``-sum(t * log(y + 1e-7))``, averaged over the samples of a batch.

    Parameters
    ----------
    y : array_like
        Probabilities, shape (K,) for one sample or (N, K) for a batch.
    t : array_like
        Targets: weights of the classes, one-hot or soft, in the shape of `y`; or integer labels,
        shape (N,) for a batch and () for one sample. Shape and dtype tell which.

    Returns
    -------
    scalar
        The sum, divided by N where `y` has two axes. Of the float dtype of `y` and `t`.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, or labels are not integers.
    ValueError
        If the shapes do not fit, a label is outside ``0..K-1``, or the batch is empty.

    Examples
    --------
    Of one sample, with a one-hot target and with its label; then of a batch.

    >>> from kobai import cross_entropy_error
    >>> y = [0.25, 0.5, 0.25]
    >>> print(f"{cross_entropy_error(y, [0, 1, 0]):.6f}")
    0.693147
    >>> print(f"{cross_entropy_error(y, 1):.6f}")
    0.693147
    >>> print(f"{cross_entropy_error([y, y], [1, 0]):.6f}")
    1.039720
    """
    return _cross_entropy("y", y, t)


def softmax_loss(X: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    """The cross-entropy of the softmax of scores: ``cross_entropy_error(softmax(X), t)``.

    Parameters
    ----------
    X : array_like
        Scores, shape (K,) for one sample or (N, K) for a batch.
    t : array_like
        Targets, as `cross_entropy_error` takes them.

    Returns
    -------
    scalar
        Averaged over the samples of a batch. Of the float dtype of `X` and `t`.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, or labels are not integers.
    ValueError
        If the shapes do not fit, a label is outside ``0..K-1``, or the batch is empty.

    Examples
    --------
    >>> from kobai.functions import softmax_loss
    >>> print(f"{softmax_loss([[2.0, 2.0], [5.0, 5.0]], [0, 1]):.6f}")
    0.693147
    """
    scores, targets = plain_array("X", X), plain_array("t", t)
    if targets.dtype.kind == "f":
        real_array("t", targets)  # refuses what is wider than float64
    dtype = result_dtype(scores, targets)
    # No probability is rounded to a narrower type than the loss is computed in.
    wide = real_array("X", scores).astype(np.promote_types(dtype, np.float32), copy=False)
    loss = _cross_entropy("X", softmax_of("X", wide, -1), t)
    return in_dtype(np.asarray(loss), dtype)[()]


def _cross_entropy(name: str, y: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    probabilities, answers = plain_array(name, y), plain_array("t", t)
    dtype = result_dtype(probabilities, answers)
    if probabilities.ndim == 2 and probabilities.shape[0] == 0:
        raise ValueError(f"{name} must hold at least one sample, got shape {probabilities.shape}")
    samples = probabilities.shape[0] if probabilities.ndim == 2 else 1
    if probabilities.ndim in (1, 2) and answers.shape == probabilities.shape[:-1]:
        labels = targets("t", t, probabilities.shape[:-1], probabilities.shape[-1])
        rows = np.atleast_2d(real_array(name, probabilities))
        labels = np.atleast_1d(labels).astype(np.int64)
        total = _core.cross_entropy_error_labels(rows, labels)
    else:
        if cure := column_cure("t", t, answers, probabilities.shape):
            wanted = f"t must have the shape of {name}, {probabilities.shape}"
            raise ValueError(f"{wanted}, got shape {answers.shape}{cure}")
        total = _core.cross_entropy_error(*_pair(name, probabilities, answers))
    return in_dtype(np.asarray(total / samples), dtype)[()]


def _pair(name: str, y: npt.ArrayLike, t: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Both arguments in the wider of their computed dtypes, of one shape."""
    outputs, targets = real_array(name, y), real_array("t", t)
    if outputs.shape != targets.shape:
        raise ValueError(
            f"t must have the shape of {name}, {outputs.shape}, got shape {targets.shape}"
        )
    dtype = np.promote_types(result_dtype(y, t), np.float32)
    return outputs.astype(dtype, copy=False), targets.astype(dtype, copy=False)
