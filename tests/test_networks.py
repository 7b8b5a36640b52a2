"""The networks: their parameters are plain arrays, and what they answer follows from those."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from kobai import SimpleNet, TwoLayerNet, numerical_gradient
from strategies import LAYOUTS, laid_out, layouts_of, problems

# What the notebook printed: its weights, its sample, and the gradient it got.
W = np.array([[-0.85962715, 0.26073598, -0.36334443], [-1.07225197, -1.06688374, -1.02781945]])
X = np.array([0.6, 0.9])
T = np.array([0, 1, 0])
GRADIENT = [[0.137304, -0.32977709, 0.19247309], [0.205956, -0.49466563, 0.28870963]]


def simple_net(weights=W):
    net = SimpleNet(*weights.shape)
    net.W = weights.copy()
    return net


def network(params):
    net = TwoLayerNet(*params["W1"].shape, len(params["b2"]))
    net.params.update({key: param.copy() for key, param in params.items()})
    return net


def bits(params):
    return {key: (param.dtype, param.shape, param.tobytes()) for key, param in params.items()}


def printed(values):
    """To the eight decimals that NumPy prints."""
    return pytest.approx(np.array(values), rel=0, abs=5.01e-9)


def test_simple_net_gives_the_numbers_of_its_printed_weights():
    net = simple_net()
    assert net.predict(X) == printed([-1.48080306, -0.80375378, -1.14304416])
    assert net.loss(X, T) == pytest.approx(0.7976824842, rel=0, abs=5e-11)
    for method in ("auto", "direct", "incremental", "node"):
        assert net.numerical_gradient(X, T, method=method) == printed(GRADIENT)
    assert net.gradient(X, T) == printed(GRADIENT)
    assert numerical_gradient(lambda W: net.loss(X, T), net.W) == printed(GRADIENT)


def test_the_notebooks_figures_carry_the_scar_of_a_gradient_that_failed_half_way():
    scarred = simple_net()
    scarred.W[0, 0] += 1e-4
    # The weights are known to the eight decimals that were printed: 5e-9 each, times the inputs.
    slack = 5e-9 * (1 + X.sum())
    expected = pytest.approx([-1.48074306, -0.80375378, -1.14304417], rel=0, abs=slack)
    assert scarred.predict(X) == expected
    assert simple_net().predict(X) != expected
    assert scarred.loss(X, T) == pytest.approx(0.7976962138947823, rel=0, abs=1e-8)
    assert simple_net().loss(X, T) != pytest.approx(0.7976962138947823, rel=0, abs=1e-6)


def test_a_gradient_that_fails_half_way_leaves_no_scar():
    net = simple_net()
    loss = net.loss(X, T)
    for fatal in range(12):
        calls = iter(range(12))

        def f(_, fatal=fatal, calls=calls):
            # What failed in the notebook: the loss was asked for an array it could not take.
            return net.loss(X, T if next(calls) != fatal else np.zeros((7, 7)))

        with pytest.raises(ValueError, match="t must have shape"):
            numerical_gradient(f, net.W)
        assert net.W.tobytes() == W.tobytes()
        assert net.loss(X, T) == loss


def test_simple_net_is_drawn_from_the_standard_normal():
    net = SimpleNet()
    assert net.W.shape == (2, 3)
    assert net.predict(np.ones(2)).shape == (3,)
    large = SimpleNet(200, 300, rng=0).W
    assert abs(large.mean()) < 0.02
    assert abs(large.std() - 1) < 0.02
    np.testing.assert_array_equal(large, SimpleNet(200, 300, rng=0).W)
    assert not np.array_equal(large, SimpleNet(200, 300, rng=1).W)


@given(problems())
def test_simple_net_agrees_with_numpy(problem):
    net = simple_net(problem.params["W1"])
    scores = problem.x @ net.W
    np.testing.assert_allclose(net.predict(problem.x), scores, rtol=1e-13, atol=1e-14)
    labels = np.arange(len(scores)) % scores.shape[1]
    expected = oracles.cross_entropy_error(oracles.softmax(scores), labels)
    assert net.loss(problem.x, labels) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert net.accuracy(problem.x, labels) == np.mean(scores.argmax(axis=1) == labels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_are_plain_writable_arrays(dtype):
    net = TwoLayerNet(4, 3, 2, dtype=dtype)
    assert type(net.params) is dict
    assert [(k, p.shape) for k, p in net.params.items()] == [
        ("W1", (4, 3)), ("b1", (3,)), ("W2", (3, 2)), ("b2", (2,))
    ]  # fmt: skip
    for param in net.params.values():
        assert type(param) is np.ndarray
        assert param.dtype == dtype
        assert param.flags.writeable
    assert not net.params["b1"].any()
    assert not net.params["b2"].any()
    x = np.ones((5, 4))
    assert net.predict(x).dtype == dtype
    assert net.loss(x, np.zeros(5, int)).dtype == dtype
    for gradient in (net.gradient(x, np.zeros(5, int)), net.numerical_gradient(x, [0] * 5)):
        assert {k: (g.dtype, g.shape) for k, g in gradient.items()} == {
            k: (p.dtype, p.shape) for k, p in net.params.items()
        }


def test_weights_are_normal_with_the_given_deviation():
    for std in (0.01, 2.0):
        net = TwoLayerNet(200, 300, 100, std, rng=0)
        for key in ("W1", "W2"):
            assert abs(net.params[key].std() / std - 1) < 0.02
            assert abs(net.params[key].mean() / std) < 0.02
    assert not TwoLayerNet(3, 2, 2, 0.0).params["W1"].any()


def test_seeds():
    def weights(rng, dtype=np.float64):
        return bits(TwoLayerNet(5, 4, 3, rng=rng, dtype=dtype).params)

    assert weights(7) == weights(7)
    assert weights(7) == weights(np.random.default_rng(7))
    assert weights(7) == weights(np.random.SeedSequence(7))
    assert weights(7) != weights(8)
    assert weights(None) != weights(None)
    generator = np.random.default_rng(7)
    assert weights(generator) != weights(generator)
    single = TwoLayerNet(5, 4, 3, rng=7, dtype=np.float32).params
    for key, param in TwoLayerNet(5, 4, 3, rng=7).params.items():
        np.testing.assert_array_equal(single[key], param.astype(np.float32))


@given(problems(weight_scales=(0.01, 2.0, 50.0), input_scales=(1.0, 255.0)), st.data())
def test_answers_agree_with_their_twins_on_any_layout(problem, data):
    net = network(problem.params)
    x, t = data.draw(layouts_of(problem.x)), data.draw(layouts_of(problem.t))
    before = bits(net.params), x.tobytes(), t.tobytes()
    y = net.predict(x)
    np.testing.assert_allclose(y, oracles.predict(*problem[:2]), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-14)
    assert net.loss(x, t) == pytest.approx(oracles.loss(*problem), rel=1e-10, abs=1e-14)
    assert net.accuracy(x, t) == oracles.accuracy(*problem)
    assert (bits(net.params), x.tobytes(), t.tobytes()) == before


@given(problems(kinds=("labels",)))
def test_labels_and_one_hot_are_the_same(problem):
    net = network(problem.params)
    one_hot = np.eye(problem.sizes[2])[problem.t]
    assert net.loss(problem.x, one_hot) == pytest.approx(net.loss(problem.x, problem.t), rel=1e-14)
    accuracy = net.accuracy(problem.x, problem.t)
    for dtype in (float, np.float32, int, bool):
        assert net.accuracy(problem.x, one_hot.astype(dtype)) == accuracy
    for dtype in (np.uint8, np.int32, np.uint64):
        assert net.loss(problem.x, problem.t.astype(dtype)) == net.loss(problem.x, problem.t)


@given(problems())
def test_a_single_sample_needs_no_batch(problem):
    net = network(problem.params)
    x, t = problem.x[0], problem.t[0]
    np.testing.assert_array_equal(net.predict(x), net.predict(x[None])[0])
    assert net.predict(x).shape == (problem.sizes[2],)
    assert net.loss(x, t) == net.loss(x[None], t[None])
    assert net.accuracy(x, t) == net.accuracy(x[None], t[None])
    assert bits(net.gradient(x, t)) == bits(net.gradient(x[None], t[None]))
    assert bits(net.numerical_gradient(x, t)) == bits(net.numerical_gradient(x[None], t[None]))


def test_lists_are_taken():
    net = TwoLayerNet(2, 3, 2, 1.0, rng=0)
    x, t = [[1, 2], [3, 4]], [[0, 1], [1, 0]]
    assert net.loss(x, t) == net.loss(np.array(x, float), np.array(t, float))
    assert net.loss(x, [1, 0]) == net.loss(np.array(x, float), np.array([1, 0]))


def test_accuracy_counts_the_first_of_equals_and_all_of_a_large_set():
    net = TwoLayerNet(1, 1, 3, 0.0)
    assert net.accuracy(np.ones((3, 1)), [0, 1, 2]) == 1 / 3
    generator = np.random.default_rng(0)
    net = TwoLayerNet(3, 4, 5, 3.0, rng=0)
    x = generator.random((7001, 3))
    t = oracles.predict(net.params, x).argmax(axis=1)
    assert net.accuracy(x, t) == net.accuracy(x, np.eye(5)[t]) == 1
    assert net.accuracy(x, (t + 1) % 5) == 0
    t = generator.integers(0, 5, 7001)
    assert net.accuracy(x, t) == oracles.accuracy(net.params, x, t)
    t[-1] = 5
    with pytest.raises(ValueError, match=r"t must hold labels in 0\.\.4 only, got 5"):
        net.accuracy(x, t)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_parameters_may_be_replaced_by_arrays_of_any_layout(layout):
    net, twin = TwoLayerNet(4, 3, 2, 1.0, rng=0), TwoLayerNet(4, 3, 2, 1.0, rng=0)
    for key, param in twin.params.items():
        net.params[key] = laid_out(param, layout)
    x, t = np.random.default_rng(0).random((5, 4)), [0, 1, 1, 0, 1]
    assert net.loss(x, t) == twin.loss(x, t)
    assert net.accuracy(x, t) == twin.accuracy(x, t)
    assert bits(net.gradient(x, t)) == bits(twin.gradient(x, t))
    for method in ("direct", "incremental", "node"):
        gradient = net.numerical_gradient(x, t, method=method)
        assert bits(gradient) == bits(twin.numerical_gradient(x, t, method=method))
        assert all(g.flags.c_contiguous and g.flags.writeable for g in gradient.values())


def test_changes_in_place_are_seen_at_once():
    net = TwoLayerNet(4, 3, 2, 1.0, rng=0)
    x, t = np.random.default_rng(0).random((5, 4)), np.array([0, 1, 1, 0, 1])
    for key in net.params:
        grads = net.gradient(x, t)
        net.params[key] -= 0.5 * grads[key]
        assert net.loss(x, t) == pytest.approx(oracles.loss(net.params, x, t), rel=1e-13)
        net.params[key][..., 0] += 1
        assert net.loss(x, t) == pytest.approx(oracles.loss(net.params, x, t), rel=1e-13)
    net.params = {key: 2 * param for key, param in net.params.items()}
    assert net.loss(x, t) == pytest.approx(oracles.loss(net.params, x, t), rel=1e-13)


def test_nan_and_infinity_flow_through_predictions():
    net = TwoLayerNet(2, 3, 2, 1.0, rng=0)
    x = np.array([[np.nan, 0.0], [np.inf, 1.0], [-np.inf, 1.0], [1.0, 1.0]])
    y = net.predict(x)
    assert np.isnan(y[0]).all()
    np.testing.assert_allclose(y[1:], oracles.predict(net.params, x[1:]), rtol=1e-13)
    assert np.isnan(net.loss(x, [0, 1, 0, 1]))
    # A zero times an infinite weight is no zero, also where zeros are many enough to be skipped.
    net.params["W1"][0, 0] = np.inf
    assert np.isnan(net.predict(np.array([[0.0, 0.0]]))).all()


# Each call that reads the parameters.
CALLS = {
    "predict": lambda net, x, t: net.predict(x),
    "loss": lambda net, x, t: net.loss(x, t),
    "accuracy": lambda net, x, t: net.accuracy(x, t),
    "gradient": lambda net, x, t: net.gradient(x, t),
    "numerical_gradient": lambda net, x, t: net.numerical_gradient(x, t),
}

BAD_PARAMS = [
    ({"W1": None}, ValueError, ("params", "W1", "W2", "b1", "b2")),
    ({"W3": np.ones((2, 2))}, ValueError, ("params", "W3")),
    ({1: np.ones(2)}, ValueError, ("params", "1")),
    ({"W1": np.ones((4, 3)).T}, ValueError, ("params['W1']", "(4, 3)", "(3, 4)")),
    ({"b1": np.ones((1, 3))}, ValueError, ("params['b1']", "(3,)", "(1, 3)")),
    ({"W2": np.ones((2, 2))}, ValueError, ("params['W2']", "(3, 2)", "(2, 2)")),
    ({"b2": np.float64(1.0)}, TypeError, ("params['b2']", "array")),
    ({"b2": [0.0, 0.0]}, TypeError, ("params['b2']", "array", "list")),
    ({"b2": np.zeros(2, np.float32)}, TypeError, ("params['b2']", "float64", "float32")),
    ({"b2": np.zeros(2, int)}, TypeError, ("params['b2']", "float64", "int64")),
    ({"b2": np.zeros(2, complex)}, TypeError, ("params['b2']", "float64", "complex128")),
    ({"b2": np.zeros(2, object)}, TypeError, ("params['b2']", "float64", "object")),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("changes", "error", "words"), BAD_PARAMS)
def test_parameters_that_do_not_fit_are_refused_by_name(call, changes, error, words):
    net = TwoLayerNet(4, 3, 2, rng=0)
    for key, value in changes.items():
        if value is None:
            del net.params[key]
        else:
            net.params[key] = value
    with pytest.raises(error) as caught:
        CALLS[call](net, np.ones((5, 4)), [0, 1, 0, 1, 0])
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("call", CALLS)
def test_parameters_of_another_byte_order_or_alignment_never_panic(call):
    x, t = np.ones((5, 4)), [0, 1, 0, 1, 0]
    net = TwoLayerNet(4, 3, 2, rng=0)
    net.params["W1"] = net.params["W1"].astype(">f8")
    with pytest.raises(TypeError, match=r"params\['W1'\] must have the network's dtype float64"):
        CALLS[call](net, x, t)
    net.params["W1"] = np.frombuffer(bytearray(1 + 96), np.float64, 12, offset=1).reshape(4, 3)
    with pytest.raises((TypeError, ValueError), match=r"params\[.W1.\] must .*align"):
        CALLS[call](net, x, t)


BAD_DATA = [
    (np.ones((5, 3)), [0] * 5, ValueError, ("x must", "4", "(5, 3)")),
    (np.ones(3), 0, ValueError, ("x must", "4", "(3,)")),
    (1.0, 0, ValueError, ("x must", "()")),
    (np.ones((1, 5, 4)), [0] * 5, ValueError, ("x must", "(N, D)", "(1, 5, 4)")),
    (np.ones((5, 4), complex), [0] * 5, TypeError, ("x must", "complex128")),
    (np.full((5, 4), None), [0] * 5, TypeError, ("x must", "object", "None in row 0, column 0")),
    (np.full((5, 4), "a"), [0] * 5, TypeError, ("x must", "<U1")),
    (np.ones((0, 4)), np.zeros(0, int), ValueError, ("x must", "at least one sample", "(0, 4)")),
    (np.ones((5, 4)), [0] * 4, ValueError, ("t must", "(5, 2)", "(4,)")),
    (np.ones((5, 4)), 0, ValueError, ("t must", "(5, 2)", "()")),
    (np.ones((5, 4)), np.ones((5, 3)), ValueError, ("t must", "(5, 2)", "(5, 3)")),
    (np.ones((5, 4)), np.ones((5, 2, 1)), ValueError, ("t must", "(5, 2)", "(5, 2, 1)")),
    (np.ones((5, 4)), [0, 1, 0, 2, 0], ValueError, ("t must", "0..1", "2")),
    (np.ones((5, 4)), [0, 1, 0, -1, 0], ValueError, ("t must", "0..1", "-1")),
    (np.ones((5, 4)), np.zeros(5), TypeError, ("t must", "integers", "float64")),
    (np.ones((5, 4)), np.full((5, 2), 1j), TypeError, ("t must", "complex128")),
    (np.ones(4), [0], ValueError, ("t must", "(2,)", "(1,)")),
]


@pytest.mark.parametrize("call", list(CALLS)[1:])
@pytest.mark.parametrize(("x", "t", "error", "words"), BAD_DATA)
def test_data_that_does_not_fit_is_refused_by_name(call, x, t, error, words):
    for net in (TwoLayerNet(4, 3, 2, rng=0), SimpleNet(4, 2, rng=0)):
        with pytest.raises(error) as caught:
            CALLS[call](net, x, t)
        assert all(word in str(caught.value) for word in words), str(caught.value)


def test_predict_takes_an_empty_batch_but_no_wrong_input():
    net = TwoLayerNet(4, 3, 2, rng=0)
    assert net.predict(np.ones((0, 4))).shape == (0, 2)
    with pytest.raises(ValueError, match=r"x must have 4 columns, got shape \(5, 3\)"):
        net.predict(np.ones((5, 3)))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0, 1, 1), ValueError, ("input_size", "0")),
        ((1, -1, 1), ValueError, ("hidden_size", "-1")),
        ((1, 1, 0), ValueError, ("output_size", "0")),
        ((1.5, 1, 1), TypeError, ("input_size", "1.5")),
        ((1, "2", 1), TypeError, ("hidden_size", "'2'")),
        ((1, 1, None), TypeError, ("output_size", "None")),
        ((1, 1, 1, -0.1), ValueError, ("weight_init_std", "-0.1")),
        ((1, 1, 1, np.nan), ValueError, ("weight_init_std", "nan")),
        ((1, 1, 1, np.inf), ValueError, ("weight_init_std", "inf")),
        ((1, 1, 1, "x"), TypeError, ("weight_init_std", "'x'")),
    ],
)
def test_bad_sizes_are_refused(arguments, error, words):
    with pytest.raises(error) as caught:
        TwoLayerNet(*arguments)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("dtype", [np.float16, int, complex, object, ">f4"])
def test_only_float32_and_float64_are_computed(dtype):
    with pytest.raises(TypeError, match="dtype must be float32 or float64, got"):
        TwoLayerNet(1, 1, 1, dtype=dtype)
