"""What kobai.sklearn has and scikit-learn lacks."""

import pickle
import signal
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from kobai import _core
from kobai.callbacks import Callback, EarlyStopping, LambdaCallback, ReduceLROnPlateau
from kobai.losses import CrossEntropy, Huber, Pinball
from kobai.sklearn import MLPClassifier, MLPRegressor, stochastic

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS = load_iris(return_X_y=True)
IRIS = scale(IRIS[0]), IRIS[1]
CANCER = load_breast_cancer(return_X_y=True)
CANCER = scale(CANCER[0]), CANCER[1]
X = np.random.default_rng(0).uniform(-2, 2, (300, 3))
Y = np.sin(X[:, 0]) + X[:, 1] ** 2


def small(kind=MLPClassifier, **settings):
    settings = {"hidden_layer_sizes": 12, "max_iter": 15, "random_state": 0, **settings}
    return kind(**settings)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    "activation", ["gelu", "silu", ["tanh", "leaky_relu"], ("elu", "softplus")]
)
def test_activations_of_kobai_one_a_layer(kind, activation):
    model = small(kind, hidden_layer_sizes=(8, 6), activation=activation, max_iter=60)
    model.set_params(learning_rate_init=0.01).fit(*IRIS)
    assert model.score(*IRIS) > 0.85


def test_activations_must_be_as_many_as_layers():
    with pytest.raises(ValueError, match="one for each of 2 hidden layers"):
        small(hidden_layer_sizes=(3, 3), activation=["tanh"]).fit(*IRIS)
    with pytest.raises(ValueError, match=r"activation\[1\] must be .*, got 'logit'"):
        small(hidden_layer_sizes=(3, 3), activation=["tanh", "logit"]).fit(*IRIS)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_losses_of_kobai_in_regression(solver):
    fitted = {
        name: small(MLPRegressor, loss=loss, solver=solver, max_iter=400, learning_rate_init=0.01)
        .fit(X, Y)
        .predict(X)
        for name, loss in {
            "low": Pinball(0.1),
            "high": Pinball(0.9),
            "huber": Huber(0.5),
            "median": "absolute_error",
        }.items()
    }
    assert 0.05 < np.mean(fitted["low"] > Y) < 0.25
    assert 0.75 < np.mean(fitted["high"] > Y) < 0.95
    assert np.mean(np.abs(fitted["huber"] - Y)) < 0.2
    assert np.mean(np.abs(fitted["median"] - Y)) < 0.2


@pytest.mark.parametrize("loss", ["squared_error", "huber", CrossEntropy(epsilon=1e-7)])
@pytest.mark.parametrize("data", [IRIS, CANCER], ids=["iris", "cancer"])
def test_losses_of_kobai_in_classification(data, loss):
    model = small(loss=loss, max_iter=100, learning_rate_init=0.01).fit(*data)
    assert model.score(*data) > 0.95
    assert hasattr(model, "predict_proba") == isinstance(loss, CrossEntropy)
    if hasattr(model, "predict_proba"):
        probabilities = model.predict_proba(data[0])
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert probabilities.shape == (len(data[0]), len(model.classes_))


def test_binary_cross_entropy_tells_several_classes_apart_one_by_one():
    model = small(loss="binary_cross_entropy", max_iter=200, learning_rate_init=0.01).fit(*IRIS)
    assert model.out_activation_ == "logistic"
    assert model.score(*IRIS) > 0.95


def imbalanced():
    return make_classification(1500, weights=[0.95], class_sep=0.5, random_state=0)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_balanced_classes_count_the_same(solver):
    x, y = imbalanced()
    scores = [
        balanced_accuracy_score(
            y, small(solver=solver, class_weight=weight, max_iter=30).fit(x, y).predict(x)
        )
        for weight in (None, "balanced")
    ]
    assert scores[1] > scores[0] + 0.1


def test_weights_of_classes_are_weights_of_samples():
    x, y = imbalanced()
    by_class = small(class_weight={0: 1, 1: 7}).fit(x, y)
    by_sample = small().fit(x, y, sample_weight=np.where(y == 1, 7, 1))
    np.testing.assert_array_equal(by_class.coefs_[0], by_sample.coefs_[0])
    twice = small(class_weight={1: 7}).fit(x, y, sample_weight=np.where(y == 1, 3, 2))
    product = small().fit(x, y, sample_weight=np.where(y == 1, 21, 2))
    np.testing.assert_array_equal(twice.coefs_[0], product.coefs_[0])
    with pytest.raises(ValueError, match="balanced"):
        small(class_weight="balanced").partial_fit(x, y, classes=[0, 1])


def test_samples_of_weight_zero_do_not_count():
    weights = np.r_[np.ones(100), np.zeros(50)]
    model = small(batch_size=50, shuffle=False, max_iter=2).fit(*IRIS, sample_weight=weights)
    assert np.isfinite(model.loss_)
    for bad in (-weights, np.where(weights == 1, np.inf, 0)):
        with pytest.raises(ValueError, match="weight"):
            small().fit(*IRIS, sample_weight=bad)


