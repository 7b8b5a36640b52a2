"""The cross-entropy of networks that answer with probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._validation import sample_weights, targets
from kobai.functions import cross_entropy_error


def mean_cross_entropy(
    y: npt.NDArray[Any], t: npt.ArrayLike, sample_weight: npt.ArrayLike | None
) -> Any:
    """`cross_entropy_error` of the probabilities `y`; the mean is weighted if there are weights."""
    if sample_weight is None:
        return cross_entropy_error(y, t)
    weights = sample_weights("sample_weight", sample_weight, y.shape[:-1])
    if y.ndim == 1:
        return cross_entropy_error(y, t)
    counted = weights > 0
    answers = targets("t", t, y.shape[:1], y.shape[1], counted)
    pairs = zip(y[counted], answers[counted], strict=True)
    return np.average([cross_entropy_error(*pair) for pair in pairs], weights=weights[counted])
