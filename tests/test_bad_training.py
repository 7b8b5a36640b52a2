"""Trainings that make no sense are refused by name before anything is trained."""

import os
from functools import partial

import numpy as np
import pytest

from kobai import SGD, Adam, Momentum, MultiLayerNet, Trainer, TwoLayerNet, optimizers
from kobai._training.rates import spread_steps
from kobai.callbacks import CSVLogger, EarlyStopping, ReduceLROnPlateau
from kobai.losses import Huber, Pinball
from runs import bits

RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)
NUMBERS = RNG.normal(size=(30, 3))
ONES = np.ones(30)


def of_classes(**options):
    return MultiLayerNet(4, [5, 5], 3, **{"rng": 0} | options)


def of_numbers(outputs=3, loss="squared_error"):
    return MultiLayerNet(4, [5], outputs, loss=loss, rng=0)


def refused(kind, words, net, t, optimizer=None, *, settings=None, x=X, **options):
    """What `fit` raises, after checking that nothing was evaluated or trained."""
    before = bits(net.params)
    seen = []
    options = {
        "epochs": 2,
        "on_epoch": lambda history: seen.append(len(history.train_loss)),
    } | options
    with pytest.raises(kind) as caught:
        Trainer(net, optimizer, rng=0, **settings or {}).fit(x, t, **options)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert (bits(net.params), seen) == (before, [])


TARGETS = {
    "labels for squared error": (
        ValueError,
        ("t_train must have shape (30, 3), one number for each output", "'cross_entropy'"),
        of_numbers,
        LABELS,
    ),
    "labels for several labels": (
        ValueError,
        ("t_train must have shape (30, 3)", "got shape (30,)"),
        partial(of_numbers, loss="binary_cross_entropy"),
        LABELS,
    ),
    "labels beyond the classes": (ValueError, ("t_train", "0..2", "got 3"), of_classes, LABELS + 1),
    "labels that are floats": (TypeError, ("t_train", "integers"), of_classes, LABELS * 1.0),
    "labels in a column": (ValueError, ("t_train.ravel()",), of_classes, LABELS[:, np.newaxis]),
    "a column for three": (ValueError, ("(30, 3)", "(30, 1)"), of_numbers, NUMBERS[:, :1]),
    "three for a column": (ValueError, ("(30, 1) or (30,)",), partial(of_numbers, 1), NUMBERS),
    "fewer targets": (ValueError, ("t_train", "(10, 3)"), of_numbers, NUMBERS[:10]),
    "NaN": (ValueError, ("t_train must be finite", "row 0"), of_numbers, NUMBERS * np.nan),
    "negative counts": (
        ValueError,
        ("t_train must not hold negative numbers",),
        partial(of_numbers, loss="poisson"),
        -np.abs(NUMBERS),
    ),
    "probabilities above 1": (
        ValueError,
        ("t_train must hold numbers in [0, 1]",),
        partial(of_numbers, loss="binary_cross_entropy"),
        np.abs(NUMBERS) + 1,
    ),
    "text": (TypeError, ("t_train must hold real numbers",), of_numbers, NUMBERS.astype(str)),
    "nothing": (ValueError, ("x_train and t_train must be given",), of_numbers, None),
}


@pytest.mark.parametrize("name", TARGETS)
def test_targets_that_the_loss_does_not_take(name):
    kind, words, net, t = TARGETS[name]
    refused(kind, words, net(), t)


@pytest.mark.parametrize("which", ["x_train", "t_train"])
def test_numbers_beyond_the_dtype_of_the_network(which):
    net = MultiLayerNet(4, [5], 3, loss="squared_error", rng=0, dtype=np.float32)
    spoilt = {"x_train": X, "t_train": NUMBERS}[which].copy()
    spoilt[7, 2] = 1e39
    x, t = (spoilt, NUMBERS) if which == "x_train" else (X, spoilt)
    words = f"{which} must be finite in float32, the network's dtype, got 1e+39 in row 7, column 2"
    refused(ValueError, (words,), net, t, x=x)
    words = words.replace("train", "test")
    refused(ValueError, (words,), net, NUMBERS, x_test=x, t_test=t)
    # What does not count may hold anything.
    weights = np.arange(30) != 7
    Trainer(net, rng=0).fit(x, t, sample_weight=weights, epochs=1)
    assert all(np.isfinite(param).all() for param in net.params.values())


