"""Activations and losses are what NumPy would compute, for whatever arrays people have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import kobai
import oracles
from kobai.functions import cross_entropy_error, mean_squared_error, relu, sigmoid, softmax
from strategies import LAYOUTS, arrays, laid_out, layouts_of, shapes

FLOATS = (np.float16, np.float32, np.float64)

# The example the course gives: the network says class 2 with 0.6.
Y = np.array([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0])
T = oracles.one_hot(2, 10)


def close(dtype, terms=1):
    """A few roundings of `dtype` for each of the terms of a sum."""
    return 8 * (terms + 1) * float(np.finfo(dtype).eps)


def bits(array):
    return np.ascontiguousarray(array).tobytes()


def test_numbers_of_the_course():
    assert mean_squared_error(Y, T) == pytest.approx(0.0975, abs=1e-15)
    assert cross_entropy_error(Y, T) == pytest.approx(0.510825457099338, abs=1e-15)
    np.testing.assert_allclose(
        softmax(np.array([0.3, 2.9, 4.0])), [0.01821127, 0.24519181, 0.73659691], atol=5e-9
    )
    np.testing.assert_allclose(
        sigmoid(np.array([-1.0, 1.0, 2.0])), [0.26894142, 0.73105858, 0.88079708], atol=5e-9
    )
    assert relu(np.array([-1.0, 0.0, 2.0])).tolist() == [0, 0, 2]


def test_log_of_zero_is_held_off_by_the_delta():
    assert cross_entropy_error(np.array([0.0, 1.0]), np.array([1, 0])) == -np.log(1e-7)


@given(arrays())
def test_sigmoid_and_relu_agree_with_their_twins(x):
    before = bits(x)
    y = sigmoid(x)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(y, oracles.sigmoid(wide), rtol=close(x.dtype), atol=1e-37)
    np.testing.assert_array_equal(relu(x), oracles.relu(x))
    assert y.dtype == relu(x).dtype == x.dtype
    assert y.shape == relu(x).shape == x.shape
    assert bits(x) == before


@given(arrays(bound=None, specials=True))
def test_sigmoid_of_anything_lies_in_0_to_1_without_a_warning(x):
    y = sigmoid(x)  # a RuntimeWarning would be an error here
    assert np.array_equal(np.isnan(y), np.isnan(x))
    known = ~np.isnan(x)
    assert np.all((y[known] >= 0) & (y[known] <= 1))
    # exp(-x) is below half an ulp of 1 from 37 on, and below the smallest double from -746 on.
    assert np.all(y[known & (x > 40)] == 1)
    assert np.all(y[known & (x < -800)] == 0)


def test_sigmoid_at_the_ends():
    assert sigmoid(np.array([-np.inf, np.inf])).tolist() == [0, 1]
    huge = np.finfo(np.float64).max
    assert sigmoid(np.array([-huge, -1e4, 0.0, 1e4, huge])).tolist() == [0, 0, 0.5, 1, 1]
    # Small values keep all their digits: they are not 1 minus something.
    assert sigmoid(-700.0) == pytest.approx(np.exp(-700.0), rel=1e-13)


def test_relu_follows_numpy_on_specials():
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, -5e-324])
    np.testing.assert_array_equal(relu(x), np.maximum(x, 0))


@st.composite
def array_and_axis(draw):
    x = draw(arrays(shape=shapes(min_dims=1, min_side=1)))
    return x, draw(st.integers(-x.ndim, x.ndim - 1))


@given(array_and_axis())
def test_softmax_is_a_distribution_along_its_axis_and_agrees_with_its_twin(drawn):
    x, axis = drawn
    before = bits(x)
    y = softmax(x, axis=axis)
    tolerance = close(x.dtype, x.shape[axis])
    assert (y.dtype, y.shape) == (x.dtype, x.shape)
    assert np.all(y >= 0)
    np.testing.assert_allclose(y.sum(axis=axis), 1, rtol=tolerance)
    # The argument of exp is known to an ulp of x, so its exponential to |x| eps.
    tolerance += 4 * float(np.abs(x).max()) * float(np.finfo(x.dtype).eps)
    np.testing.assert_allclose(y, oracles.softmax(x, axis), rtol=tolerance, atol=1e-37)
    assert bits(x) == before


@given(array_and_axis(), st.floats(-1e6, 1e6))
def test_softmax_does_not_see_a_shift_of_all_scores(drawn, shift):
    x, axis = drawn
    x = x.astype(np.float64)
    tolerance = 4 * (abs(shift) + 1e3) * np.finfo(np.float64).eps + 1e-14
    np.testing.assert_allclose(softmax(x + shift, axis), softmax(x, axis), rtol=tolerance)


def test_softmax_of_large_scores_does_not_overflow():
    y = softmax(np.array([[1e308, 1e308], [-1e308, 1e308], [1010.0, 1000.0]]))
    np.testing.assert_allclose(y[:2], [[0.5, 0.5], [0.0, 1.0]], rtol=0, atol=1e-16)
    assert y[2, 1] == pytest.approx(np.exp(-10) / (1 + np.exp(-10)), rel=1e-12)


def test_softmax_lets_nan_and_infinity_flow_as_numpy_does():
    rows = np.array([[0.0, np.nan, 1.0], [0.0, np.inf, 1.0], [0.0, -np.inf, 0.0], [1.0, 2.0, 3.0]])
    with np.errstate(invalid="ignore"):
        expected = oracles.softmax(rows)
    np.testing.assert_allclose(softmax(rows), expected, rtol=1e-15)
    np.testing.assert_array_equal(np.isnan(softmax(rows)), np.isnan(expected))


@st.composite
def two_of_one_shape(draw):
    shape = draw(shapes())
    return draw(arrays(shape=shape)), draw(arrays(shape=shape))


@given(two_of_one_shape())
def test_mean_squared_error_agrees_with_its_twin(pair):
    y, t = pair
    before = bits(y), bits(t)
    error = mean_squared_error(y, t)
    dtype = np.result_type(y, t)
    expected = oracles.mean_squared_error(y.astype(np.float64), t.astype(np.float64))
    # A difference of neighbours keeps only the rounding of its terms, which are up to 1e3.
    atol = float(np.finfo(dtype).eps) * 1e3
    np.testing.assert_allclose(error, expected, rtol=close(dtype, y.size), atol=atol)
    assert error.dtype == dtype
    assert (bits(y), bits(t)) == before


@st.composite
def probabilities_and_targets(draw):
    """Probabilities of one sample or of a batch; targets as labels, one-hot or soft."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=6))
    unit = st.floats(0, 1, width=32)
    dtype = draw(st.sampled_from((np.float32, np.float64)))
    y = draw(layouts_of(hnp.arrays(dtype, shape, elements=unit)))
    kind = draw(st.sampled_from(("labels", "one-hot", "soft")))
    if kind == "soft":
        return y, draw(layouts_of(hnp.arrays(dtype, shape, elements=unit)))
    integer = draw(st.sampled_from((np.int64, np.int32, np.uint8)))
    labels = draw(hnp.arrays(integer, shape[:-1], elements=st.integers(0, shape[-1] - 1)))
    if kind == "labels":
        return y, draw(layouts_of(labels))
    one_hot = oracles.one_hot(labels, shape[-1])
    return y, draw(layouts_of(one_hot.astype(draw(st.sampled_from((integer, bool, dtype))))))


