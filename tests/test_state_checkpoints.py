"""Checkpoints hold the states of optimizers and callbacks: runs go on bit for bit."""

import csv
import json
import os
import signal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kobai import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop, Trainer, TwoLayerNet
from kobai._training.trees import pack, unpack
from kobai.callbacks import Callback, CSVLogger, EarlyStopping, ReduceLROnPlateau
from processes import output_of
from runs import DATA, STEPS, OneByOne, bits, new_trainer

OPTIMIZERS = {
    "SGD": lambda: SGD(0.5),
    "SGD by schedule": lambda: SGD(lambda step: 0.5 / (1 + step)),
    "Momentum": lambda: Momentum(0.1),
    "Nesterov": lambda: Nesterov(0.1),
    "AdaGrad": lambda: AdaGrad(0.1),
    "RMSprop": lambda: RMSprop(0.01),
    "Adam": lambda: Adam(0.02),
    "Adam by schedule": lambda: Adam(lambda step: 0.02 * 0.9**step),
    "AdamW": lambda: AdamW(0.02, weight_decay=0.1),
}


class OwnAdam:
    """An optimizer of a user's own, which tells its state."""

    def __init__(self, lr=0.02):
        self.lr, self.t, self.means, self.log = lr, 0, {}, []

    def update(self, params, grads):
        self.t += 1
        self.log.append(float(grads["b2"][0]))
        for key, param in params.items():
            m, v = self.means.setdefault(key, (np.zeros_like(param), np.zeros_like(param)))
            m += 0.1 * (grads[key] - m)
            v += 0.001 * (grads[key] ** 2 - v)
            param -= self.lr * m / (np.sqrt(v) + 1e-7)

    def state_dict(self):
        return {"t": self.t, "means": self.means, "log": self.log, "lr": np.float64(self.lr)}

    def load_state_dict(self, state):
        self.t, self.log, self.lr = state["t"], list(state["log"]), state["lr"]
        self.means = {key: tuple(map(np.array, pair)) for key, pair in state["means"].items()}


def remembered(optimizer):
    """All that an optimizer remembers, in text."""
    arrays = {}
    text = json.dumps(pack("state", optimizer.state_dict(), arrays))
    return text, {key: (array.dtype, array.tobytes()) for key, array in arrays.items()}


def made(optimizer, **options):
    trainer, generator = new_trainer(**options)
    trainer.optimizer = optimizer()
    return trainer, generator


def end_of(trainer, generator, history):
    draws = generator.integers(0, 2**32, 3).tolist()
    return bits(trainer.net.params), remembered(trainer.optimizer), history, draws


def whole(optimizer, iterations, callbacks=None, **options):
    trainer, generator = made(optimizer, **options)
    own = None if callbacks is None else callbacks()
    return end_of(trainer, generator, trainer.fit(*DATA, iterations=iterations, callbacks=own))


def in_pieces(file, optimizer, cuts, callbacks=None, **options):
    for k, iterations in enumerate(cuts):
        trainer, generator = made(optimizer, **options)
        own = None if callbacks is None else callbacks()
        if k == 0:
            run = {"iterations": iterations, "checkpoint": file, "callbacks": own}
            history = trainer.fit(*DATA, **run)
        else:
            history = trainer.resume(file, *DATA, iterations=iterations, callbacks=own)
    return end_of(trainer, generator, history)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("kind", [TwoLayerNet, OneByOne])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_optimizer_is_continued_after_any_step(tmp_path, name, kind, dtype):
    optimizer, options = OPTIMIZERS[name], {"kind": kind, "dtype": dtype}
    expected = whole(optimizer, 8, **options)
    for cut in range(1, 9):
        assert in_pieces(tmp_path / "run.npz", optimizer, (cut, 8), **options) == expected, cut
    assert in_pieces(tmp_path / "run.npz", optimizer, range(1, 9), **options) == expected


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_core_and_single_steps_continue_each_other(tmp_path, name):
    optimizer = OPTIMIZERS[name]
    ends = [whole(optimizer, 12, kind=kind) for kind in (TwoLayerNet, OneByOne)]
    assert ends[0] == ends[1]