WEIGHTS = {
    "negative": (np.r_[ONES[1:], -1], "sample_weight must not hold negative numbers, got -1.0 at"),
    "NaN": (ONES * np.nan, "sample_weight must be finite, got nan at position 0"),
    "infinite": (ONES * np.inf, "sample_weight must be finite, got inf"),
    "all zero": (ONES * 0, "sample_weight must not be 0 for all samples"),
    "too few": (
        ONES[:5],
        "sample_weight must have shape (30,), one number a sample, got shape (5,)",
    ),
    "a column": (ONES[:, np.newaxis], "sample_weight must have shape (30,)"),
    "one number": (1.0, "sample_weight must have shape (30,)"),
    "a word": ("balanced", "sample_weight must hold real numbers"),
    "by class": ({0: 1.0}, "sample_weight must hold real numbers"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_of_samples_that_are_none(name):
    weights, words = WEIGHTS[name]
    for net, t in ((of_classes(), LABELS), (of_numbers(), NUMBERS)):
        refused((TypeError, ValueError), (words,), net, t, sample_weight=weights)
        for ask in (net.loss, net.gradient, net.numerical_gradient):
            with pytest.raises((TypeError, ValueError)) as caught:
                ask(X, t, sample_weight=weights)
            assert words in str(caught.value)


SCHEDULES = {
    "NaN": (lambda _: float("nan"), "lr(0) must be finite and not negative, got nan"),
    "NaN at the end": (
        lambda step: float("nan") if step == 299 else 0.1,
        "lr(299) must be finite and not negative, got nan",
    ),
    "NaN in between": (
        lambda step: float("nan") if step == 137 else 0.1,
        "lr(137) must be finite and not negative, got nan",
    ),
    "a square root below 0": (
        lambda step: np.sqrt(200.0 - step),
        "lr(201) must be finite and not negative, got nan",
    ),
    "negative": (lambda step: 0.1 - step / 1000, "lr(101) must be finite and not negative"),
    "infinite": (lambda _: np.inf, "lr(0) must be finite and not negative, got inf"),
    "nothing": (lambda _: None, "lr(0) must be a number, got None"),
    "text": (lambda _: "0.1", "lr(0) must be a number, got '0.1'"),
    "an array": (lambda _: np.array([0.1]), "lr(0) must be a number, got array([0.1])"),
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("kind", [SGD, Adam])
@pytest.mark.filterwarnings("ignore:invalid value encountered in sqrt")
def test_schedules_that_answer_no_rate(tmp_path, name, kind):
    lr, words = SCHEDULES[name]
    for options in ({}, {"checkpoint": tmp_path / "run.npz"}):
        refused(
            (TypeError, ValueError),
            (words,),
            of_classes(),
            LABELS,
            kind(lr),
            settings={"batch_size": 10},
            epochs=100,
            **options,
        )
    assert not (tmp_path / "run.npz").exists()


def test_what_a_schedule_itself_raises_comes_at_its_step():
    """A hook may end the run before."""
    trainer = Trainer(of_classes(), SGD(lambda step: [0.1, 0.2, 0.3][step]), rng=0)
    history = trainer.fit(X, LABELS, epochs=9, on_epoch=lambda h: len(h.train_loss) == 3)
    assert len(history.train_loss) == 3
    with pytest.raises(IndexError):
        trainer.fit(X, LABELS, epochs=9)


@pytest.mark.parametrize("kind", [getattr(optimizers, name) for name in optimizers.__all__])
@pytest.mark.parametrize(
    ("lr", "words"), [(lambda: 0.1, "too many"), (lambda step, rate: rate, "missing"), (dict, "")]
)
def test_rates_that_are_no_function_of_the_step(kind, lr, words):
    if lr is dict:
        assert kind(lr).lr is dict  # it does not tell what it takes
        return
    with pytest.raises(TypeError, match=f"lr must be a number, or a function of the step.*{words}"):
        kind(lr)


@pytest.mark.parametrize(("first", "total"), [(0, 1), (7, 2), (0, 65), (3, 1000), (0, 10**12)])
@pytest.mark.parametrize("count", [64, 10_000])
def test_the_steps_that_are_tried_are_those_of_the_run(first, total, count):
    steps = spread_steps(first, total, count)
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (first, first + total - 1)
    assert min(total, count) <= len(steps) <= count + 1 + total.bit_length()
    if total <= count:
        assert steps == list(range(first, first + total))


OPTIMIZERS = {
    "a number": (0.1, "optimizer must have update(params, grads), got 0.1: write SGD(lr=0.1)"),
    "a name": ("adam", "got 'adam': write Adam()"),
    "another name": ("newton", "got 'newton': write SGD()"),
    "a class": (Adam, "got the class Adam: write Adam()"),
    "a dict": ({}, "optimizer must have update(params, grads), got {}"),
    "a network": (TwoLayerNet(2, 3, 2), "optimizer must have update(params, grads), got"),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_that_are_none(name):
    optimizer, words = OPTIMIZERS[name]
    refused(TypeError, (words,), of_classes(), LABELS, optimizer)


@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
@pytest.mark.parametrize(
    ("other", "words"),
    [
        (partial(MultiLayerNet, 4, [7, 5], 3), ("params['W1'] must be float64 (4, 7), as",)),
        (partial(MultiLayerNet, 4, [5], 3), ("keys of v, 'W1', 'W2', 'b1', 'b2'", "'W3'")),
        (partial(of_classes, dtype=np.float32), ("as v['W1'] is", "got float64 (4, 5)")),
    ],
)
def test_an_optimizer_of_another_network(other, words, gradient):
    optimizer = Momentum(0.1)
    Trainer(other(), optimizer, rng=0).fit(X, LABELS, epochs=1)
    state = optimizer.state_dict()
    net = of_classes()
    before = bits(net.params)
    with pytest.raises(ValueError, match="which earlier updates made") as caught:
        Trainer(net, optimizer, gradient=gradient, rng=0).fit(X, LABELS, epochs=1)
    assert all(word in str(caught.value) for word in words), caught.value
    assert bits(net.params) == before
    assert optimizer.iter == state["iter"]


TWICE = EarlyStopping("loss")


class Functional:
    """As some libraries have it: what it returns are the new parameters."""

    def update(self, params, grads):
        return {key: params[key] - grads[key] for key in params}


class InPlace:
    def update(self, params, grads):
        for key in params:
            params[key] -= grads[key]
        return params


class Careless:
    def update(self, params):
        pass


def test_updates_that_change_nothing_or_take_other_arguments():
    words = "Functional.update(params, grads) must change the arrays of params in place"
    net = of_classes()
    before = bits(net.params)
    with pytest.raises(TypeError) as caught:
        Trainer(net, Functional(), rng=0).fit(X, LABELS, epochs=1)
    assert words in str(caught.value)
    assert bits(net.params) == before
    assert Trainer(net, InPlace(), rng=0).fit(X, LABELS, epochs=1).train_loss
    refused(TypeError, ("optimizer must have update(params, grads): ",), net, LABELS, Careless())


class Kerass:
    """Hooks as Keras calls them, without what kobai's hooks get besides."""

    def on_epoch_end(self, epoch, logs=None):
        pass


class Lacking:
    def on_train_begin(self):
        pass


CALLBACKS = {
    "without keywords": (
        [ReduceLROnPlateau("loss"), Kerass()],
        "callbacks[1].on_epoch_end must take (epoch, logs, **kwargs): got an unexpected keyword",
    ),
    "without logs": ([Lacking()], "callbacks[0].on_train_begin must take (logs, **kwargs): too"),
    "twice the same": ([TWICE, TWICE], "callbacks[1] is callbacks[0] again: write it once"),
    "a word": ("early", "callbacks must be a list of callbacks, got 'early'"),
    "a number": (3, "callbacks must be a list of callbacks, got 3"),
    "a function": (print, "callbacks must be a list of callbacks, got <built-in"),
    "a class": ([EarlyStopping], "callbacks[0] must be a callback, got the class EarlyStopping"),
    "functions": ([print], "callbacks[0] must have one of the hooks on_train_begin"),
    "None": ([None], "callbacks[0] must have one of the hooks on_train_begin"),
    "without test data": ([EarlyStopping()], "callbacks[0] monitors val_loss, which needs x_test"),
    "by a schedule": ([ReduceLROnPlateau("loss")], "needs an optimizer whose lr is a number"),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_that_are_none(name):
    callbacks, words = CALLBACKS[name]
    optimizer = SGD(lambda _: 0.1)
    refused((TypeError, ValueError), (words,), of_classes(), LABELS, optimizer, callbacks=callbacks)


@pytest.mark.parametrize("monitor", ["accuracy", "val_accuracy"])
def test_the_accuracy_of_a_regression(monitor):
    net = of_numbers()
    with pytest.raises(TypeError, match=r"SquaredError\(\) knows no classes: compare net.output"):
        net.accuracy(X, NUMBERS)
    words = (f"callbacks[0] monitors {monitor}, but the network has no accuracy",)
    test = {"x_test": X, "t_test": NUMBERS}
    refused(ValueError, words, net, NUMBERS, callbacks=[EarlyStopping(monitor)], **test)


@pytest.mark.parametrize(
    ("hidden", "words"),
    [
        ([5, 0], r"hidden_size_list\[1\] must be at least 1, got 0"),
        ([-5], r"hidden_size_list\[0\] must be at least 1, got -5"),
        ([5.0], r"hidden_size_list\[0\] must be an integer, got 5.0"),
        (5, r"hidden_size_list must be a list of integers, got 5: write \[5\]"),
        ({5, 6}, r"hidden_size_list must be a list of integers, got \{5, 6\}"),
        ({5: "relu"}, r"hidden_size_list must be a list of integers, got \{5: 'relu'\}"),
        ("5,6", r"hidden_size_list must be a list of integers, got '5,6'"),
    ],
)
def test_hidden_layers_that_are_none(hidden, words):
    with pytest.raises((TypeError, ValueError), match=words):
        MultiLayerNet(4, hidden, 3)


def test_activations_without_an_order():
    with pytest.raises(TypeError, match="activation must be 'identity', 'sigmoid'"):
        MultiLayerNet(4, [5, 6], 3, {"relu", "tanh"})


@pytest.mark.parametrize("method", [None, 3, ["node"]])
def test_a_method_that_is_no_text(method):
    for net in (of_classes(), TwoLayerNet(4, 5, 3, rng=0, dtype=np.float32)):
        with pytest.raises(TypeError, match="method must be text, 'auto' for example, got"):
            net.numerical_gradient(X, LABELS, method=method)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (Huber, "loss must be a loss, got its class: write Huber()"),
        ("mse", "got 'mse'"),
        (np.abs, "or a loss of kobai.losses, got <ufunc"),
        (None, "or a loss of kobai.losses, got None"),
    ],
)
def test_losses_that_are_none(loss, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        MultiLayerNet(4, [5], 3, loss=loss)
    assert words in str(caught.value)


@pytest.mark.parametrize("make", [partial(Pinball, 1.0), partial(Huber, 0), partial(Pinball, None)])
def test_settings_of_losses_that_are_none(make):
    with pytest.raises((TypeError, ValueError), match=r"quantile must|delta must"):
        make()


def test_rows_may_go_to_the_null_device():
    history = Trainer(of_classes(), rng=0).fit(
        X, LABELS, epochs=2, callbacks=[CSVLogger(os.devnull)]
    )
    assert len(history.train_loss) == 2


def first_half(file, lr):
    """A run of 9 steps that is cut off after 6."""

    def cut(history):
        if len(history.train_loss) == 6:
            raise KeyboardInterrupt

    trainer = Trainer(of_classes(), Adam(lr), batch_size=10, rng=0)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, LABELS, iterations=9, checkpoint=file, on_epoch=cut)


def test_another_schedule_is_not_the_runs(tmp_path):
    file = tmp_path / "run.npz"
    first_half(file, lambda step: 0.01 / (1 + step))
    for lr, words in (
        (lambda step: 0.02 / (1 + step), r"its run had lr\(0\) 0.01, this one has 0.02"),
        (
            lambda step: 0.01 / (1 + min(step, 7)),
            r"its run had lr\(8\) 0.00\d+, this one has 0.001",
        ),
        (lambda step: [0.01, 0.005][step], r"its run had lr\(2\) 0.00\d+, this one has none"),
        (lambda step: 0.01 / (1 + step) if step < 4 else np.nan, r"lr\(4\) must be finite"),
        (0.01, "its run had optimizer Adam.lr=function"),
    ):
        trainer = Trainer(of_classes(), Adam(lr), batch_size=10, rng=0)
        before = bits(trainer.net.params)
        with pytest.raises(ValueError, match=f"run.npz cannot be resumed: {words}"):
            trainer.resume(file, X, LABELS)
        assert (bits(trainer.net.params), trainer.optimizer.iter) == (before, 0)


def test_the_same_schedule_goes_on_to_the_same_end_and_beyond(tmp_path):
    def ended(iterations):
        trainer = Trainer(of_classes(), Adam(lambda step: 0.01 / (1 + step)), batch_size=10, rng=0)
        trainer.fit(X, LABELS, iterations=iterations)
        return bits(trainer.net.params)

    for iterations in (None, 20):
        file = tmp_path / "run.npz"
        first_half(file, lambda step: 0.01 / (1 + step))
        trainer = Trainer(of_classes(), Adam(lambda step: 0.01 / (1 + step)), batch_size=10, rng=0)
        trainer.resume(file, X, LABELS, iterations=iterations)
        assert bits(trainer.net.params) == ended(iterations or 9)


def test_a_schedule_that_is_none_beyond_the_run_is_named_where_the_run_is_longer(tmp_path):
    def lr(step):
        return 0.01 if step < 9 else -1.0

    file = tmp_path / "run.npz"
    first_half(file, lr)
    trainer = Trainer(of_classes(), Adam(lr), batch_size=10, rng=0)
    with pytest.raises(ValueError, match=r"lr\(9\) must be finite and not negative, got -1.0"):
        trainer.resume(file, X, LABELS, iterations=12)
    trainer = Trainer(of_classes(), Adam(lr), batch_size=10, rng=0)
    assert len(trainer.resume(file, X, LABELS).train_loss) == 9


def test_a_run_of_other_depth_is_told_by_its_network(tmp_path):
    file = tmp_path / "run.npz"
    first_half(file, 0.01)
    for net, name in (
        (MultiLayerNet(4, [5], 3, rng=0), r"MultiLayerNet\(relu, CrossEntropy"),
        (MultiLayerNet(4, [5, 5, 5], 3, rng=0), r"MultiLayerNet\(relu, relu, relu, CrossEntropy"),
        (TwoLayerNet(4, 5, 3, rng=0), "TwoLayerNet"),
    ):
        trainer = Trainer(net, Adam(0.01), batch_size=10, rng=0)
        with pytest.raises(ValueError, match=rf"its run had network .*, this one has {name}"):
            trainer.resume(file, X, LABELS)
