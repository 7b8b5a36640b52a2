"""kobai.sklearn against scikit-learn: the same curves, the same checks, the same tests."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn import neural_network as theirs
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale
from sklearn.utils.estimator_checks import parametrize_with_checks

from kobai import sklearn as ours
from processes import output_of

# scikit-learn 1.6 hands SciPy what later versions of that deprecate.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning"),
    pytest.mark.filterwarnings("ignore:scipy.optimize:DeprecationWarning"),
]

RNG = np.random.default_rng(0)
DIGITS = load_digits(return_X_y=True)
DIGITS = DIGITS[0][:500] / 16, DIGITS[1][:500]
CANCER = load_breast_cancer(return_X_y=True)
CANCER = scale(CANCER[0]), np.array(["benign", "malignant"])[CANCER[1]]
DIABETES = load_diabetes(return_X_y=True)
DIABETES = scale(DIABETES[0]), scale(DIABETES[1])
SEVERAL = DIABETES[0], np.column_stack([DIABETES[1], np.abs(DIABETES[0][:, :2])])
COUNTS = DIABETES[0], np.abs(np.round(2 * SEVERAL[1]))
LABELS = DIABETES[0], (SEVERAL[1] > 0.5).astype(int)

SETTINGS = {
    "sgd": {"solver": "sgd", "learning_rate_init": 0.02},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
    "no momentum": {"solver": "sgd", "momentum": 0, "batch_size": 64, "learning_rate_init": 0.02},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.1},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 1, "n_iter_no_change": 2},
    "adam": {"activation": "tanh"},
    "unshuffled": {"shuffle": False, "activation": "identity", "alpha": 1.0},
    "small batches": {"batch_size": 33, "alpha": 0.5, "activation": "logistic"},
    "deep": {"hidden_layer_sizes": (7, 5), "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3, "tol": 0.1},
}


def both(kind, data, weights=None, **settings):
    settings = {"hidden_layer_sizes": 20, "max_iter": 12, "random_state": 3, **settings}
    weighted = {} if weights is None else {"sample_weight": weights}
    return [getattr(of, f"MLP{kind}")(**settings).fit(*data, **weighted) for of in (theirs, ours)]


def assert_same(one, other, x, rtol=1e-9):
    for name in ("loss_curve_", "validation_scores_", "loss_", "best_loss_"):
        if (expected := getattr(one, name)) is None:
            assert getattr(other, name) is None, name
        else:
            assert getattr(other, name) == pytest.approx(expected, rel=rtol), name
    for name in ("t_", "n_iter_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(one, name) == getattr(other, name), name
    for a, b in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=rtol, atol=rtol)
    if hasattr(one, "predict_proba"):
        np.testing.assert_allclose(other.predict_proba(x), one.predict_proba(x), rtol=1e-6)
        np.testing.assert_array_equal(other.predict(x), one.predict(x))
    else:
        np.testing.assert_allclose(other.predict(x), one.predict(x), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("data", [DIGITS, CANCER, LABELS], ids=["digits", "cancer", "labels"])
def test_classifiers_take_the_same_steps(data, name):
    try:
        models = both("Classifier", data, **SETTINGS[name])
    except TypeError:
        if data is CANCER and name == "early stopping":
            pytest.skip("scikit-learn before 1.9 cannot score labels that are text")
        raise
    assert_same(*models, data[0])


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("data", [DIABETES, SEVERAL], ids=["one", "several"])
def test_regressors_take_the_same_steps(data, name):
    assert_same(*both("Regressor", data, **SETTINGS[name]), data[0])


@pytest.mark.skipif(
    "loss" not in theirs.MLPRegressor().get_params(), reason="scikit-learn 1.7 brought the loss"
)
@pytest.mark.parametrize("name", ["sgd", "small batches", "early stopping"])
def test_poisson_takes_the_same_steps(name):
    assert_same(*both("Regressor", COUNTS, loss="poisson", **SETTINGS[name]), COUNTS[0])


@pytest.mark.parametrize("name", ["sgd", "small batches", "early stopping"])
@pytest.mark.parametrize(
    ("kind", "data"),
    [("Classifier", CANCER), ("Regressor", SEVERAL)],
    ids=["classifier", "regressor"],
)
def test_weighted_samples_take_the_same_steps(kind, data, name):
    weights = RNG.uniform(0.1, 3, len(data[0]))
    try:
        models = both(kind, data, weights, **SETTINGS[name])
    except TypeError:
        pytest.skip("scikit-learn 1.7 brought the weights of samples")
    assert_same(*models, data[0])


def test_single_precision_stays_single():
    data = DIGITS[0].astype(np.float32), DIGITS[1]
    one, other = both("Classifier", data)
    assert_same(one, other, data[0], rtol=1e-3)
    assert other.predict_proba(data[0]).dtype == np.float32
    lbfgs = both("Regressor", data, solver="lbfgs")[1]
    assert lbfgs.coefs_[0].dtype == lbfgs.predict(data[0]).dtype == np.float32


@pytest.mark.parametrize(
    ("kind", "data"),
    [("Classifier", DIGITS), ("Classifier", CANCER), ("Classifier", LABELS), ("Regressor", COUNTS)],
)
def test_lbfgs_goes_the_same_way(kind, data):
    settings = {"solver": "lbfgs"}
    if kind == "Regressor":
        data = data[0], data[1][:, 0]
    one, other = both(kind, data, **settings)
    assert one.n_iter_ == other.n_iter_
    assert one.loss_ == pytest.approx(other.loss_, rel=1e-6)
    np.testing.assert_allclose(one.coefs_[0], other.coefs_[0], rtol=1e-4, atol=1e-6)


def test_the_loss_of_several_outputs_is_what_lbfgs_descends_along():
    """scikit-learn hands over the mean over the outputs, and the gradient of their sum."""
    model = ours.MLPRegressor(
        hidden_layer_sizes=20, solver="lbfgs", max_iter=500, alpha=0, random_state=0
    )
    model.fit(*SEVERAL)
    mean = 0.5 * np.mean((model.predict(SEVERAL[0]) - SEVERAL[1]) ** 2)
    assert model.loss_ == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_partial_fits_and_warm_starts_go_on_the_same_way(solver):
    settings = {"solver": solver, "random_state": np.random.RandomState}
    models = []
    for of in (theirs, ours):
        settings = {"solver": solver, "random_state": np.random.RandomState(0), "max_iter": 3}
        model = of.MLPClassifier(15, **settings)
        for start in range(0, 500, 100):
            rows = slice(start, start + 100)
            model.partial_fit(DIGITS[0][rows], DIGITS[1][rows], classes=range(10))
        models.append(model.set_params(warm_start=True).fit(*DIGITS))
    assert_same(*models, DIGITS[0])
    assert models[1].t_ == 5 * 100 + 3 * 500


def test_warnings_are_those_of_scikit_learn():
    for settings in [{"max_iter": 2}, {"batch_size": 999, "tol": 9}, {"solver": "lbfgs"}]:
        heard = []
        for of in (theirs, ours):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                of.MLPRegressor(hidden_layer_sizes=5, **{"max_iter": 50, **settings}).fit(*DIABETES)
            ours_to_say = [x for x in caught if x.category is not DeprecationWarning]
            heard.append([(each.category, str(each.message)[:23]) for each in ours_to_say])
        assert heard[0] == heard[1] != []
        assert heard[0][0][0] in (ConvergenceWarning, UserWarning)


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_layer_sizes": -1},
        {"hidden_layer_sizes": (5, 0)},
        {"solver": "newton"},
        {"alpha": -1},
        {"momentum": 2},
        {"activation": "softsign"},
        {"validation_fraction": 1.0},
        {"max_iter": 0},
    ],
)
def test_errors_are_those_of_scikit_learn(settings):
    heard = []
    for of in (theirs, ours):
        with pytest.raises(ValueError, match="must be") as caught:
            of.MLPRegressor(**settings).fit(*DIABETES)
        heard.append(str(caught.value)[:60])
    assert heard[0] == heard[1]


def test_too_few_samples_are_not_held_out():
    with pytest.raises(ValueError, match="The validation set is too small"):
        ours.MLPRegressor(early_stopping=True, validation_fraction=0.001).fit(*DIABETES)


@parametrize_with_checks([ours.MLPClassifier(max_iter=100), ours.MLPRegressor(max_iter=100)])
def test_estimators_are_what_scikit_learn_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_scikit_learns_own_tests_pass():
    script = Path(__file__).with_name("sklearn_suite.py")
    run = subprocess.run(  # noqa: S603
        [sys.executable, script], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stdout[-3000:]


def test_kobai_does_not_import_scikit_learn():
    script = "import sys, kobai; print([x for x in ('sklearn', 'scipy') if x in sys.modules])"
    assert output_of(script).strip() == "[]"


def test_no_more_of_others_is_imported_than_scikit_learns_estimators_need():
    script = """
import sys
import {}
loaded = {{name for name in sys.modules if name.partition(".")[0] not in ("kobai", "__main__")}}
print(*sorted(loaded))
"""
    stdlib = sys.stdlib_module_names
    found, wanted = (
        set(output_of(script.format(name)).split())
        for name in ("kobai.sklearn", "sklearn.neural_network")
    )
    assert {name for name in found - wanted if name.partition(".")[0] not in stdlib} == set()
    assert "sklearn.model_selection" not in found
    assert "sklearn.metrics" not in found
