"""What a subclass, an instance or a patch puts in the place of a network's methods is used.

Or it is refused by name: never does a network answer as its parent, silently.
"""

import copy
import pickle

import numpy as np
import pytest

import oracles
from kobai import SGD, SimpleNet, Trainer, TwoLayerNet, cross_entropy_error, numerical_gradient
from kobai.functions import relu, softmax

X = np.random.default_rng(1).normal(size=(6, 3))
LABELS = np.array([0, 1, 1, 0, 1, 0])
DECAY = 0.1


def relu_scores(params, x):
    return relu(x @ params["W1"] + params["b1"]) @ params["W2"] + params["b2"]


class ReluNet(TwoLayerNet):
    """The chapter's exercise: another activation."""

    def predict(self, x):
        return softmax(relu_scores(self.params, x))


class ScaledNet(SimpleNet):
    def predict(self, x):
        return 2 * super().predict(x)


class DecayNet(TwoLayerNet):
    """What weight decay looks like by inheritance."""

    def penalty(self):
        return DECAY / 2 * sum((param**2).sum() for param in self.params.values())

    def loss(self, x, t):
        return super().loss(x, t) + self.penalty()

    def gradient(self, x, t):
        grads = super().gradient(x, t)
        return {key: grad + DECAY * self.params[key] for key, grad in grads.items()}


def patched(cls, **methods):
    """A class of the same name whose methods are replaced after it was made."""
    new = type(cls.__name__, (cls,), {})
    for name, method in methods.items():
        setattr(new, name, method)
    return new


def on_instance(net, name, method):
    setattr(net, name, method.__get__(net))
    return net


def relu_nets():
    def predict(self, x):
        return softmax(relu_scores(self.params, x))

    make = {"rng": 0, "dtype": np.float64}
    return {
        "subclass": ReluNet(3, 4, 2, 1.0, **make),
        "subclass of a subclass": type("Deeper", (ReluNet,), {})(3, 4, 2, 1.0, **make),
        "patched": patched(TwoLayerNet, predict=predict)(3, 4, 2, 1.0, **make),
        "instance": on_instance(TwoLayerNet(3, 4, 2, 1.0, **make), "predict", predict),
        "copy": copy.deepcopy(ReluNet(3, 4, 2, 1.0, **make)),
        "pickled": pickle.loads(pickle.dumps(ReluNet(3, 4, 2, 1.0, **make))),  # noqa: S301
    }


def differences(net, h=1e-4):
    return {
        key: oracles.numerical_gradient(lambda _: float(net.loss(X, LABELS)), param, h)
        for key, param in net.params.items()
    }


def agree(one, other, atol):
    assert one.keys() == other.keys()
    for key, value in one.items():
        np.testing.assert_allclose(value, other[key], rtol=0, atol=atol)


@pytest.mark.parametrize("way", relu_nets())
def test_an_overridden_predict_is_what_the_rest_builds_on(way):
    net = relu_nets()[way]
    y = softmax(relu_scores(net.params, X))
    np.testing.assert_array_equal(net.predict(X), y)
    plain = TwoLayerNet(3, 4, 2, 1.0, rng=0)
    for t in (LABELS, LABELS.tolist(), np.eye(2)[LABELS]):
        assert net.loss(X, t) == cross_entropy_error(y, t)
        assert net.loss(X, t) != plain.loss(X, t)
        assert net.accuracy(X, t) == np.mean(y.argmax(axis=1) == LABELS)
    assert net.loss(X[0], 0) == pytest.approx(cross_entropy_error(y[0], 0), rel=1e-14)
    assert net.accuracy(X[0], 1) == (y[0].argmax() == 1)
    before = {key: param.tobytes() for key, param in net.params.items()}
    grads = net.numerical_gradient(X, LABELS)
    agree(grads, differences(net), 1e-9)
    agree(net.numerical_gradient(X, LABELS, h=1e-3, method="direct"), differences(net, 1e-3), 1e-9)
    loss, again = net.loss_and_numerical_gradient(X, LABELS)
    assert loss == net.loss(X, LABELS)
    agree(again, grads, 0)
    assert {key: param.tobytes() for key, param in net.params.items()} == before
    for call in (net.gradient, net.loss_and_gradient):
        with pytest.raises(TypeError, match=r"overrides predict, .* override gradient as well, or"):
            call(X, LABELS)
    with pytest.raises(ValueError, match="method must be 'auto' or 'direct' where predict or loss"):
        net.numerical_gradient(X, LABELS, method="node")


