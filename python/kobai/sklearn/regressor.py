"""A multi-layer perceptron that predicts numbers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.metaestimators import available_if

from kobai.losses.named import core_loss, loss_named
from kobai.sklearn.base import BasePerceptron, checks_parameters, has_partial_fit
from kobai.sklearn.objectives import Objective, regression_objective
from kobai.sklearn.parameters import CONSTRAINTS, LOSS_OF_REGRESSOR

Array = npt.NDArray[Any]


class MLPRegressor(RegressorMixin, BasePerceptron):
    """A multi-layer perceptron that predicts numbers, `sklearn.neural_network.MLPRegressor`'s twin.

    What is said there holds here; what follows is what there is more.

    Parameters
    ----------
    loss : str or Loss, default="squared_error"
        "squared_error", "poisson", "absolute_error", "huber", "pinball", or a loss of
        `kobai.losses`, such as ``Pinball(0.9)``.
    activation : str or list of str, default="relu"
        One of kobai's activations for all hidden layers, or one for each.
    gradient : {"backprop", "numerical"}, default="backprop"
        How gradients are found: "numerical" takes central differences of the loss.
    scoring : str, callable or None, default=None
        What `early_stopping` watches: the coefficient of determination, "loss" for the loss of what
        is held out, or a scorer of scikit-learn's.
    callbacks : list of kobai.callbacks.Callback, default=None
        What looks at the training between epochs, and may end it.

    Attributes
    ----------
    validation_loss_curve_ : list of float or None
        The loss of what `early_stopping` holds out, after each epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai.sklearn import MLPRegressor
    >>> X = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> model = MLPRegressor(solver="lbfgs", random_state=0).fit(X, X[:, 0] ** 2)
    >>> bool(model.score(X, X[:, 0] ** 2) > 0.99)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {**CONSTRAINTS, "loss": LOSS_OF_REGRESSOR}

    def __init__(
        self,
        loss: Any = "squared_error",
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
        gradient: str = "backprop",
        scoring: Any = None,
        callbacks: Any = None,
    ) -> None:
        self.loss = loss
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
        self.gradient = gradient
        self.scoring = scoring
        self.callbacks = callbacks

    @available_if(has_partial_fit)
    @checks_parameters
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train for one epoch, from where the last one ended.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts.

        Returns
        -------
        self : object
            The estimator.
        """
        with self._unchanged_by_errors():
            return self._fit(X, y, sample_weight, incremental=True)

    def _checked_data(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = self._validated(X, y, reset=reset, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if y.dtype.kind not in "biuf":
            raise TypeError(f"y must hold numbers, got an array of dtype {y.dtype}")
        # None among objects has become NaN after scikit-learn's look.
        return X, check_array(y, ensure_2d=False, input_name="y", dtype=y.dtype)

    def _targets(self, y: Any) -> Array:
        return np.array(y).reshape(len(y), -1)

    def _objective(self, targets: Array) -> Objective:
        return regression_objective(self.loss, targets)

    def _outputs(self, targets: Array, objective: Objective) -> int:
        return int(targets.shape[1])

    def _core_targets(self, targets: Array, objective: Objective) -> Array:
        return np.ascontiguousarray(targets, self.coefs_[0].dtype)

    def _prediction_loss(self) -> tuple[str, list[float]]:
        return core_loss(loss_named("loss", self.loss))

    def _decoded(self, outputs: Array) -> Array:
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def _score_of(self, x: Array, y: Array, weights: Array | None) -> float:
        from sklearn.metrics import r2_score

        outputs = self._network_outputs(x, check_input=False)
        if not np.isfinite(outputs).all():
            return float("nan")
        return float(r2_score(y, outputs, sample_weight=weights))
