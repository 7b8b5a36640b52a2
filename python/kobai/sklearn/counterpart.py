"""The estimator of scikit-learn's that has an estimator's settings and parameters."""

from __future__ import annotations

from typing import Any

from sklearn.base import is_classifier

# What a fit has left behind, in both.
_COPIED = (
    "n_features_in_",
    "feature_names_in_",
    "classes_",
    "n_outputs_",
    "n_layers_",
    "out_activation_",
    "n_iter_",
    "t_",
    "loss_",
    "best_loss_",
    "best_validation_score_",
    "_no_improvement_count",
)
_COPIED_LISTS = ("loss_curve_", "validation_scores_")
_COPIED_ARRAYS = ("coefs_", "intercepts_", "_best_coefs", "_best_intercepts")


def to_sklearn(estimator: Any) -> Any:
    """What `to_sklearn` of an estimator of kobai's answers."""
    from sklearn import neural_network

    kind = "MLPClassifier" if is_classifier(estimator) else "MLPRegressor"
    theirs = getattr(neural_network, kind)
    known = theirs().get_params()
    settings = estimator.get_params()
    settings["activation"] = _their_activation(estimator)
    _check_loss(estimator, is_parameter="loss" in known)
    made = theirs(**{name: settings[name] for name in known})
    copy_fit(estimator, made)
    if hasattr(estimator, "_labels"):
        made._label_binarizer = estimator._labels.binarizer
    return made


def copy_fit(estimator: Any, made: Any) -> None:
    """Copy what a fit has left behind."""
    given = vars(estimator)
    for name in given.keys() & set(_COPIED):
        setattr(made, name, given[name])
    for name in given.keys() & set(_COPIED_LISTS):
        setattr(made, name, None if given[name] is None else list(given[name]))
    for name in given.keys() & set(_COPIED_ARRAYS):
        setattr(made, name, [each.copy() for each in given[name]])


def _their_activation(estimator: Any) -> str:
    names = {*estimator._activations()} or {"relu"}
    theirs = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}
    if len(names) > 1 or not names <= theirs.keys():
        raise ValueError(
            f"scikit-learn has one of {', '.join(theirs.values())} for all hidden layers, "
            f"got activation={estimator.activation!r}"
        )
    return theirs[names.pop()]


def _check_loss(estimator: Any, *, is_parameter: bool) -> None:
    """Raise if scikit-learn's estimator knows no such loss."""
    losses = {"log_loss"} if is_classifier(estimator) else {"squared_error"}
    if is_parameter:
        losses.add("poisson")
    if estimator.loss not in losses:
        raise ValueError(f"scikit-learn has no loss {estimator.loss!r}, only {sorted(losses)}")
