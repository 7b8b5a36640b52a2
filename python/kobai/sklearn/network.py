"""The network of an estimator: parameters drawn as scikit-learn draws them, and its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai.sklearn.rows import core_rows

Array = npt.NDArray[Any]

# About how many numbers the layers of the rows that are answered together should have.
_BLOCK_NUMBERS = 1 << 19
_MIN_BLOCK_ROWS = 64
# Rows with fewer elements than one in so many columns count as empty: the core keeps them as lists.
_EMPTY_COLUMNS = 64


def drawn_parameters(
    sizes: list[int], activations: list[str], random: np.random.RandomState, dtype: np.dtype[Any]
) -> tuple[list[Array], list[Array]]:
    """Weights and biases, uniform as Glorot and Bengio have it; scikit-learn draws the same ones.

    Parameters
    ----------
    sizes : list of int
        The number of inputs, of the units of each hidden layer, and of outputs.
    activations : list of str
        One a hidden layer. The outputs are drawn as those of the layer before them.
    random : RandomState
        Weights of a layer are drawn before its biases.
    dtype : dtype
        What the numbers, drawn in double precision, are rounded to.

    References
    ----------
    .. [1] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
       neural networks" (2010).
    """
    weights, biases = [], []
    each = [*activations, *(activations[-1:] or ["identity"])]
    for (inputs, units), activation in zip(pairwise(sizes), each, strict=True):
        factor = 2.0 if activation == "sigmoid" else 6.0
        bound = np.sqrt(factor / (inputs + units))
        drawn = random.uniform(-bound, bound, (inputs, units))
        weights.append(drawn.astype(dtype, copy=False))
        biases.append(random.uniform(-bound, bound, units).astype(dtype, copy=False))
    return weights, biases


def as_core_takes(
    weights: list[Array],
    biases: list[Array],
    activations: list[str],
    loss: tuple[str, list[float]],
    weight_decay: float = 0.0,
) -> tuple[list[Any], tuple[str, list[float]], float]:
    """The network as the functions of the core take it."""
    layers = list(zip(weights, biases, [*activations, "identity"], strict=True))
    return layers, loss, weight_decay


def copied(parameters: list[Array]) -> list[Array]:
    """Parameters that the core may write to: joblib hands over read-only ones, users any arrays."""
    return [np.array(each, order="C") for each in parameters]


def answers(
    question: Callable[[Any, Any], Array], network: tuple[list[Any], Any, float], x: Any
) -> Array:
    """What the core function `question` answers for each row of `x`, dense or sparse.

    The dtype is that of products of `x` and the weights in NumPy, if the core has it, else float64.
    """
    layers, loss, _ = network
    dtype = np.result_type(x.dtype, layers[0][0].dtype)
    if dtype != np.float32:
        dtype = np.dtype(np.float64)
    layers = [(np.require(w, dtype, "A"), np.require(b, dtype, "A"), f) for w, b, f in layers]
    typed = layers, loss, 0.0
    out = np.empty((x.shape[0], layers[-1][1].size), dtype)
    for rows in blocks(x, [array for layer in layers for array in layer[:2]]):
        out[rows] = question(typed, core_rows(x[rows], dtype))
    return out


def blocks(x: Any, parameters: Iterable[Array]) -> Iterator[slice]:
    """Slices of the rows of `x` that are taken through a network together.

    Their layers are as many numbers as a cache holds; where there are more parameters, they are
    about twice as many as those, which are read and written once a block; and six times as many
    where rows are so empty that this is most of what a block costs.
    """
    arrays = list(parameters)
    inputs = x.shape[1] if isinstance(x, np.ndarray) else x.nnz / x.shape[0]
    numbers = inputs + sum(each.shape[-1] for each in arrays if each.ndim == 1)
    times = 6 if inputs < x.shape[1] / _EMPTY_COLUMNS else 2
    most = max(_BLOCK_NUMBERS, times * sum(each.size for each in arrays))
    step = max(_MIN_BLOCK_ROWS, int(most / numbers))
    for start in range(0, x.shape[0], step):
        yield slice(start, start + step)


def mean_loss(
    network: tuple[list[Any], Any, float], x: Any, t: Array, weights: Array | None
) -> float:
    """The mean loss of rows that were not trained with."""
    dtype = network[0][0][0].dtype
    return _core.network_loss(network, core_rows(x, dtype), t, weights)
