"""The base of all networks: what can be asked of one, answered by the core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai._difference import check_steps
from kobai._validation import (
    FloatArray,
    in_dtype,
    inputs,
    sample_weights,
    shown,
)
from kobai.networks.batches import MIN_BLOCK_ROWS
from kobai.networks.layers import Layers

_DOUBLE = np.dtype(np.float64)

_Answer = TypeVar("_Answer")


class Network(Layers):
    """A network that answers questions by handing its layers and a batch to the core."""

    def __repr__(self) -> str:
        """The class, the sizes of its layers, the number of parameters and their dtype."""
        try:
            count = str(sum(param.size for param in self._parameters().values()))
        except (AttributeError, TypeError):  # parameters that are no arrays
            count = "spoilt"
        kind = f"{type(self).__name__} {self._described()}"
        return f"<{kind}: {count} parameters, {self.dtype}>"

    def _described(self) -> str:
        """What the network is, in a few words."""
        return "-".join(map(str, self._sizes))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state of a pickle or a copy, read-only parameters replaced by copies.

        joblib and shared memory hand arrays over read-only.
        """
        self.__dict__.update(state)
        self._set_shapes(self._shapes)
        self._make_parameters_writable()

    def _make_parameters_writable(self) -> None:
        raise NotImplementedError

    def output(self, x: npt.ArrayLike) -> FloatArray:
        """What the loss compares with targets: probabilities, expected counts, or the scores.

        Parameters
        ----------
        x : array_like
            Inputs, shape (N, D), or (D,) for one sample.

        Returns
        -------
        ndarray
            Outputs of the network's dtype, shape (N, K), or (K,) for one sample.

        Raises
        ------
        TypeError
            If `x` or a parameter has a wrong dtype.
        ValueError
            If the shape of `x` or of a parameter does not fit.

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import SimpleNet
        >>> net = SimpleNet(2, 2)
        >>> net.W = np.zeros((2, 2))
        >>> net.output([1.0, 2.0])
        array([0.5, 0.5])
        """
        is_replaced = "predict" in self._replaced_methods()
        return self._output_of_prediction(self._predicted(x) if is_replaced else self.predict(x))

    def loss(
        self, x: npt.ArrayLike, t: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> Any:
        """The mean loss of the samples, and what weight decay adds to it.

        Parameters
        ----------
        x : array_like
            Inputs, shape (N, D), or (D,) for one sample.
        t : array_like
            Targets, as the network's loss takes them. For cross-entropy: class weights of shape
            (N, K), or integer labels of shape (N,).
        sample_weight : array_like, optional
            What the samples count, shape (N,): finite numbers, none negative and not all 0. The
            mean is weighted by them. A sample of weight 0 does not count, whatever it holds.

        Returns
        -------
        scalar
            Of the network's dtype.

        Raises
        ------
        TypeError
            If an argument or a parameter has a wrong dtype.
        ValueError
            If shapes do not fit, a target is none that the loss takes (a label outside ``0..K-1``),
            weights are out of range, or there is no sample.

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> net = TwoLayerNet(2, 3, 4, weight_init_std=0.0)
        >>> x = [[0.5, 1.0], [2.0, -1.0]]
        >>> print(f"{net.loss(x, [3, 0]):.4f}")
        1.3863
        """
        if "predict" in self._replaced_methods():
            loss = self._loss_of_prediction(self._predicted(x), t, sample_weight)
            return self.dtype.type(loss)
        return self.dtype.type(self._ask(_core.network_loss, x, t, sample_weight))

    def _loss_of_prediction(
        self, predicted: npt.NDArray[Any], t: npt.ArrayLike, sample_weight: npt.ArrayLike | None
    ) -> float:
        """The loss of the values that an overridden `predict` returns."""
        raise NotImplementedError

    def _output_of_prediction(self, predicted: npt.NDArray[Any]) -> FloatArray:
        """The outputs that belong to the values `predict` returns."""
        return self._loss.output(predicted)

    @property
    def has_accuracy(self) -> bool:
        """Whether `accuracy` can be asked for: the loss is one of classes, or it is overridden.

        Examples
        --------
        >>> from kobai import MultiLayerNet, TwoLayerNet
        >>> TwoLayerNet(2, 3, 4).has_accuracy
        True
        >>> MultiLayerNet(2, [3], 1, loss="squared_error").has_accuracy
        False
        """
        return self._loss.has_classes or "accuracy" in self._replaced_methods()

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
            If an argument or a parameter has a wrong dtype, or the network's loss is not one of
            classes.
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
        if not self._loss.has_classes:
            raise TypeError(
                f"accuracy is the share of samples whose class is found, and {self._loss} knows no "
                f"classes: compare net.output(x) with the targets, or ask for net.loss(x, t)"
            )
        network = None if "predict" in self._replaced_methods() else self.core_network()
        data, answers = self.checked_data(x, t)
        if data.ndim == 1:
            data, answers = data[np.newaxis], answers[np.newaxis]
        correct = 0
        for rows in self._blocks(len(data)):
            if network is not None:
                block, classes, _ = self._batch(data[rows], answers[rows], keep_single=True)
                correct += _core.network_correct(network, block, classes)
            else:
                correct += self._correct_predictions(data[rows], answers[rows])
        return correct / len(data)

    def checked_data(
        self,
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        names: tuple[str, str] = ("x", "t"),
        sample_weight: npt.ArrayLike | None = None,
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
        sample_weight : array_like, optional
            As `loss` takes it.

        Returns
        -------
        x, t : ndarray
            What is returned for `t` has one axis less than what is returned for `x` where it holds
            labels, and as many where it holds rows.

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
        samples, counted = data.shape[:-1], None
        if sample_weight is not None:
            weights = sample_weights("sample_weight", sample_weight, samples)
            counted = weights > 0 if samples else None
        outputs = classes if predict_is_ours else None
        return data, self._loss.checked_targets(names[1], t, samples, outputs, counted)

    def _predict(self, question: Callable[..., FloatArray], x: npt.ArrayLike) -> FloatArray:
        """The answer of the core function `question` for each row of `x`, block by block."""
        columns, *_, outputs = self._sizes
        data = x if self._is_plain_batch(x) else inputs("x", x, columns)
        network = self.core_network()
        if data.ndim == 1:
            row: FloatArray = question(network, self._rows(data[np.newaxis]))[0]
            return row
        if len(data) <= MIN_BLOCK_ROWS:
            return question(network, self._rows(data))
        answers = np.empty((len(data), outputs), self.dtype)
        for rows in self._blocks(len(data)):
            answers[rows] = question(network, self._rows(data[rows]))
        return answers

    def _ask(
        self,
        question: Callable[..., _Answer],
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None,
    ) -> _Answer:
        """The answer of the core function `question` for this network and a batch."""
        network = self.core_network()
        batch = self._batch(x, t, sample_weight)
        try:
            return question(network, *batch)
        except ValueError as error:
            raise self._explained(error, x, t, sample_weight) from None

    def _explained(
        self,
        error: ValueError,
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None,
        moved_by: float | None = None,
    ) -> TypeError | ValueError:
        """The error of the core in terms of the arrays that the caller knows.

        `moved_by` is the half-width by which every parameter was to be moved, if any was.
        """
        try:
            if moved_by is not None:
                for key, param in self._parameters().items():
                    check_steps(key, param.astype(_DOUBLE, copy=False), moved_by)
            self.checked_data(x, t, sample_weight=sample_weight)
        except (TypeError, ValueError) as better:
            return better
        return error

    def _backpropagation(
        self, x: npt.ArrayLike, t: npt.ArrayLike, sample_weight: npt.ArrayLike | None
    ) -> tuple[float, dict[str, FloatArray]]:
        loss, layers = self._ask(_core.network_gradient, x, t, sample_weight)
        return loss, self._named(layers)

    def _central_differences(
        self,
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        h: float,
        method: str,
        sample_weight: npt.ArrayLike | None,
    ) -> tuple[float, dict[str, FloatArray]]:
        if not isinstance(method, str):
            raise TypeError(f"method must be text, 'auto' for example, got {shown(method)}")
        layers, loss, weight_decay = self.core_network()
        rows, answers, weights = self._batch(x, t, sample_weight, keep_single=True)
        is_double = self.dtype == _DOUBLE
        if not is_double:
            layers = [
                (W.astype(_DOUBLE), None if b is None else b.astype(_DOUBLE), activation)
                for W, b, activation in layers
            ]
            if answers.dtype != np.int64:
                answers = answers.astype(_DOUBLE)
        network = layers, loss, weight_decay
        try:
            mean, gradient = _core.network_numerical_gradient(
                network, rows, answers, weights, h, method
            )
        except ValueError as error:
            # The other methods move pre-activations, never a parameter itself.
            moved_by = h if method == "direct" else None
            raise self._explained(error, x, t, sample_weight, moved_by) from None
        named = self._named(gradient)
        if is_double:
            return mean, named
        return mean, {key: in_dtype(quotients, self.dtype) for key, quotients in named.items()}
