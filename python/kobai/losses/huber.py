"""Huber's loss: squares of small errors, the size of large ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kobai._validation import positive_float
from kobai.losses.base import Array
from kobai.losses.regression import RegressionLoss


@dataclass(frozen=True)
class Huber(RegressionLoss):
    """``e**2 / 2`` where ``abs(e) <= delta``, else ``delta * (abs(e) - delta / 2)``, summed.

    ``e`` is the error ``scores - t``: the loss is `SquaredError` of small ones, and grows like
    `AbsoluteError` with large ones, so that few far targets do not decide. The output is the
    scores themselves. Targets are real numbers of shape (N, K), or (N,) where K is 1.

    Parameters
    ----------
    delta : float, default 1
        Where errors begin to be large.

    Raises
    ------
    TypeError
        If `delta` is no number.
    ValueError
        If it is not positive and finite.

    References
    ----------
    .. [1] P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical
       Statistics 35 (1964).

    Examples
    --------
    >>> from kobai.losses import Huber
    >>> loss = Huber(delta=2)
    >>> loss
    Huber(delta=2.0)
    >>> float(loss([[1.0, 10.0]], [[0.0, 0.0]]))
    18.5
    >>> loss.gradient([[1.0, 10.0]], [[0.0, 0.0]])
    array([[1., 2.]])
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        """Check the setting."""
        object.__setattr__(self, "delta", positive_float("delta", self.delta))

    def _losses(self, scores: Array, t: Array) -> Array:
        sizes = np.abs(scores - t)
        # The derivative by the size, which is the size itself up to delta.
        slopes = np.minimum(sizes, self.delta)
        return np.asarray(np.sum(slopes * (sizes - slopes / 2), axis=1))

    def _slopes(self, scores: Array, t: Array) -> Array:
        return np.asarray(np.clip(scores - t, -self.delta, self.delta))
