"""Whether a training still improves, by its loss or by the score of what is held out."""

from __future__ import annotations

from typing import Any

import numpy as np


class Progress:
    """Counts the epochs since a number improved, in attributes of the estimator.

    They are scikit-learn's: `best_loss_`, `best_validation_score_` and `_no_improvement_count`,
    which a warm start goes on with.
    """

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator

    def note_loss(self, loss: float) -> None:
        """Look at the loss of an epoch."""
        of = self._estimator
        of._no_improvement_count = (
            of._no_improvement_count + 1 if loss > of.best_loss_ - of.tol else 0
        )
        if loss < of.best_loss_:
            of.best_loss_ = loss

    def note_score(self, score: float) -> None:
        """Look at the score after an epoch, which may be NaN; keep the best parameters."""
        of = self._estimator
        is_no_better = score < of.best_validation_score_ + of.tol
        of._no_improvement_count = of._no_improvement_count + 1 if is_no_better else 0
        if score > of.best_validation_score_:
            of.best_validation_score_ = score
            of._best_coefs = [each.copy() for each in of.coefs_]
            of._best_intercepts = [each.copy() for each in of.intercepts_]

    @property
    def epochs_to_a_stall(self) -> float:
        """How many epochs it takes at least until nothing has improved for too long."""
        of = self._estimator
        return float(max(1, of.n_iter_no_change - of._no_improvement_count + 1))

    @property
    def is_stalled(self) -> bool:
        """Whether nothing has improved for longer than `n_iter_no_change`."""
        of = self._estimator
        return bool(of._no_improvement_count > of.n_iter_no_change)

    def complaint(self) -> str:
        """What has not improved, in scikit-learn's words."""
        of = self._estimator
        what = "Validation score" if of.early_stopping else "Training loss"
        return (
            f"{what} did not improve more than tol={of.tol:f} for "
            f"{of.n_iter_no_change} consecutive epochs."
        )


def start(estimator: Any) -> None:
    """Set the attributes of an estimator that has not seen an epoch."""
    estimator.loss_curve_ = []
    estimator._no_improvement_count = 0
    if estimator.early_stopping:
        estimator.validation_scores_ = []
        estimator.validation_loss_curve_ = []
        estimator.best_validation_score_ = -np.inf
        estimator.best_loss_ = None
    else:
        estimator.best_loss_ = np.inf
        estimator.validation_scores_ = None
        estimator.validation_loss_curve_ = None
        estimator.best_validation_score_ = None


def go_on(estimator: Any) -> None:
    """Set the attributes that a fit with other settings has not left behind."""
    of = estimator
    if not hasattr(of, "loss_curve_"):
        start(of)
    if of.early_stopping and of.validation_scores_ is None:
        of.validation_scores_, of.validation_loss_curve_ = [], []
        of.best_validation_score_ = -np.inf
        of._best_coefs = [each.copy() for each in of.coefs_]
        of._best_intercepts = [each.copy() for each in of.intercepts_]
    if not of.early_stopping and of.best_loss_ is None:
        of.best_loss_ = np.inf
