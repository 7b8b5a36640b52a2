"""The readable twin agrees with the core, evaluator by evaluator."""

import numpy as np
import pytest

from kobai import MultiLayerNet, TwoLayerNet, _educational
from kobai.losses import CrossEntropy
from network_twin import ACTIVATIONS


def case(seed, *, soft=False, scale=1.0):
    rng = np.random.default_rng(seed)
    net = TwoLayerNet(6, 5, 4, weight_init_std=0.7, rng=rng)
    net.params["b1"] += rng.normal(size=5)
    x = scale * rng.uniform(-1, 1, (7, 6)) * (rng.random((7, 6)) < 0.6)
    t = rng.random((7, 4)) if soft else np.eye(4)[rng.integers(0, 4, 7)]
    return net, x, t


def distance(one, other):
    assert one.keys() == other.keys()
    return max(np.abs(one[key] - other[key]).max() for key in one)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("method", ["direct", "incremental", "node"])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_each_evaluator_agrees_with_the_core(method, soft, scale):
    for seed in range(3):
        net, x, t = case(seed, soft=soft, scale=scale)
        twin = getattr(_educational, method)(net.params, x, t)
        assert distance(twin, net.numerical_gradient(x, t, method=method)) < 1e-9


@pytest.mark.parametrize("soft", [False, True])
def test_loss_and_backpropagation_agree_with_the_core(soft):
    net, x, t = case(5, soft=soft)
    assert _educational.loss(net.params, x, t) == pytest.approx(net.loss(x, t), rel=1e-14)
    assert distance(_educational.backprop(net.params, x, t), net.gradient(x, t)) < 1e-15


def test_the_definition_leaves_parameters_as_they_were():
    net, x, t = case(6)
    before = {key: value.copy() for key, value in net.params.items()}
    _educational.direct(net.params, x, t)
    assert all(np.array_equal(before[key], value) for key, value in net.params.items())


def test_a_wide_interval_needs_more_terms():
    net, x, t = case(7, scale=255.0)
    exact = _educational.incremental(net.params, x, t, h=1e-2)
    errors = [
        distance(_educational.node(net.params, x, t, h=1e-2, terms=m), exact) for m in (1, 2, 4, 8)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3 * errors[0]


def test_functions_neither_overflow_nor_warn():
    a = np.array([-np.inf, -800.0, 0.0, 800.0, np.inf])
    assert _educational.sigmoid(a).tolist() == [0, 0, 0.5, 1, 1]
    assert _educational.softmax(np.array([1000.0, 0.0])).tolist() == [1, 0]


@pytest.mark.parametrize("depth", [0, 1, 2, 4])
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "gelu"])
def test_networks_of_any_depth_agree_with_the_core(depth, name):
    rng = np.random.default_rng(depth)
    net = MultiLayerNet(3, [4] * depth, 3, name, 0.8, loss=CrossEntropy(epsilon=1e-7), rng=rng)
    for key in net.params:
        net.params[key] += 0.3 * rng.normal(size=net.params[key].shape)
    x, t = rng.normal(size=(5, 3)), np.eye(3)[rng.integers(0, 3, 5)]
    value, derivative = ACTIVATIONS[name]
    twin = _educational
    assert twin.loss(net.params, x, t, value) == pytest.approx(net.loss(x, t), rel=1e-14)
    backprop = twin.backprop(net.params, x, t, value, derivative)
    assert distance(backprop, net.gradient(x, t)) < 1e-14
    for method in ("direct", "incremental", "node"):
        grads = getattr(twin, method)(net.params, x, t, activation=value)
        assert distance(grads, net.numerical_gradient(x, t, method=method)) < 1e-9