@given(probabilities_and_targets())
def test_cross_entropy_error_agrees_with_its_twin(pair):
    y, t = pair
    before = bits(y), bits(t)
    error = cross_entropy_error(y, t)
    expected = oracles.cross_entropy_error(y.astype(np.float64), t)
    tolerance = close(y.dtype, y.size)
    np.testing.assert_allclose(error, expected, rtol=tolerance, atol=tolerance)
    assert error.dtype == y.dtype
    assert (bits(y), bits(t)) == before


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_labels_and_one_hot_give_the_same_cross_entropy(samples, classes, seed):
    generator = np.random.default_rng(seed)
    y = generator.dirichlet(np.ones(classes), samples)
    labels = generator.integers(0, classes, samples)
    by_label = cross_entropy_error(y, labels)
    # N = K is the case in which deciding by `size` would go wrong.
    assert by_label == pytest.approx(cross_entropy_error(y, np.eye(classes)[labels]), rel=1e-14)


def test_cross_entropy_is_averaged_over_a_batch_and_not_over_a_sample():
    one = cross_entropy_error(Y, T)
    assert cross_entropy_error(np.stack([Y] * 7), np.stack([T] * 7)) == pytest.approx(one)
    assert cross_entropy_error(Y[None], T[None]) == pytest.approx(one)
    assert cross_entropy_error(Y, 2) == pytest.approx(one)
    assert cross_entropy_error(Y[None], [2]) == pytest.approx(one)


