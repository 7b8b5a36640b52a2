"""The network of any depth as its users meet it: made, asked, overridden, copied."""

import copy
import pickle
import warnings

import numpy as np
import pytest

from kobai import MultiLayerNet, SimpleNet, Trainer, TwoLayerNet
from kobai.functions import sigmoid, softmax
from kobai.losses import CrossEntropy, Huber, Loss, SquaredError
from network_strategies import twin_of

X = np.random.default_rng(1).normal(size=(6, 3))
LABELS = np.array([0, 1, 1, 0, 1, 0])
NUMBERS = np.random.default_rng(2).normal(size=(6, 2))


def bits(params):
    return {key: (param.dtype, param.shape, param.tobytes()) for key, param in params.items()}


def largest(one, other):
    return max(np.abs(one[key] - other[key]).max() for key in one.keys() | other.keys())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_stand_in_the_courses_order(dtype):
    net = MultiLayerNet(4, [3, 5], 2, dtype=dtype)
    assert type(net.params) is dict
    assert [(key, param.shape) for key, param in net.params.items()] == [
        ("W1", (4, 3)), ("b1", (3,)), ("W2", (3, 5)), ("b2", (5,)), ("W3", (5, 2)), ("b3", (2,))
    ]  # fmt: skip
    assert all(param.dtype == dtype for param in net.params.values())
    assert all(param.flags.writeable for param in net.params.values())
    assert not any(net.params[key].any() for key in ("b1", "b2", "b3"))
    assert list(MultiLayerNet(4, [], 2).params) == ["W1", "b1"]
    assert net.parameter_names() == list(net.params)


def test_a_network_tells_what_it_is_made_of():
    net = MultiLayerNet(4, (3, np.int64(5)), 2, ["TanH", "relu"], 0.1, 0.5, loss=Huber(2))
    assert (net.input_size, net.hidden_size_list, net.output_size) == (4, [3, 5], 2)
    assert net.activations == ["tanh", "relu"]
    assert net.loss_function == Huber(2)
    assert net.weight_decay_lambda == 0.5
    net.hidden_size_list.append(7)
    net.activations.append("relu")
    assert (net.hidden_size_list, net.activations) == ([3, 5], ["tanh", "relu"])
    for name in ("input_size", "hidden_size_list", "output_size", "activations", "loss_function"):
        with pytest.raises(AttributeError):
            setattr(net, name, 3)


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (MultiLayerNet(784, [100, 100], 10, dtype=np.float32),
         "<MultiLayerNet 784-100-100-10 relu, CrossEntropy(epsilon=0.0): "
         "89610 parameters, float32>"),
        (MultiLayerNet(2, [], 3, loss=CrossEntropy(1e-7)),
         "<MultiLayerNet 2-3, CrossEntropy(epsilon=1e-07): 9 parameters, float64>"),
        (MultiLayerNet(2, [3, 3], 1, ["tanh", "gelu"], weight_decay_lambda=0.1, loss="Huber"),
         "<MultiLayerNet 2-3-3-1 tanh gelu, Huber(delta=1.0), weight_decay_lambda=0.1: "
         "25 parameters, float64>"),
        (type("Mine", (MultiLayerNet,), {})(2, [1], 2),
         "<Mine 2-1-2 relu, CrossEntropy(epsilon=0.0): 7 parameters, float64>"),
    ],
)  # fmt: skip
def test_a_network_says_what_it_is_in_a_line(net, said):
    assert repr(net) == str(net) == said
    assert repr(copy.deepcopy(net)) == said
    net.params["W1"] = None
    assert "spoilt parameters" in repr(net)


@pytest.mark.parametrize(
    ("given", "std"),
    [
        (0.01, lambda n: 0.01),
        (np.float32(0.5), lambda n: 0.5),
        ("relu", lambda n: np.sqrt(2 / n)),
        ("He", lambda n: np.sqrt(2 / n)),
        ("sigmoid", lambda n: np.sqrt(1 / n)),
        ("XAVIER", lambda n: np.sqrt(1 / n)),
    ],
)
def test_weights_are_drawn_with_the_standard_deviation_of_their_layer(given, std):
    net = MultiLayerNet(200, [300, 100], 250, weight_init_std=given, rng=0)
    for key, inputs in (("W1", 200), ("W2", 300), ("W3", 100)):
        assert net.params[key].mean() == pytest.approx(0, abs=std(inputs) / 30)
        assert net.params[key].std() == pytest.approx(std(inputs), rel=0.02)
    again = MultiLayerNet(200, [300, 100], 250, weight_init_std=given, rng=0)
    assert bits(again.params) == bits(net.params)


