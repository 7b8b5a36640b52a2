"""Batches of users as the core takes them: inputs, targets and weights of samples."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from kobai._validation import FloatArray, converted, inputs, sample_weights
from kobai.losses import Loss
from kobai.networks.overrides import Overridable

# Many samples are computed in blocks, so that Ctrl-C is served between two calls of the core. A
# block fills a processor's cache, and has rows enough for threads to share.
MIN_BLOCK_ROWS = 1000
_BLOCK_ELEMENTS = 1 << 20

# No network that is trained makes infinities of numbers below this.
_SPREADING = 1e15

_SINGLE = np.dtype(np.float32)

_Batch = tuple[FloatArray, npt.NDArray[Any], npt.NDArray[np.float64] | None]


class Batches(Overridable):
    """A network that knows what the core takes: its sizes, its loss and its dtype."""

    # The number of inputs, of units in each hidden layer, and of outputs.
    _sizes: tuple[int, ...]
    _loss: Loss

    def _blocks(self, samples: int) -> list[slice]:
        """Slices of the samples that one call of the core computes together."""
        rows = max(MIN_BLOCK_ROWS, _BLOCK_ELEMENTS // max(self._sizes))
        return [slice(start, start + rows) for start in range(0, samples, rows)]

    def _rows(self, data: npt.NDArray[Any], *, keep_single: bool = False) -> FloatArray:
        """Inputs in the network's dtype; with `keep_single`, float16 and float32 as float32."""
        is_single = data.dtype.kind == "f" and data.dtype.itemsize <= _SINGLE.itemsize
        return converted(data, _SINGLE if keep_single and is_single else self.dtype)

    def _is_plain_batch(self, x: npt.ArrayLike) -> TypeGuard[FloatArray]:
        """Whether the core takes `x` unchanged: nothing needs to be checked or converted."""
        return (
            type(x) is np.ndarray
            and x.dtype == self.dtype
            and x.ndim == 2
            and x.shape[1] == self._sizes[0]
            and x.flags.aligned
        )

    def _batch(
        self,
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        keep_single: bool = False,
    ) -> _Batch:
        """A batch as the core takes it: inputs as rows, targets, and weights if there are any.

        Targets are int64 labels, or rows of the network's dtype. The core checks the range of
        labels in an integer array, which is not done twice.
        """
        if self._is_plain_batch(x):
            rows, samples = x, x.shape[:1]
        else:
            data = inputs("x", x, self._sizes[0])
            samples = data.shape[:-1]
            rows = self._rows(data if samples else data[np.newaxis], keep_single=keep_single)
        if sample_weight is not None:
            return self._weighted_batch(rows, t, sample_weight, samples)
        if (
            type(t) is np.ndarray
            and t.dtype.kind in "iu"
            and t.shape == samples
            and self._loss.has_classes
        ):
            answers = t
        else:
            answers = self._loss.checked_targets("t", t, samples, self._sizes[-1])
            if answers.shape != samples:
                return rows, np.atleast_2d(converted(answers, self.dtype)), None
        # The core takes aligned int64 labels, and copies them.
        return rows, answers.reshape(-1).astype(np.int64, copy=not answers.flags.aligned), None

    def _weighted_batch(
        self,
        rows: FloatArray,
        t: npt.ArrayLike,
        sample_weight: npt.ArrayLike,
        samples: tuple[int, ...],
    ) -> _Batch:
        """The same with weights, and nothing in samples of weight 0 that could reach the others."""
        weights = sample_weights("sample_weight", sample_weight, samples)
        counted = weights > 0 if samples else None
        answers = self._loss.checked_targets("t", t, samples, self._sizes[-1], counted)
        if answers.shape == samples:
            answers = answers.reshape(-1).astype(np.int64)
        else:
            answers = np.atleast_2d(converted(answers, self.dtype))
        if counted is not None and not counted.all():
            rows = _without_spreading(rows, counted)
            if answers.ndim == 2:
                answers = _without_spreading(answers, counted)
        return rows, answers, weights


def _without_spreading(rows: npt.NDArray[Any], counted: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Rows of which those that do not count are zeros where they hold NaN or huge numbers.

    NaN and infinity times a weight of 0 are NaN. Other rows stay as they are, so that the sums of
    the core, which are cut by what is zero, are those of a training that reads the rows in place.
    """
    with np.errstate(invalid="ignore"):
        spread = ~counted
        spread[spread] = ~(np.abs(rows[spread]) < _SPREADING).all(axis=1)
    if not spread.any():
        return rows
    return np.where(spread[:, np.newaxis], rows.dtype.type(0), rows)