def test_losses_let_nan_and_infinity_flow_as_numpy_does():
    y, t = np.array([0.5, np.nan]), np.array([1.0, 0.0])
    assert np.isnan(cross_entropy_error(y, t))
    assert np.isnan(mean_squared_error(y, t))
    assert mean_squared_error([np.inf, 0.0], [0.0, 0.0]) == np.inf
    # A label picks one probability: the others are not looked at.
    assert cross_entropy_error(y, 0) == oracles.cross_entropy_error(y[:1], np.array([1.0]))


@pytest.mark.parametrize("dtype", FLOATS)
def test_float_dtypes_are_kept(dtype):
    x = np.array([[0.25, 0.5], [0.75, 1.0]], dtype)
    for function in (sigmoid, relu, softmax):
        y = function(x)
        assert y.dtype == dtype
        np.testing.assert_allclose(
            y, getattr(oracles, function.__name__)(x.astype(np.float64)), rtol=close(dtype)
        )
    for error in (mean_squared_error(x, x[::-1]), cross_entropy_error(x, [0, 1])):
        assert error.dtype == dtype
    assert mean_squared_error(x, np.ones((2, 2))).dtype == np.float64
    assert mean_squared_error(x, np.ones((2, 2), int)).dtype == dtype


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.uint64])
def test_integers_and_bools_become_float64(dtype):
    x = np.array([[1, 0], [1, 1]]).astype(dtype)
    for function in (sigmoid, relu, softmax):
        y = function(x)
        assert y.dtype == np.float64
        np.testing.assert_allclose(
            y, getattr(oracles, function.__name__)(x.astype(np.float64)), rtol=1e-15
        )
    assert mean_squared_error(x, np.zeros((2, 2), dtype)) == 1.5
    assert cross_entropy_error(x, x).dtype == np.float64


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f4", "<f8"])
def test_any_byte_order_is_read(dtype):
    x = np.array([[-1.5, 2.0]], dtype)
    for function in (sigmoid, relu, softmax):
        expected = getattr(oracles, function.__name__)(x.astype(np.float64))
        np.testing.assert_allclose(function(x), expected, rtol=1e-6)


@pytest.mark.parametrize("function", [sigmoid, relu, softmax])
def test_lists_scalars_and_empty_arrays(function):
    twin = getattr(oracles, function.__name__)
    np.testing.assert_allclose(function([[1, 2], [3, 4]]), twin(np.array([[1.0, 2], [3, 4]])))
    assert function(np.empty((0, 3), np.float32)).shape == (0, 3)
    if function is not softmax:
        assert function(2) == pytest.approx(twin(2.0))
        assert np.ndim(function(2.0)) == 0
        assert function([]).shape == (0,)


def test_unaligned_arrays_are_read():
    buffer = bytearray(1 + 3 * 8)
    x = np.frombuffer(buffer, np.float64, 3, offset=1)
    x[:] = [-1.0, 0.0, 2.0]
    assert not x.flags.aligned
    np.testing.assert_allclose(sigmoid(x), oracles.sigmoid(np.array([-1.0, 0.0, 2.0])))
    np.testing.assert_allclose(softmax(x), oracles.softmax(np.array([-1.0, 0.0, 2.0])))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_results_are_fresh_writable_arrays(layout):
    x = laid_out(np.array([[0.5, 2.0], [3.0, 4.0]]), layout)
    for function in (sigmoid, relu, softmax):
        y = function(x)
        assert y.flags.writeable
        assert not np.shares_memory(x, y)


