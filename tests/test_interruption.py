"""Ctrl-C: training ends with whole steps, a long gradient ends at once, nothing is half-done."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from kobai import Trainer, TwoLayerNet

X = np.random.default_rng(0).uniform(-1, 1, (12, 2))
T = 2 * (X[:, 0] > 0) + (X[:, 1] > 0)


def small_net():
    return TwoLayerNet(2, 8, 4, 0.5, rng=0)


def bits(params):
    return {key: param.tobytes() for key, param in params.items()}


def output_of(script):
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_ctrl_c_between_epochs_returns_what_was_recorded():
    def stop(history):
        if len(history.train_acc) == 3:
            raise KeyboardInterrupt

    net, twin = small_net(), small_net()
    history = Trainer(net, batch_size=5, rng=0).fit(X, T, epochs=9, on_epoch=stop)
    assert history.interrupted
    assert (len(history.train_loss), len(history.train_acc)) == (6, 3)
    whole = Trainer(twin, batch_size=5, rng=0).fit(X, T, epochs=2)
    assert bits(net.params) == bits(twin.params)
    assert history.train_loss == whole.train_loss


def test_ctrl_c_at_the_start_returns_an_empty_run():
    def stop(_):
        raise KeyboardInterrupt

    net = small_net()
    try:
        history = Trainer(net, rng=0).fit(X, T, epochs=1, on_epoch=stop)
    except KeyboardInterrupt:  # which would end pytest
        pytest.fail("fit raised what it is to return from")
    assert history.interrupted
    assert history.train_loss == []
    assert bits(net.params) == bits(small_net().params)


@pytest.mark.parametrize("fatal", [3, 4, 5, 6])
def test_ctrl_c_during_an_evaluation_keeps_accuracies_paired(fatal, monkeypatch):
    net = small_net()
    calls = itertools.count(1)
    accuracy = net.accuracy

    def interrupted(x, t):
        if next(calls) == fatal:
            raise KeyboardInterrupt
        return accuracy(x, t)

    monkeypatch.setattr(net, "accuracy", interrupted)
    history = Trainer(net, batch_size=5, rng=0).fit(X, T, X, T, epochs=9)
    assert history.interrupted
    assert len(history.train_acc) == len(history.test_acc) == (fatal - 1) // 2


TRAINING = """
import random, signal, threading, time
import numpy as np
from kobai import SGD, Trainer, TwoLayerNet

class Slow(SGD):
    # Steps that are mostly update: most interrupts fall into one, and must not show.
    timer = None

    def update(self, params, grads):
        if self.timer:
            self.timer.start()
            self.timer = None
        for key in params:
            params[key] -= self.lr * grads[key]
            time.sleep(0.001)

def run(iterations=None):
    net = TwoLayerNet(3, 4, 2, 0.5, rng=0)
    generator = np.random.default_rng(0)
    data = generator.random((50, 3)), generator.integers(0, 2, 50)
    optimizer, length = Slow(0.5), {"iterations": iterations}
    if iterations is None:
        delay = random.uniform(0, 0.05)
        optimizer.timer = threading.Timer(delay, signal.raise_signal, [signal.SIGINT])
        length = {"epochs": 10**6}
    history = Trainer(net, optimizer, batch_size=20, rng=0).fit(*data, **length)
    return net, history

for _ in range(20):
    net, history = run()
    assert history.interrupted
    twin, whole = run(len(history.train_loss))
    assert not whole.interrupted
    assert whole.train_loss == history.train_loss
    for key, param in net.params.items():
        assert param.tobytes() == twin.params[key].tobytes(), key
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print("whole steps only")
"""


def test_ctrl_c_ends_training_with_whole_steps_wherever_it_comes():
    assert output_of(TRAINING) == "whole steps only\n"


GRADIENT = """
import signal, threading
import numpy as np
from kobai import TwoLayerNet
net = TwoLayerNet(784, 50, 10, rng=0)
before = {key: param.tobytes() for key, param in net.params.items()}
x, t = np.ones((5000, 784)), np.zeros(5000, int)
# Python runs this only if the computation leaves it the interpreter.
threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
try:
    net.numerical_gradient(x, t, method="direct")
except KeyboardInterrupt:
    assert before == {key: param.tobytes() for key, param in net.params.items()}
    print("stopped")
"""


def test_ctrl_c_stops_a_gradient_that_would_take_many_minutes():
    assert output_of(GRADIENT) == "stopped\n"