def test_the_default_is_that_of_rectifiers():
    default, relu = (MultiLayerNet(5, [4], 3, *given, rng=0) for given in ((), ("relu", "relu")))
    assert bits(default.params) == bits(relu.params)
    assert default.activations == ["relu"]
    assert default.loss_function == CrossEntropy()
    np.random.seed(3)
    first = MultiLayerNet(5, [4], 3, rng=np.random)
    np.random.seed(3)
    assert bits(MultiLayerNet(5, [4], 3, rng=np.random).params) == bits(first.params)


NAMES = "'identity', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'elu', 'softplus', 'silu' or 'gelu'"


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((0, [3], 2), {}, ValueError, "input_size must be at least 1, got 0"),
        ((2.5, [3], 2), {}, TypeError, "input_size must be an integer, got 2.5"),
        ((2, 3, 2), {}, TypeError, r"hidden_size_list must be a list of integers, got 3: "
         r"write \[3\]"),
        ((2, np.array(3), 2), {}, TypeError, "hidden_size_list must be a list of integers, got 3"),
        ((2, "33", 2), {}, TypeError, "hidden_size_list must be a list of integers, got '33'"),
        ((2, None, 2), {}, TypeError, "hidden_size_list must be a list of integers, got None"),
        ((2, [3, 0], 2), {}, ValueError, r"hidden_size_list\[1\] must be at least 1, got 0"),
        ((2, [3, 2.0], 2), {}, TypeError, r"hidden_size_list\[1\] must be an integer, got 2\.0"),
        ((2, [3], -1), {}, ValueError, "output_size must be at least 1, got -1"),
        ((2, [3], 2, "mish"), {}, ValueError, f"activation must be {NAMES}, got 'mish'"),
        ((2, [3], 2, None), {}, TypeError, f"activation must be {NAMES}, got None"),
        ((2, [3], 2, ["relu", "tanh"]), {}, ValueError, "activation must be one name, or one for "
         "each of 1 hidden layers, got 2"),
        ((2, [3], 2, []), {}, ValueError, "activation must be one name, or one for each of 1"),
        ((2, [3], 2, [3]), {}, TypeError, r"activation\[0\] must be 'identity'"),
        ((2, [3, 3], 2, ["relu", "x"]), {}, ValueError, r"activation\[1\] must be .*, got 'x'"),
        ((2, [3], 2, "relu", "glorot"), {}, ValueError, "weight_init_std that is text must be "
         "'relu', 'he', 'sigmoid' or 'xavier', got 'glorot'"),
        ((2, [3], 2, "relu", -1), {}, ValueError, "weight_init_std must be finite and not neg"),
        ((2, [3], 2, "relu", None), {}, TypeError, "weight_init_std must be a number, got None"),
        ((2, [3], 2, "relu", 1, -0.1), {}, ValueError, "weight_decay_lambda must be finite and"),
        ((2, [3], 2, "relu", 1, np.inf), {}, ValueError, "weight_decay_lambda must be finite"),
        ((2, [3], 2), {"loss": "mse"}, ValueError, "loss must be 'cross_entropy', .*, got 'mse'"),
        ((2, [3], 2), {"loss": Loss()}, TypeError, "or a loss of kobai.losses, got <kobai"),
        ((2, [3], 2), {"dtype": np.float16}, TypeError, "dtype must be float32 or float64"),
        ((2, [3], 2), {"rng": "0"}, TypeError, "rng must be"),
    ],
)  # fmt: skip
def test_what_makes_no_network_is_named(arguments, options, error, words):
    with pytest.raises(error, match=words):
        MultiLayerNet(*arguments, **options)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((10**15, [50], 10), "input_size=1000000000000000, hidden_size_list=[50], output_size=10"),
        ((10, [2**62, 2**62], 10), "hidden_size_list=["),
        ((10, [5], 10**5000), "output_size=about 10**5000"),
    ],
)
def test_sizes_beyond_all_memory_are_named(sizes, words):
    with pytest.raises(MemoryError, match=r"there is no memory for the .* parameters") as caught:
        MultiLayerNet(*sizes)
    assert words in str(caught.value)


