"""`kobai train`: what it prints, writes and answers; what is wrong is found before it trains."""

import argparse
import os
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

from command_line import error_of, run, train
from folders import names
from idx_folders import write_folder
from kobai import Trainer, TwoLayerNet, cli
from kobai.cli import layout
from kobai.cli.options import parser
from kobai.cli.output import Output
from runs import bits


def test_the_notebooks_run_is_the_default(capsys, monkeypatch):
    made = {}

    class Recorded(Trainer):
        def __init__(self, net, optimizer, **options):
            made.update(options, lr=optimizer.lr, hidden=net.params["b1"].size)
            super().__init__(net, optimizer, **options)

        def fit(self, *data, **options):
            made.update(options)
            return super().fit(*data, **options | {"iterations": 20})

    monkeypatch.setattr("kobai.cli.train.Trainer", Recorded)
    code, out, err = train(capsys, "sample")
    assert (code, err) == (0, "")
    wanted = {
        "gradient": "numerical",
        "method": "auto",
        "sampling": "shuffle",
        "batch_size": 100,
        "hidden": 50,
        "lr": 0.1,
        "iterations": 10_000,
        "epochs": None,
        "progress": True,
    }
    assert {key: made[key] for key in wanted} == wanted
    assert out.splitlines()[:4] == [
        "data      MNIST sample: 5,000 training and 1,000 test images",
        "network   784-50-10, 39,760 parameters",
        "gradient  numerical (auto), lr 0.1",
        "training  10,000 iterations of batch 100 by shuffle, seed 0",
    ]


def test_lines_are_the_header_an_epoch_each_and_the_last_one(capsys, data):
    code, out, err = train(capsys, data, "--epochs", 3, "--batch-size", 10)
    assert (code, err) == (0, "")
    header, epochs, last = out.splitlines()[:-5], out.splitlines()[-5:-1], out.splitlines()[-1]
    assert re.fullmatch(r"data      .*data:", header[0])
    assert header[1:] == [
        "          40 training and 20 test images",
        "network   16-50-10, 1,360 parameters",
        "gradient  numerical (auto), lr 0.1",
        "training  3 epochs of batch 10 by shuffle, seed 0",
    ]
    for line in epochs:
        assert re.fullmatch(r"train acc, test acc \| [01]\.\d{4}, [01]\.\d{4}", line)
    assert re.fullmatch(
        r"12 iterations in \d+\.\d s, [\d,.]+ a second, test accuracy [01]\.\d{4}", last
    )
    assert epochs[-1][-6:] == last[-6:]


def trained(data, *options):
    """The parameters and the losses of a run on the command line."""
    files = ("--save", "net.npz", "--checkpoint", "run.npz")
    assert cli.main(["train", "--data", str(data), "--quiet", *map(str, options), *files]) == 0
    with np.load("run.npz") as archive:
        losses = archive["train_loss"].tolist()
    return bits(TwoLayerNet.load("net.npz").params), losses


def test_every_option_of_the_training_does_what_it_says(data, here):
    few = ("--iterations", 6, "--batch-size", 10)
    params, losses = trained(data, *few)
    assert len(losses) == 6
    assert trained(data, *few) == (params, losses)
    assert trained(data, *few, "--threads", 1) == (params, losses)
    assert len(trained(data, "--epochs", 2, "--batch-size", 10)[1]) == 8
    assert len(trained(data, "--epochs", 2, "--batch-size", 10**9)[1]) == 2
    for other in (
        ("--gradient", "backprop"),
        ("--lr", 0.2),
        ("--seed", 1),
        ("--seed", 2**128 - 1),
        ("--sampling", "replacement"),
        ("--iterations", 7),
        ("--batch-size", 9),
    ):
        assert trained(data, *few, *other)[0] != params, other
    assert trained(data, *few, "--hidden", 3)[0]["W1"][1] == (16, 3)
    for method in ("direct", "incremental", "node"):
        close = trained(data, *few, "--method", method)[1]
        np.testing.assert_allclose(close, losses, rtol=0, atol=1e-9)


