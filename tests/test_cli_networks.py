"""`kobai train` for any network and optimizer, and files of any network in the other commands."""

import math
import re

import numpy as np
import pytest

from command_line import error_of, run, train
from kobai import SGD, MultiLayerNet, Trainer, TwoLayerNet, cli, load_mnist, optimizers
from kobai.cli import building, schedules
from kobai.networks.architecture import ACTIVATIONS
from runs import bits

FEW = ("--gradient", "backprop", "--batch-size", 10, "--epochs", 3)


def made(monkeypatch, capsys, data, *options):
    """The trainer that options make, the header of its run, and what `fit` is asked for."""
    seen = {}

    class Recorded(Trainer):
        def fit(self, *arrays, **asked):
            seen.update(trainer=self, asked=asked)
            return super().fit(*arrays, **asked | {"iterations": 1, "epochs": None})

    monkeypatch.setattr("kobai.cli.train.Trainer", Recorded)
    code, out, err = train(capsys, data, *options)
    assert (code, err) == (0, "")
    return seen["trainer"], out.splitlines(), seen["asked"]


def line(lines, label):
    return next(text[10:] for text in lines if text.startswith(label))


@pytest.mark.parametrize("options", [(), ("--hidden", 50, "--activation", "sigmoid")])
@pytest.mark.parametrize("gradient", ["numerical", "backprop"])
def test_the_default_run_is_the_notebooks_bit_for_bit(data, here, options, gradient):
    asked = ["--data", data, "--epochs", 2, "--gradient", gradient, "--quiet", "--save", "net.npz"]
    assert cli.main(["train", *map(str, [*asked, *options])]) == 0
    rng = np.random.default_rng(0)
    train_data, test_data = load_mnist(path=data)
    net = TwoLayerNet(16, 50, 10, rng=rng)
    trainer = Trainer(net, SGD(0.1), gradient=gradient, rng=rng)
    trainer.fit(*train_data, *test_data, epochs=2)
    assert bits(TwoLayerNet.load("net.npz").params) == bits(net.params)


NETWORKS = {
    "--hidden 6": ("TwoLayerNet", "16-6-10, 172 parameters"),
    "--hidden 6,5": ("MultiLayerNet", "16-6-5-10 sigmoid, 197 parameters"),
    "--hidden none": ("MultiLayerNet", "16-10, 170 parameters"),
    "--activation relu": ("MultiLayerNet", "16-50-10 relu, 1,360 parameters"),
    "--activation sigmoid --optimizer sgd": ("TwoLayerNet", "16-50-10, 1,360 parameters"),
    "--hidden 6 --weight-decay 0": ("TwoLayerNet", "16-6-10, 172 parameters"),
    "--hidden 6 --weight-decay 1e-3": (
        "MultiLayerNet",
        "16-6-10 sigmoid, 172 parameters, weight decay 0.001",
    ),
    "--optimizer adam --hidden 6": ("MultiLayerNet", "16-6-10 sigmoid, 172 parameters"),
    "--optimizer adamw --hidden 6 --weight-decay 0.5": (
        "MultiLayerNet",
        "16-6-10 sigmoid, 172 parameters",
    ),
    "--lr 0.5 --lr-schedule step --early-stopping 2": (
        "TwoLayerNet",
        "16-50-10, 1,360 parameters",
    ),
}


@pytest.mark.parametrize("options", NETWORKS)
def test_options_make_networks(monkeypatch, capsys, data, options):
    kind, said = NETWORKS[options]
    trainer, lines, _ = made(monkeypatch, capsys, data, *options.split())
    assert type(trainer.net).__name__ == kind
    assert line(lines, "network") == said


def test_weights_are_drawn_for_the_activation(monkeypatch, capsys, data):
    options = ("--hidden", "400,400", "--activation")
    for activation, std in (("relu", 2), ("sigmoid", 1)):
        trainer, _, _ = made(monkeypatch, capsys, data, *options, activation, "--lr", 0)
        found = np.std(trainer.net.params["W2"])
        assert found == pytest.approx(math.sqrt(std / 400), rel=0.01)


