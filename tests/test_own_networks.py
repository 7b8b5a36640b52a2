"""Networks of one's own: the chapter's kind of class, and subclasses of kobai's."""

import numpy as np
import pytest

import oracles
from kobai import SGD, SimpleNet, Trainer, TwoLayerNet, cross_entropy_error, relu, softmax
from kobai.gradient import numerical_gradient

SAMPLES = 60
X = np.random.default_rng(0).uniform(-1, 1, (SAMPLES, 2))
T = 2 * (X[:, 0] > 0) + (X[:, 1] > 0)


def bits(params):
    return {key: (param.dtype, param.tobytes()) for key, param in params.items()}


class ChapterNet:
    """The chapter's class with the numbers of kobai's: nothing of ours but functions."""

    def __init__(self, inputs=2, hidden=6, classes=4, std=0.5):
        rng = np.random.default_rng(0)
        self.params = {}
        self.params["W1"] = std * rng.standard_normal((inputs, hidden))
        self.params["b1"] = np.zeros(hidden)
        self.params["W2"] = std * rng.standard_normal((hidden, classes))
        self.params["b2"] = np.zeros(classes)

    def predict(self, x):
        return oracles.predict(self.params, x)

    def loss(self, x, t):
        return oracles.loss(self.params, x, t)

    def accuracy(self, x, t):
        return np.sum(np.argmax(self.predict(x), axis=1) == t) / float(x.shape[0])

    def gradient(self, x, t):
        return oracles.backprop(self.params, x, t)


class WithNumerical(ChapterNet):
    def numerical_gradient(self, x, t):
        def loss_W(W):
            return self.loss(x, t)

        return {key: numerical_gradient(loss_W, param) for key, param in self.params.items()}


class WithBoth(ChapterNet):
    def loss_and_gradient(self, x, t):
        return np.float32(self.loss(x, t)), self.gradient(x, t)


def trained(net, **options):
    trainer = Trainer(net, SGD(0.5), batch_size=20, rng=0, **options)
    return trainer.fit(X, T, X[:9], T[:9], epochs=8)


