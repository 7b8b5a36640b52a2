"""Activations, losses and optimizers: what the tables of docs/networks.md say of each.

Formulas are expressions of Python, which tests evaluate. Radii, slopes and kinks are read where the
core states them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from benchmarks.problem import ROOT

NETWORK = ROOT / "rust" / "core" / "src" / "network"

# `a` is the pre-activation.
ACTIVATIONS = {
    "identity": "a",
    "sigmoid": "1 / (1 + exp(-a))",
    "tanh": "tanh(a)",
    "relu": "max(a, 0)",
    "leaky_relu": "a if a > 0 else 0.01 * a",
    "elu": "a if a > 0 else exp(a) - 1",
    "softplus": "log(1 + exp(a))",
    "silu": "a / (1 + exp(-a))",
    "gelu": "a * (1 + erf(a / sqrt(2))) / 2",
}


@dataclass(frozen=True)
class LossFacts:
    """A loss of one sample; `s` are its scores, `t` its targets, `e` is `s - t`.

    `bound` is by how much the loss moves under complex shifts of all scores by at most `r`, for
    any `r` up to the radius; `kinks` is where it is not analytic.
    """

    file: str
    formula: str
    output: str
    bound: str
    kinks: str = ""


LOSSES = {
    "CrossEntropy()": LossFacts(
        "cross_entropy.rs",
        "sum(t) * log(sum(exp(s))) - sum(t * s)",
        "softmax(s)",
        "2.91 * sum(abs(t))",
    ),
    "CrossEntropy(epsilon)": LossFacts(
        "softmax_cross_entropy/mod.rs",
        "-sum(t * log(softmax(s) + epsilon))",
        "softmax(s)",
        "2.0 * sum(abs(t))",
    ),
    "BinaryCrossEntropy()": LossFacts(
        "binary_cross_entropy.rs",
        "sum(log(1 + exp(s)) - t * s)",
        "1 / (1 + exp(-s))",
        "sum(r * (1 + t))",
    ),
    "SquaredError()": LossFacts(
        "squared_error.rs", "sum(e**2) / 2", "s", "sum(r * abs(e) + r**2 / 2)"
    ),
    "AbsoluteError()": LossFacts("absolute_error.rs", "sum(abs(e))", "s", "K * r", "e = 0"),
    "Huber(delta)": LossFacts(
        "huber.rs",
        "sum(where(abs(e) <= delta, e**2 / 2, delta * (abs(e) - delta / 2)))",
        "s",
        "sum(where(abs(e) <= delta, r * abs(e) + r**2 / 2, delta * r))",
        "abs(e) = delta",
    ),
    "Pinball(quantile)": LossFacts(
        "pinball.rs", "sum(max(-quantile * e, (1 - quantile) * e))", "s", "K * r", "e = 0"
    ),
    "Poisson()": LossFacts(
        "poisson.rs",
        "sum(exp(s) - t * s)",
        "exp(s)",
        "sum(exp(s) * (exp(r) - 1) + t * r)",
    ),
}

# A step of a parameter `p` along its gradient `g`; `n` counts the steps from 1.
OPTIMIZERS = {
    "SGD(lr=0.01)": "p -= lr * g",
    "Momentum(lr=0.01, momentum=0.9)": "v = momentum * v - lr * g; p += v",
    "Nesterov(lr=0.01, momentum=0.9)": (
        "p += momentum**2 * v - (1 + momentum) * lr * g; v = momentum * v - lr * g"
    ),
    "AdaGrad(lr=0.01)": "h += g**2; p -= lr * g / (sqrt(h) + 1e-7)",
    "RMSprop(lr=0.01, decay_rate=0.99)": (
        "h = decay_rate * h + (1 - decay_rate) * g**2; p -= lr * g / (sqrt(h) + 1e-7)"
    ),
    "Adam(lr=0.001, beta1=0.9, beta2=0.999)": (
        "m += (1 - beta1) * (g - m); v += (1 - beta2) * (g**2 - v); "
        "p -= lr * sqrt(1 - beta2**n) / (1 - beta1**n) * m / (sqrt(v) + 1e-7)"
    ),
    "AdamW(lr=0.001, ..., weight_decay=0.01)": (
        "p -= lr * weight_decay * p for weights, then Adam's step"
    ),
}


def activation_rows() -> dict[str, list[str]]:
    """Formula, kinks, slope, radius and slope around it, of each activation."""
    return {name: [f"`{ACTIVATIONS[name]}`", *_activation(name)] for name in ACTIVATIONS}


def _activation(name: str) -> list[str]:
    text = _source(NETWORK / "activations" / f"{name}.rs")
    block = _found(r"const CERTIFICATE: Certificate = Certificate \{(.*?)\};", text)
    kinks = _found(r"kinks: &\[(.*?)\]", block)
    return [
        f"`a = {_number(kinks)}`" if kinks else "none",
        _number(_found(r"\bslope: ([^,]+),", block)),
        _number(_found(r"disc_radius: ([^,]+),", block)),
        _number(_found(r"disc_slope: ([^,]+),", block)),
    ]


def loss_rows() -> dict[str, list[str]]:
    """Formula, output, kinks, radius and bound of each loss."""
    return {name: _loss(facts) for name, facts in LOSSES.items()}


def _loss(facts: LossFacts) -> list[str]:
    text = _source(NETWORK / "losses" / facts.file)
    if ("HAS_KINKS: bool = true" in text) != bool(facts.kinks):
        raise ValueError(
            f"{facts.file} has kinks where the catalogue has none, or none where it has"
        )
    of_any_scores = re.search(r"\bradius: ([\d.]+),\s+bound: ([\d.]+) \* mass,", text)
    if of_any_scores is None:
        radius = _found(r"const RADIUS: f64 = ([^;]+);", text)
    else:
        radius, factor = of_any_scores.groups()
        if facts.bound != f"{factor} * sum(abs(t))":
            raise ValueError(f"{facts.file} has the bound {factor} of the sum of weights")
    return [
        f"`{facts.formula}`",
        f"`{facts.output}`",
        f"`{facts.kinks}`" if facts.kinks else "none",
        _number(radius),
        f"`{facts.bound}`",
    ]


def _source(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.DOTALL)
    if match is None:
        raise ValueError(f"the core must state what {pattern} looks for")
    return match[1]


def _number(literal: str) -> str:
    """A number of the core as a reader writes it."""
    if literal == "f64::INFINITY":
        return "any"
    return f"{float(literal.replace('_', '')):g}"
