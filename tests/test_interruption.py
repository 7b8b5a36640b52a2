"""Ctrl-C: training ends with whole steps, a long gradient ends at once, nothing is half-done."""

import itertools
import math
import signal

import numpy as np
import pytest

from kobai import History, Trainer, TwoLayerNet
from processes import output_of

X = np.random.default_rng(0).uniform(-1, 1, (12, 2))
T = 2 * (X[:, 0] > 0) + (X[:, 1] > 0)


def small_net():
    return TwoLayerNet(2, 8, 4, 0.5, rng=0)


def bits(params):
    return {key: param.tobytes() for key, param in params.items()}


def stopped(trainer, *data, **options):
    """The history of a fit that Ctrl-C ends."""
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(*data, **options)
    assert trainer.history.interrupted
    return trainer.history


def test_ctrl_c_between_epochs_keeps_what_was_recorded():
    def stop(history):
        if len(history.train_acc) == 3:
            raise KeyboardInterrupt

    net, twin = small_net(), small_net()
    history = stopped(Trainer(net, batch_size=5, rng=0), X, T, epochs=9, on_epoch=stop)
    assert (len(history.train_loss), len(history.train_acc)) == (6, 3)
    whole = Trainer(twin, batch_size=5, rng=0).fit(X, T, epochs=2)
    assert bits(net.params) == bits(twin.params)
    assert history.train_loss == whole.train_loss


def test_ctrl_c_at_the_start_leaves_an_empty_run():
    def stop(_):
        raise KeyboardInterrupt

    net = small_net()
    history = stopped(Trainer(net, rng=0), X, T, epochs=1, on_epoch=stop)
    assert history.train_loss == []
    assert bits(net.params) == bits(small_net().params)


def test_a_loop_over_fits_ends_with_the_first():
    trainers = [Trainer(small_net(), batch_size=5, rng=k) for k in range(3)]

    def stop(history):
        if len(history.train_acc) == 2:
            raise KeyboardInterrupt

    def train_all():
        for trainer in trainers:
            trainer.fit(X, T, epochs=5, on_epoch=stop)

    with pytest.raises(KeyboardInterrupt):
        train_all()
    assert [len(trainer.history.train_loss) for trainer in trainers] == [3, 0, 0]


def test_the_history_is_there_from_the_start_of_a_fit_and_after_it():
    trainer = Trainer(small_net(), batch_size=5, rng=0)
    assert trainer.history == History()
    seen = []
    history = trainer.fit(X, T, epochs=2, on_epoch=lambda _: seen.append(trainer.history))
    assert trainer.history is history
    assert all(each is history for each in seen)
    assert len(seen) == 3
    with pytest.raises(ValueError, match="epochs"):
        trainer.fit(X, T)
    assert trainer.history is history
    trainer.fit(X, T, epochs=1)
    assert trainer.history is not history


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
    history = stopped(Trainer(net, batch_size=5, rng=0), X, T, X, T, epochs=9)
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
    trainer = Trainer(net, optimizer, batch_size=20, rng=0)
    try:
        trainer.fit(*data, **length)
    except KeyboardInterrupt:
        pass
    return net, trainer.history

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


# A call that would take from ten seconds to hours, and a Ctrl-C half a second after it began.
LONG = """
import signal, threading, time
import numpy as np
from kobai import SGD, Trainer, TwoLayerNet

def bits(net):
    return {key: param.tobytes() for key, param in net.params.items()}

def problem(inputs, hidden, classes, samples):
    generator = np.random.default_rng(0)
    x, t = generator.random((samples, inputs)), generator.integers(0, classes, samples)
    return TwoLayerNet(inputs, hidden, classes, rng=0), x, t

def interrupt(delay=0.5, number=signal.SIGINT):
    def send():
        time.sleep(delay)
        times.append(time.perf_counter())
        signal.raise_signal(number)
    times = []
    threading.Thread(target=send, daemon=True).start()
    return times

def report(times):
    if not times:  # it ended before it was interrupted: nothing was tried
        print("nan")
        raise SystemExit
    print(time.perf_counter() - times[0])
"""

# What is promised is 0.2 s, and measured is far less; a busy machine gets ten times as much.
SECONDS = 2


def seconds_until_it_ended(script):
    for _ in range(3):
        seconds = float(output_of(LONG + script, timeout=120))
        if not math.isnan(seconds):
            return seconds
    pytest.fail("the call never lasted until it was interrupted")


