"""One quotient, however it is evaluated: every evaluator against every other, and backprop."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kobai
import oracles
from kobai import SimpleNet, TwoLayerNet, load_mnist, numerical_gradient
from strategies import problems

METHODS = ("direct", "incremental", "node", "auto")
REAL = Path(__file__).parents[2] / "shared" / "mnist"

# Half-widths from where rounding rules to where no polynomial can follow the loss.
WIDTHS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)


def network(params, dtype=np.float64):
    net = TwoLayerNet(*params["W1"].shape, len(params["b2"]), dtype=dtype)
    net.params.update({key: param.astype(dtype) for key, param in params.items()})
    return net


def generic(net, x, t, h=1e-4):
    """The course's idiom: a function that ignores its argument."""
    return {key: numerical_gradient(lambda _: net.loss(x, t), net.params[key], h) for key in KEYS}


KEYS = ("W1", "b1", "W2", "b2")


def every_quotient(net, x, t, h=1e-4):
    quotients = {method: net.numerical_gradient(x, t, h=h, method=method) for method in METHODS}
    return quotients | {"generic": generic(net, x, t, h)}


def assert_agree(quotients, expected, tolerance):
    for name, gradient in quotients.items():
        assert list(gradient) == list(KEYS)
        for key in KEYS:
            worst = np.abs(gradient[key] - expected[key]).max()
            assert worst <= tolerance, f"{name}, {key}: {worst} > {tolerance}"


def tolerance(problem, h=1e-4):
    """1e-9, or what rounding alone does to the literal quotient where that is more."""
    return max(1e-9, 4 * oracles.literal_rounding(*problem, h))


def bits(params):
    return {key: (param.dtype, param.shape, param.tobytes()) for key, param in params.items()}


@given(problems())
def test_all_agree_with_the_notebooks_loop(problem):
    net = network(problem.params)
    before = bits(net.params)
    expected = oracles.network_numerical_gradient(*problem)
    # On this ground rounding stays below: nothing but 1e-9 is asked.
    assert oracles.literal_rounding(*problem, 1e-4) < 1e-9
    assert_agree(every_quotient(net, problem.x, problem.t), expected, 1e-9)
    assert bits(net.params) == before


@given(problems(weight_scales=(0.01, 1.0, 10.0, 100.0)), st.sampled_from(WIDTHS))
def test_all_agree_with_saturated_units_at_any_width(problem, h):
    quotients = every_quotient(network(problem.params), problem.x, problem.t, h)
    assert_agree(quotients, quotients["direct"], tolerance(problem, h))


@given(
    problems(weight_scales=(0.001, 0.01, 1.0), input_scales=(16.0, 255.0, 1e6)),
    st.sampled_from(WIDTHS),
)
def test_all_agree_on_large_inputs_at_any_width(problem, h):
    quotients = every_quotient(network(problem.params), problem.x, problem.t, h)
    assert_agree(quotients, quotients["direct"], tolerance(problem, h))


@given(problems(input_scales=(1.0, 255.0)))
def test_pixels_as_bytes_are_as_good_as_floats(problem):
    net = network(problem.params)
    pixels = np.abs(problem.x).astype(np.uint8)
    for method in METHODS:
        as_bytes = net.numerical_gradient(pixels, problem.t, method=method)
        assert bits(as_bytes) == bits(
            net.numerical_gradient(pixels.astype(float), problem.t, method=method)
        )


@given(problems())
def test_numerical_gradients_agree_with_backpropagation(problem):
    net = network(problem.params)
    exact = net.gradient(problem.x, problem.t)
    # The quotient's truncation is h^2 / 6 = 1.7e-9 times the third derivative by a parameter, which
    # for weights up to 2, inputs up to 1 and targets of mass up to 6 stays well below 50.
    assert_agree(every_quotient(net, problem.x, problem.t), exact, 1e-7)