def test_training_uses_an_overridden_predict():
    net, by_hand = ReluNet(3, 4, 2, 1.0, rng=0), ReluNet(3, 4, 2, 1.0, rng=0)
    trainer = Trainer(net, SGD(0.5), batch_size=6, gradient="numerical", rng=0)
    history = trainer.fit(X, LABELS, epochs=4, progress=False)
    losses = []
    for _ in range(4):
        losses.append(by_hand.loss(X, LABELS))
        grads = by_hand.numerical_gradient(X, LABELS)
        for key, param in by_hand.params.items():
            param -= 0.5 * grads[key]
    np.testing.assert_allclose(history.train_loss, losses, rtol=1e-7)
    assert history.train_acc[-1] == by_hand.accuracy(X, LABELS)
    with pytest.raises(TypeError, match="ReluNet overrides predict"):
        Trainer(net).fit(X, LABELS, epochs=1, progress=False)


def test_a_sample_whose_overridden_prediction_is_nan_is_not_answered_right():
    net = ReluNet(3, 4, 2, 1.0, rng=0)
    x = X.copy()
    x[:2] = np.nan
    right = net.predict(X).argmax(axis=1)
    assert net.accuracy(X, right) == 1
    assert net.accuracy(x, np.concatenate([[0, 0], right[2:]])) == 4 / 6


def test_labels_are_checked_by_the_classes_that_are_predicted():
    class Wide(TwoLayerNet):
        def predict(self, x):
            return np.full((len(x), 5), 0.2)

    net = Wide(3, 4, 2)
    assert net.loss(X, LABELS + 3) == pytest.approx(-np.log(0.2 + 1e-7))
    assert net.accuracy(X, LABELS) == 0.5
    for call in (net.loss, net.accuracy, net.numerical_gradient):
        with pytest.raises(ValueError, match=r"t must hold labels in 0\.\.4 only, got 5"):
            call(X, LABELS + 4)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (np.full(6, 0.5), ValueError, r"must have shape \(6, K\), got shape \(6,\)"),
        (np.full((1, 2), 0.5), ValueError, r"must have shape \(6, K\), got shape \(1, 2\)"),
        (0.5, ValueError, r"must have shape \(6, K\), got shape \(\)"),
        (None, TypeError, "must hold real numbers"),
        (np.full((6, 2), "0.5"), TypeError, "must hold real numbers"),
    ],
)
def test_what_an_overridden_predict_returns_is_looked_at(answer, error, words):
    net = TwoLayerNet(3, 4, 2, 1.0, rng=0)
    net.predict = lambda x: answer
    for call in (net.loss, net.accuracy, net.numerical_gradient):
        with pytest.raises(error, match=f"what TwoLayerNet.predict returns {words}"):
            call(X, LABELS)


def test_more_parameters_than_the_parents_are_moved_as_well():
    class Scaled(TwoLayerNet):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.params["scale"] = np.array([1.5, 0.5])

        def predict(self, x):
            return softmax(relu_scores(self.params, x) * self.params["scale"])

    net = Scaled(3, 4, 2, 1.0, rng=0)
    assert repr(net) == "<Scaled 3-4-2: 28 parameters, float64>"
    agree(net.numerical_gradient(X, LABELS), differences(net), 1e-9)


def test_parameters_that_would_be_copied_are_refused():
    net = ReluNet(3, 4, 2, 1.0, rng=0)
    net.params["b1"].flags.writeable = False
    with pytest.raises(ValueError, match=r"params\['b1'\] must be a writable"):
        net.numerical_gradient(X, LABELS)
    net.params["b1"] = net.params["b1"].astype(">f8")
    with pytest.raises(ValueError, match=r"params\['b1'\] must be .* native float32 or float64"):
        net.numerical_gradient(X, LABELS)


def test_a_parameter_is_put_back_when_an_overridden_loss_fails():
    class Failing(TwoLayerNet):
        left = 5

        def loss(self, x, t):
            self.left -= 1
            if self.left == 0:
                raise ArithmeticError("no loss today")
            return super().loss(x, t)

    net = Failing(3, 4, 2, 1.0, rng=0)
    before = {key: param.tobytes() for key, param in net.params.items()}
    with pytest.raises(ArithmeticError, match="no loss today"):
        net.numerical_gradient(X, LABELS)
    assert {key: param.tobytes() for key, param in net.params.items()} == before


