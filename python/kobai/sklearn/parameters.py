"""What the constructors take: constraints in scikit-learn's terms, and layers from them."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from kobai.losses import Loss
from kobai.networks.architecture import ACTIVATIONS, activation_names

# scikit-learn's name of an activation, where it is another than kobai's.
_KOBAI_NAMES = {"logistic": "sigmoid"}

CONSTRAINTS: dict[str, Any] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions({*ACTIVATIONS, "logistic"}), "array-like"],
    "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "gradient": [StrOptions({"backprop", "numerical"})],
    "scoring": [str, callable, None],
    "callbacks": ["array-like", object, None],
}

REGRESSION_LOSSES = {"squared_error", "poisson", "absolute_error", "huber", "pinball"}

LOSS_OF_REGRESSOR: list[Any] = [StrOptions(REGRESSION_LOSSES), Loss]
LOSS_OF_CLASSIFIER: list[Any] = [
    StrOptions({"log_loss", "cross_entropy", "binary_cross_entropy", *REGRESSION_LOSSES}),
    Loss,
]


def hidden_sizes(hidden_layer_sizes: Any) -> list[int]:
    """The units of each hidden layer, of one number or of an array of them."""
    given = hidden_layer_sizes
    sizes = list(given) if isinstance(given, Iterable) else [given]
    if np.any(np.array(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    if not all(isinstance(size, Integral) for size in sizes):
        raise TypeError(f"hidden_layer_sizes must hold integers, got {sizes}")
    return [int(size) for size in sizes]


def hidden_activations(activation: Any, layers: int) -> list[str]:
    """Kobai's name of the activation of each of so many hidden layers."""
    if isinstance(activation, str):
        activation = [activation] * layers
    names = [_KOBAI_NAMES.get(name, name) for name in activation]
    return activation_names("activation", names, layers)
