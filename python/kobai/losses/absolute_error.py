"""The sum of absolute errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kobai.losses.base import Array
from kobai.losses.regression import RegressionLoss


@dataclass(frozen=True)
class AbsoluteError(RegressionLoss):
    """``sum(abs(scores - t))``: of scores that estimate medians.

    At its kink, where a score is its target, the derivative is taken as 0, the mean of those on
    either side. The output is the scores themselves. Targets are real numbers of shape (N, K), or
    (N,) where K is 1.

    References
    ----------
    .. [1] P. Bloomfield and W. L. Steiger, "Least Absolute Deviations" (1983).

    Examples
    --------
    >>> from kobai.losses import AbsoluteError
    >>> loss = AbsoluteError()
    >>> float(loss([[1.0, 2.0]], [[1.5, 0.0]]))
    2.5
    >>> loss.gradient([[1.0, 2.0, 3.0]], [[1.5, 0.0, 3.0]])
    array([[-1.,  1.,  0.]])
    """

    def _losses(self, scores: Array, t: Array) -> Array:
        return np.asarray(np.sum(np.abs(scores - t), axis=1))

    def _slopes(self, scores: Array, t: Array) -> Array:
        return np.asarray(np.sign(scores - t))
