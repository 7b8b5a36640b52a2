"""A network of any depth: the course's multi-layer network, with any activation and loss."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, SupportsFloat, SupportsIndex, TypeVar

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai._random import Rng, generator
from kobai._validation import FloatArray, float_dtype, non_negative_float, positive_int
from kobai.losses import Loss
from kobai.losses.named import core_loss, loss_named
from kobai.networks import files
from kobai.networks.architecture import (
    activation_names,
    hidden_sizes,
    layers_of,
    standard_deviations,
)
from kobai.networks.class_only import class_only
from kobai.networks.layered import LayeredNet
from kobai.networks.overrides import remember_original
from kobai.networks.parameters import memory_for, single_class_known, warn_of_single_class

_Net = TypeVar("_Net", bound="MultiLayerNet")


@remember_original
class MultiLayerNet(LayeredNet):
    """A fully connected network of any depth: the course's class, for any activation and loss.

    Parameters
    ----------
    input_size : int
        The number of inputs, D.
    hidden_size_list : sequence of int
        The number of units in each hidden layer, ``[100, 50]`` for example. Without hidden layers,
        ``[]``, the scores are linear: softmax regression, or linear regression.
    output_size : int
        The number of scores, K: one a class, or one a number to estimate.
    activation : str or sequence of str, default "relu"
        The activation of all hidden layers, or of each: ``"identity"``, ``"sigmoid"``, ``"tanh"``,
        ``"relu"``, ``"leaky_relu"`` (0.01 below 0), ``"elu"``, ``"softplus"``, ``"silu"`` or
        ``"gelu"`` (by erf). Upper and lower case are the same.
    weight_init_std : float or str, default "relu"
        The standard deviation of the normal distribution the weights are drawn from. ``"relu"`` or
        ``"he"`` stands for ``sqrt(2 / n)``, ``"sigmoid"`` or ``"xavier"`` for ``sqrt(1 / n)``, n
        the number of inputs of the layer. Biases start at zero.
    weight_decay_lambda : float, default 0
        Adds ``weight_decay_lambda / 2 * sum(W**2)`` to the loss, over the weights of all layers.
    loss : str or Loss, default "cross_entropy", keyword-only
        A loss of `kobai.losses`, or its name: ``"cross_entropy"``, ``"squared_error"``,
        ``"binary_cross_entropy"``, ``"absolute_error"``, ``"huber"``, ``"pinball"`` or
        ``"poisson"``.
    rng : int, Generator, SeedSequence, RandomState, `numpy.random` or None, keyword-only
        What the weights are drawn with; an int is a seed, `numpy.random` stands for the generator
        that ``np.random.seed`` seeds.
    dtype : dtype, default float64
        float32 or float64: that of the parameters, of predictions and of backpropagation.
        Numerical gradients are computed in float64 and then rounded to it.

    Attributes
    ----------
    params : dict of ndarray
        ``W1``, ``b1``, ``W2``, ``b2``, ..., in this order. Update arrays in place, replace entries:
        nothing is cached behind them.

    Raises
    ------
    TypeError
        If a size is not an integer, an activation or the loss is none there is, `dtype` is neither
        float32 nor float64, or `rng` is nothing to draw with.
    ValueError
        If a size is below 1, a name is unknown, there is another number of activations than of
        hidden layers, or a number is negative or not finite.
    MemoryError
        If there is no memory for the parameters.

    Warns
    -----
    UserWarning
        If the loss is cross-entropy and there is a single class: its probability is 1, whatever
        the parameters.

    Notes
    -----
    A subclass, an instance or a patch may override methods; what builds on them follows.

    - `predict` (scores): `loss`, `output` and `accuracy` are those of what it answers, and
      `numerical_gradient` is the central difference of that `loss`, one parameter after the other,
      as `kobai.numerical_gradient` takes it. `gradient` is a TypeError until it is overridden too.
    - `loss`: `numerical_gradient` follows it; `gradient` must be overridden too, and may begin with
      ``super().gradient(x, t)`` for what the parent's loss contributes.
    - `gradient`, `numerical_gradient`, `accuracy`: the trainer uses them.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import MultiLayerNet
    >>> net = MultiLayerNet(784, [100, 50], 10, activation="relu", rng=0)
    >>> net
    <MultiLayerNet 784-100-50-10 relu, CrossEntropy(epsilon=0.0): 84060 parameters, float64>
    >>> x, t = np.zeros((3, 784)), np.array([7, 2, 1])
    >>> net.predict(x).shape
    (3, 10)
    >>> before = net.loss(x, t)
    >>> grads = net.gradient(x, t)
    >>> for key in net.params:
    ...     net.params[key] -= 0.1 * grads[key]
    >>> bool(net.loss(x, t) < before)
    True

    Regression, of the medians of two numbers a sample:

    >>> net = MultiLayerNet(3, [8, 8], 2, "tanh", "xavier", loss="absolute_error", rng=0)
    >>> x, t = np.ones((4, 3)), np.zeros((4, 2))
    >>> bool(np.isclose(net.loss(x, t), np.abs(net.predict(x)).sum(axis=1).mean()))
    True
    """

    def __init__(
        self,
        input_size: SupportsIndex,
        hidden_size_list: Sequence[SupportsIndex],
        output_size: SupportsIndex,
        activation: str | Sequence[str] = "relu",
        weight_init_std: SupportsFloat | str = "relu",
        weight_decay_lambda: SupportsFloat = 0.0,
        *,
        loss: str | Loss = "cross_entropy",
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        inputs = positive_int("input_size", input_size)
        hidden = hidden_sizes("hidden_size_list", hidden_size_list)
        outputs = positive_int("output_size", output_size)
        names = activation_names("activation", activation, len(hidden))
        stds = standard_deviations("weight_init_std", weight_init_std, [inputs, *hidden])
        self.weight_decay_lambda = weight_decay_lambda
        self._loss = loss_named("loss", loss)
        self._core_loss = core_loss(self._loss)
        self.dtype = float_dtype("dtype", dtype)
        draw = generator(rng)
        if self._loss.has_classes:
            warn_of_single_class(outputs)
        self._layers = layers_of(names)
        sizes = [inputs, *hidden, outputs]
        count = sum((n + 1) * m for n, m in pairwise(sizes))
        named = {"input_size": inputs, "hidden_size_list": hidden, "output_size": outputs}
        with memory_for(count, **named):
            self._draw_parameters(sizes, stds, draw)

    @property
    def input_size(self) -> int:
        """The number of inputs, D.

        Examples
        --------
        >>> from kobai import MultiLayerNet
        >>> MultiLayerNet(4, [3, 2], 5).input_size
        4
        """
        return self._sizes[0]

    @property
    def hidden_size_list(self) -> list[int]:
        """The number of units in each hidden layer: a new list.

        Examples
        --------
        >>> from kobai import MultiLayerNet
        >>> MultiLayerNet(4, [3, 2], 5).hidden_size_list
        [3, 2]
        """
        return list(self._sizes[1:-1])

    @property
    def output_size(self) -> int:
        """The number of scores, K.

        Examples
        --------
        >>> from kobai import MultiLayerNet
        >>> MultiLayerNet(4, [3, 2], 5).output_size
        5
        """
        return self._sizes[-1]

    @property
    def activations(self) -> list[str]:
        """The activation of each hidden layer: a new list.

        Examples
        --------
        >>> from kobai import MultiLayerNet
        >>> MultiLayerNet(4, [3, 2], 5, "tanh").activations
        ['tanh', 'tanh']
        """
        return [layer.activation for layer in self._layers[:-1]]

    @property
    def loss_function(self) -> Loss:
        """The loss that `loss` is the mean of.

        Examples
        --------
        >>> from kobai import MultiLayerNet
        >>> MultiLayerNet(4, [3, 2], 5, loss="huber").loss_function
        Huber(delta=1.0)
        """
        return self._loss

    @property
    def weight_decay_lambda(self) -> float:
        """What the squares of the weights count in the loss, twice. It may be set.

        Examples
        --------
        >>> from kobai import MultiLayerNet
        >>> net = MultiLayerNet(4, [3, 2], 5)
        >>> net.weight_decay_lambda = 0.1
        >>> net.weight_decay_lambda
        0.1
        """
        return self._weight_decay

    @weight_decay_lambda.setter
    def weight_decay_lambda(self, value: SupportsFloat) -> None:
        self._weight_decay = non_negative_float("weight_decay_lambda", value)

    @property
    def architecture(self) -> str:
        """What the network is, but for its parameters: sizes, activations, loss, weight decay.

        Examples
        --------
        >>> from kobai import MultiLayerNet
        >>> MultiLayerNet(4, [3, 2], 5, ["relu", "tanh"], weight_decay_lambda=0.1).architecture
        '4-3-2-5 relu tanh, CrossEntropy(epsilon=0.0), weight_decay_lambda=0.1'
        """
        names = self.activations
        activation = names[:1] if len(set(names)) == 1 else names
        parts = [" ".join([super()._described(), *activation]), repr(self._loss)]
        if self._weight_decay:
            parts.append(f"weight_decay_lambda={self._weight_decay}")
        return ", ".join(parts)

    def _described(self) -> str:
        return self.architecture

    def _loss_of_prediction(
        self, predicted: npt.NDArray[Any], t: npt.ArrayLike, sample_weight: npt.ArrayLike | None
    ) -> float:
        mean = float(self._loss(predicted.astype(np.float64), t, sample_weight))
        if self._weight_decay == 0:
            return mean
        weights = [params[0] for params in self.core_layers()]
        squares = sum(float(np.sum(np.square(W, dtype=np.float64))) for W in weights)
        return mean + self._weight_decay / 2 * squares

    def predict(self, x: npt.ArrayLike) -> FloatArray:
        """The scores, as the course's class gives them; `output` makes probabilities of them.

        Parameters
        ----------
        x : array_like
            Inputs, shape (N, D), or (D,) for one sample.

        Returns
        -------
        ndarray
            Scores of the network's dtype, shape (N, K), or (K,) for one sample.

        Raises
        ------
        TypeError
            If `x` or a parameter has a wrong dtype.
        ValueError
            If the shape of `x` or of a parameter does not fit.

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import MultiLayerNet
        >>> net = MultiLayerNet(2, [], 2, weight_init_std=0.0)
        >>> net.params["b1"] = np.array([1.0, 2.0])
        >>> net.predict([[0.5, 1.0], [2.0, -1.0]])
        array([[1., 2.],
               [1., 2.]])
        """
        return self._predict(_core.network_scores, x)

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write the network to an ``.npz`` file, without pickle.

        The file holds the parameters by their names, and what network they are of in ``network``:
        sizes, activations, loss and weight decay. A temporary file is written and then moved to
        `file`, so a failure leaves what was there before. If `file` is a symbolic link, the file
        it leads to is replaced.

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
        >>> from kobai import MultiLayerNet
        >>> MultiLayerNet(3, [4], 1, "tanh", loss="squared_error", rng=0).save("net.npz")
        >>> MultiLayerNet.load("net.npz")
        <MultiLayerNet 3-4-1 tanh, SquaredError(): 21 parameters, float64>
        """
        self.core_layers()
        description = files.Description(
            list(self._sizes), self.activations, self._loss, self._weight_decay
        )
        files.write(file, description, self.params)

    @class_only
    def load(cls: type[_Net], file: str | os.PathLike[str]) -> _Net:  # noqa: N805
        """The network that `save` wrote: ``net = MultiLayerNet.load(file)``.

        Parameters
        ----------
        file : str or path
            What `save` wrote; a leading ``~`` is the home folder.

        Returns
        -------
        MultiLayerNet
            As it was saved.

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
        >>> from kobai import MultiLayerNet
        >>> net = MultiLayerNet(3, [4, 4], 2, ["silu", "gelu"], rng=0)
        >>> net.save("net.npz")
        >>> MultiLayerNet.load("net.npz").activations
        ['silu', 'gelu']
        """
        description, params = files.read(file, cls.__name__)
        inputs, *hidden, outputs = description.sizes
        with single_class_known(outputs):
            net = cls(
                inputs,
                hidden,
                outputs,
                description.activations,
                0.0,
                description.weight_decay,
                loss=description.loss,
                dtype=params["W1"].dtype,
            )
        for key in net.params:
            net.params[key] = params[key]
        net.core_layers()
        return net
