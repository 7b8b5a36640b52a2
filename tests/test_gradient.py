"""The central difference of any Python function, and what it leaves of the array it moves."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import oracles
from kobai.gradient import gradient_descent, numerical_gradient
from strategies import LAYOUTS, WRITABLE, arrays, laid_out, layouts_of, shapes


def sum_of_squares(x):
    return np.sum(x**2)


def weighted_sum(weights, x, power=1):
    # In C order whatever the layout, so that the order of summation is always the same.
    return np.sum(weights * np.array(x, np.float64, order="C") ** power)


def bits(array):
    return np.ascontiguousarray(array).tobytes()


def test_numbers_of_the_notebook():
    x = np.array([3.0, 4.0])
    np.testing.assert_allclose(numerical_gradient(sum_of_squares, x), [6, 8], rtol=1e-10)
    assert x.tolist() == [3, 4]
    np.testing.assert_allclose(
        gradient_descent(sum_of_squares, np.array([3.0, 4.0]), lr=0.1),
        [6.11110793e-10, 8.14814391e-10],
        atol=5e-19,
    )


@pytest.mark.parametrize(
    "x", [np.array([3, 4]), [3, 4], (3, 4), np.array([3, 4], np.uint8), [3.0, 4.0]]
)
def test_integers_and_sequences_become_floats(x):
    gradient = numerical_gradient(sum_of_squares, x)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, [6, 8], rtol=1e-10)
    assert list(x) == [3, 4]


def test_scalars_have_a_gradient_too():
    for x in (3.0, 3, np.float64(3), np.array(3.0)):
        gradient = numerical_gradient(lambda v: v**2, x)
        assert gradient.shape == ()
        assert gradient == pytest.approx(6)


def test_empty_arrays_have_an_empty_gradient():
    def never(x):
        raise AssertionError

    assert numerical_gradient(never, np.empty((0, 3))).shape == (0, 3)


@st.composite
def weighted(draw, layouts=LAYOUTS):
    """A point, and weights that tell its elements apart."""
    x = draw(arrays(shape=shapes(), bound=10, layouts=layouts))
    return x, np.random.default_rng(draw(st.integers(0, 2**32 - 1))).random(x.shape)


@given(weighted(), st.sampled_from((1e-4, 1e-3, 0.25)))
def test_any_shape_dtype_and_layout_gives_the_quotients_of_the_loop(drawn, h):
    x, weights = drawn
    before = bits(x)
    gradient = numerical_gradient(lambda v: weighted_sum(weights, v, 3), x, h)
    assert bits(x) == before
    assert (gradient.dtype, gradient.shape) == (x.dtype, x.shape)
    twin = oracles.numerical_gradient(lambda v: weighted_sum(weights, v, 3), np.array(x), h)
    np.testing.assert_array_equal(gradient, twin)


@given(weighted(WRITABLE))
def test_writable_floats_are_moved_in_place_so_that_closures_see_it(drawn):
    x, weights = drawn
    before = bits(x)
    seen = []

    def f(argument):
        seen.append(argument)
        return weighted_sum(weights, x)

    gradient = numerical_gradient(f, x, h=0.25)
    assert all(argument is x for argument in seen)
    assert len(seen) == 2 * x.size
    # A move of 0.25 is rounded by an ulp of |x| <= 10 in the array's own dtype, and sums of at
    # most 625 such elements by a few of theirs.
    tolerance = 64 * float(np.finfo(x.dtype).eps) + 1e-11
    np.testing.assert_allclose(gradient, weights, rtol=0, atol=tolerance)
    assert bits(x) == before


@pytest.mark.parametrize("layout", ["read-only", "read-only strided"])
def test_read_only_arrays_are_copied(layout):
    x = laid_out(np.array([[1.0, 2.0], [3.0, 4.0]]), layout)
    arguments = []

    def f(v):
        arguments.append(v)
        return np.sum(v**2)

    np.testing.assert_allclose(numerical_gradient(f, x), 2 * x, rtol=1e-9)
    assert not any(np.shares_memory(argument, x) for argument in arguments)
    assert not x.flags.writeable


def test_float16_that_is_read_only_keeps_its_dtype_or_says_why_not():
    x = laid_out(np.array([1.0, 2.0], np.float16), "read-only")
    np.testing.assert_allclose(numerical_gradient(sum_of_squares, x, h=1e-2), [2, 4], rtol=1e-3)
    with pytest.raises(TypeError, match=r"x must be .*float32 or float64.*float16"):
        numerical_gradient(sum_of_squares, np.array([1.0, 2.0], np.float16))


# Every bit pattern must come back, so the elements are drawn as bits: NaN payloads, -0.0,
# infinities and subnormals included.
BITS = {np.float32: np.uint32, np.float64: np.uint64}


@st.composite
def any_bits(draw):
    dtype = draw(st.sampled_from(list(BITS)))
    raw = draw(hnp.arrays(BITS[dtype], shapes(min_dims=1, min_side=1)))
    x = raw.view(dtype)
    # What is so large that h is lost in it is refused: without the exponent's first bit, it is
    # below 2.
    large = np.isfinite(x) & (np.nan_to_num(np.abs(x)) >= 2)
    raw[large] &= ~BITS[dtype](1 << (8 * x.itemsize - 2))
    x.flat[0] = draw(st.sampled_from((-0.0, np.nan, np.inf, 5e-324, 1.0)))
    return draw(layouts_of(x, WRITABLE))


class StopError(Exception):
    """What no code under test would raise or catch by itself."""


@given(any_bits())
def test_every_element_comes_back_bit_for_bit(x):
    before = bits(x)
    numerical_gradient(lambda _: 1.0, x)
    assert bits(x) == before


@given(any_bits(), st.data(), st.sampled_from((StopError, KeyboardInterrupt, SystemExit)))
def test_every_element_comes_back_when_f_raises_on_any_call(x, data, error):
    before = bits(x)
    fatal = data.draw(st.integers(0, 2 * x.size - 1))
    calls = iter(range(2 * x.size))

    def f(_):
        if next(calls) == fatal:
            raise error
        return 1.0

    with pytest.raises(error):
        numerical_gradient(f, x)
    assert next(calls, None) == (fatal + 1 if fatal + 1 < 2 * x.size else None)
    assert bits(x) == before


@pytest.mark.parametrize("bad", [np.ones(2), "one", None, 1j])
@pytest.mark.parametrize("fatal", [0, 1, 4, 5])
def test_every_element_comes_back_when_f_returns_no_number(bad, fatal):
    x = np.array([-0.0, 1 / 3, 2.0])
    before = bits(x)
    calls = iter(range(6))
    with pytest.raises((TypeError, ValueError)):
        numerical_gradient(lambda _: bad if next(calls) == fatal else 1.0, x)
    assert bits(x) == before


@pytest.mark.parametrize(
    ("returned", "error", "words"),
    [
        (np.ones(2), ValueError, ("f must return a single number", "2")),
        (np.ones((0,)), ValueError, ("f must return a single number", "0")),
        ("1.0", TypeError, ("f must return a real number", "str")),
        (None, TypeError, ("f must return a real number", "None")),
        (1j, TypeError, ("f must return a real number", "complex")),
        (np.array(1j), TypeError, ("f must return a real number", "complex")),
        ([1.0], TypeError, ("f must return a real number", "list")),
        (np.array([None]), TypeError, ("f must return a real number", "None")),
    ],
)
def test_what_f_must_not_return(returned, error, words):
    with pytest.raises(error) as caught:
        numerical_gradient(lambda _: returned, np.ones(3))
    assert all(word in str(caught.value) for word in words), str(caught.value)


class Half:
    def __float__(self):
        return 0.5


@pytest.mark.parametrize(
    "wrap", [float, np.float32, np.float64, np.array, lambda v: np.array([[v]]), int, bool]
)
def test_what_f_may_return(wrap):
    gradient = numerical_gradient(lambda v: wrap(v[0] > 1), np.array([1.0]), h=0.5)
    assert gradient.tolist() == [1.0]


def test_f_may_return_anything_with_a_float_in_it():
    assert numerical_gradient(lambda _: Half(), np.ones(2)).tolist() == [0, 0]


def test_nan_and_infinity_flow_through():
    x = np.array([1.0, 2.0])
    assert np.isnan(numerical_gradient(lambda v: np.nan, x)).all()
    assert numerical_gradient(lambda v: np.inf if v[0] > 1 else 0.0, x).tolist()[0] == np.inf
    at_nan = numerical_gradient(lambda v: float(v[0] + v[1]), np.array([np.nan, 1.0]))
    assert np.isnan(at_nan).all()


def test_f_may_take_gradients_of_the_same_array():
    x = np.array([1.0, 2.0])

    def f(v):
        return numerical_gradient(lambda u: u[0] ** 2 * u[1], v, h=1e-3)[0]

    np.testing.assert_allclose(numerical_gradient(f, x, h=1e-3), [4.0, 2.0], rtol=1e-6)
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("h", "error"),
    [
        (0, ValueError),
        (0.0, ValueError),
        (-1e-4, ValueError),
        (np.nan, ValueError),
        (np.inf, ValueError),
        ("1e-4", TypeError),
        (None, TypeError),
        (1j, TypeError),
    ],
)
def test_bad_h_is_refused_before_anything_is_called(h, error):
    def never(x):
        raise AssertionError

    with pytest.raises(error, match="h must be") as caught:
        numerical_gradient(never, np.ones(2), h)
    assert (repr(h) if error is TypeError else str(float(h))) in str(caught.value)
    with pytest.raises(error, match="h must be"):
        gradient_descent(never, np.ones(2), h=h)


@pytest.mark.parametrize("x", [np.ones(2, complex), np.array(["a"]), np.array([None]), "x", None])
def test_what_is_not_real_numbers_is_refused(x):
    with pytest.raises(TypeError, match=r"x must hold real numbers .* got dtype"):
        numerical_gradient(sum_of_squares, x)
    with pytest.raises(TypeError, match=r"init_x must hold real numbers .* got dtype"):
        gradient_descent(sum_of_squares, x)


def test_floats_that_cannot_be_moved_in_place_are_refused():
    unaligned = np.frombuffer(bytearray(1 + 16), np.float64, 2, offset=1)
    for x in (np.ones(2, ">f8"), np.ones(2, np.float16), unaligned):
        before = bits(x)
        with pytest.raises(TypeError, match="x must be an aligned array of native float32 or"):
            numerical_gradient(sum_of_squares, x)
        assert bits(x) == before


def test_f_must_be_callable():
    with pytest.raises(TypeError, match="f must be callable, got float"):
        numerical_gradient(1.0, np.ones(2))


@given(weighted(), st.floats(0, 0.4), st.integers(0, 5))
def test_gradient_descent_leaves_its_start_alone_and_returns_its_path(drawn, lr, steps):
    init_x, weights = drawn
    before = bits(init_x)

    def f(v):
        return weighted_sum(weights, v, 2)

    x, history = gradient_descent(f, init_x, lr, steps, return_history=True)
    assert bits(init_x) == before
    assert not np.shares_memory(x, init_x)
    assert history.shape == (steps + 1, *init_x.shape)
    assert x.dtype == history.dtype == init_x.dtype
    assert bits(history[0]) == bits(init_x)
    assert bits(history[-1]) == bits(x)
    for here, there in itertools.pairwise(history):
        step = lr * oracles.numerical_gradient(f, np.array(here))
        np.testing.assert_allclose(there, here - step, rtol=1e-5, atol=1e-30)
    without = gradient_descent(f, init_x, lr=lr, step_num=steps)
    assert bits(without) == bits(x)


def test_gradient_descent_turns_integers_to_floats_and_takes_h():
    assert gradient_descent(sum_of_squares, [3, 4], lr=0.25, step_num=1).tolist() == pytest.approx(
        [1.5, 2.0]
    )
    # One quotient of |x| at 0.5 with h = 1 spans the kink: (1.5 - 0.5) / 2.
    x = gradient_descent(lambda v: abs(v[0]), [0.5], lr=1.0, step_num=1, h=1.0)
    assert x.tolist() == [0.0]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"lr": -0.1}, ValueError, ("lr must", "-0.1")),
        ({"lr": np.nan}, ValueError, ("lr must", "nan")),
        ({"lr": np.inf}, ValueError, ("lr must", "inf")),
        ({"lr": "0.1"}, TypeError, ("lr must", "'0.1'")),
        ({"lr": None}, TypeError, ("lr must", "None")),
        ({"step_num": -1}, ValueError, ("step_num must", "-1")),
        ({"step_num": 1.5}, TypeError, ("step_num must", "1.5")),
        ({"step_num": "3"}, TypeError, ("step_num must", "'3'")),
    ],
)
def test_gradient_descent_refuses_bad_arguments(arguments, error, words):
    init_x = np.array([3.0, 4.0])
    with pytest.raises(error) as caught:
        gradient_descent(sum_of_squares, init_x, **arguments)
    assert all(word in str(caught.value) for word in words)
    assert init_x.tolist() == [3, 4]
