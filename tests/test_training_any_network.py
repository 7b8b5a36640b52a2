"""Training of networks of any depth: fused steps, hooks that change things, checkpoints."""

import numpy as np
import pytest

from kobai import MultiLayerNet, Trainer, TwoLayerNet, _core, optimizers
from kobai.callbacks import Callback, LambdaCallback
from kobai.losses import CrossEntropy
from runs import DATA, STEPS, T, X, bits

OPTIMIZERS = [getattr(optimizers, name) for name in optimizers.__all__]


def stepwise(kind):
    """The same optimizer with an update of its own: its steps are taken one by one."""
    return type("Stepwise", (kind,), {"update": lambda self, *given: kind.update(self, *given)})


def new_net(hidden=(5, 4), activation="sigmoid", std=1.0, decay=0.01, **options):
    return MultiLayerNet(2, list(hidden), 4, activation, std, decay, **{"rng": 0} | options)


def trained(optimizer, net_options=None, fit_options=None, **options):
    net = new_net(**net_options or {})
    trainer = Trainer(net, optimizer, rng=0, **{"batch_size": 5} | options)
    history = trainer.fit(*DATA, **{"epochs": 4} | (fit_options or {}))
    return bits(net.params), history


@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_fused_steps_are_single_steps(kind, dtype, gradient):
    options = {"net_options": {"dtype": dtype}, "gradient": gradient}
    assert trained(kind(0.05), **options) == trained(stepwise(kind)(0.05), **options)


@pytest.mark.parametrize("hidden", [(), (3,), (3, 3, 3, 3, 3)])
@pytest.mark.parametrize(
    "activation", ["identity", "relu", "leaky_relu", "elu", "softplus", "gelu"]
)
def test_at_any_depth(hidden, activation):
    options = {"net_options": {"hidden": hidden, "activation": activation}}
    kind = optimizers.Adam
    assert trained(kind(0.05), **options) == trained(stepwise(kind)(0.05), **options)


def test_they_are_fused_and_a_method_of_ones_own_is_followed(monkeypatch):
    calls = []
    train = _core.network_train

    def counted(*arguments):
        calls.append(len(arguments[5]))
        return train(*arguments)

    monkeypatch.setattr(_core, "network_train", counted)
    trained(optimizers.Adam(0.05))
    assert sum(calls) == 4 * STEPS - 1
    calls.clear()

    class Mine(MultiLayerNet):
        def gradient(self, x, t):
            return {key: 2 * grad for key, grad in super().gradient(x, t).items()}

    net = Mine(2, [5, 4], 4, "sigmoid", 1.0, 0.01, rng=0)
    history = Trainer(net, optimizers.SGD(0.05), batch_size=5, rng=0).fit(*DATA, epochs=4)
    assert calls == []
    # Twice the gradient, decay and all, by half the learning rate.
    params, losses = trained(optimizers.SGD(0.1))
    assert bits(net.params) == params
    np.testing.assert_allclose(history.train_loss, losses.train_loss, rtol=1e-14)


def test_weight_decay_is_a_part_of_every_loss():
    net = new_net(decay=0.5)
    squares = sum(np.sum(net.params[f"W{k}"] ** 2) for k in (1, 2, 3))
    plain = new_net(decay=0.0).loss(*DATA[2:])
    history = Trainer(net, optimizers.SGD(0.0), batch_size=99).fit(*DATA, epochs=1)
    assert history.test_loss[0] == pytest.approx(plain + 0.25 * squares, rel=1e-12)
    assert history.train_loss[0] == pytest.approx(float(net.loss(X, T)), rel=1e-12)


@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
def test_with_the_losss_epsilon_it_is_the_two_layer_network(gradient):
    two = TwoLayerNet(2, 5, 4, 0.5, rng=0)
    many = MultiLayerNet(2, [5], 4, "sigmoid", 0.5, loss=CrossEntropy(epsilon=1e-7), rng=0)
    ends = []
    for net in (two, many):
        trainer = Trainer(net, optimizers.Adam(0.05), batch_size=5, gradient=gradient, rng=0)
        ends.append((trainer.fit(*DATA, epochs=4), bits(net.params)))
    assert ends[0] == ends[1]


