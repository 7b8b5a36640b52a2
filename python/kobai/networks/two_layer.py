"""The course's two-layer network."""

from __future__ import annotations

import os
from typing import Any, SupportsFloat, SupportsIndex, TypeVar

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai._io import npz
from kobai._random import Rng, generator
from kobai._validation import (
    FloatArray,
    float_dtype,
    non_negative_float,
    positive_int,
)
from kobai.losses import CrossEntropy
from kobai.losses.named import core_loss
from kobai.networks.class_only import class_only
from kobai.networks.layered import LayeredNet
from kobai.networks.layers import Layer
from kobai.networks.overrides import remember_original
from kobai.networks.parameters import memory_for, single_class_known, warn_of_single_class
from kobai.networks.probabilities import mean_cross_entropy

_Net = TypeVar("_Net", bound="TwoLayerNet")


@remember_original
class TwoLayerNet(LayeredNet):
    """A layer of sigmoid units and a layer of scores: the course's two-layer network.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        The number of inputs D, of hidden units H and of classes K.
    weight_init_std : float, default 0.01
        The standard deviation of the normal distribution the weights are drawn from. Biases start
        at zero.
    rng : int, Generator, SeedSequence, RandomState, `numpy.random` or None, keyword-only
        What the weights are drawn with; an int is a seed, `numpy.random` stands for the generator
        that ``np.random.seed`` seeds.
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
        If a size is not an integer, `dtype` is neither float32 nor float64, or `rng` is nothing to
        draw with.
    ValueError
        If a size is below 1, or `weight_init_std` is negative or not finite.
    MemoryError
        If there is no memory for the parameters.

    Warns
    -----
    UserWarning
        If there is a single class: its probability is 1, whatever the parameters.

    Notes
    -----
    A subclass, an instance or a patch may override methods; what builds on them follows.

    - `predict` (probabilities): `loss` is the cross-entropy of what it answers, `accuracy` counts
      by it, and `numerical_gradient` is the central difference of that `loss`, one parameter after
      the other, as `kobai.numerical_gradient` takes it: float64 gives it its digits.
      `gradient` is a TypeError until it is overridden too, for backpropagation knows only the
      parent's `predict`.
    - `loss`: `numerical_gradient` follows it; `gradient` must be overridden too, and may begin with
      ``super().gradient(x, t)`` for what the parent's loss contributes.
    - `gradient`, `numerical_gradient`, `accuracy`: the trainer uses them.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import TwoLayerNet
    >>> net = TwoLayerNet(input_size=784, hidden_size=50, output_size=10, rng=0)
    >>> net
    <TwoLayerNet 784-50-10: 39760 parameters, float64>
    >>> x, t = np.zeros((3, 784)), np.array([7, 2, 1])
    >>> net.predict(x).shape
    (3, 10)
    >>> before = net.loss(x, t)
    >>> grads = net.gradient(x, t)
    >>> for key in net.params:
    ...     net.params[key] -= 0.1 * grads[key]
    >>> bool(net.loss(x, t) < before)
    True
    """

    _layers = (Layer("W1", "b1", "sigmoid"), Layer("W2", "b2", "identity"))
    _loss = CrossEntropy(epsilon=1e-7)
    _core_loss = core_loss(_loss)
    _weight_decay = 0.0

    def __init__(
        self,
        input_size: SupportsIndex,
        hidden_size: SupportsIndex,
        output_size: SupportsIndex,
        weight_init_std: SupportsFloat = 0.01,
        *,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        inputs = positive_int("input_size", input_size)
        hidden = positive_int("hidden_size", hidden_size)
        classes = positive_int("output_size", output_size)
        std = non_negative_float("weight_init_std", weight_init_std)
        self.dtype = float_dtype("dtype", dtype)
        draw = generator(rng)
        warn_of_single_class(classes)
        sizes = {"input_size": inputs, "hidden_size": hidden, "output_size": classes}
        with memory_for((inputs + 1) * hidden + (hidden + 1) * classes, **sizes):
            self._draw_parameters([inputs, hidden, classes], [std, std], draw)

    def _loss_of_prediction(
        self, predicted: npt.NDArray[Any], t: npt.ArrayLike, sample_weight: npt.ArrayLike | None
    ) -> float:
        return mean_cross_entropy(predicted, t, sample_weight)  # type: ignore[no-any-return]

    def _output_of_prediction(self, predicted: npt.NDArray[Any]) -> FloatArray:
        return predicted

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

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> net = TwoLayerNet(2, 3, 4, weight_init_std=0.0)
        >>> net.predict([[0.5, 1.0], [2.0, -1.0]])
        array([[0.25, 0.25, 0.25, 0.25],
               [0.25, 0.25, 0.25, 0.25]])
        """
        return self._predict(_core.network_outputs, x)

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write the parameters to an ``.npz`` file, without pickle.

        A temporary file is written and then moved to `file`, so a failure leaves what was there
        before. If `file` is a symbolic link, the file it leads to is replaced.

        Parameters
        ----------
        file : str or path
            Where; no suffix is added, and a leading ``~`` is the home folder.

        Raises
        ------
        OSError
            If it cannot be written, is write-protected, or is no regular file.
        TypeError, ValueError
            If `file` is no path: bytes, an open file, empty; or a parameter does not fit.

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> TwoLayerNet(3, 4, 2, rng=0).save("net.npz")
        >>> TwoLayerNet.load("net.npz")
        <TwoLayerNet 3-4-2: 26 parameters, float64>
        """
        self.core_layers()
        npz.write(file, self.params)

    @class_only
    def load(cls: type[_Net], file: str | os.PathLike[str]) -> _Net:  # noqa: N805
        """The network whose parameters `save` wrote: ``net = TwoLayerNet.load(file)``.

        Parameters
        ----------
        file : str or path
            An ``.npz`` file with the arrays W1, b1, W2 and b2; a leading ``~`` is the home folder.

        Returns
        -------
        TwoLayerNet
            Of the sizes and the dtype of the arrays.

        Raises
        ------
        OSError
            If the file cannot be read.
        TypeError
            If it is asked of an instance, which it would leave as it is, or `file` is no path.
        ValueError
            If it is not such a file; the message says what it is instead, as far as its first
            bytes tell.

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> net = TwoLayerNet(3, 4, 2, rng=0)
        >>> net.save("net.npz")
        >>> loaded = TwoLayerNet.load("net.npz")
        >>> bool(loaded.loss([1, 2, 3], 1) == net.loss([1, 2, 3], 1))
        True
        """
        params = npz.read(file, ("W1", "b1", "W2", "b2"))
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
            with single_class_known(W2.shape[1]):
                net = cls(len(W1), len(W2), W2.shape[1], weight_init_std=0.0, dtype=W1.dtype)
            net.params.update(params)
            net.core_layers()
        except (TypeError, ValueError) as error:
            raise ValueError(f"{file} does not hold a {cls.__name__}: {error}") from error
        return net
