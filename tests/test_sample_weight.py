"""Weights of training samples: in fused and single steps, in checkpoints, in networks of others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kobai import SGD, Adam, MultiLayerNet, Trainer, TwoLayerNet, _core
from runs import SAMPLES, STEPS, T, X, bits

WEIGHTS = np.random.default_rng(5).uniform(0.1, 3, SAMPLES)
SPARSE = WEIGHTS * (np.arange(SAMPLES) % 3 > 0)
COUNTED = np.flatnonzero(SPARSE)


class Stepwise(Adam):
    """Adam by an update of its own: the trainer takes its steps one by one."""

    def update(self, params, grads):
        super().update(params, grads)


class OneByOne(TwoLayerNet):
    """A network with a method of its own, which takes weights."""

    def loss_and_gradient(self, x, t, *, sample_weight=None):
        return super().loss_and_gradient(x, t, sample_weight=sample_weight)


def new_trainer(kind=TwoLayerNet, optimizer=None, dtype=np.float64, **options):
    net = kind(2, 6, 4, 0.5, rng=0, dtype=dtype)
    return Trainer(net, optimizer or Adam(0.1), rng=0, **{"batch_size": 5} | options)


def trained(weights, data=(X, T), iterations=4 * STEPS, **options):
    trainer = new_trainer(**options)
    history = trainer.fit(*data, iterations=iterations, sample_weight=weights)
    return bits(trainer.net.params), history


@st.composite
def weighted_data(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    samples = draw(st.integers(1, 40))
    x = rng.normal(size=(samples, 2))
    x[rng.random(x.shape) > draw(st.sampled_from([0.3, 1.0]))] = 0
    x = x.astype(draw(st.sampled_from([np.float32, np.float64, np.int16])))
    labels = rng.integers(0, 4, samples)
    t = draw(st.sampled_from([labels, np.eye(4)[labels], rng.random((samples, 4))]))
    weights = rng.exponential(size=samples) * draw(st.sampled_from([1e-30, 1, 1e30, 1e300]))
    weights[rng.random(samples) > draw(st.sampled_from([0.3, 1.0]))] = 0
    weights[0] = 1
    return (x, t), draw(st.sampled_from([weights, weights > 0, weights.astype(">f8")]))


@settings(max_examples=100)
@given(
    weighted_data(),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from(["backprop", "numerical"]),
    st.sampled_from(["shuffle", "replacement"]),
    st.integers(1, 50),
)
def test_fused_steps_are_single_steps(drawn, dtype, gradient, sampling, batch_size):
    data, weights = drawn
    options = {
        "data": data,
        "dtype": dtype,
        "gradient": gradient,
        "sampling": sampling,
        "batch_size": batch_size,
        "iterations": 8,
    }
    fused = trained(weights, optimizer=Adam(0.1), **options)
    assert fused == trained(weights, optimizer=Stepwise(0.1), **options)


def test_they_are_fused(monkeypatch):
    given_weights = []
    train = _core.network_train

    def noted(*arguments):
        given_weights.append(arguments[3])
        return train(*arguments)

    monkeypatch.setattr(_core, "network_train", noted)
    trained(WEIGHTS)
    assert len(given_weights) > 2
    assert all(np.array_equal(each, WEIGHTS) for each in given_weights)


@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
@pytest.mark.parametrize("kind", [TwoLayerNet, OneByOne])
def test_a_step_is_one_along_the_gradient_of_the_weighted_mean(kind, gradient):
    trainer = new_trainer(kind, SGD(0.5), gradient=gradient)
    history = trainer.fit(X, T, epochs=2, sample_weight=WEIGHTS)
    net, rng = TwoLayerNet(2, 6, 4, 0.5, rng=0), np.random.default_rng(0)
    losses = []
    for _ in range(2):
        order = rng.permutation(SAMPLES)
        for rows in (order[k : k + 5] for k in range(0, SAMPLES, 5)):
            batch = X[rows], T[rows]
            share = WEIGHTS[rows] / WEIGHTS[rows].sum()
            each = [net.loss(x, t) for x, t in zip(*batch, strict=True)]
            losses.append(float(share @ each))
            SGD(0.5).update(net.params, net.gradient(*batch, sample_weight=WEIGHTS[rows]))
    np.testing.assert_allclose(history.train_loss, losses, rtol=1e-6)
    for key, param in net.params.items():
        np.testing.assert_allclose(trainer.net.params[key], param, rtol=1e-5, atol=1e-7)


def test_accuracies_and_test_losses_are_those_of_the_samples():
    trainer = new_trainer()
    history = trainer.fit(X, T, X[:9], T[:9], epochs=2, sample_weight=WEIGHTS)
    assert history.train_acc[-1] == trainer.net.accuracy(X, T)
    assert history.test_loss[-1] == pytest.approx(trainer.net.loss(X[:9], T[:9]), rel=1e-12)


@pytest.mark.parametrize("sampling", ["shuffle", "replacement"])
@pytest.mark.parametrize("optimizer", [Adam, Stepwise])
@pytest.mark.parametrize("evaluated", [None, 4])
def test_samples_of_weight_0_are_left_out_whatever_they_hold(optimizer, sampling, evaluated):
    x, t = X.copy(), T.copy()
    x[SPARSE == 0], t[SPARSE == 0] = np.nan, -1
    ends = []
    for data, weights in (((x, t), SPARSE), ((x[COUNTED], t[COUNTED]), SPARSE[COUNTED])):
        trainer = new_trainer(optimizer=optimizer(0.1), sampling=sampling)
        history = trainer.fit(*data, epochs=4, sample_weight=weights, evaluate_samples=evaluated)
        ends.append((bits(trainer.net.params), history))
    assert ends[0] == ends[1]
    assert ends[0][1].steps_per_epoch == 3


def test_rows_of_weight_0_too():
    t = np.eye(4)[T]
    t[SPARSE == 0] = np.inf
    assert trained(SPARSE, (X, t)) == trained(SPARSE[COUNTED], (X[COUNTED], np.eye(4)[T[COUNTED]]))


def test_what_counts_is_still_checked():
    x = np.where(SPARSE[:, None] > 0, X, np.nan)
    x[4, 1] = np.inf
    with pytest.raises(ValueError, match="x_train must be finite, got inf in row 4, column 1"):
        trained(SPARSE, (x, T))
    with pytest.raises(ValueError, match=r"t_train must hold labels in 0\.\.3 only, got 4"):
        trained(SPARSE, (X, np.where(np.arange(SAMPLES) == 4, 4, T)))


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (WEIGHTS[:-1], ValueError, r"sample_weight must have shape \(23,\), one number a sample"),
        (WEIGHTS[:, None], ValueError, r"sample_weight must have shape \(23,\)"),
        (2.0, ValueError, r"sample_weight must have shape \(23,\).* got shape \(\)"),
        (-WEIGHTS, ValueError, "sample_weight must not hold negative numbers, got -"),
        (0 * WEIGHTS, ValueError, "sample_weight must not be 0 for all samples"),
        (WEIGHTS * np.inf, ValueError, "sample_weight must be finite, got inf"),
        (["a"] * SAMPLES, TypeError, "sample_weight must"),
        (WEIGHTS * 1j, TypeError, "sample_weight must"),
    ],
)
def test_bad_weights_are_named_before_anything_happens(weights, error, message):
    trainer = new_trainer()
    before = bits(trainer.net.params), trainer.history
    with pytest.raises(error, match=message):
        trainer.fit(X, T, epochs=1, sample_weight=weights)
    assert (bits(trainer.net.params), trainer.history) == before


def test_weights_are_those_of_the_beginning():
    weights = WEIGHTS.copy()

    def change(history):
        weights[:] = 1

    trainer = new_trainer()
    history = trainer.fit(X, T, epochs=4, sample_weight=weights, on_epoch=change)
    assert (bits(trainer.net.params), history) == trained(WEIGHTS)


class Own:
    """Nobody's class but the user's, with weights; it asks kobai's for the numbers."""

    def __init__(self, *sizes, **options):
        self.net = TwoLayerNet(*sizes, **options)
        self.params = self.net.params

    def loss(self, x, t, sample_weight=None):
        return self.net.loss(x, t, sample_weight=sample_weight)

    def accuracy(self, x, t):
        return self.net.accuracy(x, t)

    def gradient(self, x, t, **options):
        return self.net.gradient(x, t, **options)


