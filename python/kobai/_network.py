"""What networks share: from named parameters and a batch to the calls of the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, SupportsFloat, TypeVar

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai._validation import (
    HALF_WIDTH,
    FloatArray,
    in_dtype,
    inputs,
    plain_array,
    positive_float,
    real_array,
    targets,
)

__all__ = ["Layer", "Network", "Rng"]

Rng = int | np.random.Generator | np.random.SeedSequence | None

# Samples whose answers are computed together when accuracy is taken: bounds the memory.
_ACCURACY_ROWS = 1000

# What a network's methods call their data.
_NAMES = ("x", "t")

_Answer = TypeVar("_Answer")

# What numerical gradients are computed in, whatever the network's dtype.
_DOUBLE = np.dtype(np.float64)


class Layer(NamedTuple):
    """What one layer is called in `params`, and its activation."""

    weights: str
    bias: str | None
    activation: str


class Network:
    """What the networks share: from named parameters to the calls of the core."""

    _layers: tuple[Layer, ...]
    _shapes: dict[str, tuple[int, ...]]
    dtype: np.dtype[Any]

    def _parameters(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def predict(self, x: npt.ArrayLike) -> FloatArray:
        raise NotImplementedError

    def loss(self, x: npt.ArrayLike, t: npt.ArrayLike) -> Any:
        """The mean cross-entropy of the softmax of the scores.

        Parameters
        ----------
        x : array_like
            Inputs, shape (N, D), or (D,) for one sample.
        t : array_like
            Targets: class weights of shape (N, K), or integer labels of shape (N,).

        Returns
        -------
        scalar
            Of the network's dtype.

        Raises
        ------
        TypeError
            If an argument or a parameter has a wrong dtype.
        ValueError
            If shapes do not fit, a label is outside ``0..K-1``, or there is no sample.
        """
        return self.dtype.type(self._ask(_core.network_loss, x, t))

    def accuracy(self, x: npt.ArrayLike, t: npt.ArrayLike) -> float:
        """The share of samples whose largest score is that of the target.

        Parameters
        ----------
        x : array_like
            Inputs, shape (N, D), or (D,) for one sample.
        t : array_like
            Targets: class weights of shape (N, K), whose largest counts, or integer labels of
            shape (N,).

        Returns
        -------
        float
            Between 0 and 1.

        Raises
        ------
        TypeError
            If an argument or a parameter has a wrong dtype.
        ValueError
            If shapes do not fit, a label is outside ``0..K-1``, or there is no sample.
        """
        layers = self.core_layers()
        data, answers = self.checked_data(x, t)
        if data.ndim == 1:
            data, answers = data[np.newaxis], answers[np.newaxis]
        correct = 0
        for start in range(0, len(data), _ACCURACY_ROWS):
            rows = slice(start, start + _ACCURACY_ROWS)
            batch = self._batch(data[rows], answers[rows], keep_single=True)
            correct += _core.network_correct(layers, *batch)
        return correct / len(data)

    def checked_data(
        self, x: npt.ArrayLike, t: npt.ArrayLike, names: tuple[str, str] = _NAMES
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """`x` and `t` as arrays, after checking that the network can be asked about all of them.

        Arrays stay as they lie, of whatever real dtype; only those of objects are copied.

        Parameters
        ----------
        x, t : array_like
            As `loss` takes them.
        names : tuple of str
            What the caller knows them as.

        Returns
        -------
        x, t : ndarray
            `t` has integer labels if its shape is that of `x` without the last axis.

        Raises
        ------
        TypeError, ValueError
            As `loss`.
        """
        columns, classes = self._sizes()
        data = inputs(names[0], x, columns)
        answers = targets(names[1], t, data.shape[:-1], classes)
        if len(data) == 0:
            raise ValueError(f"{names[0]} must hold at least one sample, got shape {data.shape}")
        return data, answers

    def _sizes(self) -> tuple[int, int]:
        """The number of inputs and that of classes."""
        return (
            self._shapes[self._layers[0].weights][0],
            self._shapes[self._layers[-1].weights][1],
        )

    def _ask(
        self,
        question: Callable[..., _Answer],
        x: npt.ArrayLike,
        t: npt.ArrayLike,
    ) -> _Answer:
        """What the core answers to a question about this network and a batch."""
        layers = self.core_layers()
        batch = self._batch(x, t)
        try:
            return question(layers, *batch)
        except ValueError as error:
            raise self._explained(error, x, t) from None

    def _explained(
        self, error: ValueError, x: npt.ArrayLike, t: npt.ArrayLike
    ) -> TypeError | ValueError:
        """What is wrong with a batch that the core refused, in terms of the caller's own arrays."""
        try:
            self.checked_data(x, t)
        except (TypeError, ValueError) as better:
            return better
        return error

    def core_layers(self) -> list[tuple[FloatArray, FloatArray | None, str]]:
        """The parameters as the core takes them, after checking that they still fit."""
        params = self._parameters()
        if params.keys() != self._shapes.keys():
            raise ValueError(
                f"params must have the keys {sorted(self._shapes)}, got {sorted(map(str, params))}"
            )
        dtype = self.dtype
        for key, shape in self._shapes.items():
            value = params[key]
            is_plain = type(value) is np.ndarray and value.dtype == dtype and value.shape == shape
            if not (is_plain and value.flags.aligned):
                self._check_parameter(key, value, shape)
        return [
            (
                params[layer.weights],
                None if layer.bias is None else params[layer.bias],
                layer.activation,
            )
            for layer in self._layers
        ]

    def _check_parameter(self, key: str, value: Any, shape: tuple[int, ...]) -> None:
        if not isinstance(value, np.ndarray):
            raise TypeError(f"params[{key!r}] must be an array, got {type(value).__name__}")
        if value.dtype != self.dtype:
            raise TypeError(
                f"params[{key!r}] must have the network's dtype {self.dtype}, got {value.dtype}"
            )
        if value.shape != shape:
            raise ValueError(f"params[{key!r}] must have shape {shape}, got {value.shape}")
        plain_array(f"params[{key!r}]", value)
        if not value.flags.aligned:
            raise ValueError(f"params[{key!r}] must be aligned in memory, got an unaligned array")

    def _rows(
        self, x: npt.ArrayLike, name: str = "x", *, keep_single: bool = False
    ) -> tuple[FloatArray, bool]:
        """The inputs as rows of the network's dtype, and whether they came as a single one.

        With `keep_single`, inputs of single precision stay what they are.
        """
        array = real_array(name, x)
        columns = self._shapes[self._layers[0].weights][0]
        if array.ndim not in (1, 2) or array.shape[-1] != columns:
            inputs(name, array, columns)
        if not (keep_single and array.dtype == np.float32):
            array = in_dtype(array, self.dtype)
        is_single = array.ndim == 1
        return array[np.newaxis] if is_single else array, is_single

    def _batch(
        self,
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        names: tuple[str, str] = _NAMES,
        *,
        keep_single: bool = False,
    ) -> tuple[FloatArray, npt.NDArray[Any]]:
        """Inputs as rows, and targets as int64 labels or as rows of the network's dtype.

        Labels of an integer array are not looked at: the core does that.
        """
        rows, is_single = self._rows(x, names[0], keep_single=keep_single)
        samples = () if is_single else rows.shape[:1]
        if type(t) is np.ndarray and t.dtype.kind in "iu" and t.shape == samples:
            answers = t
        else:
            answers = targets(names[1], t, samples, self._sizes()[1])
            if answers.shape != samples:
                weights = in_dtype(real_array(names[1], answers), self.dtype)
                return rows, np.atleast_2d(weights)
        # The core copies labels, but only aligned ones.
        return rows, answers.reshape(-1).astype(np.int64, copy=not answers.flags.aligned)

    def loss_and_gradient(
        self, x: npt.ArrayLike, t: npt.ArrayLike
    ) -> tuple[float, dict[str, FloatArray]]:
        """Loss and gradient by backpropagation, from one forward pass.

        Takes and raises what `loss` does.

        Returns
        -------
        loss : float
            What `loss` gives.
        grads : dict of ndarray
            The derivative by each parameter, in its shape and dtype.
        """
        loss, layers = self._ask(_core.network_gradient, x, t)
        return loss, self._named(layers)

    def loss_and_numerical_gradient(
        self,
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        h: SupportsFloat = HALF_WIDTH,
        method: str = "auto",
    ) -> tuple[float, dict[str, FloatArray]]:
        """Loss and numerical gradient, from one forward pass.

        Computed in float64 whatever the network's dtype: the quotient needs the digits. Takes and
        raises what `TwoLayerNet.numerical_gradient` does.

        Returns
        -------
        loss : float
            What `loss` gives, in double precision.
        grads : dict of ndarray
            The central difference in each parameter, in its shape and dtype.
        """
        half_width = positive_float("h", h)
        layers = self.core_layers()
        rows, answers = self._batch(x, t, keep_single=True)
        is_double = self.dtype == _DOUBLE
        if not is_double:
            layers = [
                (W.astype(_DOUBLE), None if b is None else b.astype(_DOUBLE), activation)
                for W, b, activation in layers
            ]
            if answers.dtype != np.int64:
                answers = answers.astype(_DOUBLE)
        try:
            loss, gradient = _core.network_numerical_gradient(
                layers, rows, answers, half_width, method
            )
        except ValueError as error:
            raise self._explained(error, x, t) from None
        named = self._named(gradient)
        if is_double:
            return loss, named
        return loss, {key: in_dtype(quotients, self.dtype) for key, quotients in named.items()}

    def _named(
        self, layers: list[tuple[npt.NDArray[Any], npt.NDArray[Any] | None]]
    ) -> dict[str, FloatArray]:
        named = {}
        for layer, (weights, bias) in zip(self._layers, layers, strict=True):
            named[layer.weights] = weights
            if layer.bias is not None and bias is not None:
                named[layer.bias] = bias
        return named
