"""Checkpoints: a run stopped anywhere goes on to the end it would have had, bit for bit."""

import errno
import itertools
import os
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kobai import SGD, Trainer, TwoLayerNet
from processes import output_of

# Five steps an epoch, the last of which is a short one.
SAMPLES, BATCH_SIZE, STEPS = 23, 5, 5
X = np.random.default_rng(0).uniform(-1, 1, (SAMPLES, 2))
T = 2 * (X[:, 0] > 0) + (X[:, 1] > 0)
DATA = (X, T, X[:9], T[:9])


class OneByOne(TwoLayerNet):
    """A network whose steps are not taken by the core."""


def bits(params):
    return {key: (param.dtype, param.shape, param.tobytes()) for key, param in params.items()}


def new_trainer(
    kind=TwoLayerNet, dtype=np.float64, rng=0, lr=0.5, batch_size=BATCH_SIZE, **options
):
    net = kind(2, 6, 4, 0.5, rng=0, dtype=dtype)
    # One half of a 64-bit number is left over: it is a part of the generator's state.
    generator = np.random.default_rng(rng)
    generator.integers(0, 9, dtype=np.uint32)
    trainer = Trainer(net, SGD(lr), batch_size=batch_size, rng=generator, **options)
    return trainer, generator


def left_behind(made, history):
    """All that follows from a run, the numbers drawn after it among them."""
    trainer, generator = made
    draws = generator.integers(0, 2**32, 3, dtype=np.uint32).tolist(), generator.random()
    return bits(trainer.net.params), history, trainer.optimizer.lr, draws


def uninterrupted(iterations, data=DATA, on_epoch=None, **options):
    made = new_trainer(**options)
    return left_behind(made, made[0].fit(*data, iterations=iterations, on_epoch=on_epoch))


def stopped_at(file, cuts, data=DATA, on_epoch=None, **options):
    """A run of so many iterations, continued by trainers of their own until there are so many."""
    for k, iterations in enumerate(cuts):
        made = new_trainer(**options)
        run = {"iterations": iterations, "on_epoch": on_epoch}
        if k == 0:
            history = made[0].fit(*data, checkpoint=file, **run)
        else:
            history = made[0].resume(file, *data, **run)
    return left_behind(made, history)


@pytest.mark.parametrize("kind", [TwoLayerNet, OneByOne])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sampling", ["shuffle", "replacement"])
@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
def test_a_run_stopped_after_any_step_ends_the_same(tmp_path, kind, dtype, sampling, gradient):
    options = {"kind": kind, "dtype": dtype, "sampling": sampling, "gradient": gradient}
    expected = uninterrupted(13, **options)
    for cut in range(1, 14):
        assert stopped_at(tmp_path / "run.npz", (cut, 13), **options) == expected, cut
    assert stopped_at(tmp_path / "run.npz", range(1, 14), **options) == expected


