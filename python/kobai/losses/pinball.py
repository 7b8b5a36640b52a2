"""The pinball loss of quantiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kobai._validation import inner_fraction
from kobai.losses.base import Array
from kobai.losses.regression import RegressionLoss


@dataclass(frozen=True)
class Pinball(RegressionLoss):
    """``max(q * (t - scores), (q - 1) * (t - scores))``, summed: of scores that estimate quantiles.

    A score below its target costs q for each unit, one above it ``1 - q``: the loss is least where
    a share q of the targets lies below. With q = 0.5 it is half of `AbsoluteError`. At its kink,
    where a score is its target, the derivative is taken as ``0.5 - q``, the mean of those on
    either side. The output is the scores themselves. Targets are real numbers of shape (N, K), or
    (N,) where K is 1.

    Parameters
    ----------
    quantile : float, default 0.5
        The q of the formula, between 0 and 1.

    Raises
    ------
    TypeError
        If `quantile` is no number.
    ValueError
        If it does not lie between 0 and 1.

    References
    ----------
    .. [1] R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46 (1978).

    Examples
    --------
    >>> from kobai.losses import Pinball
    >>> loss = Pinball(quantile=0.75)
    >>> float(loss([[0.0, 2.0]], [[2.0, 0.0]]))
    2.0
    >>> loss.gradient([[0.0, 2.0, 1.0]], [[2.0, 0.0, 1.0]])
    array([[-0.75,  0.25, -0.25]])
    """

    quantile: float = 0.5

    def __post_init__(self) -> None:
        """Check the setting."""
        object.__setattr__(self, "quantile", inner_fraction("quantile", self.quantile))

    def _losses(self, scores: Array, t: Array) -> Array:
        q, missing = self.quantile, t - scores
        return np.asarray(np.sum(np.maximum(q * missing, (q - 1) * missing), axis=1))

    def _slopes(self, scores: Array, t: Array) -> Array:
        return np.asarray(0.5 - self.quantile + 0.5 * np.sign(scores - t))
