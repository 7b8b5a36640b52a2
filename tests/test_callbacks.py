"""Callbacks: when hooks are called, with what, how they end a run, and what survives its end."""

import csv
import math
import signal
import time

import numpy as np
import pytest

from kobai import SGD, Adam, History, Trainer, TwoLayerNet, _core, callbacks
from kobai.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from runs import DATA, STEPS, OneByOne, bits, new_trainer, uninterrupted

KINDS = [TwoLayerNet, OneByOne]


class Recorder(Callback):
    """Notes which hooks are called, and after how many steps."""

    def __init__(self, answers=()):
        self.calls, self.answers = [], dict(answers)

    def note(self, name, epoch, logs, history):
        self.calls.append((name, epoch, sorted(logs), len(history.train_loss)))
        return self.answers.get((name, epoch))

    def on_train_begin(self, logs=None, *, history, **kwargs):
        return self.note("train begin", None, logs, history)

    def on_train_end(self, logs=None, *, history, **kwargs):
        return self.note("train end", None, logs, history)

    def on_epoch_begin(self, epoch, logs=None, *, history, **kwargs):
        return self.note("begin", epoch, logs, history)

    def on_epoch_end(self, epoch, logs=None, *, history, **kwargs):
        return self.note("end", epoch, logs, history)


def names(recorder):
    return [(name, epoch) for name, epoch, *_ in recorder.calls]


WITHOUT_TEST = ["accuracy", "loss", "lr", "seconds"]
WITH_TEST = sorted([*WITHOUT_TEST, "val_accuracy", "val_loss"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", [DATA, DATA[:2]])
def test_hooks_are_called_between_the_epochs(kind, data):
    recorder = Recorder()
    new_trainer(kind=kind)[0].fit(*data, iterations=2 * STEPS + 3, callbacks=[recorder])
    logs = WITH_TEST if len(data) == 4 else WITHOUT_TEST
    assert recorder.calls == [
        ("train begin", None, [], 0),
        ("begin", 0, [], 0),
        ("end", 0, logs, STEPS),
        ("begin", 1, [], STEPS),
        ("end", 1, logs, 2 * STEPS),
        ("begin", 2, [], 2 * STEPS),
        ("train end", None, logs, 2 * STEPS + 3),
    ]


def test_logs_are_what_the_history_records():
    trainer, _ = new_trainer()
    seen = []

    def note(epoch, logs, trainer, net, history):
        seen.append(logs)
        assert net is trainer.net
        assert history is trainer.history
        losses = history.train_loss[epoch * STEPS :]
        assert len(losses) == STEPS
        assert logs["loss"] == pytest.approx(np.mean(losses), rel=1e-14)
        assert logs["accuracy"] == history.train_acc[-1]
        assert logs["val_loss"] == history.test_loss[-1]
        assert logs["val_accuracy"] == history.test_acc[-1]
        assert logs["lr"] == 0.5
        assert 0 < logs["seconds"] < 60

    class Noted(Callback):
        def on_epoch_end(self, epoch, logs=None, **kwargs):
            note(epoch, logs, **kwargs)

    trainer.fit(*DATA, epochs=3, callbacks=[Noted()])
    assert len(seen) == 3


@pytest.mark.parametrize("optimizer", [SGD(lambda k: 1 / (1 + k)), Adam(lambda k: 1 / (1 + k))])
def test_the_rate_in_logs_is_that_of_the_last_step(optimizer):
    seen = []
    trainer, _ = new_trainer()
    trainer.optimizer = optimizer
    hook = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["lr"]))
    trainer.fit(*DATA, epochs=2, callbacks=[hook])
    assert seen == [1 / STEPS, 1 / (2 * STEPS)]


def test_an_optimizer_that_tells_no_rate_has_none_in_logs():
    class Silent:
        def update(self, params, grads):
            SGD(0.1).update(params, grads)

    seen = []
    trainer, _ = new_trainer()
    trainer.optimizer = Silent()
    trainer.fit(*DATA, epochs=1, callbacks=[LambdaCallback(on_epoch_end=lambda _, logs: seen.append(
        "lr" in logs))])  # fmt: skip
    assert seen == [False]