def test_super_predict_in_an_override_is_the_parents():
    class Tempered(TwoLayerNet):
        def predict(self, x):
            y = super().predict(x) ** 2
            return y / y.sum(axis=-1, keepdims=True)

    net, plain = Tempered(3, 4, 2, 1.0, rng=0), TwoLayerNet(3, 4, 2, 1.0, rng=0)
    y = plain.predict(X) ** 2
    np.testing.assert_array_equal(net.predict(X), y / y.sum(axis=1, keepdims=True))
    agree(net.numerical_gradient(X, LABELS), differences(net), 1e-9)


def test_an_overridden_loss_is_followed_by_differences_and_by_its_own_gradient():
    net, plain = DecayNet(3, 4, 2, 1.0, rng=0), TwoLayerNet(3, 4, 2, 1.0, rng=0)
    assert net.loss(X, LABELS) == plain.loss(X, LABELS) + net.penalty()
    np.testing.assert_array_equal(net.predict(X), plain.predict(X))
    assert net.accuracy(X, LABELS) == plain.accuracy(X, LABELS)
    grads = net.gradient(X, LABELS)
    agree(net.numerical_gradient(X, LABELS), grads, 1e-7)
    loss, again = net.loss_and_gradient(X, LABELS)
    assert loss == net.loss(X, LABELS)
    agree(again, grads, 0)
    histories = [
        Trainer(each, SGD(0.1), gradient=gradient, rng=0, batch_size=6)
        .fit(X, LABELS, epochs=5, progress=False).train_loss
        for each, gradient in ((net, "backprop"), (DecayNet(3, 4, 2, 1.0, rng=0), "numerical"))
    ]  # fmt: skip
    np.testing.assert_allclose(*histories, rtol=1e-6)


def test_a_loss_without_its_gradient_is_refused_by_backpropagation():
    net = on_instance(
        TwoLayerNet(3, 4, 2, 1.0, rng=0),
        "loss",
        lambda self, x, t: float((self.params["W1"]).sum()),
    )
    np.testing.assert_allclose(net.numerical_gradient(X, LABELS)["W1"], 1, rtol=1e-9)
    for call in (net.gradient, net.loss_and_gradient):
        with pytest.raises(TypeError, match="TwoLayerNet overrides loss, of which"):
            call(X, LABELS)


@pytest.mark.parametrize("name", ["gradient", "loss_and_gradient"])
def test_an_overridden_gradient_is_the_one_that_trains(name):
    class Doubled(TwoLayerNet):
        pass

    def gradient(self, x, t):
        return {key: 2 * grad for key, grad in super(Doubled, self).gradient(x, t).items()}

    def loss_and_gradient(self, x, t):
        loss, grads = super(Doubled, self).loss_and_gradient(x, t)
        return loss, {key: 2 * grad for key, grad in grads.items()}

    method = {"gradient": gradient, "loss_and_gradient": loss_and_gradient}[name]
    plain = TwoLayerNet(3, 4, 2, 1.0, rng=0)
    expected = {key: 2 * grad for key, grad in plain.gradient(X, LABELS).items()}
    setattr(Doubled, name, method)
    net = Doubled(3, 4, 2, 1.0, rng=0)
    agree(net.gradient(X, LABELS), expected, 0)
    loss, grads = net.loss_and_gradient(X, LABELS)
    assert loss == plain.loss(X, LABELS)
    agree(grads, expected, 0)
    agree(net.numerical_gradient(X, LABELS), plain.numerical_gradient(X, LABELS), 0)
    Trainer(net, SGD(0.1), batch_size=6).fit(X, LABELS, iterations=1, progress=False)
    for key, param in plain.params.items():
        np.testing.assert_allclose(net.params[key], param - 0.1 * expected[key], rtol=1e-12)


def test_both_gradients_overridden_are_each_used_as_they_are():
    class Both(TwoLayerNet):
        def gradient(self, x, t):
            return {key: 2 * grad for key, grad in super().gradient(x, t).items()}

        def loss_and_gradient(self, x, t):
            loss, grads = super().loss_and_gradient(x, t)
            return loss, {key: 3 * grad for key, grad in grads.items()}

    net, plain = Both(3, 4, 2, 1.0, rng=0), TwoLayerNet(3, 4, 2, 1.0, rng=0)
    grads = plain.gradient(X, LABELS)
    agree(net.gradient(X, LABELS), {key: 2 * grad for key, grad in grads.items()}, 0)
    agree(net.loss_and_gradient(X, LABELS)[1], {key: 3 * grad for key, grad in grads.items()}, 0)


