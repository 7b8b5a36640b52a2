"""The fast check of kobai's own networks: all difference quotients in three calls of the core."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import numpy.typing as npt

from kobai._validation import FloatArray
from kobai.losses import BinaryCrossEntropy, CrossEntropy, Poisson, SquaredError
from kobai.networks.overrides import Overridable
from kobai.testing.layout import Layout
from kobai.testing.verdicts import Floats

# Methods that must be kobai's for its quotients to be those of the network's loss.
_FORWARD = frozenset(
    ("predict", "loss", "numerical_gradient", "loss_and_numerical_gradient", "core_layers")
)

# Half-widths: the usual one, and one for data of large numbers and for kinks close by.
_WIDTHS = (1e-4, 1e-6)

# A bar above this share of the largest derivative is worth three more calls.
_FINE = 1e-6

# The others have kinks, or slopes whose own slopes jump: elu and the Huber loss.
_SMOOTH = ("identity", "sigmoid", "tanh", "softplus", "silu", "gelu")
_SMOOTH_LOSSES = (CrossEntropy, SquaredError, BinaryCrossEntropy, Poisson)

_EPSILON = float(np.finfo(np.float64).eps)
_SAMPLED = 1024


class Quotients(NamedTuple):
    """What the core's differences say of all derivatives.

    Attributes
    ----------
    estimate, bar : ndarray
        The derivatives, and how far they may be off.
    loss : float
        The loss.
    """

    estimate: Floats
    bar: Floats
    loss: float


def is_of_kobai(net: object) -> TypeGuard[Overridable]:
    """Whether the core's quotients are those of this network's loss."""
    return isinstance(net, Overridable) and net._replaced_methods().isdisjoint(_FORWARD)  # noqa: SLF001


def parameters_of(net: Any) -> Mapping[str, FloatArray]:
    """The parameters of one of kobai's networks by name."""
    return net._parameters()  # type: ignore[no-any-return]  # noqa: SLF001


def with_parameters(net: Any, params: dict[str, FloatArray]) -> Any:
    """A network that differs in its parameters, which are these very arrays, and their dtype."""
    twin = copy.copy(net)
    twin.dtype = next(iter(params.values())).dtype
    if "params" in vars(net):
        twin.params = params
    else:
        for name, array in params.items():
            setattr(twin, name, array)
    return twin


def double_copy(net: Any) -> tuple[Any, dict[str, FloatArray]]:
    """A network with the same numbers in double precision, and its parameters by name.

    Its parameters are copies: what moves them leaves the network alone.
    """
    params: dict[str, FloatArray] = {
        name: np.array(array, np.float64, order="C") for name, array in parameters_of(net).items()
    }
    return with_parameters(net, params), params


def has_kinks(net: Any) -> bool:
    """Whether the loss of one of kobai's networks may have kinks, for all that is known here."""
    activations = [layer.activation for layer in net._layers[:-1]]  # noqa: SLF001
    is_smooth = all(isinstance(name, str) and name in _SMOOTH for name in activations)
    return not is_smooth or type(net._loss) not in _SMOOTH_LOSSES  # noqa: SLF001


def quotients(
    twin: Any, layout: Layout, x: npt.ArrayLike, t: npt.ArrayLike, options: dict[str, Any]
) -> Quotients:
    """The difference quotients of all parameters, extrapolated, and their error bars."""
    found = _at_width(twin, layout, x, t, options, _WIDTHS[0])
    with np.errstate(invalid="ignore"):
        is_fine = found.bar.max(initial=0.0) <= _FINE * np.abs(found.estimate).max(initial=0.0)
    return found if is_fine else _finer(found, twin, layout, x, t, options)


def _finer(
    found: Quotients,
    twin: Any,
    layout: Layout,
    x: npt.ArrayLike,
    t: npt.ArrayLike,
    options: dict[str, Any],
) -> Quotients:
    """The better of the quotients `found` and those of a smaller half-width."""
    finer = _at_width(twin, layout, x, t, options, _WIDTHS[1])
    is_better = finer.bar < found.bar
    estimate = np.where(is_better, finer.estimate, found.estimate)
    return Quotients(estimate, np.where(is_better, finer.bar, found.bar), found.loss)


def _at_width(
    twin: Any,
    layout: Layout,
    x: npt.ArrayLike,
    t: npt.ArrayLike,
    options: dict[str, Any],
    h: float,
) -> Quotients:
    """Quotients of the half-widths h, 2 h and 3 h, extrapolated to h = 0.

    Truncation is a series in the squares of h. The first two give the derivative, the third tells
    what is left: the next term of the series, ten times as large as in the result, and rounding.
    The bar is the whole correction, that remainder, and the rounding of the loss over h.
    """
    loss, first = twin.loss_and_numerical_gradient(x, t, h=h, **options)
    one = _row(layout, first)
    two = _row(layout, twin.numerical_gradient(x, t, h=2 * h, **options))
    three = _row(layout, twin.numerical_gradient(x, t, h=3 * h, **options))
    with np.errstate(all="ignore"):
        two -= one
        three -= one
        three -= two * (8 / 3)
        two /= -3
        estimate = one
        estimate += two
        remainder = np.abs(three, out=three)
        bar = np.abs(two, out=two)
        bar += remainder
        for part in layout.slices:
            sampled = remainder[part][:: max(1, (part.stop - part.start) // _SAMPLED)]
            if sampled.size:
                bar[part] += 4 * float(np.median(sampled))
        bar += 4 * _EPSILON * abs(loss) / h
    return Quotients(estimate, bar, float(loss))


def _row(layout: Layout, gradient: Any) -> Floats:
    return layout.row(gradient if isinstance(gradient, dict) else {layout.names[0]: gradient})
