"""Gradients and Jacobians with error bars: what they are, and what f may do."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from kobai.differentiate import Status, gradient, hessian, jacobian
from strategies import arrays, shapes


def bits(array):
    return np.ascontiguousarray(array).tobytes()


def waves(x):
    return float(np.sum(np.sin(np.arange(1, np.size(x) + 1) * np.ravel(x))))


def slopes_of_waves(x):
    flat = np.ravel(x).astype(float)
    factors = np.arange(1, flat.size + 1)
    return (factors * np.cos(factors * flat)).reshape(np.shape(x))


def assert_holds(found, exact, least=1.0):
    exact = np.asarray(exact, float)
    assert found.df.shape == exact.shape
    within = np.abs(found.df - exact) <= found.error
    assert np.sum(within[found.success]) >= least * np.sum(found.success), (found, exact)


@given(arrays(shape=shapes(), bound=4))
@settings(max_examples=40)
def test_any_shape_dtype_and_layout_has_its_gradient(x):
    before = bits(x)
    found = gradient(waves, x)
    assert bits(x) == before
    assert found.nfev.shape == found.h.shape == found.status.shape == x.shape
    assert found.noise.shape == ()
    assert found.success.all()
    # All bars share the noise that was measured once: it may be too small by a factor of two.
    distance = np.abs(found.df - slopes_of_waves(x))
    assert found.df.shape == x.shape
    assert (distance <= 2 * found.error).all(), found
    assert np.sum(distance > found.error) <= max(1, 0.05 * x.size), found


def test_smooth_functions_are_cheap_and_exact():
    x = np.linspace(-3, 3, 21)
    found = gradient(lambda x: np.sum(np.exp(x)), x)
    assert_holds(found, np.exp(x))
    assert np.median(found.nfev) <= 8
    assert np.median(found.error / np.exp(x)) < 1e-9
    assert found.calls == 1 + 7 + found.nfev.sum()


def test_shapes_are_never_squeezed():
    for shape in ((), (1,), (1, 1), (3, 1), (0,)):
        x = np.ones(shape)
        assert gradient(lambda x: float(np.sum(x**2)), x).df.shape == shape
        for out in ((), (1,), (2, 1), (0,)):
            found = jacobian(lambda x, out=out: np.full(out, np.sum(x)), x)
            assert found.df.shape == out + shape
            assert found.nfev.shape == shape
            assert found.noise.shape == out
            np.testing.assert_allclose(found.df, 1, rtol=1e-10)
        assert hessian(lambda x: float(np.sum(x**2)), x).df.shape == shape + shape


def test_an_f_that_reuses_its_buffer_or_returns_a_view_of_x_is_safe():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    buffer = np.empty(4)

    def reused(x):
        np.multiply(x.ravel(), [1, 2, 3, 4], out=buffer)
        return buffer

    found = jacobian(reused, x).df.reshape(4, 4)
    np.testing.assert_allclose(found, np.diag([1, 2, 3, 4]), atol=1e-12)
    found = jacobian(lambda x: x.T, x).df
    identity = np.eye(4).reshape(2, 2, 2, 2).transpose(1, 0, 2, 3)
    np.testing.assert_allclose(found, identity, atol=1e-12)
    found = jacobian(lambda x: x, x, vectorized=True).df.reshape(4, 4)
    np.testing.assert_allclose(found, np.eye(4), atol=1e-12)


def test_closures_see_what_is_moved():
    x = np.array([1.0, 2.0])
    found = gradient(lambda _: float(x[0] ** 2 * x[1]), x)
    assert_holds(found, [4.0, 1.0])
    found = hessian(lambda _: float(x[0] ** 2 * x[1]), x)
    np.testing.assert_allclose(found.df, [[4, 2], [2, 0]], atol=1e-6)
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize("call", [gradient, jacobian, hessian])
def test_x_comes_back_when_f_raises_on_any_call(call):
    x = np.array([-0.0, 1 / 3, 2.0])
    before = bits(x)
    total = call(waves, x).calls
    for fatal in range(total):
        calls = iter(range(total))

        def f(v, calls=calls, fatal=fatal):
            if next(calls) == fatal:
                raise KeyError("own")
            return waves(v)

        with pytest.raises(KeyError, match="own"):
            call(f, x)
        assert bits(x) == before


@pytest.mark.parametrize("call", [gradient, jacobian, hessian])
def test_an_f_that_changes_its_argument_is_an_error(call):
    x = np.array([1.0, 2.0])

    def f(v):
        v[1] += 1
        return float(v[0])

    with pytest.raises(ValueError, match="f must not change its argument"):
        call(f, x)
    assert x.tolist() == [1, 2]


def test_an_exception_names_the_element():
    def f(v):
        if v[1, 0] != 3:
            raise ZeroDivisionError("mine")
        return 1.0

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        gradient(f, np.array([[1.0, 2.0], [3.0, 4.0]]), noise=0)
    assert caught.value.__notes__ == ["raised when f was asked for x[1, 0]"]


def test_kinks_and_jumps_are_recognised():
    x = np.array([0.0, 1.0, 2.0, 3.0])

    def f(v):
        return abs(v[0]) + 3 * max(v[1] - 1, 0.0) + math.exp(v[2]) + float(v[3] > 3)

    found = gradient(f, x)
    kink, jump = int(Status.KINK), int(Status.JUMP)
    assert found.status.tolist() == [kink, kink, 0, jump]
    assert found.success.tolist() == [False, False, True, False]
    np.testing.assert_allclose(found.left[:2], [-1, 0], atol=1e-8)
    np.testing.assert_allclose(found.right[:2], [1, 3], atol=1e-8)
    np.testing.assert_allclose(found.df[:2], [0, 1.5], atol=1e-8)
    assert np.isnan(found.left[2])
    assert np.isinf(found.error[3])


def test_a_bend_below_the_first_steps_is_no_kink():
    found = gradient(lambda x: math.sqrt((x - 1) ** 2 + 1e-10), 1.000003)
    assert found.success
    assert_holds(found, 3e-6 / math.sqrt(9e-12 + 1e-10))


def test_infinity_and_nan_stay_with_their_element():
    def f(x):
        with np.errstate(all="ignore"):
            return np.array([np.log(x[0]), x[1] ** 2, np.sqrt(x[0]) * x[1], x[2]])

    found = jacobian(f, np.array([0.0, 2.0, np.nan]))
    not_finite = int(Status.NOT_FINITE)
    assert found.status[0].tolist() == [not_finite] * 3
    assert found.status[:, 0].tolist() == [not_finite, 0, not_finite, not_finite]
    assert found.status[1, 1] == 0
    assert found.df[1, 1] == pytest.approx(4)
    assert found.nfev[2] == 0
    assert (found.status[:, 2] == not_finite).all()


def test_no_point_outside_the_bounds_is_asked():
    low, high = np.array([0.0, 1.0, -1.0, 2.0]), np.array([1.0, 3.0, 1e-9, 2.0])
    x = np.array([0.0, 3.0, 0.0, 2.0])
    for call in (gradient, hessian):
        seen = []

        def f(v, seen=seen):
            seen.append(v.copy())
            return float(np.sum(np.exp(v)))

        found = call(f, x, bounds=(low, high))
        seen = np.array(seen)
        assert (seen >= low).all()
        assert (seen <= high).all()
    assert found.success.diagonal().tolist() == [True, True, True, False]
    found = gradient(lambda v: float(np.sum(np.exp(v))), x, bounds=(low, high))
    assert found.success.tolist() == [True, True, True, False]
    assert found.status[3] == int(Status.NO_ROOM)
    assert_holds(found, np.exp(x))


@pytest.mark.parametrize("level", [0, 1e-12, 1e-8, 1e-4])
def test_noise_is_measured_and_borne(level):
    rng = np.random.default_rng(5)

    def f(x):
        return float(np.sum(np.exp(x))) * (1 + level * rng.uniform(-1, 1))

    x = np.linspace(-1, 1, 50)
    found = gradient(f, x)
    assert_holds(found, np.exp(x), least=0.97)
    expected = level / math.sqrt(3) * np.sum(np.exp(x))
    if level:
        assert expected / 4 < found.noise < 4 * expected
    assert (found.error < 1e4 * max(level, 1e-15) * np.exp(x) * 50).all()


def test_what_f_returns_sets_the_precision():
    x = np.linspace(0.5, 2, 10)
    found = gradient(lambda x: np.float32(np.sum(x.astype(np.float32) ** 2)), x)
    assert_holds(found, 2 * x)
    assert (found.error > 1e-7).all()
    assert (found.error < 1e-2).all()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"h": 0}, ValueError, "h must be"),
        ({"h": "big"}, ValueError, "h must be"),
        ({"h": [1, 2, 3]}, ValueError, "h must be"),
        ({"h": 1e-30}, ValueError, "h must be large enough"),
        ({"bounds": 3}, TypeError, "bounds must be"),
        ({"bounds": (2, 3)}, ValueError, "x must lie within bounds"),
        ({"noise": -1}, ValueError, "noise must be"),
        ({"noise": "loud"}, ValueError, "noise must be"),
        ({"noise": [1, 2]}, ValueError, "noise must be"),
    ],
)
@pytest.mark.parametrize("call", [gradient, jacobian, hessian])
def test_arguments_that_make_no_sense_are_named(call, options, error, words):
    with pytest.raises(error, match=words):
        call(waves, np.array([1.0, 1.5]), **options)


def test_f_must_return_the_same_shape_always():
    def f(x):
        return np.ones(2 if x[0] == 1 else 3)

    with pytest.raises(ValueError, match=r"f must return arrays of one shape, got \(3,\)"):
        jacobian(f, np.array([1.0]))
    with pytest.raises(ValueError, match=r"f must return a single number"):
        gradient(f, np.array([1.0]))
    with pytest.raises(TypeError, match="real numbers"):
        jacobian(lambda x: x + 1j, np.array([1.0]))
    with pytest.raises(ValueError, match=r"f must return the values at 1 points stacked"):
        jacobian(np.sum, np.array([1.0, 2.0]), vectorized=True)


@given(arrays(shape=shapes(min_side=1), bound=4))
@settings(max_examples=20)
def test_vectorized_gives_the_same(x):
    one = gradient(waves, np.array(x))
    many = gradient(lambda points: np.array([waves(v) for v in points]), x, vectorized=True)
    np.testing.assert_array_equal(one.df, many.df)
    np.testing.assert_array_equal(one.error, many.error)


def test_second_derivatives_hold():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 5)
    matrix = rng.normal(size=(5, 5))
    matrix += matrix.T

    def exact(x):
        form, slope = x @ matrix @ x, 2 * matrix @ x
        return np.cos(form) * 2 * matrix - np.sin(form) * np.outer(slope, slope)

    found = hessian(lambda x: float(np.sin(x @ matrix @ x)), x)
    assert found.success.all()
    assert_holds(found, exact(x))
    np.testing.assert_array_equal(found.df, found.df.T)
    bounds = x - np.array([0, 1, 0.3, 0, 2]), x + np.array([1, 0, 2, 3, 0.3])
    assert_holds(hessian(lambda x: float(np.sin(x @ matrix @ x)), x, bounds=bounds), exact(x))


@pytest.mark.parametrize("size", [1e-290, 1e-200, 1e-100, 1e100, 1e200, 1e300])
def test_values_of_any_size_have_bars_of_their_size(size):
    x = np.array([1.0, 2.0])
    found = gradient(lambda p: size * float(np.sin(p).sum()), x)
    assert found.success.all()
    assert (found.error <= 1e-11 * size).all()
    assert (np.abs(found.df - size * np.cos(x)) <= found.error).all()
    second = hessian(lambda p: size * float(p[0] ** 2 * p[1]), x)
    assert second.success.all()
    assert (second.error <= 1e-9 * size).all()
    assert (np.abs(second.df - size * np.array([[4.0, 2.0], [2.0, 0.0]])) <= second.error).all()


@pytest.mark.parametrize("x", [1e-300, 1e-200, 1e-100, 1e100, 1e200])
def test_arguments_of_any_size_have_bars_of_the_size_of_slopes(x):
    found = gradient(lambda p: float(np.sin(p / x)) * x, x)
    assert found.success
    assert abs(found.df - math.cos(1.0)) <= found.error <= 1e-11


def test_a_slope_that_large_values_hide_has_a_bar_that_says_so():
    found = gradient(lambda p: 1e300 * float(p[0]) + float(p[1]), np.array([1.0, 1e-200]))
    assert (np.abs(found.df - [1e300, 1.0]) <= found.error).all()
    assert np.isfinite(found.error).all() or not found.success.all()
