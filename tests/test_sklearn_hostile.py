"""Inputs of every kind: scikit-learn's answer, its error, or a better one; nothing half-fitted."""

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.7")

from scipy import sparse
from sklearn import neural_network as theirs

from kobai import sklearn as ours

pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
HALF = X * (X > 0)
LABELS = np.arange(60) % 3
NUMBERS = 2 * X[:, 0] + 1
TARGETS = {"Classifier": LABELS, "Regressor": NUMBERS}
SETTINGS = {"hidden_layer_sizes": 5, "max_iter": 3, "random_state": 0}


def spoilt(value):
    x = X.copy()
    x[3, 1] = value
    return x


def read_only(x):
    x = x.copy()
    x.setflags(write=False)
    return x


def unaligned(x):
    return np.frombuffer(b" " + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape)


def frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    yield frame
    yield frame.astype("Float64")
    yield (9 * frame).round().astype("Int64")
    yield (frame > 0).astype("boolean")
    yield frame.astype({"a": "float32", "b": "float16"}).assign(c=True, d=np.int8(3))
    yield frame.assign(a=pandas.Categorical([1, 2] * 30))
    yield frame.assign(a=pandas.array(["1.5"] * 60, dtype="string"))
    yield frame.astype(pandas.SparseDtype("float64", 0.0))
    yield frame.set_axis(list("aacd"), axis=1)
    # And refused ones.
    yield frame.set_axis(["a", 1, "c", "d"], axis=1)
    yield frame.assign(a="x")
    yield frame.assign(a=pandas.Categorical(["x", "y"] * 30))
    yield frame.assign(a=pandas.Timestamp("2020"))
    yield frame.astype("Float64").mask(frame > 1)


def series():
    pandas = pytest.importorskip("pandas")
    names = np.array(list("abc"))[LABELS]
    yield pandas.Series(LABELS)
    yield pandas.DataFrame({"y": LABELS})
    yield pandas.Series(pandas.Categorical(names))
    yield pandas.Series(names, dtype="string")
    yield pandas.Series(LABELS).astype("Int64")
    yield pandas.Series(LABELS > 0).astype("boolean")
    yield pandas.Series(LABELS).astype("Int64").mask(LABELS == 1)


INPUTS = {
    "constant": np.ones((60, 4)),
    "tiny": 1e-300 * X,
    "objects": X.astype(object),
    "text": X.astype(str),
    "bytes": X.astype("S"),
    "bool": X > 0,
    "float16": X.astype(np.float16),
    "Fortran": np.asfortranarray(X),
    "negative strides": X[::-1, ::-1],
    "read-only": read_only(X),
    "other byte order": X.astype(">f8"),
    "unaligned": unaligned(X),
    "unaligned, float32": unaligned(X.astype(np.float32)),
    "masked": np.ma.masked_array(X, X > 0),
    "list": X.tolist(),
    "one sample": X[:1],
    **{
        f"{kind}{bits}": (9 * np.abs(X)).astype(f"{kind}{bits}") for kind in "iu" for bits in "1248"
    },
    **{
        f"{form}_{kind}": getattr(sparse, f"{form}_{kind}")(HALF)
        for form in ("coo", "lil", "dok", "dia", "bsr", "csr", "csc")
        for kind in ("matrix", "array")
    },
    "no elements": sparse.csr_array((60, 4)),
    "integers, sparse": sparse.csr_array((9 * HALF).astype(np.int8)),
    "unaligned, sparse": sparse.csr_array(
        (
            unaligned(sparse.csr_array(HALF).data),
            *[getattr(sparse.csr_array(HALF), name) for name in ("indices", "indptr")],
        ),
        shape=X.shape,
    ),
    # What is refused.
    "NaN": spoilt(np.nan),
    "infinite": spoilt(-np.inf),
    "huge": np.full((60, 4), 1e308),
    "complex": X * 1j,
    "words": np.full((60, 4), "a"),
    "None": np.where(X > 0, None, 1.0),
    "one axis": X[0],
    "three axes": X[None],
    "no samples": X[:0],
    "no features": X[:, :0],
    "ragged": [[1.0, 2.0], [1.0]] * 30,
    "matrix": X.view(np.matrix),
    "records": np.zeros(60, [("a", float), ("b", float)]),
    "NaN, sparse": sparse.csr_array(spoilt(np.nan)),
    "complex, sparse": sparse.csr_array(X * 1j),
    "wide longdouble": X.astype(np.longdouble) * np.longdouble("1e400"),
}

