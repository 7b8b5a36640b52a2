"""Cross-entropy of the logistic function of scores, each of them for itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kobai.functions import sigmoid
from kobai.losses.base import Array
from kobai.losses.regression import RegressionLoss


@dataclass(frozen=True)
class BinaryCrossEntropy(RegressionLoss):
    """``sum(log(1 + exp(scores)) - t * scores)``: of scores for labels that may hold together.

    Each score is that of a label which a sample has or has not, whatever its other labels are.
    The loss is the cross-entropy ``-t * log(y) - (1 - t) * log(1 - y)`` of the outputs
    ``y = sigmoid(scores)``, computed from the scores, so that it never saturates.

    Targets are numbers in [0, 1] of shape (N, K), or (N,) where K is 1; a soft one says how
    probable the label is.

    References
    ----------
    .. [1] D. R. Cox, "The regression analysis of binary sequences", Journal of the Royal
       Statistical Society B 20 (1958).

    Examples
    --------
    >>> from kobai.losses import BinaryCrossEntropy
    >>> loss = BinaryCrossEntropy()
    >>> float(loss([[800.0, -800.0]], [[0, 0]]))
    800.0
    >>> loss.gradient([[800.0, -800.0]], [[0, 0]])
    array([[1., 0.]])
    >>> loss.output([[0.0, 800.0]])
    array([[0.5, 1. ]])
    """

    lowest: ClassVar[float | None] = 0
    highest: ClassVar[float | None] = 1

    def _losses(self, scores: Array, t: Array) -> Array:
        # The softplus of s and that of -s, which is s less.
        tail = np.log1p(np.exp(-np.abs(scores)))
        has_not, has = np.maximum(scores, 0) + tail, np.maximum(-scores, 0) + tail
        return np.asarray(
            np.sum(np.where(t == 0, 0, t * has) + np.where(t == 1, 0, (1 - t) * has_not), axis=1)
        )

    def _slopes(self, scores: Array, t: Array) -> Array:
        # As sigmoid(scores) - t, with all digits where that is nearly 0.
        return np.asarray((1 - t) * sigmoid(scores) - t * sigmoid(-scores))

    def _outputs(self, scores: Array) -> Array:
        return np.asarray(sigmoid(scores))