@given(problems(input_scales=(16.0, 255.0)))
def test_numerical_gradients_agree_with_backpropagation_on_large_inputs(problem):
    net = network(problem.params)
    largest = max(1.0, np.abs(problem.x).max())
    h = 1e-4 / largest
    # A weight's third derivative grows with the cube of its input, so h shrinks with the input:
    # what is left of the truncation grows with the input, as the gradient itself does.
    allowed = 1e-7 * largest + 4 * oracles.literal_rounding(*problem, h)
    exact = net.gradient(problem.x, problem.t)
    assert_agree(every_quotient(net, problem.x, problem.t, h), exact, allowed)


@given(problems(weight_scales=(0.01, 2.0, 30.0), input_scales=(1.0, 255.0)))
def test_backpropagation_agrees_with_its_twin(problem):
    net = network(problem.params)
    before = bits(net.params)
    exact = net.gradient(problem.x, problem.t)
    twin = oracles.backprop(*problem)
    for key in KEYS:
        np.testing.assert_allclose(exact[key], twin[key], rtol=1e-9, atol=1e-10)
    assert bits(net.params) == before


def test_the_delta_of_the_loss_is_part_of_its_derivative():
    net = network({"W1": np.zeros((1, 1)), "b1": np.zeros(1), "W2": np.zeros((1, 2)),
                   "b2": np.array([0.0, 16.0])})  # fmt: skip
    x, t = np.ones((1, 1)), np.array([0])
    y = oracles.predict(net.params, x)[0, 0]
    assert y < 2e-7
    expected = -y / (y + 1e-7) * (1 - y)
    assert net.gradient(x, t)["b2"][0] == pytest.approx(expected, rel=1e-9)
    for method in METHODS:
        quotient = net.numerical_gradient(x, t, method=method)["b2"][0]
        assert quotient == pytest.approx(expected, abs=1e-7)
    assert abs(expected + 1) > 0.4  # without the delta it would be y - 1


@given(problems(kinds=("labels",)))
def test_labels_and_one_hot_have_the_same_gradients(problem):
    net = network(problem.params)
    one_hot = np.eye(problem.sizes[2])[problem.t]
    for method in METHODS:
        by_label = net.numerical_gradient(problem.x, problem.t, method=method)
        by_weight = net.numerical_gradient(problem.x, one_hot, method=method)
        assert_agree({method: by_label}, by_weight, 1e-9)
    exact = net.gradient(problem.x, one_hot)
    assert_agree({"backprop": net.gradient(problem.x, problem.t)}, exact, 1e-14)


@given(problems(input_scales=(1.0, 255.0)), st.integers(0, 2**32 - 1))
def test_the_order_of_the_batch_does_not_matter_beyond_rounding(problem, seed):
    net = network(problem.params)
    order = np.random.default_rng(seed).permutation(len(problem.x))
    shuffled = problem.x[order], problem.t[order]
    rounding = 1e-14 + 4 * oracles.literal_rounding(*problem, 1e-4)
    for method in METHODS:
        gradient = net.numerical_gradient(*shuffled, method=method)
        expected = net.numerical_gradient(problem.x, problem.t, method=method)
        assert_agree({method: gradient}, expected, rounding)
    exact = net.gradient(problem.x, problem.t)
    rounding = 1e-14 * max(1, np.abs(problem.x).max())
    assert_agree({"backprop": net.gradient(*shuffled)}, exact, rounding)


@given(problems())
def test_a_batch_is_the_mean_of_its_samples(problem):
    net = network(problem.params)
    for method in METHODS:
        whole = net.numerical_gradient(problem.x, problem.t, method=method)
        parts = [
            net.numerical_gradient(problem.x[n : n + 1], problem.t[n : n + 1], method=method)
            for n in range(len(problem.x))
        ]
        mean = {key: np.mean([part[key] for part in parts], axis=0) for key in KEYS}
        assert_agree({method: whole}, mean, 1e-9)


