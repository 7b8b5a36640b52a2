"""What a trainer needs of a network, kobai's own or the user's."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kobai._validation import (
    HALF_WIDTH,
    FloatArray,
    any_real_array,
    check_finite,
    plain_array,
    shown,
)
from kobai.gradient import numerical_gradient
from kobai.networks import MultiLayerNet, SimpleNet
from kobai.networks.layered import LayeredNet
from kobai.networks.overrides import is_unchanged
from kobai.networks.parameters import writable

Array = npt.NDArray[Any]

# Samples whose loss is computed together.
_ROWS = 1000


class Trainable(Protocol):
    """A network that a `Trainer` can train: the course's kind of class.

    For ``gradient="backprop"`` it also has ``gradient(x, t)``, which returns a dict with the keys
    of `params`; or ``loss_and_gradient(x, t)``, which returns the loss as well, and is asked
    instead. For ``gradient="numerical"`` its ``numerical_gradient(x, t)`` is asked, if it has one;
    else every element of every parameter is moved, and `loss` asked twice. Where a fit is given
    weights of the samples, all of these are asked with ``sample_weight=`` those of the batch.

    A network without classes has no accuracy: ``has_accuracy = False`` says so.

    Attributes
    ----------
    params : dict of ndarray
        The parameters by name. `loss` and `accuracy` read them there each time.
    """

    @property
    def params(self) -> Any:
        """The parameters by name."""

    def loss(self, x: Any, t: Any, /) -> Any:
        """The loss of a batch, a real number."""

    def accuracy(self, x: Any, t: Any, /) -> Any:
        """The share of samples that are answered right."""


def check_network(net: object, gradient: str) -> None:
    """Raise if `net` lacks something it needs to be trained by that gradient.

    Raises
    ------
    TypeError
        If it lacks something.
    """
    if isinstance(net, type):
        raise TypeError(
            f"net must be a network, got the class {net.__name__}: write {net.__name__}(...)"
        )
    if isinstance(net, SimpleNet):
        raise TypeError("net must have params, which SimpleNet has not: use TwoLayerNet")
    wanted = ["loss", "accuracy"] if has_accuracy(net) else ["loss"]
    if gradient == "backprop" and not hasattr(net, "loss_and_gradient"):
        wanted.append("gradient")
    missing = [f"{name}(x, t)" for name in wanted if not callable(getattr(net, name, None))]
    if not hasattr(net, "params"):
        missing.insert(0, "params")
    if missing:
        raise TypeError(
            f"net must be a network with params, loss(x, t), accuracy(x, t) and gradient(x, t), "
            f"got {_type_name(net)}, which has no {', no '.join(missing)}"
        )
    params: Any = getattr(net, "params")  # noqa: B009
    if not isinstance(params, MutableMapping):
        raise TypeError(f"net.params must be a dict of arrays, got {_type_name(params)}")


def has_accuracy(net: Any) -> bool:
    """Whether a network can be asked for its accuracy: one without classes says that it cannot."""
    return bool(getattr(net, "has_accuracy", True))


def described(net: Any) -> str:
    """What a resumed run must have in common with the network, but for its parameters."""
    name = type(net).__name__
    if not isinstance(net, MultiLayerNet):
        return name
    return (
        f"{name}({', '.join([*net.activations, repr(net.loss_function)])}, "
        f"weight_decay_lambda={net.weight_decay_lambda!r})"
    )


def loss_and_gradient(
    net: Any,
    gradient: str,
    method: str,
    h: float,
    batch: tuple[Array, Array],
    sample_weight: Array | None,
) -> tuple[float, dict[str, FloatArray]]:
    """The loss of a batch and its gradient: what `Trainer.loss_and_gradient` computes."""
    x, t = batch
    # Methods of users need not take weights or h.
    weights: dict[str, Any] = {} if sample_weight is None else {"sample_weight": sample_weight}
    options = weights if h == HALF_WIDTH else {**weights, "h": h}
    if isinstance(net, LayeredNet):
        if gradient == "backprop":
            return net.loss_and_gradient(x, t, **weights)
        return net.loss_and_numerical_gradient(x, t, method=method, **options)
    if gradient == "backprop" and hasattr(net, "loss_and_gradient"):
        loss, grads = net.loss_and_gradient(x, t, **weights)
        return _loss(net, "loss_and_gradient", loss), _grads(net, "loss_and_gradient", grads)
    loss = _loss(net, "loss", net.loss(x, t, **weights))
    if gradient == "backprop":
        return loss, _grads(net, "gradient", net.gradient(x, t, **weights))
    if hasattr(net, "numerical_gradient"):
        grads = net.numerical_gradient(x, t, **options)
        return loss, _grads(net, "numerical_gradient", grads)
    return loss, _differences(net, lambda: net.loss(x, t, **weights), h)


def mean_loss(net: Any, x: Array, t: Array) -> float:
    """The loss of a data set; by a network of kobai's block by block, which bounds the memory."""
    if len(x) <= _ROWS or not is_unchanged(net):
        return _loss(net, "loss", net.loss(x, t))
    total = 0.0
    for start in range(0, len(x), _ROWS):
        rows = slice(start, start + _ROWS)
        total += float(net.loss(x[rows], t[rows])) * len(t[rows])
    return total / len(x)


