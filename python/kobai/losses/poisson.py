"""The loss of counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kobai.losses.base import Array
from kobai.losses.regression import RegressionLoss


@dataclass(frozen=True)
class Poisson(RegressionLoss):
    """``sum(exp(scores) - t * scores)``: of scores that are logarithms of expected counts.

    Up to what depends on the targets alone, it is the negative log-likelihood of Poisson's
    distribution. The output is the expected counts ``exp(scores)``. Targets are numbers that are
    not negative, of shape (N, K), or (N,) where K is 1.

    References
    ----------
    .. [1] P. McCullagh and J. A. Nelder, "Generalized Linear Models" (1989), chapter 6.

    Examples
    --------
    >>> from kobai.losses import Poisson
    >>> loss = Poisson()
    >>> float(loss([[0.0]], [[3]]))
    1.0
    >>> loss.gradient([[0.0]], [[3]])
    array([[-2.]])
    >>> loss.output([[0.0]])
    array([[1.]])
    """

    lowest: ClassVar[float | None] = 0

    def _losses(self, scores: Array, t: Array) -> Array:
        # A count of 0 contributes nothing, also where the score is infinite.
        return np.asarray(np.sum(np.exp(scores) - np.where(t == 0, 0, t * scores), axis=1))

    def _slopes(self, scores: Array, t: Array) -> Array:
        return np.asarray(np.exp(scores) - t)

    def _outputs(self, scores: Array) -> Array:
        return np.asarray(np.exp(scores))
