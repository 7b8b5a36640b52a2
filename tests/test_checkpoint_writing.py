"""Checkpoints are written whole or not at all, as often as was asked, and by `kobai train` too."""

import errno
import os
import re
import stat
import time
from pathlib import Path

import numpy as np
import pytest

from folders import names
from kobai import cli
from processes import output_of
from runs import DATA, SETTING, bits, new_trainer, uninterrupted

KILLED = """
whole, reference = [], trainer()
def collect(history):
    if FILE.exists():
        whole.append(contents(FILE))
history = reference.fit(*data, epochs=EPOCHS, checkpoint=FILE, on_epoch=collect)
whole.append(contents(FILE))
assert len(set(whole)) == EPOCHS
FILE.unlink()

resumed = set()
for _ in range(50):
    if FILE.exists() and contents(FILE) == whole[-1]:
        FILE.unlink()
    pid = os.fork()
    if pid == 0:
        run = trainer()
        if FILE.exists():
            run.resume(FILE, *data)
        else:
            run.fit(*data, epochs=EPOCHS, checkpoint=FILE)
        os._exit(0)
    time.sleep(random.uniform(0, 0.1))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if FILE.exists():
        found = contents(FILE)
        assert found in whole
        resumed.add(whole.index(found))
        last = trainer()
        other = {"checkpoint": FILE.with_name("other"), "checkpoint_every": EPOCHS}
        assert last.resume(FILE, *data, **other) == history
        assert bits(last) == bits(reference)
print(len(resumed), len(list(FILE.parent.glob(".run.npz.*.tmp"))))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_killed_at_any_moment_it_leaves_a_whole_checkpoint(tmp_path):
    script = f"{SETTING}\nFILE = Path({str(tmp_path / 'run.npz')!r})\n{KILLED}"
    different, cut = map(int, output_of(script).split())
    # Killed at moments that differ, and in the midst of writing too.
    assert different > 10
    assert cut > 0


@pytest.mark.parametrize("place", ["fsync", "replace", "savez"])
def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch, place):
    file = tmp_path / "run.npz"
    owner = np if place == "savez" else os if place == "fsync" else Path
    trainer, _ = new_trainer()

    def fail(stream, *_, **__):
        if place == "savez":
            stream.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    def full(history):
        if len(history.train_acc) == 3:
            monkeypatch.setattr(owner, place, fail)

    with pytest.raises(OSError, match="No space left"):
        trainer.fit(*DATA, epochs=9, checkpoint=file, on_epoch=full)
    monkeypatch.undo()
    assert bits(trainer.net.params) == uninterrupted(10)[0]
    assert names(tmp_path) == ["run.npz"]
    made = new_trainer()
    assert made[0].resume(file, *DATA, iterations=5) == uninterrupted(5)[1]


def test_what_is_written_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    events = []
    for owner, name in ((os, "fsync"), (Path, "replace")):
        original = getattr(owner, name)

        def noted(*arguments, original=original, name=name):
            events.append(name)
            return original(*arguments)

        monkeypatch.setattr(owner, name, noted)
    new_trainer()[0].fit(*DATA, epochs=4, checkpoint=tmp_path / "run.npz", checkpoint_every=2)
    posix = ["fsync"] if os.name == "posix" else []  # the folder's own
    assert events == 2 * ["fsync", "replace", *posix]


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_file_that_is_replaced_keeps_its_mode_and_a_new_one_follows_the_umask(tmp_path):
    file = tmp_path / "run.npz"
    before = os.umask(0o027)
    try:
        new_trainer()[0].fit(*DATA, epochs=1, checkpoint=file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
        file.chmod(0o604)
        new_trainer()[0].resume(file, *DATA, epochs=2)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o604


def counted_moves(monkeypatch):
    moves, replace = [], Path.replace
    monkeypatch.setattr(Path, "replace", lambda *names: moves.append(names) or replace(*names))
    return moves


@pytest.mark.parametrize(("every", "written"), [(1, 4), (2, 2), (3, 2), (4, 1), (9, 1)])
def test_checkpoints_come_every_so_many_epochs_and_at_the_end(
    tmp_path, monkeypatch, every, written
):
    moves = counted_moves(monkeypatch)
    file = str(tmp_path / "run.npz")
    new_trainer()[0].fit(*DATA, iterations=18, checkpoint=file, checkpoint_every=np.int8(every))
    assert len(moves) == written
    assert names(tmp_path) == ["run.npz"]


def test_what_a_killed_process_left_is_removed_when_it_is_old(tmp_path):
    old, new, other = (tmp_path / f".{name}.tmp" for name in (
        f"run.npz.{'0' * 16}", f"run.npz.{'a' * 16}", f"run.npz.b.{'0' * 16}"
    ))  # fmt: skip
    for path in (old, new, other):
        path.write_bytes(b"half of it")
    for path in (old, other):
        os.utime(path, (time.time() - 4000,) * 2)
    new_trainer()[0].fit(*DATA, epochs=1, checkpoint=tmp_path / "run.npz")
    assert names(tmp_path) == sorted(["run.npz", new.name, other.name])


def train(capsys, *options):
    code = cli.main(["train", "--data", "sample", "--gradient", "backprop", *map(str, options)])
    return code, *capsys.readouterr()


def test_kobai_train_writes_and_resumes_checkpoints(tmp_path, capsys, monkeypatch):
    file, nets = tmp_path / "run.npz", [tmp_path / "whole.npz", tmp_path / "resumed.npz"]
    assert train(capsys, "--epochs", 3, "--save", nets[0])[0] == 0
    moves = counted_moves(monkeypatch)
    often = ("--checkpoint", file, "--checkpoint-every", 2)
    assert train(capsys, "--iterations", 270, *often)[0] == 0
    assert len(moves) == 3
    assert train(capsys, "--iterations", 70, "--checkpoint", file)[0] == 0
    assert len(moves) == 5
    code, out, _ = train(capsys, "--resume", file, "--epochs", 3, "--save", nets[1], "--quiet")
    assert code == 0
    assert re.fullmatch(r"150 iterations, \d+\.\d s since it was resumed, .*\n", out)
    assert nets[0].read_bytes() == nets[1].read_bytes()
    assert len(np.load(file)["train_loss"]) == 150


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--checkpoint", "absent/run.npz"), ("--checkpoint must be in a folder that exists",)),
        (("--checkpoint", "x", "--checkpoint-every", 0), ("--checkpoint-every", "at least 1")),
        (("--checkpoint-every", 2), ("--checkpoint-every needs --checkpoint",)),
        (("--resume", "absent.npz"), ("--resume must be a file that exists",)),
        (("--resume", __file__), ("test_checkpoint_writing.py must be an .npz archive",)),
    ],
)
def test_kobai_train_says_what_is_wrong_in_one_line(capsys, options, words):
    code, _, errors = train(capsys, *options)
    assert code == 2
    assert errors.count("\n") == 1
    assert all(word in errors for word in words), errors