@given(problems())
def test_float32_networks_get_the_float64_quotient_rounded(problem):
    single = network(problem.params, np.float32)
    double = network(single.params)
    x, t = problem.x.astype(np.float32), problem.t
    if t.ndim == 2:
        t = t.astype(np.float32)
    for method in METHODS:
        gradient = single.numerical_gradient(x, t, method=method)
        expected = double.numerical_gradient(x, t, method=method)
        for key in KEYS:
            assert gradient[key].dtype == np.float32
            np.testing.assert_array_equal(gradient[key], expected[key].astype(np.float32))
    exact = single.gradient(x, t)
    for key in KEYS:
        assert exact[key].dtype == np.float32
        np.testing.assert_allclose(exact[key], double.gradient(x, t)[key], rtol=1e-4, atol=1e-5)


@given(problems(), st.sampled_from(METHODS))
def test_simple_net_agrees_as_well(problem, method):
    net = SimpleNet(*problem.params["W1"].shape)
    net.W = problem.params["W1"]
    before = net.W.tobytes()
    t = np.arange(len(problem.x)) % net.W.shape[1]

    def loss(_):
        return oracles.cross_entropy_error(oracles.softmax(problem.x @ net.W), t)

    expected = oracles.numerical_gradient(loss, net.W)
    gradient = net.numerical_gradient(problem.x, t, method=method)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(net.gradient(problem.x, t), expected, rtol=0, atol=1e-7)
    closure = numerical_gradient(lambda _: net.loss(problem.x, t), net.W)
    np.testing.assert_allclose(closure, expected, rtol=0, atol=1e-9)
    assert net.W.tobytes() == before


@pytest.mark.parametrize("method", METHODS)
def test_nan_flows_as_in_the_notebooks_loop(method):
    net = TwoLayerNet(3, 2, 2, 1.0, rng=0)
    x, t = np.ones((4, 3)), [0, 1, 0, 1]
    x[2, 1] = np.nan
    gradient = net.numerical_gradient(x, t, method=method)
    assert all(np.isnan(quotient).all() for quotient in gradient.values())
    net.params["b1"][0] = np.nan
    gradient = net.numerical_gradient(np.ones((4, 3)), t, method=method)
    assert all(np.isnan(quotient).all() for quotient in gradient.values())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinite_inputs_flow_as_in_the_notebooks_loop(method, infinity):
    net = TwoLayerNet(3, 2, 2, 1.0, rng=0)
    x = np.ones((4, 3))
    x[2, 1] = infinity
    t = np.array([0, 1, 0, 1])
    # An infinite input saturates its units: the loss is a number, and so is every quotient.
    expected = oracles.network_numerical_gradient(net.params, x, t)
    assert all(np.isfinite(q).all() for q in expected.values())
    assert_agree({method: net.numerical_gradient(x, t, method=method)}, expected, 1e-9)


BAD = [
    ({"h": 0.0}, ValueError, ("h must", "0")),
    ({"h": -1e-4}, ValueError, ("h must", "-0.0001")),
    ({"h": np.nan}, ValueError, ("h must", "nan")),
    ({"h": np.inf}, ValueError, ("h must", "inf")),
    ({"h": "small"}, TypeError, ("h must", "'small'")),
    ({"method": "exact"}, ValueError, ("method must", "exact", "node", "incremental", "direct")),
    ({"method": ""}, ValueError, ("method must",)),
    ({"x": np.ones((4, 2))}, ValueError, ("x must", "3", "(4, 2)")),
    ({"x": np.ones((0, 3)), "t": np.ones((0, 2))}, ValueError, ("x must", "at least one sample")),
    ({"t": np.array([0, 1, 2, 0])}, ValueError, ("t must", "0..1", "2")),
    ({"t": np.ones((4, 3))}, ValueError, ("t must", "(4, 2)", "(4, 3)")),
]