@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
@pytest.mark.parametrize("kind", [ChapterNet, WithNumerical, WithBoth])
def test_the_chapters_own_kind_of_class_trains_as_kobais_does(kind, gradient):
    own, ours = kind(), TwoLayerNet(2, 6, 4)
    ours.params = {key: param.copy() for key, param in own.params.items()}
    arrays = dict(own.params)
    histories = [trained(net, gradient=gradient) for net in (own, ours)]
    np.testing.assert_allclose(histories[0].train_loss, histories[1].train_loss, rtol=1e-6)
    assert histories[0].train_acc == histories[1].train_acc
    assert all(type(number) is float for number in histories[0].train_loss)
    assert all(type(number) is float for number in histories[0].train_acc)
    for key, param in own.params.items():
        assert param is arrays[key]
        np.testing.assert_allclose(param, ours.params[key], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", [ChapterNet, WithNumerical])
def test_its_gradient_may_be_missing_where_it_is_not_asked_for(kind):
    class Chapter4(kind):
        gradient = None

    assert trained(Chapter4(), gradient="numerical") == trained(kind(), gradient="numerical")


class Regression:
    """Inputs of several axes, targets that are numbers, parameters of single precision."""

    def __init__(self):
        self.params = {"w": np.zeros((3, 2), np.float32), "b": np.zeros((), np.float64)}
        self.seen = []

    def predict(self, x):
        return np.einsum("nij,ij->n", x, self.params["w"]) + self.params["b"]

    def loss(self, x, t):
        self.seen.append((x.dtype, x.shape, t.dtype, t.shape))
        return 0.5 * np.mean((self.predict(x) - t) ** 2)

    def accuracy(self, x, t):
        return np.mean(np.abs(self.predict(x) - t) < 0.1)

    def gradient(self, x, t):
        error = self.predict(x) - t
        return {"w": np.einsum("n,nij->ij", error, x) / len(x), "b": np.mean(error)}


@pytest.mark.parametrize("layout", [np.array, np.asfortranarray, lambda x: x.astype(np.float16)])
def test_its_data_may_have_any_shape_and_keeps_its_dtype(layout):
    x = layout(np.random.default_rng(0).normal(size=(90, 3, 2)))
    t = np.einsum("nij,ij->n", x, [[1.0, -2.0], [0.5, 0.25], [-1.0, 3.0]]) + 0.75
    net = Regression()
    history = Trainer(net, SGD(0.3), batch_size=40, rng=0).fit(x, t, epochs=40)
    assert history.train_acc[-1] == 1
    assert {(seen[0], seen[2]) for seen in net.seen} == {(x.dtype, t.dtype)}
    assert {seen[1] for seen in net.seen} == {(40, 3, 2), (10, 3, 2)}


def test_bytes_reach_it_as_bytes():
    seen = []

    class Bytes(ChapterNet):
        def loss(self, x, t):
            seen.append((x.dtype, t.dtype))
            return super().loss(x / 255, t)

        def gradient(self, x, t):
            return super().gradient(x / 255, t)

    x = np.abs(255 * X).astype(np.uint8)
    Trainer(Bytes(), batch_size=20, rng=0).fit(x, T.astype(np.uint8), epochs=1)
    assert set(seen) == {(np.dtype(np.uint8),) * 2}


def without(*names):
    members = {name: value for name, value in vars(ChapterNet).items() if name not in names}
    if "params" in names:
        members["__init__"] = object.__init__
    return type("Mine", (), members)


@pytest.mark.parametrize(
    ("net", "options", "words"),
    [
        (without("loss")(), {}, ("net", "Mine", "no loss(x, t)")),
        (without("accuracy", "gradient")(), {}, ("no accuracy(x, t), no gradient(x, t)",)),
        (without("params")(), {}, ("Mine, which has no params",)),
        (without("loss")(), {"gradient": "numerical"}, ("no loss(x, t)",)),
        (object(), {}, ("object", "no params", "no loss(x, t)")),
        (None, {}, ("NoneType",)),
        ([1.0], {}, ("list",)),
        (np.ones(3), {}, ("ndarray",)),
        (SimpleNet(), {}, ("params", "SimpleNet", "use TwoLayerNet")),
        (TwoLayerNet, {}, ("class TwoLayerNet", "TwoLayerNet(...)")),
        (ChapterNet, {}, ("class ChapterNet", "ChapterNet(...)")),
    ],
)
def test_what_is_missing_is_named_when_the_trainer_is_made(net, options, words):
    with pytest.raises(TypeError) as caught:
        Trainer(net, **options)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_params_are_a_dict():
    net = ChapterNet()
    net.params = list(net.params.values())
    with pytest.raises(TypeError, match=r"net\.params must be a dict of arrays, got list"):
        Trainer(net)


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({"gradient": lambda self, x, t: None}, {}, ("gradient(x, t)", "dict", "None")),
        ({"gradient": lambda self, x, t: {}}, {}, ("grads must have the keys", "'W1'")),
        (
            {"loss": lambda self, x, t: None},
            {},
            ("loss(x, t)", "a loss that is a real", "None"),
        ),
        ({"loss": lambda self, x, t: np.ones(3)}, {}, ("loss(x, t)", "real number")),
        ({"accuracy": lambda self, x, t: None}, {}, ("accuracy", "None")),
        ({"loss_and_gradient": lambda self, x, t: (1j, {})}, {}, ("loss_and_gradient", "1j")),
        (
            {"numerical_gradient": lambda self, x, t: 3},
            {"gradient": "numerical"},
            ("numerical_gradient(x, t)", "dict", "3"),
        ),
    ],
)
def test_what_its_methods_answer_wrongly_is_named_and_nothing_is_changed(changes, options, words):
    net = type("Mine", (ChapterNet,), changes)()
    before = bits(net.params)
    with pytest.raises((TypeError, ValueError)) as caught:
        trained(net, **options)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert bits(net.params) == before


