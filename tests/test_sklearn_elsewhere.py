"""Estimators among others: conversions, and threads under the control of threadpoolctl."""

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

import threadpoolctl
from sklearn import neural_network as theirs
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.inspection import permutation_importance
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

import kobai
from kobai import sklearn as ours
from processes import output_of

# scikit-learn 1.6 hands SciPy what later versions of that deprecate.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:scipy.optimize:DeprecationWarning"),
]

IRIS = load_iris(return_X_y=True)
IRIS = scale(IRIS[0]), np.array(["setosa", "versicolor", "virginica"])[IRIS[1]]
TWO = IRIS[0][:100], IRIS[1][:100]
SEVERAL = make_multilabel_classification(100, 5, random_state=0)
NUMBERS = IRIS[0], IRIS[0][:, :2] ** 2
SETTINGS = {"hidden_layer_sizes": (6, 5), "max_iter": 10, "random_state": 0, "alpha": 0.1}
CASES = [
    ("Classifier", IRIS, {}),
    ("Classifier", TWO, {"activation": "logistic"}),
    ("Classifier", SEVERAL, {"early_stopping": True}),
    ("Regressor", NUMBERS, {"solver": "sgd"}),
    ("Regressor", NUMBERS, {"solver": "lbfgs", "activation": "tanh"}),
]


@pytest.mark.parametrize(("kind", "data", "settings"), CASES)
def test_estimators_come_from_scikit_learn_and_go_back(kind, data, settings):
    given = getattr(theirs, f"MLP{kind}")(**SETTINGS, **settings).fit(*data)
    model = ours.from_sklearn(given)
    back = model.to_sklearn()
    assert type(model) is getattr(ours, f"MLP{kind}")
    assert type(back) is type(given)
    assert back.get_params() == given.get_params()
    for name in ("predict", "predict_proba")[: 1 + (kind == "Classifier")]:
        wanted = getattr(given, name)(data[0])
        for each in (model, back):
            found = getattr(each, name)(data[0])
            if found.dtype.kind == "f":
                np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
            else:
                np.testing.assert_array_equal(found, wanted)
    assert model.coefs_[0] is not given.coefs_[0]
    if not settings.get("early_stopping") and settings.get("solver") != "lbfgs":
        for each in (given, model, back):
            each.set_params(max_iter=3, warm_start=True).fit(*data)
        np.testing.assert_allclose(model.loss_curve_, given.loss_curve_, rtol=1e-9)
        np.testing.assert_allclose(back.loss_curve_, given.loss_curve_, rtol=1e-9)


def test_what_scikit_learn_has_not_is_refused():
    assert ours.MLPClassifier(activation="sigmoid").to_sklearn().activation == "logistic"
    with pytest.raises(ValueError, match="scikit-learn has one of identity, logistic"):
        ours.MLPClassifier(activation="gelu").to_sklearn()
    with pytest.raises(ValueError, match="scikit-learn has one of"):
        ours.MLPClassifier((3, 3), activation=["relu", "tanh"]).to_sklearn()
    with pytest.raises(ValueError, match="no loss 'huber'"):
        ours.MLPRegressor(loss="huber").to_sklearn()
    with pytest.raises(TypeError, match=r"estimator must be a sklearn\.neural_network"):
        ours.from_sklearn(StandardScaler())


def test_estimators_serve_where_estimators_are_taken():
    model = ours.MLPClassifier(**{**SETTINGS, "max_iter": 60, "learning_rate_init": 0.05})
    pipeline = make_pipeline(ColumnTransformer([("all", StandardScaler(), [0, 1, 2, 3])]), model)
    assert cross_val_score(pipeline, *IRIS, cv=3).mean() > 0.8
    calibrated = CalibratedClassifierCV(model, cv=2).fit(*IRIS)
    assert calibrated.score(*IRIS) > 0.9
    importance = permutation_importance(model.fit(*IRIS), *IRIS, n_repeats=2, random_state=0)
    assert importance.importances_mean.argmax() in (2, 3)


@pytest.mark.skipif(not hasattr(threadpoolctl, "register"), reason="threadpoolctl is older")
def test_threadpoolctl_lists_and_limits_kobai():
    before = kobai.num_threads()
    kobai.set_num_threads(3)
    try:
        with threadpoolctl.threadpool_limits(1):
            assert kobai.num_threads() == 1
        assert kobai.num_threads() == 3
        with threadpoolctl.threadpool_limits(2, user_api="kobai"):
            assert kobai.num_threads() == 2
        with threadpoolctl.threadpool_limits(1, user_api="blas"):
            assert kobai.num_threads() == 3
        (listed,) = [x for x in threadpoolctl.threadpool_info() if x["user_api"] == "kobai"]
        assert listed["num_threads"] == 3
        assert listed["version"] == kobai.__version__
    finally:
        kobai.set_num_threads(before)


def test_workers_of_joblib_share_the_cores():
    script = """
import joblib, os
def threads(_):
    import kobai
    return kobai.num_threads()
cores = joblib.cpu_count()
found = joblib.Parallel(n_jobs=2)(joblib.delayed(threads)(k) for k in range(4))
assert max(found) <= max(1, cores // 2), (found, cores)
print("right")
"""
    unset = {"RAYON_NUM_THREADS": "0", "KOBAI_NUM_THREADS": "0"}
    assert output_of(script, **unset).strip() == "right"