def test_steps_stay_fused(monkeypatch):
    calls = []
    train = _core.network_train

    def counted(*arguments):
        calls.append(len(arguments[5]))
        return train(*arguments)

    monkeypatch.setattr(_core, "network_train", counted)
    x, t = np.random.default_rng(0).random((2000, 3)), np.arange(2000) % 4
    trainer = Trainer(TwoLayerNet(3, 5, 4, rng=0), SGD(0.1), batch_size=10, rng=0)
    stopping = EarlyStopping("loss", patience=99, restore_best_weights=True)
    trainer.fit(x, t, epochs=5, callbacks=[Recorder(), stopping])
    assert sum(calls) > 900
    assert max(calls) > 20


@pytest.mark.parametrize("kind", KINDS)
def test_callbacks_change_no_number(kind, tmp_path):
    expected = uninterrupted(4 * STEPS, kind=kind)
    quiet = [
        Callback(),
        EarlyStopping(patience=99, restore_best_weights=False),
        ReduceLROnPlateau(patience=99),
        TerminateOnNaN(),
        CSVLogger(tmp_path / "log.csv"),
        Recorder(),
    ]
    made = new_trainer(kind=kind)
    history = made[0].fit(*DATA, iterations=4 * STEPS, callbacks=quiet)
    assert history == expected[1]
    assert bits(made[0].net.params) == expected[0]


@pytest.mark.parametrize(
    ("answers", "steps", "called"),
    [
        ({("train begin", None): True}, 0, [("train begin", None)]),
        ({("begin", 0): True}, 0, [("train begin", None), ("begin", 0)]),
        (
            {("end", 0): True},
            STEPS,
            [("train begin", None), ("begin", 0), ("end", 0)],
        ),
        (
            {("begin", 1): np.True_},
            STEPS,
            [("train begin", None), ("begin", 0), ("end", 0), ("begin", 1)],
        ),
        (
            {("end", 0): 1, ("begin", 1): "yes", ("end", 1): [1]},
            2 * STEPS,
            [("train begin", None), ("begin", 0), ("end", 0), ("begin", 1), ("end", 1)],
        ),
        (
            {("train end", None): True},
            2 * STEPS,
            [("train begin", None), ("begin", 0), ("end", 0), ("begin", 1), ("end", 1)],
        ),
    ],
)
def test_a_hook_that_answers_true_ends_the_run(tmp_path, answers, steps, called):
    recorder, other = Recorder(answers), Recorder()
    trainer, _ = new_trainer()
    file = tmp_path / "run.npz"
    history = trainer.fit(*DATA, epochs=2, callbacks=[recorder, other], checkpoint=file)
    assert history is trainer.history
    assert not history.interrupted
    assert len(history.train_loss) == steps
    assert names(recorder) == names(other) == [*called, ("train end", None)]
    assert file.exists() == (steps > 0)
    if steps:
        assert bits(trainer.net.params) == uninterrupted(steps)[0]


@pytest.mark.parametrize("answer", [True, np.True_])
@pytest.mark.parametrize("kind", KINDS)
def test_on_epoch_that_answers_true_ends_the_run(tmp_path, kind, answer):
    trainer, _ = new_trainer(kind=kind)
    file = tmp_path / "run.npz"
    history = trainer.fit(
        *DATA,
        epochs=9,
        checkpoint=file,
        checkpoint_every=99,
        on_epoch=lambda history: answer if len(history.train_acc) == 3 else 5,
    )
    assert len(history.train_loss) == 2 * STEPS
    # Which is the end of the run, unless it is given more.
    made = new_trainer(kind=kind)
    assert len(made[0].resume(file, *DATA).train_loss) == 2 * STEPS
    assert len(made[0].resume(file, *DATA, epochs=3).train_loss) == 3 * STEPS
    assert bits(made[0].net.params) == uninterrupted(3 * STEPS, kind=kind)[0]


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_epoch_end"])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_an_exception_passes_through_after_the_checkpoint(tmp_path, hook, error):
    class Failing(Callback):
        pass

    def fail(self, epoch=None, logs=None, **kwargs):
        if epoch != 0:
            raise error("of a hook")

    setattr(Failing, hook, fail)
    trainer, _ = new_trainer()
    file, recorder = tmp_path / "run.npz", Recorder()
    with pytest.raises(error, match="of a hook"):
        trainer.fit(
            *DATA, epochs=9, callbacks=[recorder, Failing(), Recorder()], checkpoint=file,
            checkpoint_every=99,
        )  # fmt: skip
    steps = {"on_train_begin": 0, "on_epoch_begin": STEPS, "on_epoch_end": 2 * STEPS}[hook]
    assert len(trainer.history.train_loss) == steps
    assert trainer.history.interrupted == (error is KeyboardInterrupt)
    assert names(recorder)[-1] == ("train end", None)
    assert file.exists() == (steps > 0)
    if steps:
        made = new_trainer()
        made[0].resume(file, *DATA, iterations=4 * STEPS)
        assert bits(made[0].net.params) == uninterrupted(4 * STEPS)[0]


