"""A multi-layer perceptron that tells classes apart."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import check_is_fitted

from kobai.losses import BinaryCrossEntropy, CrossEntropy
from kobai.sklearn.base import BasePerceptron, checks_parameters, has_partial_fit
from kobai.sklearn.objectives import Objective, classification_objective
from kobai.sklearn.parameters import CONSTRAINTS, LOSS_OF_CLASSIFIER
from kobai.sklearn.targets import Labels, one_hot

Array = npt.NDArray[Any]


def has_probabilities(estimator: Any) -> bool:
    """Whether the outputs are probabilities; an AttributeError that says so if not."""
    loss = estimator.loss
    names = ("log_loss", "cross_entropy", "binary_cross_entropy")
    if isinstance(loss, (CrossEntropy, BinaryCrossEntropy)) or loss in names:
        return True
    raise AttributeError(f"probabilities are not available when loss={loss!r}")


class MLPClassifier(ClassifierMixin, BasePerceptron):
    """A multi-layer perceptron that tells classes apart, `sklearn.neural_network`'s twin.

    What is said there of `MLPClassifier` holds here; what follows is what there is more.

    Parameters
    ----------
    activation : str or list of str, default="relu"
        One of kobai's activations for all hidden layers, or one for each.
    loss : str or Loss, default="log_loss"
        "log_loss" is the cross-entropy of the softmax of a score a class, or of the logistic
        function of one score where there are two classes, or several labels a sample. Or a loss of
        `kobai.losses`, or its name; those of regression compare outputs with 0 and 1, and there
        are no probabilities then.
    class_weight : dict, "balanced" or None, default=None
        What samples count by their class, times their `sample_weight`.
    gradient : {"backprop", "numerical"}, default="backprop"
        How gradients are found: "numerical" takes central differences of the loss.
    scoring : str, callable or None, default=None
        What `early_stopping` watches: the accuracy, "loss" for the loss of what is held out, or a
        scorer of scikit-learn's.
    callbacks : list of kobai.callbacks.Callback, default=None
        What looks at the training between epochs, and may end it.

    Attributes
    ----------
    validation_loss_curve_ : list of float or None
        The loss of what `early_stopping` holds out, after each epoch.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from kobai.sklearn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(activation="gelu", learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **CONSTRAINTS,
        "loss": LOSS_OF_CLASSIFIER,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: Any = "log_loss",
        class_weight: Any = None,
        gradient: str = "backprop",
        scoring: Any = None,
        callbacks: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.class_weight = class_weight
        self.gradient = gradient
        self.scoring = scoring
        self.callbacks = callbacks

    @available_if(has_partial_fit)
    @checks_parameters
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """Train for one epoch, from where the last one ended.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The labels.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts.
        classes : array of shape (n_classes,), default=None
            All labels that will be seen. The first call needs them.

        Returns
        -------
        self : object
            The estimator.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which does not see all "
                "samples: pass the weights of classes as a dict"
            )
        with self._unchanged_by_errors():
            if _check_partial_fit_first_call(self, classes):
                is_multilabel = type_of_target(y).startswith("multilabel")
                self._labels = Labels(y if is_multilabel else classes)
            return self._fit(X, y, sample_weight, incremental=True)

    @available_if(has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """The probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        outputs = self._network_outputs(X)
        if outputs.shape[1] == 1:
            return np.concatenate([1 - outputs, outputs], axis=1)
        return outputs

    @available_if(has_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        probabilities: Array = self.predict_proba(X)
        np.log(probabilities, out=probabilities)
        return probabilities

    def _checked_data(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = self._validated(X, y, reset=reset)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._labels = Labels(y)
            self.classes_ = self._labels.classes
            return X, y
        classes = unique_labels(y)
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same "
                    "classes as in the previous call to fit. Previously "
                    f"got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {classes}."
            )
        return X, y

    def _targets(self, y: Any) -> Array:
        return self._labels.indicators(y)

    def _given_targets(self, targets: Array) -> Any:
        if targets.ndim == 1:
            return np.take(self.classes_, targets)
        return self._labels.of_outputs(targets)

    def _split_targets(self, targets: Array) -> Array:
        # scikit-learn splits by a column a class: no single one to stratify by.
        return targets if targets.ndim == 2 else np.empty((len(targets), 2), bool)

    def _objective(self, targets: Array) -> Objective:
        return classification_objective(self.loss, is_multiclass=self._labels.is_multiclass)

    def _outputs(self, targets: Array, objective: Objective) -> int:
        if self._labels.kind == "binary":
            return 2 if isinstance(objective.loss, CrossEntropy) else 1
        return len(self.classes_)

    def _core_targets(self, targets: Array, objective: Objective) -> Array:
        dtype = self.coefs_[0].dtype
        if isinstance(objective.loss, CrossEntropy):
            if targets.ndim == 1:
                return targets
            if self._labels.kind == "binary":
                return targets[:, 0].astype(np.int64)
        elif targets.ndim == 1:
            return one_hot(targets, len(self.classes_), dtype)
        return np.ascontiguousarray(targets, dtype)

    def _with_class_weights(self, y: Any, weights: Array | None) -> Array | None:
        if self.class_weight is None:
            return weights
        by_class = compute_sample_weight(self.class_weight, y)
        wrong = by_class[~(np.isfinite(by_class) & (by_class >= 0))]
        if len(wrong) > 0:
            raise ValueError(
                f"class_weight must hold finite numbers, none negative, got {wrong[0]}"
            )
        return np.asarray(by_class if weights is None else weights * by_class, np.float64)

    def _prediction_loss(self) -> tuple[str, list[float]]:
        is_softmax = self.out_activation_ == "softmax"
        return classification_objective(self.loss, is_multiclass=is_softmax).core_loss()

    def _decoded(self, outputs: Array) -> Any:
        return self._labels.of_outputs(outputs)

    def _score_of(self, x: Array, y: Array, weights: Array | None) -> float:
        found = self._decoded(self._network_outputs(x, check_input=False))
        right = found == self._given_targets(y)
        if right.ndim == 2:
            right = right.all(axis=1)
        return float(np.average(right, weights=weights))

    def __sklearn_tags__(self) -> Any:
        """Several labels a sample are taken."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
