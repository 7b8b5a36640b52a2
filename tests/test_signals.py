"""Whoever handles a signal waits for the end of a step, and keeps his place."""

import itertools
import signal

import numpy as np
import pytest

from kobai import SGD, Trainer, TwoLayerNet

X = np.random.default_rng(0).uniform(-1, 1, (12, 2))
T = 2 * (X[:, 0] > 0) + (X[:, 1] > 0)


def small_net():
    return TwoLayerNet(2, 8, 4, 0.5, rng=0)


def bits(params):
    return {key: param.tobytes() for key, param in params.items()}


class Stop(Exception):  # noqa: N818
    pass


def test_what_a_step_raises_passes_through_after_the_last_whole_one():
    net, twin = small_net(), small_net()
    trainer = Trainer(net, batch_size=5, rng=0)
    own, calls = net.loss_and_gradient, itertools.count()

    def failing(x, t):
        if next(calls) == 4:
            raise Stop
        return own(x, t)

    net.loss_and_gradient = failing
    with pytest.raises(Stop):
        trainer.fit(X, T, epochs=9)
    assert not trainer.history.interrupted
    assert len(trainer.history.train_loss) == 4
    Trainer(twin, batch_size=5, rng=0).fit(X, T, iterations=4)
    assert bits(net.params) == bits(twin.params)


@pytest.fixture
def signals():
    """The handlers of this process, put back after the test."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


class Raising(SGD):
    """Half of whose third update is done when a signal comes."""

    def __init__(self, number, times=1):
        super().__init__(0.5)
        self.number, self.times, self.steps = number, times, 0

    def update(self, params, grads):
        self.steps += 1
        params["W1"] -= self.lr * grads["W1"]
        if self.steps == 3:
            for _ in range(self.times):
                signal.raise_signal(self.number)
        for key in ("b1", "W2", "b2"):
            params[key] -= self.lr * grads[key]


def after_three_steps(net, trainer):
    twin = small_net()
    whole = Trainer(twin, SGD(0.5), batch_size=5, rng=0).fit(X, T, iterations=3)
    assert bits(net.params) == bits(twin.params)
    assert trainer.history.train_loss == whole.train_loss


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stop, SystemExit])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_handler_of_the_programs_own_runs_after_the_step(number, error, signals):
    def handler(*arguments):
        seen.append((arguments[0], len(trainer.history.train_loss)))
        raise error

    seen = []
    signal.signal(number, handler)
    net = small_net()
    trainer = Trainer(net, Raising(number, times=2), batch_size=5, rng=0)
    with pytest.raises(error):
        trainer.fit(X, T, epochs=9)
    assert seen == [(number, 3)]
    assert trainer.history.interrupted == (error is KeyboardInterrupt)
    assert signal.getsignal(number) is handler
    after_three_steps(net, trainer)


def test_a_handler_that_raises_nothing_lets_training_go_on(signals):
    seen = []
    signal.signal(signal.SIGINT, lambda *_: seen.append(len(trainer.history.train_loss)))
    trainer = Trainer(small_net(), Raising(signal.SIGINT), batch_size=5, rng=0)
    history = trainer.fit(X, T, epochs=2)
    assert seen == [3]
    assert len(history.train_loss) == 6
    assert not history.interrupted


@pytest.mark.parametrize("chained", [False, True])
def test_a_handler_that_on_epoch_installs_is_held_and_stays(chained, signals):
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def handler(*arguments):
        seen.append(len(trainer.history.train_loss))
        if chained:
            before[0](*arguments)
        raise Stop

    def install(history):
        if not before:
            before.append(signal.signal(signal.SIGINT, handler))

    seen, before = [], []
    net = small_net()
    trainer = Trainer(net, Raising(signal.SIGINT), batch_size=5, rng=0)
    with pytest.raises(KeyboardInterrupt if chained else Stop):
        trainer.fit(X, T, epochs=9, on_epoch=install)
    assert seen == [3]
    assert signal.getsignal(signal.SIGINT) is handler
    after_three_steps(net, trainer)


def test_a_handler_that_on_epoch_takes_away_again_is_gone(signals):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before = []

    def change(history):
        if len(before) < 2:
            before.append(signal.signal(signal.SIGINT, before[0] if before else signal.SIG_IGN))

    net = small_net()
    trainer = Trainer(net, Raising(signal.SIGINT), batch_size=2, rng=0)
    trainer.optimizer.steps = -6
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, T, epochs=9, on_epoch=change)
    assert before[1] == signal.SIG_IGN
    assert len(trainer.history.train_loss) == 9
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_fit_within_on_epoch_ends_both_and_neither_is_ahead(signals):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nets = small_net(), small_net()
    inner = Trainer(nets[0], Raising(signal.SIGINT), batch_size=5, rng=0)
    outer = Trainer(nets[1], SGD(0.5), batch_size=5, rng=0)

    def train(history):
        if len(history.train_acc) == 2:
            inner.fit(X, T, epochs=9)

    with pytest.raises(KeyboardInterrupt):
        outer.fit(X, T, epochs=9, on_epoch=train)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    for net, trainer in zip(nets, (inner, outer), strict=True):
        assert trainer.history.interrupted
        after_three_steps(net, trainer)


def test_a_fit_of_the_same_trainer_within_on_epoch_leaves_the_outer_history():
    trainer = Trainer(small_net(), batch_size=5, rng=0)

    def train(history):
        if len(history.train_acc) == 2:
            trainer.fit(X, T, epochs=1)

    history = trainer.fit(X, T, epochs=4, on_epoch=train)
    assert trainer.history is history
    assert len(history.train_loss) == 12


def test_signals_that_python_does_not_handle_are_left_alone(signals):
    for handler in (signal.SIG_IGN, signal.SIG_DFL):
        signal.signal(signal.SIGTERM, handler)
        seen = []
        Trainer(small_net(), rng=0).fit(
            X, T, epochs=2, on_epoch=lambda _, seen=seen: seen.append(
                signal.getsignal(signal.SIGTERM)
            )
        )  # fmt: skip
        assert seen == [handler] * 3
