"""The functions that are checked, with their gradients in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Params = dict[str, Any]
Family = tuple[Params, Callable[[Params], float], Callable[[Params], Params], "int | None"]


def sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def log_softmax(s: Any) -> Any:
    s = s - s.max(axis=1, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=1, keepdims=True))


def course_loss(p: Params, x: Any, t: Any, decay: float) -> float:
    z = sigmoid(x @ p["W1"] + p["b1"])
    scores = log_softmax(z @ p["W2"] + p["b2"])
    squares = float(np.sum(p["W1"] ** 2) + np.sum(p["W2"] ** 2))
    return float(-scores[np.arange(len(t)), t].mean()) + decay / 2 * squares


def course_gradient(
    p: Params, x: Any, t: Any, decay: float, *, has_derivative: bool = True
) -> Params:
    z = sigmoid(x @ p["W1"] + p["b1"])
    y = np.exp(log_softmax(z @ p["W2"] + p["b2"]))
    by_a2 = (y - np.eye(y.shape[1])[t]) / len(t)
    by_z = by_a2 @ p["W2"].T
    by_a1 = by_z * z * (1 - z) if has_derivative else by_z
    return {
        "W1": x.T @ by_a1 + decay * p["W1"],
        "b1": by_a1.sum(axis=0),
        "W2": z.T @ by_a2 + decay * p["W2"],
        "b2": by_a2.sum(axis=0),
    }


def softmax_regression(rng: np.random.Generator) -> Family:
    inputs, classes, samples = (int(rng.integers(3, high)) for high in (9, 7, 31))
    x, t = rng.normal(size=(samples, inputs)), rng.integers(0, classes, samples)
    params = {"W": rng.normal(size=(inputs, classes)), "b": rng.normal(size=classes)}

    def f(p: Params) -> float:
        return float(-log_softmax(x @ p["W"] + p["b"])[np.arange(samples), t].mean())

    def grad(p: Params) -> Params:
        by_s = (np.exp(log_softmax(x @ p["W"] + p["b"])) - np.eye(classes)[t]) / samples
        return {"W": x.T @ by_s, "b": by_s.sum(axis=0)}

    return params, f, grad, samples


def least_squares(rng: np.random.Generator) -> Family:
    inputs, outputs, samples = (int(rng.integers(3, high)) for high in (9, 7, 31))
    x, t = rng.normal(size=(samples, inputs)), rng.normal(size=(samples, outputs))
    params = {"W": rng.normal(size=(inputs, outputs)), "b": rng.normal(size=outputs)}

    def f(p: Params) -> float:
        return float(np.sum((x @ p["W"] + p["b"] - t) ** 2) / (2 * samples))

    def grad(p: Params) -> Params:
        e = (x @ p["W"] + p["b"] - t) / samples
        return {"W": x.T @ e, "b": e.sum(axis=0)}

    return params, f, grad, samples


def log_determinant(rng: np.random.Generator) -> Family:
    n = int(rng.integers(3, 8))
    params = {"x": n * np.eye(n) + rng.normal(size=(n, n))}

    def f(p: Params) -> float:
        return float(np.linalg.slogdet(p["x"])[1])

    return params, f, lambda p: {"x": np.linalg.inv(p["x"]).T}, None


def rosenbrock(rng: np.random.Generator) -> Family:
    params = {"x": rng.normal(size=int(rng.integers(4, 30)))}

    def f(p: Params) -> float:
        x = p["x"]
        return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))

    def grad(p: Params) -> Params:
        x = p["x"]
        g = np.zeros_like(x)
        g[1:] += 200 * (x[1:] - x[:-1] ** 2)
        g[:-1] += -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
        return {"x": g}

    return params, f, grad, None


def log_sum_exp(rng: np.random.Generator) -> Family:
    shape = tuple(int(n) for n in rng.integers(3, 8, 2))
    params = {"x": 2 * rng.normal(size=shape)}

    def f(p: Params) -> float:
        return float(np.log(np.exp(p["x"]).sum(axis=1)).sum())

    def grad(p: Params) -> Params:
        e = np.exp(p["x"])
        return {"x": e / e.sum(axis=1, keepdims=True)}

    return params, f, grad, None


def factorisation(rng: np.random.Generator) -> Family:
    n, m, k = (int(rng.integers(3, high)) for high in (8, 8, 5))
    a = rng.normal(size=(n, m))
    params = {"U": rng.normal(size=(n, k)), "V": rng.normal(size=(k, m))}

    def f(p: Params) -> float:
        return float(np.sum(np.log(np.cosh(p["U"] @ p["V"] - a))))

    def grad(p: Params) -> Params:
        e = np.tanh(p["U"] @ p["V"] - a)
        return {"U": e @ p["V"].T, "V": p["U"].T @ e}

    return params, f, grad, None


def waves(rng: np.random.Generator) -> Family:
    shape = tuple(int(n) for n in rng.integers(3, 8, 2))
    c, scale = rng.normal(size=shape), 10.0 ** rng.uniform(-4, 4)
    params = {"x": scale * rng.normal(size=shape)}

    def f(p: Params) -> float:
        return float(np.sum(c * np.sin(p["x"] / scale)))

    return params, f, lambda p: {"x": c * np.cos(p["x"] / scale) / scale}, None


def distances(rng: np.random.Generator) -> Family:
    points, size = int(rng.integers(3, 9)), int(rng.integers(2, 5))
    params = {"x": rng.normal(size=(points, size))}

    def f(p: Params) -> float:
        apart = p["x"][:, None] - p["x"][None]
        return float(np.sqrt(np.sum(apart**2, axis=2) + 0.1).sum())

    def grad(p: Params) -> Params:
        apart = p["x"][:, None] - p["x"][None]
        return {"x": 2 * np.sum(apart / np.sqrt(np.sum(apart**2, 2) + 0.1)[..., None], axis=1)}

    return params, f, grad, None


def noisy(rng: np.random.Generator) -> Family:
    """As a sum of logarithms and exponentials that an iteration leaves short of its end."""
    params, exact, grad, samples = log_sum_exp(rng)
    noise, speeds = 10 ** rng.uniform(-12, -6), 1e12 * rng.normal(size=params["x"].shape)

    def f(p: Params) -> float:
        return exact(p) * (1 + noise * float(np.sin(np.sum(speeds * p["x"]))))

    return params, f, grad, samples


def single_precision(rng: np.random.Generator) -> Family:
    params, exact, grad, samples = log_sum_exp(rng)
    return params, lambda p: np.float32(exact(p)), grad, samples  # type: ignore[return-value]


def kinked(rng: np.random.Generator) -> Family:
    """A sum of sizes, some of them 0."""
    shape = tuple(int(n) for n in rng.integers(3, 8, 2))
    params = {"x": rng.normal(size=shape) * rng.integers(0, 4, shape).clip(0, 1)}
    c = rng.uniform(0.5, 2, shape)

    def f(p: Params) -> float:
        return float(np.sum(c * np.abs(p["x"])) + np.sum(np.exp(p["x"])))

    return params, f, lambda p: {"x": c * np.sign(p["x"]) + np.exp(p["x"])}, None


FAMILIES: dict[str, Callable[[np.random.Generator], Family]] = {
    "softmax regression": softmax_regression,
    "least squares": least_squares,
    "logarithm of a determinant": log_determinant,
    "Rosenbrock": rosenbrock,
    "log-sum-exp": log_sum_exp,
    "factorisation": factorisation,
    "waves": waves,
    "distances": distances,
    "noisy": noisy,
    "single precision": single_precision,
    "kinked": kinked,
}