def test_what_is_written_is_what_was_trained(capsys, data, here):
    pytest.importorskip("matplotlib")
    files = ("--save", "net.npz", "--plot", "plot", "--checkpoint", "run.npz")
    code, out, _ = train(capsys, data, "--iterations", 5, *files)
    assert code == 0
    assert names(here) == ["net.npz", "plot", "run.npz"]
    assert (here / "plot").read_bytes().startswith(b"\x89PNG")
    accuracy = float(out.split()[-1])
    code, out, _ = run(capsys, "evaluate", "net.npz", "--data", data)
    assert f"accuracy  {accuracy:.4f}, " in out
    code, out, _ = train(capsys, data, "--resume", "run.npz", "--iterations", 9)
    assert "the rest" not in out
    assert "training  9 iterations of batch 100 by shuffle, from run.npz" in out
    last = out.splitlines()[-1]
    assert re.fullmatch(
        r"9 iterations, \d+\.\d s since it was resumed, test accuracy [01]\.\d+", last
    )
    assert len(np.load("run.npz")["train_loss"]) == 9


WRONG = {
    "--threads 18446744073709551616": "--threads must be at most 1,024",
    "--threads 0": "--threads must be at least 1, got 0",
    "--threads -1": "--threads must be at least 1, got -1",
    "--hidden 99999999999999": "--hidden must be at most 100,000, got 99999999999999",
    "--hidden 0": "--hidden must be at least 1",
    "--lr nan": "--lr must be finite and not negative, got nan",
    "--lr inf": "--lr must be finite and not negative, got inf",
    "--lr 1e400": "--lr must be finite and not negative, got inf",
    "--lr -1": "--lr must be finite and not negative, got -1",
    "--lr x": "--lr: invalid float value",
    f"--seed {2**200}": r"--seed must be below 2\*\*128, got 1606",
    "--seed -1": "--seed must not be negative, got -1",
    "--seed 1.5": "--seed: must be an integer, got '1.5'",
    f"--iterations {10**30}": "--iterations must be at most 1,000,000,000,000, got 1000",
    f"--iterations {'1' * 5000}": r"--iterations: must be an integer, got '1{5,20}\.\.\.1+'",
    "--iterations 0": "--iterations must be at least 1, got 0",
    "--iterations 1 --epochs 1": "--epochs: not allowed with argument --iterations",
    f"--epochs {10**30}": "--epochs must be at most 1,000,000,000",
    f"--batch-size {10**30}": "--batch-size must be at most 1,000,000,000",
    "--batch-size 41 --sampling replacement": "--batch-size must be at most 40, the training im",
    "--checkpoint-every 2": "--checkpoint-every needs --checkpoint or --resume",
    f"--checkpoint x --checkpoint-every {10**30}": "--checkpoint-every must be at most",
    "--method node --gradient backprop": "--method node needs --gradient numerical",
    "--method quick": "--method: invalid choice: 'quick'",
    "--gradient x": "--gradient: invalid choice",
    "--sampling x": "--sampling: invalid choice",
    "--frob": "unrecognized arguments: --frob",
    "--save absent/net.npz": "--save must be in a folder that exists, got absent/net.npz",
    "--save .": r"--save must be a file, got the folder \.",
    "--save new/": "--save must be a file, got the folder new/",
    "--save made/net.npz": "--save must be in a folder that exists, got made/net.npz",
    "--plot run.v1": r"--plot must end in one of .* \.png .*, or have no ending, got run\.v1",
    "--plot net.npz": r"--plot must end in one of ",
    "--plot absent/x.png": "--plot must be in a folder that exists",
    "--save x --plot x": "--save and --plot must be different files, got x for both",
    "--save x --checkpoint ./x": "--save and --checkpoint must be different files",
    "--save link --plot made": "--save and --plot must be different files",
    "--resume made --save made": "--save and --resume must be different files",
    "--resume made --checkpoint x --save made": "--save and --resume must be different files",
    "--resume absent": "--resume must be a file that exists, got absent",
    "--resume .": r"--resume must be a file that exists, got \.",
    "--resume saved": "--resume must be a file that --checkpoint wrote, got saved, a network that",
}


@pytest.mark.parametrize("options", WRONG)
def test_what_is_wrong_is_one_line_before_anything_is_done(
    capsys, data, here, options, monkeypatch
):
    (here / "made").write_bytes(b"before")
    (here / "link").symlink_to("made")
    TwoLayerNet(16, 3, 10, rng=0).save("saved")
    there = names(here)
    monkeypatch.setattr(Trainer, "fit", pytest.fail)
    err = error_of(capsys, "train", "--data", data, *options.split())
    assert re.match(rf"kobai( train)?: error: (argument )?{WRONG[options]}", err), err
    assert names(here) == there
    assert (here / "made").read_bytes() == b"before"


