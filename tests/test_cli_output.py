"""`kobai train` goes on whatever becomes of standard output, and ends well on Ctrl-C."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from idx_folders import write_folder
from kobai import History, Trainer, TwoLayerNet, cli
from kobai._progress import write_line

posix = pytest.mark.skipif(os.name != "posix", reason="pipes and signals of POSIX")
KOBAI = [sys.executable, "-m", "kobai"]


def in_shell(script, folder, **environ):
    """What a script of the shell prints, in which $KOBAI is the command."""
    run = subprocess.run(  # noqa: S603
        ["bash", "-c", script],  # noqa: S607
        cwd=folder,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=120,
        check=False,
        env={**os.environ, "KOBAI": " ".join(KOBAI), **environ},
    )
    return run.returncode, run.stdout, run.stderr


TRAIN = "$KOBAI train --data data --batch-size 10 --epochs 30"


@posix
def test_a_reader_that_leaves_does_not_end_the_training(tmp_path, data):
    script = f"{TRAIN} --save net.npz --checkpoint run.npz | head -1; exit ${{PIPESTATUS[0]}}"
    code, out, err = in_shell(script, tmp_path)
    assert (code, out, err) == (0, "data      data: 40 training and 20 test images\n", "")
    assert len(np.load(tmp_path / "run.npz")["train_loss"]) == 120
    TwoLayerNet.load(tmp_path / "net.npz")


@posix
def test_a_reader_that_never_came_does_not_either(tmp_path, data):
    script = f"{TRAIN} --save net.npz | true; exit ${{PIPESTATUS[0]}}"
    assert in_shell(script, tmp_path) == (0, "", "")
    TwoLayerNet.load(tmp_path / "net.npz")
    for arguments in ("--help", "evaluate net.npz --data data"):
        script = f"$KOBAI {arguments} | true; exit ${{PIPESTATUS[0]}}"
        assert in_shell(script, tmp_path) == (0, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_does_not_end_the_training_and_is_told(tmp_path, data):
    said = "standard output could not be written: No space left on device\n"
    code, _, err = in_shell(f"{TRAIN} --save net.npz > /dev/full", tmp_path)
    assert (code, err) == (2, f"kobai train: error: {said}")
    TwoLayerNet.load(tmp_path / "net.npz")
    for arguments in ("--version", "check --help"):
        code, _, err = in_shell(f"$KOBAI {arguments} > /dev/full", tmp_path)
        assert (code, err) == (2, f"kobai: error: {said}")


@posix
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_end_the_training(tmp_path, data, closed):
    code, out, err = in_shell(f"{TRAIN} --save net.npz {closed}", tmp_path)
    assert (code, err) == (0, "")
    assert (out == "") == (">&-" in closed.replace("2>&-", ""))
    TwoLayerNet.load(tmp_path / "net.npz")
    for arguments, status in {"train --frob": 2, "evaluate absent": 2, "--help": 0}.items():
        assert in_shell(f"$KOBAI {arguments} {closed}", tmp_path)[0] == status


@posix
def test_lines_are_there_as_soon_as_they_are_printed(tmp_path, data):
    script = f"{TRAIN.replace('30', '1000000')} & echo $! > pid; wait $!"
    with subprocess.Popen(  # noqa: S603
        ["bash", "-c", script.replace("$KOBAI", " ".join(KOBAI))],  # noqa: S607
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as shell:
        lines = [shell.stdout.readline() for _ in range(6)]
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert lines[0].startswith("data ")
    assert lines[5].startswith("train acc")


@posix
@pytest.mark.parametrize(
    "environ",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1:strict"},
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
@pytest.mark.parametrize("name", ["データ".encode(), b"\xff\xe9"], ids=["Japanese", "no text"])
def test_names_that_cannot_be_printed_are_escaped(tmp_path, environ, name):
    if sys.platform != "linux":
        name = "データ".encode()
    folder = write_folder(tmp_path / os.fsdecode(name))
    script = f"$KOBAI train --data '{folder}' --iterations 2 --save net.npz"
    code, out, err = in_shell(script, tmp_path, **environ)
    assert (code, err) == (0, "")
    assert "iterations in" in out.splitlines()[-1]
    TwoLayerNet.load(tmp_path / "net.npz")
    code, _, err = in_shell(f"$KOBAI train --data '{folder}/absent'", tmp_path, **environ)
    assert (code, err.count("\n")) == (2, 1)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("kind", ["none", "closed", "bare"])
def test_a_stream_may_be_missing_closed_or_of_ones_own(data, monkeypatch, stream, kind):
    class Bare:
        """As a window may stand in for a stream: it takes text, and that is all."""

        def write(self, text):
            return len(text)

    streams = {"none": None, "closed": io.StringIO(), "bare": Bare()}
    streams["closed"].close()
    monkeypatch.setattr(sys, stream, streams[kind])
    assert cli.main(["train", "--data", str(data), "--iterations", "2"]) == 0
    assert cli.main(["train", "--data", "absent"]) == 2


def test_what_a_stream_cannot_encode_is_escaped():
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    write_line("日本 µ \udce9", stream)
    assert stream.buffer.getvalue() == b"\\u65e5\\u672c \\xb5 \\udce9\n"


def interrupted(folder, *options, after="train acc"):
    """`kobai train`, sent Ctrl-C when it has printed so much."""
    with subprocess.Popen(  # noqa: S603
        [*KOBAI, "train", "--data", "data", "--iterations", "1000000000", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, they may ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        read = ""
        while after not in read:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            read += line
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    return process.returncode, read + out, err


@posix
@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
def test_ctrl_c_ends_the_training_saves_it_and_says_so(tmp_path, data, gradient):
    pytest.importorskip("matplotlib")
    files = ("--save", "net.npz", "--plot", "run.png", "--checkpoint", "run.npz")
    code, out, err = interrupted(tmp_path, "--gradient", gradient, *files)
    assert (code, err) == (130, "")
    last = out.splitlines()[-1]
    assert last.startswith("interrupted after ")
    steps = int(last.split()[2].replace(",", ""))
    assert steps > 0
    with np.load(tmp_path / "run.npz") as archive:
        assert len(archive["train_loss"]) == steps
        for key, param in TwoLayerNet.load(tmp_path / "net.npz").params.items():
            assert param.tobytes() == archive[f"params/{key}"].tobytes()
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def stop(trainer, *, raises, steps):
    """A `fit` that Ctrl-C ends, by either of the rules that there may be for it."""

    def fit(*_, **__):
        history = History([0.5] * steps, [0.1], [0.1], steps_per_epoch=5, interrupted=True)
        if not raises:
            return history
        trainer.history = history
        raise KeyboardInterrupt

    return fit


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("steps", [0, 7])
def test_ctrl_c_is_known_by_what_fit_returns_or_leaves(
    tmp_path, data, monkeypatch, capsys, raises, steps
):
    class Stopped(Trainer):
        def fit(self, *data, **options):
            return stop(self, raises=raises, steps=steps)()

    monkeypatch.setattr("kobai.cli.train.Trainer", Stopped)
    file = tmp_path / "net.npz"
    file.write_bytes(b"a better one")
    assert cli.main(["train", "--data", str(data), "--quiet", "--save", str(file)]) == 130
    last = capsys.readouterr().out
    if steps == 0:
        assert last == "interrupted before the first iteration\n"
        assert file.read_bytes() == b"a better one"
    else:
        assert last.startswith("interrupted after 7 iterations in ")
        TwoLayerNet.load(file)


def test_ctrl_c_elsewhere_is_a_line(data, monkeypatch, capsys):
    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("kobai.cli.train.load_data", fail)
    assert cli.main(["train", "--data", str(data)]) == 130
    assert capsys.readouterr() == ("", "kobai train: interrupted\n")


def test_a_checkpoint_that_fails_does_not_lose_what_was_trained(
    tmp_path, data, monkeypatch, capsys
):
    class Failing(Trainer):
        def fit(self, *data, **options):
            self.history = History([0.5] * 3, [0.1], [0.1], steps_per_epoch=5)
            raise OSError(28, "No space left on device", "run.npz")

    monkeypatch.setattr("kobai.cli.train.Trainer", Failing)
    file = tmp_path / "net.npz"
    assert cli.main(["train", "--data", str(data), "--quiet", "--save", str(file)]) == 2
    words = "[Errno 28] No space left on device: 'run.npz'"
    assert capsys.readouterr() == ("", f"kobai train: error: {words}\n")
    TwoLayerNet.load(file)
