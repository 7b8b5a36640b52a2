"""The course's networks: plain NumPy parameters, gradients by backpropagation or by definition."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from kobai import _core, _npz
from kobai._network import Layer, Network, Rng
from kobai._validation import HALF_WIDTH, FloatArray, non_negative_float, positive_int

__all__ = ["SimpleNet", "TwoLayerNet"]


class SimpleNet(Network):
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

    _layers = (Layer("W", None, "identity"),)

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


class TwoLayerNet(Network):
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

    _layers = (Layer("W1", "b1", "sigmoid"), Layer("W2", "b2", "identity"))

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
