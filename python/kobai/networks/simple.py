"""The course's first network: one layer of weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai._random import Rng, generator
from kobai._validation import HALF_WIDTH, FloatArray, positive_int
from kobai.functions import softmax
from kobai.losses import CrossEntropy
from kobai.losses.named import core_loss
from kobai.networks.layers import Layer
from kobai.networks.network import Network
from kobai.networks.overrides import remember_original
from kobai.networks.parameters import memory_for, warn_of_single_class, writable
from kobai.networks.probabilities import mean_cross_entropy


@remember_original
class SimpleNet(Network):
    """One layer of weights and nothing else: scores ``x @ W``, softmax, cross-entropy.

    A subclass may override `predict` (the scores), `loss`, `accuracy` and the gradients; what
    builds on them follows, as `TwoLayerNet` tells.

    Parameters
    ----------
    input_size : int, default 2
        The number of inputs, D.
    output_size : int, default 3
        The number of classes, K.
    rng : int, Generator, SeedSequence, RandomState, `numpy.random` or None, keyword-only
        What the weights are drawn with; an int is a seed, `numpy.random` stands for the generator
        that ``np.random.seed`` seeds.

    Attributes
    ----------
    W : ndarray
        The weights, shape (D, K), float64, drawn from the standard normal distribution. Replace
        or change it at will.

    Raises
    ------
    TypeError
        If a size is not an integer, or `rng` is nothing to draw with.
    ValueError
        If a size is below 1.
    MemoryError
        If there is no memory for the weights.

    Warns
    -----
    UserWarning
        If there is a single class: its probability is 1, whatever the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import SimpleNet
    >>> net = SimpleNet()
    >>> net
    <SimpleNet 2-3: 6 parameters, float64>
    >>> net.W = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 1.0]])
    >>> net.predict([0.5, 1.0])
    array([0.5, 0. , 2.5])
    >>> print(f"{net.loss([0.5, 1.0], 2):.4f}")
    0.1967
    """

    _layers = (Layer("W", None, "identity"),)
    _loss = CrossEntropy(epsilon=1e-7)
    _core_loss = core_loss(_loss)
    _weight_decay = 0.0

    def __init__(
        self, input_size: SupportsIndex = 2, output_size: SupportsIndex = 3, *, rng: Rng = None
    ) -> None:
        inputs = positive_int("input_size", input_size)
        classes = positive_int("output_size", output_size)
        draw = generator(rng)
        warn_of_single_class(classes)
        self._set_shapes({"W": (inputs, classes)})
        self.dtype = np.dtype(np.float64)
        with memory_for(inputs * classes, input_size=inputs, output_size=classes):
            self.W: FloatArray = draw.standard_normal((inputs, classes))

    def _parameters(self) -> Mapping[str, Any]:
        return {"W": self.W}

    def _display_name(self, key: str) -> str:
        return key

    def _make_parameters_writable(self) -> None:
        self.W = writable(self.W)

    def _by_name(self, gradient: Any) -> dict[str, FloatArray]:
        return {"W": gradient}

    def _loss_of_prediction(
        self, predicted: npt.NDArray[Any], t: npt.ArrayLike, sample_weight: npt.ArrayLike | None
    ) -> float:
        return mean_cross_entropy(softmax(predicted), t, sample_weight)  # type: ignore[no-any-return]

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

        Raises
        ------
        TypeError
            If `x` or `W` has a wrong dtype.
        ValueError
            If the shape of `x` or of `W` does not fit.

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import SimpleNet
        >>> net = SimpleNet(2, 2)
        >>> net.W = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> net.predict([[1, 0], [1, 1]])
        array([[1., 2.],
               [4., 6.]])
        """
        return self._predict(_core.network_scores, x)

    def gradient(
        self, x: npt.ArrayLike, t: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> FloatArray:
        """The derivative of `loss` by `W`, shape (D, K), by backpropagation.

        Takes and raises what `loss` does; a TypeError, too, where a subclass overrides `predict`
        or `loss` but not `gradient`.

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import SimpleNet
        >>> net = SimpleNet(2, 2)
        >>> net.W = np.zeros((2, 2))
        >>> print(net.gradient([1.0, 2.0], 0).round(4))
        [[-0.5  0.5]
         [-1.   1. ]]
        """
        return self._gradient(x, t, sample_weight)["W"]

    def numerical_gradient(
        self,
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        *,
        h: SupportsFloat = HALF_WIDTH,
        method: str = "auto",
        sample_weight: npt.ArrayLike | None = None,
    ) -> FloatArray:
        """The central difference of `loss` in each element of `W`, shape (D, K).

        Takes and raises what `TwoLayerNet.numerical_gradient` does.

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import SimpleNet
        >>> net = SimpleNet(2, 2)
        >>> net.W = np.zeros((2, 2))
        >>> print(net.numerical_gradient([1.0, 2.0], 0).round(4))
        [[-0.5  0.5]
         [-1.   1. ]]
        """
        return self._numerical_gradient(x, t, h, method, sample_weight)["W"]