@pytest.mark.parametrize("name", ["numerical_gradient", "loss_and_numerical_gradient"])
def test_an_overridden_numerical_gradient_is_the_one_that_trains(name):
    plain = TwoLayerNet(3, 4, 2, 1.0, rng=0)
    ones = {key: np.ones_like(param) for key, param in plain.params.items()}
    net = TwoLayerNet(3, 4, 2, 1.0, rng=0)
    if name == "numerical_gradient":
        net.numerical_gradient = lambda x, t: ones  # the course's signature
    else:
        net.loss_and_numerical_gradient = lambda x, t, h=1e-4, method="auto": (0.25, ones)
    assert net.numerical_gradient(X, LABELS) is ones
    assert net.loss_and_numerical_gradient(X, LABELS)[1] is ones
    Trainer(net, SGD(0.1), gradient="numerical", batch_size=6).fit(
        X, LABELS, iterations=1, progress=False
    )
    agree(net.params, {key: param - 0.1 for key, param in plain.params.items()}, 1e-15)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("gradient", "loss_and_gradient"),
        ("loss_and_gradient", "gradient"),
        ("numerical_gradient", "loss_and_numerical_gradient"),
        ("loss_and_numerical_gradient", "numerical_gradient"),
    ],
)
def test_methods_that_ask_each_other_are_told_so(name, other):
    net = TwoLayerNet(3, 4, 2, 1.0, rng=0)
    setattr(net, name, lambda x, t, *_: getattr(net, other)(x, t))
    for _ in range(2):  # and what was noted of the first call is forgotten
        with pytest.raises(TypeError, match=rf"{name} itself: call super\(\)\.{name} there"):
            getattr(net, name)(X, LABELS)


def test_an_overridden_accuracy_is_recorded():
    class Certain(TwoLayerNet):
        def accuracy(self, x, t):
            return 0.125

    history = Trainer(Certain(3, 4, 2)).fit(X, LABELS, X, LABELS, epochs=2, progress=False)
    assert history.train_acc == history.test_acc == [0.125] * 3


@pytest.mark.parametrize("way", ["subclass", "instance"])
def test_the_simple_net_follows_too(way):
    plain = SimpleNet(3, 2, rng=0)
    if way == "subclass":
        net = ScaledNet(3, 2, rng=0)
    else:
        net = on_instance(SimpleNet(3, 2, rng=0), "predict", lambda self, x: 2 * (x @ self.W))
    scores = 2 * plain.predict(X)
    np.testing.assert_allclose(net.predict(X), scores, rtol=1e-15)
    assert net.loss(X, LABELS) == pytest.approx(cross_entropy_error(softmax(scores), LABELS))
    assert net.accuracy(X, LABELS) == np.mean(scores.argmax(axis=1) == LABELS)
    expected = numerical_gradient(lambda W: float(net.loss(X, LABELS)), net.W)
    np.testing.assert_array_equal(net.numerical_gradient(X, LABELS), expected)
    with pytest.raises(TypeError, match="overrides predict"):
        net.gradient(X, LABELS)
    net.gradient = lambda x, t: np.ones((3, 2))
    assert net.loss_and_gradient(X, LABELS)[1]["W"].tolist() == np.ones((3, 2)).tolist()


def test_a_patched_class_of_kobais_is_followed(monkeypatch):
    net = TwoLayerNet(3, 4, 2, 1.0, rng=0)
    plain = net.loss(X, LABELS)
    monkeypatch.setattr(TwoLayerNet, "predict", lambda self, x: np.full((len(x), 2), 0.5))
    assert net.loss(X, LABELS) == pytest.approx(np.log(2), abs=1e-6)
    with pytest.raises(TypeError, match="overrides predict"):
        net.gradient(X, LABELS)
    monkeypatch.undo()
    assert net.loss(X, LABELS) == plain


def test_what_is_not_overridden_is_the_parents_bit_for_bit():
    class Named(TwoLayerNet):
        name = "mine"

        def describe(self):
            return f"{self.name}: {self.loss(X, LABELS)}"

    net, plain = Named(3, 4, 2, 1.0, rng=0), TwoLayerNet(3, 4, 2, 1.0, rng=0)
    assert net.loss(X, LABELS) == plain.loss(X, LABELS)
    for method in ("auto", "direct", "incremental", "node"):
        agree(
            net.numerical_gradient(X, LABELS, method=method),
            plain.numerical_gradient(X, LABELS, method=method),
            0,
        )
