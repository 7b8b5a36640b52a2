"""The core takes steps only where nothing is the user's own, and what changes counts at once."""

import numpy as np
import pytest

from kobai import SGD, Trainer, TwoLayerNet, _core

SAMPLES, EPOCHS = 20, 12
X = np.random.default_rng(0).normal(size=(SAMPLES, 3))
T = np.arange(SAMPLES) % 4
STEPS = EPOCHS * SAMPLES // 5


class Plain(TwoLayerNet):
    """A subclass that replaces nothing."""


class OneByOne(TwoLayerNet):
    def loss_and_gradient(self, x, t):
        return super().loss_and_gradient(x, t)

    def loss_and_numerical_gradient(self, x, t, **options):
        return super().loss_and_numerical_gradient(x, t, **options)


def new_trainer(kind=TwoLayerNet, optimizer=None, trainer=Trainer, **options):
    net = kind(3, 6, 4, 0.5, rng=1)
    optimizer = SGD(0.3) if optimizer is None else optimizer
    return trainer(net, optimizer, batch_size=5, rng=2, **options)


def bits(params):
    return {key: (param.dtype, param.tobytes()) for key, param in params.items()}


@pytest.fixture
def fused(monkeypatch):
    """How many steps the core took."""
    taken = []
    train = _core.network_train

    def counted(*arguments):
        taken.extend(arguments[5])
        return train(*arguments)

    monkeypatch.setattr(_core, "network_train", counted)
    return taken


def counted(calls, method):
    def asked(*arguments, **options):
        calls.append(arguments)
        return method(*arguments, **options)

    return asked


class OwnTrainer(Trainer):
    calls = 0

    def loss_and_gradient(self, x, t):
        self.calls += 1
        return super().loss_and_gradient(x, t)


def test_a_trainer_that_overrides_its_gradient_is_asked_for_every_step(fused):
    trainer = new_trainer(trainer=OwnTrainer)
    trainer.fit(X, T, epochs=EPOCHS)
    assert trainer.calls == STEPS
    assert fused == []


REPLACED = {
    "of the trainer": lambda trainer: (trainer, "loss_and_gradient"),
    "of the network": lambda trainer: (trainer.net, "loss_and_gradient"),
    "of the network, which the core would not ask": lambda trainer: (trainer.net, "core_layers"),
    "of the optimizer": lambda trainer: (trainer.optimizer, "update"),
    "of SGD": lambda trainer: (SGD, "update"),
    "of TwoLayerNet": lambda trainer: (TwoLayerNet, "loss_and_gradient"),
    "of Trainer": lambda trainer: (Trainer, "loss_and_gradient"),
}


@pytest.mark.parametrize("kind", REPLACED)
def test_what_is_put_in_the_place_of_a_method_is_asked_for_every_step(kind, fused, monkeypatch):
    expected, trainer, calls = new_trainer(), new_trainer(), []
    expected.fit(X, T, epochs=EPOCHS)
    assert len(fused) > STEPS / 2
    fused.clear()
    owner, name = REPLACED[kind](trainer)
    monkeypatch.setattr(owner, name, counted(calls, getattr(owner, name)), raising=False)
    trainer.fit(X, T, epochs=EPOCHS)
    assert len(calls) >= STEPS
    assert fused == []
    assert bits(trainer.net.params) == bits(expected.net.params)


class Falling(SGD):
    """A learning rate that is another one each time it is asked for."""

    @property
    def lr(self):
        self.asked = getattr(self, "asked", 0) + 1
        return 0.5 / self.asked

    @lr.setter
    def lr(self, value):
        pass


class Schedule(SGD):
    def __getattribute__(self, name):
        return 0.25 if name == "lr" else super().__getattribute__(name)


class OwnUpdate(SGD):
    def update(self, params, grads):
        super().update(params, grads)


class Recorded(dict):
    """Parameters that are made up when they are asked for."""


