"""What a fit is trained with, and what is held out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import is_classifier

from kobai.sklearn.objectives import Objective

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.int64]


@dataclass
class TrainingData:
    """Inputs, targets and weights of all samples, and which of them are trained with.

    Attributes
    ----------
    x : ndarray or sparse array
        The inputs: floats in C order, or in CSR form.
    t : ndarray
        Targets as the core takes them: int64 labels, or rows of the dtype of the parameters.
    y : ndarray
        The targets that scores are computed with, a row or a label each.
    weights : ndarray of float64 or None
        What each sample counts, the weights of classes included.
    score_weights : ndarray or None
        What each sample counts in a score: the weights of classes are not included.
    rows : ndarray of int
        The samples that are trained with.
    held_out : ndarray of int or None
        The others.
    """

    x: Any
    t: Array
    y: Array
    weights: Array | None
    score_weights: Array | None
    rows: Rows
    held_out: Rows | None = None


def held_out(estimator: Any, data: TrainingData, targets: Array) -> TrainingData:
    """The data with a part held out, the one that scikit-learn's estimators hold out.

    That split is stratified where the targets are a single column of classes.

    Raises
    ------
    ValueError
        If less than two samples are held out, or a class is too rare to be split.
    """
    from sklearn.model_selection import train_test_split

    stratify = targets if is_classifier(estimator) and targets.shape[1] == 1 else None
    rows, others = train_test_split(
        data.rows,
        random_state=estimator._random_state,
        test_size=estimator.validation_fraction,
        stratify=stratify,
    )
    if len(others) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' "
            "or the size of your dataset."
        )
    data.rows, data.held_out = rows, others
    return data


class HeldOut:
    """The part that is held out: an estimator's score and loss of it."""

    def __init__(self, data: TrainingData, objective: Objective) -> None:
        rows = data.held_out
        assert rows is not None  # noqa: S101 (the caller has asked for it)
        self.x, self.t, self.y = data.x[rows], data.t[rows], data.y[rows]
        self.weights = None if data.weights is None else data.weights[rows]
        self.score_weights = None if data.score_weights is None else data.score_weights[rows]
        self.share = objective.share
        constants = objective.constants
        self.constant = (
            0.0 if constants is None else float(np.average(constants[rows], weights=self.weights))
        )