class OwnBoth(Own):
    gradient = None

    def loss_and_gradient(self, x, t, *, sample_weight):
        return self.net.loss_and_gradient(x, t, sample_weight=sample_weight)


@pytest.mark.parametrize("kind", [Own, OwnBoth, OneByOne])
def test_networks_of_others_are_asked_with_weights(kind):
    assert trained(SPARSE, kind=kind) == trained(SPARSE)


def test_every_parameter_is_moved_with_weights_where_there_is_no_gradient():
    own, ours = (
        trained(SPARSE, kind=kind, gradient="numerical", optimizer=SGD(0.5), iterations=3)
        for kind in (Own, TwoLayerNet)
    )
    np.testing.assert_allclose(own[1].train_loss, ours[1].train_loss, rtol=1e-9)


def without_weights(base, name):
    def method(self, x, t):
        return getattr(base, name)(self, x, t)

    return type("Mine", (base,), {name: method})


@pytest.mark.parametrize(
    ("base", "name", "gradient"),
    [
        (Own, "loss", "backprop"),
        (Own, "gradient", "backprop"),
        (Own, "loss", "numerical"),
        (OwnBoth, "loss_and_gradient", "backprop"),
        (TwoLayerNet, "gradient", "backprop"),
        (TwoLayerNet, "loss_and_gradient", "backprop"),
        (TwoLayerNet, "loss", "numerical"),
        (TwoLayerNet, "numerical_gradient", "numerical"),
        (TwoLayerNet, "loss_and_numerical_gradient", "numerical"),
    ],
)
def test_methods_that_do_not_take_weights_are_named_before_anything_happens(base, name, gradient):
    trainer = new_trainer(without_weights(base, name), gradient=gradient)
    before = bits(trainer.net.params)
    message = rf"sample_weight needs a network whose methods take it, Mine\.{name} does not: write "
    with pytest.raises(TypeError, match=message):
        trainer.fit(X, T, epochs=1, sample_weight=WEIGHTS)
    assert bits(trainer.net.params) == before