@pytest.mark.parametrize(
    "change",
    [
        lambda trainer: setattr(trainer, "optimizer", OwnUpdate(0.3)),
        lambda trainer: setattr(trainer, "optimizer", Falling(0.3)),
        lambda trainer: setattr(trainer, "optimizer", Schedule(0.3)),
        lambda trainer: setattr(trainer.optimizer, "lr", np.array(0.3)),
        lambda trainer: setattr(trainer.net, "params", Recorded(trainer.net.params)),
        lambda trainer: setattr(trainer, "net", OneByOne(3, 6, 4, 0.5, rng=1)),
    ],
)
def test_what_may_change_between_two_steps_is_looked_at_for_every_step(change, fused):
    trainer = new_trainer()
    change(trainer)
    trainer.fit(X, T, epochs=EPOCHS)
    assert fused == []


def test_subclasses_that_replace_nothing_are_taken_by_the_core(fused):
    class Renamed(SGD):
        pass

    class Quiet(Trainer):
        pass

    class Scored(TwoLayerNet):
        def accuracy(self, x, t):
            return 0.5

    for options in ({"kind": Plain}, {"optimizer": Renamed(0.3)}, {"trainer": Quiet},
                    {"kind": Scored}, {"optimizer": SGD(np.float32(0.5))}):  # fmt: skip
        fused.clear()
        history = new_trainer(**options).fit(X, T, epochs=EPOCHS)
        assert len(fused) > STEPS / 2
        if options.get("kind") is Scored:
            assert history.train_acc == [0.5] * (EPOCHS + 1)


def swap_optimizer(trainer):
    trainer.optimizer = SGD(0.0)


def swap_net(trainer):
    trainer.net = type(trainer.net)(3, 4, 4, 0.5, rng=9)


def swap_gradient(trainer):
    trainer.gradient = "numerical" if trainer.gradient == "backprop" else "backprop"


def swap_method(trainer):
    trainer.gradient, trainer.method = "numerical", "direct"


def change_rate(trainer):
    trainer.optimizer.lr /= 2


def view_of_data(trainer):
    trainer.net.params["b1"] = X_IN_PLACE[:2].ravel()


def overlapping(trainer):
    trainer.net.params["b2"] = trainer.net.params["W2"][0]


def read_only(trainer):
    for param in trainer.net.params.values():
        param.flags.writeable = False


def own_method(trainer):
    trainer.net.loss_and_gradient = type(trainer.net)(3, 6, 4, 0.5, rng=4).loss_and_gradient


def change_inputs(trainer):
    X_IN_PLACE[...] = X_IN_PLACE[::-1] * 2


def change_labels(trainer):
    T_IN_PLACE[...] = (T_IN_PLACE + 1) % 4


CHANGES = [swap_optimizer, swap_net, swap_gradient, swap_method, change_rate, view_of_data,
           overlapping, read_only, own_method, change_inputs, change_labels]  # fmt: skip
X_IN_PLACE, T_IN_PLACE = X.copy(), T.copy()

FORMS = {
    "as it is": lambda x, t: (x, t),
    "columns first": lambda x, t: (np.asfortranarray(x), t),
    "strided": lambda x, t: (np.repeat(x, 2, 0)[::2], np.repeat(t, 2)[::2]),
    "integers": lambda x, t: ((100 * x).astype(np.int16), t.astype(np.uint8)),
    "big-endian": lambda x, t: (x.astype(">f8"), t.astype(">i4")),
    "rows": lambda x, t: (x.astype(np.float32), np.eye(4, dtype=np.int8)[t]),
}


# A parameter has the dtype of its network, and rows are no labels.
CASES = [
    (change, form)
    for change in CHANGES
    for form in FORMS
    if not (change is view_of_data and FORMS[form](X, T)[0].dtype != np.float64)
    and not (change is change_labels and form == "rows")
]


