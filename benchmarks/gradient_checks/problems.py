"""Functions and networks with gradients that are right, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.gradient_checks import functions
from kobai import MultiLayerNet
from kobai.testing import GradientReport, check_gradient, check_network

Params = dict[str, Any]
Gradient = Callable[[Params], Params]

ACTIVATIONS = (
    "sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "silu", "gelu", "identity",
)  # fmt: skip
LOSSES = ("cross_entropy", "squared_error", "binary_cross_entropy", "huber", "absolute_error")


@dataclass
class Problem:
    """Something that has a gradient.

    `f` and `grad` take arrays by name. `check` takes a gradient, right or wrong, and answers what
    kobai says of it.
    """

    name: str
    params: Params
    f: Callable[[Params], float]
    grad: Gradient
    samples: int | None
    decay: float
    check: Callable[[Gradient], GradientReport]
    without_derivative: Gradient | None = None

    @property
    def size(self) -> int:
        return sum(array.size for array in self.params.values())


def draw(kind: str, rng: np.random.Generator, *, decay: bool = False) -> Problem:
    """A problem of one of the `KINDS`, with weight decay in its function if that is asked for."""
    return KINDS[kind](rng, float(rng.uniform(0.01, 0.5)) if decay else 0.0)


def network_of_kobai(rng: np.random.Generator, decay: float) -> Problem:
    """A network of any depth, whose differences come from the core."""
    inputs, outputs, samples = (int(rng.integers(3, high)) for high in (13, 7, 31))
    hidden = [int(rng.integers(3, 9)) for _ in range(int(rng.integers(1, 4)))]
    loss = str(rng.choice(LOSSES))
    names = [str(rng.choice(ACTIVATIONS)) for _ in hidden]
    net = MultiLayerNet(inputs, hidden, outputs, names, "xavier", decay, loss=loss, rng=rng)
    for name, array in net.params.items():
        if name.startswith("b"):
            array += 0.3 * rng.normal(size=array.shape)
    x = rng.normal(size=(samples, inputs))
    t = _targets(loss, samples, outputs, rng)

    def check(grad: Gradient) -> GradientReport:
        net.gradient = lambda *_: grad(net.params)  # type: ignore[method-assign]
        report = check_network(net, x, t)
        del net.gradient
        return report

    def right(_: Params) -> Params:
        return MultiLayerNet.gradient(net, x, t)

    def f(_: Params) -> float:
        return float(net.loss(x, t))

    return Problem(f"kobai {net.architecture}", net.params, f, right, samples, decay, check)


def _targets(loss: str, samples: int, outputs: int, rng: np.random.Generator) -> Any:
    if loss == "cross_entropy":
        return rng.integers(0, outputs, samples)
    if loss == "binary_cross_entropy":
        return rng.integers(0, 2, (samples, outputs))
    return rng.normal(size=(samples, outputs))


class CourseNet:
    """The course's network in plain NumPy, with `params`, `loss` and `gradient`."""

    def __init__(self, params: Params, decay: float) -> None:
        self.params, self.decay = params, decay
        self.asked: Gradient | None = None

    def loss(self, x: Any, t: Any) -> float:
        return functions.course_loss(self.params, x, t, self.decay)

    def gradient(self, x: Any, t: Any) -> Params:
        if self.asked is not None:
            return self.asked(self.params)
        return functions.course_gradient(self.params, x, t, self.decay)


def network_of_the_course(rng: np.random.Generator, decay: float) -> Problem:
    """The course's two-layer network, whose parameters are moved one after the other."""
    inputs, hidden, outputs, samples = (int(rng.integers(3, high)) for high in (11, 9, 7, 31))
    sizes = {"W1": (inputs, hidden), "b1": (hidden,), "W2": (hidden, outputs), "b2": (outputs,)}
    params = {name: 0.5 * rng.normal(size=shape) for name, shape in sizes.items()}
    net = CourseNet(params, decay)
    x, t = rng.normal(size=(samples, inputs)), rng.integers(0, outputs, samples)

    def check(grad: Gradient) -> GradientReport:
        net.asked = grad
        report = check_network(net, x, t)
        net.asked = None
        return report

    def without(p: Params) -> Params:
        return functions.course_gradient(p, x, t, decay, has_derivative=False)

    return Problem(
        f"course {inputs}-{hidden}-{outputs}",
        params,
        lambda p: functions.course_loss(p, x, t, decay),
        lambda p: functions.course_gradient(p, x, t, decay),
        samples,
        decay,
        check,
        without,
    )


def function(rng: np.random.Generator, decay: float) -> Problem:
    """A function of one or several arrays."""
    name = str(rng.choice(sorted(functions.FAMILIES)))
    params, f, grad, samples = functions.FAMILIES[name](rng)

    def decayed(p: Params) -> float:
        return f(p) + decay / 2 * sum(float(np.sum(p[key] ** 2)) for key in weights)

    def its_gradient(p: Params) -> Params:
        found = dict(grad(p))
        for key in weights:
            found[key] = found[key] + decay * p[key]
        return found

    weights = [key for key, array in params.items() if array.ndim == 2]
    return Problem(
        f"function: {name}",
        params,
        decayed if decay else f,
        its_gradient if decay else grad,
        samples,
        decay,
        lambda wrong: check_gradient(decayed if decay else f, wrong, params),
    )


KINDS: dict[str, Callable[[np.random.Generator, float], Problem]] = {
    "network of kobai": network_of_kobai,
    "network of the course": network_of_the_course,
    "function": function,
}
