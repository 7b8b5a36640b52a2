"""Networks of any depth, activations and loss compute what the twin does, by every evaluator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kobai import MultiLayerNet, numerical_gradient, set_num_threads
from network_strategies import any_problems, made_loss, twin_of
from network_twin import ACTIVATIONS, LOSSES

METHODS = ("direct", "incremental", "node", "auto")


def distance(one, other):
    assert one.keys() == other.keys()
    return max(np.abs(one[key] - other[key]).max() for key in one)


def size_of(grads):
    return max(np.abs(grad).max() for grad in grads.values())


@given(any_problems())
def test_scores_outputs_and_losses_are_those_of_the_twin(problem):
    net, twin, x, t, weights = problem
    allowed = problem.tolerance() * 1e-4  # rounding, without the division by h
    scores = twin.predict(x)
    largest = np.abs(scores).max()
    np.testing.assert_allclose(net.predict(x), scores, rtol=1e-12, atol=1e-11 * largest + 1e-14)
    assert net.output(x) == pytest.approx(twin.output(x), rel=1e-9, abs=1e-9)
    loss = net.loss(x, t, sample_weight=weights)
    assert loss == pytest.approx(twin.loss(x, t, weights), rel=1e-12, abs=allowed)
    ours = net.loss_function(net.predict(x), t, weights)
    squares = sum((net.params[key] ** 2).sum() for key in net.params if key.startswith("W"))
    assert loss == pytest.approx(
        ours + net.weight_decay_lambda / 2 * squares, rel=1e-12, abs=allowed
    )


@pytest.mark.parametrize("loss", LOSSES)
@given(data=st.data())
def test_backpropagation_is_the_chain_rule(loss, data):
    problem = data.draw(any_problems([loss]))
    net, twin, x, t, weights = problem
    grads = net.gradient(x, t, sample_weight=weights)
    assert list(grads) == list(net.params)
    expected = twin.backprop(x, t, weights)
    assert distance(grads, expected) <= 1e-10 * size_of(expected) + problem.tolerance()
    loss, again = net.loss_and_gradient(x, t, sample_weight=weights)
    assert loss == net.loss(x, t, sample_weight=weights)
    assert distance(grads, again) == 0


@pytest.mark.parametrize("loss", LOSSES)
@given(data=st.data(), h=st.sampled_from((1e-4, 1e-3, 1e-5)))
def test_all_evaluators_are_the_definition(loss, data, h):
    problem = data.draw(any_problems([loss]))
    net, twin, x, t, weights = problem
    defined = twin.numerical_gradient(x, t, weights, h)
    allowed = problem.tolerance(h)
    for method in METHODS:
        grads = net.numerical_gradient(x, t, h=h, method=method, sample_weight=weights)
        assert distance(grads, defined) <= allowed, method
    generic = {
        key: numerical_gradient(lambda _: net.loss(x, t, sample_weight=weights), param, h)
        for key, param in net.params.items()
    }
    assert distance(generic, defined) <= allowed


@pytest.mark.parametrize("loss", LOSSES)
@given(data=st.data())
def test_backpropagation_is_the_quotient_but_for_its_truncation(loss, data):
    problem = data.draw(any_problems([loss]))
    net, twin, x, t, weights = problem
    if not twin.is_smooth(x, t, weights):
        return
    exact = net.gradient(x, t, sample_weight=weights)
    wide, narrow = (
        net.numerical_gradient(x, t, h=h, sample_weight=weights) for h in (1e-4, 0.5e-4)
    )
    # The truncation error of the wide one is 4/3 of the difference, to leading order.
    truncation = 2 * distance(wide, narrow)
    assert distance(exact, wide) <= truncation + 4 * problem.tolerance(0.5e-4)


@given(any_problems(weighted=False))
def test_weights_that_are_equal_count_as_none(problem):
    net, _, x, t, _ = problem
    weights = np.full(len(x), 2.5)
    for ask in (net.loss_and_gradient, net.loss_and_numerical_gradient):
        loss, grads = ask(x, t)
        weighted_loss, weighted = ask(x, t, sample_weight=weights)
        assert weighted_loss == pytest.approx(loss, rel=1e-13, abs=1e-300)
        assert distance(grads, weighted) <= problem.tolerance()


@given(any_problems(), st.data())
def test_samples_of_weight_zero_may_hold_anything(problem, data):
    net, _, x, t, weights = problem
    if weights is None:
        weights = np.arange(1.0, len(x) + 1)
    kept = weights > 0
    x, t = np.vstack([x, x[:1]]), np.concatenate([t, t[:1]])
    weights = np.append(weights, 0.0)
    x[-1] = data.draw(st.sampled_from((np.nan, np.inf, -1e300)))
    t[-1] = -7
    kept = weights > 0
    few = x[kept], t[kept]
    for ask in (net.loss_and_gradient, net.loss_and_numerical_gradient):
        loss, grads = ask(x, t, sample_weight=weights)
        expected_loss, expected = ask(*few, sample_weight=weights[kept])
        assert loss == pytest.approx(expected_loss, rel=1e-12)
        assert distance(grads, expected) <= 1e-11 * size_of(expected) + problem.tolerance()


@given(any_problems(scales=(1e-3, 0.5, 2.0)))
def test_single_precision_is_double_precision_rounded(problem):
    net, twin, x, t, weights = problem
    single = MultiLayerNet(
        net.input_size, net.hidden_size_list, net.output_size, net.activations, 0.0,
        net.weight_decay_lambda, loss=net.loss_function, dtype=np.float32,
    )  # fmt: skip
    for key, param in net.params.items():
        single.params[key] = param.astype(np.float32)
        param[...] = single.params[key]
    grads = single.numerical_gradient(x, t, sample_weight=weights)
    assert all(grad.dtype == np.float32 for grad in grads.values())
    assert single.predict(x).dtype == single.output(x).dtype == np.float32
    loss = single.loss(x, t, sample_weight=weights)
    assert loss.dtype == np.float32
    expected = twin.loss(x, t, weights)
    slack = 2**29 * (problem.tolerance() - 1e-9) * 1e-4  # rounding of single precision
    assert loss == pytest.approx(expected, rel=1e-5, abs=1e-6 + slack)
    # Numerical gradients are computed in double precision, whatever the network's.
    double = net.numerical_gradient(
        x.astype(np.float32), t if t.dtype.kind in "iu" else t.astype(np.float32),
        sample_weight=weights,
    )  # fmt: skip
    assert distance(grads, double) <= 1e-6 * size_of(double) + problem.tolerance()


@pytest.mark.parametrize("depth", [0, 1, 8, 20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_networks_may_be_deep(depth, dtype):
    rng = np.random.default_rng(depth)
    names = [list(ACTIVATIONS)[k % len(ACTIVATIONS)] for k in range(depth)]
    net = MultiLayerNet(3, [4] * depth, 2, names, "xavier", rng=rng, dtype=dtype)
    twin = twin_of(net, "cross_entropy", 0.0)
    twin = twin._replace(params={key: np.float64(param) for key, param in net.params.items()})
    x, t = rng.normal(size=(5, 3)).astype(dtype), rng.integers(0, 2, 5)
    precision = 100 * float(np.finfo(dtype).eps)
    assert net.loss(x, t) == pytest.approx(twin.loss(x, t), rel=precision)
    backprop, defined = twin.backprop(x, t), twin.numerical_gradient(x, t)
    assert distance(net.gradient(x, t), backprop) < precision * size_of(backprop)
    for method in METHODS:
        grads = net.numerical_gradient(x, t, method=method)
        assert distance(grads, defined) < max(1e-9, precision * size_of(defined))


@pytest.mark.parametrize("loss", LOSSES)
def test_everything_may_be_one(loss):
    """One input, unit, output and sample, given as a sample of its own or as a batch."""
    net = MultiLayerNet(1, [1], 1, "sigmoid", 1.0, loss=loss, rng=0)
    t = 0 if loss == "cross_entropy" else 0.25
    for x, answer in (([0.5], t), ([[0.5]], [t]), ([[0.5]], [[1.0]])):
        came, grads = net.loss_and_gradient(x, answer)
        assert distance(grads, net.numerical_gradient(x, answer)) < 1e-8
        scores = net.predict(x)
        assert scores.shape == (*np.shape(x)[:-1], 1)
        assert came == pytest.approx(net.loss_function(scores, answer))


@pytest.mark.parametrize(("activation", "slope"), [("relu", 0.0), ("leaky_relu", 0.01)])
def test_at_a_kink_of_an_activation_backpropagation_takes_the_slope_below(activation, slope):
    net = MultiLayerNet(1, [1], 1, activation, weight_init_std=0.0, loss="squared_error")
    net.params["W2"][...] = 3.0
    x, t = [[2.0]], [-1.0]  # the derivative by the score is 1
    assert net.gradient(x, t)["b1"] == pytest.approx(3 * slope)
    assert net.numerical_gradient(x, t)["b1"] == pytest.approx(3 * (slope + 1) / 2, rel=1e-3)


@pytest.mark.parametrize("loss", ["absolute_error", "pinball"])
def test_at_a_kink_both_gradients_take_the_mean_of_both_sides(loss):
    net = MultiLayerNet(2, [], 1, weight_init_std=0.0, loss=loss)
    x, t = np.array([[1.0, -2.0]]), [0.0]
    assert distance(net.gradient(x, t), {"W1": np.zeros((2, 1)), "b1": np.zeros(1)}) == 0
    for method in METHODS:
        assert size_of(net.numerical_gradient(x, t, method=method)) < 1e-12
    skewed = MultiLayerNet(2, [], 1, weight_init_std=0.0, loss=made_loss("pinball", 0.9))
    for grads in (skewed.gradient(x, t), skewed.numerical_gradient(x, t)):
        assert grads["b1"] == pytest.approx(0.5 - 0.9)


@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
def test_cross_entropy_never_saturates(scale):
    net = MultiLayerNet(2, [], 3, weight_init_std=0.0)
    net.params["b1"] = scale * np.array([0.8, 0.0, -0.4])
    x, t = np.array([[1.0, 0.5]]), np.array([1])
    twin = twin_of(net, "cross_entropy", 0.0)
    assert net.loss(x, t) == pytest.approx(twin.loss(x, t), rel=1e-14)
    for method in METHODS:
        grads = net.numerical_gradient(x, t, method=method)
        assert distance(grads, net.gradient(x, t)) < 1e-9 * scale
    if scale == 1000:
        assert net.loss(x, t) == 800
        assert net.gradient(x, t)["b1"].tolist() == [1, -1, 0]
        assert net.numerical_gradient(x, t)["b1"] == pytest.approx([1, -1, 0], abs=1e-8)


@settings(max_examples=20)
@given(any_problems())
def test_results_do_not_depend_on_threads(problem):
    net, _, x, t, weights = problem
    x, t = np.tile(x, (60, 1)), np.concatenate([t] * 60)
    weights = None if weights is None else np.tile(weights, 60)
    seen = set()
    try:
        for threads in (1, 2, 3):
            set_num_threads(threads)
            answers = (
                net.loss_and_gradient(x, t, sample_weight=weights),
                net.loss_and_numerical_gradient(x, t, sample_weight=weights),
            )
            bits = [(loss, *(g.tobytes() for g in grads.values())) for loss, grads in answers]
            seen.add((net.predict(x).tobytes(), *bits))
    finally:
        set_num_threads(0)
    assert len(seen) == 1
