"""Lines, verdicts and the search over directions: the parts of a check by themselves."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kobai.testing.layout import Layout
from kobai.testing.lines import drawn_line, slope_of, taylor_rate
from kobai.testing.moved import MovedFunction
from kobai.testing.verdicts import Reason, Verdict, judge

EPSILON = np.finfo(np.float64).eps

SMOOTH = {
    "exp": (math.exp, math.exp),
    "sin": (math.sin, math.cos),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "softplus": (lambda x: math.log1p(math.exp(x)), lambda x: 1 / (1 + math.exp(-x))),
    "line": (lambda x: 3 * x + 1, lambda x: 3.0),
    "fast sine": (lambda x: math.sin(40 * x), lambda x: 40 * math.cos(40 * x)),
}


def line_at(f, x, scale, noise=0.0):
    noise = max(noise, EPSILON * abs(f(x)) / 2)
    return drawn_line(lambda move: f(x + move), scale, noise, lambda h: (x + h) - (x - h))


class TestSlopes:
    @given(st.sampled_from(sorted(SMOOTH)), st.floats(-2, 2), st.sampled_from([0.1, 1.0, 10.0]))
    def test_the_bar_of_a_smooth_function_holds_and_is_narrow(self, name, x, scale):
        f, derivative = SMOOTH[name]
        slope = slope_of(line_at(f, x, scale))
        assert abs(slope.value - derivative(x)) <= slope.bar
        assert slope.bar < 1e-6 * (1 + abs(derivative(x)) + abs(f(x))) * 40
        assert not slope.is_kink

    @given(st.floats(0.1, 5), st.floats(-5, 5), st.floats(-1, 1))
    def test_a_kink_has_both_slopes(self, jump, slope, curvature):
        line = drawn_line(
            lambda t: slope * t + (jump * t if t > 0 else 0.0) + curvature * t * t, 1.0, 1e-17
        )
        found = slope_of(line)
        assert found.is_kink
        assert found.left == pytest.approx(slope, abs=1e-6)
        assert found.right == pytest.approx(slope + jump, abs=1e-6)

    @given(st.floats(1e-9, 0.5), st.floats(0.1, 5))
    def test_a_kink_close_by_leaves_the_bar_true(self, distance, jump):
        slope = slope_of(line_at(lambda t: math.exp(t) + jump * max(t - distance, 0.0), 0.0, 1.0))
        if slope.is_kink:  # too close for what rounding leaves
            assert distance < 1e-4
        else:
            assert abs(slope.value - 1) <= slope.bar

    @given(st.floats(-2, 2), st.sampled_from([1e-12, 1e-8, 1e-4]), st.integers(0, 2**32 - 1))
    def test_noise_is_in_the_bar(self, x, noise, seed):
        draws = np.random.default_rng(seed)
        line = line_at(lambda t: math.sin(t) + noise * draws.normal(), x, 1.0, noise)
        slope = slope_of(line)
        assert abs(slope.value - math.cos(x)) <= 2 * slope.bar

    def test_a_function_of_nothing_but_nan_has_no_slope(self):
        slope = slope_of(drawn_line(lambda t: math.nan, 1.0, 0.0))
        assert math.isnan(slope.value)
        assert not slope.is_kink


class TestTaylorRates:
    @given(st.sampled_from(["exp", "sin", "cube", "softplus"]), st.floats(0.3, 1.2))
    def test_a_derivative_has_the_rate_2_and_another_number_1(self, name, x):
        f, derivative = SMOOTH[name]
        line = line_at(f, x, 1.0)
        assert taylor_rate(line, derivative(x)) == pytest.approx(2, abs=0.1)
        assert taylor_rate(line, 1.1 * derivative(x)) == pytest.approx(1, abs=0.1)

    def test_where_the_remainder_is_rounding_there_is_no_rate(self):
        assert math.isnan(taylor_rate(line_at(lambda t: 3 * t + 1, 0.0, 1.0), 3.0))


class TestVerdicts:
    def judged(self, given, estimate, bar, scale=1.0):
        found = judge(np.array([given]), np.array([estimate]), np.array([bar]), scale)
        return Verdict(found.verdict[0]), Reason(found.reason[0])

    @pytest.mark.parametrize(
        ("given", "estimate", "bar", "verdict", "reason"),
        [
            (1.0, 1.0, 0.0, Verdict.RIGHT, Reason.NONE),
            (1.05, 1.0, 0.1, Verdict.RIGHT, Reason.NONE),
            (1.15, 1.0, 0.1, Verdict.UNDECIDED, Reason.NEAR),
            (1.25, 1.0, 0.1, Verdict.WRONG, Reason.NONE),
            (1.5, 1.0, 0.9, Verdict.UNDECIDED, Reason.WIDE),
            (0.0, 0.0, 1e-5, Verdict.RIGHT, Reason.NONE),
            (0.0, 0.0, 1e-2, Verdict.UNDECIDED, Reason.WIDE),
            (9.0, 1.0, 2.0, Verdict.WRONG, Reason.NONE),
            (math.nan, 1.0, 0.1, Verdict.NOT_FINITE, Reason.GIVEN),
            (math.inf, math.inf, 0.1, Verdict.NOT_FINITE, Reason.GIVEN),
            (1.0, math.nan, math.inf, Verdict.NOT_FINITE, Reason.FUNCTION),
            (1.0, math.nan, math.nan, Verdict.UNSEEN, Reason.NONE),
            (math.nan, math.nan, math.nan, Verdict.NOT_FINITE, Reason.GIVEN),
        ],
    )
    def test_each_follows_from_the_bar(self, given, estimate, bar, verdict, reason):
        assert self.judged(given, estimate, bar) == (verdict, reason)

    def test_the_scale_says_what_is_as_good_as_zero(self):
        assert self.judged(1e-9, 0.0, 1e-8, scale=1.0)[0] == Verdict.RIGHT
        assert self.judged(1e-9, 0.0, 1e-8, scale=1e-8)[0] == Verdict.UNDECIDED


class TestMovedFunctions:
    def arrays(self):
        rng = np.random.default_rng(0)
        return {"a": rng.normal(size=(3, 4)), "b": rng.normal(size=()), "c": np.zeros((0, 2))}

    def moved(self, arrays):
        def ask():
            return float(np.sum(np.exp(arrays["a"])) + arrays["b"] ** 3)

        return MovedFunction(Layout(arrays), arrays, ask)

    @given(st.sets(st.integers(0, 12), min_size=1))
    def test_elements_of_several_arrays_are_differentiated_together(self, chosen):
        arrays = self.arrays()
        before = {name: array.tobytes() for name, array in arrays.items()}
        elements = np.array(sorted(chosen))
        found = self.moved(arrays).of_elements(elements)
        right = np.append(np.exp(arrays["a"]).ravel(), 3 * arrays["b"] ** 2)[elements]
        assert np.all(np.abs(found.df - right) <= 2 * found.error)
        assert {name: array.tobytes() for name, array in arrays.items()} == before

    @given(st.integers(0, 12))
    def test_elements_have_names_and_places(self, element):
        layout = Layout(self.arrays())
        name, index = layout.place(element)
        assert layout.element(name, index) == element
        assert layout.words(element) == (
            "b" if element == 12 else f"a[{element // 4}, {element % 4}]"
        )

    def test_a_view_with_gaps_is_moved_like_any_other(self):
        base = np.random.default_rng(1).normal(size=(6, 8))
        arrays = {"x": base[::2, ::-2]}
        f = MovedFunction(Layout(arrays), arrays, lambda: float(np.sum(arrays["x"] ** 3)))
        found = f.of_elements(np.arange(12))
        assert np.allclose(found.df, 3 * arrays["x"].ravel() ** 2, rtol=1e-7)
        line = slope_of(f.along_element(5))
        assert abs(line.value - 3 * arrays["x"].ravel()[5] ** 2) <= line.bar
