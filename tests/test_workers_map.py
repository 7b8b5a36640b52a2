"""Derivatives by workers: the same bits, whoever computes them, and what travels."""

import concurrent.futures
import functools
import importlib.util
import multiprocessing
import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kobai
from kobai.differentiate import gradient, hessian, jacobian

needs = functools.partial(pytest.importorskip, reason="a way to spread work that is not installed")
# Forking warns of threads, of which NumPy's and ours are safe.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")

X = np.linspace(0.1, 3, 41)
KINK = float(X[7])
FIELDS = ("df", "error", "success", "status", "nfev", "h", "noise", "left", "right", "calls")


def waves(x):
    return float(np.sum(np.sin(np.arange(x.size) * x.ravel()) + abs(x.ravel() - KINK)))


def products(x):
    return np.outer(x[:3], x)


def many_waves(points):
    return np.array([waves(x) for x in points])


def assert_same(one, other):
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field), field)


def check(workers, *, travels=False):
    """All four, by `workers`, against this process; `travels` where any function can travel."""
    functions = (lambda x: waves(x), lambda x: products(x)) if travels else (waves, products)
    scalar, array = functions
    reference = kobai.numerical_gradient(waves, X)
    found = kobai.numerical_gradient(scalar, X, workers=workers)
    np.testing.assert_array_equal(found, reference)
    assert_same(gradient(scalar, X, workers=workers), gradient(waves, X))
    assert_same(jacobian(array, X[:5], workers=workers), jacobian(products, X[:5]))
    assert_same(hessian(scalar, X[:5], workers=workers), hessian(waves, X[:5]))


@pytest.mark.parametrize("workers", [1, 2, 3, -1, np.int64(2), map])
def test_bits_do_not_depend_on_workers(workers):
    before = set(multiprocessing.active_children())
    check(workers)
    assert set(multiprocessing.active_children()) == before


def test_threads():
    with concurrent.futures.ThreadPoolExecutor(3) as executor:
        check(executor.map, travels=True)


def test_a_process_pool_of_each_kind():
    with multiprocessing.Pool(2) as pool:
        check(pool.map)
        check(pool.imap)
    with concurrent.futures.ProcessPoolExecutor(2) as executor:
        check(executor.map)


def test_loky_sends_any_function():
    loky = needs("loky")
    with loky.get_reusable_executor(2) as executor:
        x = X[:9]
        found = gradient(lambda v: np.sum(v**3), x, workers=executor.map)
        assert_same(found, gradient(lambda v: np.sum(v**3), x))


def test_dask_cluster_of_processes():
    distributed = needs("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        distributed.LocalCluster(**options, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        x = X[:9]
        executor = client.get_executor()
        found = gradient(lambda v: np.sum(v**3), x, workers=executor.map)
        assert_same(found, gradient(lambda v: np.sum(v**3), x))
        quotients = kobai.numerical_gradient(lambda v: np.sum(v**3), x, workers=executor.map)
        expected = kobai.numerical_gradient(lambda v: np.sum(v**3), x)
        np.testing.assert_array_equal(quotients, expected)

        def fails(v):
            raise ZeroDivisionError("far away")

        with pytest.raises(ZeroDivisionError, match="far away"):
            kobai.numerical_gradient(fails, x, workers=executor.map)


@pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or os.environ.get("KOBAI_MPI") is None,
    reason="mpi4py is not installed, or KOBAI_MPI does not say that MPI can start processes",
)
def test_mpi():
    futures = importlib.import_module("mpi4py.futures")
    with futures.MPIPoolExecutor(2) as executor:
        check(executor.map)


def test_joblib_says_who_works():
    joblib = needs("joblib")
    for options in ({"backend": "loky", "n_jobs": 2}, {"backend": "threading", "n_jobs": 2}):
        with joblib.parallel_config(**options):
            found = gradient(lambda v: np.sum(v**3), X, workers=None)
        assert_same(found, gradient(lambda v: np.sum(v**3), X))
    # Without such a context, f reads what is moved.
    x = np.array([1.0, 2.0])
    assert gradient(lambda _: float(x @ x), x, workers=None).df == pytest.approx(2 * x)


