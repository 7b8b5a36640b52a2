"""What is recorded between epochs, of how many samples; and the half-width of a trainer."""

import tracemalloc

import numpy as np
import pytest

import oracles
from kobai import SGD, History, Trainer, TwoLayerNet, numerical_gradient
from runs import DATA, OneByOne, T, X, bits, new_trainer

KINDS = [TwoLayerNet, OneByOne]


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_of_test_data_is_recorded_with_their_accuracy(kind):
    trainer, _ = new_trainer(kind=kind)
    wanted = []

    def note(history):
        params = {key: param.copy() for key, param in trainer.net.params.items()}
        wanted.append(oracles.loss(params, *DATA[2:]))

    history = trainer.fit(*DATA, epochs=3, on_epoch=note)
    assert len(history.test_loss) == len(history.test_acc) == 4
    np.testing.assert_allclose(history.test_loss, wanted, rtol=1e-12)
    assert all(type(loss) is float for loss in history.test_loss)
    assert new_trainer()[0].fit(*DATA[:2], epochs=1).test_loss == []


def test_the_loss_of_many_test_data_is_their_mean():
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(2345, 2)), rng.integers(0, 4, 2345)
    trainer, _ = new_trainer()
    history = trainer.fit(*DATA[:2], x, t, epochs=1)
    assert history.test_loss[-1] == pytest.approx(float(trainer.net.loss(x, t)), rel=1e-13)


def test_bytes_of_test_data_never_become_floats_as_a_whole():
    x, t = np.zeros((200_000, 100), np.uint8), np.zeros(200_000, int)
    trainer = Trainer(TwoLayerNet(100, 5, 3, rng=0), rng=0)
    tracemalloc.start()
    trainer.fit(x[:500], t[:500], x, t, epochs=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes


class Quadratic:
    """A network that is not kobai's, whose loss is no mean of losses."""

    def __init__(self):
        self.params = {"w": np.zeros(2)}

    def loss(self, x, t):
        return float(np.sum((x @ self.params["w"] - t) ** 2) / len(x) + 1)

    def accuracy(self, x, t):
        return float(np.mean(x @ self.params["w"] > 0))

    def gradient(self, x, t):
        return {"w": 2 * (x @ self.params["w"] - t) @ x / len(x)}


def test_another_network_is_asked_for_the_loss_of_all_test_data():
    net = Quadratic()
    history = Trainer(net, SGD(0.1), batch_size=5).fit(*DATA, epochs=2)
    assert history.test_loss[-1] == net.loss(*DATA[2:])


@pytest.mark.parametrize(("samples", "rows"), [(1, [0]), (5, [0, 4, 9, 13, 18]), (23, range(23))])
def test_accuracies_may_look_at_fewer_samples(samples, rows):
    """Which are spread evenly: data are often sorted."""
    asked = []

    class Asked(TwoLayerNet):
        def accuracy(self, x, t):
            asked.append((x.copy(), t.copy()))
            return super().accuracy(x, t)

    trainer, _ = new_trainer(kind=Asked)
    trainer.fit(X, T, X, T, epochs=1, evaluate_samples=samples)
    rows = list(rows)
    assert len(asked) == 4
    assert all((x == X[rows]).all() and (t == T[rows]).all() for x, t in asked)


@pytest.mark.parametrize("samples", [23, 24, 10**9, np.int64(30)])
def test_as_many_samples_as_there_are_are_all(samples):
    ends = [
        new_trainer()[0].fit(*DATA, epochs=2, evaluate_samples=count) for count in (None, samples)
    ]
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("samples", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("all", TypeError)]
)
def test_a_number_of_samples_that_makes_no_sense_is_named(samples, error):
    trainer, _ = new_trainer()
    with pytest.raises(error, match="evaluate_samples must be"):
        trainer.fit(*DATA, epochs=1, evaluate_samples=samples, on_epoch=pytest.fail)


def test_few_samples_train_the_same_parameters(tmp_path):
    file = tmp_path / "run.npz"
    trainers = [new_trainer()[0] for _ in range(3)]
    trainers[0].fit(*DATA, epochs=4)
    whole = trainers[1].fit(*DATA, epochs=4, evaluate_samples=3)
    trainers[2].fit(*DATA, epochs=2, evaluate_samples=3, checkpoint=file)
    resumed = trainers[2].resume(file, *DATA, epochs=4, evaluate_samples=3)
    assert resumed == whole
    ends = [bits(trainer.net.params) for trainer in trainers]
    assert ends[0] == ends[1] == ends[2]


