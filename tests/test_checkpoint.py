"""Checkpoints: a run stopped anywhere goes on to the end it would have had, bit for bit."""

import contextlib
import itertools
import os
import signal

import numpy as np
import pytest
import tqdm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kobai import SGD, Trainer, TwoLayerNet
from processes import output_of
from runs import DATA, SETTING, OneByOne, T, X, bits, left_behind, new_trainer, uninterrupted


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


def interrupted(trainer, *data, **options):
    """Whether Ctrl-C ends a fit."""
    with contextlib.suppress(KeyboardInterrupt):
        trainer.fit(*data, **options)
    return trainer.history.interrupted


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


@pytest.mark.parametrize("sampling", ["shuffle", "replacement"])
def test_a_random_state_and_numpys_own_are_continued(tmp_path, sampling):
    file = tmp_path / "run.npz"

    def run(rng, iterations, file=None, *, resumed=False):
        trainer = Trainer(TwoLayerNet(2, 6, 4, 0.5, rng=0), SGD(0.5), batch_size=5, rng=rng,
                          sampling=sampling)  # fmt: skip
        if resumed:
            history = trainer.resume(file, *DATA, iterations=iterations)
        else:
            history = trainer.fit(*DATA, iterations=iterations, checkpoint=file)
        return bits(trainer.net.params), history

    expected = run(np.random.RandomState(7), 18)
    for cut in (4, 5, 6):
        run(np.random.RandomState(7), cut, file)
        assert run(np.random.RandomState(1), 18, file, resumed=True) == expected
    before = np.random.get_state()
    try:
        np.random.seed(3)
        assert run(np.random, 18, file, resumed=True) == expected
    finally:
        np.random.set_state(before)


def changing(trainer):
    """What `on_epoch` may change of a trainer, and a checkpoint holds as it is then."""

    def on_epoch(history):
        if len(history.train_acc) == 2:
            trainer.gradient = "numerical"
        if len(history.train_acc) == 3:
            trainer.optimizer = SGD(0.25)
            trainer.net = TwoLayerNet(2, 6, 4, 0.5, rng=5)

    return on_epoch


def test_what_on_epoch_replaced_is_continued(tmp_path):
    file = tmp_path / "run.npz"
    whole, _ = made = new_trainer()
    expected = left_behind(made, whole.fit(*DATA, iterations=24, on_epoch=changing(whole)))
    first, _ = new_trainer()
    first.fit(*DATA, iterations=18, on_epoch=changing(first), checkpoint=file)
    with pytest.raises(ValueError, match="its run had gradient numerical, this one has backprop"):
        new_trainer()[0].resume(file, *DATA, iterations=24)
    trainer, _ = made = new_trainer(gradient="numerical")
    assert left_behind(made, trainer.resume(file, *DATA, iterations=24)) == expected


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit, MemoryError])
@pytest.mark.parametrize("kind", [TwoLayerNet, OneByOne])
def test_whatever_ends_a_run_leaves_a_checkpoint_of_the_last_whole_step(tmp_path, kind, error):
    file = tmp_path / "run.npz"
    trainer, _ = new_trainer(kind=kind)

    def fail(history):
        if len(history.train_acc) == 3:
            raise error

    with pytest.raises(error):
        trainer.fit(*DATA, epochs=5, checkpoint=file, checkpoint_every=9, on_epoch=fail)
    made = new_trainer(kind=kind)
    end = left_behind(made, made[0].resume(file, *DATA, iterations=20))
    assert end == uninterrupted(20, kind=kind)


@pytest.mark.parametrize("change", ["optimizer", "update"])
def test_an_optimizer_that_no_checkpoint_holds_is_named_when_it_comes(tmp_path, change):
    trainer, _ = new_trainer()
    update = trainer.optimizer.update

    class Remembering(SGD):
        pass

    def replace(history):
        if change == "optimizer":
            trainer.optimizer = Remembering(0.5)
        else:
            trainer.optimizer.update = lambda params, grads: update(params, grads)

    with pytest.raises(TypeError, match="checkpoints need an optimizer of kobai"):
        trainer.fit(*DATA, epochs=2, checkpoint=tmp_path / "run.npz", on_epoch=replace)
    assert len(trainer.history.train_loss) == 5


def test_a_run_goes_on_for_as_long_as_it_was_to_be(tmp_path):
    file = tmp_path / "run.npz"

    def stop(history):
        if len(history.train_acc) == 3:
            raise KeyboardInterrupt

    assert interrupted(new_trainer()[0], *DATA, epochs=4, checkpoint=file, on_epoch=stop)
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
    # The learning rate the run began with is still known, and is that of a trainer built again.
    made = new_trainer()
    assert left_behind(made, made[0].resume(file, *DATA)) == ends[0]


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
        run = {"iterations": 13, "checkpoint": file, "checkpoint_every": 9}
        was_cut = fatal < calls - (method == "loss_and_gradient")
        assert interrupted(trainer, *DATA, **run) == was_cut
        assert file.exists() == bool(trainer.history.train_loss)
        if file.exists():
            made = new_trainer(**options)
            assert left_behind(made, made[0].resume(file, *DATA)) == expected


def test_ctrl_c_while_a_checkpoint_is_written_waits_for_it(tmp_path, monkeypatch):
    file = tmp_path / "run.npz"
    trainer, _ = new_trainer()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda _: signal.raise_signal(signal.SIGINT))
            assert interrupted(trainer, *DATA, epochs=3, checkpoint=file, checkpoint_every=2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(trainer.history.train_loss) == 10
    made = new_trainer()
    assert left_behind(made, made[0].resume(file, *DATA)) == uninterrupted(15)


def test_the_progress_bar_goes_on_where_it_was(tmp_path, monkeypatch):
    bars = []
    trainer, _ = new_trainer()
    trainer.fit(*DATA, iterations=7, checkpoint=tmp_path / "run.npz")

    def noted(**options):
        bars.append((options["initial"], options["total"]))
        return tqdm.std.tqdm(**options)

    monkeypatch.setattr(tqdm, "tqdm", noted)
    monkeypatch.setattr("kobai._progress._is_terminal", lambda: True)
    new_trainer()[0].resume(tmp_path / "run.npz", *DATA, iterations=12)
    assert bars == [(7, 12)]


def test_a_step_of_which_only_half_is_done_is_not_kept(tmp_path, monkeypatch):
    # As when an update of the program's own fails wherever it likes.
    file = tmp_path / "run.npz"
    trainer, _ = new_trainer(kind=OneByOne)
    update, calls = SGD.update, itertools.count()

    def half(self, params, grads):
        if next(calls) == 7:
            params["W1"] -= 1
            raise KeyboardInterrupt
        update(self, params, grads)

    monkeypatch.setattr(SGD, "update", half)
    assert interrupted(trainer, *DATA, epochs=3, checkpoint=file)
    monkeypatch.setattr(SGD, "update", update)
    made = new_trainer(kind=OneByOne)
    assert left_behind(made, made[0].resume(file, *DATA)) == uninterrupted(15, kind=OneByOne)


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
    try:
        first.fit(*data, epochs=10**6, checkpoint=FILE, **options)
    except KeyboardInterrupt:
        history = first.history
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