@given(st.integers(1, 30), st.sampled_from((np.float32, np.float64)), st.integers(2, 5))
@settings(max_examples=8, deadline=None)
def test_any_size_and_dtype(size, dtype, count):
    x = np.linspace(-1, 2, size).astype(dtype).reshape(1, -1)
    with concurrent.futures.ThreadPoolExecutor(count) as executor:
        found = gradient(waves_of_any, x, workers=executor.map)
        quotients = kobai.numerical_gradient(waves_of_any, x, 0.25, workers=executor.map)
    assert_same(found, gradient(waves_of_any, x))
    assert quotients.dtype == dtype
    np.testing.assert_array_equal(quotients, kobai.numerical_gradient(waves_of_any, x, 0.25))


def waves_of_any(x):
    return float(np.sum(np.sin(x.astype(float))))


def test_many_points_at_a_time():
    quotients = kobai.numerical_gradient(many_waves, X, vectorized=True)
    np.testing.assert_array_equal(quotients, kobai.numerical_gradient(waves, X))
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        found = gradient(many_waves, X, vectorized=True, workers=executor.map)
        assert_same(found, gradient(waves, X))
        again = kobai.numerical_gradient(many_waves, X, vectorized=True, workers=executor.map)
    np.testing.assert_array_equal(again, quotients)
    assert kobai.numerical_gradient(many_waves, X[:0], vectorized=True).shape == (0,)


def test_f_and_x_travel_once_for_a_block():
    x = np.linspace(0.1, 3, 4000)
    sent = []

    def watched(function, blocks):
        for block in blocks:
            sent.append(len(pickle.dumps((function, block))))
            yield function(block)

    kobai.numerical_gradient(np.sum, x, workers=watched)
    assert len(sent) == 32
    assert max(sent) < 1.1 * x.nbytes
    sent.clear()
    gradient(np.sum, x, workers=watched)
    assert len(sent) == 32
    assert max(sent) < 3 * x.nbytes


def test_progress_goes_on_from_block_to_block(monkeypatch):
    bars = []

    class Recorded:
        def __init__(self, total, **options):
            self.total, self.options, self.steps = total, options, []
            bars.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def advance(self, count):
            self.steps.append(count)

    monkeypatch.setattr("kobai._workers.spread.progress_bar", Recorded)
    kobai.numerical_gradient(waves, X, workers=2)
    gradient(waves, X, workers=map)
    hessian(waves, X[:4], workers=map)
    assert [bar.total for bar in bars] == [41, 41, 4, 6]
    assert [sum(bar.steps) for bar in bars] == [41, 41, 4, 6]
    assert len(bars[0].steps) == 8
    assert all(bar.options["delay"] > 0 for bar in bars)


def test_x_of_the_caller_is_left_alone_and_a_closure_over_it_is_warned_of():
    x = np.array([1.0, 2.0, 3.0])
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        for call in (kobai.numerical_gradient, gradient, jacobian, hessian):
            words = "f gave the same number wherever it was asked"
            with pytest.warns(UserWarning, match=words) as caught:
                call(lambda _: float(x.sum()), x, workers=executor.map)
            assert [warning.filename for warning in caught] == [__file__]
    assert x.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("workers", "error", "words"),
    [
        (0, ValueError, "workers must be at least 1"),
        (-2, ValueError, "workers must be at least 1"),
        ("two", TypeError, "workers must be a number of processes"),
        (2.0, TypeError, "workers must be a number of processes"),
    ],
)
@pytest.mark.parametrize("call", [kobai.numerical_gradient, gradient, jacobian, hessian])
def test_workers_that_make_no_sense_are_named(call, workers, error, words):
    with pytest.raises(error, match=words):
        call(waves, X, workers=workers)