GRADIENTS = {
    # Thousands of samples for each move of a parameter.
    "direct-samples": ("direct", (784, 50, 10, 5000)),
    # Thousands of tasks, each with a copy of the parameters: 13 MB.
    "direct-parameters": ("direct", (784, 2000, 10, 100)),
    # A task is a unit, and takes seconds.
    "incremental": ("incremental", (2000, 50, 500, 10000)),
    # No unit's loss is smooth at so large a width: node goes over to incremental for all of them.
    "node": ("node", (2000, 50, 500, 10000)),
    # By node it would take a millisecond.
    "node of few samples": ("node", (100_000, 20, 10, 50)),
    "classes": ("incremental", (3, 2, 20_000, 1000)),
}


@pytest.mark.parametrize("case", GRADIENTS)
def test_ctrl_c_stops_a_long_gradient_at_once(case):
    method, sizes = GRADIENTS[case]
    h = 10.0 if method == "node" else 1e-4
    seconds = seconds_until_it_ended(f"""
net, x, t = problem{sizes}
before = bits(net)
times = interrupt()
try:
    net.numerical_gradient(x, t, method={method!r}, h={h})
except KeyboardInterrupt:
    report(times)
assert bits(net) == before
""")
    assert seconds < SECONDS


FITS = {
    "backprop": ("", (784, 50, 10, 5000), 100),
    "node": ("gradient='numerical'", (784, 50, 10, 5000), 100),
    "incremental": ("gradient='numerical', method='incremental'", (784, 50, 10, 5000), 100),
    "direct": ("gradient='numerical', method='direct'", (20, 10, 10, 5000), 100),
    "one long step": ("gradient='numerical', method='direct'", (784, 50, 10, 5000), 5000),
}


@pytest.mark.parametrize("case", FITS)
def test_ctrl_c_stops_a_long_training_at_once_after_a_whole_step(case):
    options, sizes, batch_size = FITS[case]
    seconds = seconds_until_it_ended(f"""
def fit(**length):
    net, x, t = problem{sizes}
    trainer = Trainer(net, SGD(0.1), batch_size={batch_size}, rng=0, {options})
    try:
        trainer.fit(x, t, x[:100], t[:100], **length)
    except KeyboardInterrupt:
        pass
    return net, trainer.history

times = interrupt(0.7)
net, history = fit(epochs=10**6)
report(times)
assert history.interrupted
assert len(history.train_acc) == len(history.test_acc) > 0
steps = len(history.train_loss)
assert (steps == 0) == ({case!r} == "one long step")
if steps:
    twin, whole = fit(iterations=steps)
    assert history.train_loss == whole.train_loss
    # Interrupted between a step and the accuracies after it, a run lacks those.
    assert history.train_acc == whole.train_acc[:len(history.train_acc)]
    assert len(history.train_acc) >= len(whole.train_acc) - 1
else:
    twin, *_ = problem{sizes}
assert bits(net) == bits(twin)
""")
    assert seconds < SECONDS


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="this system has no alarms")
@pytest.mark.parametrize("method", ["direct", "incremental"])
def test_what_a_signal_handler_raises_arrives_as_it_is(method):
    seconds = seconds_until_it_ended(f"""
class TooLong(Exception):
    pass

def raise_it(*_):
    raise TooLong

signal.signal(signal.SIGALRM, raise_it)
net, x, t = problem(2000, 50, 500, 10000)
times = interrupt(0.5, signal.SIGALRM)
try:
    net.numerical_gradient(x, t, method={method!r})
except TooLong:
    report(times)
""")
    assert seconds < SECONDS


def test_a_signal_whose_handler_raises_nothing_stops_nothing():
    script = """
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(time.perf_counter()))
net, x, t = problem(60, 30, 10, 1000)
before = net.numerical_gradient(x, t, method="direct")
times = interrupt(0.1)
gradient = net.numerical_gradient(x, t, method="direct")
while not seen:
    time.sleep(0.01)
assert all(gradient[key].tobytes() == before[key].tobytes() for key in gradient)
report(times)
"""
    assert seconds_until_it_ended(script) > 0


def test_a_gradient_in_another_thread_leaves_ctrl_c_to_the_main_one():
    script = """
net, x, t = problem(784, 50, 10, 5000)
gradient = lambda: net.numerical_gradient(x, t, method="direct")
threading.Thread(target=gradient, daemon=True).start()
times = interrupt()
try:
    while True:
        time.sleep(0.01)
except KeyboardInterrupt:
    report(times)
"""
    assert seconds_until_it_ended(script) < SECONDS