@pytest.mark.parametrize("name", ["gradient", "loss_and_gradient"])
def test_methods_that_are_not_asked_need_not_take_them(name):
    kind = without_weights(TwoLayerNet, name)
    assert trained(WEIGHTS, kind=kind, gradient="numerical") == trained(
        WEIGHTS, gradient="numerical"
    )
    assert trained(None, kind=kind) == trained(None)


def test_trainers_of_others():
    class Old(Trainer):
        def loss_and_gradient(self, x, t):
            return super().loss_and_gradient(x, t)

    class New(Trainer):
        def loss_and_gradient(self, x, t, **options):
            return super().loss_and_gradient(x, t, **options)

    ends = []
    for kind in (New, Trainer):
        net = TwoLayerNet(2, 6, 4, 0.5, rng=0)
        history = kind(net, rng=0).fit(X, T, epochs=3, sample_weight=WEIGHTS)
        ends.append((bits(net.params), history))
    assert ends[0] == ends[1]
    with pytest.raises(TypeError, match=r"needs a trainer whose methods take it, Old\.loss_and_gr"):
        Old(TwoLayerNet(2, 6, 4)).fit(X, T, epochs=1, sample_weight=WEIGHTS)


def test_a_network_that_a_hook_puts_in_must_take_them_too():
    trainer = new_trainer()

    def replace(history):
        trainer.net = without_weights(TwoLayerNet, "gradient")(2, 6, 4)

    with pytest.raises(TypeError, match="sample_weight needs a network whose methods take it"):
        trainer.fit(X, T, epochs=2, sample_weight=WEIGHTS, on_epoch=replace)


@pytest.mark.parametrize("weights", [WEIGHTS, SPARSE])
def test_a_checkpoint_continues_with_the_same_weights(tmp_path, weights):
    file = tmp_path / "run.npz"
    expected = trained(weights, iterations=13)
    new_trainer().fit(X, T, iterations=8, sample_weight=weights, checkpoint=file)
    trainer = new_trainer()
    history = trainer.resume(file, X, T, iterations=13, sample_weight=weights)
    assert (bits(trainer.net.params), history) == expected
    for other in (None, WEIGHTS + 1, np.ones(SAMPLES)):
        trainer = new_trainer()
        with pytest.raises(ValueError, match="cannot be resumed: its run had sample_weight <f8"):
            trainer.resume(file, X, T, sample_weight=other)
    new_trainer().fit(X, T, iterations=8, checkpoint=file)
    with pytest.raises(ValueError, match="its run had sample_weight None, this one has <f8"):
        new_trainer().resume(file, X, T, sample_weight=WEIGHTS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_depth_too(dtype):
    ends = []
    for optimizer in (Adam(0.05), Stepwise(0.05)):
        net = MultiLayerNet(2, [5, 4], 4, "sigmoid", 1.0, 0.01, rng=0, dtype=dtype)
        trainer = Trainer(net, optimizer, batch_size=4, rng=0)
        history = trainer.fit(X, T, epochs=5, sample_weight=SPARSE)
        ends.append((bits(net.params), history))
    assert ends[0] == ends[1]
