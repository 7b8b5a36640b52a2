"""`kobai train` writes to the names it was given, and finds first what it cannot write."""

import os
import stat

import pytest

from command_line import error_of, train
from folders import names
from kobai import TwoLayerNet


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("run", b"\x89PNG"),
        (".run", b"\x89PNG"),
        ("run.png", b"\x89PNG"),
        ("run.PNG", b"\x89PNG"),
        ("run.pdf", b"%PDF"),
        ("run.v1.svg", b"<?xml"),
    ],
)
def test_a_plot_has_the_name_that_was_given_and_the_format_of_its_ending(
    capsys, data, here, name, start
):
    pytest.importorskip("matplotlib")
    assert train(capsys, data, "--iterations", 2, "--plot", name)[0] == 0
    assert names(here) == [name]
    assert (here / name).read_bytes().startswith(start)


def test_a_plot_is_written_through_a_link(capsys, data, here):
    pytest.importorskip("matplotlib")
    (here / "latest.png").symlink_to("run.png")
    assert train(capsys, data, "--iterations", 2, "--plot", "latest.png")[0] == 0
    assert (here / "latest.png").is_symlink()
    assert (here / "run.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(os.name != "posix", reason="devices and pipes by name")
def test_devices_and_pipes_are_refused_before_the_training(capsys, data, here):
    os.mkfifo("pipe")
    for option in ("--save", "--plot", "--checkpoint"):
        err = error_of(capsys, "train", "--data", data, option, "pipe")
        assert f"{option} must be a regular file, got the pipe pipe" in err
        err = error_of(capsys, "train", "--data", data, option, "/dev/zero")
        assert f"{option} must be a regular file, got the device /dev/zero" in err
    assert stat.S_ISFIFO((here / "pipe").stat().st_mode)


def test_the_null_device_takes_any_of_them(capsys, data, here):
    files = ("--save", os.devnull, "--checkpoint", os.devnull)
    assert train(capsys, data, "--iterations", 1, *files)[0] == 0
    assert names(here) == []


def test_the_longest_name_is_saved_to(capsys, data, here):
    longest = "n" * 251 + ".png"
    assert train(capsys, data, "--iterations", 1, "--save", longest)[0] == 0
    assert names(here) == [longest]
    err = error_of(capsys, "train", "--data", data, "--save", "n" * 256)
    assert "--save must be a file, got nnn" in err
    assert "File name too long" in err


def test_a_plot_without_matplotlib_is_known_before_the_training(capsys, data, here, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    err = error_of(capsys, "train", "--data", data, "--plot", "x.png")
    assert "--plot needs matplotlib: python -m pip install 'kobai[plot]'" in err


def test_a_format_that_cannot_be_drawn_is_known_before_the_training(
    capsys, data, here, monkeypatch
):
    pytest.importorskip("matplotlib")

    def fail(*_):
        raise RuntimeError("xelatex not found")

    monkeypatch.setattr("kobai._training.plotting.save_history", fail)
    err = error_of(capsys, "train", "--data", data, "--plot", "x.pgf")
    assert "--plot cannot be drawn as .pgf: xelatex not found" in err
    assert names(here) == []


def test_one_result_that_cannot_be_written_does_not_lose_the_others(
    capsys, data, here, monkeypatch
):
    pytest.importorskip("matplotlib")

    def fail(*_):
        raise OSError(28, "No space left on device", "net.npz")

    monkeypatch.setattr(TwoLayerNet, "save", fail)
    files = ("--save", "net.npz", "--plot", "run.png")
    code, out, err = train(capsys, data, "--iterations", 2, *files)
    words = "--save could not be written: [Errno 28] No space left on device: 'net.npz'"
    assert (code, err) == (2, f"kobai train: error: {words}\n")
    assert "test accuracy" in out.splitlines()[-1]
    assert names(here) == ["run.png"]
