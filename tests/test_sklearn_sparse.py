"""Sparse inputs of the estimators: the steps of dense ones, without their zeros in memory."""

import tracemalloc

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from scipy import sparse

from kobai.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FORMS = [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.csc_array]


def drawn(samples, features, density, dtype=np.float64):
    generator = np.random.default_rng(0)
    x = sparse.random(samples, features, density, "csr", dtype, random_state=generator)
    return x, generator.integers(0, 4, samples)


def unordered(x):
    """The same matrix, its elements in no order, and each of them in two halves."""
    places = sparse.coo_matrix(x)
    order = np.random.default_rng(0).permutation(2 * x.nnz)
    rows, columns = (np.tile(each, 2)[order] for each in (places.row, places.col))
    by_row = np.argsort(rows, kind="stable")
    values = np.tile(places.data / 2, 2)[order][by_row]
    return sparse.csr_matrix((values, columns[by_row], 2 * x.indptr), x.shape)


def fitted(kind, solver, x, y, **settings):
    settings = {"hidden_layer_sizes": 9, "max_iter": 4, "random_state": 0, **settings}
    return kind(solver=solver, **settings).fit(x, y)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_sparse_inputs_take_the_steps_of_dense_ones(kind, solver, form):
    x, y = drawn(150, 200, 0.1)
    dense = fitted(kind, solver, x.toarray(), y)
    model = fitted(kind, solver, form(x), y)
    np.testing.assert_array_equal(model.coefs_[0], dense.coefs_[0])
    np.testing.assert_array_equal(model.predict(form(x)), dense.predict(x.toarray()))
    np.testing.assert_array_equal(model.predict(x.toarray()), dense.predict(form(x)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_rows_that_are_almost_empty_take_the_steps_of_dense_ones(solver, dtype, is_weighted):
    x, y = drawn(150, 900, 0.005, dtype)
    weights = np.linspace(0, 2, 150) if is_weighted else None
    settings = {"hidden_layer_sizes": (9, 5), "max_iter": 4, "random_state": 0, "batch_size": 40}
    models = [
        MLPClassifier(solver=solver, **settings).fit(each, y, weights) for each in (x, x.toarray())
    ]
    for coefs, dense in zip(*(model.coefs_ for model in models), strict=True):
        assert coefs.dtype == dtype
        np.testing.assert_array_equal(coefs, dense)
    for rows in (x, x.toarray()):
        np.testing.assert_array_equal(*(model.predict_proba(rows) for model in models))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_inputs_may_be_held_out(dtype):
    x, y = drawn(150, 70, 0.2, dtype)
    settings = {"early_stopping": True, "batch_size": 20, "scoring": "loss", "max_iter": 9}
    dense = fitted(MLPClassifier, "adam", x.toarray(), y, **settings)
    model = fitted(MLPClassifier, "adam", x, y, **settings)
    assert model.validation_loss_curve_ == dense.validation_loss_curve_
    assert model.coefs_[0].dtype == dtype
    np.testing.assert_array_equal(model.predict_proba(x), dense.predict_proba(x.toarray()))


def test_elements_in_no_order_are_put_in_order_elsewhere():
    x, y = drawn(60, 40, 0.2)
    given = unordered(x)
    before = given.data.copy(), given.indices.copy(), given.indptr.copy()
    assert given.nnz == 2 * x.nnz
    model = fitted(MLPClassifier, "adam", given, y)
    again = fitted(MLPClassifier, "adam", x, y)
    np.testing.assert_allclose(model.coefs_[0], again.coefs_[0], rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(given), again.predict_proba(x), rtol=1e-12)
    for old, new in zip(before, (given.data, given.indices, given.indptr), strict=True):
        np.testing.assert_array_equal(old, new)


def test_wide_indices_and_numerical_gradients_serve():
    x, y = drawn(60, 40, 0.2)
    wide = x.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    for settings in ({}, {"gradient": "numerical"}):
        for solver in ("sgd", "lbfgs"):
            model = fitted(MLPRegressor, solver, wide, y, **settings)
            dense = fitted(MLPRegressor, solver, x.toarray(), y, **settings)
            np.testing.assert_array_equal(model.coefs_[0], dense.coefs_[0])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_zeros_take_no_memory(solver):
    x, y = drawn(2000, 20_000, 0.001)
    dense_bytes = 8 * x.shape[0] * x.shape[1]
    tracemalloc.start()
    try:
        model = fitted(MLPClassifier, solver, x, y, hidden_layer_sizes=2, max_iter=2)
        model.predict(x)
        assert tracemalloc.get_traced_memory()[1] < dense_bytes / 20
    finally:
        tracemalloc.stop()
