"""The arguments that say what a network of any depth is made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, SupportsFloat

import numpy as np

from kobai._validation import known_name, non_negative_float, positive_int, shown
from kobai.networks.layers import Layer

ACTIVATIONS = (
    "identity",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "softplus",
    "silu",
    "gelu",
)

# The variance of weights by the name of what it suits, times the number of inputs.
# He et al., "Delving deep into rectifiers" (2015); Glorot and Bengio, "Understanding the difficulty
# of training deep feedforward neural networks" (2010), in the course's form, which counts inputs.
_VARIANCES = {"relu": 2.0, "he": 2.0, "sigmoid": 1.0, "xavier": 1.0}


def hidden_sizes(name: str, value: Any) -> list[int]:
    """The number of units in each hidden layer."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    # A set has no order.
    if isinstance(value, (str, bytes, Set, Mapping)) or not isinstance(value, Iterable):
        message = f"{name} must be a list of integers, got {shown(value)}"
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
            message += f": write [{shown(value)}]"
        raise TypeError(message)
    return [positive_int(f"{name}[{k}]", size) for k, size in enumerate(value)]


def activation_names(name: str, value: str | Sequence[str], count: int) -> list[str]:
    """The activation of each of so many hidden layers, from one name for all or one for each."""
    if isinstance(value, (str, Set)) or not isinstance(value, Iterable):
        return [known_name(name, value, ACTIVATIONS)] * count
    names = [known_name(f"{name}[{k}]", each, ACTIVATIONS) for k, each in enumerate(value)]
    if len(names) != count:
        raise ValueError(
            f"{name} must be one name, or one for each of {count} hidden layers, got {len(names)}"
        )
    return names


def standard_deviations(name: str, value: SupportsFloat | str, inputs: list[int]) -> list[float]:
    """The standard deviation of the weights of each layer; `inputs` has the inputs of each."""
    if isinstance(value, str):
        variance = _VARIANCES[known_name(f"{name} that is text", value, _VARIANCES)]
        return [math.sqrt(variance / n) for n in inputs]
    return [non_negative_float(name, value)] * len(inputs)


def layers_of(activations: list[str]) -> tuple[Layer, ...]:
    """Layers with these activations, and one of scores."""
    names = enumerate([*activations, "identity"], 1)
    return tuple(Layer(f"W{k}", f"b{k}", activation) for k, activation in names)