OPTIMIZERS = {
    "": (optimizers.SGD(0.1), "lr 0.1"),
    "--lr 0.25": (optimizers.SGD(0.25), "lr 0.25"),
    "--optimizer momentum": (optimizers.Momentum(), "momentum, lr 0.01"),
    "--optimizer nesterov --lr 0.5": (optimizers.Nesterov(0.5), "nesterov, lr 0.5"),
    "--optimizer adagrad": (optimizers.AdaGrad(), "adagrad, lr 0.01"),
    "--optimizer rmsprop": (optimizers.RMSprop(), "rmsprop, lr 0.01"),
    "--optimizer adam": (optimizers.Adam(), "adam, lr 0.001"),
    "--optimizer adamw": (optimizers.AdamW(), "adamw, lr 0.001"),
    "--optimizer adamw --weight-decay 0.5": (
        optimizers.AdamW(weight_decay=0.5),
        "adamw, lr 0.001, weight decay 0.5",
    ),
}


@pytest.mark.parametrize("options", OPTIMIZERS)
def test_options_make_optimizers(monkeypatch, capsys, data, options):
    wanted, said = OPTIMIZERS[options]
    trainer, lines, _ = made(monkeypatch, capsys, data, *options.split())
    assert repr(trainer.optimizer) == repr(wanted)
    assert line(lines, "gradient") == f"numerical (auto), {said}"


def test_every_optimizer_has_its_option():
    assert [kind.__name__ for kind in building.OPTIMIZERS.values()] == optimizers.__all__


