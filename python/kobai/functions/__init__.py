"""Activation functions and losses of the course, under the course's names.

Any shape and memory layout; float dtypes are kept, integers and bools become float64.
"""

from kobai.functions.activations import (
    identity_function,
    relu,
    relu_grad,
    sigmoid,
    sigmoid_grad,
    softmax,
    step_function,
)
from kobai.functions.losses import (
    cross_entropy_error,
    mean_squared_error,
    softmax_loss,
    sum_squared_error,
)

__all__ = [
    "cross_entropy_error",
    "identity_function",
    "mean_squared_error",
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_loss",
    "step_function",
    "sum_squared_error",
]
