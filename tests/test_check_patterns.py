"""What a wrong gradient looks like: each pattern by itself, with and without error bars."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kobai.testing import Verdict
from kobai.testing.patterns import Part, find_patterns
from kobai.testing.verdicts import judge

RNG = np.random.default_rng(0)


def part(name, given, right, at=None, *, bar=1e-9, chosen=None):
    """An array as a check knows it: estimates off by part of the bar, NaN where nobody looked."""
    right, given = np.asarray(right, float), np.asarray(given, float)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, right.shape)
    estimate, bars = right + bar * noise, np.full(right.shape, bar)
    if chosen is not None:
        estimate[~chosen], bars[~chosen] = np.nan, np.nan
    verdict = judge(given.ravel(), estimate.ravel(), bars.ravel(), 1.0).verdict
    at = RNG.normal(size=right.shape) if at is None else at
    return Part(name, given, estimate, bars, verdict.reshape(right.shape), at)


def kinds(*parts, samples=None):
    return [pattern.kind for pattern in find_patterns(parts, samples)]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


W = normal(6, 4)


def zeroed(array, index):
    array = array.copy()
    array[index] = 0
    return array


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (-W, "sign"),
        (2 * W, "factor"),
        (W / 2, "factor"),
        (7 * W, "factor"),
        (0.37 * W, "factor"),
        (0 * W, "zero"),
        (W.T.reshape(6, 4), "transposed"),
        (np.roll(W, 1, 0), "order"),
        (W[:, ::-1], "order"),
        (np.abs(W), "absolute value"),
        (W + 0.25, "constant"),
        (np.clip(W, -0.5, 0.5), "clipped"),
        (zeroed(W, 2), "row"),
        (zeroed(W, (slice(None), 1)), "column"),
        (zeroed(W, (3, 3)), "element"),
    ],
)
def test_each_mistake_has_its_pattern(wrong, kind):
    assert kinds(part("W1", wrong, W), samples=7) == [kind]


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (-1.0, "the sign is wrong"),
        (2.0, "twice too large"),
        (0.5, "half of what it should be"),
        (100.0, "100 times too large, N = 100"),
        (0.01, "100 times too small, N = 100"),
        (-100.0, "of the wrong sign and 100 times too large"),
        (6.0, "6 times too large"),
        (0.123, "a factor of 0.123"),
    ],
)
def test_factors_say_what_they_may_come_from(factor, words):
    (pattern,) = find_patterns([part("W1", factor * W, W)], 100)
    assert words in pattern.text
    assert pattern.value == pytest.approx(factor)


def test_rounding_to_single_precision():
    (pattern,) = find_patterns([part("W1", W.astype(np.float32), W, bar=1e-12)])
    assert pattern.kind == "rounded"


@pytest.mark.parametrize("sign", [-1, 1])
def test_decay_is_found_with_its_factor(sign):
    at = {key: normal(*W.shape, seed=seed) for seed, key in enumerate(("W1", "W2"), 5)}
    parts = [part(key, W + sign * 0.1 * at[key], W, at[key]) for key in at]
    (pattern,) = find_patterns(parts)
    assert pattern.kind == ("decay extra" if sign > 0 else "decay missing")
    assert pattern.where == ("W1", "W2")
    assert pattern.value == pytest.approx(0.1, rel=1e-6)


def test_arrays_with_the_same_mistake_are_named_together():
    b = normal(4, seed=2)
    (pattern,) = find_patterns([part("W1", -W, W), part("b1", -b, b)])
    assert pattern.where == ("W1", "b1")


def test_arrays_with_different_mistakes_are_named_apart():
    b = normal(4, seed=2)
    found = find_patterns([part("W1", -W, W), part("b1", 0 * b, b), part("W2", W, W)])
    assert [(p.kind, p.where) for p in found] == [("sign", ("W1",)), ("zero", ("b1",))]
    assert "the bias term is missing" in found[1].text


def test_the_gradient_of_another_array():
    other = normal(6, 4, seed=3)
    assert kinds(part("W1", other, W), part("W2", other, other)) == ["other array"]


def test_what_is_passed_back():
    b, other = normal(4, seed=2), normal(6, 4, seed=9)
    found = find_patterns(
        [part("W1", W * other, W), part("b1", b**2, b), part("W2", W, W), part("b2", b, b)]
    )
    assert [(p.kind, p.where) for p in found] == [("passed back", ("W1", "b1"))]
    assert "W2, b2 are right" in found[0].text


def test_what_nothing_explains_has_no_pattern():
    assert kinds(part("W1", W * normal(6, 4, seed=9), W)) == []


def test_a_right_gradient_has_none():
    assert kinds(part("W1", W, W)) == []


def test_a_row_that_is_wrong_says_how():
    wrong = W.copy()
    wrong[2] *= -1
    (pattern,) = find_patterns([part("W1", wrong, W)])
    assert pattern.where == ("W1[2]",)
    assert "the sign is wrong" in pattern.text


@given(
    st.sampled_from(["sign", "factor", "zero", "transposed"]),
    st.integers(2, 8),
    st.integers(2, 8),
    st.floats(1e-12, 1e-4),
    st.integers(0, 2**32 - 1),
)
def test_bars_of_any_width_leave_the_pattern(kind, rows, columns, bar, seed):
    right = normal(rows, columns, seed=seed)
    wrong = {
        "sign": -right,
        "factor": 3.7 * right,
        "zero": 0 * right,
        "transposed": right.T.reshape(right.shape),
    }[kind]
    one = part("W1", wrong, right, bar=bar)
    if (one.verdict == Verdict.WRONG).sum() > 2:
        assert kinds(one)[:1] in ([kind], ["order"], ["row"], ["column"])


@given(st.integers(0, 2**32 - 1))
def test_some_of_the_elements_are_enough(seed):
    generator = np.random.default_rng(seed)
    right = generator.normal(size=(40, 40))
    chosen = generator.random(right.shape) < 0.3
    assert kinds(part("W1", -right, right, chosen=chosen)) == ["sign"]
    assert kinds(part("W1", right.T, right, chosen=chosen | chosen.T)) == ["transposed"]