def test_a_single_class_is_warned_of_and_a_single_number_is_not(tmp_path):
    with pytest.warns(UserWarning, match="output_size is 1") as told:
        net = MultiLayerNet(2, [3], 1)
    assert [warning.filename for warning in told] == [__file__]
    net.save(tmp_path / "net.npz")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MultiLayerNet.load(tmp_path / "net.npz")
        for loss in ("squared_error", "binary_cross_entropy", "poisson"):
            MultiLayerNet(2, [3], 1, loss=loss)
        MultiLayerNet(2, [3], 2)


def test_it_is_the_two_layer_net_for_two_layers():
    two = TwoLayerNet(3, 4, 2, 1.0, rng=0)
    net = MultiLayerNet(3, [4], 2, "sigmoid", 1.0, loss=CrossEntropy(epsilon=1e-7), rng=0)
    assert bits(net.params) == bits(two.params)
    assert net.loss(X, LABELS) == two.loss(X, LABELS)
    np.testing.assert_array_equal(net.output(X), two.predict(X))
    np.testing.assert_array_equal(two.output(X), two.predict(X))
    assert net.accuracy(X, LABELS) == two.accuracy(X, LABELS)
    assert bits(net.gradient(X, LABELS)) == bits(two.gradient(X, LABELS))
    numerical = (each.numerical_gradient(X, LABELS) for each in (net, two))
    assert bits(next(numerical)) == bits(next(numerical))
    np.testing.assert_allclose(net.predict(X), sigmoid(X @ net.params["W1"]) @ net.params["W2"])


