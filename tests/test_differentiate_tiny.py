"""Derivatives at arguments and of values near the smallest and largest numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kobai.differentiate import Status, gradient, hessian, jacobian

TINY = (5e-324, 1e-320, 1e-310, 2.2250738585072014e-308, 1e-306, 1e-290, 1e-200, 1e-100, 1e-40)
TINY_FLOAT32 = (1.4e-45, 1e-40, 1.1754944e-38, 1e-36, 1e-30, 1e-20)
POINTS = [np.array(x) for x in TINY] + [np.array(x, np.float32) for x in TINY_FLOAT32]

# Value, slope and bend; they compute in float64.
FUNCTIONS = {
    "square": (lambda x: x * x, lambda x: 2 * x, lambda x: 2.0),
    "sine": (math.sin, math.cos, lambda x: -math.sin(x)),
    "exponential": (math.exp, math.exp, math.exp),
    "one and a bit": (lambda x: 1 + 3 * x + x * x, lambda x: 3 + 2 * x, lambda x: 2.0),
    "constant": (lambda x: 2.0, lambda x: 0.0, lambda x: 0.0),
    "zero": (lambda x: 0.0, lambda x: 0.0, lambda x: 0.0),
}


def assert_right(found, exact):
    assert found.success.all(), found
    assert (np.abs(found.df - exact) <= found.error).all(), (found, exact)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("x", POINTS, ids=lambda x: f"{float(x):.1e} {x.dtype}")
def test_tiny_arguments_have_derivatives(x, sign, name):
    f, slope, bend = FUNCTIONS[name]
    x = np.array(sign * x)
    number = float(x)
    for call in (gradient, jacobian):
        found = call(lambda x: f(float(x)), x)
        assert_right(found, slope(number))
        assert found.error <= 1e-4
    found = hessian(lambda x: f(float(x)), x)
    assert_right(found, bend(number))
    if name not in ("sine", "square"):  # whose values are as small as their argument
        assert found.error <= 1e-2


def test_the_square_of_the_smallest_normal_number_has_a_bar_that_knows_of_underflow():
    x = float(np.finfo(np.float64).smallest_normal)
    found = gradient(lambda x: float(np.sum(x**2)), np.array([x]))
    assert_right(found, 2 * x)
    # The squares are 0: they may be off by half of the smallest number.
    assert 0 < found.error[0] <= 1e-13


def test_the_bar_of_zero_knows_of_underflow():
    found = gradient(lambda x: float(x**2), 1e-200)
    assert_right(found, 2e-200)
    found = gradient(lambda x: float(np.float32(x) ** 2), np.array(1e-30, np.float32))
    assert_right(found, 2e-30)


def test_float32_within_f_is_noticed_at_tiny_arguments():
    found = gradient(lambda x: float(np.exp(x)), np.array(1e-30, np.float32))
    assert_right(found, 1.0)
    assert 1e-7 < found.error < 1e-2


@given(
    st.lists(st.tuples(st.sampled_from((-1.0, 1.0)), st.floats(-323, 0.5)), min_size=1, max_size=6),
    st.sampled_from(("square", "sine", "exponential")),
    st.sampled_from((None, "low", "high")),
)
def test_elements_of_any_size_are_differentiated_together(drawn, name, side):
    f, slope, bend = FUNCTIONS[name]
    x = np.array([sign * 10.0**power for sign, power in drawn])
    low, high = np.full(x.size, -np.inf), np.full(x.size, np.inf)
    bounds = {None: None, "low": (x, high), "high": (low, x)}[side]

    def summed(x):
        return math.fsum(f(float(v)) for v in x)

    found = gradient(summed, x, bounds=bounds)
    assert found.success.all(), found
    assert (np.abs(found.df - [slope(v) for v in x]) <= 2 * found.error).all(), found
    found = hessian(summed, x, bounds=bounds)
    assert found.success.all(), found
    exact = np.diag([bend(v) for v in x])
    assert (np.abs(found.df - exact) <= 2 * found.error).all(), found


def test_mixed_derivatives_at_tiny_arguments():
    x = np.array([1e-200, 3e-250, 0.5])
    found = hessian(lambda x: 1 + x[0] * x[1] + x[1] * x[2] + x[0], x)
    assert_right(found, [[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    assert (found.error <= 1e-8).all()


@pytest.mark.parametrize("x", [1e-300, 1e-150, 1e-70])
def test_functions_of_the_argument_s_own_scale_have_bends_there(x):
    found = hessian(lambda p: float(np.sin(p / x)) * x, x)
    assert_right(found, -math.sin(1.0) / x)
    assert found.error <= 1e-7 / x
    assert found.h < x


def test_a_bend_too_large_for_a_number_is_not_claimed():
    found = hessian(lambda p: float(np.sin(p / 1e-200)), 1e-200)
    assert not found.success
    assert Status(found.status) == Status.UNSETTLED
    assert np.isinf(found.error)
    found = gradient(lambda p: float(np.sin(p / 1e-300)) * 1e100, 1e-300)
    assert not found.success
    assert Status(found.status) == Status.UNSETTLED


def test_steps_stay_within_the_numbers():
    seen = []

    def f(x):
        seen.append(float(x))
        return float(x)

    for x in (1.7e308, -1.7e308):
        assert_right(gradient(f, x), 1.0)
        assert_right(hessian(f, x), 0.0)
    assert_right(gradient(lambda x: float(x), np.array(3.4e38, np.float32)), 1.0)
    assert np.isfinite(seen).all()


def test_a_wave_that_seems_to_jump_from_afar_is_looked_at_again():
    # Three steps of 1/16 and below see about the same difference.
    found = gradient(lambda x: 0.8 + math.sin(418 * x), 0.0, noise=1e-12)
    assert_right(found, 418.0)
    found = gradient(lambda x: np.sign(x), 0.0)
    assert Status(found.status) == Status.JUMP


@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_steps_that_floats_make_unequal_are_no_jump(offset):
    # The steps of float32 end on the same floats as those about 0.
    x = np.array([1.0, 2.0**-52], np.float32)
    found = gradient(lambda x: offset + math.sin(106 * float(x[1])) + math.sin(float(x[0])), x)
    assert_right(found, [math.cos(1.0), 106.0])
