"""`kobai.testing.check_gradient` and `assert_gradient`: the gradient of any function."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kobai.testing import Verdict, assert_gradient, check_gradient
from kobai.testing.choice import chosen_elements
from kobai.testing.layout import Layout

RNG = np.random.default_rng(0)

# Functions of an array, and their gradients.
FUNCTIONS = {
    "squares": (lambda x: np.sum(x**2), lambda x: 2 * x),
    "exponentials": (lambda x: np.sum(np.exp(x)), np.exp),
    "sines": (lambda x: np.sum(np.sin(3 * x)), lambda x: 3 * np.cos(3 * x)),
    "logarithm of a sum": (
        lambda x: np.log(np.sum(np.exp(x))),
        lambda x: np.exp(x) / np.sum(np.exp(x)),
    ),
    "norm": (lambda x: np.sqrt(np.sum(x**2) + 1), lambda x: x / np.sqrt(np.sum(x**2) + 1)),
    "mean of cubes": (lambda x: np.mean(x**3), lambda x: 3 * x**2 / x.size),
    "linear": (lambda x: np.sum(x), np.ones_like),
    "constant": (lambda x: 2.0, np.zeros_like),
    "product": (lambda x: np.prod(x + 3), lambda x: np.prod(x + 3) / (x + 3)),
    "sigmoids": (
        lambda x: np.sum(1 / (1 + np.exp(-x))),
        lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2,
    ),
}


@st.composite
def points(draw):
    shape = draw(st.sampled_from([(), (1,), (5,), (3, 4), (2, 1, 3)]))
    seed = draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).normal(size=shape)


def wrong_elements(report):
    return [element.words for element in report.worst if element.verdict == Verdict.WRONG]


class TestRightGradients:
    @given(st.sampled_from(sorted(FUNCTIONS)), points())
    def test_they_pass(self, name, x):
        f, grad = FUNCTIONS[name]
        before = x.tobytes()
        report = check_gradient(f, grad, x)
        assert report.passed, str(report)
        assert report.counts == {"right": x.size}, str(report)
        assert x.tobytes() == before

    @pytest.mark.parametrize("scale", [1e-8, 1e-3, 1e3, 1e8])
    def test_at_any_scale(self, scale):
        x = RNG.normal(size=7)
        report = check_gradient(
            lambda z: np.sum(np.sin(z / scale)), lambda z: np.cos(z / scale) / scale, x * scale
        )
        assert report.counts == {"right": 7}, str(report)

    @pytest.mark.parametrize("noise", [1e-12, 1e-8, 1e-5])
    def test_noise_widens_the_bars(self, noise):
        x = np.linspace(0.5, 2, 6)

        def f(z):
            # As an iteration that stops early: the same number at the same point.
            shaken = np.sin(1e15 * float(np.sum(z * np.arange(1, 7))))
            return float(np.sum(np.exp(z))) * (1 + noise * shaken)

        report = check_gradient(f, np.exp, x)
        assert report.count(Verdict.WRONG) == 0, str(report)
        assert report.bar["x"].min() > noise
        assert check_gradient(lambda z: np.sum(np.exp(z)), np.exp, x).bar["x"].max() < 1e-7

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_single_precision(self, dtype):
        x = RNG.normal(size=(4, 3)).astype(dtype)
        report = check_gradient(
            lambda z: np.sum(np.exp(z), dtype=dtype), lambda z: np.exp(z).astype(dtype), x
        )
        assert report.passed
        assert report.count(Verdict.WRONG) == 0, str(report)

    def test_lists_and_integers_become_floats(self):
        assert check_gradient(lambda x: np.sum(x**2), lambda x: 2 * x, [1, 2, 3]).passed

    def test_several_arrays_by_name(self):
        point = {"a": np.array([1.0, 2.0]), "b": np.array(3.0)}

        def f(p):
            return np.sum(p["a"] ** 2) * p["b"]

        def grad(p):
            return {"a": 2 * p["a"] * p["b"], "b": np.sum(p["a"] ** 2)}

        report = check_gradient(f, grad, point)
        assert report.passed
        assert {name: codes.shape for name, codes in report.verdicts.items()} == {
            "a": (2,),
            "b": (),
        }
        wrong = check_gradient(f, lambda p: {**grad(p), "b": 0.0}, point)
        assert wrong_elements(wrong) == ["b"]

    def test_a_function_that_reads_the_point_through_a_closure(self):
        w = RNG.normal(size=(2, 3))
        assert check_gradient(lambda _: np.sum(w**3), lambda _: 3 * w**2, w).passed

    def test_the_gradient_may_be_given_as_numbers(self):
        x = np.array([1.0, 2.0])
        assert check_gradient(lambda x: np.sum(x**2), [2.0, 4.0], x).passed
        assert not check_gradient(lambda x: np.sum(x**2), [2.0, 4.1], x).passed

    def test_an_empty_point_passes(self):
        assert check_gradient(lambda x: 1.0, lambda x: x, np.zeros((0, 3))).passed


class TestWrongGradients:
    @given(
        st.sampled_from(sorted(set(FUNCTIONS) - {"constant"})),
        points(),
        st.sampled_from([1e-6, 1e-4, 1e-2, 1.0]),
        st.integers(0, 2**32 - 1),
    )
    def test_an_element_off_by_more_than_its_bar_is_found(self, name, x, size, seed):
        f, grad = FUNCTIONS[name]
        wrong = np.array(grad(x), np.float64)
        place = tuple(np.random.default_rng(seed).integers(0, n) for n in x.shape)
        wrong[place] += size * (1 + abs(wrong[place]))
        report = check_gradient(f, wrong, x)
        assert report.bar["x"][place] < size / 3
        assert not report.passed
        assert report.count(Verdict.WRONG) == 1
        assert report.worst[0].index == place

    @given(points(), st.floats(-20, 20))
    def test_the_verdict_follows_from_the_distance_in_bars(self, x, bars):
        bar = check_gradient(lambda x: np.sum(np.exp(x)), np.exp, x).bar["x"]
        report = check_gradient(lambda x: np.sum(np.exp(x)), np.exp(x) + bars * bar, x)
        off = np.abs(report.given["x"] - report.estimate["x"]) / report.bar["x"]
        expected = np.where(off <= 1, Verdict.RIGHT, Verdict.UNDECIDED)
        expected[off > 2] = Verdict.WRONG
        assert np.array_equal(report.verdicts["x"], expected)

    def test_assert_gradient_shows_the_report(self):
        with pytest.raises(AssertionError, match=r"gradient WRONG: 2 elements.*\n(.*\n)*.*sign"):
            assert_gradient(lambda x: np.sum(x**2), lambda x: -2 * x, [1.0, 2.0])
        assert assert_gradient(lambda x: np.sum(x**2), lambda x: 2 * x, [1.0, 2.0]) is None

    def test_noise_too_large_to_tell_is_undecided_and_does_not_pass(self):
        def f(x):
            return 1.0 + 1e-4 * math.sin(1e12 * x[0])

        report = check_gradient(f, [1e-5], [1.0])
        assert report.counts == {"undecided": 1}
        assert not report.passed
        assert "too wide" in str(report)


class TestKinks:
    def test_an_element_at_a_kink_says_so_with_both_slopes(self):
        report = check_gradient(lambda x: np.sum(np.abs(x)), np.sign, [1.0, 0.0, -2.0])
        assert report.counts == {"right": 2, "at a kink": 1}
        assert report.worst[0].sides == pytest.approx((-1, 1))
        assert report.passed

    @given(st.floats(-1, 1), st.floats(0.1, 10))
    def test_any_slope_between_both_is_at_a_kink(self, given, slope):
        report = check_gradient(lambda x: slope * abs(x[0]), [given * slope], [0.0])
        assert report.counts == {"at a kink": 1}

    @pytest.mark.parametrize("given", [-4.0, 3.0])
    def test_a_slope_beyond_both_is_wrong(self, given):
        report = check_gradient(lambda x: abs(x[0]) + np.sum(x**2), [given, 2.0], [0.0, 1.0])
        assert wrong_elements(report) == ["x[0]"]
        assert "outside both one-sided slopes" in str(report)

    @given(st.floats(1e-7, 0.3), st.booleans())
    def test_a_kink_close_by_is_no_mistake(self, distance, is_left):
        x = -distance if is_left else distance
        report = check_gradient(lambda x: 3 * max(x[0], 0.0) + x[0] ** 2, [0.0], [x])
        right = 2 * x + (0 if is_left else 3)
        report = check_gradient(lambda x: 3 * max(x[0], 0.0) + x[0] ** 2, [right], [x])
        assert report.count(Verdict.WRONG) == 0, str(report)


class TestWhatIsNotFinite:
    def test_a_gradient_that_is_not(self):
        report = check_gradient(lambda x: np.sum(x**2), [2.0, np.nan, np.inf], [1.0, 1.0, 1.0])
        assert report.counts == {"right": 1, "not finite": 2}
        assert not report.passed

    def test_a_function_that_is_not_at_the_point(self):
        report = check_gradient(lambda x: np.sum(x) + np.inf, np.ones_like, [1.0, 2.0])
        assert report.counts == {"not finite": 2}
        assert "f is inf at the point itself" in str(report)

    def test_a_function_that_ends_at_the_point(self):
        report = check_gradient(lambda x: np.sqrt(x[0]) + x[1], [0.0, 1.0], [0.0, 1.0])
        assert report.verdicts["x"].tolist() == [Verdict.NOT_FINITE, Verdict.RIGHT]

    def test_a_function_that_raises_outside_its_domain(self):
        report = check_gradient(lambda x: math.sqrt(x[0]) + x[1], [0.0, 1.0], [0.0, 1.0])
        assert report.verdicts["x"].tolist() == [Verdict.NOT_FINITE, Verdict.RIGHT]
        assert "near the point, f raised ValueError" in str(report)

    def test_a_domain_that_ends_close_by_does_no_harm(self):
        report = check_gradient(lambda x: np.sum(np.log(x)), lambda x: 1 / x, [1e-3, 1.0, 50.0])
        assert report.counts == {"right": 3}


class TestFunctionsThatMisbehave:
    def test_one_that_answers_twice_differently_is_told_so(self):
        draws = np.random.default_rng(0)
        report = check_gradient(
            lambda x: np.sum(x**2) + 1e-2 * draws.random(), lambda x: 2 * x, [1.0, 1e-4]
        )
        assert "f answers differently when asked again" in str(report)
        assert report.count(Verdict.WRONG) == 0
        assert report.count(Verdict.UNDECIDED) >= 1

    def test_a_gradient_that_answers_twice_differently_is_told_so(self):
        draws = np.random.default_rng(0)
        report = check_gradient(
            lambda x: np.sum(x**2), lambda x: 2 * x * (0.9 + 0.2 * draws.random()), [1.0, 2.0]
        )
        assert "the gradient answers differently when asked again" in str(report)

    def test_one_that_does_not_read_what_is_moved_is_told_so(self):
        w = np.ones(3)
        report = check_gradient(lambda _: np.sum(w**2), [2.0, 2.0, 2.0], [1.0, 1.0, 1.0])
        assert "does it read what is moved?" in str(report)
        assert not report.passed

    @pytest.mark.parametrize("who", ["f", "grad"])
    def test_one_that_changes_the_point_is_an_error(self, who):
        def change(x):
            x += 1
            return x if who == "grad" else float(np.sum(x))

        x = np.ones(3)
        f = change if who == "f" else np.sum
        grad = change if who == "grad" else np.ones_like
        with pytest.raises(ValueError, match="must not change their argument"):
            check_gradient(f, grad, x)
        assert x.tolist() == [1.0, 1.0, 1.0]

    def test_one_that_raises_leaves_the_point_as_it_was(self):
        x, calls = np.ones(3), []

        def f(x):
            calls.append(x[0])
            if len(calls) > 12:
                raise RuntimeError("enough")
            return np.sum(x)

        with pytest.raises(RuntimeError, match="enough"):
            check_gradient(f, np.ones_like, x)
        assert x.tolist() == [1.0, 1.0, 1.0]

    def test_one_that_answers_tensors_that_require_grad(self):
        class Tensor:
            dtype = "torch.float32"

            def __init__(self, value):
                self.value = value

            def __array__(self, *_, **__):
                raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

            def __float__(self):
                return float(np.float32(self.value))

        report = check_gradient(lambda x: Tensor(np.sum(np.exp(x))), np.exp, [0.3, 1.2])
        assert report.passed
        assert report.bar["x"].min() > 1e-6  # of single precision

    def test_a_point_with_a_nan_says_so_there(self):
        report = check_gradient(lambda x: np.nansum(x**2), lambda x: 2 * x, [np.nan, 1.0])
        assert report.verdicts["x"].tolist() == [Verdict.NOT_FINITE, Verdict.RIGHT]

    @pytest.mark.parametrize("answer", ["text", np.ones(2), 1j, None])
    def test_one_that_answers_no_number(self, answer):
        with pytest.raises(TypeError, match="f must return a real number"):
            check_gradient(lambda x: answer, np.ones_like, [1.0])


class TestArguments:
    def test_a_gradient_of_another_shape(self):
        with pytest.raises(ValueError, match=r"shape \(2,\) for x, got shape \(1, 2\)"):
            check_gradient(np.sum, np.ones((1, 2)), [1.0, 2.0])

    def test_a_gradient_that_holds_no_numbers(self):
        with pytest.raises(TypeError, match="must hold real numbers"):
            check_gradient(np.sum, lambda x: np.array(["a", "b"]), [1.0, 2.0])

    @pytest.mark.parametrize(
        ("options", "error", "match"),
        [
            ({"elements": "some"}, ValueError, "elements must be 'auto' or 'all' or an integer"),
            ({"elements": -1}, ValueError, "elements must not be negative"),
            ({"directions": "all"}, ValueError, "directions must be 'auto' or an integer"),
            ({"directions": 1.5}, TypeError, "directions must be an integer"),
            ({"seed": "x"}, ValueError, "seed must be"),
        ],
    )
    def test_options_are_checked(self, options, error, match):
        with pytest.raises(error, match=match):
            check_gradient(np.sum, np.ones_like, [1.0], **options)

    def test_f_must_be_callable(self):
        with pytest.raises(TypeError, match="f must be callable"):
            check_gradient(1.0, np.ones_like, [1.0])


class TestManyElements:
    SIZE = 20_000

    def f(self, x):
        return float(np.sum(np.sin(x)))

    def test_a_choice_and_directions_that_see_every_element(self):
        x = RNG.normal(size=self.SIZE)
        report = check_gradient(self.f, np.cos, x)
        assert report.passed
        assert 990 <= report.count(Verdict.RIGHT) <= 1000
        assert [direction.verdict for direction in report.directions] == [Verdict.RIGHT] * 3
        assert all(1.9 < direction.rate < 2.1 for direction in report.directions)

    @pytest.mark.parametrize("place", [0, 7_777, 19_999])
    def test_one_wrong_element_of_many_is_found(self, place):
        x = RNG.normal(size=self.SIZE)
        wrong = np.cos(x)
        wrong[place] += 0.01
        report = check_gradient(self.f, wrong, x)
        assert wrong_elements(report) == [f"x[{place}]"]
        assert any(direction.verdict == Verdict.WRONG for direction in report.directions)

    def test_directions_may_be_all_there_is(self):
        x = RNG.normal(size=self.SIZE)
        report = check_gradient(self.f, np.cos, x, elements=0, directions=2)
        assert report.passed
        assert report.count(Verdict.UNSEEN) == self.SIZE
        wrong = check_gradient(self.f, lambda x: 1.001 * np.cos(x), x, elements=0, directions=2)
        assert not wrong.passed
        assert all(0.9 < direction.rate < 1.1 for direction in wrong.directions[:2])

    def test_the_seed_decides_what_is_chosen(self):
        x = RNG.normal(size=(200, 100))
        first, again, other = (
            check_gradient(self.f, np.cos, x, seed=seed).verdicts["x"] for seed in (1, 1, 2)
        )
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)

    @given(st.integers(0, 2**32 - 1))
    def test_rows_and_columns_come_in_turn(self, seed):
        layout = Layout({"W": np.empty((90, 80)), "b": np.empty(80)})
        given = np.random.default_rng(seed).normal(size=layout.size)
        chosen = chosen_elements(layout, given, 580, seed)
        looked = np.zeros(layout.size, bool)
        looked[chosen] = True
        arrays = layout.arrays(looked)
        assert arrays["b"].all()
        assert arrays["W"].any(axis=0).all()
        assert arrays["W"].any(axis=1).all()
        assert arrays["W"].flat[np.abs(given[:7200]).argmax()]
        assert 440 <= arrays["W"].sum() <= 500

    def test_all_of_them_where_it_is_asked(self):
        x = RNG.normal(size=5000)
        report = check_gradient(self.f, np.cos, x, elements="all")
        assert report.counts == {"right": 5000}
        assert report.directions == []

    def test_single_precision_has_directions_too(self):
        x = RNG.normal(size=self.SIZE).astype(np.float32)

        def f(x):
            return np.float32(np.mean(np.sin(x, dtype=np.float64)))

        def grad(x):
            return (np.cos(x) / self.SIZE).astype(np.float32)

        report = check_gradient(f, grad, x, elements=100)
        assert report.count(Verdict.WRONG) == 0, str(report)
        assert Verdict.WRONG not in {direction.verdict for direction in report.directions}
        wrong = check_gradient(f, lambda x: 2 * grad(x), x, elements=100)
        assert not wrong.passed, str(wrong)
