"""Epochs of kobai.sklearn that are taken in one call: they end where scikit-learn's end."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn import neural_network as theirs
from sklearn.datasets import load_diabetes, load_wine
from sklearn.preprocessing import scale

from kobai import _core
from kobai import sklearn as ours
from kobai.callbacks import Callback
from kobai.sklearn import stochastic

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE = load_wine(return_X_y=True)
WINE = scale(WINE[0]), WINE[1]
DIABETES = load_diabetes(return_X_y=True)
DIABETES = scale(DIABETES[0]), scale(DIABETES[1])

SETTINGS = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.2},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "momentum": 0.5},
    "unshuffled": {"shuffle": False},
}


def made(of, kind, **settings):
    defaults = {
        "hidden_layer_sizes": 8,
        "max_iter": 150,
        "learning_rate_init": 0.05,
        "n_iter_no_change": 3,
        "tol": 1e-3,
        "batch_size": 50,
        "random_state": np.random.RandomState(3),
    }
    return getattr(of, f"MLP{kind}")(**{**defaults, **settings})


def fitted_with_warnings(model, data):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(*data)
    return [(each.category, str(each.message)) for each in caught]


def state_of(random):
    kind, keys, place, *rest = random.get_state()
    return kind, keys.tolist(), place, *rest


def assert_same_training(one, other):
    """Whether two models have the same curve, to rounding, and have drawn the same numbers."""
    for name in ("n_iter_", "t_", "_no_improvement_count"):
        assert getattr(one, name) == getattr(other, name)
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-7)
    np.testing.assert_allclose(one.best_loss_, other.best_loss_, rtol=1e-7)
    assert state_of(one.random_state) == state_of(other.random_state)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("patience", [1, 3, 10, np.inf])
@pytest.mark.parametrize(("kind", "data"), [("Classifier", WINE), ("Regressor", DIABETES)])
def test_trainings_end_where_scikit_learns_do(kind, data, patience, name):
    epochs = 40 if patience == np.inf else 150
    settings = {"n_iter_no_change": patience, "max_iter": epochs, **SETTINGS[name]}
    pair = [made(of, kind, warm_start=True, **settings) for of in (theirs, ours)]
    # A warm start goes on with the count of epochs without improvement.
    for _ in range(2):
        told = [fitted_with_warnings(each, data) for each in pair]
        assert told[0] == told[1]
        assert_same_training(*pair)
    for each in pair:
        each.set_params(random_state=np.random.RandomState(4)).partial_fit(*data)
    assert_same_training(*pair)


def recorded_steps(monkeypatch):
    """The steps of each call of the core, from now on."""
    train, calls = _core.network_train, []

    def noted(*given):
        calls.append(len(given[5]))
        return train(*given)

    monkeypatch.setattr(_core, "network_train", noted)
    return calls


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("seconds", [0.1, 1e-9])
def test_epochs_of_one_call_are_those_taken_one_by_one(name, loss, seconds, monkeypatch):
    x, y = DIABETES[0], np.round(np.abs(2 * DIABETES[1]))
    weights = np.random.default_rng(0).uniform(0, 2, len(y))
    settings = {"loss": loss, "learning_rate_init": 0.005, "tol": 0.05, **SETTINGS[name]}
    one_by_one = made(ours, "Regressor", callbacks=[Callback()], **settings).fit(x, y, weights)
    monkeypatch.setattr(stochastic, "_CALL_SECONDS", seconds)
    calls = recorded_steps(monkeypatch)
    together = made(ours, "Regressor", **settings).fit(x, y, weights)
    assert sum(calls) == 9 * together.n_iter_
    assert (len(calls) < together.n_iter_) if seconds == 0.1 else (set(calls) == {1})
    for attribute in ("n_iter_", "t_", "loss_", "loss_curve_", "best_loss_"):
        assert getattr(together, attribute) == getattr(one_by_one, attribute)
    for mine, other in zip(
        together.coefs_ + together.intercepts_,
        one_by_one.coefs_ + one_by_one.intercepts_,
        strict=True,
    ):
        np.testing.assert_array_equal(mine, other)
    assert state_of(together.random_state) == state_of(one_by_one.random_state)


def test_a_call_takes_the_epochs_that_nothing_can_end(monkeypatch):
    calls = recorded_steps(monkeypatch)
    settings = {"batch_size": "auto", "tol": 0, "learning_rate_init": 1e-4}
    made(ours, "Classifier", max_iter=30, n_iter_no_change=10, **settings).fit(*WINE)
    assert calls == [11, 11, 8]
    calls.clear()
    made(ours, "Classifier", max_iter=30, n_iter_no_change=np.inf, **settings).fit(*WINE)
    assert calls == [30]
    calls.clear()
    watched = {"early_stopping": True}, {"verbose": True}, {"callbacks": [Callback()]}
    for more in watched:
        made(ours, "Classifier", max_iter=3, n_iter_no_change=10, **settings, **more).fit(*WINE)
    assert calls == [1] * 9


def test_what_is_planned_for_a_call_is_bounded(monkeypatch):
    calls = recorded_steps(monkeypatch)
    monkeypatch.setattr(stochastic, "_CALL_SECONDS", 1e9)
    x, y = np.zeros((5, 1)), np.arange(5.0)
    made(ours, "Regressor", max_iter=150, n_iter_no_change=np.inf, batch_size=5).fit(x, y)
    assert calls == [64, 64, 22]
    calls.clear()
    monkeypatch.setattr(stochastic, "_MAX_SAMPLES", 10)
    made(ours, "Regressor", max_iter=5, n_iter_no_change=np.inf, batch_size=5).fit(x, y)
    assert calls == [2, 2, 1]
    calls.clear()
    numerical = {"gradient": "numerical", "batch_size": 2, "n_iter_no_change": np.inf}
    made(ours, "Regressor", max_iter=5, **numerical).fit(x, y)
    assert calls[0] == 1