def test_without_hidden_layers_it_is_linear():
    net, simple = MultiLayerNet(3, [], 2, weight_init_std=1.0, rng=0), SimpleNet(3, 2, rng=0)
    np.testing.assert_array_equal(net.params["W1"], simple.W)
    np.testing.assert_array_equal(net.predict(X), simple.predict(X))
    np.testing.assert_array_equal(net.output(X), simple.output(X))
    np.testing.assert_allclose(simple.output(X), softmax(X @ simple.W), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_answers_have_the_networks_dtype_and_the_samples_shape(dtype):
    net = MultiLayerNet(3, [4, 4], 2, loss="squared_error", dtype=dtype, rng=0)
    for x in (X, X.tolist(), X.astype(np.float32), X.astype(int), np.asfortranarray(X)):
        assert net.predict(x).shape == net.output(x).shape == (6, 2)
        assert net.predict(x).dtype == net.output(x).dtype == dtype
    assert net.predict(X[0]).shape == net.output(X[0]).shape == (2,)
    assert net.predict(np.zeros((0, 3))).shape == net.output(np.zeros((0, 3))).shape == (0, 2)
    assert net.loss(X[0], NUMBERS[0]) == pytest.approx(net.loss(X[:1], NUMBERS[:1]))
    loss, grads = net.loss_and_gradient(X, NUMBERS)
    assert type(loss) is float
    assert loss == net.loss(X, NUMBERS)
    assert net.loss(X, NUMBERS).dtype == dtype
    for gradient in (grads, net.gradient(X, NUMBERS), net.numerical_gradient(X, NUMBERS)):
        assert {key: (g.dtype, g.shape) for key, g in gradient.items()} == {
            key: (p.dtype, p.shape) for key, p in net.params.items()
        }


def test_one_number_a_sample_may_be_a_column_or_flat():
    net = MultiLayerNet(3, [4], 1, "sigmoid", 1.0, loss="squared_error", rng=0)
    flat = NUMBERS[:, 0]
    column = flat[:, np.newaxis]
    assert net.loss(X, flat) == net.loss(X, column) == net.loss(X, flat.tolist())
    assert bits(net.gradient(X, flat)) == bits(net.gradient(X, column))
    assert net.loss(X[0], flat[0]) == net.loss(X[0], [flat[0]]) == net.loss(X[:1], flat[:1])
    x, t = net.checked_data(X, flat)
    assert (x.shape, t.shape) == ((6, 3), (6, 1))
    assert np.shares_memory(t, flat)


@pytest.mark.parametrize(
    ("loss", "t", "error", "words"),
    [
        ("squared_error", LABELS, ValueError, r"t must have shape \(6, 2\), one number for each "
         r"output, got shape \(6,\): if they are labels of classes, the loss must be 'cross_"),
        ("squared_error", NUMBERS[:3], ValueError, r"t must have shape \(6, 2\), .*\(3, 2\)"),
        ("squared_error", NUMBERS.T, ValueError, r"t must have shape \(6, 2\), .*\(2, 6\)"),
        ("binary_cross_entropy", NUMBERS, ValueError, r"t must hold numbers in \[0, 1\], got"),
        ("poisson", -np.abs(NUMBERS), ValueError, "t must not hold negative numbers, got"),
        ("cross_entropy", NUMBERS[:, 0], TypeError, "t must hold integers where it holds labels"),
        ("cross_entropy", LABELS + 1, ValueError, r"t must hold labels in 0\.\.1 only, got 2"),
        ("huber", [["a", "b"]] * 6, TypeError, "t must hold real numbers"),
    ],
)  # fmt: skip
def test_targets_that_the_loss_does_not_take_are_named(loss, t, error, words):
    net = MultiLayerNet(3, [4], 2, "sigmoid", loss=loss, rng=0)
    for call in (
        net.loss, net.gradient, net.numerical_gradient, net.loss_and_gradient, net.checked_data
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            call(X, t)
    with pytest.raises(error, match=words.replace("t must", "t_train must")):
        net.checked_data(X, t, ("x_train", "t_train"))


def test_weights_of_samples_are_looked_at():
    for net in (MultiLayerNet(3, [4], 2), TwoLayerNet(3, 4, 2), SimpleNet(3, 2)):
        for call in (net.loss, net.gradient, net.numerical_gradient, net.loss_and_gradient):
            for weights, words in (
                (np.ones(5), r"must have shape \(6,\)"),
                (-np.ones(6), "must not hold negative numbers"),
                (np.zeros(6), "must not be 0 for all samples"),
                ([1, 1, 1, np.nan, 1, 1], "must be finite, got nan at position 3"),
            ):
                with pytest.raises(ValueError, match=f"sample_weight {words}"):
                    call(X, LABELS, sample_weight=weights)
            with pytest.raises(TypeError, match="positional"):
                call(X, LABELS, 1e-4, "auto", np.ones(6))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_of_samples_count_in_the_courses_networks_too(dtype):
    weights = np.array([1.0, 0.0, 2.0, 0.5, 0.0, 1.0])
    x, t = X.copy(), LABELS.copy()
    x[1], t[4] = np.nan, -100
    kept = weights > 0
    net, simple = TwoLayerNet(3, 4, 2, 1.0, rng=0, dtype=dtype), SimpleNet(3, 2, rng=0)
    for each in (net, simple):
        losses = [each.loss(X[n], LABELS[n]) for n in range(6)]
        expected = np.average(losses, weights=weights)
        assert each.loss(x, t, sample_weight=weights) == pytest.approx(expected, rel=1e-6)
        loss, grads = each.loss_and_gradient(x, t, sample_weight=weights)
        assert loss == pytest.approx(expected, rel=1e-6)
        few = each.loss_and_gradient(x[kept], t[kept], sample_weight=weights[kept])[1]
        differences = each.loss_and_numerical_gradient(x, t, sample_weight=weights)[1]
        assert largest(grads, few) < 1e-6
        assert largest(grads, differences) < 1e-6
    assert simple.gradient(x, t, sample_weight=weights).shape == (3, 2)
    assert simple.numerical_gradient(x, t, sample_weight=weights).shape == (3, 2)


def test_accuracy_is_for_classes():
    net = MultiLayerNet(3, [4], 2, rng=0)
    assert net.has_accuracy
    assert net.accuracy(X, LABELS) == np.mean(net.predict(X).argmax(axis=1) == LABELS)
    assert net.accuracy(X, np.eye(2)[LABELS]) == net.accuracy(X, LABELS)
    for loss in ("squared_error", "binary_cross_entropy", "huber"):
        net = MultiLayerNet(3, [4], 2, loss=loss)
        assert not net.has_accuracy
        with pytest.raises(TypeError, match=r"accuracy is the share of .* knows no classes"):
            net.accuracy(X, NUMBERS)
        net.accuracy = lambda x, t: 0.5
        assert net.has_accuracy


def test_weight_decay_may_change():
    net = MultiLayerNet(3, [4], 2, "sigmoid", weight_decay_lambda=0.5, rng=0)
    plain = MultiLayerNet(3, [4], 2, "sigmoid", rng=0)
    squares = sum((net.params[key] ** 2).sum() for key in ("W1", "W2"))
    for decay in (0.5, 2, 0):
        net.weight_decay_lambda = decay
        expected = plain.loss(X, LABELS) + decay / 2 * squares
        assert net.loss(X, LABELS) == pytest.approx(expected, rel=1e-14)
        grads, without = net.gradient(X, LABELS), plain.gradient(X, LABELS)
        np.testing.assert_allclose(
            grads["W1"], without["W1"] + decay * net.params["W1"], atol=1e-15
        )
        np.testing.assert_array_equal(grads["b1"], without["b1"])
        assert largest(grads, net.numerical_gradient(X, LABELS)) < 1e-7
    for value in (-1, np.nan, "much"):
        with pytest.raises((TypeError, ValueError), match="weight_decay_lambda must be"):
            net.weight_decay_lambda = value
    assert net.weight_decay_lambda == 0


class Doubled(MultiLayerNet):
    """Scores twice as large as the parent's."""

    def predict(self, x):
        return 2 * super().predict(x)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error", "poisson"])
def test_an_overridden_predict_is_what_the_rest_builds_on(loss):
    options = {"weight_decay_lambda": 0.1, "loss": loss, "rng": 0}
    net = Doubled(3, [4, 3], 2, "sigmoid", **options)
    plain = MultiLayerNet(3, [4, 3], 2, "sigmoid", **options)
    t = LABELS if loss == "cross_entropy" else np.abs(NUMBERS)
    scores = 2 * plain.predict(X)
    np.testing.assert_array_equal(net.predict(X), scores)
    np.testing.assert_array_equal(net.output(X), net.loss_function.output(scores))
    weights = np.array([1.0, 0.0, 2.0, 0.5, 0.0, 1.0])
    decay = 0.05 * sum((net.params[key] ** 2).sum() for key in ("W1", "W2", "W3"))
    for given in ({}, {"sample_weight": weights}):
        expected = net.loss_function(scores, t, **given) + decay
        assert net.loss(X, t, **given) == pytest.approx(expected, rel=1e-14)
        by_hand = Doubled(3, [4, 3], 2, "sigmoid", **options)
        by_hand.params["W3"] *= 2
        by_hand.params["b3"] *= 2
        grads = net.numerical_gradient(X, t, **given)
        assert net.loss_and_numerical_gradient(X, t, **given)[0] == net.loss(X, t, **given)
        twin = twin_of(by_hand, loss, 0.0 if loss == "cross_entropy" else None)._replace(decay=0.0)
        chain = twin.backprop(X, t, given.get("sample_weight"))
        for key, scale in (("W1", 1), ("W2", 1), ("W3", 2), ("b3", 2)):
            penalty = 0.1 * net.params[key] if key.startswith("W") else 0
            np.testing.assert_allclose(grads[key], scale * chain[key] + penalty, atol=1e-7)
        for call in (net.gradient, net.loss_and_gradient):
            with pytest.raises(TypeError, match="Doubled overrides predict"):
                call(X, t, **given)
    if loss == "cross_entropy":
        assert net.accuracy(X, t) == plain.accuracy(X, t)


def test_an_overridden_loss_is_followed():
    class Shifted(MultiLayerNet):
        def loss(self, x, t, **weights):
            return super().loss(x, t, **weights) + self.params["b1"].sum()

    net = Shifted(3, [4], 2, "sigmoid", loss="squared_error", rng=0)
    plain = MultiLayerNet(3, [4], 2, "sigmoid", loss="squared_error", rng=0)
    weights = np.arange(6.0)
    for given in ({}, {"sample_weight": weights}):
        grads = net.numerical_gradient(X, NUMBERS, **given)
        expected = plain.gradient(X, NUMBERS, **given)
        expected["b1"] = expected["b1"] + 1
        assert largest(grads, expected) < 1e-7
    with pytest.raises(TypeError, match="Shifted overrides loss"):
        net.gradient(X, NUMBERS)


def test_methods_that_take_no_weights_are_only_given_some_that_were_asked_for():
    class Mine(TwoLayerNet):
        def loss(self, x, t):
            return super().loss(x, t)

    net = Mine(3, 4, 2, rng=0)
    net.numerical_gradient(X, LABELS)
    with pytest.raises(TypeError, match="sample_weight"):
        net.numerical_gradient(X, LABELS, sample_weight=np.ones(6))


@pytest.mark.parametrize("way", ["subclass", "two-layer", "simple"])
def test_weights_count_in_the_loss_of_an_overridden_predict(way):
    weights = np.array([1.0, 0.0, 2.0, 0.5, 0.0, 1.0])
    net = {"two-layer": TwoLayerNet(3, 4, 2, 1.0, rng=0), "simple": SimpleNet(3, 2, rng=0)}.get(
        way, MultiLayerNet(3, [4], 2, "sigmoid", rng=0)
    )
    expected = net.loss(X, LABELS, sample_weight=weights)
    answers = net.predict(X)
    net.predict = lambda x: answers
    labels = LABELS.copy()
    labels[1] = 7
    assert net.loss(X, labels, sample_weight=weights) == pytest.approx(expected, rel=1e-14)
    with pytest.raises(ValueError, match="sample_weight must not hold negative"):
        net.loss(X, labels, sample_weight=-weights)


def test_networks_travel():
    net = MultiLayerNet(3, [4, 2], 2, ["tanh", "gelu"], 0.5, 0.1, loss=Huber(0.5), rng=0)
    for other in (copy.deepcopy(net), copy.copy(net), pickle.loads(pickle.dumps(net))):  # noqa: S301
        assert repr(other) == repr(net)
        assert bits(other.params) == bits(net.params)
        assert (other.activations, other.loss_function) == (net.activations, net.loss_function)
        assert other.weight_decay_lambda == 0.1
        assert not other._replaced_methods()  # noqa: SLF001
    buffers = []
    data = pickle.dumps(net, protocol=5, buffer_callback=buffers.append)
    mapped = pickle.loads(data, buffers=[bytes(each.raw()) for each in buffers])  # noqa: S301
    assert all(param.flags.writeable for param in mapped.params.values())
    assert bits(mapped.params) == bits(net.params)


def test_spoilt_parameters_are_named():
    net = MultiLayerNet(3, [4, 4], 2, "sigmoid", rng=0)
    for key, value, error, words in (
        ("W2", np.ones((4, 3)), ValueError, r"params\['W2'\] must have shape \(4, 4\)"),
        ("b3", np.ones(2, np.float32), TypeError, r"params\['b3'\] must have the network's dtype"),
        ("W3", [[1.0]], TypeError, r"params\['W3'\] must be an array, got list"),
    ):
        kept, net.params[key] = net.params[key], value
        with pytest.raises(error, match=words):
            net.loss(X, LABELS)
        net.params[key] = kept
    del net.params["b2"]
    with pytest.raises(ValueError, match="params must have the keys"):
        net.predict(X)


@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
def test_classifiers_of_any_depth_are_trained(gradient):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    labels = (x[:, 0] * x[:, 1] > 0).astype(int)
    net = MultiLayerNet(2, [16, 16], 2, rng=1)
    by_hand = copy.deepcopy(net)
    history = Trainer(net, batch_size=20, gradient=gradient, rng=0).fit(
        x, labels, epochs=60, progress=False
    )
    assert history.train_acc[-1] > 0.9
    assert history.train_loss[-1] < history.train_loss[0]
    order = np.random.default_rng(0).permutation(200)[:20]
    first = by_hand.loss_and_gradient(x[order], labels[order])[0]
    assert history.train_loss[0] == pytest.approx(first, rel=1e-12)


def test_squared_error_of_a_linear_network_is_least_squares():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 3))
    t = x @ [1.0, -2.0, 0.5] + 0.25
    net = MultiLayerNet(3, [], 1, weight_init_std=0.0, loss=SquaredError())
    for _ in range(500):
        grads = net.gradient(x, t)
        for key, grad in grads.items():
            net.params[key] -= 0.3 * grad
    np.testing.assert_allclose(net.params["W1"].ravel(), [1.0, -2.0, 0.5], atol=1e-10)
    np.testing.assert_allclose(net.params["b1"], 0.25, atol=1e-10)


def test_a_run_is_resumed_by_the_same_network_only(tmp_path):
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(20, 2)), rng.integers(0, 2, 20)
    file = tmp_path / "run.npz"

    def trainer(activation="sigmoid", **options):
        net = MultiLayerNet(2, [3, 3], 2, activation, rng=0, **options)
        return Trainer(net, batch_size=5, rng=0)

    whole = trainer()
    whole.fit(x, labels, epochs=4, progress=False)
    trainer().fit(x, labels, iterations=9, progress=False, checkpoint=file)
    resumed = trainer()
    resumed.resume(file, x, labels, epochs=4, progress=False)
    assert bits(resumed.net.params) == bits(whole.net.params)
    for other in (
        trainer("silu"),
        trainer(weight_decay_lambda=0.1),
        trainer(loss=CrossEntropy(epsilon=1e-7)),
    ):
        with pytest.raises(ValueError, match=r"run\.npz cannot be resumed: .*network.*sigmoid"):
            other.resume(file, x, labels, epochs=4, progress=False)
