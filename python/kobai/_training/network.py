"""What a trainer asks of a network, kobai's own or the user's."""

from __future__ import annotations

import operator
from collections.abc import Callable, MutableMapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kobai._validation import FloatArray, check_finite, plain_array, real_as_it_lies, shown
from kobai.gradient import numerical_gradient
from kobai.networks import SimpleNet, TwoLayerNet

Array = npt.NDArray[Any]


class Trainable(Protocol):
    """A network that a `Trainer` can train: the course's kind of class.

    For ``gradient="backprop"`` it also has ``gradient(x, t)``, which returns a dict with the keys
    of `params`; or ``loss_and_gradient(x, t)``, which returns the loss as well, and is asked
    instead. For ``gradient="numerical"`` its ``numerical_gradient(x, t)`` is asked, if it has one;
    else every element of every parameter is moved, and `loss` asked twice.

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
    """Find what `net` lacks to be trained by that gradient.

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
    wanted = ["loss", "accuracy"]
    if gradient == "backprop" and not hasattr(net, "loss_and_gradient"):
        wanted.append("gradient")
    missing = [f"{name}(x, t)" for name in wanted if not callable(getattr(net, name, None))]
    if not hasattr(net, "params"):
        missing.insert(0, "params")
    if missing:
        raise TypeError(
            f"net must be a network with params, loss(x, t), accuracy(x, t) and gradient(x, t), "
            f"got {_kind(net)}, which has no {', no '.join(missing)}"
        )
    params: Any = getattr(net, "params")  # noqa: B009
    if not isinstance(params, MutableMapping):
        raise TypeError(f"net.params must be a dict of arrays, got {_kind(params)}")


# What a `TwoLayerNet` is made of: all of it but how it is scored and stored.
_PARTS = tuple(
    name
    for name in dir(TwoLayerNet)
    if not name.startswith("__") and name not in ("accuracy", "save", "load")
)
_NAMES = frozenset(_PARTS)
_parts_of: Callable[[type], tuple[Any, ...]] = operator.attrgetter(*_PARTS)
_CAME_WITH = _parts_of(TwoLayerNet)


def is_unchanged(net: object) -> bool:
    """Whether nothing of what a `TwoLayerNet` is made of has been replaced in `net`.

    Neither in its class nor in the instance, and no parameter is made up when it is asked for.
    """
    kind = type(net)
    if not issubclass(kind, TwoLayerNet) or kind.__getattribute__ is not object.__getattribute__:
        return False
    own = net.__dict__
    return (
        type(own.get("params")) is dict
        and _NAMES.isdisjoint(own)
        and all(map(operator.is_, _parts_of(kind), _CAME_WITH))
    )


def loss_and_gradient(
    net: Any, gradient: str, method: str, x: Array, t: Array
) -> tuple[float, dict[str, FloatArray]]:
    """The loss of a batch and its gradient: what `Trainer.loss_and_gradient` computes."""
    if isinstance(net, TwoLayerNet):
        if gradient == "backprop":
            return net.loss_and_gradient(x, t)
        return net.loss_and_numerical_gradient(x, t, method=method)
    if gradient == "backprop" and hasattr(net, "loss_and_gradient"):
        loss, grads = net.loss_and_gradient(x, t)
        return _loss(net, "loss_and_gradient", loss), _grads(net, "loss_and_gradient", grads)
    loss = _loss(net, "loss", net.loss(x, t))
    if gradient == "backprop":
        return loss, _grads(net, "gradient", net.gradient(x, t))
    if hasattr(net, "numerical_gradient"):
        return loss, _grads(net, "numerical_gradient", net.numerical_gradient(x, t))
    return loss, _differences(net, x, t)


def _differences(net: Any, x: Array, t: Array) -> dict[str, FloatArray]:
    """The central difference of the loss in every parameter, each of them moved in place."""
    for key, param in net.params.items():
        # A copy would be moved in the place of others, and `loss` would not see it.
        if not isinstance(param, np.ndarray) or param.dtype.kind != "f":
            got = param.dtype if isinstance(param, np.ndarray) else _kind(param)
            raise TypeError(f"params[{key!r}] must be an array of floats, got {got}")
        if not param.flags.writeable:
            raise ValueError(f"params[{key!r}] must be writable, got a read-only array")
    return {
        key: numerical_gradient(lambda _: net.loss(x, t), param)
        for key, param in net.params.items()
    }


def _loss(net: object, method: str, loss: Any) -> float:
    try:
        return float(loss)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(
            f"{_kind(net)}.{method}(x, t) must return a loss that is a real number, "
            f"got {shown(loss)}"
        ) from error


def _grads(net: object, method: str, grads: Any) -> Any:
    if not hasattr(grads, "keys"):
        raise TypeError(
            f"{_kind(net)}.{method}(x, t) must return a dict with the keys of params, "
            f"got {shown(grads)}"
        )
    return grads


def checked_data(net: Any, x: Any, t: Any, names: tuple[str, str]) -> tuple[Array, Array]:
    """`x` and `t` as arrays that a fit can be begun with; float arrays are finite.

    A network of kobai's checks that it can be asked about all of them. Of another one, only the
    number of samples is known.
    """
    data = real_as_it_lies(names[0], x)
    if isinstance(net, TwoLayerNet):
        if data.ndim != 2:
            raise ValueError(f"{names[0]} must have shape (N, D), got shape {data.shape}")
        data, answers = net.checked_data(data, t, names)
    else:
        answers = real_as_it_lies(names[1], t)
        if data.ndim == 0 or len(data) == 0:
            raise ValueError(f"{names[0]} must hold at least one sample, got shape {data.shape}")
    if answers.shape[:1] != data.shape[:1]:
        raise ValueError(
            f"{names[1]} must hold {len(data)} targets, one a sample, got shape {answers.shape}"
        )
    check_finite(names[0], data)
    check_finite(names[1], answers)
    return data, answers


def check_again(net: Any, data: tuple[Array, Array], names: tuple[str, str]) -> None:
    """Find labels that name no class in data that may have been changed in place."""
    if isinstance(net, TwoLayerNet):
        net.checked_data(*data, names)


def own_parameters(net: Any) -> None:
    """Replace parameters that cannot be written by copies that can, if all of them fit.

    Arrays that joblib or shared memory handed over, or a file that was mapped, are read-only.
    """
    check_parameters(net)
    params = net.params
    for key, param in list(params.items()):
        if isinstance(param, np.ndarray) and not param.flags.writeable:
            params[key] = np.array(plain_array(f"params[{key!r}]", param))


def check_parameters(net: Any) -> None:
    """Find parameters that do not fit a network of kobai's; of others, nothing is known."""
    if is_unchanged(net):
        net.core_layers()


def _kind(value: object) -> str:
    return type(value).__name__