@pytest.mark.parametrize("function", [sigmoid, relu, softmax])
@pytest.mark.parametrize(
    ("x", "got"),
    [
        (np.array([1j]), "complex128"),
        (np.array(["1.0"]), "<U3"),
        (np.array([b"1"]), "S1"),
        (np.array([1.0, None]), "object"),
        (np.array(["2020-01-01"], "M8[D]"), "datetime64"),
        (np.zeros(2, [("a", "f8")]), "a"),
        (None, "object"),
        ("text", "<U4"),
    ],
)
def test_what_is_not_real_numbers_is_refused(function, x, got):
    with pytest.raises(TypeError, match=r"x must hold real numbers .* got dtype") as caught:
        function(x)
    assert got in str(caught.value)


@pytest.mark.parametrize(
    ("x", "axis", "words"),
    [
        (1.0, -1, ("axis", "0", "-1")),
        ([1.0], 1, ("axis", "1")),
        ([[1.0]], -3, ("axis", "2", "-3")),
        (np.empty((3, 0)), -1, ("x", "empty", "(3, 0)")),
        (np.empty((0, 3)), 0, ("x", "empty", "(0, 3)")),
    ],
)
def test_softmax_refuses_axes_that_are_not_there(x, axis, words):
    with pytest.raises(ValueError, match=r"^(axis|x) must") as caught:
        softmax(x, axis=axis)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("axis", [0.5, "0", None, (0,)])
def test_softmax_refuses_what_is_no_axis(axis):
    with pytest.raises(TypeError, match="axis must be"):
        softmax(np.ones((2, 2)), axis=axis)


BAD_TARGETS = [
    ((2, 3), np.zeros((3, 2)), ValueError, ("t must", "(2, 3)", "(3, 2)")),
    ((2, 3), np.zeros((1, 3)), ValueError, ("t must", "(2, 3)", "(1, 3)")),
    ((2, 3), np.zeros(3, int), ValueError, ("t must", "(2, 3)", "(3,)")),
    ((2, 3), 1, ValueError, ("t must", "(2, 3)", "()")),
    ((3,), np.zeros(2, int), ValueError, ("t must", "(3,)", "(2,)")),
    ((2, 3), np.array([0, 3]), ValueError, ("t must", "0..2", "3")),
    ((2, 3), np.array([-1, 0]), ValueError, ("t must", "0..2", "-1")),
    ((2, 3), np.array([0, 2**63], np.uint64), ValueError, ("t must", "0..2")),
    ((3,), 3, ValueError, ("t must", "0..2", "3")),
    ((2, 3), np.array([0.0, 1.0]), TypeError, ("t must", "integers", "float64")),
    ((2, 3), np.array([True, False]), TypeError, ("t must", "integers", "bool")),
    ((2, 3), np.array(["a", "b"]), TypeError, ("t must", "<U1")),
    ((2, 3), np.zeros((2, 3), complex), TypeError, ("t must", "complex128")),
    ((0, 3), np.zeros((0, 3)), ValueError, ("y must", "at least one sample", "(0, 3)")),
    ((0, 3), np.zeros(0, int), ValueError, ("y must", "at least one sample", "(0, 3)")),
]


@pytest.mark.parametrize(("shape", "t", "error", "words"), BAD_TARGETS)
def test_cross_entropy_error_refuses_targets_that_do_not_fit(shape, t, error, words):
    with pytest.raises(error) as caught:
        cross_entropy_error(np.full(shape, 0.5), t)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("function", [mean_squared_error, cross_entropy_error])
def test_losses_refuse_wrong_dtypes_and_shapes(function):
    good = np.full((2, 2), 0.5)
    for bad, got in ((good + 1j, "complex128"), (good.astype(str), "<U")):
        with pytest.raises(TypeError, match=f"y must hold real numbers .* got dtype {got}"):
            function(bad, good)
        with pytest.raises(TypeError, match=f"t must hold real numbers .* got dtype {got}"):
            function(good, bad)
    with pytest.raises(ValueError, match=r"t must have the shape of y, \(2, 2\), got .*\(4, 1\)"):
        function(good, good.reshape(4, 1))


def test_threads_are_counted_and_can_be_set():
    before = kobai.num_threads()
    try:
        kobai.set_num_threads(2)
        assert kobai.num_threads() == 2
        kobai.set_num_threads(1)
        assert kobai.num_threads() == 1
    finally:
        kobai.set_num_threads(before)
    assert kobai.num_threads() == before
