"""`kobai check`: three evaluators and backpropagation side by side, and a verdict."""

import re

import numpy as np
import pytest

from command_line import error_of, run
from idx_folders import write_folder
from kobai import Trainer, TwoLayerNet, cli, load_mnist
from kobai.cli import check as checking
from runs import DATA, new_trainer


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "data")
    return tmp_path


CHECK = ("check", "--data", "data")


def check(capsys, *arguments):
    code, out, err = run(capsys, *CHECK, *arguments)
    return code, out.splitlines(), err


def rows(lines):
    """The table, by its first column."""
    return {line[:10].strip(): line[10:].split() for line in lines if line[:10].strip()}


def test_a_trained_network_agrees_in_every_way(capsys, here):
    assert cli.main(["train", "--data", "data", "--epochs", "20", "--save", "net.npz"]) == 0
    capsys.readouterr()
    code, lines, err = check(capsys, "net.npz", "--batch-size", 7)
    assert (code, err) == (0, "")
    assert lines[:4] == [
        "network   16-50-10, 1,360 parameters, float64, from net.npz",
        "batch     7 of the 40 training images of data",
        "",
        " " * 10 + "".join(f"{name:>13}" for name in (*checking.METHODS, "backprop")),
    ]
    table = rows(lines[4:10])
    assert list(table) == ["W1", "b1", "W2", "b2", "bound", "time"]
    bounds = [float(bound) for bound in table["bound"]]
    for key in ("W1", "b1", "W2", "b2"):
        largest, *differences = map(float, table[key])
        assert largest > 1e-6
        assert all(0 <= d <= bound for d, bound in zip(differences, bounds, strict=True))
    assert len(table["time"]) == 8
    assert lines[-1] == "all gradients agree within the bound"
    assert max(map(len, lines)) <= 80