def test_without_memory_it_says_so(capsys, data, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(Trainer, "fit", fail)
    code, _, err = train(capsys, data)
    assert (code, err) == (2, "kobai train: error: there is not enough memory\n")


def test_warnings_are_lines(capsys, data, monkeypatch):
    def fit(*_, **__):
        warnings.warn("the loss is not\nfinite", RuntimeWarning, stacklevel=1)
        raise ValueError("stop")

    monkeypatch.setattr(Trainer, "fit", fit)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        code, _, err = train(capsys, data)
    lines = ["warning: the loss is not finite", "error: stop"]
    assert (code, err.splitlines()) == (2, [f"kobai train: {line}" for line in lines])


@pytest.mark.parametrize("quiet", [False, True])
def test_without_a_network_it_says_so_and_takes_the_sample(capsys, tmp_path, monkeypatch, quiet):
    monkeypatch.setenv("KOBAI_DATA_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("KOBAI_MNIST_MIRRORS", "http://127.0.0.1:9/")
    monkeypatch.setenv("no_proxy", "*")
    options = ["--iterations", 2, "--gradient", "backprop", *["--quiet"] * quiet]
    code, out, err = train(capsys, "auto", *options)
    assert code == 0
    said = err if quiet else out
    assert "MNIST could not be downloaded" in said.splitlines()[0]
    assert "the sample that ships with kobai is used instead" in said
    assert out.splitlines()[-1].endswith(" on the sample")
    assert out.count("\n") == 1 if quiet else "data      MNIST sample: 5,000 training" in out
    assert err.count("\n") == quiet
    assert max(map(len, out.splitlines())) <= 80
    assert not (tmp_path / "empty").exists()


def test_the_sample_that_was_asked_for_is_no_news(capsys):
    code, out, err = train(capsys, "sample", "--iterations", 1, "--quiet")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"1 iterations in .* test accuracy 0\.\d{4}\n", out)


@pytest.mark.parametrize("name", ["x" * 200, "長い名前の" * 15, "new\nline\x1b[31m", "a b " * 30])
@pytest.mark.skipif(os.name != "posix", reason="folders of any name")
def test_the_header_takes_eighty_columns_whatever_the_folder_is_called(capsys, tmp_path, name):
    folder = write_folder(tmp_path / name)
    code, out, _ = train(capsys, folder, "--iterations", 1, "--hidden", 1000, "--lr", 1.23456e-7)
    assert code == 0
    assert max(map(layout.columns, out.splitlines())) <= 80
    assert "\x1b" not in out
    assert out.splitlines()[0].startswith("data      ...")


def test_data_that_is_damaged_is_one_line(capsys, data):
    (data / "train-images-idx3-ubyte").write_text("<html>")
    err = error_of(capsys, "train", "--data", data)
    assert "it is a web page (HTML)" in err
    assert "--data must be auto, sample, or a folder" in error_of(
        capsys, "train", "--data", data / "absent"
    )
    assert "--data must be auto, sample, or a folder" in error_of(
        capsys, "train", "--data", data / "train-images-idx3-ubyte"
    )


def test_rates_and_times_have_digits_that_say_something():
    assert layout.per_second(10_000, 3.2) == "3,125"
    assert layout.per_second(3, 2.0) == "1.5"
    assert layout.per_second(1, 7.0) == "0.143"
    assert layout.per_second(1, 0.0)
    times = [layout.duration(seconds) for seconds in (4321.0, 2.345, 0.00385, 1.2e-5)]
    assert times == ["4,321 s", "2.35 s", "3.85 ms", "0.012 ms"]


def test_help_and_version_name_every_option(capsys):
    for arguments in (["--help"], ["train", "--help"], ["evaluate", "-h"], ["check", "-h"]):
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        assert end.value.code == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert re.fullmatch(r"kobai \d+\.\d+\.\d+\n", capsys.readouterr().out)
    assert isinstance(parser(Output()), argparse.ArgumentParser)


def test_it_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "kobai", "train", "--data", "sample", "--iterations", "5"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1].startswith("5 iterations in ")
    assert done.stderr == ""
