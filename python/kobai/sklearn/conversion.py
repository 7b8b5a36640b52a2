"""Estimators of kobai's from those of scikit-learn's."""

from __future__ import annotations

from typing import Any

from kobai.sklearn.classifier import MLPClassifier
from kobai.sklearn.counterpart import copy_fit
from kobai.sklearn.regressor import MLPRegressor
from kobai.sklearn.targets import Labels

_KINDS = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}


def from_sklearn(estimator: Any) -> MLPClassifier | MLPRegressor:
    """The estimator of kobai's with the settings and the parameters of one of scikit-learn's.

    What its optimizer keeps (velocities, means) is not taken over: `partial_fit` begins with none.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Fitted or not.

    Returns
    -------
    MLPClassifier or MLPRegressor
        Its arrays are copies.

    Raises
    ------
    TypeError
        If `estimator` is something else.

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> from kobai.sklearn import from_sklearn
    >>> theirs = MLPRegressor(solver="lbfgs", random_state=0).fit([[0.0], [1.0]], [0.0, 1.0])
    >>> from_sklearn(theirs).predict([[1.0]]).round(3)
    array([1.])
    """
    from sklearn import neural_network

    for name, ours in _KINDS.items():
        if type(estimator) is getattr(neural_network, name):
            made: MLPClassifier | MLPRegressor = ours(**estimator.get_params())
            copy_fit(estimator, made)
            if hasattr(estimator, "_label_binarizer"):
                made._labels = Labels.of_binarizer(estimator._label_binarizer)
            if hasattr(made, "loss_curve_"):
                made.validation_loss_curve_ = None if made.validation_scores_ is None else []
            return made
    known = " or ".join(f"sklearn.neural_network.{name}" for name in _KINDS)
    raise TypeError(f"estimator must be a {known}, got {type(estimator).__name__}")
