"""Half the sum of squared errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kobai.losses.base import Array
from kobai.losses.regression import RegressionLoss


@dataclass(frozen=True)
class SquaredError(RegressionLoss):
    """``sum((scores - t)**2) / 2``: of scores that estimate means.

    The course's `mean_squared_error` is the same of one sample. The output is the scores
    themselves. Targets are real numbers of shape (N, K), or (N,) where K is 1.

    References
    ----------
    .. [1] C. F. Gauss, "Theoria motus corporum coelestium" (1809), on least squares.

    Examples
    --------
    >>> from kobai.losses import SquaredError
    >>> loss = SquaredError()
    >>> float(loss([[1.0, 2.0], [3.0, 0.0]], [[1.0, 4.0], [3.0, 0.0]]))
    1.0
    >>> loss.gradient([[1.0], [5.0]], [0.0, 7.0])
    array([[ 0.5],
           [-1. ]])
    """

    def _losses(self, scores: Array, t: Array) -> Array:
        return np.asarray(np.sum((scores - t) ** 2, axis=1) / 2)

    def _slopes(self, scores: Array, t: Array) -> Array:
        return scores - t
