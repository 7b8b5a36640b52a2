"""Numbers at the edge: as NumPy has them, within a stated bound, and without a warning.

The suite turns warnings into errors, so every call here is also a test that none is given. The
twins in `oracles` do warn, and are asked within `quiet`.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import oracles
from kobai import SimpleNet, TwoLayerNet, numerical_gradient
from kobai.functions import cross_entropy_error, mean_squared_error, relu, sigmoid, softmax
from strategies import problems

METHODS = ("auto", "direct", "incremental", "node")
KEYS = ("W1", "b1", "W2", "b2")
INF = np.inf

EDGES = {
    np.float64: (
        0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 17.0, -17.0, 36.7, -37.5, 709.7, -709.7, -745.2,
        1e18, -1e19,
        1e-300, -1e-300, 5e-324, -5e-324, 2.3e-308, 1e300, -1e300, 1.7e308, -1.7e308, INF, -INF,
    ),
    np.float32: (
        0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 17.0, -17.0, 16.6, -17.3, 88.7, -88.7, -103.9,
        1e18, -1e19,
        1e-37, -1e-37, 1e-45, -1e-45, 1.2e-38, 1e30, -1e30, 3.3e38, -3.3e38, INF, -INF,
    ),
}  # fmt: skip
FLOATS = tuple(EDGES)


def quiet(function, *arguments):
    with np.errstate(all="ignore"):
        return function(*arguments)


def eps(dtype):
    return float(np.finfo(dtype).eps)


def subnormal(dtype):
    return float(np.finfo(dtype).smallest_subnormal)


def assert_close(actual, expected, rtol, atol=0.0):
    """With infinities and NaNs in the same places."""
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol, equal_nan=True)


@st.composite
def edge_arrays(draw, min_dims=0, min_side=0, *, nan=True):
    dtype = draw(st.sampled_from(FLOATS))
    usual = st.floats(-800, 800, width=32)
    special = st.sampled_from((*EDGES[dtype], np.nan) if nan else EDGES[dtype])
    shape = hnp.array_shapes(min_dims=min_dims, max_dims=3, min_side=min_side, max_side=5)
    return draw(hnp.arrays(dtype, shape, elements=special | usual))


# --------------------------------------------------------------------------------- functions


def sigmoid_twin(x):
    """Where the formula overflows to 0, the number is exp(x) to rounding."""
    return np.where(x < 0, np.exp(x) / (1 + np.exp(x)), oracles.sigmoid(x))


@given(edge_arrays())
@settings(max_examples=300)
def test_sigmoid_is_within_four_roundings_and_relu_exact(x):
    assert_close(sigmoid(x), quiet(sigmoid_twin, x), 4 * eps(x.dtype), 4 * subnormal(x.dtype))
    np.testing.assert_array_equal(relu(x), quiet(oracles.relu, x))


@given(edge_arrays(min_dims=1, min_side=1), st.data())
@settings(max_examples=300)
def test_softmax_is_within_a_few_roundings_a_class(x, data):
    axis = data.draw(st.integers(0, x.ndim - 1))
    tolerance = (x.shape[axis] + 8) * eps(x.dtype)
    y = softmax(x, axis)
    assert_close(y, quiet(oracles.softmax, x, axis), tolerance, 8 * subnormal(x.dtype))


def test_softmax_of_infinities():
    rows = np.array([[-INF, 0], [-INF, -INF], [INF, 0], [INF, INF], [-INF, INF], [-INF, -1.7e308]])
    y = softmax(rows)
    assert y[0].tolist() == y[5].tolist() == [0, 1]
    assert np.isnan(y[1:5]).any(axis=1).all()
    np.testing.assert_array_equal(y, quiet(oracles.softmax, rows))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("classes", [1, 2, 3, 7, 10, 1000])
def test_equal_scores_are_equally_likely(dtype, classes):
    for score in EDGES[dtype]:
        if np.isfinite(score):
            y = softmax(np.full((2, classes), score, dtype))
            assert_close(y, np.full((2, classes), 1 / classes), eps(dtype))
            assert np.all(y == y[0, 0])


@given(edge_arrays(), st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_mean_squared_error_is_within_a_rounding_a_term(y, random):
    t = np.array(
        [random.choice([*y.ravel(), *EDGES[y.dtype.type]]) for _ in range(y.size)], y.dtype
    )
    t = t.reshape(y.shape)
    tolerance = 8 * (y.size + 1) * eps(y.dtype)
    expected = quiet(oracles.mean_squared_error, y, t)
    size = quiet(oracles.mean_squared_error, y.astype(np.longdouble), t.astype(np.longdouble))
    # Near the largest number, whether a sum overflows depends on when it is halved.
    if not np.finfo(y.dtype).max / 4 < size < np.inf:
        assert_close(mean_squared_error(y, t), expected, tolerance, y.size * subnormal(y.dtype))


@given(edge_arrays(min_dims=1, min_side=1), st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_cross_entropy_error_is_within_a_rounding_a_term(y, random):
    y = np.abs(y) if random.random() < 0.7 else y
    weights = (0.0, 1.0, 0.5, 3.0, -2.0, *EDGES[y.dtype.type])
    t = np.array([random.choice(weights) for _ in range(y.size)], y.dtype).reshape(y.shape)
    expected = quiet(oracles.cross_entropy_error, y, t)
    terms = quiet(lambda: np.abs(t * np.log(y + y.dtype.type(oracles.DELTA))))
    size = quiet(lambda: np.sum(terms, where=np.isfinite(terms), dtype=float))
    tolerance = 8 * (y.size + 1) * eps(y.dtype)
    if size < np.finfo(y.dtype).max / 2:  # else whether a sum overflows is a matter of its order
        assert_close(cross_entropy_error(y, t), expected, tolerance, tolerance * size)


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_label_sees_no_class_but_its_own(dtype):
    for own in (0.0, 1e-30, 1.0, INF, np.nan):
        y = np.array([[np.nan, own, INF]], dtype)
        error = cross_entropy_error(y, [1])
        assert_close(error, -quiet(np.log, dtype(own) + dtype(1e-7)), 4 * eps(dtype))


def test_what_is_too_large_for_a_narrow_dtype_is_infinite_without_a_warning():
    half = np.full(3, 6e4, np.float16)
    assert mean_squared_error(half, -half) == INF
    assert cross_entropy_error(np.zeros(3, np.float16), half) == INF
    assert mean_squared_error(np.full(3, 3e38, np.float32), np.zeros(3, np.float32)) == INF
    assert mean_squared_error(np.full(3, 1e200), np.zeros(3)) == INF
    net = TwoLayerNet(1, 1, 2, dtype=np.float32)
    net.params["W1"][:] = net.params["W2"][:] = 1
    assert_close(net.predict([[1e300], [-1e300]]), net.predict([[INF], [-INF]]), 0)
    assert net.loss([[1.0]], [[1e300, 0.0]]) == INF
    assert not np.isfinite(net.gradient([[1.0]], [[1e300, 0.0]])["b2"]).any()


# ---------------------------------------------------------------------------------- networks


def network(params, dtype=np.float64):
    net = TwoLayerNet(*params["W1"].shape, len(params["b2"]), dtype=dtype)
    net.params.update(params)
    return net


def dense(t, params):
    """The targets as rows of the dtype of the network."""
    dtype = params["W1"].dtype
    return (oracles.one_hot(t, len(params["b2"])) if t.ndim == 1 else t).astype(dtype)


def scores_of(params, x):
    return oracles.forward(params, x)[0] @ params["W2"] + params["b2"]


def accuracy_of(scores, labels):
    """Of samples with a NaN among their scores none is answered right."""
    is_right = (scores.argmax(axis=1) == labels) & ~np.isnan(scores).any(axis=1)
    return np.mean(is_right)


def score_rounding(params, x):
    """How far rounding moves the scores: that of their own sums, and what is left of that of the
    pre-activations after the sigmoid. Infinite where nothing can be said."""
    z = oracles.forward(params, x)[0]
    dtype = params["W1"].dtype
    terms_1 = np.abs(x) @ np.abs(params["W1"]) + np.abs(params["b1"])
    terms_2 = z @ np.abs(params["W2"]) + np.abs(params["b2"])
    through = np.minimum(z * (1 - z) * terms_1, 1) @ np.abs(params["W2"])
    count = 8 + sum(params["W2"].shape) + len(params["W1"])
    return count * eps(dtype) * np.nan_to_num(terms_2 + through, nan=0, posinf=0)


def assume_sums_without_overflow(params, x):
    """Whether a term beyond the largest number makes a sum infinite or NaN depends on the order of
    the sum and on fused products, in NumPy too; `exact_problems` has sums where it does not."""
    with np.errstate(all="ignore"):
        terms_1 = np.abs(x) @ np.abs(params["W1"]) + np.abs(params["b1"])
        terms_2 = np.abs(params["W2"]).sum(axis=0) + np.abs(params["b2"])
        terms_3 = np.abs(x).sum(axis=0) * np.abs(params["W2"]).sum()
    assume(all(np.isfinite(terms).all() for terms in (terms_1, terms_2, terms_3)))


def assert_answers_agree(net, params, x, t, rounding):
    """`rounding` bounds what rounding moves each score by; NaN and infinity must be where NumPy has
    them. The bound on the rest: probabilities move by a factor of exp(2 rounding), the loss by
    twice that for each weight of its target, each with a few roundings more."""
    kind = params["W1"].dtype
    y = quiet(oracles.predict, params, x)
    factor = 2 * rounding.max(axis=1, keepdims=True, initial=0) + 32 * eps(kind)
    with np.errstate(all="ignore"):
        allowed = np.minimum(y * np.expm1(np.minimum(factor, 50)), 1) + 8 * subnormal(kind)
        allowed = np.where(factor > 0.1, 1, allowed)
    predicted = net.predict(x)
    np.testing.assert_array_equal(np.isnan(predicted), np.isnan(y))
    assert np.all((np.abs(predicted - y) <= allowed) | np.isnan(y))

    expected = quiet(oracles.loss, params, x, dense(t, params))
    with np.errstate(over="ignore"):
        mass = np.abs(dense(t, params)).sum(axis=1, dtype=float, keepdims=True)
    slack = float(np.mean(mass * (2 * factor + 32 * eps(kind) * 17)))
    if not np.isfinite(expected):
        assert_close(net.loss(x, t), expected, 0)
    elif factor.max(initial=0) < 0.1:
        assert abs(float(net.loss(x, t)) - expected) <= slack


def literal_rounding(params, x, t, h):
    """That of `oracles`, for a network some parts of which are infinite: they stay as they are."""
    kept = {key: np.where(np.isfinite(param), param, 0) for key, param in params.items()}
    z, y = oracles.forward(params, x)
    by_y = -t / (y + oracles.DELTA)
    by_a2 = y * (by_y - np.sum(by_y * y, axis=1, keepdims=True))
    by_a1 = (by_a2 @ kept["W2"].T) * z * (1 - z)
    terms_1 = np.abs(x) @ np.abs(kept["W1"]) + np.abs(kept["b1"])
    terms_2 = z @ np.abs(kept["W2"]) + np.abs(kept["b2"])
    size = np.abs(t * np.log(y + oracles.DELTA)).sum() + np.abs(by_a2 * terms_2).sum()
    size += np.nan_to_num(np.abs(by_a1 * terms_1), nan=0).sum()
    return np.nan_to_num(8 * eps(np.float64) * size / len(x) / h, nan=0)


def jump_rounding(params, x, t, h):
    """A move as wide as the sigmoid takes a unit from one end to the other, and its share of a
    score with it: what is left of the score has the rounding of what was there before."""
    if quiet(np.multiply, h, np.abs(x).max(initial=0)) < 1e-3:
        return 0.0
    with np.errstate(all="ignore"):
        largest = (np.abs(params["W2"]).sum(axis=0) + np.abs(params["b2"])).max()
        return 16 * eps(np.float64) * np.abs(t).sum(axis=1).max() * largest / h


def swallows(x, h):
    """Whether rounding swallows the step in a finite element of any of these arrays."""
    with np.errstate(all="ignore"):
        up, down = ((x + s).astype(x.dtype) for s in (np.float64(h), -np.float64(h)))
    return bool(np.any((up == down) & np.isfinite(x)))


def quotients_of(net, params, x, t, h, method):
    """None where direct refuses, as rounding swallows its step in some parameter."""
    if method == "direct" and any(swallows(param.astype(float), h) for param in params.values()):
        with pytest.raises(ValueError, match="h must be large enough to move every element of"):
            net.numerical_gradient(x, t, h=h, method=method)
        return None
    return net.numerical_gradient(x, t, h=h, method=method)


def assert_quotients_agree(net, params, x, t, h=1e-4, slack=0.0):
    """All evaluators against the notebook's loop in double precision, rounded to the dtype of the
    network; within 1e-9 or what rounding does to the literal quotient, whatever is more."""
    wide = {key: param.astype(np.float64) for key, param in params.items()}
    x, t = x.astype(np.float64), dense(t, params).astype(np.float64)
    loss = quiet(oracles.loss, wide, x, t)
    expected = quiet(oracles.network_numerical_gradient, wide, x, t, h)
    allowed = max(1e-9, quiet(literal_rounding, wide, x, t, h)) + slack
    for method in METHODS:
        gradient = quotients_of(net, params, x, t, h, method)
        for key in KEYS if gradient else ():
            if not np.isfinite(loss):
                # Where the loss is no number, kobai says that of every quotient.
                assert np.isnan(gradient[key]).all()
                continue
            rounded = quiet(lambda key=key: expected[key].astype(net.dtype))
            within = allowed + eps(net.dtype) * np.abs(rounded)
            finite = np.isfinite(rounded)
            np.testing.assert_array_equal(gradient[key][~finite], rounded[~finite])
            off = np.abs(gradient[key][finite].astype(float) - rounded[finite])
            assert np.all(off <= within[finite]), f"{method}, {key}: {off.max()} > {allowed}"


def chain_rule(params, x, t):
    """The derivatives by the oracle, and the sizes of their sums: of terms without their signs."""
    expected = quiet(oracles.backprop, params, x, t)
    with np.errstate(all="ignore"):
        z, y = oracles.forward(params, x)
        by_y = np.abs(t / (y + y.dtype.type(oracles.DELTA))) / len(x)
        by_a2 = y * (by_y + np.sum(by_y * y, axis=1, keepdims=True))
        by_a1 = (by_a2 @ np.abs(params["W2"]).T) * z * (1 - z)
        sizes = {
            "W1": np.abs(x).T @ by_a1, "b1": by_a1.sum(axis=0),
            "W2": z.T @ by_a2, "b2": by_a2.sum(axis=0),
        }  # fmt: skip
    return expected, sizes


def assert_backprop_agrees(net, params, x, t):
    """Within 64 roundings of every term of every sum of the chain rule."""
    t = dense(t, params)
    expected, sizes = chain_rule(params, x, t)
    actual = net.gradient(x, t)
    with np.errstate(all="ignore"):
        # Besides: the derivative of the chain rule by the scores, times their own rounding.
        factor = 64 * eps(net.dtype) + 8 * score_rounding(params, x).max(initial=0)
        # A subnormal derivative is rounded as such, and then multiplied by what its layer reads.
        z, _ = oracles.forward(params, x)
        ones = np.ones((len(x), 1))
        reads = {"W1": np.abs(x).T @ ones, "b1": len(x), "W2": z.T @ ones, "b2": len(x)}
    # Where the oracle's terms overflow before they are added, or multiplied by 0, those of a wider
    # range need not: an answer that is a number is held against theirs.
    long = {key: param.astype(np.longdouble) for key, param in params.items()}
    wide, wide_sizes = chain_rule(long, x.astype(np.longdouble), t.astype(np.longdouble))
    for key in KEYS:
        overflows = ~np.isfinite(expected[key]) & (np.abs(wide[key]) <= np.finfo(net.dtype).max)
        overflows &= np.isfinite(actual[key])
        exact = np.where(overflows, wide[key], expected[key])
        size = np.where(overflows, wide_sizes[key], sizes[key])
        known = np.isfinite(exact) & np.isfinite(size)
        lost = ~np.isfinite(exact)
        np.testing.assert_array_equal(np.isfinite(actual[key][lost]), False)
        np.testing.assert_array_equal(np.isnan(actual[key][lost]), np.isnan(exact[lost]))
        if factor < 0.1:
            off = np.abs(actual[key][known] - exact[known])
            least = 8 * subnormal(net.dtype) * np.broadcast_to(1 + reads[key], exact.shape)
            allowed = factor * size[known] + least[known]
            assert np.all(off <= allowed), (key, off, allowed)


@st.composite
def exact_problems(draw):
    """Networks at the edge of which every sum has at most two terms, so that nothing hides behind
    rounding: each sample is one power of two, and each class reads one hidden unit."""
    dtype = draw(st.sampled_from(FLOATS))
    inputs, hidden, classes, samples = (draw(st.integers(1, 4)) for _ in range(4))
    largest = 1000 if dtype is np.float64 else 120
    powers = [0.0, 1.0, -1.0, 4.0, 2.0**-largest, 2.0**largest, -(2.0**largest), INF, -INF]
    usual = st.floats(-3, 3, width=32)
    # NumPy's sigmoid is 0 where exp(-x) overflows, kobai's where exp(x) underflows, a little later.
    edges = st.sampled_from([v for v in EDGES[dtype] if not 80 < abs(v) < 1000]) | usual
    x = np.zeros((samples, inputs), dtype)
    for n in range(samples):
        x[n, draw(st.integers(0, inputs - 1))] = draw(st.sampled_from(powers))
    # An infinite weight times an activation that a move makes exactly 0 is NaN: not here.
    reach = np.abs(x).max()
    W2 = np.zeros((hidden, classes), dtype)
    b2 = np.zeros(classes, dtype)
    for k in range(classes):
        weight = draw(edges if reach < 10 else edges.filter(np.isfinite))
        W2[draw(st.integers(0, hidden - 1)), k] = weight
        b2[k] = draw(usual if abs(weight) < 4 else st.just(0.0))
        if draw(st.integers(0, 9)) == 0:
            b2[k] = draw(st.sampled_from((-INF, INF)))
    params = {
        "W1": draw(hnp.arrays(dtype, (inputs, hidden), elements=edges)),
        "b1": draw(hnp.arrays(dtype, hidden, elements=edges | st.just(0.0))),
        "W2": W2,
        "b2": b2,
    }
    # A fused product is not infinite before an infinite bias is added.
    products = quiet(lambda: np.abs(x).max(axis=0)[:, None] * np.abs(params["W1"]))
    if not np.isfinite(products).all():
        params["b1"][np.isinf(params["b1"])] = 0
    kind = draw(st.sampled_from(("labels", "weights")))
    if kind == "labels":
        return params, x, draw(hnp.arrays(np.int64, samples, elements=st.integers(0, classes - 1)))
    weights = st.sampled_from((0.0, 1.0, 0.5, -1.0, 3.0, 1e-30))
    return params, x, draw(hnp.arrays(dtype, (samples, classes), elements=weights))


@given(exact_problems())
@settings(max_examples=400)
def test_networks_at_the_edge_answer_as_numpy_does(problem):
    params, x, t = problem
    net = network(params, params["W1"].dtype)
    before = {key: param.tobytes() for key, param in params.items()}
    scores = quiet(scores_of, params, x)
    exact = 4 * eps(net.dtype) * np.where(np.isfinite(scores), np.abs(scores), 0)
    # Scores so large that rounding alone is more than one: equal or far apart, both are exact.
    assert_answers_agree(net, params, x, t, np.where(exact > 1, 0, exact))
    labels = t if t.ndim == 1 else t.argmax(axis=1)
    assert net.accuracy(x, t) == accuracy_of(scores, labels)
    assert_backprop_agrees(net, params, x, t)
    assert_quotients_agree(net, params, x, t)
    assert {key: param.tobytes() for key, param in params.items()} == before


any_scale = settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
SCALES = (1e-323, 1e-300, 1e-30, 1.0, 1e30, 1e300)


@given(
    problems(weight_scales=(1.0,)),
    st.lists(st.sampled_from(SCALES), min_size=5, max_size=5),
    st.sampled_from((1e-310, 1e-200, 1e-6, 1e-4, 1.0, 1e200, 1.7e308)),
)
@any_scale
def test_networks_of_any_scale_answer_as_numpy_does(problem, scales, h):
    params = {
        key: scale * param
        for (key, param), scale in zip(problem.params.items(), scales, strict=False)
    }
    x, t = scales[-1] * problem.x, problem.t
    assume_sums_without_overflow(params, x)
    net = network(params)
    rounding = quiet(score_rounding, params, x)
    assert_answers_agree(net, params, x, t, rounding)
    assert_backprop_agrees(net, params, x, t)
    slack = jump_rounding(params, x, dense(t, params), h)
    assert_quotients_agree(net, params, x, t, h, slack)


@given(
    problems(weight_scales=(1.0,)),
    st.lists(st.sampled_from((1e-45, 1e-30, 1.0, 1e30)), min_size=5, max_size=5),
)
@any_scale
def test_float32_networks_of_any_scale_answer_as_numpy_does(problem, scales):
    params = {
        key: (scale * param).astype(np.float32)
        for (key, param), scale in zip(problem.params.items(), scales, strict=False)
    }
    x = (scales[-1] * problem.x).astype(np.float32)
    t = problem.t if problem.t.ndim == 1 else problem.t.astype(np.float32)
    assume_sums_without_overflow(params, x)
    net = network(params, np.float32)
    assert_answers_agree(net, params, x, t, quiet(score_rounding, params, x))
    assert_backprop_agrees(net, params, x, t)
    slack = jump_rounding(params, x.astype(float), dense(t, params).astype(float), 1e-4)
    assert_quotients_agree(net, params, x, t, slack=slack)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", [INF, -INF, "huge", "-huge", "tiny"])
@pytest.mark.parametrize("labels", [(0, 0, 0), (0, 1, 2), (2, 2, 1)])
def test_one_parameter_at_the_edge(dtype, key, value, labels):
    # A bias of -inf switches a class or a unit off: people do that.
    info = np.finfo(dtype)
    value = {"huge": info.max, "-huge": -info.max, "tiny": info.smallest_subnormal}.get(
        value, value
    )
    params = TwoLayerNet(4, 3, 3, 1.0, rng=0, dtype=dtype).params
    x = np.random.default_rng(1).uniform(-1, 1, (3, 4)).astype(dtype)
    x[1, 1:] = 0
    params[key].flat[1] = value
    net, t = network(params, dtype), np.array(labels)
    rounding = quiet(score_rounding, params, x)
    assert_answers_agree(net, params, x, t, rounding)
    assert_backprop_agrees(net, params, x, t)
    assert_quotients_agree(net, params, x, t)
    assert net.accuracy(x, t) == accuracy_of(quiet(scores_of, params, x), t)


def test_a_class_that_a_bias_switches_off_leaves_the_others_their_gradients():
    net = TwoLayerNet(4, 3, 3, 1.0, rng=0)
    net.params["b2"][1] = -INF
    x, t = np.random.default_rng(1).uniform(-1, 1, (5, 4)), np.array([0, 2, 2, 0, 0])
    exact = net.gradient(x, t)
    assert not any(np.isnan(part).any() for part in exact.values())
    assert exact["b2"][1] == 0
    assert abs(exact["b2"][0]) > 1e-3
    for method in METHODS:
        quotients = net.numerical_gradient(x, t, method=method)
        for key in KEYS:
            assert_close(quotients[key], exact[key], 0, 1e-7)


def test_a_unit_that_a_bias_switches_off_has_no_gradient():
    for bias in (-INF, INF):
        net = TwoLayerNet(4, 3, 2, 1.0, rng=0)
        net.params["b1"][1] = bias
        x, t = np.random.default_rng(1).uniform(-1, 1, (5, 4)), np.array([0, 1, 1, 0, 0])
        for gradient in (net.gradient(x, t), *(
            net.numerical_gradient(x, t, method=method) for method in METHODS
        )):  # fmt: skip
            assert not gradient["W1"][:, 1].any()
            assert gradient["b1"][1] == 0
            assert np.all(gradient["W1"][:, 0] != 0)


@pytest.mark.parametrize("h", [5e-324, 1e-310, 1e-307, 1e-290, 1e-289, 1e300, 8.9e307, 1.7e308])
def test_half_widths_at_the_edge(h):
    net = TwoLayerNet(4, 3, 2, 1.0, rng=0)
    x, t = np.random.default_rng(1).uniform(-1, 1, (5, 4)), np.array([0, 1, 1, 0, 0])
    expected = quiet(oracles.network_numerical_gradient, net.params, x, t, h)
    exact = net.gradient(x, t)
    for method in METHODS:
        quotients = quotients_of(net, net.params, x, t, h, method)
        for key in KEYS if quotients else ():
            assert np.isfinite(quotients[key]).all()
            if h > 1e-200:
                assert_close(quotients[key], expected[key], 1e-9, 1e-9)
            elif method != "direct":  # whose quotient there is rounding over h
                assert_close(quotients[key], exact[key], 1e-12)
    x = np.array([1.0, -2.0, 0.0])
    assert_generic_agrees(lambda v: float(v.sum()), x, h)


def assert_generic_agrees(f, x, h):
    before = x.tobytes()
    if swallows(x, h):
        with pytest.raises(ValueError, match="h must be large enough to move every element of x"):
            numerical_gradient(f, x, h)
    else:
        twin = quiet(oracles.numerical_gradient, f, x.copy(), h)
        np.testing.assert_array_equal(numerical_gradient(f, x, h), twin)
    assert x.tobytes() == before


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("poison", [np.nan, INF])
def test_one_bad_sample_spoils_its_own_row_only(dtype, poison):
    net = TwoLayerNet(6, 4, 3, 1.0, rng=0, dtype=dtype)
    generator = np.random.default_rng(2)
    for zeros in (0.0, 0.9):  # with and without skipping
        x = generator.uniform(-1, 1, (40, 6)).astype(dtype)
        x[generator.random(x.shape) < zeros] = 0
        bad = x.copy()
        bad[17, 3] = poison
        t = generator.integers(0, 3, 40)
        rest = np.arange(40) != 17
        np.testing.assert_array_equal(net.predict(bad)[rest], net.predict(x)[rest])
        params = net.params
        assert_answers_agree(net, params, bad, t, quiet(score_rounding, params, bad))
        scores = quiet(scores_of, params, bad)
        assert net.accuracy(bad, t) == accuracy_of(scores, t)
        assert_backprop_agrees(net, params, bad, t)
        assert_quotients_agree(net, params, bad, t)
        if np.isnan(poison):
            assert np.isnan(net.predict(bad)[17]).all()
            assert np.isnan(net.loss(bad, t))
            assert all(np.isnan(part).all() for part in net.gradient(bad, t).values())


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("where", ["W1", "b1", "W2", "b2", "t"])
def test_nan_flows_as_in_numpy(dtype, where):
    params = TwoLayerNet(4, 3, 3, 1.0, rng=0, dtype=dtype).params
    x = np.random.default_rng(1).uniform(-1, 1, (5, 4)).astype(dtype)
    x[2:4] = 0
    t = np.full((5, 3), 1 / 3, dtype)
    (t if where == "t" else params[where]).flat[1] = np.nan
    net = network(params, dtype)
    assert_answers_agree(net, params, x, t, quiet(score_rounding, params, x))
    assert_backprop_agrees(net, params, x, t)
    assert_quotients_agree(net, params, x, t)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("classes", [1, 2, 3, 9])
def test_equal_scores_give_the_first_class_and_equal_gradients(dtype, classes):
    params = TwoLayerNet(4, 3, classes, 0.0, dtype=dtype).params
    params["W1"][...] = 0.5
    params["W2"][...] = 2.0
    net = network(params, dtype)
    x = np.random.default_rng(1).uniform(-1, 1, (6, 4)).astype(dtype)
    t = np.arange(6) % classes
    assert_close(net.predict(x), np.full((6, classes), 1 / classes), 2 * eps(dtype))
    assert net.accuracy(x, t) == np.mean(t == 0)
    assert_answers_agree(net, params, x, t, quiet(score_rounding, params, x))
    assert_backprop_agrees(net, params, x, t)
    assert_quotients_agree(net, params, x, t)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("key", KEYS)
def test_a_sample_with_a_nan_score_is_not_answered_right(dtype, key):
    net = TwoLayerNet(4, 3, 3, 1.0, rng=0, dtype=dtype)
    x = np.random.default_rng(1).uniform(-1, 1, (6, 4)).astype(dtype)
    t = net.predict(x).argmax(axis=1)
    assert net.accuracy(x, t) == net.accuracy(x, np.eye(3)[t]) == 1
    bad = x.copy()
    bad[2, 1] = np.nan
    for labels in (t, np.zeros(6, int), np.full(6, 2)):
        expected = np.mean((t == labels) & (np.arange(6) != 2))
        assert net.accuracy(bad, labels) == net.accuracy(bad, np.eye(3)[labels]) == expected
    # One NaN among the scores is enough, wherever it stands.
    net.params[key].flat[0] = np.nan
    for labels in range(3):
        assert net.accuracy(x, np.full(6, labels)) == 0
        assert net.accuracy(x, np.eye(3)[np.full(6, labels)]) == 0


class Predicted(SimpleNet):
    """A network whose predictions are NumPy's."""

    def predict(self, x):
        return np.asarray(x) @ self.W