@given(
    samples=st.integers(1, 30),
    batch_size=st.integers(1, 35),
    cuts=st.lists(st.integers(1, 40), min_size=2, max_size=5),
    sampling=st.sampled_from(["shuffle", "replacement"]),
    tested=st.booleans(),
    seed=st.integers(0, 9),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_runs_of_any_length_stopped_anywhere_end_the_same(
    tmp_path, samples, batch_size, cuts, sampling, tested, seed
):
    generator = np.random.default_rng(seed)
    data = generator.random((samples, 2)), np.eye(4)[generator.integers(0, 4, samples)]
    data += (X, T) if tested else ()
    options = {"batch_size": batch_size, "sampling": sampling, "rng": seed, "data": data}
    end = stopped_at(tmp_path / "run.npz", sorted(cuts), **options)
    assert end == uninterrupted(max(cuts), **options)


@pytest.mark.parametrize("name", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
@pytest.mark.parametrize("sampling", ["shuffle", "replacement"])
def test_every_bit_generator_of_numpy_is_continued(tmp_path, name, sampling):
    def options():
        return {"rng": getattr(np.random, name)(7), "sampling": sampling}

    file = tmp_path / "run.npz"
    for cut in (4, 5, 6):
        made = new_trainer(**options())
        made[0].fit(*DATA, iterations=cut, checkpoint=file)
        made = new_trainer(**options())
        end = left_behind(made, made[0].resume(file, *DATA, iterations=18))
        assert end == uninterrupted(18, **options())


def test_a_run_goes_on_for_as_long_as_it_was_to_be(tmp_path):
    file = tmp_path / "run.npz"

    def stop(history):
        if len(history.train_acc) == 3:
            raise KeyboardInterrupt

    assert new_trainer()[0].fit(*DATA, epochs=4, checkpoint=file, on_epoch=stop).interrupted
    made = new_trainer()
    assert left_behind(made, made[0].resume(file, *DATA)) == uninterrupted(20)
    # At its end it has nothing left to do, and may be given more.
    made = new_trainer()
    assert left_behind(made, made[0].resume(file, *DATA)) == uninterrupted(20)
    made = new_trainer()
    assert left_behind(made, made[0].resume(file, *DATA, epochs=5)) == uninterrupted(25)


def test_what_on_epoch_draws_and_changes_is_continued(tmp_path):
    def scheduled(cut):
        """A run with a learning rate that falls, and a generator that others draw from too."""
        histories = []
        for iterations in cut:
            trainer, generator = made = new_trainer()

            def on_epoch(history, trainer=trainer, generator=generator):
                trainer.optimizer.lr = 0.5 * 0.7 ** len(history.train_acc) + generator.random()

            run = {"iterations": iterations, "on_epoch": on_epoch}
            if histories:
                histories.append(trainer.resume(tmp_path / "run.npz", *DATA, **run))
            else:
                histories.append(trainer.fit(*DATA, checkpoint=tmp_path / "run.npz", **run))
        return left_behind(made, histories[-1])

    assert scheduled((5, 20)) == scheduled((10, 15, 20)) == scheduled((20,))


def test_the_trainer_that_ran_may_resume(tmp_path):
    ends = []
    for cut in (7, 12):
        trainer, _ = made = new_trainer()
        arrays = dict(trainer.net.params)

        def slower(history, trainer=trainer):
            trainer.optimizer.lr *= 0.9

        file = tmp_path / "run.npz"
        trainer.fit(*DATA, iterations=cut, checkpoint=file, on_epoch=slower)
        history = trainer.resume(file, *DATA, iterations=12, on_epoch=slower)
        assert all(trainer.net.params[key] is arrays[key] for key in arrays)
        ends.append(left_behind(made, history))
    assert ends[0] == ends[1]


class Stopped(OneByOne):
    """A network that ends the program at a call of one of its methods."""

    calls = None
    fatal = ""

    def loss_and_gradient(self, x, t):
        self.count("loss_and_gradient")
        return super().loss_and_gradient(x, t)

    def accuracy(self, x, t):
        self.count("accuracy")
        return super().accuracy(x, t)

    def count(self, method):
        if method == self.fatal and next(self.calls) == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("sampling", ["shuffle", "replacement"])
@pytest.mark.parametrize(("method", "calls"), [("loss_and_gradient", 14), ("accuracy", 6)])
def test_ctrl_c_leaves_a_checkpoint_of_the_last_whole_step(tmp_path, sampling, method, calls):
    options = {"kind": Stopped, "sampling": sampling}
    expected = uninterrupted(13, **options)
    for fatal in range(calls):
        file = tmp_path / f"{fatal}.npz"
        trainer, _ = new_trainer(**options)
        trainer.net.fatal, trainer.net.calls = method, itertools.count(-fatal)
        history = trainer.fit(*DATA, iterations=13, checkpoint=file, checkpoint_every=9)
        assert history.interrupted == (fatal < calls - (method == "loss_and_gradient"))
        assert file.exists() == bool(history.train_loss)
        if file.exists():
            made = new_trainer(**options)
            assert left_behind(made, made[0].resume(file, *DATA)) == expected


def test_a_step_of_which_only_half_is_done_is_not_kept(tmp_path, monkeypatch):
    # As when a handler of the program's own raises KeyboardInterrupt wherever it likes.
    file = tmp_path / "run.npz"
    trainer, _ = new_trainer(kind=OneByOne)
    update, calls = SGD.update, itertools.count()

    def half(self, params, grads):
        if next(calls) == 7:
            params["W1"] -= 1
            raise KeyboardInterrupt
        update(self, params, grads)

    monkeypatch.setattr(SGD, "update", half)
    assert trainer.fit(*DATA, epochs=3, checkpoint=file).interrupted
    monkeypatch.setattr(SGD, "update", update)
    made = new_trainer(kind=OneByOne)
    assert left_behind(made, made[0].resume(file, *DATA)) == uninterrupted(15, kind=OneByOne)


SETTING = """
import os, random, signal, threading, time
from pathlib import Path
import numpy as np
from kobai import SGD, Trainer, TwoLayerNet

class OneByOne(TwoLayerNet):
    pass

generator = np.random.default_rng(0)
data = generator.random((40, 5)), generator.integers(0, 4, 40)
EPOCHS = 300

def trainer(kind=TwoLayerNet, **options):
    return Trainer(kind(5, 30, 4, 0.5, rng=0), SGD(0.5), batch_size=9, rng=0, **options)

def bits(trainer):
    return {key: param.tobytes() for key, param in trainer.net.params.items()}

def contents(path):
    with np.load(path, allow_pickle=False) as archive:
        return tuple((name, archive[name].tobytes()) for name in sorted(archive.files))
"""

INTERRUPTED = """
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have taken away
for k in range(20):
    kind, sampling = random.choice((TwoLayerNet, OneByOne)), ("shuffle", "replacement")[k % 2]
    first = trainer(kind, sampling=sampling)
    timer = threading.Timer(random.uniform(0, 0.1), signal.raise_signal, [signal.SIGINT])
    def after_an_epoch(history):
        if len(history.train_acc) == 2:
            timer.start()
    options = {"checkpoint_every": random.choice((1, 99)), "on_epoch": after_an_epoch}
    history = first.fit(*data, epochs=10**6, checkpoint=FILE, **options)
    assert history.interrupted
    second, whole = trainer(kind, sampling=sampling), trainer(kind, sampling=sampling)
    length = len(history.train_loss) + 33
    continued = second.resume(FILE, *data, iterations=length)
    assert continued == whole.fit(*data, iterations=length)
    assert bits(second) == bits(whole)
    assert not list(FILE.parent.glob(".*"))
print("the same ends")
"""


def test_ctrl_c_at_any_moment_leaves_what_goes_on_to_the_same_end(tmp_path):
    script = f"{SETTING}\nFILE = Path({str(tmp_path / 'run.npz')!r})\n{INTERRUPTED}"
    assert output_of(script) == "the same ends\n"


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


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("place", ["fsync", "replace", "savez"])
def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch, place):
    file = tmp_path / "run.npz"
    owner = np if place == "savez" else os if place == "fsync" else type(file)
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
    for owner, name in ((os, "fsync"), (type(tmp_path), "replace")):
        original = getattr(owner, name)

        def noted(*arguments, original=original, name=name):
            events.append(name)
            return original(*arguments)

        monkeypatch.setattr(owner, name, noted)
    new_trainer()[0].fit(*DATA, epochs=4, checkpoint=tmp_path / "run.npz", checkpoint_every=2)
    posix = ["fsync"] if os.name == "posix" else []  # the folder's own
    assert events == 2 * ["fsync", "replace", *posix]


@pytest.mark.parametrize(("every", "written"), [(1, 4), (2, 2), (3, 2), (4, 1), (9, 1)])
def test_checkpoints_come_every_so_many_epochs_and_at_the_end(
    tmp_path, monkeypatch, every, written
):
    moves = []
    replace = type(tmp_path).replace
    monkeypatch.setattr(type(tmp_path), "replace", lambda *a: moves.append(a) or replace(*a))
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
