"""What all losses share: arguments are checked, and the losses of samples averaged."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from kobai._validation import FloatArray, in_dtype, real_array, result_dtype, sample_weights

Array = npt.NDArray[np.float64]


class Loss:
    """The base of all losses: how far scores are off from their targets, in one number.

    A loss is called with the scores of samples and their targets, and answers the mean of the
    losses of the samples, or the mean weighted by ``sample_weight``. It is computed in double
    precision as its formula says, and rounded to the dtype of the scores. A sample of weight 0
    does not count, whatever its scores and its target hold.

    The losses are `CrossEntropy`, `SquaredError`, `BinaryCrossEntropy`, `AbsoluteError`, `Huber`,
    `Pinball` and `Poisson`. One of them, or its name, is what `MultiLayerNet` takes.

    Examples
    --------
    >>> from kobai.losses import Loss, SquaredError
    >>> loss = SquaredError()
    >>> isinstance(loss, Loss)
    True
    >>> float(loss([[1.0], [5.0]], [[0.0], [5.0]]))
    0.25
    >>> float(loss([[1.0], [5.0]], [[0.0], [5.0]], sample_weight=[3, 1]))
    0.375
    """

    has_classes: ClassVar[bool] = False

    def __call__(
        self, scores: npt.ArrayLike, t: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> Any:
        """The mean loss of the samples.

        Parameters
        ----------
        scores : array_like
            Scores, shape (N, K), or (K,) for one sample.
        t : array_like
            Targets, as the loss takes them.
        sample_weight : array_like, optional
            What the samples count, shape (N,): finite numbers, none negative and not all 0.

        Returns
        -------
        scalar
            Of the float dtype of the scores.

        Raises
        ------
        TypeError
            If an argument does not hold numbers of the right kind.
        ValueError
            If shapes do not fit, there is no sample, or targets or weights are out of range.
        """
        rows, answers, weights = self._checked(scores, t, sample_weight)
        counted = weights > 0
        with np.errstate(all="ignore"):
            losses = self._losses(rows[counted], answers[counted])
            mean = np.sum(weights[counted] * losses) / np.sum(weights)
        return in_dtype(np.asarray(mean), result_dtype(scores))[()]

    def gradient(
        self, scores: npt.ArrayLike, t: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> FloatArray:
        """The derivative of the mean loss by the scores.

        Takes and raises what the loss does when it is called.

        Returns
        -------
        ndarray
            Shape and float dtype of the scores. The rows of samples of weight 0 are 0.

        Examples
        --------
        >>> from kobai.losses import SquaredError
        >>> SquaredError().gradient([[1.0], [5.0]], [[0.0], [7.0]])
        array([[ 0.5],
               [-1. ]])
        """
        rows, answers, weights = self._checked(scores, t, sample_weight)
        counted = weights > 0
        by_scores = np.zeros(rows.shape)
        with np.errstate(all="ignore"):
            shares = weights[counted] / np.sum(weights)
            by_scores[counted] = shares[:, np.newaxis] * self._slopes(
                rows[counted], answers[counted]
            )
        return in_dtype(by_scores.reshape(np.shape(scores)), result_dtype(scores))

    def output(self, scores: npt.ArrayLike) -> FloatArray:
        """What the loss compares with targets: here the scores themselves.

        Parameters
        ----------
        scores : array_like
            Scores, shape (N, K), or (K,) for one sample.

        Returns
        -------
        ndarray
            A new array, shape and float dtype of the scores.

        Examples
        --------
        >>> from kobai.losses import SquaredError
        >>> SquaredError().output([1.0, -2.0])
        array([ 1., -2.])
        """
        rows = _rows(scores)
        with np.errstate(all="ignore"):
            outputs = self._outputs(rows) if len(rows) else rows
        return in_dtype(outputs.reshape(np.shape(scores)), result_dtype(scores))

    def checked_targets(
        self,
        name: str,
        t: npt.ArrayLike,
        samples: tuple[int, ...],
        outputs: int | None = None,
        counted: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[Any]:
        """The targets as an array, after checking that this loss takes them.

        Parameters
        ----------
        name : str
            What the caller knows them as.
        t : array_like
            Targets, as the loss takes them.
        samples : tuple of int
            ``(N,)``, or ``()`` for a single sample.
        outputs : int, optional
            The number of scores K, if it is known.
        counted : ndarray of bool, shape (N,), optional
            The samples that count, of several. Targets of others are not looked at.

        Returns
        -------
        ndarray
            Integer labels of the shape `samples`, or real numbers of shape ``(*samples, K)``.

        Raises
        ------
        TypeError, ValueError
            If it does not take them.

        Examples
        --------
        >>> from kobai.losses import CrossEntropy, SquaredError
        >>> CrossEntropy().checked_targets("t", [2, 0], (2,), 3)
        array([2, 0])
        >>> SquaredError().checked_targets("t", [2.5, 0.0], (2,), 1)
        array([[2.5],
               [0. ]])
        """
        raise NotImplementedError

    def _checked(
        self, scores: npt.ArrayLike, t: npt.ArrayLike, sample_weight: npt.ArrayLike | None
    ) -> tuple[Array, Array, Array]:
        """Scores and targets as rows, and weights, the largest of which is 1."""
        rows = _rows(scores)
        if len(rows) == 0:
            raise ValueError(f"scores must hold at least one sample, got shape {rows.shape}")
        samples = np.shape(scores)[:-1]
        weights, counted = np.ones(len(rows)), None
        if sample_weight is not None:
            weights = sample_weights("sample_weight", sample_weight, samples)
            weights = weights / weights.max()
            counted = weights > 0 if samples else None
        answers = self.checked_targets("t", t, samples, rows.shape[1], counted)
        if answers.shape == samples:
            answers = np.eye(rows.shape[1])[answers]
        return rows, np.asarray(answers, np.float64).reshape(rows.shape), weights

    def _losses(self, scores: Array, t: Array) -> Array:
        """The loss of each sample, shape (N,); scores and targets are (N, K)."""
        raise NotImplementedError

    def _slopes(self, scores: Array, t: Array) -> Array:
        """Its derivative by the scores of the sample, shape (N, K)."""
        raise NotImplementedError

    def _outputs(self, scores: Array) -> Array:
        """What is compared with targets, shape (N, K)."""
        return scores.copy()


def _rows(scores: npt.ArrayLike) -> Array:
    """Scores in double precision, a row for each sample."""
    array = real_array("scores", scores)
    if array.ndim not in (1, 2):
        raise ValueError(f"scores must have shape (N, K) or (K,), got shape {array.shape}")
    if array.shape[-1] == 0:
        raise ValueError(f"scores must have at least one column, got shape {array.shape}")
    return np.atleast_2d(array).astype(np.float64, copy=False)
