"""Progress bars: on a terminal, in a notebook, and nowhere else; and lines beside them."""

import io
import sys
import types

import numpy as np
import pytest
import tqdm.notebook

from kobai import Trainer, TwoLayerNet
from kobai._progress import progress_bar, write_line
from processes import output_of

X, T = np.eye(4), np.arange(4)


def train(**options):
    return Trainer(TwoLayerNet(4, 3, 4, rng=0), batch_size=2, rng=0).fit(X, T, epochs=30, **options)


class Terminal(io.StringIO):
    def isatty(self):
        return True


class WithoutIsatty:
    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text


class Failing(Terminal):
    """A terminal that has gone."""

    def write(self, text):
        raise OSError(5, "Input/output error")


class Odd(WithoutIsatty):
    def isatty(self):
        raise RuntimeError


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


STREAMS = {
    "none": lambda: None,
    "closed": closed,
    "without isatty": WithoutIsatty,
    "odd": Odd,
    "gone": Failing,
    "a file": io.StringIO,
}


@pytest.mark.parametrize("kind", STREAMS)
def test_training_needs_no_standard_error(kind, monkeypatch):
    expected, stream = train(), STREAMS[kind]()
    monkeypatch.setattr(sys, "stderr", stream)
    assert train() == expected
    if isinstance(stream, WithoutIsatty):
        assert stream.text == ""
    elif kind == "a file":
        assert stream.getvalue() == ""


@pytest.mark.parametrize("kind", STREAMS)
def test_a_bar_draws_nothing_where_nobody_looks(kind, monkeypatch):
    monkeypatch.setattr(sys, "stderr", STREAMS[kind]())
    with progress_bar(5, unit="B") as bar:
        for _ in range(5):
            assert not bar.advance(1)
            bar.note("loss 1")


def test_a_terminal_that_goes_away_ends_the_bar_and_not_the_training(monkeypatch):
    expected, terminal = train(), Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    def leave(history):
        if len(history.train_acc) == 3:
            terminal.close()

    assert train(on_epoch=leave) == expected


def test_a_terminal_gets_a_bar_and_only_if_it_is_wanted(monkeypatch):
    for shown in (True, False):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        train(progress=shown)
        assert ("60" in terminal.getvalue()) == shown


class Shell:
    def __init__(self):
        self.config = {"IPKernelApp": {}}


@pytest.fixture
def kernel(monkeypatch):
    """Looks like a kernel of Jupyter's: there is a shell, and standard error is no terminal."""
    fake = types.ModuleType("IPython")
    fake.get_ipython = Shell
    monkeypatch.setitem(sys.modules, "IPython", fake)
    for name in ("QT_API", "SPYDER_ARGS"):
        monkeypatch.delenv(name, raising=False)


def captured(monkeypatch):
    # Not in the fixture: pytest puts streams of its own in place before each test.
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_a_notebook_gets_its_own_bar(kernel, monkeypatch):
    bars = []

    class Widget:
        def __init__(self, **options):
            bars.append(options)
            self.steps = 0

        def update(self, count):
            self.steps += count
            return True

        def set_postfix_str(self, text, *, refresh):
            bars.append(text)

        def close(self):
            bars.append(self.steps)

    monkeypatch.setattr(tqdm.notebook, "IProgress", object)  # also without ipywidgets
    monkeypatch.setattr(tqdm.notebook, "tqdm_notebook", Widget)
    stream = captured(monkeypatch)
    train(progress=False)
    assert bars == []
    train()
    assert (bars[0]["total"], bars[0]["initial"], bars[0]["leave"]) == (60, 0, False)
    assert bars[1].startswith("loss 1.")
    assert bars[-1] == 60
    assert stream.getvalue() == ""


def test_a_notebook_without_widgets_gets_text_and_no_warning(kernel, monkeypatch):
    monkeypatch.setattr(tqdm.notebook, "IProgress", None)
    stream = captured(monkeypatch)
    train()  # warnings are errors here
    assert "60" in stream.getvalue()


def test_a_console_of_spyder_gets_text(kernel, monkeypatch):
    monkeypatch.setenv("SPYDER_ARGS", "[]")
    monkeypatch.setattr(tqdm.notebook, "tqdm_notebook", pytest.fail)
    stream = captured(monkeypatch)
    train()
    assert "60" in stream.getvalue()


@pytest.mark.parametrize("kind", ["none", "closed"])
def test_lines_go_nowhere_without_standard_output(kind, monkeypatch, capsys):
    write_line("before")
    assert capsys.readouterr().out == "before\n"
    monkeypatch.setattr(sys, "stdout", STREAMS[kind]())
    write_line("after")


def test_a_program_without_any_stream_trains():
    script = """
import os, sys
out = os.fdopen(os.dup(1), "w")
sys.stdin = sys.stdout = sys.stderr = None
from kobai import cli
code = cli.main(["train", "--data", "sample", "--gradient", "backprop", "--iterations", "20"])
out.write(f"{code}\\n")
out.close()
"""
    assert output_of(script) == "0\n"
