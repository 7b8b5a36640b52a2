"""What networks share whose parameters stand in a dict."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, SupportsFloat

import numpy as np
import numpy.typing as npt

from kobai._validation import HALF_WIDTH, FloatArray
from kobai.networks.network import Network
from kobai.networks.parameters import writable


def shapes_of(sizes: list[int]) -> dict[str, tuple[int, ...]]:
    """The shapes of weights and biases by their names, for layers of these sizes."""
    shapes: dict[str, tuple[int, ...]] = {}
    for k, (rows, units) in enumerate(pairwise(sizes), 1):
        shapes[f"W{k}"], shapes[f"b{k}"] = (rows, units), (units,)
    return shapes


class LayeredNet(Network):
    """A network whose weights and biases are ``params["W1"]``, ``params["b1"]``, and so on."""

    params: dict[str, FloatArray]

    def _draw_parameters(
        self, sizes: list[int], stds: list[float], draw: np.random.Generator
    ) -> None:
        """Draw the weights of each layer with its standard deviation; biases are zeros.

        `sizes` are the numbers of inputs, of units in each hidden layer, and of outputs.
        """
        shapes = shapes_of(sizes)
        self._set_shapes(shapes)
        self.params = {}
        for k, std in enumerate(stds, 1):
            weights = std * draw.standard_normal(shapes[f"W{k}"])
            self.params[f"W{k}"] = weights.astype(self.dtype, copy=False)
            self.params[f"b{k}"] = np.zeros(shapes[f"b{k}"], self.dtype)

    def _parameters(self) -> Mapping[str, Any]:
        params = self.params
        if type(params) is not dict and not isinstance(params, Mapping):
            raise TypeError(f"params must be a dict of arrays, got {type(params).__name__}")
        return params

    def _make_parameters_writable(self) -> None:
        params = self.__dict__.get("params", {})
        if any(writable(param) is not param for param in params.values()):
            self.params = {key: writable(param) for key, param in params.items()}

    def _by_name(self, gradient: Any) -> dict[str, FloatArray]:
        return gradient  # type: ignore[no-any-return]

    def gradient(
        self, x: npt.ArrayLike, t: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> dict[str, FloatArray]:
        """The exact derivative of `loss` by backpropagation.

        Takes what `loss` does. It is the derivative of the loss as it is computed, what is added
        to probabilities included. At a kink, it is that of the branch below it for an activation,
        as in the course, and the mean of both sides for a loss.

        Returns
        -------
        dict of ndarray
            The keys, shapes and dtype of `params`.

        Raises
        ------
        TypeError
            If an argument or a parameter has a wrong dtype, or a subclass overrides `predict` or
            `loss` but not `gradient`.
        ValueError
            As `loss`.

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> net = TwoLayerNet(2, 3, 2, weight_init_std=0.0)
        >>> grads = net.gradient([0.5, 1.0], 0)
        >>> print(grads["b2"].round(4))
        [-0.5  0.5]
        >>> {key: grad.shape for key, grad in grads.items()}
        {'W1': (2, 3), 'b1': (3,), 'W2': (3, 2), 'b2': (2,)}
        """
        return self._gradient(x, t, sample_weight)

    def numerical_gradient(
        self,
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        *,
        h: SupportsFloat = HALF_WIDTH,
        method: str = "auto",
        sample_weight: npt.ArrayLike | None = None,
    ) -> dict[str, FloatArray]:
        """The central difference ``(loss(p + h) - loss(p - h)) / 2h`` in every parameter ``p``.

        Parameters
        ----------
        x : array_like
            Inputs, shape (N, D), or (D,) for one sample.
        t : array_like
            Targets, as `loss` takes them.
        h : float, default 1e-4
            The half-width of the difference.
        method : {"auto", "node", "incremental", "direct"}
            How it is evaluated; the result is the same to rounding. ``"direct"`` runs a whole
            forward pass for every move of every parameter, as the notebook does.
            ``"incremental"`` recomputes only what a moved parameter changes. ``"node"`` evaluates
            the loss as a function of each unit's pre-activation at a few points, and goes over to
            ``"incremental"`` for units where its error bound does not hold. ``"auto"`` takes the
            fastest that is valid, which is ``"node"``. Where `predict` or `loss` is overridden,
            only ``"direct"`` and ``"auto"`` are, and both call `loss` for every move.
        sample_weight : array_like, optional
            What the samples count, as `loss` takes it.

        Returns
        -------
        dict of ndarray
            The keys, shapes and dtype of `params`.

        Raises
        ------
        TypeError
            If an argument or a parameter has a wrong dtype.
        ValueError
            As `loss`; or if `h` is not a positive finite number, or the method is unknown; or if
            ``"direct"`` cannot move a parameter, as rounding swallows `h` in one so large.

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import TwoLayerNet
        >>> net = TwoLayerNet(3, 4, 2, rng=0)
        >>> x, t = np.array([[1.0, 0.0, 2.0], [0.5, 1.0, 0.0]]), np.array([0, 1])
        >>> by_differences = net.numerical_gradient(x, t)
        >>> by_backpropagation = net.gradient(x, t)
        >>> all(np.allclose(by_differences[key], by_backpropagation[key]) for key in net.params)
        True
        """
        return self._numerical_gradient(x, t, h, method, sample_weight)
