"""A loss that stops being finite: one warning that names the step, and a history that says so."""

import sys
import warnings
from functools import partial

import numpy as np
import pytest
import tqdm

from kobai import SGD, History, Trainer, TwoLayerNet

X = np.random.default_rng(0).normal(size=(20, 3))
T = np.arange(20) % 4


class OneByOne(TwoLayerNet):
    def loss_and_gradient(self, x, t):
        return super().loss_and_gradient(x, t)

    def loss_and_numerical_gradient(self, x, t, **options):
        return super().loss_and_numerical_gradient(x, t, **options)


def new_trainer(kind=TwoLayerNet, **options):
    return Trainer(kind(3, 6, 4, 0.5, rng=1), SGD(0.1), batch_size=4, rng=2, **options)


def spoil_at(epoch, trainer):
    """An `on_epoch` after which the losses are NaN."""

    def on_epoch(history):
        if len(history.train_acc) == epoch + 1:
            trainer.net.params["b2"][1] = np.nan

    return on_epoch


def bits(params):
    return {key: param.tobytes() for key, param in params.items()}


@pytest.mark.parametrize("kind", [TwoLayerNet, OneByOne])
@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
@pytest.mark.parametrize("epoch", [0, 3])
def test_one_warning_names_the_step_and_the_history_keeps_it(kind, gradient, epoch):
    trainer = new_trainer(kind, gradient=gradient)
    step = 5 * epoch
    with pytest.warns(RuntimeWarning, match=rf"loss of step {step} .* is nan") as caught:
        history = trainer.fit(X, T, epochs=8, on_epoch=spoil_at(epoch, trainer))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert history.nonfinite_step == step
    assert len(history.train_loss) == 40
    assert f"not finite from step {step}" in repr(history)


def test_the_step_is_found_within_the_steps_of_one_call():
    x, labels = X.copy(), T.copy()
    trainer = Trainer(TwoLayerNet(3, 6, 4, 0.5, rng=1), SGD(1e308), batch_size=1, rng=2)
    with pytest.warns(RuntimeWarning) as caught:
        history = trainer.fit(x, labels, epochs=3)
    step = history.nonfinite_step
    assert f"step {step} " in str(caught[0].message)
    assert np.isfinite(history.train_loss[:step]).all()
    assert not np.isfinite(history.train_loss[step])


@pytest.mark.parametrize("kind", [TwoLayerNet, OneByOne])
def test_where_warnings_are_errors_it_passes_through_with_whole_steps(kind, tmp_path):
    trainer, file = new_trainer(kind), tmp_path / "run.npz"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="step 15 "):
            trainer.fit(X, T, epochs=8, on_epoch=spoil_at(3, trainer), checkpoint=file)
    history = trainer.history
    assert not history.interrupted
    assert history.nonfinite_step == 15
    twin = new_trainer(kind)
    with pytest.warns(RuntimeWarning):
        whole = twin.fit(X, T, iterations=len(history.train_loss), on_epoch=spoil_at(3, twin))
    assert history.train_loss[:15] == whole.train_loss[:15]
    assert bits(trainer.net.params) == bits(twin.net.params)
    # What was written before is worth more than parameters that are lost.
    resumed = new_trainer(kind)
    assert resumed.resume(file, X, T, iterations=15).nonfinite_step is None


def test_it_survives_a_checkpoint_and_is_not_told_twice(tmp_path):
    trainer, file = new_trainer(), tmp_path / "run.npz"
    with pytest.warns(RuntimeWarning, match="step 10 "):
        trainer.fit(X, T, epochs=4, on_epoch=spoil_at(2, trainer), checkpoint=file)
    history = new_trainer().resume(file, X, T, epochs=6)  # a warning would be an error
    assert history.nonfinite_step == 10
    other, file = new_trainer(), tmp_path / "other.npz"
    other.fit(X, T, epochs=2, checkpoint=file)
    with pytest.warns(RuntimeWarning, match="step 15 ") as caught:
        resumed = other.resume(file, X, T, epochs=4, on_epoch=spoil_at(3, other))
    assert caught[0].filename == __file__
    assert resumed.nonfinite_step == 15


def test_large_losses_are_finite():
    class Large(OneByOne):
        def loss_and_gradient(self, x, t):
            return 1.5e308, super().loss_and_gradient(x, t)[1]

    history = new_trainer(Large).fit(X, T, epochs=3)
    assert history.nonfinite_step is None


def test_the_bar_shows_what_there_is(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(tqdm, "tqdm", partial(tqdm.tqdm, mininterval=0))
    trainer = new_trainer()
    with pytest.warns(RuntimeWarning):
        trainer.fit(X, T, epochs=3, on_epoch=spoil_at(0, trainer))
    assert "loss nan" in capsys.readouterr().err


def test_a_history_made_by_hand_tells_it_too():
    assert History().nonfinite_step is None
    assert History([1.0, np.inf, np.nan]).nonfinite_step == 1
    assert History([np.float32(1), -np.inf]).nonfinite_step == 1
