"""The small functions of the course's chapters 3 and 4 are what its own code gives, and at the
edges where that warns, overflows or truncates, what our other functions do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from kobai import functions
from kobai.functions import (
    cross_entropy_error,
    identity_function,
    mean_squared_error,
    relu,
    relu_grad,
    sigmoid_grad,
    softmax_loss,
    step_function,
    sum_squared_error,
)
from strategies import LAYOUTS, arrays, laid_out

ELEMENTWISE = (identity_function, relu_grad, sigmoid_grad, step_function)
FLOATS = (np.float16, np.float32, np.float64)


def course_relu_grad(x):
    grad = np.zeros_like(x)
    grad[x >= 0] = 1
    return grad


def course_step_function(x):
    return np.array(x > 0, dtype=int)


def test_the_course_finds_all_the_names_of_its_functions_module():
    names = {
        "identity_function", "step_function", "sigmoid", "sigmoid_grad", "relu", "relu_grad",
        "softmax", "sum_squared_error", "cross_entropy_error", "softmax_loss",
    }  # fmt: skip
    assert names <= set(functions.__all__)


@given(arrays())
def test_they_agree_with_the_course(x):
    before = x.tobytes()
    assert identity_function(x).tobytes() == x.tobytes()
    np.testing.assert_array_equal(relu_grad(x), course_relu_grad(np.array(x)))
    np.testing.assert_array_equal(step_function(x), course_step_function(x))
    wide = x.astype(np.float64)
    expected = oracles.sigmoid(wide) * oracles.sigmoid(-wide)
    rtol = 16 * float(np.finfo(x.dtype).eps)
    np.testing.assert_allclose(sigmoid_grad(x), expected, rtol=rtol, atol=1e-37)
    for function in ELEMENTWISE:
        y = function(x)
        assert y.shape == x.shape
        assert y.dtype == (np.int64 if function is step_function else x.dtype)
    assert x.tobytes() == before


@given(arrays(bound=None, specials=True))
def test_nothing_warns_and_nan_flows_where_the_dtype_has_one(x):
    slope, gate, step = sigmoid_grad(x), relu_grad(x), step_function(x)
    missing = np.isnan(x)
    for y in (slope, gate, identity_function(x)):
        np.testing.assert_array_equal(np.isnan(y), missing)
    assert np.all((slope[~missing] >= 0) & (slope[~missing] <= 0.25))
    assert not step[missing].any()
    np.testing.assert_array_equal(gate[~missing], x[~missing] >= 0)


def test_values_at_the_edges():
    x = np.array([-np.inf, -1000.0, -0.0, 0.0, 40.0, np.inf])
    assert sigmoid_grad(x)[[0, 1, 5]].tolist() == [0, 0, 0]
    # Where 1 - sigmoid(x) is 0 to rounding, the slope still has its digits.
    assert sigmoid_grad(x)[4] == pytest.approx(np.exp(-40.0), rel=1e-14)
    assert relu_grad(x).tolist() == [0, 0, 1, 1, 1, 1]
    assert step_function(x).tolist() == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("dtype", [*FLOATS, bool, np.int8, np.uint8, np.int64, ">f4", ">f8"])
def test_floats_keep_their_dtype_and_integers_become_float64(dtype):
    x = np.array([[0, 1], [1, 1]]).astype(dtype)
    wanted = x.dtype.newbyteorder("=") if x.dtype.kind == "f" else np.dtype(np.float64)
    for function in (identity_function, relu_grad, sigmoid_grad):
        assert function(x).dtype == wanted
    assert step_function(x).dtype == np.int64


def test_lists_scalars_and_empty_arrays():
    for function in ELEMENTWISE:
        assert function([[1, -2]]).shape == (1, 2)
        assert np.ndim(function(2.0)) == 0
        assert function([]).shape == (0,)
        assert function(np.empty((0, 3), np.float32)).shape == (0, 3)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_results_are_fresh_writable_arrays(layout):
    x = laid_out(np.array([[0.5, -2.0], [3.0, 4.0]]), layout)
    for function in ELEMENTWISE:
        y = function(x)
        assert y.flags.writeable
        assert not np.shares_memory(x, y)


@pytest.mark.parametrize("function", ELEMENTWISE)
@pytest.mark.parametrize("x", [np.array([1j]), np.array(["1.0"]), None, [1.0, None]])
def test_what_is_not_real_numbers_is_refused(function, x):
    with pytest.raises(TypeError, match=r"x must hold real numbers .* got dtype"):
        function(x)


def test_sum_squared_error_is_the_other_name_of_mean_squared_error():
    y, t = np.array([[0.5, 0.25], [1.0, 2.0]], np.float32), [[1, 0], [0, 1]]
    assert sum_squared_error(y, t) == mean_squared_error(y, t)
    assert sum_squared_error(y, t).dtype == np.float32
    with pytest.raises(ValueError, match=r"t must have the shape of y, \(2, 2\)"):
        sum_squared_error(y, [1, 0])


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_softmax_loss_is_that_of_the_two_steps(samples, classes, seed):
    generator = np.random.default_rng(seed)
    X = generator.normal(0, 3, (samples, classes))
    labels = generator.integers(0, classes, samples)
    loss = softmax_loss(X, labels)
    assert loss == pytest.approx(oracles.cross_entropy_error(oracles.softmax(X), labels), rel=1e-13)
    assert loss == pytest.approx(softmax_loss(X, oracles.one_hot(labels, classes)), rel=1e-14)
    assert softmax_loss(X[0], labels[0]) == cross_entropy_error(functions.softmax(X[0]), labels[0])


def test_softmax_loss_keeps_digits_and_dtype():
    X, labels = np.array([[300.0, 300.5], [-2.0, 1.0]], np.float32), [0, 1]
    assert softmax_loss(X, labels).dtype == np.float32
    # A wider target makes the whole of it wider, the softmax too.
    soft = np.array([[0.5, 0.5], [0.25, 0.75]])
    assert softmax_loss(X, soft) == softmax_loss(X.astype(float), soft)
    half = X.astype(np.float16)
    assert softmax_loss(half, labels).dtype == softmax_loss(half, half).dtype == np.float16
    assert np.isnan(softmax_loss([[0.0, np.nan]], [0]))


@pytest.mark.parametrize(
    ("X", "t", "words"),
    [
        (1.0, 0, "X"),
        (np.empty((0, 3)), [], "X must hold at least one sample"),
        (np.empty((2, 0)), [0, 0], "X must not be empty along axis -1"),
        ([[1.0, 2.0]], [2], "t must"),
        ([[1.0, 2.0]], [[1.0]], r"t must have the shape of X, \(1, 2\)"),
        ([[1.0, 2.0], [1.0]], [0, 1], "X must be an array"),
    ],
)
def test_softmax_loss_names_its_arguments(X, t, words):
    with pytest.raises(ValueError, match=words):
        softmax_loss(X, t)


def test_relu_grad_is_the_slope_of_relu():
    x = np.array([-2.0, 0.5, 3.0])
    h = 1e-4
    np.testing.assert_allclose((relu(x + h) - relu(x - h)) / (2 * h), relu_grad(x), rtol=1e-9)
