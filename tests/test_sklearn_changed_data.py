"""Data that is written to while an estimator is fitted: the numbers of before, or a clear error."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from scipy import sparse

from kobai.callbacks import LambdaCallback
from kobai.sklearn import MLPClassifier, MLPRegressor
from processes import output_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 300)


def writing(write, **settings):
    """Settings of a fit whose data is written to between its epochs."""
    return {
        "hidden_layer_sizes": 8,
        "max_iter": 4,
        "batch_size": 50,
        "random_state": 0,
        "callbacks": [LambdaCallback(on_epoch_begin=lambda epoch, logs=None: write())],
    } | settings


def nothing():
    pass


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_where_elements_stand_is_that_of_the_beginning(form, index_dtype, early_stopping):
    x = form(sparse.random(300, 90, 0.05, "csr", random_state=0))
    x.indices, x.indptr = x.indices.astype(index_dtype), x.indptr.astype(index_dtype)
    whole = MLPClassifier(**writing(nothing, early_stopping=early_stopping)).fit(x, LABELS)

    def write():
        x.indices[:] = RNG.integers(-(1 << 30), 1 << 30, x.indices.size)
        x.indptr[:] = RNG.integers(-(1 << 30), 1 << 30, x.indptr.size)

    model = MLPClassifier(**writing(write, early_stopping=early_stopping)).fit(x, LABELS)
    np.testing.assert_array_equal(model.coefs_[0], whole.coefs_[0])
    assert model.validation_scores_ == whole.validation_scores_


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_targets_and_weights_are_those_of_the_beginning(kind, early_stopping):
    x = RNG.normal(size=(300, 5))
    y = LABELS.copy() if kind is MLPClassifier else RNG.normal(size=(300, 2))
    weights = RNG.uniform(0.5, 2, 300)
    settings = {"early_stopping": early_stopping}
    whole = kind(**writing(nothing, **settings)).fit(x, y, weights)

    def write():
        y[:] = -7
        weights[:] = np.nan

    model = kind(**writing(write, **settings)).fit(x, y, weights)
    np.testing.assert_array_equal(model.coefs_[0], whole.coefs_[0])
    assert model.validation_scores_ == whole.validation_scores_


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_inputs_that_become_not_finite_are_refused(dtype, form, bad, solver):
    x = form(RNG.normal(size=(300, 5)).astype(dtype))
    values = x if form is np.asarray else x.data
    model = MLPClassifier(**writing(nothing, solver=solver, warm_start=True)).fit(x, LABELS)
    model.callbacks = None
    before = pickle.dumps(model)

    def write():
        values[:] = bad

    model.callbacks = writing(write)["callbacks"]
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        model.fit(x, LABELS)
    model.callbacks = None
    assert pickle.dumps(model) == before


def test_elements_where_no_column_is_are_refused():
    for name, wrong in [
        ("indices", 90),
        ("indices", -1),
        ("indptr", 1 << 20),
        ("indptr", -5),
    ]:
        x = sparse.random(300, 90, 0.05, "csr", random_state=0)
        getattr(x, name)[10] = wrong
        with pytest.raises(ValueError, match=r"ind(ices|ex|ptr)"):
            MLPClassifier(**writing(nothing)).fit(x, LABELS)


HAMMER = """
import itertools, threading, time, warnings
import numpy as np
from scipy import sparse
from kobai.sklearn import MLPClassifier, MLPRegressor

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
matrix = sparse.random(3000, 200, 0.1, "csr", random_state=0)
labels, numbers = rng.integers(0, 3, 3000), rng.normal(size=3000)
weights = rng.uniform(1, 2, 3000)
dense = [matrix.toarray(), matrix.toarray().astype(np.float32), rng.normal(size=(3000, 30))]
others = [matrix, matrix.tocsc(), matrix.astype(np.float32)]
# Of each array, what it is at first and what it becomes meanwhile.
changing = [(x, x.copy(), odd(x)) for x in dense for odd in (
    lambda x: np.full_like(x, np.nan), lambda x: rng.normal(size=x.shape).astype(x.dtype),
)]
for x in others:
    changing += [
        (x.data, x.data.copy(), rng.normal(size=x.data.shape) * rng.integers(0, 2, x.data.size)),
        (x.indices, x.indices.copy(), rng.integers(-9, 1 << 30, x.indices.size)),
        (x.indptr, x.indptr.copy(), rng.permutation(x.indptr) - 5),
    ]
changing += [(each, each.copy(), -each) for each in (labels, numbers, weights)]
is_over = False

def write():
    for k in itertools.count():
        for array, first, later in changing:
            array[...] = (first, later, first)[k % 3]
        if is_over:
            return

writer = threading.Thread(target=write)
writer.start()
ends = {"fitted": 0, "refused": 0}
stop = time.monotonic() + 3
settings = {"hidden_layer_sizes": 9, "max_iter": 3, "random_state": 0}
for k in itertools.count():
    if time.monotonic() > stop:
        break
    x, kind = (dense + others)[k % 6], (MLPClassifier, MLPRegressor)[k // 6 % 2]
    solver = ("sgd", "adam", "lbfgs")[k // 12 % 3]
    model = kind(solver=solver, early_stopping=k // 36 % 2 == 1, **settings)
    before = dict(vars(model))
    y = labels if kind is MLPClassifier else numbers
    try:
        model.fit(x, y, weights if k % 5 == 0 else None)
        model.predict(x)
        ends["fitted"] += 1
    except ValueError as error:
        ends["refused"] += 1
        assert hasattr(model, "coefs_") or vars(model) == before, error
is_over = True
writer.join()
print(ends)
assert ends["fitted"] > 0 and ends["refused"] > 0
"""


@pytest.mark.parametrize("threads", ["1", "2"])
def test_writing_in_another_thread_never_ends_the_process(threads):
    assert "fitted" in output_of(HAMMER, KOBAI_NUM_THREADS=threads)