def test_all_callbacks_are_told_of_the_end_and_the_first_error_is_raised():
    class Failing(Callback):
        def __init__(self, error):
            self.error = error

        def on_train_end(self, logs=None, **kwargs):
            raise self.error

    recorder = Recorder()
    failing = [Failing(ValueError("first")), Failing(KeyError("second")), recorder]
    with pytest.raises(ValueError, match="first"):
        new_trainer()[0].fit(*DATA, epochs=1, callbacks=failing)
    assert names(recorder)[-1] == ("train end", None)


def test_callbacks_may_change_rates_parameters_and_data():
    x, t = DATA[0].copy(), DATA[1].copy()
    ends = []
    for kind in KINDS:
        trainer, _ = new_trainer(kind=kind)

        class Changing(Callback):
            def on_epoch_begin(self, epoch, logs=None, *, trainer, **kwargs):
                trainer.optimizer.lr = 0.5 / (1 + epoch)

            def on_epoch_end(self, epoch, logs=None, *, net, **kwargs):
                net.params["b2"] += 0.25
                net.params["W1"] = net.params["W1"] * 0.5
                x[epoch] += 1

        x[...] = DATA[0]
        history = trainer.fit(x, t, epochs=4, callbacks=[Changing()])
        ends.append((history, bits(trainer.net.params), trainer.optimizer.lr))
    assert ends[0] == ends[1]
    assert ends[0][2] == 0.125


def test_objects_with_a_hook_are_callbacks_too():
    class Duck:
        calls = 0

        def on_epoch_end(self, epoch, logs, trainer, net, history):
            self.calls += 1

    duck = Duck()
    new_trainer()[0].fit(*DATA, epochs=2, callbacks=(duck,))
    assert duck.calls == 2
    assert new_trainer()[0].fit(*DATA, epochs=1, callbacks=Recorder())
    assert new_trainer()[0].fit(*DATA, epochs=1, callbacks=[])


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (5, TypeError, "callbacks must be a list of callbacks, got 5"),
        ("abc", TypeError, "callbacks must be a list of callbacks"),
        ([EarlyStopping], TypeError, "got the class EarlyStopping: write EarlyStopping()"),
        ([print], TypeError, "callbacks[0] must have one of the hooks on_train_begin"),
        ([Callback(), None], TypeError, "callbacks[1] must have one of the hooks"),
        ([EarlyStopping()], ValueError, "callbacks[0] monitors val_loss, which needs x_test"),
        ([ReduceLROnPlateau("val_accuracy")], ValueError, "monitors val_accuracy"),
    ],
)
def test_what_is_no_callback_is_named_before_the_training(given, error, words):
    trainer, _ = new_trainer()
    before = bits(trainer.net.params)
    with pytest.raises(error) as caught:
        trainer.fit(*DATA[:2], epochs=2, callbacks=given, on_epoch=pytest.fail)
    assert words in str(caught.value), str(caught.value)
    assert bits(trainer.net.params) == before


# Early stopping


def stopped_by(values, **options):
    """After which of the values it stops; None if after none."""
    stopping = EarlyStopping("loss", **options)
    for k, value in enumerate(values):
        if stopping.on_epoch_end(k, {"loss": value}):
            return k
    return None