def test_the_validation_loss_is_recorded():
    model = small(early_stopping=True, max_iter=40, tol=0, learning_rate_init=0.01).fit(*CANCER)
    assert len(model.validation_loss_curve_) == model.n_iter_ == len(model.validation_scores_)
    assert 0 < model.validation_loss_curve_[-1] < model.validation_loss_curve_[0]
    assert small().fit(*CANCER).validation_loss_curve_ is None


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_training_stops_early_on_the_loss(kind):
    settings = {"early_stopping": True, "scoring": "loss", "n_iter_no_change": 3, "tol": 0}
    model = small(kind, max_iter=500, learning_rate_init=0.05, **settings).fit(*CANCER)
    assert model.n_iter_ < 500
    np.testing.assert_allclose(model.validation_scores_, -np.array(model.validation_loss_curve_))
    assert model.best_validation_score_ == max(model.validation_scores_)


def test_training_stops_early_on_a_scorer():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(CANCER[0], columns=[f"c{k}" for k in range(30)])
    names = np.array(["malignant", "benign"])[CANCER[1]]
    model = small(early_stopping=True, scoring="balanced_accuracy").fit(frame, names)
    assert 0.5 < model.best_validation_score_ <= 1
    assert list(model.feature_names_in_) == list(frame)
    own = small(early_stopping=True, scoring=lambda model, x, y: -model.n_iter_)
    own.set_params(max_iter=100).fit(frame, names, sample_weight=None)
    assert own.n_iter_ == 12  # the first epoch is the best


def test_numerical_gradients_take_the_same_way():
    for settings in ({}, {"solver": "sgd"}, {"solver": "lbfgs", "max_iter": 5}):
        both = [
            small(gradient=name, activation="tanh", **settings).fit(*IRIS)
            for name in ("backprop", "numerical")
        ]
        assert both[0].loss_ == pytest.approx(both[1].loss_, rel=1e-5)
        assert not np.array_equal(both[0].coefs_[0], both[1].coefs_[0])


class Noted(Callback):
    def __init__(self, stop_at=None):
        self.seen = []
        self.stop_at = stop_at

    def on_epoch_end(self, epoch, logs=None, *, trainer, net, history, **kwargs):
        self.seen.append((epoch, dict(logs)))
        assert net is trainer.net
        assert len(history.train_loss) == epoch + 1
        estimator = trainer.estimator
        assert net.params["W1"] is estimator.coefs_[0]
        return epoch == self.stop_at


def test_callbacks_look_between_epochs_and_may_end_the_training():
    noted = Noted(stop_at=3)
    model = small(callbacks=[noted], early_stopping=True).fit(*IRIS)
    assert model.n_iter_ == 4
    assert [epoch for epoch, _ in noted.seen] == [0, 1, 2, 3]
    names = ["accuracy", "loss", "lr", "seconds", "val_accuracy", "val_loss"]
    assert sorted(noted.seen[0][1]) == names
    assert [logs["loss"] for _, logs in noted.seen] == model.loss_curve_
    assert [logs["val_loss"] for _, logs in noted.seen] == model.validation_loss_curve_
    plain = small(max_iter=4, early_stopping=True).fit(*IRIS)
    np.testing.assert_array_equal(plain.coefs_[0], model.coefs_[0])


def test_kobais_callbacks_serve():
    stopping = EarlyStopping("loss", patience=2, min_delta=10, restore_best_weights=True)
    model = small(callbacks=[stopping]).fit(*IRIS)
    assert model.n_iter_ == 3
    first = small(max_iter=1).fit(*IRIS)
    np.testing.assert_array_equal(model.coefs_[0], first.coefs_[0])
    rates = []
    slower = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10)
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: rates.append(logs["lr"]))
    for solver in ("sgd", "adam"):
        rates.clear()
        small(solver=solver, max_iter=4, callbacks=[slower, note]).fit(*IRIS)
        assert rates == [0.001, 0.001, 0.0005, 0.00025]
    with pytest.raises(ValueError, match="monitors val_loss"):
        small(callbacks=[EarlyStopping("val_loss")]).fit(*IRIS)