class Changes(Callback):
    """Changes something after each epoch."""

    def __init__(self, change):
        self.change = change

    def on_epoch_end(self, epoch, logs=None, *, trainer, net, **kwargs):
        self.change(epoch, trainer, net)


def halve_rate(epoch, trainer, net):
    trainer.optimizer.lr /= 2


def shrink(epoch, trainer, net):
    net.params["W2"] *= 0.5


def replace(epoch, trainer, net):
    net.params["W1"] = net.params["W1"] + epoch


def decay_more(epoch, trainer, net):
    net.weight_decay_lambda += 0.1


def take_differences(epoch, trainer, net):
    trainer.gradient = "numerical"


@pytest.mark.parametrize("change", [halve_rate, shrink, replace, decay_more, take_differences])
def test_what_a_hook_changes_counts_from_the_next_step_on(change):
    ends = [
        trained(kind(0.1), fit_options={"callbacks": [Changes(change)]})
        for kind in (optimizers.Adam, stepwise(optimizers.Adam))
    ]
    assert ends[0] == ends[1]
    assert ends[0] != trained(optimizers.Adam(0.1))
    assert ends[0][1].train_loss[:STEPS] == trained(optimizers.Adam(0.1))[1].train_loss[:STEPS]


@pytest.mark.parametrize(
    "stop",
    [
        {"on_epoch": lambda history: len(history.train_acc) == 3},
        {"callbacks": [LambdaCallback(on_epoch_end=lambda epoch, logs: epoch == 1)]},
    ],
)
def test_a_hook_that_answers_true_ends_the_run(stop):
    ended = trained(optimizers.Adam(0.1), fit_options=stop | {"epochs": 9})
    assert ended == trained(optimizers.Adam(0.1), fit_options={"epochs": 2})


@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_checkpoint_continues_bit_for_bit(kind, gradient, tmp_path):
    file = tmp_path / "run.npz"
    options = {"gradient": gradient, "batch_size": 5}
    trained(
        kind(0.05), fit_options={"epochs": None, "iterations": 8, "checkpoint": file}, **options
    )
    net = new_net()
    trainer = Trainer(net, kind(0.05), rng=0, **options)
    history = trainer.resume(file, *DATA, epochs=4)
    assert (bits(net.params), history) == trained(kind(0.05), **options)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"activation": ("sigmoid", "relu")}, "its run had network MultiLayerNet(sigmoid, sigmoid"),
        ({"decay": 0.02}, "weight_decay_lambda=0.01), this one has MultiLayerNet"),
        ({"loss": CrossEntropy(1e-7)}, "CrossEntropy(epsilon=0.0), weight"),
        ({"hidden": (5, 5)}, "params['W2'] must be float64 (5, 5), got float64 (5, 4)"),
        (
            {"hidden": (5, 4, 3), "activation": ("sigmoid",) * 3},
            "this one has MultiLayerNet(sigmoid, sigmoid, sigmoid, CrossEntropy",
        ),
        ({"dtype": np.float32}, "params['W1'] must be float32"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(other, message, tmp_path):
    file = tmp_path / "run.npz"
    trained(optimizers.SGD(0.1), fit_options={"checkpoint": file})
    trainer = Trainer(new_net(**other), optimizers.SGD(0.1), batch_size=5, rng=0)
    before = bits(trainer.net.params)
    with pytest.raises(ValueError, match=r"run\.npz") as raised:
        trainer.resume(file, *DATA)
    assert message in str(raised.value)
    assert bits(trainer.net.params) == before


def test_a_network_is_no_checkpoint(tmp_path):
    new_net().save(tmp_path / "net.npz")
    trainer = Trainer(new_net(), optimizers.SGD(0.1))
    with pytest.raises(ValueError, match=r"holds a network, which MultiLayerNet\.load reads"):
        trainer.resume(tmp_path / "net.npz", *DATA)


def test_a_network_without_hidden_layers_has_a_word_for_itself(tmp_path):
    file = tmp_path / "run.npz"
    trainer = Trainer(new_net(hidden=()), batch_size=5, rng=0)
    trainer.fit(*DATA, epochs=1, checkpoint=file)
    resumed = Trainer(new_net(hidden=()), batch_size=5, rng=0).resume(file, *DATA, epochs=2)
    assert resumed == Trainer(new_net(hidden=()), batch_size=5, rng=0).fit(*DATA, epochs=2)