def test_early_stopping_counts_epochs_without_an_improvement():
    falling = [3.0, 2.0, 1.0, 0.5]
    assert stopped_by(falling) is None
    assert stopped_by([3.0, 3.0]) == 1
    assert stopped_by([3.0, 4.0, 2.0, 2.5, 2.5, 1.0], patience=2) == 4
    assert stopped_by([3.0, 4.0, 5.0], patience=3) is None
    assert stopped_by([3.0, 4.0, 5.0, 6.0], patience=3) == 3
    assert stopped_by(falling, min_delta=0.75) == 3
    assert stopped_by(falling, mode="max") == 1
    assert stopped_by([math.nan, math.nan, math.nan], patience=2) == 1
    assert stopped_by([2.0, math.nan, 1.0, math.nan, math.nan], patience=2) == 4
    accuracy = EarlyStopping("accuracy", patience=2)
    answers = [
        accuracy.on_epoch_end(k, {"accuracy": a}) for k, a in enumerate([0.1, 0.5, 0.4, 0.5])
    ]
    assert answers == [False, False, False, True]
    assert (accuracy.best, accuracy.best_epoch, accuracy.wait) == (0.5, 1, 2)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"monitor": "accuracies"}, ValueError, "monitor must be one of 'loss'"),
        ({"monitor": None}, ValueError, "monitor must be one of"),
        ({"mode": "up"}, ValueError, "mode must be one of"),
        ({"patience": -1}, ValueError, "patience"),
        ({"patience": 1.5}, TypeError, "patience must be an integer"),
        ({"min_delta": -1}, ValueError, "min_delta"),
        ({"min_delta": "a"}, TypeError, "min_delta"),
    ],
)
def test_monitors_refuse_what_makes_no_sense(options, error, words):
    for kind in (EarlyStopping, ReduceLROnPlateau):
        with pytest.raises(error, match=words):
            kind(**options)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"factor": 1.0}, ValueError),
        ({"factor": -0.1}, ValueError),
        ({"factor": "a"}, TypeError),
        ({"cooldown": -1}, ValueError),
        ({"min_lr": -1.0}, ValueError),
    ],
)
def test_a_plateau_refuses_what_makes_no_sense(options, error):
    with pytest.raises(error, match=next(iter(options))):
        ReduceLROnPlateau(**options)


def weights_by_epoch(epochs, **options):
    """The parameters after each epoch."""
    return [uninterrupted((k + 1) * STEPS, **options)[0] for k in range(epochs)]