def test_schedules_run_over_the_whole_run(monkeypatch, capsys, data):
    for options, total in ((("--iterations", 9), 9), (FEW, 12)):
        for name, wanted in (
            ("cosine", [0.5 * (1 + math.cos(math.pi * k / total)) for k in range(total)]),
            ("step", [0.5 ** (3 * k // total) for k in range(total)]),
        ):
            asked = (*options, "--lr", 1, "--lr-schedule", name)
            trainer, lines, _ = made(monkeypatch, capsys, data, *asked)
            rates = [trainer.optimizer.learning_rate(k) for k in range(total)]
            np.testing.assert_allclose(rates, wanted, rtol=1e-15)
            assert line(lines, "gradient").endswith(f", lr 1, {name} schedule")
    assert schedules.scheduled("cosine", 0.5, 10)(99) == 0
    assert schedules.scheduled("step", 0.5, 10)(99) == 0.125
    trainer, _, _ = made(monkeypatch, capsys, data, "--lr-schedule", "constant")
    assert trainer.optimizer.lr == 0.1


@pytest.mark.parametrize("schedule", schedules.NAMES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_resumed_run_ends_where_the_whole_one_does(
    capsys, data, here, schedule, optimizer, monkeypatch
):
    options = (*FEW, "--optimizer", optimizer, "--lr-schedule", schedule, "--hidden", "6,5")
    assert train(capsys, data, *options, "--save", "whole.npz")[0] == 0
    fit = Trainer.fit

    def interrupted(self, *arrays, on_epoch, **asked):
        def stop(history):
            on_epoch(history)
            if len(history.train_loss) == 8:
                raise KeyboardInterrupt

        return fit(self, *arrays, on_epoch=stop, **asked)

    monkeypatch.setattr(Trainer, "fit", interrupted)
    assert train(capsys, data, *options, "--checkpoint", "run.npz")[0] == 130
    # How long the run is, the checkpoint says.
    rest = [*options[:4], *options[6:]]
    assert train(capsys, data, *rest, "--resume", "run.npz", "--save", "resumed.npz")[0] == 0
    whole, resumed = (MultiLayerNet.load(f"{name}.npz") for name in ("whole", "resumed"))
    assert bits(whole.params) == bits(resumed.params)
    other = [*rest, "--activation", "relu", "--resume", "run.npz"]
    code, _, err = train(capsys, data, *other)
    assert code == 2
    assert "run.npz cannot be resumed: its run had network MultiLayerNet(sigmoid, sigmoid" in err


@pytest.mark.parametrize("others", [("step", 0.1), ("cosine", 0.2)])
def test_a_run_of_another_schedule_is_not_resumed(capsys, data, here, others):
    asked = (*FEW[:4], "--hidden", "6,5")
    written = (*asked, "--epochs", 2, "--lr-schedule", "cosine", "--checkpoint", "run.npz")
    assert train(capsys, data, *written)[0] == 0
    schedule, lr = others
    changed = ("--lr-schedule", schedule, "--lr", lr, "--resume", "run.npz")
    code, _, err = train(capsys, data, *asked, *changed)
    assert code == 2
    assert re.search(r"run.npz cannot be resumed: its run had lr\(\d+\) 0\.\d+, this one has", err)


def test_early_stopping_ends_the_run_and_keeps_the_best_network(capsys, data, here):
    options = ("--gradient", "backprop", "--lr", 50, "--batch-size", 5, "--epochs", 500)
    code, out, _ = train(capsys, data, *options, "--early-stopping", 3, "--save", "net.npz")
    assert code == 0
    lines = out.splitlines()
    assert line(lines, "gradient") == "backprop, lr 50, early stopping 3"
    found = re.fullmatch(
        r"stopped after ([\d,]+) iterations in .* test accuracy ([01]\.\d{4})", lines[-1]
    )
    steps = int(found[1].replace(",", ""))
    assert steps < 4000
    assert steps % 8 == 0
    # The best epoch is the third before the last.
    assert lines[-5].endswith(found[2])
    test = load_mnist(path=data)[1]
    assert f"{TwoLayerNet.load('net.npz').accuracy(*test):.4f}" == found[2]


def test_a_run_that_is_not_stopped_says_nothing_of_it(capsys, data):
    out = train(capsys, data, *FEW, "--early-stopping", 99)[1]
    assert out.splitlines()[-1].startswith("12 iterations in ")


@pytest.mark.parametrize("hidden", ["none", "6", "7,6,5"])
def test_what_is_saved_is_evaluated_and_checked(capsys, data, here, hidden):
    options = ("--hidden", hidden, "--optimizer", "adam", "--save", "net.npz")
    out = train(capsys, data, *FEW, *options)[1]
    accuracy = out.split()[-1]
    code, out, err = run(capsys, "evaluate", "net.npz", "--data", data)
    assert (code, err) == (0, "")
    assert line(out.splitlines(), "accuracy").startswith(f"{accuracy}, ")
    net = MultiLayerNet.load("net.npz")
    loss = net.loss(*load_mnist(path=data)[1])
    assert line(out.splitlines(), "loss") == f"{loss:.4f}"
    code, out, err = run(capsys, "check", "net.npz", "--data", data)
    assert (code, err) == (0, "")
    for key in net.params:
        assert re.search(rf"^{key} +\d", out, re.MULTILINE)
    assert out.splitlines()[-1] == "all gradients agree within the bound"
    assert max(map(len, out.splitlines())) <= 80


@pytest.fixture
def kinked(here):
    """A network with a unit that a move of 1e-4 brings across its kink, for every image."""
    net = MultiLayerNet(16, [6], 10, "relu", rng=0)
    net.params["W1"][:, 4] = 0
    net.params["b1"][4] = 3e-5
    net.save("net.npz")
    return net


def test_a_unit_that_crosses_its_kink_is_no_wrong_gradient(capsys, data, kinked):
    code, out, _ = run(capsys, "check", "net.npz", "--data", data, "--methods", "node")
    lines = out.splitlines()
    assert code == 0
    assert "backprop differs from node in W1, b1, where units cross a kink:" in lines
    assert "there it agrees with the difference of half-width 1e-06" in lines
    assert lines[-1] == "all gradients agree within the bound"


def test_a_wrong_gradient_is_one_beside_a_kink_too(capsys, data, kinked, monkeypatch):
    right = MultiLayerNet.gradient

    def wrong(self, x, t):
        return {key: 1.01 * grad for key, grad in right(self, x, t).items()}

    monkeypatch.setattr(MultiLayerNet, "gradient", wrong)
    code, out, _ = run(capsys, "check", "net.npz", "--data", data, "--methods", "node")
    assert code == 1
    assert "backprop DISAGREES with node in W1, b1, W2, b2" in out


@pytest.mark.parametrize("command", ["evaluate", "check"])
def test_a_network_without_classes_is_one_line(capsys, data, here, command):
    MultiLayerNet(16, [6], 10, loss="huber", rng=0).save("net.npz")
    err = error_with_files(capsys, command, "net.npz", "--data", data)
    assert "the network of net.npz knows no classes, as the labels of" in err
    assert "its loss is Huber(delta=1.0)" in err


def error_with_files(capsys, *arguments):
    code, _, err = run(capsys, *arguments)
    assert (code, err.count("\n")) == (2, 1), err
    return err


def test_networks_that_do_not_fit_are_one_line(capsys, data, here):
    MultiLayerNet(15, [6, 5], 10, rng=0).save("net.npz")
    assert "takes 15 inputs" in error_with_files(capsys, "evaluate", "net.npz", "--data", data)
    MultiLayerNet(16, [6, 5], 9, rng=0).save("net.npz")
    assert "answers one of 9 classes" in error_with_files(
        capsys, "check", "net.npz", "--data", data
    )


WRONG = {
    "--hidden 0": "--hidden must be at least 1, got 0",
    "--hidden 100,0": "--hidden must be at least 1, got 0",
    "--hidden 100,-5": "--hidden must be at least 1, got -5",
    "--hidden 100,200000": "--hidden must be at most 100,000, got 200000",
    "--hidden 1,,5": "--hidden: must be integers with commas between them, or none, got '1,,5'",
    "--hidden 1.5": "--hidden: must be integers with commas between them, or none, got '1.5'",
    "--activation swish": "--activation: invalid choice: 'swish'",
    "--hidden none --activation relu": "--activation relu needs hidden layers, got --hidden none",
    "--optimizer Newton": "--optimizer: invalid choice: 'Newton'",
    "--lr-schedule linear": "--lr-schedule: invalid choice: 'linear'",
    "--lr x": "--lr: invalid float value",
    "--lr -1": "--lr must be finite and not negative, got -1",
    "--weight-decay x": "--weight-decay: invalid float value",
    "--weight-decay -1": "--weight-decay must be finite and not negative, got -1",
    "--weight-decay nan": "--weight-decay must be finite and not negative, got nan",
    "--early-stopping 0": "--early-stopping must be at least 1, got 0",
    f"--early-stopping {10**30}": "--early-stopping must be at most 1,000,000,000",
    "--resume saved": "--resume must be a file that --checkpoint wrote, got saved, a network that",
}


@pytest.mark.parametrize("options", WRONG)
def test_what_is_wrong_is_one_line_before_anything_is_done(
    capsys, data, here, options, monkeypatch
):
    MultiLayerNet(16, [3], 10, rng=0).save("saved")
    monkeypatch.setattr(Trainer, "fit", pytest.fail)
    err = error_of(capsys, "train", "--data", data, *options.split())
    assert re.match(rf"kobai train: error: (argument )?{re.escape(WRONG[options])}", err), err


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    out = capsys.readouterr().out
    for word in (
        *("--hidden", "--activation", "--optimizer", "--lr-schedule", "--weight-decay"),
        *("--early-stopping", *building.OPTIMIZERS, *ACTIVATIONS, *schedules.NAMES),
    ):
        assert word in out