def test_a_history_shows_the_loss_of_test_data():
    history = History([3.0, 2.0], [0.1, 0.5], [0.1, 0.4], 1, test_loss=[2.5, 2.0])
    assert "last loss 2.0000; test loss 2.0000; train accuracy" in repr(history)
    assert "test loss" in history._repr_html_()
    figure = pytest.importorskip("matplotlib.figure").Figure()
    loss, _ = history.plot(figure).axes
    drawn = [np.asarray(line.get_xydata()).tolist() for line in loss.get_lines()]
    assert drawn == [[[0, 3], [1, 2]], [[0, 2.5], [1, 2]]]


# The half-width


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["auto", "direct"])
def test_a_trainer_takes_differences_of_its_half_width(kind, method):
    options = {"gradient": "numerical", "method": method, "kind": kind}
    wide, _ = new_trainer(h=0.5, **options)
    loss, grads = wide.loss_and_gradient(X, T)
    net = new_trainer()[0].net
    assert loss == net.loss_and_numerical_gradient(X, T, 0.5, method)[0]
    wanted = net.numerical_gradient(X, T, h=0.5, method=method)
    assert bits(grads) == bits(wanted)
    narrow, _ = new_trainer(**options)
    assert bits(grads) != bits(narrow.loss_and_gradient(X, T)[1])


def test_fused_steps_take_the_same_half_width():
    ends = []
    for kind in KINDS:
        trainer, _ = new_trainer(kind=kind, gradient="numerical", h=0.5)
        ends.append((trainer.fit(*DATA, epochs=4), bits(trainer.net.params)))
    assert ends[0] == ends[1]
    default, _ = new_trainer(gradient="numerical")
    assert default.fit(*DATA, epochs=4).train_loss != ends[0][0].train_loss


def test_it_may_be_replaced_during_a_fit():
    ends = []
    for kind in KINDS:
        trainer, _ = new_trainer(kind=kind, gradient="numerical", h=0.5)

        def widen(history, trainer=trainer):
            trainer.h = 1.0

        ends.append((trainer.fit(*DATA, epochs=4, on_epoch=widen), bits(trainer.net.params)))
    assert ends[0] == ends[1]


class WithDifferences(Quadratic):
    asked = ()

    def numerical_gradient(self, x, t, **options):
        self.asked += (options,)
        return {"w": numerical_gradient(lambda _: self.loss(x, t), self.params["w"])}


def test_other_networks_are_given_a_half_width_that_is_not_the_usual():
    net = WithDifferences()
    Trainer(net, gradient="numerical").loss_and_gradient(X, T)
    Trainer(net, gradient="numerical", h=1e-3).loss_and_gradient(X, T)
    assert net.asked == ({}, {"h": 1e-3})
    plain = Quadratic()
    plain.loss = lambda x, t: float(plain.params["w"][0] ** 3)
    for h in (1e-4, 0.5):
        grads = Trainer(plain, gradient="numerical", h=h).loss_and_gradient(X, T)[1]
        assert grads["w"][0] == pytest.approx(h * h)


@pytest.mark.parametrize(
    ("h", "error"), [(0, ValueError), (-1e-4, ValueError), (np.inf, ValueError), ("a", TypeError)]
)
def test_a_half_width_that_makes_no_sense_is_named(h, error):
    with pytest.raises(error, match="h must be"):
        Trainer(TwoLayerNet(2, 3, 2, rng=0), h=h)
    trainer, _ = new_trainer(gradient="numerical")
    trainer.h = h
    with pytest.raises(error, match="h must be"):
        trainer.fit(*DATA, epochs=1)


def test_a_trainer_shows_a_half_width_that_is_not_the_usual():
    trainer, _ = new_trainer(gradient="numerical", h=1e-3)
    assert "method='auto', h=0.001, sampling" in repr(trainer)
    assert "h=" not in repr(new_trainer(gradient="numerical")[0])