class Scripted(EarlyStopping):
    """Monitors losses of a script, whatever those of the training are."""

    def __init__(self, script, **options):
        super().__init__("loss", restore_best_weights=True, **options)
        self.script = script

    def on_epoch_end(self, epoch, logs=None, **kwargs):
        return super().on_epoch_end(epoch, {"loss": self.script[epoch]}, **kwargs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", ["patience", "epochs", "iterations", "True", "error", "Ctrl-C"])
def test_the_best_weights_come_back_however_training_ended(tmp_path, kind, end):
    script = [5.0, 4.0, 2.0, 3.0, 3.0, 3.0]
    expected = weights_by_epoch(3, kind=kind)[2]
    trainer, _ = new_trainer(kind=kind)
    arrays = dict(trainer.net.params)
    file = tmp_path / "run.npz"

    def on_epoch(history):
        if len(history.train_acc) == 6:
            if end == "error":
                raise ZeroDivisionError
            if end == "Ctrl-C":
                raise KeyboardInterrupt
            return end == "True"
        return None

    length = {"iterations": 4 * STEPS + 2} if end == "iterations" else {"epochs": 6}
    if end == "epochs":
        length = {"epochs": 5}
    patience = 2 if end == "patience" else 99
    stopping = Scripted(script, patience=patience)
    try:
        trainer.fit(*DATA, **length, callbacks=[stopping], on_epoch=on_epoch, checkpoint=file)
    except (ZeroDivisionError, KeyboardInterrupt):
        assert end in ("error", "Ctrl-C")
    assert bits(trainer.net.params) == expected
    assert all(trainer.net.params[key] is arrays[key] for key in arrays)
    # The checkpoint holds the last step all the same.
    steps = len(trainer.history.train_loss)
    assert steps == (4 * STEPS + 2 if end == "iterations" else 5 * STEPS)
    with np.load(file) as archive:
        last = uninterrupted(steps, kind=kind)[0]
        assert {key: archive[f"params/{key}"].tobytes() for key in last} == {
            key: content for key, (*_, content) in last.items()
        }


def test_without_an_epoch_nothing_comes_back():
    trainer, _ = new_trainer()
    stopping = EarlyStopping("loss", restore_best_weights=True)
    trainer.fit(*DATA, iterations=STEPS - 1, callbacks=[stopping])
    assert bits(trainer.net.params) == uninterrupted(STEPS - 1)[0]
    assert stopping.best is None


def test_best_weights_of_replaced_parameters_come_back_as_new_arrays():
    trainer, _ = new_trainer()

    class Replacing(Callback):
        def on_epoch_end(self, epoch, logs=None, *, net, **kwargs):
            if epoch == 2:
                net.params["b2"] = net.params["b2"].copy()
                net.params["b2"].flags.writeable = False

    stopping = Scripted([3.0, 2.0, 4.0], patience=99)
    trainer.fit(*DATA, epochs=3, callbacks=[stopping, Replacing()])
    assert bits(trainer.net.params) == weights_by_epoch(2)[1]


def test_a_stopping_is_used_again_from_the_start():
    stopping = EarlyStopping("loss", patience=1, min_delta=1.0)
    ends = []
    for _ in range(2):
        trainer, _ = new_trainer(lr=0.0)
        ends.append(len(trainer.fit(*DATA, epochs=9, callbacks=[stopping]).train_loss))
    assert ends[0] == ends[1] == 2 * STEPS


# The learning rate


def test_a_plateau_lowers_the_rate():
    def run(values, **options):
        trainer, _ = new_trainer(lr=1.0)
        slower = ReduceLROnPlateau("loss", factor=0.5, **options)
        slower.on_train_begin({}, trainer=trainer, history=History())
        rates = []
        for k, value in enumerate(values):
            slower.on_epoch_end(k, {"loss": value}, trainer=trainer)
            rates.append(trainer.optimizer.lr)
        return rates

    assert run([1.0] * 6, patience=2) == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    assert run([1.0] * 6, patience=1, min_lr=0.3) == [1.0, 0.5, 0.3, 0.3, 0.3, 0.3]
    assert run([1.0] * 7, patience=1, cooldown=2) == [1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]
    assert run([5.0, 4.0, 3.0, 3.0], patience=1) == [1.0, 1.0, 1.0, 0.5]
    assert run([5.0, 4.99, 4.98], patience=1, min_delta=0.1) == [1.0, 0.5, 0.25]
    assert run([1.0, 2.0, 3.0], patience=1, mode="max") == [1.0, 1.0, 1.0]


def test_a_plateau_wants_a_rate_that_is_a_number():
    for optimizer in (SGD(lambda step: 0.1), type("Mine", (), {"update": lambda *_: None})()):
        trainer, _ = new_trainer()
        trainer.optimizer = optimizer
        with pytest.raises(TypeError, match="ReduceLROnPlateau needs an optimizer whose lr is"):
            trainer.fit(*DATA, epochs=2, callbacks=[ReduceLROnPlateau("loss")])
        assert trainer.history.train_loss == []


# Others


def test_a_lambda_gets_what_it_takes():
    calls = []

    def with_all(*arguments, **kwargs):
        calls.append((len(arguments), sorted(kwargs)))

    hook = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: calls.append(("begin", epoch)),
        on_epoch_end=with_all,
        on_train_begin=lambda logs: calls.append("train begin"),
        on_train_end=lambda logs: calls.append("train end"),
    )
    new_trainer()[0].fit(*DATA, epochs=1, callbacks=[hook, LambdaCallback()])
    everything = (2, ["history", "net", "trainer"])
    assert calls == ["train begin", ("begin", 0), everything, "train end"]
    with pytest.raises(TypeError, match="on_epoch_end must be callable, got 5"):
        LambdaCallback(on_epoch_end=5)
    stop = LambdaCallback(on_epoch_end=lambda epoch, logs: epoch == 1)
    assert len(new_trainer()[0].fit(*DATA, epochs=9, callbacks=[stop]).train_loss) == 2 * STEPS
    # Some functions written in C have no signature.
    LambdaCallback(on_train_end=print).on_train_end({}, net=None)


