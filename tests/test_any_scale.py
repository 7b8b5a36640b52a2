"""Networks of any scale, whose units jump, saturate and cancel: evaluators differ by rounding.

Each is held to the quotient in extended precision, within what rounding may do to the loss at the
two ends of a move, and 1e-9 of the size of the loss. Where sums lose all their digits, that is
anything a loss can be; no evaluator in float64 could say more.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from kobai import TwoLayerNet

METHODS = ("direct", "incremental", "node")
KEYS = ("W1", "b1", "W2", "b2")
USUAL = (-1, 0, 0, 1, 2, 4, 8, 10)
ANY = (-300, -100, -10, -3, 0, 3, 13, 100, 300)
MASSES = (-300, -30, -12, -5, -2, 0, 2, 5, 12)
TARGETS = ("labels", "soft", "of either sign", "of any mass")
# What pre-activations are about zero after, or scores: a move of one of these.
JUMPS = ("none", "units", "W1", "b1", "W2")


def network(params):
    net = TwoLayerNet(*params["W1"].shape, len(params["b2"]))
    net.params.update({key: param.copy() for key, param in params.items()})
    return net


def inputs_of(generator, kind, shape):
    if kind == "pixels":
        return np.floor(256 * generator.random(shape))
    return 10.0**kind * generator.uniform(-1, 1, shape)


def targets_of(generator, kind, samples, classes):
    weights = generator.random((samples, classes))
    if kind == "labels":
        return np.eye(classes)[generator.integers(0, classes, samples)]
    if kind == "soft":
        return weights / weights.sum(axis=1, keepdims=True)
    scale = 1.0 if kind == "of either sign" else 10.0 ** generator.choice(MASSES)
    return scale * (2 * weights - 1)


@st.composite
def problems(draw):
    """Parameters, a batch and a half-width. What is drawn shrinks, the numbers are of a seed."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = [draw(st.integers(1, 4) | st.integers(7, 12)) for _ in range(3)]
    samples = draw(st.integers(1, 4))
    powers = [draw(st.sampled_from(USUAL) | st.sampled_from(ANY)) for _ in range(4)]
    shapes = (sizes[:2], sizes[1:2], sizes[1:], sizes[2:])
    params = {
        key: 10.0**power * generator.uniform(-1, 1, shape)
        for key, power, shape in zip(KEYS, powers, shapes, strict=True)
    }
    usual = st.sampled_from(("pixels", 0, 0))
    kind = draw(usual | st.integers(-30, 30) | st.sampled_from((-300, 200, 300)))
    x = inputs_of(generator, kind, (samples, sizes[0]))
    x[generator.random(x.shape) < draw(st.sampled_from((0.0, 0.3)))] = 0
    t = targets_of(generator, draw(st.sampled_from(TARGETS)), samples, sizes[2])
    h = 10.0 ** draw(st.just(-4) | st.integers(-8, 1))
    jump = draw(st.sampled_from(JUMPS))
    with np.errstate(all="ignore"):
        if jump == "units":
            params["b1"] = generator.uniform(-3, 3, sizes[1]) - (x @ params["W1"])[0]
        elif jump != "none":
            moved = {key: param.astype(np.longdouble) for key, param in params.items()}
            moved[jump].flat[generator.integers(moved[jump].size)] += h
            z = oracles.forward(moved, x.astype(np.longdouble))[0]
            params["b2"] = generator.uniform(-3, 3, sizes[2]) - (z @ moved["W2"])[0].astype(float)
    return params, x, t, h


def assert_within_rounding(params, x, t, h):
    net = network(params)
    if not (all(np.isfinite(p).all() for p in params.values()) and np.isfinite(net.loss(x, t))):
        return
    expected, allowed = oracles.exact_quotients(params, x, t, h)
    with np.errstate(all="ignore"):
        size = np.abs(t) * (1 + np.abs(np.log(oracles.predict(params, x) + oracles.DELTA)))
    size = np.nan_to_num(size, nan=17 * np.abs(t).max()).sum(axis=1).mean()
    for method in METHODS:
        try:
            quotients = net.numerical_gradient(x, t, h=h, method=method)
        except ValueError:
            # Direct evaluation refuses a move that is nothing to a large parameter.
            assert method == "direct"
            continue
        for key in KEYS:
            off = np.abs(quotients[key] - expected[key])
            # The twin has extended precision where the machine has it, and else the same rounding.
            limit = 1e-9 * size + 2 * allowed[key]
            if method == "direct":  # divides by the step that it takes, which is rounded
                step = np.finfo(float).eps * (1 + np.abs(params[key]) / h)
                limit += step * np.abs(expected[key])
            within = off <= limit
            assert within.all(), (method, key, off[~within], allowed[key][~within])


@given(problems())
@settings(max_examples=300)
@pytest.mark.filterwarnings("ignore:output_size is 1")
def test_evaluators_differ_by_rounding_alone(problem):
    assert_within_rounding(*problem)


def parameters(W1, b1, W2, b2):
    return {
        key: np.array(param, dtype=float) for key, param in zip(KEYS, (W1, b1, W2, b2), strict=True)
    }


# Where digits are lost, or numbers.
KINDS = {
    # Of 1e10 in a score, what is left after the unit's jump has its own digits.
    "a large weight behind a unit that jumps": (
        parameters([[0.0]], [20.0], [[1e10, 0.0]], [-20.0, 0.0]), [[4e5]], [[0.0, 1.0]],
    ),
    # The change of a unit is exact however little of a sum it is.
    "a large weight behind a unit that changes little": (
        parameters([[0.5, -0.5]], [0.1, 0.2], [[1e9, 1.0], [-1e9, 2.0]], [0.0, 1.0]),
        [[1.0]], [[1.0, 0.0]],
    ),
    "terms of a sum that overflow": (
        parameters(
            [[2.7e299, -4.6e299], [-9.2e299, -9.7e299]], [0.1, 0.2],
            [[1.0, 2.0], [0.5, 0.1]], [0.0, 0.5],
        ), [[8.7e8, 6.3e8]], [[0.0, 1.0]],
    ),
    "targets that weigh almost nothing": (
        parameters([[0.4, 0.6]], [0.1, 0.2], [[9.0, -9.0], [5.0, 3.0]], [0.0, 9.0]),
        [[100.0]], [[1e-13, 2e-13]],
    ),
    "targets that weigh less than single precision holds": (
        parameters([[0.4, 0.6]], [0.1, 0.2], [[1.0, -3.0], [2.0, 1.0]], [0.0, 0.5]),
        [[9.0]], [[1e-300, -3e-300]],
    ),
    "scores that all are large": (
        parameters([[0.4, 0.6]], [0.1, 0.2], [[1.0, -3.0], [2.0, 1.0]], [1e8, 1e8]),
        [[1.0]], [[0.0, 1.0]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("h", [1e-4, 1e-8, 1e-2, 1.0])
def test_digits_that_could_be_kept_are(kind, h):
    params, x, t = KINDS[kind]
    assert_within_rounding(params, np.array(x), np.array(t), h)