def test_a_users_optimizer_that_tells_its_state_is_continued(tmp_path):
    expected = whole(OwnAdam, 13)
    for cut in range(1, 14):
        assert in_pieces(tmp_path / "run.npz", OwnAdam, (cut, 13)) == expected, cut


def test_a_subclass_is_continued_if_it_tells_its_state_itself(tmp_path):
    class Silent(Momentum):
        """Inherits the state of its parent, and remembers more."""

        def update(self, params, grads):
            self.more = 1
            super().update(params, grads)

    class Half(Silent):
        def state_dict(self):
            return super().state_dict()

    class Telling(Half):
        def load_state_dict(self, state):
            super().load_state_dict(state)

    file = tmp_path / "run.npz"
    for kind in (Silent, Half):
        trainer, _ = made(lambda kind=kind: kind(0.1))
        with pytest.raises(
            TypeError, match=f"load_state_dict.state. of its own, got {kind.__name__}"
        ):
            trainer.fit(*DATA, epochs=1, checkpoint=file)
    assert not file.exists()
    expected = whole(lambda: Telling(0.1), 9)
    assert in_pieces(file, lambda: Telling(0.1), (4, 9)) == expected


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "state_dict() must return a dict, got None"),
        ([1], "must return a dict"),
        ({"a": object()}, "optimizer/a must be made of numbers, text, arrays"),
        ({"a": np.array([None])}, "optimizer/a must hold numbers, got dtype object"),
        ({"a": {1: 2}}, "optimizer/a must have keys that are text, got 1"),
        ({"a": {"b": {1, 2}}}, "optimizer/a/b must be made of"),
        ({"a": list(range(100_000))}, "in at most"),
    ],
)
def test_a_state_that_no_file_can_hold_is_named_after_the_last_whole_step(tmp_path, state, words):
    class Mine(OwnAdam):
        def state_dict(self):
            return state

    trainer, _ = made(Mine)
    file = tmp_path / "run.npz"
    with pytest.raises((TypeError, ValueError)) as caught:
        trainer.fit(*DATA, epochs=2, checkpoint=file)
    assert words in str(caught.value), str(caught.value)
    assert len(trainer.history.train_loss) == STEPS
    assert not file.exists()


STATES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from([np.float32(0.1), np.int64(7), np.bool_(True), np.arange(3), np.eye(2, 3)])
    | st.builds(np.array, st.floats()),
    lambda inner: st.lists(inner, max_size=3)
    | st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


