"""The base of all networks: it hands named parameters and a batch to the core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeGuard, TypeVar

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai._difference import check_steps
from kobai._validation import (
    FloatArray,
    converted,
    in_dtype,
    inputs,
    plain_array,
    targets,
)
from kobai.networks.overrides import Overridable

# Many samples are computed in blocks, so that Ctrl-C is served between two calls of the core. A
# block fills a processor's cache, and has rows enough for threads to share.
_MIN_BLOCK_ROWS = 1000
_BLOCK_ELEMENTS = 1 << 20

_SINGLE = np.dtype(np.float32)
_DOUBLE = np.dtype(np.float64)

_Answer = TypeVar("_Answer")


class Layer(NamedTuple):
    """The names of a layer's parameters in `params`, and the name of its activation."""

    weights: str
    bias: str | None
    activation: str


class Network(Overridable):
    """A network whose parameters the core is given by name, layer by layer."""

    _layers: tuple[Layer, ...]
    # The loss as the core takes it: its name, and the numbers of its formula.
    _loss: tuple[str, list[float]] = ("cross_entropy", [1e-7])
    _weight_decay = 0.0
    _shapes: dict[str, tuple[int, ...]]
    # The number of inputs, of units in each hidden layer, and of outputs.
    _sizes: tuple[int, ...]

    def _set_shapes(self, shapes: dict[str, tuple[int, ...]]) -> None:
        weights = [shapes[layer.weights] for layer in self._layers]
        self._shapes = shapes
        self._sizes = (weights[0][0], *(units for _, units in weights))

    def __repr__(self) -> str:
        """The class, the sizes of its layers, the number of parameters and their dtype."""
        sizes = "-".join(map(str, self._sizes))
        try:
            count = str(sum(param.size for param in self._parameters().values()))
        except (AttributeError, TypeError):  # parameters that are no arrays
            count = "spoilt"
        return f"<{type(self).__name__} {sizes}: {count} parameters, {self.dtype}>"

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state of a pickle or a copy, read-only parameters replaced by copies.

        joblib and shared memory hand arrays over read-only.
        """
        self.__dict__.update(state)
        self._set_shapes(self._shapes)
        self._make_parameters_writable()

    def _make_parameters_writable(self) -> None:
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

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> net = TwoLayerNet(2, 3, 4, weight_init_std=0.0)
        >>> x = [[0.5, 1.0], [2.0, -1.0]]
        >>> print(f"{net.loss(x, [3, 0]):.4f}")
        1.3863
        """
        if "predict" in self._replaced_methods():
            return self._loss_of_prediction(x, t)
        return self.dtype.type(self._ask(_core.network_loss, x, t))

    def accuracy(self, x: npt.ArrayLike, t: npt.ArrayLike) -> float:
        """The share of samples whose largest score is that of the target.

        A NaN is not the largest of any scores, nor are others beside it: a sample with one among
        its scores, or in its target, is not answered right.

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

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import TwoLayerNet
        >>> net = TwoLayerNet(2, 3, 2, weight_init_std=0.0)
        >>> net.params["b2"] = np.array([0.0, 1.0])
        >>> net.accuracy([[0.5, 1.0], [2.0, -1.0], [0.0, 0.0]], [1, 0, 1])
        0.6666666666666666
        """
        predict_is_ours = "predict" not in self._replaced_methods()
        network = self.core_network() if predict_is_ours else None
        data, answers = self.checked_data(x, t)
        if data.ndim == 1:
            data, answers = data[np.newaxis], answers[np.newaxis]
        correct = 0
        for rows in self._blocks(len(data)):
            if predict_is_ours:
                batch = self._batch(data[rows], answers[rows], keep_single=True)
                correct += _core.network_correct(network, *batch)
            else:
                correct += self._correct_predictions(data[rows], answers[rows])
        return correct / len(data)

    def checked_data(
        self, x: npt.ArrayLike, t: npt.ArrayLike, names: tuple[str, str] = ("x", "t")
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """`x` and `t` as arrays, after checking that the network can be asked about all of them.

        Arrays stay as they lie, of whatever real dtype; only those of objects are copied. An
        overridden `predict` may take other inputs than the parent's, and answer other classes.

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

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> net = TwoLayerNet(2, 3, 2)
        >>> x, t = net.checked_data([[1, 2], [3, 4]], [0, 1], names=("x_train", "t_train"))
        >>> x.dtype.kind, t.shape
        ('i', (2,))
        """
        columns, *_, classes = self._sizes
        predict_is_ours = "predict" not in self._replaced_methods()
        data = inputs(names[0], x, columns if predict_is_ours else None)
        if len(data) == 0:
            raise ValueError(f"{names[0]} must hold at least one sample, got shape {data.shape}")
        return data, targets(names[1], t, data.shape[:-1], classes if predict_is_ours else None)

    def _blocks(self, samples: int) -> list[slice]:
        """Slices of the samples that one call of the core computes together."""
        rows = max(_MIN_BLOCK_ROWS, _BLOCK_ELEMENTS // max(self._sizes))
        return [slice(start, start + rows) for start in range(0, samples, rows)]

    def _predict(self, question: Callable[..., FloatArray], x: npt.ArrayLike) -> FloatArray:
        """The answer of the core function `question` for each row of `x`, block by block."""
        columns, *_, outputs = self._sizes
        data = x if self._is_plain_batch(x) else inputs("x", x, columns)
        network = self.core_network()
        if data.ndim == 1:
            row: FloatArray = question(network, self._rows(data[np.newaxis]))[0]
            return row
        if len(data) <= _MIN_BLOCK_ROWS:
            return question(network, self._rows(data))
        answers = np.empty((len(data), outputs), self.dtype)
        for rows in self._blocks(len(data)):
            answers[rows] = question(network, self._rows(data[rows]))
        return answers

    def _ask(self, question: Callable[..., _Answer], x: npt.ArrayLike, t: npt.ArrayLike) -> _Answer:
        """The answer of the core function `question` for this network and a batch."""
        network = self.core_network()
        batch = self._batch(x, t)
        try:
            return question(network, *batch, None)
        except ValueError as error:
            raise self._explained(error, x, t) from None

    def _explained(
        self, error: ValueError, x: npt.ArrayLike, t: npt.ArrayLike, moved_by: float | None = None
    ) -> TypeError | ValueError:
        """The error of the core in terms of the arrays that the caller knows.

        `moved_by` is the half-width by which every parameter was to be moved, if any was.
        """
        try:
            if moved_by is not None:
                for key, param in self._parameters().items():
                    check_steps(key, param.astype(_DOUBLE, copy=False), moved_by)
            self.checked_data(x, t)
        except (TypeError, ValueError) as better:
            return better
        return error

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
        return self.core_layers(), self._loss, self._weight_decay

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

    def _rows(self, data: npt.NDArray[Any], *, keep_single: bool = False) -> FloatArray:
        """Inputs in the network's dtype; with `keep_single`, float16 and float32 as float32."""
        is_single = data.dtype.kind == "f" and data.dtype.itemsize <= _SINGLE.itemsize
        return converted(data, _SINGLE if keep_single and is_single else self.dtype)

    def _is_plain_batch(self, x: npt.ArrayLike) -> TypeGuard[FloatArray]:
        """Whether the core takes `x` unchanged: nothing needs to be checked or converted."""
        return (
            type(x) is np.ndarray
            and x.dtype == self.dtype
            and x.ndim == 2
            and x.shape[1] == self._sizes[0]
            and x.flags.aligned
        )

    def _batch(
        self, x: npt.ArrayLike, t: npt.ArrayLike, *, keep_single: bool = False
    ) -> tuple[FloatArray, npt.NDArray[Any]]:
        """Inputs as rows, and targets as int64 labels or as rows of the network's dtype.

        The core checks the range of labels in an integer array, which is not done twice.
        """
        if self._is_plain_batch(x):
            rows, samples = x, x.shape[:1]
        else:
            data = inputs("x", x, self._sizes[0])
            samples = data.shape[:-1]
            rows = self._rows(data if samples else data[np.newaxis], keep_single=keep_single)
        if type(t) is np.ndarray and t.dtype.kind in "iu" and t.shape == samples:
            answers = t
        else:
            answers = targets("t", t, samples, self._sizes[-1])
            if answers.shape != samples:
                return rows, np.atleast_2d(converted(answers, self.dtype))
        # The core takes aligned int64 labels, and copies them.
        return rows, answers.reshape(-1).astype(np.int64, copy=not answers.flags.aligned)

    def _backpropagation(
        self, x: npt.ArrayLike, t: npt.ArrayLike
    ) -> tuple[float, dict[str, FloatArray]]:
        loss, layers = self._ask(_core.network_gradient, x, t)
        return loss, self._named(layers)

    def _central_differences(
        self, x: npt.ArrayLike, t: npt.ArrayLike, h: float, method: str
    ) -> tuple[float, dict[str, FloatArray]]:
        layers, *rest = self.core_network()
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
                (layers, *rest), rows, answers, None, h, method
            )
        except ValueError as error:
            # The other methods move pre-activations, never a parameter itself.
            moved_by = h if method == "direct" else None
            raise self._explained(error, x, t, moved_by) from None
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