@pytest.mark.filterwarnings("ignore:the loss of step:RuntimeWarning")
def test_a_loss_that_is_not_a_number_ends_the_training():
    trainer, _ = new_trainer(dtype=np.float32, lr=1e300)
    history = trainer.fit(*DATA, epochs=9, callbacks=[TerminateOnNaN()])
    assert len(history.train_loss) == STEPS
    terminate = TerminateOnNaN()
    assert [terminate.on_epoch_end(0, {"loss": x}) for x in (1.0, math.nan, math.inf)] == [
        False,
        True,
        True,
    ]


def rows(file, **options):
    with file.open(newline="") as stream:
        return list(csv.reader(stream, **options))


def test_a_logger_writes_a_row_an_epoch(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text("old\n")
    seen = []
    trainer, _ = new_trainer()
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch, dict(logs))))
    trainer.fit(*DATA, epochs=3, callbacks=[CSVLogger(file), note])
    head, *body = rows(file)
    assert head == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr", "seconds"]
    assert [[float(cell) for cell in row] for row in body] == [
        [epoch, *(logs[name] for name in head[1:])] for epoch, logs in seen
    ]


def test_a_logger_takes_another_separator_and_goes_on_in_a_file(tmp_path):
    file = tmp_path / "log.csv"
    for append in (False, True):
        logger = CSVLogger(str(file), separator="\t", append=append)
        new_trainer()[0].fit(*DATA, epochs=2, callbacks=[logger])
    assert [row[0] for row in rows(file, delimiter="\t")] == ["epoch", "0", "1", "0", "1"]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((5,), TypeError, "file must be a path"),
        (("log.csv", ";;"), ValueError, "separator must be one character"),
        (("log.csv", '"'), ValueError, "separator must be one character"),
        (("log.csv", 5), TypeError, "separator must be text"),
    ],
)
def test_a_logger_refuses_what_makes_no_sense(arguments, error, words):
    with pytest.raises(error, match=words):
        CSVLogger(*arguments)


def test_a_log_that_cannot_be_written_is_found_before_the_training(tmp_path):
    trainer, _ = new_trainer()
    for place in (tmp_path, tmp_path / "absent" / "log.csv"):
        with pytest.raises(OSError, match="file must be"):
            trainer.fit(*DATA, epochs=1, callbacks=[CSVLogger(place)])
        assert trainer.history.train_loss == []


def test_ctrl_c_waits_for_the_end_of_our_hooks(monkeypatch):
    done = []

    class Slow(EarlyStopping):
        def on_epoch_end(self, epoch, logs=None, **kwargs):
            signal.raise_signal(signal.SIGINT)
            done.append(super().on_epoch_end(epoch, logs, **kwargs))

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        trainer, _ = new_trainer()
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(*DATA, epochs=3, callbacks=[Slow("loss")])
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == [False]
    assert trainer.history.interrupted


def test_three_callbacks_take_little_of_an_epoch(tmp_path):
    """Loosely: less than an epoch of a small data set takes."""
    x, t = np.random.default_rng(0).random((20_000, 50), np.float32), np.arange(20_000) % 10
    seconds = []
    three = [
        EarlyStopping("loss", patience=99, restore_best_weights=True),
        ReduceLROnPlateau("loss", patience=99),
        CSVLogger(tmp_path / "log.csv"),
    ]
    for hooks in ([], three) * 3:
        net = TwoLayerNet(50, 20, 10, rng=0, dtype=np.float32)
        start = time.perf_counter()
        Trainer(net, SGD(0.1), rng=0).fit(x, t, epochs=3, callbacks=hooks)
        seconds.append(time.perf_counter() - start)
    assert min(seconds[1::2]) < 2 * min(seconds[::2]) + 0.05


def test_the_module_offers_what_the_page_says():
    assert callbacks.__all__ == sorted(callbacks.__all__)
    assert set(callbacks.__all__) == {
        "CSVLogger", "Callback", "EarlyStopping", "LambdaCallback", "ReduceLROnPlateau",
        "TerminateOnNaN",
    }  # fmt: skip
