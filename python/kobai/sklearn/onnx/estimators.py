"""Estimators as graphs of ONNX."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from kobai.sklearn.onnx.graph import FLOAT, INT64, Graph, kind_of

_Operator = Callable[[Graph, str], str]


def _single(value: float) -> Any:
    return np.float32(value)


def _silu(graph: Graph, a: str) -> str:
    return graph.value("Mul", a, graph.value("Sigmoid", a))


def _gelu(graph: Graph, a: str) -> str:
    scaled = graph.value("Mul", a, graph.constant(_single(1 / math.sqrt(2))))
    above = graph.value("Add", graph.value("Erf", scaled), graph.constant(_single(1)))
    half = graph.value("Mul", a, graph.constant(_single(0.5)))
    return graph.value("Mul", half, above)


_ACTIVATIONS: dict[str, _Operator] = {
    "identity": lambda graph, a: graph.value("Identity", a),
    "sigmoid": lambda graph, a: graph.value("Sigmoid", a),
    "tanh": lambda graph, a: graph.value("Tanh", a),
    "relu": lambda graph, a: graph.value("Relu", a),
    "leaky_relu": lambda graph, a: graph.value("LeakyRelu", a, alpha=0.01),
    "elu": lambda graph, a: graph.value("Elu", a, alpha=1.0),
    "softplus": lambda graph, a: graph.value("Softplus", a),
    "silu": _silu,
    "gelu": _gelu,
}


def to_onnx(estimator: Any) -> bytes:
    """What `to_onnx` of an estimator answers."""
    graph = Graph()
    x = graph.input("X", FLOAT, ["N", int(estimator.n_features_in_)])
    layers = zip(
        estimator.coefs_,
        estimator.intercepts_,
        [*estimator._activations(), "identity"],
        strict=True,
    )
    for weights, biases, activation in layers:
        product = graph.value("MatMul", x, graph.constant(weights.astype(np.float32)))
        a = graph.value("Add", product, graph.constant(biases.astype(np.float32)))
        x = _ACTIVATIONS[activation](graph, a)
    if is_classifier(estimator):
        _classify(graph, estimator, x)
    else:
        is_exponential = estimator.out_activation_ == "exp"
        graph.value("Exp" if is_exponential else "Identity", x, name="variable")
        graph.output("variable", FLOAT, ["N", int(estimator.n_outputs_)])
    return graph.file()


def _classify(graph: Graph, estimator: Any, scores: str) -> None:
    """Labels, and probabilities where there are any."""
    classes = np.asarray(estimator.classes_)
    operators = {"softmax": "Softmax", "logistic": "Sigmoid", "exp": "Exp"}
    outputs = graph.value(operators.get(estimator.out_activation_, "Identity"), scores)
    has_probabilities = hasattr(estimator, "predict_proba")
    if estimator._labels.kind == "multilabel-indicator":
        is_there = graph.value("Greater", outputs, graph.constant(_single(0.5)))
        graph.value("Cast", is_there, name="label", to=INT64)
        graph.output("label", INT64, ["N", len(classes)])
    else:
        if len(classes) == 1:
            raise ValueError("there is a single class: nothing is to be told apart")
        if estimator.n_outputs_ == 1:
            others = graph.value("Sub", graph.constant(_single(1)), outputs)
            outputs = graph.value("Concat", others, outputs, axis=1)
        place = graph.value("ArgMax", outputs, axis=1, keepdims=0)
        graph.value("Gather", graph.constant(classes), place, name="label")
        graph.output("label", kind_of(classes), ["N"])
    if has_probabilities:
        graph.value("Identity", outputs, name="probabilities")
        graph.output("probabilities", FLOAT, ["N", len(classes)])