def same(one, other):
    if isinstance(one, (np.ndarray, np.generic)):
        return (
            type(one) is type(other)
            and one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and all(map(same, one, other)) and len(one) == len(other)
    return type(one) is type(other) and (one == other or one != one)


@given(STATES)
def test_any_state_comes_back_as_it_was(state):
    arrays = {}
    text = json.loads(json.dumps(pack("state", state, arrays)))
    assert all(name.startswith("state") for name in arrays)
    assert same(state, unpack(text, arrays))
    assert arrays == {}


# Callbacks


def callbacks_of(folder):
    def make():
        return [
            EarlyStopping("loss", patience=4, restore_best_weights=True),
            ReduceLROnPlateau("val_accuracy", factor=0.5, patience=2),
            CSVLogger(folder / "log.csv"),
            Callback(),
        ]

    return make


def log_of(folder):
    """The rows but for the seconds."""
    with (folder / "log.csv").open(newline="") as stream:
        return [row[:-1] for row in csv.reader(stream)]


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_callbacks_are_continued_after_any_step(tmp_path, name):
    optimizer, callbacks = OPTIMIZERS[name], callbacks_of(tmp_path)
    steps = 6 * STEPS
    expected, log = whole(optimizer, steps, callbacks), log_of(tmp_path)
    assert len(log) == 7
    for cut in range(1, steps + 1):
        end = in_pieces(tmp_path / "run.npz", optimizer, (cut, steps), callbacks)
        assert end == expected, cut
        assert log_of(tmp_path) == log, cut


@given(cuts=st.lists(st.integers(1, 60), min_size=2, max_size=5))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_runs_that_are_stopped_early_and_continued_end_the_same(tmp_path, cuts):
    callbacks, cuts = callbacks_of(tmp_path), sorted(cuts)
    expected, log = whole(OPTIMIZERS["SGD"], cuts[-1], callbacks), log_of(tmp_path)
    assert in_pieces(tmp_path / "run.npz", OPTIMIZERS["SGD"], cuts, callbacks) == expected
    assert log_of(tmp_path) == log


def test_a_run_that_was_stopped_is_at_its_end(tmp_path):
    file = tmp_path / "run.npz"

    def stopping():
        return [EarlyStopping("loss", patience=2, min_delta=1.0, restore_best_weights=True)]

    expected = whole(OPTIMIZERS["Adam"], 20 * STEPS, stopping)
    assert len(expected[2].train_loss) == 3 * STEPS
    trainer, generator = made(OPTIMIZERS["Adam"])
    trainer.fit(*DATA, epochs=20, callbacks=stopping(), checkpoint=file)
    for _ in range(2):
        trainer, generator = made(OPTIMIZERS["Adam"])
        assert end_of(trainer, generator, trainer.resume(file, *DATA, callbacks=stopping())) == (
            expected
        )
    # More is trained where that is asked for, and then looked at again.
    history = made(OPTIMIZERS["Adam"])[0].resume(file, *DATA, epochs=9, callbacks=stopping())
    assert len(history.train_loss) == 4 * STEPS


class Interrupting(Callback):
    """Ends a run in a hook, once."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None, **kwargs):
        if epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_callbacks_that_had_not_been_told_are_told_later(tmp_path, position):
    callbacks, file = callbacks_of(tmp_path), tmp_path / "run.npz"
    expected, log = whole(OPTIMIZERS["Adam"], 6 * STEPS, callbacks), log_of(tmp_path)
    trainer, _ = made(OPTIMIZERS["Adam"])
    listed = callbacks()
    listed.insert(position, Interrupting(2))
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(*DATA, epochs=6, callbacks=listed, checkpoint=file)
    assert len(trainer.history.train_acc) == 4
    trainer, generator = made(OPTIMIZERS["Adam"])
    history = trainer.resume(file, *DATA, callbacks=callbacks())
    assert end_of(trainer, generator, history) == expected
    assert log_of(tmp_path) == log


def test_a_users_callback_with_a_state_is_continued(tmp_path):
    class Counting(Callback):
        def __init__(self):
            self.epochs = []

        def on_epoch_end(self, epoch, logs=None, **kwargs):
            self.epochs.append(epoch)

        def state_dict(self):
            return {"epochs": self.epochs}

        def load_state_dict(self, state):
            self.epochs = state["epochs"]

    file, counting = tmp_path / "run.npz", Counting()
    made(OPTIMIZERS["SGD"])[0].fit(*DATA, epochs=2, callbacks=[counting], checkpoint=file)
    other = Counting()
    made(OPTIMIZERS["SGD"])[0].resume(file, *DATA, epochs=4, callbacks=[Callback(), other])
    assert (counting.epochs, other.epochs) == ([0, 1], [0, 1, 2, 3])
    with pytest.raises(
        ValueError, match=r"its run had callbacks \['Counting'\], this one has \[\]"
    ):
        made(OPTIMIZERS["SGD"])[0].resume(file, *DATA)


# Hostile files


def contents(file):
    with np.load(file, allow_pickle=False) as archive:
        return dict(archive)


def rewritten(file, change):
    """The file, its arrays and its text given to a function that changes them."""
    arrays = contents(file)
    text = json.loads(arrays["run"].tobytes())
    change(arrays, text)
    np.savez(file, **(arrays | {"run": np.frombuffer(json.dumps(text).encode(), np.uint8)}))


def set_text(*path, to):
    def change(arrays, text):
        *before, last = path
        for key in before:
            text = text[key]
        text[last] = to

    return change


def set_array(name, to):
    def change(arrays, text):
        if to is None:
            del arrays[name]
        else:
            arrays[name] = to

    return change


HOSTILE = {
    "no m": set_array("optimizer/m/W1", None),
    "another shape": set_array("optimizer/m/W1", np.zeros((6, 2))),
    "another dtype": set_array("optimizer/v/b1", np.zeros(6, np.float32)),
    "integers": set_array("optimizer/v/b1", np.zeros(6, int)),
    "one array more": set_array("optimizer/v/b3", np.zeros(6)),
    "one of weights more": set_array("callbacks/0/weights/b3", np.zeros(6)),
    "weights of another shape": set_array("callbacks/0/weights/b1", np.zeros(5)),
    "weights of another dtype": set_array("callbacks/0/weights/b1", np.zeros(6, np.float32)),
    "no weights": set_array("callbacks/0/weights/b1", None),
    "an array twice": set_text("optimizer", "m", "W1", to=["array", "optimizer/v/W1"]),
    "a parameter as state": set_text("optimizer", "m", "W1", to=["array", "params/W1"]),
    "a list as state": set_text("optimizer", "m", to=["list"]),
    "m without a key": set_text("optimizer", "m", to={}),
    "no packed state": set_text("optimizer", "m", to=[]),
    "an unknown kind": set_text("optimizer", "m", to=["pickle", "optimizer/m/W1"]),
    "an array of no name": set_text("optimizer", "m", "W1", to=["array", 5]),
    "an array as scalar": set_text("optimizer", "m", "W1", to=["scalar", "optimizer/m/W1"]),
    "iter": set_text("optimizer", "iter", to=-1),
    "text as lr": set_text("optimizer", "lr", to="0.02"),
    "another lr": set_text("optimizer", "lr", to=-0.02),
    "told too many": set_text("told", to=2),
    "told none": set_text("told", to=-1),
    "no callback": set_text("callbacks", to=[]),
    "a callback more": set_text("callbacks", to=[{}, {}]),
    "a callback of text": set_text("callbacks", to=["best"]),
    "a wait of text": set_text("callbacks", 0, "wait", to="1"),
    "a negative wait": set_text("callbacks", 0, "wait", to=-1),
    "a best of text": set_text("callbacks", 0, "best", to="1"),
    "weights of text": set_text("callbacks", 0, "weights", to="W1"),
    "weights in a list": set_text("callbacks", 0, "weights", to=["list", 1]),
    "a best epoch": set_text("callbacks", 0, "best_epoch", to=1.5),
    "stopped": set_text("stopped", to="no"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_states_that_were_spoilt_are_refused_and_nothing_changes(tmp_path, kind):
    def stopping():
        return EarlyStopping("loss", patience=9, restore_best_weights=True)

    file = tmp_path / "run.npz"
    made(OPTIMIZERS["Adam"])[0].fit(*DATA, epochs=2, callbacks=[stopping()], checkpoint=file)
    rewritten(file, HOSTILE[kind])
    trainer, _ = made(OPTIMIZERS["Adam"])
    own = stopping()
    before = bits(trainer.net.params), remembered(trainer.optimizer), dict(vars(own))
    with pytest.raises(ValueError, match=r"run\.npz"):
        trainer.resume(file, *DATA, callbacks=[own])
    assert (bits(trainer.net.params), remembered(trainer.optimizer), vars(own)) == before


def test_an_optimizer_with_another_setting_is_refused(tmp_path):
    file = tmp_path / "run.npz"
    made(lambda: Momentum(0.1, momentum=0.5))[0].fit(*DATA, epochs=1, checkpoint=file)
    for other, words in (
        (lambda: Momentum(0.1), r"momentum=0.5\), this one has Momentum\(momentum=0.9\)"),
        (lambda: Nesterov(0.1, momentum=0.5), "this one has Nesterov"),
        (lambda: Momentum(lambda step: 0.1, 0.5), "this one has Momentum.lr=function"),
        (lambda: Momentum(0.2, 0.5), "its run had lr 0.1, this one has 0.2"),
        (OwnAdam, "this one has OwnAdam"),
    ):
        with pytest.raises(ValueError, match=words):
            made(other)[0].resume(file, *DATA, epochs=2)


KILLED = """
from kobai import Adam
from kobai.callbacks import CSVLogger, EarlyStopping, ReduceLROnPlateau

def callbacks(name):
    return [
        EarlyStopping("loss", patience=EPOCHS, restore_best_weights=True),
        ReduceLROnPlateau("loss", factor=0.5, patience=2),
        CSVLogger(FILE.with_name(name)),
    ]

def adam():
    made = trainer()
    made.optimizer = Adam(0.01)
    return made

def rows(name):
    lines = FILE.with_name(name).read_text().splitlines()
    return [line.rpartition(",")[0] for line in lines]

EPOCHS = 100
reference = adam()
history = reference.fit(*data, epochs=EPOCHS, callbacks=callbacks("whole.csv"))

kills = 0
while True:
    pid = os.fork()
    if pid == 0:
        run, own = adam(), callbacks("cut.csv")
        if FILE.exists():
            run.resume(FILE, *data, callbacks=own)
        else:
            run.fit(*data, epochs=EPOCHS, checkpoint=FILE, callbacks=own)
        np.savez(FILE.with_name("end.npz"), **run.net.params)
        os._exit(0)
    time.sleep(random.uniform(0, 0.2))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if FILE.with_name("end.npz").exists():
        break
    kills += 1
last = adam()
assert last.resume(FILE, *data, callbacks=callbacks("cut.csv")) == history
assert bits(last) == bits(reference)
assert last.optimizer.lr == reference.optimizer.lr
assert rows("cut.csv") == rows("whole.csv")
assert len(rows("whole.csv")) == EPOCHS + 1
print("killed and the same")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_killed_at_any_moment_it_goes_on_to_the_same_end(tmp_path):
    script = f"{SETTING_AND_FILE.format(tmp_path / 'run.npz')}\n{KILLED}"
    assert output_of(script) == "killed and the same\n"


SETTING_AND_FILE = """
import os, random, signal, time
from pathlib import Path
import numpy as np
from kobai import SGD, Trainer, TwoLayerNet

FILE = Path("{}")
generator = np.random.default_rng(0)
data = generator.random((40, 5)), generator.integers(0, 4, 40)

def trainer():
    return Trainer(TwoLayerNet(5, 30, 4, 0.5, rng=0), SGD(0.5), batch_size=9, rng=0)

def bits(trainer):
    return {{key: param.tobytes() for key, param in trainer.net.params.items()}}
"""


def test_ctrl_c_at_any_step_keeps_the_state(tmp_path):
    """The optimizer's state is that of the last whole step, as the parameters are."""
    expected = whole(OPTIMIZERS["Adam"], 13)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for fatal in range(13):
            calls = iter(range(99))

            class Interrupted(Adam):
                def update(self, params, grads, calls=calls, fatal=fatal):
                    if next(calls) == fatal:
                        signal.raise_signal(signal.SIGINT)
                    super().update(params, grads)

                def state_dict(self):
                    return super().state_dict()

                def load_state_dict(self, state):
                    super().load_state_dict(state)

            Interrupted.__name__ = "Adam"
            trainer, _ = made(lambda: Interrupted(0.02))
            file = tmp_path / f"{fatal}.npz"
            with pytest.raises(KeyboardInterrupt):
                trainer.fit(*DATA, iterations=13, checkpoint=file)
            assert len(trainer.history.train_loss) == fatal + 1
            rewritten(
                file, set_text("run", "optimizer", to="Adam(beta1=0.9, beta2=0.999, epsilon=1e-07)")
            )
            rewritten(file, set_text("lr_at_start", to=0.02))
            trainer, generator = made(OPTIMIZERS["Adam"])
            assert end_of(trainer, generator, trainer.resume(file, *DATA)) == expected
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_run_of_another_version_says_so(tmp_path):
    file = tmp_path / "run.npz"
    Trainer(TwoLayerNet(2, 6, 4, rng=0)).fit(*DATA, epochs=1, checkpoint=file)
    rewritten(file, set_text("version", to=1))
    with pytest.raises(ValueError, match="run must be a description of version 2"):
        Trainer(TwoLayerNet(2, 6, 4, rng=0)).resume(file, *DATA)
