"""The course's networks: plain NumPy parameters, gradients by backpropagation or by definition."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple, SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

from kobai import _core, _npz
from kobai._arguments import (
    HALF_WIDTH,
    FloatArray,
    are_labels,
    in_dtype,
    non_negative_float,
    plain_array,
    positive_float,
    positive_int,
    real_array,
)

__all__ = ["SimpleNet", "TwoLayerNet"]

Rng = int | np.random.Generator | np.random.SeedSequence | None

# Samples whose answers are computed together when accuracy is taken: bounds the memory.
_ACCURACY_ROWS = 1000

# What numerical gradients are computed in, whatever the network's dtype.
_DOUBLE = np.dtype(np.float64)


class _Layer(NamedTuple):
    """What one layer is called in `params`, and its activation."""

    weights: str
    bias: str | None
    activation: str


class _Network:
    """What the networks share: from named parameters to the calls of the core."""

    _layers: tuple[_Layer, ...]
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
        return self.dtype.type(_core.network_loss(self.core_layers(), *self._batch(x, t)))

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
        inputs, targets = plain_array("x", x), plain_array("t", t)
        if inputs.ndim != 2 or targets.shape[:1] != inputs.shape[:1] or len(inputs) == 0:
            batch = self._batch(inputs, targets, keep_single=True)
            return float(_core.network_correct(layers, *batch))
        correct = 0
        for start in range(0, len(inputs), _ACCURACY_ROWS):
            rows = slice(start, start + _ACCURACY_ROWS)
            batch = self._batch(inputs[rows], targets[rows], keep_single=True)
            correct += _core.network_correct(layers, *batch)
        return correct / len(inputs)

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

    def _rows(self, x: npt.ArrayLike, *, keep_single: bool = False) -> tuple[FloatArray, bool]:
        """The inputs as rows of the network's dtype, and whether they came as a single one.

        With `keep_single`, inputs of single precision stay what they are.
        """
        array = real_array("x", x)
        if not (keep_single and array.dtype == np.float32):
            array = in_dtype(array, self.dtype)
        if array.ndim not in (1, 2):
            raise ValueError(f"x must have shape (N, D) or (D,), got shape {array.shape}")
        inputs = self._shapes[self._layers[0].weights][0]
        if array.shape[-1] != inputs:
            raise ValueError(f"x must have {inputs} columns, got shape {array.shape}")
        is_single = array.ndim == 1
        return array[np.newaxis] if is_single else array, is_single

    def _batch(
        self, x: npt.ArrayLike, t: npt.ArrayLike, *, keep_single: bool = False
    ) -> tuple[FloatArray, npt.NDArray[Any]]:
        """Inputs as rows, and targets as int64 labels or as rows of the network's dtype."""
        rows, is_single = self._rows(x, keep_single=keep_single)
        targets = plain_array("t", t)
        if are_labels(targets, () if is_single else rows.shape[:1]):
            # The core copies labels, but only aligned ones.
            return rows, targets.reshape(-1).astype(np.int64, copy=not targets.flags.aligned)
        weights = in_dtype(real_array("t", targets), self.dtype)
        classes = self._shapes[self._layers[-1].weights][1]
        shape = (classes,) if is_single else (len(rows), classes)
        if weights.shape != shape:
            raise ValueError(
                f"t must have shape {shape}, or {shape[:-1]} for labels, got shape {weights.shape}"
            )
        return rows, np.atleast_2d(weights)

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
        loss, layers = _core.network_gradient(self.core_layers(), *self._batch(x, t))
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
        rows, targets = self._batch(x, t, keep_single=True)
        is_double = self.dtype == _DOUBLE
        if not is_double:
            layers = [
                (W.astype(_DOUBLE), None if b is None else b.astype(_DOUBLE), activation)
                for W, b, activation in layers
            ]
            if targets.dtype != np.int64:
                targets = targets.astype(_DOUBLE)
        loss, gradient = _core.network_numerical_gradient(layers, rows, targets, half_width, method)
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


