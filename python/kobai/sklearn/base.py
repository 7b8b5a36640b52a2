"""What the classifier and the regressor share: a fit from its first check to its last."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from kobai import _core
from kobai._validation import sample_weights
from kobai.sklearn import stopping
from kobai.sklearn.counterpart import to_sklearn
from kobai.sklearn.data import HeldOut, TrainingData, held_out
from kobai.sklearn.lbfgs import fit_lbfgs
from kobai.sklearn.network import (
    answers,
    as_core_takes,
    copied,
    drawn_parameters,
    mean_loss,
)
from kobai.sklearn.objectives import Objective
from kobai.sklearn.parameters import CONSTRAINTS, hidden_activations, hidden_sizes
from kobai.sklearn.rows import row_wise
from kobai.sklearn.stochastic import fit_stochastic

Array = npt.NDArray[Any]

_STOCHASTIC_SOLVERS = ("sgd", "adam")
_FLOATS = (np.float64, np.float32)

_Method = TypeVar("_Method", bound=Callable[..., Any])


def checks_parameters(method: _Method) -> _Method:
    """Has the parameters of the constructor checked before `method`, by scikit-learn."""
    checked: _Method = _fit_context(prefer_skip_nested_validation=True)(method)
    return checked


def has_partial_fit(estimator: Any) -> bool:
    """Whether the solver goes step by step; an AttributeError that says so if not."""
    if estimator.solver not in _STOCHASTIC_SOLVERS:
        raise AttributeError(
            "partial_fit is only available for stochastic"
            f" optimizers. {estimator.solver} is not stochastic."
        )
    return True


class BasePerceptron(BaseEstimator):
    """The base of both estimators; they say what targets are, and what is made of outputs."""

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS

    _optimizer: Any
    n_outputs_: int
    coefs_: list[Array]
    intercepts_: list[Array]

    @checks_parameters
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit the model to data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets: labels, or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts.

        Returns
        -------
        self : object
            The fitted estimator.

        Examples
        --------
        >>> from kobai.sklearn import MLPRegressor
        >>> model = MLPRegressor(solver="lbfgs", activation="identity", alpha=0, random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0]], [0.0, 2.0, 4.0]).predict([[3.0]]).round(3)
        array([6.])
        """
        with self._unchanged_by_errors():
            return self._fit(X, y, sample_weight, incremental=False)

    @contextlib.contextmanager
    def _unchanged_by_errors(self) -> Iterator[None]:
        """A fit that fails leaves the estimator as it was."""
        before = dict(vars(self))
        try:
            # What a fit goes on with is written to in place.
            for name in ("loss_curve_", "validation_scores_", "validation_loss_curve_"):
                if before.get(name) is not None:
                    setattr(self, name, list(before[name]))
            if "_optimizer" in before:
                self._optimizer = self._optimizer.copied()
            yield
        except Exception:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, incremental: bool) -> Any:
        sizes = hidden_sizes(self.hidden_layer_sizes)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        is_first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        # What is gone on with keeps its layers, whatever `hidden_layer_sizes` says by now.
        layers = len(sizes) if is_first else len(self.coefs_) - 1
        activations = hidden_activations(self.activation, layers)
        X, y = self._checked_data(X, y, incremental=incremental, reset=is_first)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X)
            # Copied, as targets are: they stay the same however long the fit takes.
            weights = np.array(sample_weights("sample_weight", weights, (X.shape[0],)))
        targets = self._targets(y)
        objective = self._objective(targets)
        outputs = self._outputs(targets, objective)
        if not is_first and outputs != self.n_outputs_:
            raise ValueError(f"y has {outputs} outputs, but the estimator has {self.n_outputs_}")
        self.n_outputs_ = outputs
        self._random_state = check_random_state(self.random_state)
        if is_first:
            widths = [X.shape[1], *sizes, outputs]
            self._initialize(widths, activations, objective, X.dtype)
        self.coefs_, self.intercepts_ = copied(self.coefs_), copied(self.intercepts_)
        data = TrainingData(
            x=row_wise(X),
            t=self._core_targets(targets, objective),
            y=targets,
            weights=self._with_class_weights(y, weights),
            score_weights=weights,
            rows=np.arange(X.shape[0]),
        )
        self._solve(data, objective, incremental=incremental)
        self._check_finite()
        return self

    def _solve(self, data: TrainingData, objective: Objective, *, incremental: bool) -> None:
        if self.solver == "lbfgs":
            fit_lbfgs(self, data, objective)
            return
        stopping.go_on(self)
        if self.early_stopping:
            held_out(self, data, self._split_targets(data.y))
        fit_stochastic(self, data, objective, incremental=incremental)

    def _initialize(
        self,
        sizes: list[int],
        activations: list[str],
        objective: Objective,
        dtype: np.dtype[Any],
    ) -> None:
        """Set the attributes of a first fit, and draw the parameters."""
        self.n_iter_ = 0
        self.t_ = 0
        self.n_layers_ = len(sizes)
        self.out_activation_ = objective.out_activation
        self.coefs_, self.intercepts_ = drawn_parameters(
            sizes, activations, self._random_state, dtype
        )
        self._best_coefs = [each.copy() for each in self.coefs_]
        self._best_intercepts = [each.copy() for each in self.intercepts_]
        if self.solver in _STOCHASTIC_SOLVERS:
            stopping.start(self)

    def _check_finite(self) -> None:
        if not all(np.isfinite(each).all() for each in (*self.coefs_, *self.intercepts_)):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may"
                " contain large values and need to be preprocessed."
            )

    def _activations(self) -> list[str]:
        """Kobai's name of the activation of each hidden layer that there is, or will be."""
        if hasattr(self, "coefs_"):
            return hidden_activations(self.activation, len(self.coefs_) - 1)
        return hidden_activations(self.activation, len(hidden_sizes(self.hidden_layer_sizes)))

    def _validated(self, X: Any, y: Any, *, reset: bool, **options: Any) -> tuple[Any, Any]:
        """`X` and `y` as arrays, checked by scikit-learn."""
        x, t = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=_FLOATS,
            reset=reset,
            **options,
        )
        return x, t

    def _network_outputs(self, X: Any, *, check_input: bool = True) -> Array:
        """The outputs for each row of `X`."""
        if check_input:
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        loss = self._prediction_loss()
        network = as_core_takes(self.coefs_, self.intercepts_, self._activations(), loss)
        outputs = answers(_core.network_outputs, network, row_wise(X))
        if self.out_activation_ == "exp":
            # The core answers logarithms.
            with np.errstate(over="ignore"):
                np.exp(outputs, out=outputs)
        return outputs

    def predict(self, X: Any) -> Any:
        """Predict with the fitted network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Labels, or numbers.

        Examples
        --------
        >>> from kobai.sklearn import MLPClassifier
        >>> model = MLPClassifier(solver="lbfgs", random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0]], ["low", "mid", "high"]).predict([[2.5]])
        array(['high'], dtype='<U4')
        """
        check_is_fitted(self)
        return self._decoded(self._network_outputs(X))

    def to_sklearn(self) -> Any:
        """The estimator of scikit-learn's with these settings and parameters.

        What the optimizer keeps is not taken over.

        Returns
        -------
        sklearn.neural_network.MLPClassifier or MLPRegressor
            Its arrays are copies.

        Raises
        ------
        ValueError
            If scikit-learn has no such activation or loss.

        Examples
        --------
        >>> from kobai.sklearn import MLPRegressor
        >>> model = MLPRegressor(solver="lbfgs", random_state=0).fit([[0.0], [1.0]], [0.0, 1.0])
        >>> theirs = model.to_sklearn()
        >>> type(theirs).__module__.split(".")[0], theirs.predict([[1.0]]).round(3)
        ('sklearn', array([1.]))
        """
        return to_sklearn(self)

    def to_onnx(self) -> bytes:
        """The fitted network as the content of an ONNX file, for other runtimes.

        It computes in single precision. The input is ``X``, of shape (N, n_features); outputs are
        ``label`` and, where there are any, ``probabilities`` of a classifier, and ``variable`` of a
        regressor, of shape (N, n_outputs).

        Returns
        -------
        bytes
            To be written to a file, or handed to ``onnxruntime.InferenceSession``.

        Raises
        ------
        ValueError
            If there is a single class, or its labels are of a type that ONNX lacks.

        Examples
        --------
        >>> from kobai.sklearn import MLPRegressor
        >>> model = MLPRegressor(solver="lbfgs", random_state=0).fit([[0.0], [1.0]], [0.0, 1.0])
        >>> type(model.to_onnx())
        <class 'bytes'>
        """
        from kobai.sklearn.onnx.estimators import to_onnx

        check_is_fitted(self)
        return to_onnx(self)

    def _held_out_loss(self, part: HeldOut) -> float:
        """The loss of what is held out, as losses are reported, without what weights add."""
        network = as_core_takes(
            self.coefs_, self.intercepts_, self._activations(), self._prediction_loss()
        )
        return mean_loss(network, part.x, part.t, part.weights) * part.share + part.constant

    def _held_out_score(self, part: HeldOut) -> float:
        """The score of what is held out, by the estimator's own measure or by a scorer."""
        if self.scoring is None:
            return self._score_of(part.x, part.y, part.score_weights)
        from sklearn.metrics import get_scorer

        # Arrays without names of features are scored, whatever `X` was.
        nameless = copy.copy(self)
        nameless.__dict__.pop("feature_names_in_", None)
        weights = {} if part.score_weights is None else {"sample_weight": part.score_weights}
        scorer = get_scorer(self.scoring)
        return float(scorer(nameless, part.x, self._given_targets(part.y), **weights))

    def _score_of(self, x: Array, y: Array, weights: Array | None) -> float:
        """The score of rows whose targets are as `_targets` has them."""
        raise NotImplementedError

    def _checked_data(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> tuple[Any, Any]:
        raise NotImplementedError

    def _targets(self, y: Any) -> Array:
        """The targets as scores are computed with them."""
        raise NotImplementedError

    def _given_targets(self, targets: Array) -> Any:
        """Targets as the user gave them."""
        return targets

    def _split_targets(self, targets: Array) -> Array:
        """Targets as a split is stratified by them."""
        return targets

    def _core_targets(self, targets: Array, objective: Objective) -> Array:
        """The targets as the core takes them."""
        raise NotImplementedError

    def _objective(self, targets: Array) -> Objective:
        raise NotImplementedError

    def _outputs(self, targets: Array, objective: Objective) -> int:
        """How many scores a sample has."""
        raise NotImplementedError

    def _with_class_weights(self, y: Any, weights: Array | None) -> Array | None:
        return weights

    def _prediction_loss(self) -> tuple[str, list[float]]:
        """The loss whose outputs are predicted, as the core takes it."""
        raise NotImplementedError

    def _decoded(self, outputs: Array) -> Any:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Any:
        """Sparse inputs are taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
