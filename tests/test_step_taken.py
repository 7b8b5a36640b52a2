"""A central difference is divided by the step that was really taken, and there must be one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kobai import SimpleNet, TwoLayerNet, gradient_descent, numerical_gradient
from strategies import WRITABLE, arrays, laid_out


def plane(p):
    return float(p[0]) + float(p[1])


@pytest.mark.parametrize("x", [[1e9, 1e8], [1e12, -1e11], [-3e10, 0.5], [1e-300, 1e11]])
def test_the_slope_of_a_plane_is_right_however_large_its_arguments(x):
    # One element is asked about at a time, so that the sum does not round the move away.
    for i in range(2):
        gradient = numerical_gradient(lambda p, i=i: float(p[i]) - x[i], x)
        np.testing.assert_array_equal(gradient, np.arange(2) == i)


def test_what_is_left_is_the_rounding_of_f():
    # Numbers near 1e9 + 1e8 lie 2.4e-7 apart, and the difference over 2e-4 is rounded to them.
    np.testing.assert_allclose(numerical_gradient(plane, [1e9, 1e8]), [1, 1], rtol=2.4e-7 / 2e-4)


@pytest.mark.parametrize("value", [100, 1000, -1000.5])
@pytest.mark.parametrize("layout", [*WRITABLE, "read-only"])
def test_float32_is_divided_by_its_own_step(value, layout):
    x = laid_out(np.array([value, 1.0], np.float32), layout)
    gradient = numerical_gradient(lambda p: 3 * float(p[0]) + float(p[1]), x)
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, [3, 1], rtol=1e-6)


@given(arrays(bound=1e3), st.sampled_from((1e-3, 0.25)))
def test_the_slope_of_each_element_is_one(x, h):
    for i in np.ndindex(x.shape):
        start = float(x[i])
        gradient = numerical_gradient(lambda p, i=i, start=start: float(p[i]) - start, x, h)
        expected = np.zeros(x.shape)
        expected[i] = 1
        np.testing.assert_allclose(gradient, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "element", "value"),
    [
        (np.array([1.0, 1e13]), "x[1]", "10000000000000.0"),
        (np.array([[1.0, 2.0, 3.0], [4.0, 5.0, -1e16]]), "x[1, 2]", "-1e+16"),
        (np.array([1.0, 4096.0], np.float32), "x[1]", "4096.0"),
        (np.array(1e13), "x", "10000000000000.0"),
        (np.full(100, 1e13), "x[0]", "10000000000000.0"),
        ([3, 10**14], "x[1]", "100000000000000.0"),
        (np.array([1.0, np.finfo(float).max]), "x[1]", "1.797"),
    ],
)
def test_a_step_that_rounding_swallows_is_an_error_that_names_it(x, element, value):
    def never(p):
        raise AssertionError

    before = np.array(x)
    with pytest.raises(ValueError, match="h must be large enough to move every element of x") as c:
        numerical_gradient(never, x)
    assert f"{element} = {value}" in str(c.value)
    assert "h = 0.0001" in str(c.value)
    np.testing.assert_array_equal(x, before)
    with pytest.raises(ValueError, match="h must be large enough to move every element of init_x"):
        gradient_descent(never, x)


def test_elements_that_are_not_finite_have_no_step_and_are_divided_by_2h():
    x = np.array([np.inf, -np.inf, np.nan, 1.0])
    gradient = numerical_gradient(lambda p: float(p[3]), x)
    np.testing.assert_allclose(gradient, [0, 0, 0, 1], rtol=1e-12)
    assert np.isnan(numerical_gradient(lambda p: sum(p.tolist()), x)).all()


def test_one_end_of_the_step_may_be_where_the_element_is():
    # Below a power of two the numbers lie half as far apart: x - h moves, x + h does not.
    x = np.array([2.0**40])
    h = 1.5 * 2.0**-14
    assert x + h == x
    assert x - h < x
    assert numerical_gradient(lambda p: float(p[0]) - 2.0**40, x, h).tolist() == [1]


def test_a_descent_that_runs_away_says_when_and_why():
    with pytest.raises(ValueError, match="h must be large enough") as caught:
        gradient_descent(lambda p: p[0] ** 2 + p[1] ** 2, [-3.0, 4.0], lr=10.0)
    message = str(caught.value)
    assert "(init_x after 9 steps)[1]" in message
    assert "smaller lr" in message


@pytest.mark.parametrize("h", [10**400, -(10**400)])
def test_an_h_beyond_float64_is_refused(h):
    with pytest.raises(ValueError, match="h must be"):
        numerical_gradient(plane, np.ones(2), h)
    with pytest.raises(ValueError, match="h must be"):
        gradient_descent(plane, np.ones(2), h=h)
    with pytest.raises(ValueError, match="lr must be"):
        gradient_descent(plane, np.ones(2), lr=10**400)


# -------------------------------------------------------------------------- networks


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_direct_names_the_parameter_that_h_does_not_move(dtype):
    net = TwoLayerNet(3, 4, 2, rng=0, dtype=dtype)
    x, t = np.eye(3)[:2], [0, 1]
    net.params["W1"][2, 1] = 1e13
    before = {key: param.tobytes() for key, param in net.params.items()}
    with pytest.raises(ValueError, match=r"h must be large enough .* W1\[2, 1\] = ") as caught:
        net.numerical_gradient(x, t, method="direct")
    assert "h = 0.0001" in str(caught.value)
    assert {key: param.tobytes() for key, param in net.params.items()} == before
    simple = SimpleNet(3, 2, rng=0)
    simple.W[1, 0] = -1e13
    with pytest.raises(ValueError, match=r"h must be large enough .* W\[1, 0\] = -1"):
        simple.numerical_gradient(x, t, method="direct")


def test_the_other_evaluators_move_no_parameter_and_so_answer():
    net = TwoLayerNet(3, 4, 2, 1.0, rng=0)
    x, t = np.array([[1.0, 1.0, 0.5], [2.0, 2.0, -1.0]]), [0, 1]
    net.params["W1"][0] += 2.0**44
    net.params["W1"][1] -= 2.0**44  # they cancel, exactly
    plain = TwoLayerNet(3, 4, 2)
    plain.params.update({key: param.copy() for key, param in net.params.items()})
    plain.params["W1"][0] -= 2.0**44
    plain.params["W1"][1] += 2.0**44
    for method in ("incremental", "node", "auto"):
        huge, small = (n.numerical_gradient(x, t, method=method) for n in (net, plain))
        for key in huge:
            np.testing.assert_allclose(huge[key], small[key], rtol=0, atol=1e-9)


@pytest.mark.parametrize("scale", [2.0**20, 2.0**30])
def test_evaluators_agree_to_rounding_where_parameters_are_large(scale):
    net = TwoLayerNet(3, 4, 2, 1.0, rng=0)
    x, t = np.array([[1.0, 1.0, 0.5], [2.0, 2.0, -1.0]]), [0, 1]
    net.params["W1"][0] += scale
    net.params["W1"][1] -= scale
    exact = net.gradient(x, t)
    for method in ("direct", "incremental", "node"):
        quotients = net.numerical_gradient(x, t, method=method)
        for key in exact:
            # A pre-activation, a sum of terms this large, is rounded before it moves.
            rounding = 4 * np.spacing(scale) / 1e-4 if method == "direct" else 0
            np.testing.assert_allclose(quotients[key], exact[key], rtol=0, atol=1e-8 + rounding)