@pytest.mark.parametrize("kind", [SimpleNet, Predicted])
def test_a_target_with_a_nan_is_not_met(kind):
    net = kind(2, 3, rng=0)
    x, t = np.ones((3, 2)), np.eye(3)[np.full(3, net.predict(np.ones(2)).argmax())]
    assert net.accuracy(x, t) == 1
    t[0, 0] = t[1, 2] = np.nan
    assert net.accuracy(x, t) == pytest.approx(1 / 3)
    # Infinite scores are numbers; of equal ones the first counts.
    net.W[0] = np.inf
    assert net.accuracy(x[:1], [0]) == 1
    assert net.accuracy(x[:1], [1]) == 0


TARGETS = {
    "zero": [0.0, 0.0, 0.0],
    "sum to ten": [1.0, 2.0, 7.0],
    "negative": [-1.0, 0.5, 0.0],
    "all one": [1.0, 1.0, 1.0],
    "almost one-hot": [0.0, 1.0, 5e-324],
    "two hot": [0.0, 1.0, 1.0],
    "hot by a half": [0.0, 0.5, 0.0],
    "tiny": [1e-300, 3e-300, 0.0],
    "huge": [1e300, 0.0, 1e-300],
    "huge of both signs": [1e300, -1e300, 1.0],
    "at the end": [1.7e308, 1.7e308, 0.0],
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_targets_that_do_not_sum_to_one(target, scale):
    params = TwoLayerNet(4, 3, 3, scale, rng=0).params
    net = network(params)
    x = np.random.default_rng(1).uniform(-1, 1, (4, 4))
    t = np.array([TARGETS[target]] * 3 + [[0.0, 1.0, 0.0]])
    assert_answers_agree(net, params, x, t, quiet(score_rounding, params, x))
    assert_backprop_agrees(net, params, x, t)
    assert_quotients_agree(net, params, x, t)


@given(exact_problems())
def test_simple_net_at_the_edge(problem):
    params, x, _ = problem
    weights = params["W2"].astype(np.float64)
    net = SimpleNet(*weights.shape)
    net.W = weights
    # Each row of its own one input, as the scores of a class are one product then.
    inputs = np.zeros((len(x), len(weights)))
    inputs[np.arange(len(x)), np.arange(len(x)) % len(weights)] = x.max(axis=1)
    scores = quiet(np.matmul, inputs, weights)
    np.testing.assert_array_equal(net.predict(inputs), scores)
    t = np.arange(len(x)) % weights.shape[1]
    expected = quiet(lambda: oracles.cross_entropy_error(oracles.softmax(scores), t))
    assert_close(net.loss(inputs, t), expected, 1e-13, 1e-15)
    assert net.accuracy(inputs, t) == accuracy_of(scores, t)
    if not np.isfinite(expected):
        for method in METHODS:
            quotients = quotients_of(net, {"W": weights}, inputs, t, 1e-4, method)
            assert quotients is None or np.isnan(quotients).all()


@given(edge_arrays(min_dims=1, nan=True))
def test_generic_quotients_at_the_edge_are_those_of_the_loop(x):
    def f(v):
        with np.errstate(all="ignore"):
            return float(np.sum(np.array(v, np.float64) * 3))

    for h in (1e-4, 1.0, 1e30):
        assert_generic_agrees(f, x, h)