def interrupted_in_call(number, monkeypatch):
    """Has SIGINT come while the core takes the steps of that call; the list of calls."""
    train, calls = _core.network_train, []

    def interrupted(*given):
        answer = train(*given)
        calls.append(len(given[5]))
        if len(calls) == number:
            signal.raise_signal(signal.SIGINT)
        return answer

    monkeypatch.setattr(_core, "network_train", interrupted)
    return calls


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize(("seconds", "call", "epochs"), [(0.1, 3, 9), (1e-9, 45, 3)])
def test_ctrl_c_leaves_a_fitted_model_after_the_last_whole_step(
    solver, seconds, call, epochs, monkeypatch
):
    monkeypatch.setattr(stochastic, "_CALL_SECONDS", seconds)
    # Training may end after three epochs, for the first time.
    settings = {"solver": solver, "batch_size": 10, "n_iter_no_change": 2, "tol": 0}
    calls = interrupted_in_call(call, monkeypatch)
    model = small(**settings)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(*IRIS)
    assert len(calls) == call
    assert model.n_iter_ == epochs == len(model.loss_curve_)
    assert model.t_ == epochs * len(IRIS[0])
    assert model.loss_ == model.loss_curve_[-1] == model.best_loss_
    assert model.score(*IRIS) > 0
    monkeypatch.undo()
    whole = small(**{**settings, "max_iter": epochs}).fit(*IRIS)
    np.testing.assert_array_equal(model.coefs_[0], whole.coefs_[0])
    assert model.loss_curve_ == whole.loss_curve_
    if solver == "adam":
        assert model._optimizer.t == whole._optimizer.t == 15 * epochs  # noqa: SLF001
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_within_an_epoch_leaves_what_was_recorded_of_the_last_one(monkeypatch):
    monkeypatch.setattr(stochastic, "_CALL_SECONDS", 1e-9)
    calls = interrupted_in_call(20, monkeypatch)
    model = small(batch_size=10)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(*IRIS)
    assert calls == [1] * 20
    assert model._optimizer.t == 20  # noqa: SLF001
    assert model.n_iter_ == 1 == len(model.loss_curve_)
    assert model.t_ == len(IRIS[0])
    assert model.score(*IRIS) > 0


def test_ctrl_c_leaves_a_fitted_model_of_lbfgs(monkeypatch):
    ask, calls = _core.network_gradient, []

    def interrupted(*given):
        calls.append(1)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return ask(*given)

    monkeypatch.setattr(_core, "network_gradient", interrupted)
    model = small(solver="lbfgs")
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(*IRIS)
    assert model.score(*IRIS) > 0.5
    assert model.loss_ < 1


def test_verbose_tells_lines_where_there_is_no_terminal(capsys):
    small(verbose=True, max_iter=2, early_stopping=True).fit(*IRIS)
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told] == ["Iteration", "Validation"] * 2
    small(max_iter=2).fit(*IRIS)
    assert capsys.readouterr() == ("", "")


def test_models_are_cloned_pickled_and_searched():
    model = small(loss=CrossEntropy(), class_weight={0: 2.0}, activation=["gelu"]).fit(*IRIS)
    again = clone(model).fit(*IRIS)
    copied = pickle.loads(pickle.dumps(model))  # noqa: S301
    for twin in (again, copied):
        np.testing.assert_array_equal(twin.predict_proba(IRIS[0]), model.predict_proba(IRIS[0]))
    grid = {"alpha": [0.1, 1e-4], "activation": ["relu", "gelu"]}
    search = GridSearchCV(small(learning_rate_init=0.05), grid, cv=2, n_jobs=2).fit(*IRIS)
    assert search.best_score_ > 0.7
    copied.partial_fit(*IRIS)
    assert copied.n_iter_ == 1


def test_read_only_parameters_go_on(tmp_path):
    joblib = pytest.importorskip("joblib")
    joblib.dump(small().fit(*IRIS), tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    assert not mapped.coefs_[0].flags.writeable
    before = mapped.coefs_[0].copy()
    mapped.partial_fit(*IRIS)
    assert not np.array_equal(before, mapped.coefs_[0])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda x, y: (np.where(x == x[0, 0], np.nan, x), y),
        lambda x, y: (np.where(x == x[0, 0], np.inf, x), y),
        lambda x, y: (x[:0], y[:0]),
        lambda x, y: (x, y[:-1]),
        lambda x, y: (x.astype(str), np.full(len(y), np.nan)),
        lambda x, y: (np.full(x.shape, "a", object), y),
        lambda x, y: (x, np.where(y == 0, None, y)),
        lambda x, y: (x[0], y[0]),
        lambda x, y: (x * 1j, y),
    ],
)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_hostile_data_is_refused_and_nothing_is_fitted(kind, spoil):
    model = small(kind)
    with pytest.raises((ValueError, TypeError)):
        model.fit(*spoil(*IRIS))
    assert vars(model) == vars(small(kind))


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_fit_that_fails_leaves_the_model_as_it_was(solver):
    model = small(MLPRegressor, solver=solver, warm_start=True).fit(*IRIS)
    before = pickle.dumps(model)
    huge = np.full(IRIS[0].shape, 1e308)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        model.fit(huge, IRIS[1])
    assert pickle.dumps(model) == before
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        model.partial_fit(huge, IRIS[1])
    assert pickle.dumps(model) == before


def test_odd_data_is_fitted():
    for x, y in [
        (np.zeros((20, 3)), np.arange(20) % 2),  # constant columns
        (X[:1], np.array([3])),  # one sample
        (X[:20], np.full(20, "only")),  # one class
        (np.asfortranarray(X[:50])[::2], np.arange(25) % 3),
        (X[:20].astype(object), np.array([True, False] * 10)),
        (X[:20].astype(np.float16), np.array(["a", 1] * 10, dtype=str)),
        (np.arange(40).reshape(20, 2), np.arange(20.0) % 2),
    ]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = small().fit(x, y)
        assert set(model.predict(x)) <= set(y)
