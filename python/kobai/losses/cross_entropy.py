"""Cross-entropy of the softmax of scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from kobai._validation import non_negative_float, targets
from kobai.functions import softmax
from kobai.losses.base import Array, Loss


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """``-sum(t * log(softmax(scores) + epsilon))``: of scores for classes.

    With epsilon 0 it is computed from the scores, as ``logsumexp(scores) - scores[label]``, and
    never saturates: where the score of the label is 800 below another, the loss is 800 and its
    derivative by that score -1, while the probability is 0 in double precision.

    The output is the softmax of the scores. Targets are integer labels of shape (N,), or the
    weights of the classes in rows of shape (N, K), one-hot or soft.

    Parameters
    ----------
    epsilon : float, default 0
        What is added to the probabilities. The course's `cross_entropy_error` has 1e-7, so that it
        never takes the logarithm of 0, and so has `TwoLayerNet`.

    Raises
    ------
    TypeError
        If `epsilon` is no number.
    ValueError
        If it is negative or not finite.

    References
    ----------
    .. [1] P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and
       softmax functions", IMA Journal of Numerical Analysis 41 (2021).

    Examples
    --------
    >>> from kobai.losses import CrossEntropy
    >>> loss = CrossEntropy()
    >>> float(loss([[800.0, 0.0]], [1]))
    800.0
    >>> loss.gradient([[800.0, 0.0]], [1])
    array([[ 1., -1.]])
    >>> print(f"{loss([[2.0, 2.0], [0.0, 0.0]], [[0.5, 0.5], [1.0, 0.0]]):.6f}")
    0.693147
    >>> print(f"{CrossEntropy(epsilon=1e-7)([[800.0, 0.0]], [1]):.6f}")
    16.118096
    """

    epsilon: float = 0.0

    has_classes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the setting."""
        object.__setattr__(self, "epsilon", non_negative_float("epsilon", self.epsilon))

    def checked_targets(
        self,
        name: str,
        t: npt.ArrayLike,
        samples: tuple[int, ...],
        outputs: int | None = None,
        counted: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[Any]:
        """Labels in ``0..K-1``, or rows of weights; see `Loss.checked_targets`.

        Examples
        --------
        >>> from kobai.losses import CrossEntropy
        >>> CrossEntropy().checked_targets("t", [2, 0], (2,), 3)
        array([2, 0])
        """
        return targets(name, t, samples, outputs, counted)

    def _losses(self, scores: Array, t: Array) -> Array:
        if self.epsilon > 0:
            log_probabilities = np.log(softmax(scores) + self.epsilon)
        else:
            below_largest = scores - scores.max(axis=1, keepdims=True)
            # The largest contributes 1 to the sum: the logarithm of 1 + others keeps all digits.
            largest = scores.argmax(axis=1)
            exponentials = np.exp(below_largest)
            exponentials[np.arange(len(scores)), largest] = 0
            log_sum = np.log1p(exponentials.sum(axis=1, keepdims=True))
            log_probabilities = below_largest - log_sum
        # A class of weight 0 contributes 0, also where its logarithm is infinite.
        return np.asarray(-np.where(t == 0, 0, t * log_probabilities).sum(axis=1))

    def _slopes(self, scores: Array, t: Array) -> Array:
        y = softmax(scores)
        if self.epsilon > 0:
            by_y = -t / (y + self.epsilon)
            return np.asarray(y * (by_y - np.sum(by_y * y, axis=1, keepdims=True)))
        return np.asarray(y * t.sum(axis=1, keepdims=True) - t)

    def _outputs(self, scores: Array) -> Array:
        return np.asarray(softmax(scores))
