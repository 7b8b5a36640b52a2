"""Steps in one call of the core against steps one by one: the same numbers, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kobai import SGD, Trainer, TwoLayerNet, _core, load_mnist_sample, optimizers


def stepwise(cls):
    """The optimizer with an update of its own: the trainer takes its steps one by one."""
    return type(
        "Stepwise", (cls,), {"update": lambda self, *pair: super(type(self), self).update(*pair)}
    )


Stepwise = stepwise(SGD)

OPTIMIZERS = [getattr(optimizers, name) for name in optimizers.__all__]


def halving(step):
    return 0.1 * 0.9**step


def bits(params):
    return {key: (param.dtype, param.tobytes()) for key, param in params.items()}


def run(optimizer, data, net_options, **options):
    net = TwoLayerNet(data[0].shape[1], 7, 4, 0.5, rng=1, **net_options)
    iterations = options.pop("iterations")
    history = Trainer(net, optimizer, rng=2, **options).fit(*data, iterations=iterations)
    return bits(net.params), history


@st.composite
def data_sets(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    samples, inputs = draw(st.integers(1, 40)), draw(st.integers(1, 30))
    x = rng.normal(size=(samples, inputs))
    x[rng.random(x.shape) > draw(st.sampled_from([0.05, 0.3, 1.0]))] = 0
    x = x.astype(draw(st.sampled_from([np.float32, np.float64, np.int16, ">f8"])))
    if draw(st.booleans()):
        x = np.asfortranarray(x)
    labels = rng.integers(0, 4, samples)
    t = draw(st.sampled_from([labels, np.eye(4)[labels], rng.random((samples, 4))]))
    return x, t


@settings(max_examples=150)
@given(
    data_sets(),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from(["backprop", "numerical"]),
    st.sampled_from(["shuffle", "replacement"]),
    st.integers(1, 50),
)
def test_many_steps_in_one_call_are_single_steps(data, dtype, gradient, sampling, batch_size):
    options = {
        "gradient": gradient,
        "sampling": sampling,
        "batch_size": batch_size,
        "iterations": 12,
    }
    together = run(SGD(0.3), data, {"dtype": dtype}, **options)
    one_by_one = run(Stepwise(0.3), data, {"dtype": dtype}, **options)
    assert together == one_by_one


@settings(max_examples=150)
@given(
    data_sets(),
    st.sampled_from(OPTIMIZERS),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from(["backprop", "numerical"]),
    st.sampled_from([0.05, halving]),
)
def test_every_optimizer_takes_the_same_steps_in_one_call(data, cls, dtype, gradient, lr):
    ends = []
    for optimizer in (cls(lr), stepwise(cls)(lr)):
        net_options, options = {"dtype": dtype}, {"gradient": gradient, "iterations": 12}
        params, history = run(optimizer, data, net_options, batch_size=7, **options)
        states = [bits(getattr(optimizer, name)) for name in optimizer.state_names]
        ends.append((params, history, states, optimizer.iter))
    assert ends[0] == ends[1]


def test_real_images_too():
    (x, t), _ = load_mnist_sample()
    for gradient, dtype in [("backprop", np.float32), ("numerical", np.float64)]:
        ends = []
        for optimizer in (SGD(0.1), Stepwise(0.1)):
            net = TwoLayerNet(784, 20, 10, rng=0, dtype=dtype)
            trainer = Trainer(net, optimizer, gradient=gradient, batch_size=70, rng=0)
            history = trainer.fit(x[:700], t[:700], epochs=4)
            ends.append((bits(net.params), history))
        assert ends[0] == ends[1]


def test_the_core_is_used_and_only_where_it_may_be(monkeypatch):
    calls = []
    train = _core.network_train

    def counted(*arguments):
        calls.append(len(arguments[5]))
        return train(*arguments)

    monkeypatch.setattr(_core, "network_train", counted)
    data = (np.eye(6), np.arange(6) % 4)
    run(SGD(0.1), data, {}, iterations=50, batch_size=2)
    # The first step is taken by itself, and no call goes beyond its epoch of three steps.
    assert sum(calls) == 49
    assert max(calls) == 3
    calls.clear()
    run(Stepwise(0.1), data, {}, iterations=5)
    assert calls == []


@pytest.mark.parametrize("change", ["overlap", "data", "strided", "replaced"])
def test_unusual_parameters_train_as_ever(change):
    ends = []
    for optimizer in (SGD(0.1), Stepwise(0.1)):
        net = TwoLayerNet(4, 4, 4, 0.5, rng=0)
        x = np.linspace(-1, 1, 24).reshape(6, 4)
        if change == "overlap":
            net.params["b1"] = net.params["b2"]
        elif change == "data":
            x = net.params["W1"][:, ::-1]
        elif change == "strided":
            net.params["W1"] = np.asfortranarray(net.params["W1"])
            net.params["b1"] = np.zeros(8)[::2]

        def replace(history, net=net):
            if change == "replaced":
                net.params["W2"] = net.params["W2"] + len(history.train_acc)

        trainer = Trainer(net, optimizer, batch_size=2, rng=0)
        t = np.arange(len(x)) % 4
        history = trainer.fit(x, t, epochs=3, on_epoch=replace)
        ends.append((bits(net.params), history))
    assert ends[0] == ends[1]


def arguments(**changes):
    net = TwoLayerNet(3, 2, 2, rng=0)
    usual = {
        "network": net.core_network(),
        "x": np.ones((4, 3)),
        "t": np.array([0, 1, 0, 1]),
        "sample_weight": None,
        "samples": np.array([0, 1, 2, 3]),
        "sizes": np.array([2, 2]),
        "optimizer": "sgd",
        "scalars": np.full((2, 1), 0.1),
        "weight_decays": None,
        "states": [],
        "difference": None,
    }
    return net, list((usual | changes).values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": np.array([0, 1, 2, 4])}, "samples must lie in 0..3, got 4"),
        ({"samples": np.array([0, 1, 2, -1])}, "samples must not be negative, got -1"),
        ({"sizes": np.array([2, 3])}, "sizes must be positive and add up to 4"),
        ({"sizes": np.array([4, 0])}, "sizes must be positive and add up to 4"),
        ({"t": np.array([0, 1, 0, 2])}, "t must hold labels in 0..1 only, got 2 at position 3"),
        ({"x": np.ones((4, 2))}, "x must have 3 columns"),
        ({"optimizer": "newton"}, "optimizer must be one of sgd, momentum, .*, got newton"),
        ({"scalars": np.ones((2, 2))}, "scalars must fit the formula of sgd, got 2 scalars"),
        ({"scalars": np.ones((3, 1))}, "updates must hold one update for each of 2 steps, got 3"),
        ({"states": [[np.zeros(3)]]}, "a state must have an array a parameter, got 1"),
        ({"states": [[np.zeros(3)] * 4]}, "a state must have the shapes of the parameters"),
        (
            {"optimizer": "momentum", "scalars": np.ones((2, 2))},
            "states must hold 1 arrays of the network's shapes, got 0 others",
        ),
        ({"difference": (0.0, "auto")}, "h must be a positive finite number"),
        ({"difference": (1e-4, "exact")}, "method must be"),
    ],
)
def test_the_core_refuses_what_does_not_fit_and_changes_nothing(changes, message):
    net, given = arguments(**changes)
    before = bits(net.params)
    with pytest.raises(ValueError, match=message):
        _core.network_train(*given)
    assert bits(net.params) == before


def test_the_core_writes_all_parameters_or_none():
    net, given = arguments()
    net.params["b2"].flags.writeable = False
    before = bits(net.params)
    with pytest.raises(ValueError, match="cannot be written"):
        _core.network_train(*given)
    assert bits(net.params) == before