ANSWERS = {
    "text": np.array(list("abc"))[LABELS],
    "bytes": np.array([b"a", b"b", b"c"])[LABELS],
    "objects": np.array(["a", "bb", "c"], object)[LABELS],
    "mixed": np.array(["a", 1, "c"], object)[LABELS],
    "bool": LABELS > 0,
    "bool objects": (LABELS > 0).astype(object),
    "negative": LABELS - 5,
    "whole floats": LABELS.astype(float),
    "fractions": LABELS + 0.5,
    "column": LABELS[:, np.newaxis],
    "matrix": LABELS[:, np.newaxis].view(np.matrix),
    "several": np.stack([LABELS > 0, LABELS > 1], 1).astype(int),
    "several, bool": np.stack([LABELS > 0, LABELS > 1], 1),
    "several classes": np.stack([LABELS, LABELS], 1),
    "several, sparse": sparse.csr_matrix(np.stack([LABELS > 0, LABELS > 1], 1).astype(int)),
    "one class": np.zeros(60, int),
    "one word": np.full(60, "only"),
    "all different": np.arange(60),
    "beyond int64": LABELS.astype(np.uint64) + np.uint64(2**63),
    "int8": (LABELS - 1).astype(np.int8),
    "other byte order": LABELS.astype(">i4"),
    "read-only": read_only(LABELS),
    "negative stride": LABELS[::-1],
    "float16": NUMBERS.astype(np.float16),
    "numbers as objects": NUMBERS.astype(object),
    "numbers as text": NUMBERS.astype(str),
    "dates": np.array(["2020-01-01", "2021-01-01", "2022-01-01"], "M8[D]")[LABELS],
    "NaN": np.where(LABELS == 0, np.nan, LABELS),
    "infinite": np.where(LABELS == 0, np.inf, LABELS),
    "None": np.where(LABELS == 0, None, LABELS),
    "short": LABELS[:-1],
    "empty": [],
    "scalar": 3,
    "lists": [[1], [1, 2]] * 30,
    "complex": LABELS * 1j,
    "three axes": NUMBERS.reshape(60, 1, 1),
}

ONES = np.ones(60)
WEIGHTS = {
    "integers": np.ones(60, int),
    "list": [1] * 60,
    "text": ["1"] * 60,
    "scalar": 2.0,
    "bool": LABELS > 0,
    "float32": ONES.astype(np.float32),
    "a class without": np.where(LABELS == 0, 0, 1.0),
    "one sample": np.eye(60)[0],
    # What is refused.
    "zeros": 0 * ONES,
    "tiny": 1e-320 * ONES,
    "NaN": np.where(LABELS == 0, np.nan, 1),
    "infinite": np.inf * ONES,
    "short": ONES[:-1],
    "column": ONES[:, np.newaxis],
    "words": ["a"] * 60,
    "complex": ONES * 1j,
}


def outcome(module, kind, x, y, weights=None, *, asked=None, **settings):
    """What is predicted and the parameters; or the error, after checking that nothing is fitted."""
    model = getattr(module, f"MLP{kind}")(**SETTINGS | settings)
    weighted = {} if weights is None else {"sample_weight": weights}
    try:
        model.fit(x, y, **weighted)
    except Exception as error:
        if module is ours:
            untouched = getattr(ours, f"MLP{kind}")(**SETTINGS | settings)
            assert vars(model) == vars(untouched)
        return error
    try:
        found = model.predict(x if asked is None else asked)
    except Exception as error:
        return error
    found = found.toarray() if sparse.issparse(found) else found
    return [found, *model.coefs_, *model.intercepts_, np.array(model.loss_curve_)]


def assert_alike(kind, *data, better=(), **settings):
    """Both answer the same, or raise the same kind of error, or of one of the kinds in `better`."""
    wanted, found = (outcome(of, kind, *data, **settings) for of in (theirs, ours))
    if isinstance(wanted, Exception):
        # NumPy's errors are of kinds derived from these.
        kinds = better or tuple(k for k in (ValueError, TypeError) if isinstance(wanted, k))
        assert isinstance(found, kinds), (wanted, found)
        return
    assert not isinstance(found, Exception), found
    for one, other in zip(wanted, found, strict=True):
        assert one.dtype == other.dtype
        if one.dtype.kind == "f":
            np.testing.assert_allclose(other, one, rtol=1e-2 if one.itemsize < 8 else 1e-6)
        else:
            np.testing.assert_array_equal(other, one)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("name", INPUTS)
def test_inputs_of_any_kind(kind, name):
    x = INPUTS[name]
    samples = x.shape[0] if hasattr(x, "shape") and len(x.shape) == 2 else len(x)
    assert_alike(kind, x, TARGETS[kind][:samples])


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("number", range(14))
def test_frames_of_any_kind(kind, number):
    assert_alike(kind, list(frames())[number], TARGETS[kind])


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("name", ANSWERS)
def test_targets_of_any_kind(kind, name):
    is_sparse = kind == "Regressor" and sparse.issparse(ANSWERS[name])
    assert_alike(kind, X, ANSWERS[name], better=(TypeError,) if is_sparse else ())