class SimpleNet(_Network):
    """One layer of weights and nothing else: scores ``x @ W``, softmax, cross-entropy.

    Parameters
    ----------
    input_size : int, default 2
        The number of inputs, D.
    output_size : int, default 3
        The number of classes, K.
    rng : int, Generator, SeedSequence or None, keyword-only
        Where the weights are drawn from; an int is a seed.

    Attributes
    ----------
    W : ndarray
        The weights, shape (D, K), float64, drawn from the standard normal distribution. Replace
        or change it at will.
    """

    _layers = (_Layer("W", None, "identity"),)

    def __init__(
        self, input_size: SupportsIndex = 2, output_size: SupportsIndex = 3, *, rng: Rng = None
    ) -> None:
        shape = (positive_int("input_size", input_size), positive_int("output_size", output_size))
        self._shapes = {"W": shape}
        self.dtype = np.dtype(np.float64)
        self.W: FloatArray = np.random.default_rng(rng).standard_normal(shape)

    def _parameters(self) -> Mapping[str, Any]:
        return {"W": self.W}

    def predict(self, x: npt.ArrayLike) -> FloatArray:
        """The scores ``x @ W``, before softmax.

        Parameters
        ----------
        x : array_like
            Inputs, shape (N, D), or (D,) for one sample.

        Returns
        -------
        ndarray
            Scores, shape (N, K), or (K,) for one sample.
        """
        rows, is_single = self._rows(x)
        scores = _core.network_scores(self.core_layers(), rows)
        return scores[0] if is_single else scores

    def gradient(self, x: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
        """The derivative of `loss` by `W`, shape (D, K), by backpropagation.

        Takes and raises what `loss` does.
        """
        return self.loss_and_gradient(x, t)[1]["W"]

    def numerical_gradient(
        self, x: npt.ArrayLike, t: npt.ArrayLike, *, h: float = HALF_WIDTH, method: str = "auto"
    ) -> FloatArray:
        """The central difference of `loss` in each element of `W`, shape (D, K).

        Takes and raises what `TwoLayerNet.numerical_gradient` does.
        """
        return self.loss_and_numerical_gradient(x, t, h, method)[1]["W"]


class TwoLayerNet(_Network):
    """A layer of sigmoid units and a layer of scores: the course's two-layer network.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        The number of inputs D, of hidden units H and of classes K.
    weight_init_std : float, default 0.01
        The standard deviation of the normal distribution the weights are drawn from. Biases start
        at zero.
    rng : int, Generator, SeedSequence or None, keyword-only
        Where the weights are drawn from; an int is a seed.
    dtype : dtype, default float64
        float32 or float64: that of the parameters, of predictions and of backpropagation.
        Numerical gradients are computed in float64 and then rounded to it.

    Attributes
    ----------
    params : dict of ndarray
        ``W1`` (D, H), ``b1`` (H,), ``W2`` (H, K), ``b2`` (K,). Update arrays in place, replace
        entries: nothing is cached behind them.

    Raises
    ------
    TypeError
        If a size is not an integer, or `dtype` is neither float32 nor float64.
    ValueError
        If a size is below 1, or `weight_init_std` is negative or not finite.
    """

    _layers = (_Layer("W1", "b1", "sigmoid"), _Layer("W2", "b2", "identity"))

    def __init__(
        self,
        input_size: SupportsIndex,
        hidden_size: SupportsIndex,
        output_size: SupportsIndex,
        weight_init_std: float = 0.01,
        *,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        inputs = positive_int("input_size", input_size)
        hidden = positive_int("hidden_size", hidden_size)
        classes = positive_int("output_size", output_size)
        std = non_negative_float("weight_init_std", weight_init_std)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise TypeError(f"dtype must be float32 or float64, got {self.dtype}")
        self._shapes = {
            "W1": (inputs, hidden),
            "b1": (hidden,),
            "W2": (hidden, classes),
            "b2": (classes,),
        }
        generator = np.random.default_rng(rng)
        self.params: dict[str, FloatArray] = {
            key: (
                (std * generator.standard_normal(shape)).astype(self.dtype)
                if len(shape) == 2
                else np.zeros(shape, self.dtype)
            )
            for key, shape in self._shapes.items()
        }

    def _parameters(self) -> Mapping[str, Any]:
        return self.params

    def predict(self, x: npt.ArrayLike) -> FloatArray:
        """The probability of each class.

        Parameters
        ----------
        x : array_like
            Inputs, shape (N, D), or (D,) for one sample.

        Returns
        -------
        ndarray
            Probabilities of the network's dtype, shape (N, K), or (K,) for one sample.

        Raises
        ------
        TypeError
            If `x` or a parameter has a wrong dtype.
        ValueError
            If the shape of `x` or of a parameter does not fit.
        """
        rows, is_single = self._rows(x)
        probabilities = _core.network_probabilities(self.core_layers(), rows)
        return probabilities[0] if is_single else probabilities

    def gradient(self, x: npt.ArrayLike, t: npt.ArrayLike) -> dict[str, FloatArray]:
        """The exact derivative of `loss`, its 1e-7 included, by backpropagation.

        Parameters
        ----------
        x : array_like
            Inputs, shape (N, D), or (D,) for one sample.
        t : array_like
            Targets: class weights of shape (N, K), or integer labels of shape (N,).

        Returns
        -------
        dict of ndarray
            The keys, shapes and dtype of `params`.

        Raises
        ------
        TypeError
            If an argument or a parameter has a wrong dtype.
        ValueError
            If shapes do not fit, a label is outside ``0..K-1``, or there is no sample.
        """
        return self.loss_and_gradient(x, t)[1]

    def numerical_gradient(
        self, x: npt.ArrayLike, t: npt.ArrayLike, *, h: float = HALF_WIDTH, method: str = "auto"
    ) -> dict[str, FloatArray]:
        """The central difference ``(loss(p + h) - loss(p - h)) / 2h`` in every parameter ``p``.

        Parameters
        ----------
        x : array_like
            Inputs, shape (N, D), or (D,) for one sample.
        t : array_like
            Targets: class weights of shape (N, K), or integer labels of shape (N,).
        h : float, default 1e-4
            The half-width of the difference.
        method : {"auto", "node", "incremental", "direct"}
            How it is evaluated; the result is the same to rounding. ``"direct"`` runs a whole
            forward pass for every move of every parameter, as the notebook does.
            ``"incremental"`` recomputes only what a moved parameter changes. ``"node"`` evaluates
            the loss as a function of each unit's pre-activation at a few points, and goes over to
            ``"incremental"`` for units where its error bound does not hold. ``"auto"`` takes the
            fastest that is valid, which is ``"node"``.

        Returns
        -------
        dict of ndarray
            The keys, shapes and dtype of `params`.

        Raises
        ------
        TypeError
            If an argument or a parameter has a wrong dtype.
        ValueError
            If shapes do not fit, a label is outside ``0..K-1``, there is no sample, `h` is not a
            positive finite number, or the method is unknown.
        """
        return self.loss_and_numerical_gradient(x, t, h, method)[1]

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write the parameters to an ``.npz`` file, without pickle.

        The file is written beside its place and then moved there, so a failure leaves what was
        there before.

        Parameters
        ----------
        file : str or path
            Where; no suffix is added.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self.core_layers()
        _npz.write(file, self.params)

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> TwoLayerNet:
        """The network whose parameters `save` wrote.

        Parameters
        ----------
        file : str or path
            An ``.npz`` file with the arrays W1, b1, W2 and b2.

        Returns
        -------
        TwoLayerNet
            Of the sizes and the dtype of the arrays.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is not such a file.
        """
        params = _npz.read(file, ("W1", "b1", "W2", "b2"))
        W1, W2 = params["W1"], params["W2"]
        if W1.ndim != 2 or W2.ndim != 2 or 0 in (*W1.shape, *W2.shape):
            raise ValueError(
                f"{file} must hold matrices W1 and W2, got shapes {W1.shape} and {W2.shape}"
            )
        if W1.shape[1] != W2.shape[0]:
            raise ValueError(
                f"{file} must hold W2 of as many rows as W1 has columns, "
                f"got shapes {W1.shape} and {W2.shape}"
            )
        try:
            net = cls(W1.shape[0], W1.shape[1], W2.shape[1], weight_init_std=0.0, dtype=W1.dtype)
            net.params.update(params)
            net.core_layers()
        except (TypeError, ValueError) as error:
            raise ValueError(f"{file} does not hold a TwoLayerNet: {error}") from error
        return net