@pytest.mark.parametrize(("changes", "error", "words"), BAD)
def test_refusals_name_the_argument_and_leave_the_parameters(changes, error, words):
    net = TwoLayerNet(3, 2, 2, 1.0, rng=0)
    before = bits(net.params)
    arguments = {"x": np.ones((4, 3)), "t": np.array([0, 1, 0, 1])} | changes
    for method in METHODS:
        with pytest.raises(error) as caught:
            net.numerical_gradient(**({"method": method} | arguments))
        assert all(word in str(caught.value) for word in words), str(caught.value)
    assert bits(net.params) == before


@pytest.mark.parametrize("method", [None, 1, b"node"])
def test_a_method_that_is_no_text_is_refused(method):
    net = TwoLayerNet(3, 2, 2, rng=0)
    with pytest.raises((TypeError, ValueError), match="method"):
        net.numerical_gradient(np.ones((4, 3)), [0, 1, 0, 1], method=method)


@pytest.fixture
def threads():
    """Sets the number of threads, for one test."""
    before = kobai.num_threads()
    yield kobai.set_num_threads
    kobai.set_num_threads(before)


# Enough samples for each to be worth several threads.
SAMPLES = {"direct": 30, "incremental": 600, "node": 2000, "auto": 2000, "backprop": 5000}


@pytest.mark.parametrize("method", SAMPLES)
@pytest.mark.parametrize("zeros", [0.0, 0.8])
def test_results_do_not_depend_on_the_number_of_threads(threads, method, zeros):
    generator = np.random.default_rng(1)
    net = TwoLayerNet(40, 20, 5, 0.5, rng=0)
    x = generator.random((SAMPLES[method], 40))
    x[generator.random(x.shape) < zeros] = 0
    t = generator.integers(0, 5, len(x))
    results = []
    for count in (1, 2, 3):
        threads(count)
        if method == "backprop":
            gradient = net.gradient(x, t)
        else:
            gradient = net.numerical_gradient(x, t, method=method)
        results.append((bits(gradient), net.loss(x, t), net.predict(x).tobytes()))
    assert results[0] == results[1] == results[2]


@given(problems(), st.sampled_from(METHODS))
@settings(max_examples=20)
def test_asking_twice_gives_the_same_bits(problem, method):
    net = network(problem.params)
    first = net.numerical_gradient(problem.x, problem.t, method=method)
    assert bits(net.numerical_gradient(problem.x, problem.t, method=method)) == bits(first)


@pytest.fixture(scope="module")
def mnist_batch():
    if not REAL.is_dir():
        pytest.skip("needs ../shared/mnist, the real files")
    (x, t), _ = load_mnist(path=REAL)
    mask = np.random.default_rng(0).choice(len(x), 100)
    return x[mask], t[mask]


def test_incremental_and_node_agree_on_real_mnist_with_the_notebooks_network(mnist_batch):
    x, t = mnist_batch
    net = TwoLayerNet(784, 50, 10, rng=0)
    quotients = {m: net.numerical_gradient(x, t, method=m) for m in ("incremental", "auto")}
    expected = net.numerical_gradient(x, t, method="node")
    assert_agree(quotients, expected, 1e-9)
    assert_agree({"backprop": net.gradient(x, t)}, expected, 1e-7)
    assert np.abs(expected["W1"]).max() > 1e-4


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_all_agree_on_real_mnist_with_a_thin_network(mnist_batch, scale):
    x, t = mnist_batch
    x = x * np.float32(scale)
    # Weights so small that units stay where the sigmoid bends, also for inputs up to 255.
    net = TwoLayerNet(784, 3, 10, 0.1 / scale, rng=0)
    net.params["W2"] *= 10 * scale
    quotients = {m: net.numerical_gradient(x, t, method=m) for m in METHODS}
    problem = net.params, x.astype(float), t
    assert_agree(quotients, quotients["direct"], tolerance(problem))
    if scale == 1:
        assert oracles.literal_rounding(*problem, 1e-4) < 1e-9
        assert_agree({"backprop": net.gradient(x, t)}, quotients["direct"], 1e-7)