@pytest.mark.parametrize(("change", "form"), CASES)
def test_what_on_epoch_changes_counts_from_the_next_step_on(change, form, monkeypatch):
    """The same in the core and step by step."""
    ends = []
    for kind in (TwoLayerNet, OneByOne):
        x, t = (array.copy() for array in FORMS[form](X, T))
        x, t = FORMS[form](x, t) if form in ("columns first", "strided") else (x, t)
        monkeypatch.setitem(globals(), "X_IN_PLACE", x)
        monkeypatch.setitem(globals(), "T_IN_PLACE", t)
        trainer = new_trainer(kind)

        def on_epoch(history, trainer=trainer):
            if len(history.train_acc) == 5:
                change(trainer)

        history = trainer.fit(x, t, x, t, epochs=EPOCHS, on_epoch=on_epoch)
        ends.append((bits(trainer.net.params), history))
    assert ends[0] == ends[1]
    unchanged = new_trainer()
    unchanged.fit(*FORMS[form](X, T), epochs=EPOCHS)
    if change is not read_only:
        assert ends[0][0] != bits(unchanged.net.params)


def test_an_optimizer_that_stands_still_from_on_epoch_on():
    trainer, kept = new_trainer(), []

    def stop(history):
        if len(history.train_acc) == 5:
            trainer.optimizer = SGD(0.0)
            kept.append(bits(trainer.net.params))

    trainer.fit(X, T, epochs=EPOCHS, on_epoch=stop)
    assert bits(trainer.net.params) == kept[0]


@pytest.mark.parametrize("kind", [TwoLayerNet, OneByOne])
@pytest.mark.parametrize("name", ["t_train", "t_test"])
def test_labels_that_on_epoch_makes_wrong_are_found_before_the_next_step(kind, name):
    trainer = new_trainer(kind)
    data = {"t_train": T.copy(), "t_test": T.copy()}

    def spoil(history):
        if len(history.train_acc) == 3:
            data[name][7] = 4

    with pytest.raises(ValueError, match=rf"{name} must hold labels in 0\.\.3 only, got 4"):
        trainer.fit(X, data["t_train"], X, data["t_test"], epochs=EPOCHS, on_epoch=spoil)
    assert len(trainer.history.train_loss) == 2 * SAMPLES // 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda trainer: setattr(trainer, "optimizer", 0.1), ("optimizer", "SGD(lr=0.1)")),
        (lambda trainer: setattr(trainer, "net", None), ("net", "NoneType", "no params")),
        (lambda trainer: setattr(trainer, "gradient", "exact"), ("gradient", "'exact'")),
        (lambda trainer: setattr(trainer, "method", 3), ("method", "3")),
        (lambda trainer: setattr(trainer, "batch_size", 0), ("batch_size", "0")),
        (lambda trainer: setattr(trainer.optimizer, "lr", 1j), ("lr", "1j")),
        (lambda trainer: setattr(trainer.optimizer, "lr", -1.0), ("lr", "-1")),
        (lambda trainer: setattr(trainer.optimizer, "lr", np.nan), ("lr", "nan")),
        (lambda trainer: setattr(trainer.optimizer, "lr", 10**400), ("lr", "float can hold")),
        (lambda trainer: trainer.net.params.pop("b1"), ("params", "b1")),
    ],
)
@pytest.mark.parametrize("kind", [TwoLayerNet, OneByOne])
def test_what_on_epoch_makes_impossible_is_named_and_leaves_whole_steps(kind, change, words):
    trainer, kept = new_trainer(kind), []
    net = trainer.net

    def spoil(history):
        if len(history.train_acc) == 3:
            kept.append(bits(net.params))
            change(trainer)

    with pytest.raises((TypeError, ValueError)) as caught:
        trainer.fit(X, T, epochs=EPOCHS, on_epoch=spoil)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert len(trainer.history.train_loss) == 2 * SAMPLES // 5
    assert bits(net.params).items() <= kept[0].items()