@pytest.mark.parametrize("param", [np.arange(2), [0.0, 1.0], np.zeros(2, complex)])
def test_parameters_that_cannot_be_moved_are_named(param):
    net = ChapterNet()
    net.params["extra"] = param
    with pytest.raises(TypeError, match=r"params\['extra'\] must be an array of floats"):
        trained(net, gradient="numerical")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"x_train": X[:0], "t_train": T[:0]}, ValueError, ("x_train", "at least one sample")),
        ({"t_train": T[:5]}, ValueError, ("t_train", "60 targets", "(5,)")),
        ({"x_train": X.astype(str)}, TypeError, ("x_train", "real numbers")),
        ({"x_train": np.where(X > 0.9, np.nan, X)}, ValueError, ("x_train must be finite",)),
        ({"x_test": X, "t_test": np.full(SAMPLES, np.inf)}, ValueError, ("t_test must be finite",)),
        ({"x_train": 3.0, "t_train": 1}, ValueError, ("x_train", "()")),
    ],
)
def test_its_data_is_looked_at_too(changes, error, words):
    data = {"x_train": X, "t_train": T} | changes
    with pytest.raises(error) as caught:
        Trainer(ChapterNet()).fit(**data, epochs=1)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_it_resumes_from_a_checkpoint(tmp_path):
    file, ends = tmp_path / "run.npz", []
    for cuts in ((16,), (5, 16)):
        for k, iterations in enumerate(cuts):
            net = ChapterNet()
            trainer = Trainer(net, SGD(0.5), batch_size=20, rng=0)
            run = {"iterations": iterations, "checkpoint": file}
            history = trainer.resume(file, X, T, **run) if k else trainer.fit(X, T, **run)
        ends.append((bits(net.params), history))
    assert ends[0] == ends[1]


class ReluNet(TwoLayerNet):
    """A subclass that answers by another activation."""

    def predict(self, x):
        W1, b1, W2, b2 = self.params.values()
        return softmax(relu(x @ W1 + b1) @ W2 + b2)


class ReluNetWithGradient(ReluNet):
    def gradient(self, x, t):
        W1, b1, W2, _ = self.params.values()
        hidden = relu(x @ W1 + b1)
        y = self.predict(x)
        one_hot = np.eye(y.shape[1])[t]
        # The 1e-7 in the loss aside.
        at_scores = (y - one_hot) / len(x)
        at_hidden = (at_scores @ W2.T) * (hidden > 0)
        return {
            "W1": x.T @ at_hidden,
            "b1": at_hidden.sum(0),
            "W2": hidden.T @ at_scores,
            "b2": at_scores.sum(0),
        }


def test_a_subclass_that_overrides_predict_trains_by_it():
    nets = ReluNet(2, 6, 4, 0.5, rng=0), ReluNetWithGradient(2, 6, 4, 0.5, rng=0)
    histories = [
        trained(nets[0], gradient="numerical"),
        trained(nets[1], gradient="backprop"),
    ]
    np.testing.assert_allclose(*(history.train_loss for history in histories), rtol=1e-4)
    start = ReluNet(2, 6, 4, 0.5, rng=0)
    assert histories[0].train_acc[0] == np.mean(start.predict(X).argmax(1) == T)
    assert histories[0].train_loss[0] != trained(TwoLayerNet(2, 6, 4, 0.5, rng=0)).train_loss[0]
    end = nets[0]
    assert histories[0].train_acc[-1] == np.mean(end.predict(X).argmax(1) == T)
    assert cross_entropy_error(end.predict(X), T) < cross_entropy_error(start.predict(X), T)


def test_what_backpropagation_cannot_know_is_refused_by_name():
    net = ReluNet(2, 6, 4, 0.5, rng=0)
    before = bits(net.params)
    with pytest.raises(TypeError, match=r"overrides predict.*gradient"):
        trained(net)
    assert bits(net.params) == before
