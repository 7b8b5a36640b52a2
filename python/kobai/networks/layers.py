"""The layers of a network as the core takes them: parameters by name, checked on every call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kobai._validation import FloatArray, plain_array
from kobai.networks.batches import Batches


class Layer(NamedTuple):
    """The names of a layer's parameters in `params`, and the name of its activation."""

    weights: str
    bias: str | None
    activation: str


class Layers(Batches):
    """A network that knows the names and the shapes of its parameters, layer by layer."""

    # Either the class or the instance has these, and the loss.
    _layers: tuple[Layer, ...]
    # The loss as the core takes it: its name, and the numbers of its formula.
    _core_loss: tuple[str, list[float]]
    _weight_decay: float

    _shapes: dict[str, tuple[int, ...]]

    def _set_shapes(self, shapes: dict[str, tuple[int, ...]]) -> None:
        weights = [shapes[layer.weights] for layer in self._layers]
        self._shapes = shapes
        self._sizes = (weights[0][0], *(units for _, units in weights))

    def core_layers(self) -> list[tuple[FloatArray, FloatArray | None, str]]:
        """The parameters as the core takes them, after checking that they still fit.

        Returns
        -------
        list of tuple
            Weights, bias and the name of the activation of each layer.

        Raises
        ------
        TypeError
            If a parameter is no array of the network's dtype.
        ValueError
            If the names or the shapes of the parameters are no longer those of the network.

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> net = TwoLayerNet(2, 3, 4)
        >>> [(W.shape, b.shape, activation) for W, b, activation in net.core_layers()]
        [((2, 3), (3,), 'sigmoid'), ((3, 4), (4,), 'identity')]
        """
        params = self._parameters()
        if params.keys() != self._shapes.keys():
            raise ValueError(
                f"params must have the keys {sorted(self._shapes)}, got {sorted(map(str, params))}"
            )
        dtype = self.dtype
        for key, shape in self._shapes.items():
            value = params[key]
            if not (
                type(value) is np.ndarray
                and value.dtype == dtype
                and value.shape == shape
                and value.flags.aligned
            ):
                self._check_parameter(key, value, shape)
        return [
            (params[weights], None if bias is None else params[bias], activation)
            for weights, bias, activation in self._layers
        ]

    def parameter_names(self) -> list[str]:
        """The keys of the parameters: weights and bias of each layer, first layer to last.

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> TwoLayerNet(2, 3, 4).parameter_names()
        ['W1', 'b1', 'W2', 'b2']
        """
        return list(self._shapes)

    def core_network(self) -> tuple[list[Any], tuple[str, list[float]], float]:
        """The network as the core takes it, after checking that the parameters still fit.

        Returns
        -------
        layers : list of tuple
            What `core_layers` returns.
        loss : tuple
            The name of the loss, and the numbers of its formula.
        weight_decay : float
            What the squares of the weights are weighed by in the loss, twice.

        Raises
        ------
        TypeError, ValueError
            As `core_layers`.

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> TwoLayerNet(2, 3, 4).core_network()[1:]
        (('cross_entropy', [1e-07]), 0.0)
        """
        return self.core_layers(), self._core_loss, self._weight_decay

    def _check_parameter(self, key: str, value: Any, shape: tuple[int, ...]) -> None:
        name = self._display_name(key)
        if not isinstance(value, np.ndarray):
            raise TypeError(f"{name} must be an array, got {type(value).__name__}")
        if value.dtype != self.dtype:
            raise TypeError(f"{name} must have the network's dtype {self.dtype}, got {value.dtype}")
        if value.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {value.shape}")
        plain_array(name, value)
        if not value.flags.aligned:
            raise ValueError(f"{name} must be aligned in memory, got an unaligned array")

    def _named(
        self, layers: list[tuple[npt.NDArray[Any], npt.NDArray[Any] | None]]
    ) -> dict[str, FloatArray]:
        named = {}
        for layer, (weights, bias) in zip(self._layers, layers, strict=True):
            named[layer.weights] = weights
            if layer.bias is not None and bias is not None:
                named[layer.bias] = bias
        return named
