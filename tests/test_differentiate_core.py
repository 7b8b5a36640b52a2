"""The core's verdicts on values around a point, held against a slow twin, bit for bit."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import differences_twin as twin
from kobai._core import difference_noise, extrapolate_differences, judge_differences

FUNCTIONS = (
    math.sin,
    lambda t: math.exp(min(t, 700.0)),
    lambda t: abs(t - 0.5),
    lambda t: max(t - 0.5, 0.0) + t * t,
    lambda t: float(t > 0.5),
    lambda t: float(t == 0.5),
    lambda t: 1 / (t - 0.51) if t != 0.51 else math.inf,
    lambda t: math.sqrt(t) if t >= 0 else math.nan,
    lambda t: math.sin(1e4 * t),
    lambda t: 3.0,
    lambda t: 1e6 + t,
    lambda t: math.copysign(math.sqrt(abs(t - 0.5)), t - 0.5),
    lambda t: math.inf if t > 0.5 else t,
    lambda t: math.sin(3 * t) * (1 + 1e-6 * math.sin(1e9 * t)),
    lambda t: float(np.float32(math.cos(t))),
)

# Where the sides of a function meet, and elsewhere.
POINTS = st.sampled_from((0.5, 0.0, 1.0, -2.0, 0.5 + 1e-9, 1e-8, 300.0))
STEPS = st.lists(st.integers(-40, 3), min_size=1, max_size=14)


@st.composite
def asked(draw):
    """One element, one output: side, samples, center, accuracy, element, whether it is last."""
    f, x, side = draw(st.sampled_from(FUNCTIONS)), draw(POINTS), draw(st.sampled_from((0, 1, -1)))
    start = draw(st.integers(-20, 0))
    powers = [start, start - 1, start - 2] if draw(st.booleans()) else draw(STEPS)
    samples = []
    for power in powers:
        up, down = x + 2.0**power, x - 2.0**power
        if side:
            end = up if side > 0 else down
            samples.append((abs(end - x), 0.0, f(end), math.nan))
        else:
            samples.append((up - x, x - down, f(up), f(down)))
    noise = draw(st.sampled_from((0.0, 1e-12, 1e-6)))
    precision = draw(st.sampled_from(((2.0**-52, 2.0**-1022), (2.0**-23, 2.0**-126))))
    magnitude = draw(st.sampled_from((0.0, 1.0, 1e-3)))
    element = 0.5 * precision[0] * abs(x), abs(x) or 1.0, max(abs(x), 1.0) / 4, 1e-15
    return side, samples, f(x), (noise, magnitude, *precision), element, draw(st.booleans())


def core(side, samples, center, accuracy, element, is_last):
    block = (
        np.array([side]),
        np.array([[[up, down] for up, down, _, _ in samples]]),
        np.array([[[[above], [below]] for _, _, above, below in samples]]),
        np.array([element]),
    )
    outputs = np.array([center]), np.array([accuracy[0]]), np.array([accuracy[1]])
    return judge_differences(block, outputs, accuracy[2:], is_last)


@given(asked())
@settings(max_examples=1500, deadline=None)
def test_a_verdict_is_the_twin_s(question):
    side, samples, center, accuracy, element, is_last = question
    numbers, status, following = core(*question)
    expected = twin.judge(samples, side, center, accuracy, element, is_last)
    assert status[0, 0] == expected.status
    np.testing.assert_array_equal(numbers[:, 0, 0], expected[:5])
    assert tuple(following[0][following[0] > 0]) == expected.next


@given(st.lists(asked(), min_size=2, max_size=6))
@settings(max_examples=50, deadline=None)
def test_elements_do_not_know_each_other(questions):
    side, _, _, accuracy, _, is_last = questions[0]
    questions = [q for q in questions if q[0] == side]
    length = min(len(q[1]) for q in questions)
    together = [(side, q[1][:length], 1.5, accuracy, q[4], is_last) for q in questions]
    block = (
        np.full(len(together), side),
        np.array([[sample[:2] for sample in q[1]] for q in together]),
        np.array([[[[v] for v in sample[2:]] for sample in q[1]] for q in together]),
        np.array([q[4] for q in together]),
    )
    outputs = np.array([1.5]), np.array([accuracy[0]]), np.array([accuracy[1]])
    numbers, status, following = judge_differences(block, outputs, accuracy[2:], is_last)
    for i, question in enumerate(together):
        alone = core(*question)
        np.testing.assert_array_equal(numbers[:, i], alone[0][:, 0])
        np.testing.assert_array_equal(status[i], alone[1][0])
        np.testing.assert_array_equal(following[i], alone[2][0])


@given(
    st.lists(st.floats(-1, 1), min_size=7, max_size=7),
    st.sampled_from((0.0, 1e-9, 1.0)),
    st.sampled_from((0.0, 1.0, 1e8)),
)
@settings(max_examples=300)
def test_noise_is_the_twin_s(values, level, offset):
    values = [offset + 1e-12 * i + level * value for i, value in enumerate(values)]
    noise, how = difference_noise(np.array(values)[:, np.newaxis])
    assert (noise[0], how[0]) == twin.noise_along(values)


@given(st.integers(0, 2**32 - 1), st.booleans(), st.integers(1, 8))
@settings(max_examples=100)
def test_limits_are_the_twin_s(seed, is_even, levels):
    rng = np.random.default_rng(seed)
    steps = np.sort(rng.uniform(0.01, 1, levels))[::-1]
    quotients = 1 + steps ** (2 if is_even else 1) + 1e-9 * rng.uniform(-1, 1, levels)
    sigmas = 1e-9 / steps
    numbers, settled = extrapolate_differences(
        steps[np.newaxis], quotients[np.newaxis], sigmas[np.newaxis], np.array([is_even])
    )
    if levels < 3:
        assert np.isnan(numbers).all()
        assert not settled[0]
        return
    rows = [
        twin.Row(step, quotient, sigma, quotient, quotient, 0.0)
        for step, quotient, sigma in zip(
            steps.tolist(), quotients.tolist(), sigmas.tolist(), strict=True
        )
    ]
    window = twin.best_window(rows, 0 if is_even else 1, 0.0)
    assert tuple(numbers[:, 0]) == (window.value, window.error, rows[window.first].step)
    assert settled[0] == window.is_settled
