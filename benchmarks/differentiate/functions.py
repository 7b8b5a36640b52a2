"""Thirty-five functions whose derivatives are known, with points from one to fifty dimensions.

The exact gradients are computed in extended precision, from the numbers that f really gets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]
LONG = np.longdouble


@dataclass(frozen=True)
class Case:
    """A function, its gradient in extended precision, and its points.

    `kinks` says where there is no derivative; `noise` is relative to the value.
    """

    name: str
    kind: str
    f: Callable[[Floats], Any]
    gradient: Callable[[Floats], Floats]
    point: Callable[[np.random.Generator], Floats]
    noise: float = 0.0
    kinks: Callable[[Floats], npt.NDArray[np.bool_]] | None = None

    @property
    def is_smooth(self) -> bool:
        """Whether nothing but rounding to float64 stands in the way."""
        return self.kind in ("smooth", "badly scaled", "flat", "oscillating", "near a pole")


def uniform(low: float, high: float, size: int) -> Callable[[np.random.Generator], Floats]:
    return lambda rng: rng.uniform(low, high, size)


def fixed(*numbers: float) -> Callable[[np.random.Generator], Floats]:
    return lambda rng: np.array(numbers) * (1 + 1e-3 * rng.uniform(-1, 1, len(numbers)))


def _rosenbrock(x: Floats) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _rosenbrock_gradient(x: Floats) -> Floats:
    slope = np.zeros_like(x)
    bend = x[1:] - x[:-1] ** 2
    slope[:-1] = -400 * x[:-1] * bend - 2 * (1 - x[:-1])
    slope[1:] += 200 * bend
    return slope


def _logsumexp(x: Floats) -> Any:
    return np.max(x) + np.log(np.sum(np.exp(x - np.max(x))))


def _softmax(x: Floats) -> Floats:
    powers = np.exp(x - np.max(x))
    return powers / np.sum(powers)


_MATRIX = np.random.default_rng(3).normal(size=(30, 20)) / 4
_SIGNS = np.where(np.random.default_rng(4).random(30) < 0.5, -1.0, 1.0)


def _logistic(x: Floats) -> Any:
    return np.mean(np.log1p(np.exp(-_SIGNS * (_MATRIX @ x))))


def _logistic_gradient(x: Floats) -> Floats:
    margins = _SIGNS * (_MATRIX.astype(LONG) @ x)
    return -(_MATRIX.T.astype(LONG) @ (_SIGNS / (1 + np.exp(margins)))) / len(_SIGNS)


def _layer(x: Floats) -> Any:
    return np.sum(np.tanh(_MATRIX @ x) * _SIGNS)


def _layer_gradient(x: Floats) -> Floats:
    return _MATRIX.T.astype(LONG) @ (_SIGNS / np.cosh(_MATRIX.astype(LONG) @ x) ** 2)


_UNITS = np.array([10.0**k for k in range(-8, 9)])


def _relu_layer(x: Floats) -> Any:
    return np.sum(np.maximum(x, 0) * np.arange(1, x.size + 1)) + np.sum(x**2)


SMOOTH = [
    Case("sum of exponentials", "smooth", lambda x: np.sum(np.exp(x)), np.exp, uniform(-2, 2, 10)),
    Case(
        "sine of a product",
        "smooth",
        lambda x: np.sin(np.sum(x * np.arange(1, 51) / 50)),
        lambda x: np.cos(np.sum(x * (np.arange(1, 51) / 50))) * (np.arange(1, 51) / 50),
        uniform(-1, 1, 50),
    ),
    Case("Rosenbrock", "smooth", _rosenbrock, _rosenbrock_gradient, uniform(-2, 2, 10)),
    Case("log-sum-exp", "smooth", _logsumexp, _softmax, uniform(-3, 3, 50)),
    Case("logistic loss", "smooth", _logistic, _logistic_gradient, uniform(-2, 2, 20)),
    Case("layer of tanh", "smooth", _layer, _layer_gradient, uniform(-1, 1, 20)),
    Case(
        "polynomial of degree 5",
        "smooth",
        lambda x: np.sum(x**5 - 3 * x**2 + x),
        lambda x: 5 * x**4 - 6 * x + 1,
        uniform(-2, 2, 5),
    ),
    Case("product", "smooth", np.prod, lambda x: np.prod(x) / x, uniform(0.5, 3, 4)),
    Case(
        "length",
        "smooth",
        lambda x: np.sqrt(np.sum(x**2)),
        lambda x: x / np.sqrt(np.sum(x**2)),
        uniform(-1, 1, 30),
    ),
    Case(
        "Gaussian",
        "smooth",
        lambda x: np.exp(-np.sum(x**2)),
        lambda x: -2 * x * np.exp(-np.sum(x**2)),
        uniform(-1, 1, 3),
    ),
    Case("arc tangent", "smooth", lambda x: np.arctan(x[0]), lambda x: 1 / (1 + x**2), fixed(0.7)),
    Case(
        "entropy",
        "smooth",
        lambda x: np.sum(x * np.log(x)),
        lambda x: np.log(x) + 1,
        uniform(0.05, 2, 10),
    ),
]

SCALES = [
    Case(
        "waves of length 1e-8",
        "badly scaled",
        lambda x: np.sum(np.sin(x * 1e8)),
        lambda x: 1e8 * np.cos(x * LONG(1e8)),
        lambda rng: rng.uniform(-2, 2, 5) * 1e-8,
    ),
    Case(
        "cubes of 1e8",
        "badly scaled",
        lambda x: np.sum((x / 1e8) ** 3),
        lambda x: 3 * (x / LONG(1e8)) ** 2 / LONG(1e8),
        lambda rng: rng.uniform(0.5, 2, 5) * 1e8,
    ),
    Case(
        "each element its own unit",
        "badly scaled",
        lambda x: np.sum(np.sin(x / _UNITS)),
        lambda x: np.cos(x / _UNITS.astype(LONG)) / _UNITS.astype(LONG),
        lambda rng: rng.uniform(0.2, 2, 17) * _UNITS,
    ),
    Case(
        "faster than its argument",
        "badly scaled",
        lambda x: np.sum(np.cos(1e6 * x)),
        lambda x: -1e6 * np.sin(LONG(1e6) * x),
        uniform(0.5, 2, 4),
    ),
    Case(
        "slower than its argument",
        "badly scaled",
        lambda x: np.sum(np.exp(x / 1e6)),
        lambda x: np.exp(x / LONG(1e6)) / LONG(1e6),
        uniform(0.5, 2, 4),
    ),
    Case(
        "small beside a constant",
        "badly scaled",
        lambda x: 1e6 + np.sum(np.sin(x)),
        np.cos,
        uniform(-1, 1, 6),
    ),
]

FLAT = [
    Case(
        "tail of a Gaussian",
        "flat",
        lambda x: np.exp(-np.sum(x**2)),
        lambda x: -2 * x * np.exp(-np.sum(x**2)),
        uniform(4, 6, 4),
    ),
    Case("sixth power at zero", "flat", lambda x: np.sum(x**6), lambda x: 6 * x**5, fixed(0, 0, 0)),
    Case(
        "half of the elements not used",
        "flat",
        lambda x: np.sum(x[::2] ** 2),
        lambda x: np.where(np.arange(x.size) % 2, 0, 2 * x),
        uniform(-1, 1, 10),
    ),
]

WAVES = [
    Case(
        "30 waves a unit",
        "oscillating",
        lambda x: np.sum(np.sin(30 * x)),
        lambda x: 30 * np.cos(30 * x),
        uniform(-2, 2, 10),
    ),
    Case(
        "200 waves a unit",
        "oscillating",
        lambda x: np.sum(x * np.cos(200 * x)),
        lambda x: np.cos(200 * x) - 200 * x * np.sin(200 * x),
        uniform(-1, 1, 10),
    ),
    Case(
        "chirp",
        "oscillating",
        lambda x: np.sum(np.sin(x**3)),
        lambda x: 3 * x**2 * np.cos(x**3),
        uniform(1, 5, 8),
    ),
]

POLES = [
    Case(
        "reciprocal, 0.001 from its pole",
        "near a pole",
        lambda x: 1 / (1 - x[0]),
        lambda x: 1 / (1 - x) ** 2,
        lambda rng: 1 - 1e-3 * rng.uniform(0.5, 1.5, 1),
    ),
    Case(
        "tangent",
        "near a pole",
        lambda x: np.sum(np.tan(x)),
        lambda x: 1 / np.cos(x) ** 2,
        uniform(1.3, 1.56, 3),
    ),
    Case(
        "potential",
        "near a pole",
        lambda x: 1 / np.sqrt(np.sum((x - 1) ** 2)),
        lambda x: -(x - 1) / np.sqrt(np.sum((x - 1) ** 2)) ** 3,
        lambda rng: 1 + 0.01 * rng.uniform(0.3, 1, 3),
    ),
]

NOISY = [
    Case("exponentials, 1e-12", "noise", SMOOTH[0].f, np.exp, uniform(-2, 2, 20), 1e-12),
    Case("Rosenbrock, 1e-8", "noise", _rosenbrock, _rosenbrock_gradient, uniform(-2, 2, 10), 1e-8),
    Case("logistic loss, 1e-4", "noise", _logistic, _logistic_gradient, uniform(-2, 2, 20), 1e-4),
]

SINGLE = [
    Case(
        "log-sum-exp in float32",
        "float32",
        lambda x: _logsumexp(x.astype(np.float32)),
        _softmax,
        lambda rng: rng.uniform(-3, 3, 50).astype(np.float32).astype(np.float64),
    ),
    Case(
        "x in float32",
        "float32",
        lambda x: np.sum(np.sin(x)),
        np.cos,
        lambda rng: rng.uniform(-2, 2, 20).astype(np.float32),
    ),
]

KINKED = [
    Case(
        "sum of magnitudes",
        "kinked",
        lambda x: np.sum(np.abs(x)),
        np.sign,
        lambda rng: np.where(np.arange(10) % 3, rng.uniform(-2, 2, 10), 0.0),
        kinks=lambda x: x == 0,
    ),
    Case(
        "ReLU",
        "kinked",
        _relu_layer,
        lambda x: np.where(x > 0, np.arange(1, x.size + 1), 0) + 2 * x,
        lambda rng: np.where(np.arange(20) % 4, rng.uniform(-2, 2, 20), 0.0),
        kinks=lambda x: x == 0,
    ),
    Case(
        "largest",
        "kinked",
        np.max,
        lambda x: (np.arange(x.size) == np.argmax(x)).astype(float),
        uniform(-1, 1, 5),
    ),
]

CASES = [*SMOOTH, *SCALES, *FLAT, *WAVES, *POLES, *NOISY, *SINGLE, *KINKED]