@pytest.mark.parametrize("number", range(7))
def test_series_of_any_kind(number):
    assert_alike("Classifier", X, list(series())[number])


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_weights_of_any_kind(kind, name, solver):
    assert_alike(kind, X, TARGETS[kind], WEIGHTS[name], solver=solver)


def test_negative_weights_are_refused_by_name():
    for weights in (-ONES, np.where(LABELS == 0, -1, 1)):
        with pytest.raises(ValueError, match="sample_weight must not hold negative numbers"):
            ours.MLPClassifier(**SETTINGS).fit(X, LABELS, weights)
    for wrong in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match="class_weight must hold finite numbers"):
            ours.MLPClassifier(class_weight={0: wrong}, **SETTINGS).fit(X, LABELS)
    with pytest.raises(ValueError, match="'class_weight' parameter"):
        ours.MLPClassifier(class_weight="even", **SETTINGS).fit(X, LABELS)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("fit_dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "asked",
    [
        X.astype(np.float32),
        X.astype(np.float16),
        (9 * X).astype(int),
        X.astype(object),
        unaligned(X),
        np.asfortranarray(X),
        sparse.csr_matrix(HALF),
        sparse.coo_array(HALF),
        sparse.csc_array(HALF.astype(np.float32)),
    ],
)
def test_predictions_of_other_forms(kind, fit_dtype, asked):
    assert_alike(kind, X.astype(fit_dtype), TARGETS[kind], asked=asked)


@pytest.mark.parametrize(
    "asked", [X[:, :2], X[0], X[:0], spoilt(np.nan), np.full((3, 4), "a"), X * 1j]
)
def test_predictions_that_are_refused(asked):
    words = []
    for of in (theirs, ours):
        model = of.MLPRegressor(**SETTINGS).fit(X, NUMBERS)
        with pytest.raises((ValueError, TypeError)) as caught:
            model.predict(asked)
        words.append((caught.type, str(caught.value)))
    assert words[0] == words[1]


def test_features_in_another_order_are_refused():
    frame = next(frames())
    for kind, y in TARGETS.items():
        model = getattr(ours, f"MLP{kind}")(**SETTINGS).fit(frame, y)
        with pytest.raises(ValueError, match="same order"):
            model.predict(frame[list("badc")])


@pytest.mark.parametrize("of", [theirs, ours])
def test_going_on_with_other_data_is_refused(of):
    model = of.MLPClassifier(**SETTINGS).partial_fit(X, LABELS, classes=[0, 1, 2])
    before = [each.copy() for each in model.coefs_]
    for x, y, classes in [
        (X, LABELS + 1, None),
        (X, LABELS, [0, 1, 2, 3]),
        (X[:, :2], LABELS, None),
        (X[:0], LABELS[:0], None),
        (spoilt(np.nan), LABELS, None),
    ]:
        with pytest.raises(ValueError):  # noqa: PT011
            model.partial_fit(x, y, classes=classes)
    for one, other in zip(before, model.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)


def test_going_on_with_another_number_of_outputs_is_refused():
    model = ours.MLPRegressor(warm_start=True, **SETTINGS).fit(X, NUMBERS)
    before = dict(vars(model))
    for go_on in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="y has 2 outputs, but the estimator has 1"):
            go_on(X, np.stack([NUMBERS, NUMBERS], 1))
    assert vars(model) == before


def test_going_on_with_other_settings_keeps_the_layers():
    for settings in ({"hidden_layer_sizes": (5, 5)}, {"hidden_layer_sizes": 9}):
        model = ours.MLPClassifier(warm_start=True, **SETTINGS).fit(X, LABELS)
        wanted = model.predict_proba(X)
        model.set_params(**settings)
        np.testing.assert_array_equal(model.predict_proba(X), wanted)
        again = model.fit(X, LABELS)
        assert [each.shape for each in again.coefs_] == [(4, 5), (5, 3)]


def test_going_on_with_early_stopping_and_without():
    model = ours.MLPClassifier(warm_start=True, **SETTINGS).fit(X, LABELS)
    model.set_params(early_stopping=True).fit(X, LABELS)
    assert len(model.validation_scores_) == 3
    model.set_params(early_stopping=False).fit(X, LABELS)
    assert np.isfinite(model.best_loss_)
    assert len(model.loss_curve_) == 9
    model = ours.MLPClassifier(warm_start=True, **SETTINGS | {"solver": "lbfgs"}).fit(X, LABELS)
    model.set_params(solver="adam").fit(X, LABELS)
    assert len(model.loss_curve_) == 3
