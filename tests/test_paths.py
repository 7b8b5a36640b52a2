"""One rule for every path that comes from outside, and errors that name the argument."""

import os
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from folders import names
from idx_folders import write_folder
from kobai import TwoLayerNet, cli
from kobai._io.atomic import as_path
from kobai.datasets import DownloadError, cache, load_mnist
from runs import DATA, bits, new_trainer

posix = pytest.mark.skipif(os.name != "posix", reason="homes of users by name")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder, and another folder to stand in."""
    for folder in ("home", "here"):
        (tmp_path / folder).mkdir()
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


@pytest.fixture
def homeless(tmp_path, monkeypatch):
    """A user of whom nothing is known, as in a container with a user id of its own."""
    pwd = pytest.importorskip("pwd")

    def unknown(user):
        raise KeyError(user)

    for variable in ("HOME", "XDG_CACHE_HOME", "KOBAI_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def net():
    return TwoLayerNet(2, 3, 2, rng=0)


def train(*options):
    return cli.main(["train", "--iterations", "2", "--gradient", "backprop", *options])


def fit(file):
    return new_trainer()[0].fit(*DATA, epochs=1, checkpoint=file)


def test_a_leading_tilde_is_the_home_folder_everywhere(home, monkeypatch):
    data = write_folder(home / "data")
    net().save("~/saved.npz")
    TwoLayerNet.load("~/saved.npz")
    fit("~/run.npz")
    new_trainer()[0].resume("~/run.npz", *DATA, epochs=2, checkpoint="~/next.npz")
    load_mnist(path="~/data")
    options = ("--save", "~/cli.npz", "--checkpoint", "~/cli-run.npz", "--plot", "~/plot.png")
    assert train("--data", "~/data", *options) == 0
    again = ("--data", "~/data", "--resume", "~/cli-run.npz", "--gradient", "backprop")
    assert cli.main(["train", *again, "--epochs", "5"]) == 0
    assert cli.main(["evaluate", "~/cli.npz", "--data", "~/data"]) == 0
    assert cli.main(["check", "~/cli.npz", "--data", "~/data", "--methods", "node"]) == 0
    monkeypatch.setenv("KOBAI_DATA_DIR", "~/cache")
    assert cache.cache_folder() == home / "cache" / "mnist"
    files = {"saved", "run", "next", "cli", "cli-run"}
    assert {*(f"{name}.npz" for name in files), "plot.png", data.name} <= set(names(home))
    assert names() == []


def test_path_objects_are_treated_as_text(home):
    net().save(Path("~") / "saved.npz")
    assert names(home) == ["saved.npz"]
    fit(Path("~/run.npz"))
    write_folder(home / "data")
    load_mnist(path=Path("~/data"))
    assert names() == []


@posix
def test_a_tilde_of_nobody_is_a_name_like_any_other(home):
    net().save("~nosuchuser.npz")
    TwoLayerNet.load("~nosuchuser.npz")
    assert names() == ["~nosuchuser.npz"]
    for call in (net().save, fit):
        with pytest.raises(FileNotFoundError, match=r"folder that exists, got ~nosuchuser"):
            call("~nosuchuser/file.npz")
    with pytest.raises(FileNotFoundError, match="~nosuchuser/data"):
        load_mnist(path="~nosuchuser/data")
    with pytest.raises(FileNotFoundError, match="~nosuchuser/x"):
        TwoLayerNet.load("~nosuchuser/x")


@posix
def test_no_folder_is_made_for_a_home_that_is_not_known(home, monkeypatch, capsys):
    monkeypatch.setenv("KOBAI_DATA_DIR", "~nosuchuser/kobai")
    with pytest.raises(DownloadError, match=r"no home folder is known for ~nosuchuser/kobai"):
        load_mnist()
    assert train("--data", "auto", "--quiet") == 0
    assert "no home folder is known for ~nosuchuser/kobai" in capsys.readouterr().err
    assert names() == names(home) == []
    monkeypatch.setenv("KOBAI_DATA_DIR", "./~nosuchuser")
    assert cache.cache_folder() == Path.cwd() / "~nosuchuser" / "mnist"


@posix
def test_a_name_that_begins_as_a_home_does_is_written_with_a_dot_before_it(home):
    user = pytest.importorskip("pwd").getpwuid(os.getuid()).pw_name
    for name in (f"~{user}", "~"):
        file = f"./{name}"
        assert train("--data", "sample", "--save", file, "--checkpoint", f"{file}.npz") == 0
        net().save(file)
        TwoLayerNet.load(file)
        fit(f"{file}.npz")
        assert as_path("file", as_path("file", file)) == Path.cwd() / name
        assert names() == [name, f"{name}.npz"]
        for path in Path().iterdir():
            path.unlink()
    assert names(home) == []


def test_who_has_no_home_is_told_so_and_trains_on_the_sample(homeless, capsys):
    with pytest.raises(DownloadError, match=r"no home folder is known .* KOBAI_DATA_DIR"):
        load_mnist()
    assert train() == 0
    assert "no home folder is known" in capsys.readouterr().out
    with pytest.raises(FileNotFoundError, match=r"~/net\.npz"):
        net().save("~/net.npz")
    net().save("net.npz")
    assert names() == ["net.npz"]


def test_a_cache_that_platformdirs_cannot_tell_is_no_crash(monkeypatch):
    import platformdirs

    def fail(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("KOBAI_DATA_DIR", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_dir", fail)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(DownloadError, match="no home folder is known"):
        load_mnist()


# Each public name that takes a path, and what it calls it.
TAKERS = {
    "save": ("file", lambda path: net().save(path)),
    "load": ("file", TwoLayerNet.load),
    "fit": ("checkpoint", fit),
    "resume": ("file", lambda path: new_trainer()[0].resume(path, *DATA)),
    "load_mnist": ("path", lambda path: load_mnist(path=path)),
}


class Odd:
    """A path object that gives bytes."""

    def __fspath__(self):
        return b"net.npz"


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        (b"net.npz", TypeError, "must be a path .*os.fsdecode.*, got b'net.npz'"),
        (Odd(), TypeError, "must be a path, got <"),
        (3, TypeError, "must be a path, got 3"),
        (BytesIO(), TypeError, "must be a path, got <_io.BytesIO"),
        (["net.npz"], TypeError, r"must be a path, got \['net.npz'\]"),
        (np.zeros(100_000), TypeError, r"must be a path, got array\(.{,60}$"),
        ("", ValueError, "must be a path, got an empty one"),
        ("net\0.npz", ValueError, r"must be a path, got one with a NUL .*'net\\x00.npz'"),
        (Path("net\0.npz"), ValueError, r"must be a path, got one with a NUL .*'net\\x00.npz'"),
    ],
    ids=["bytes", "odd", "int", "stream", "list", "array", "empty", "nul", "nul path"],
)
def test_what_can_be_no_path_is_an_error_that_names_the_argument(taker, path, kind, words):
    name, call = TAKERS[taker]
    with pytest.raises(kind, match=f"^{name} {words}"):
        call(path)


@posix
@pytest.mark.parametrize("taker", TAKERS)
def test_text_that_no_file_name_is_made_of_is_an_error_that_names_the_argument(taker):
    name, call = TAKERS[taker]
    with pytest.raises(ValueError, match=rf"^{name} must be a name that files can have"):
        call("net\ud800.npz")


@pytest.mark.parametrize("option", ["--save", "--plot", "--checkpoint", "--resume", "--data"])
@pytest.mark.parametrize("path", ["", "a\0b"])
def test_options_that_can_be_no_path_are_named(option, path, capsys):
    assert train("--data", "sample", option, path) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"kobai train: error: {option} must be a path, got ")
    assert (out, err.count("\n")) == ("", 1)


def test_names_of_any_bytes_are_names(tmp_path):
    if sys.platform != "linux":
        pytest.skip("other systems want names of text")
    file = os.fsdecode(bytes(tmp_path) + b"/\xff\xe9.npz")
    net().save(file)
    TwoLayerNet.load(file)
    assert names(tmp_path) == [os.fsdecode(b"\xff\xe9.npz")]
    assert as_path("file", file) == Path(file)


def test_a_trainer_is_not_touched_by_a_path_that_is_none():
    trainer, _ = new_trainer()
    before = bits(trainer.net.params)
    with pytest.raises(TypeError, match=r"^checkpoint must be a path"):
        trainer.fit(*DATA, epochs=1, checkpoint=7)
    assert bits(trainer.net.params) == before