def _differences(net: Any, loss: Callable[[], Any], h: float) -> dict[str, FloatArray]:
    """The central difference of `loss` in every parameter, each of them moved in place."""
    for key, param in net.params.items():
        # numerical_gradient would move a copy of these, which `loss` does not read.
        if not isinstance(param, np.ndarray) or param.dtype.kind != "f":
            got = param.dtype if isinstance(param, np.ndarray) else _type_name(param)
            raise TypeError(f"params[{key!r}] must be an array of floats, got {got}")
        if not param.flags.writeable:
            raise ValueError(f"params[{key!r}] must be writable, got a read-only array")
    return {
        key: numerical_gradient(lambda _: loss(), param, h) for key, param in net.params.items()
    }


def _loss(net: object, method: str, loss: Any) -> float:
    try:
        return float(loss)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(
            f"{_type_name(net)}.{method}(x, t) must return a loss that is a real number, "
            f"got {shown(loss)}"
        ) from error


def _grads(net: object, method: str, grads: Any) -> Any:
    if not hasattr(grads, "keys"):
        raise TypeError(
            f"{_type_name(net)}.{method}(x, t) must return a dict with the keys of params, "
            f"got {shown(grads)}"
        )
    return grads


def checked_data(
    net: Any, x: Any, t: Any, names: tuple[str, str], weights: Array | None = None
) -> tuple[Array, Array]:
    """`x` and `t` as arrays, after checking that a fit can begin with them; floats are finite.

    A network of kobai's checks shapes, dtypes and targets. For other networks only the number of
    samples is checked. Samples of weight 0 may hold anything.
    """
    data = any_real_array(names[0], x)
    if isinstance(net, LayeredNet):
        if data.ndim != 2:
            raise ValueError(f"{names[0]} must have shape (N, D), got shape {data.shape}")
        data, checked = net.checked_data(data, t, names, weights)
        given = any_real_array(names[1], t).reshape(checked.shape)
        # With weights, what was checked may be a copy without the targets that do not count.
        answers = given if given.dtype == checked.dtype else checked
    else:
        answers = any_real_array(names[1], t)
        if data.ndim == 0 or len(data) == 0:
            raise ValueError(f"{names[0]} must hold at least one sample, got shape {data.shape}")
    if answers.shape[:1] != data.shape[:1]:
        raise ValueError(
            f"{names[1]} must hold {len(data)} targets, one a sample, got shape {answers.shape}"
        )
    # Methods of users may take numbers as they are.
    dtype = net.dtype if is_unchanged(net) else None
    for name, array in zip(names, (data, answers), strict=True):
        _check_finite(name, array, weights, dtype)
    return data, answers


def _check_finite(
    name: str, array: Array, weights: Array | None, dtype: np.dtype[Any] | None
) -> None:
    try:
        check_finite(name, array, dtype)
    except ValueError:
        if weights is None:
            raise
        counted = array.copy()
        counted[weights == 0] = 0
        check_finite(name, counted, dtype)


def check_again(
    net: Any, data: tuple[Array, Array], names: tuple[str, str], weights: Array | None = None
) -> None:
    """Raise if data that may have been changed in place holds targets that the loss refuses."""
    if isinstance(net, LayeredNet):
        net.checked_data(*data, names, weights)


def make_writable(net: Any) -> None:
    """Replace parameters that cannot be written by copies that can, if all of them fit.

    Arrays that joblib or shared memory handed over, or a file that was mapped, are read-only.
    """
    check_parameters(net)
    params = net.params
    for key, param in list(params.items()):
        copy = writable(param)
        if copy is not param:
            plain_array(f"params[{key!r}]", param)
            params[key] = copy


def check_parameters(net: Any) -> None:
    """Raise if the parameters of a network of kobai's do not fit; others are not checked."""
    if is_unchanged(net):
        net.core_layers()


def _type_name(value: object) -> str:
    return type(value).__name__