def test_the_figures_are_those_of_the_network(capsys, here):
    net = TwoLayerNet(16, 6, 10, 0.5, rng=3)
    net.save("net.npz")
    _, lines, _ = check(capsys, "net.npz", "--batch-size", 1000, "--split", "test")
    assert lines[1] == "batch     20 of the 20 test images of data"
    _, (x, t) = load_mnist(path="data")
    direct, backprop = net.numerical_gradient(x, t, method="direct"), net.gradient(x, t)
    for key in net.params:
        largest, _, _, difference = map(float, rows(lines)[key])
        assert largest == pytest.approx(np.abs(direct[key]).max(), rel=0.06)
        # The batch is another order of the samples, so that sums round differently.
        assert difference == pytest.approx(
            np.abs(direct[key] - backprop[key]).max(), rel=0.3, abs=1e-10
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spread", [0.01, 1.0, 5.0])
def test_right_gradients_agree_whatever_the_weights(capsys, here, dtype, spread):
    for seed in range(5):
        TwoLayerNet(16, 8, 10, spread, rng=seed, dtype=dtype).save("net.npz")
        code, lines, _ = check(capsys, "net.npz", "--seed", seed)
        assert code == 0, lines


def test_without_a_file_fresh_weights_are_checked(capsys, here):
    code, lines, err = check(capsys)
    assert (code, err) == (0, "")
    assert lines[0] == "network   16-50-10, 1,360 parameters, float64, from fresh weights"
    assert check(capsys, "--seed", 1)[1][4:8] != lines[4:8]
    assert check(capsys, "--seed", 0)[1][4:8] == lines[4:8]


@pytest.mark.parametrize("error", ["sign", "factor", "bias", "nan", "node"])
def test_a_wrong_gradient_is_found(capsys, here, monkeypatch, error):
    TwoLayerNet(16, 8, 10, 0.5, rng=0).save("net.npz")
    gradient, numerical = TwoLayerNet.gradient, TwoLayerNet.numerical_gradient

    def wrong(self, x, t):
        grads = gradient(self, x, t)
        if error == "sign":
            grads["W2"] *= -1
        elif error == "factor":
            grads["b1"] *= 1.001
        elif error == "bias":
            grads["b2"][3] = 0
        elif error == "nan":
            grads["W1"][0, 0] = np.nan
        return grads

    def off(self, x, t, *, method):
        grads = numerical(self, x, t, method=method)
        if (error, method) == ("node", "node"):
            grads["W1"][2, 2] += 1e-8
        return grads

    monkeypatch.setattr(TwoLayerNet, "gradient", wrong)
    monkeypatch.setattr(TwoLayerNet, "numerical_gradient", off)
    code, lines, err = check(capsys, "net.npz")
    assert (code, err) == (1, "")
    name = "node" if error == "node" else "backprop"
    where = {"sign": "W2", "factor": "b1", "bias": "b2", "nan": "W1", "node": "W1"}[error]
    assert lines[-1] == f"{name} DISAGREES with direct in {where}"


def test_a_network_that_is_not_finite_does_not_agree(capsys, here):
    net = TwoLayerNet(16, 3, 10, rng=0)
    net.params["W2"][0, 0] = np.inf
    net.save("net.npz")
    code, lines, err = check(capsys, "net.npz")
    assert (code, err) == (1, "")
    assert lines[-1].startswith("backprop DISAGREES with direct in ")


def test_the_evaluators_can_be_chosen(capsys, here):
    code, lines, _ = check(capsys, "--methods", "node,incremental,node")
    assert code == 0
    assert lines[3].split() == ["incremental", "node", "backprop"]
    assert lines[-2].startswith("incremental: its largest element; others")
    assert check(capsys, "--methods", " node")[1][3].split() == ["node", "backprop"]
    assert "--methods: must be some of direct,incremental,node, got 'auto'" in error_of(
        capsys, *CHECK, "--methods", "node,auto"
    )


def test_direct_is_left_out_with_a_word_where_it_takes_long(capsys, here, monkeypatch):
    monkeypatch.setattr(checking, "_MAX_DIRECT_SECONDS", 0.0)
    code, lines, _ = check(capsys)
    assert code == 0
    assert re.fullmatch(r"skipped   direct, which would take about [\d.,]+ m?s:", lines[2])
    assert lines[3].strip() == "--methods direct,node computes it"
    assert lines[5].split() == ["incremental", "node", "backprop"]
    assert check(capsys, "--methods", "direct,node")[1][3].split() == ["direct", "node", "backprop"]


def test_the_sample_stands_in_for_mnist(capsys, here, monkeypatch):
    monkeypatch.setenv("KOBAI_DATA_DIR", str(here / "empty"))
    monkeypatch.setenv("KOBAI_MNIST_MIRRORS", "http://127.0.0.1:9/")
    monkeypatch.setenv("no_proxy", "*")
    code, lines, _ = check(capsys, "--data", "auto", "--batch-size", 2, "--methods", "node")
    assert code == 0
    assert lines[0] == "MNIST could not be downloaded:"
    assert "batch     2 of the 5,000 training images of MNIST sample" in lines


def test_what_does_not_fit_is_one_line(capsys, here):
    TwoLayerNet(784, 3, 10).save("mnist.npz")
    assert "takes 784 inputs, the images of data have 16" in error_of(capsys, *CHECK, "mnist.npz")
    new_trainer()[0].fit(*DATA, epochs=1, checkpoint="run.npz")
    assert "run.npz is a checkpoint, and no network" in error_of(capsys, *CHECK, "run.npz")
    for option in ("--batch-size", "--seed", "--threads"):
        assert f"{option} must " in error_of(capsys, *CHECK, option, -1)


def test_ctrl_c_is_a_line(capsys, here, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(TwoLayerNet, "gradient", interrupt)
    code, _, err = check(capsys)
    assert (code, err) == (130, "kobai check: interrupted\n")


def test_checking_changes_nothing(capsys, here):
    net = TwoLayerNet(16, 3, 10, rng=0)
    Trainer(net, rng=0).fit(*load_mnist(path="data")[0], iterations=3, progress=False)
    net.save("net.npz")
    before = (here / "net.npz").read_bytes()
    check(capsys, "net.npz")
    assert (here / "net.npz").read_bytes() == before
