"""Training of networks without classes: nothing is recorded that there is not."""

import csv

import numpy as np
import pytest

from kobai import SGD, Adam, MultiLayerNet, Trainer
from kobai.callbacks import CSVLogger, EarlyStopping, LambdaCallback, ReduceLROnPlateau
from runs import bits

X = np.linspace(-2, 2, 23).reshape(-1, 1)
T = np.sin(X)
DATA = X, T, X[::3], T[::3]
STEPS = 5

LOSSES = ["squared_error", "absolute_error", "huber", "pinball", "binary_cross_entropy", "poisson"]


class Line:
    """A straight line by least squares, of the user's own: it has no accuracy, and says so."""

    has_accuracy = False

    def __init__(self):
        self.params = {"w": np.zeros((1, 1)), "b": np.zeros(1)}

    def predict(self, x):
        return x @ self.params["w"] + self.params["b"]

    def loss(self, x, t):
        return 0.5 * np.mean((self.predict(x) - t.reshape(len(x), 1)) ** 2)

    def gradient(self, x, t):
        error = (self.predict(x) - t.reshape(len(x), 1)) / len(x)
        return {"w": x.T @ error, "b": error.sum(axis=0)}


def wave(loss="squared_error", **options):
    """A network that can bend."""
    return MultiLayerNet(1, [6], 1, "silu", 1.0, loss=loss, **{"rng": 0} | options)


NETWORKS = [Line, wave]


def new_trainer(kind=Line, optimizer=None, **options):
    return Trainer(kind(), optimizer or Adam(0.1), rng=0, **{"batch_size": 5} | options)


@pytest.mark.parametrize("kind", NETWORKS)
def test_only_losses_are_recorded(kind):
    trainer = new_trainer(kind)
    history = trainer.fit(*DATA, epochs=3)
    assert (history.train_acc, history.test_acc) == ([], [])
    assert (len(history.train_loss), len(history.test_loss)) == (3 * STEPS, 4)
    assert history.test_loss[-1] == pytest.approx(float(trainer.net.loss(*DATA[2:])), rel=1e-12)
    assert "accuracy" not in repr(history)
    assert "test loss" in repr(history)
    history = new_trainer(kind).fit(X, T, epochs=3)
    assert (history.train_acc, history.test_acc, history.test_loss) == ([], [], [])


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("data", [DATA, DATA[:2]])
def test_logs_lack_accuracies_and_no_epoch(kind, data):
    seen = []
    told = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch, list(logs))))
    called = []
    trainer = new_trainer(kind)
    trainer.fit(
        *data, epochs=3, callbacks=[told], on_epoch=lambda h: called.append(len(h.train_loss))
    )
    names = ["loss", *["val_loss"] * (len(data) == 4), "lr", "seconds"]
    assert seen == [(epoch, names) for epoch in range(3)]
    assert called == [0, STEPS, 2 * STEPS, 3 * STEPS]


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_default_monitor_works(kind):
    stopping = EarlyStopping(patience=3, restore_best_weights=True)
    slower = ReduceLROnPlateau(patience=1)
    trainer = new_trainer(kind, SGD(0.5))
    history = trainer.fit(*DATA, epochs=500, callbacks=[stopping, slower])
    assert len(history.test_loss) < 501
    assert min(history.test_loss[1:]) == stopping.best
    assert float(trainer.net.loss(*DATA[2:])) == pytest.approx(stopping.best, rel=1e-12)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("monitor", ["accuracy", "val_accuracy"])
def test_accuracies_cannot_be_monitored(kind, monitor):
    trainer = new_trainer(kind)
    before = bits(trainer.net.params)
    message = rf"callbacks\[1\] monitors {monitor}, but the network has no accuracy"
    callbacks = [EarlyStopping("loss"), EarlyStopping(monitor)]
    with pytest.raises(ValueError, match=message):
        trainer.fit(*DATA, epochs=1, callbacks=callbacks)
    assert bits(trainer.net.params) == before


def test_a_log_has_the_columns_there_are(tmp_path):
    new_trainer().fit(*DATA, epochs=2, callbacks=[CSVLogger(tmp_path / "log.csv")])
    rows = list(csv.reader((tmp_path / "log.csv").read_text().splitlines()))
    assert rows[0] == ["epoch", "loss", "val_loss", "lr", "seconds"]
    assert len(rows) == 3


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("data", [DATA, DATA[:2]])
@pytest.mark.parametrize("steps", [3, STEPS, STEPS + 1, 3 * STEPS])
def test_a_checkpoint_continues_at_any_step(kind, data, steps, tmp_path):
    file = tmp_path / "run.npz"
    ends = []
    for first in (None, steps):
        told = []
        hook = LambdaCallback(on_epoch_end=lambda epoch, logs, told=told: told.append(epoch))
        stopping = EarlyStopping("loss", patience=99)
        if first is not None:
            new_trainer(kind).fit(
                *data, iterations=first, checkpoint=file, callbacks=[stopping, hook]
            )
        trainer = new_trainer(kind)
        fit = trainer.fit if first is None else lambda *d, t=trainer, **o: t.resume(file, *d, **o)
        history = fit(*data, epochs=4, callbacks=[stopping, hook])
        ends.append((bits(trainer.net.params), history, told, stopping.best))
    assert ends[0] == ends[1]


def test_a_checkpoint_knows_what_was_recorded(tmp_path):
    class Classes(Line):
        has_accuracy = True

        def accuracy(self, x, t):
            return 0.5

    Classes.__name__ = "Line"
    file = tmp_path / "run.npz"
    new_trainer(Classes).fit(*DATA, epochs=2, checkpoint=file)
    with pytest.raises(ValueError, match="must hold the numbers of 2 epochs, got 3, 3 and 3"):
        new_trainer(Line).resume(file, *DATA)


def test_a_network_that_does_not_say_so_must_have_an_accuracy():
    with pytest.raises(TypeError, match=r"which has no accuracy\(x, t\)"):
        Trainer(type("Plain", (Line,), {"has_accuracy": True})())


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_plot_draws_what_there_is(kind):
    from matplotlib.figure import Figure

    history = new_trainer(kind).fit(*DATA, epochs=2)
    figure = history.plot(Figure())
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss"]
    assert len(figure.axes[0].lines) == 2
    history.train_loss[3] = -1.0
    assert history.plot(Figure()).axes[0].get_ylim()[0] < -1


@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weights", [None, np.arange(23) % 3])
def test_fused_steps_are_single_steps(loss, gradient, dtype, weights):
    class Stepwise(Adam):
        def update(self, params, grads):
            super().update(params, grads)

    t = T**2
    ends = []
    for optimizer in (Adam(0.01), Stepwise(0.01)):
        net = wave(loss, dtype=dtype)
        trainer = Trainer(net, optimizer, batch_size=5, gradient=gradient, rng=0)
        ends.append((trainer.fit(X, t.ravel(), epochs=4, sample_weight=weights), bits(net.params)))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
@pytest.mark.parametrize("loss", LOSSES[:4])
def test_it_learns_a_sine(loss, gradient):
    net = wave(loss)
    optimizer = Adam(lambda step: 0.05 * (1 - step / 3000))
    trainer = Trainer(net, optimizer, batch_size=10, gradient=gradient, rng=0)
    trainer.fit(X, T, iterations=3000)
    assert np.abs(net.predict(X) - T).mean() < 0.05


def test_several_outputs_and_bad_targets():
    net = MultiLayerNet(1, [6], 2, "silu", loss="poisson", rng=0)
    t = np.hstack([T**2, X**2])
    history = Trainer(net, Adam(0.01), batch_size=5, rng=0).fit(X, t, X, t, epochs=2)
    assert len(history.test_loss) == 3
    with pytest.raises(ValueError, match="t_train must not hold negative numbers, got -"):
        Trainer(net).fit(X, -t, epochs=1)
    with pytest.raises(ValueError, match=r"t_test must have shape \(23, 2\)"):
        Trainer(net).fit(X, t, X, t[:, 0], epochs=1)
    spoilt = t.copy()

    def spoil(history):
        spoilt[3] = -1

    with pytest.raises(ValueError, match="t_train must not hold negative numbers, got -1"):
        Trainer(net).fit(X, spoilt, epochs=2, on_epoch=spoil)
