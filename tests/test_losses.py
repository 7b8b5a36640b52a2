"""Losses by themselves: their values, derivatives and outputs, and what they refuse."""

import copy
import dataclasses
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from kobai.functions import softmax_loss, sum_squared_error
from kobai.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Pinball,
    Poisson,
    SquaredError,
)
from kobai.losses.named import core_loss, described, from_description, loss_named
from network_twin import LOSSES, OUTPUTS
from strategies import LAYOUTS, laid_out

ALL = (
    CrossEntropy(),
    CrossEntropy(epsilon=1e-7),
    SquaredError(),
    BinaryCrossEntropy(),
    AbsoluteError(),
    Huber(),
    Huber(delta=0.1),
    Pinball(),
    Pinball(quantile=0.9),
    Poisson(),
)
REGRESSION = (SquaredError(), AbsoluteError(), Huber(), Pinball(), Poisson())


def targets_for(loss, generator, shape):
    if isinstance(loss, CrossEntropy):
        return generator.dirichlet(np.ones(shape[1]), shape[0])
    if isinstance(loss, BinaryCrossEntropy):
        return generator.random(shape)
    if isinstance(loss, Poisson):
        return generator.poisson(2.0, shape).astype(float)
    return generator.normal(size=shape)


def twin(loss, scores, t, weights):
    name, settings = core_loss(loss)
    value, slopes = LOSSES[name]
    shares = weights / weights.sum()
    return shares @ value(scores, t, *settings), shares[:, None] * slopes(scores, t, *settings)


@given(st.sampled_from(ALL), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_value_and_gradient_are_those_of_the_formula(loss, samples, outputs, seed):
    generator = np.random.default_rng(seed)
    scores = generator.normal(0, generator.choice([0.1, 1, 30]), (samples, outputs))
    t = targets_for(loss, generator, scores.shape)
    value, gradient = twin(loss, scores, t, np.ones(samples))
    assert loss(scores, t) == pytest.approx(value, rel=1e-12, abs=1e-13)
    np.testing.assert_allclose(loss.gradient(scores, t), gradient, rtol=1e-12, atol=1e-14)
    weights = generator.integers(0, 3, samples) * generator.random(samples)
    if weights.any():
        value, gradient = twin(loss, scores, t, weights)
        assert loss(scores, t, weights) == pytest.approx(value, rel=1e-12, abs=1e-13)
        came = loss.gradient(scores, t, sample_weight=weights)
        np.testing.assert_allclose(came, gradient, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_the_gradient_is_the_derivative_of_the_value(loss):
    generator = np.random.default_rng(1)
    scores = generator.normal(size=(6, 3))
    t = targets_for(loss, generator, scores.shape)
    weights = np.array([1.0, 0.0, 2.5, 1.0, 0.5, 1.0])
    expected = oracles.numerical_gradient(lambda s: float(loss(s, t, weights)), scores, 1e-6)
    np.testing.assert_allclose(loss.gradient(scores, t, weights), expected, atol=1e-8)


def test_the_courses_functions_are_two_of_them():
    generator = np.random.default_rng(2)
    scores, labels = generator.normal(size=(5, 4)), generator.integers(0, 4, 5)
    assert CrossEntropy(1e-7)(scores, labels) == pytest.approx(softmax_loss(scores, labels))
    t = generator.normal(size=4)
    assert SquaredError()(scores[0], t) == pytest.approx(sum_squared_error(scores[0], t))


def test_cross_entropies_never_saturate():
    far = [[800.0, 0.0]]
    assert CrossEntropy()(far, [1]) == 800
    assert CrossEntropy().gradient(far, [1]).tolist() == [[1, -1]]
    assert CrossEntropy()([[40.0, 0.0]], [0]) == pytest.approx(np.exp(-40), rel=1e-14)
    assert CrossEntropy()([[1e308, -1e308, 0.0]], [2]) == 1e308
    assert BinaryCrossEntropy()([[800.0]], [0]) == 800
    assert BinaryCrossEntropy().gradient([[800.0]], [0]).tolist() == [[1]]
    assert BinaryCrossEntropy()([[40.0]], [1]) == pytest.approx(np.exp(-40), rel=1e-14)
    assert BinaryCrossEntropy().gradient([[40.0]], [1])[0, 0] == pytest.approx(-np.exp(-40))
    # What adds epsilon does saturate, and has no slope there.
    assert CrossEntropy(1e-7)(far, [1]) == pytest.approx(-np.log(1e-7))
    assert CrossEntropy(1e-7).gradient(far, [1]).tolist() == [[0, 0]]


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_no_number_makes_a_loss_warn(loss):
    edge = np.array([0, -0.0, 5e-324, 1e-300, 1, 750, 1e300, 1.7e308, np.inf, -np.inf, np.nan])
    scores = np.array([[a, b] for a in (*edge, *-edge) for b in edge])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for t in ([0.0, 1.0], [1.0, 0.0], [0.5, 0.5]):
            rows = np.tile(t, (len(scores), 1))
            for dtype in (np.float32, np.float64):
                with np.errstate(over="ignore"):
                    typed = scores.astype(dtype)
                loss(typed, rows)
                loss.gradient(typed, rows)
                loss.output(typed)


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_the_output_is_what_is_compared_with_targets(loss):
    scores = np.random.default_rng(3).normal(size=(4, 3))
    name, _ = core_loss(loss)
    expected = OUTPUTS.get(name, np.copy)(scores)
    output = loss.output(scores)
    np.testing.assert_allclose(output, expected, rtol=1e-14)
    assert not np.shares_memory(output, scores)
    np.testing.assert_allclose(loss.output(scores[0]), expected[0], rtol=1e-14)
    assert loss.output(scores.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("loss", ALL, ids=repr)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_answers_have_the_dtype_and_the_shape_of_the_scores(loss, dtype):
    scores = np.array([[1, 2, 0], [0, 1, 1]], dtype)
    t = targets_for(loss, np.random.default_rng(4), scores.shape)
    float_dtype = np.float64 if dtype is np.int64 else dtype
    assert loss(scores, t).dtype == loss.gradient(scores, t).dtype == float_dtype
    assert loss.gradient(scores[0], t[0]).shape == (3,)
    assert loss(scores[0], t[0]) == pytest.approx(loss(scores[:1], t[:1]))
    assert loss(scores.tolist(), t.tolist()).dtype == np.float64


@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_layouts_make_no_difference(layout):
    generator = np.random.default_rng(5)
    scores, t = generator.normal(size=(4, 3)), generator.normal(size=(4, 3))
    weights = generator.random(4)
    arguments = [laid_out(array, layout) for array in (scores, t, weights)]
    before = [array.tobytes() for array in arguments]
    loss = Huber()
    assert loss(*arguments) == loss(scores, t, weights)
    np.testing.assert_array_equal(loss.gradient(*arguments), loss.gradient(scores, t, weights))
    assert [array.tobytes() for array in arguments] == before


@pytest.mark.parametrize("loss", [*REGRESSION, BinaryCrossEntropy()], ids=repr)
def test_one_number_a_sample_may_be_a_column_or_flat(loss):
    scores, t = np.array([[0.5], [1.5], [0.2]]), np.array([1, 0, 1])
    assert loss(scores, t) == loss(scores, t[:, np.newaxis])
    np.testing.assert_array_equal(loss.gradient(scores, t), loss.gradient(scores, t[:, None]))
    assert loss.gradient(scores, t).shape == (3, 1)
    assert loss([0.5], 1) == loss([0.5], [1]) == loss([[0.5]], [1])


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_a_sample_of_weight_zero_does_not_count_whatever_it_holds(loss):
    generator = np.random.default_rng(6)
    scores = generator.normal(size=(4, 2))
    t = targets_for(loss, generator, scores.shape)
    weights = np.array([2.0, 0.0, 1.0, 0.0])
    kept = weights > 0
    expected = loss(scores[kept], t[kept], weights[kept])
    scores[1], t[1], scores[3], t[3] = np.nan, np.inf, -np.inf, -7
    assert loss(scores, t, weights) == expected
    gradient = loss.gradient(scores, t, weights)
    assert not gradient[~kept].any()
    np.testing.assert_array_equal(
        gradient[kept], loss.gradient(scores[kept], t[kept], weights[kept])
    )


def test_a_label_of_no_class_counts_for_nothing_where_its_weight_is_zero():
    scores, labels = np.array([[1.0, 2.0], [0.0, 1.0], [3.0, 0.0]]), np.array([1, -100, 0])
    assert CrossEntropy()(scores, labels, [1, 0, 1]) == CrossEntropy()(scores[::2], labels[::2])
    with pytest.raises(ValueError, match=r"t must hold labels in 0\.\.1 only, got -100"):
        CrossEntropy()(scores, labels, [1, 1, 0])


def test_only_how_weights_compare_counts():
    scores, t = np.array([[1.0], [2.0], [4.0]]), [0.0, 0.0, 0.0]
    for scale in (1, 5e-324, 1e-300, 1e300, 5e307):
        weights = np.array([1.0, 3.0, 0.0]) * scale
        assert AbsoluteError()(scores, t, weights) == pytest.approx(1.75)
    assert AbsoluteError()(scores, t, [True, False, True]) == 2.5
    assert AbsoluteError()(scores[0], [0.0], [7]) == AbsoluteError()(scores[0], [0.0], 7) == 1


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        ([1, 1], ValueError, r"must have shape \(3,\), one number a sample, got shape \(2,\)"),
        (1.0, ValueError, r"must have shape \(3,\), one number a sample, got shape \(\)"),
        ([[1, 1, 1]], ValueError, r"must have shape \(3,\)"),
        ([1, -2, 1], ValueError, "must not hold negative numbers, got -2 at position 1"),
        ([1, np.nan, 1], ValueError, "must be finite, got nan at position 1"),
        ([1, 1, np.inf], ValueError, "must be finite, got inf at position 2"),
        ([0, 0, -0.0], ValueError, "must not be 0 for all samples"),
        (["a", "b", "c"], TypeError, "must hold real numbers"),
        ([1, None, 1], TypeError, "must hold real numbers"),
        ([1j, 1, 1], TypeError, "must hold real numbers"),
    ],
)
def test_weights_that_are_none_are_named(weights, error, words):
    scores, t = np.ones((3, 1)), np.zeros(3)
    for call in (SquaredError(), SquaredError().gradient):
        with pytest.raises(error, match=f"^sample_weight {words}"):
            call(scores, t, sample_weight=weights)


@pytest.mark.parametrize(
    ("loss", "t", "error", "words"),
    [
        (CrossEntropy(), [0, 3], ValueError, r"t must hold labels in 0\.\.2 only, got 3"),
        (CrossEntropy(), [0.0, 1.0], TypeError, "t must hold integers where it holds labels"),
        (CrossEntropy(), [1, 2, 3], ValueError, r"t must have shape \(2, 3\), or \(2,\) for"),
        (SquaredError(), [0, 2], ValueError, r"t must have shape \(2, 3\), one number for each "
         r"output, got shape \(2,\): if they are labels of classes, the loss must be 'cross_ent"),
        (SquaredError(), [0.0, 2.0], ValueError, r"t must have shape \(2, 3\).*\(2,\)$"),
        (SquaredError(), "text", TypeError, "t must hold real numbers"),
        (BinaryCrossEntropy(), [[0, 1, 2], [0, 0, 0]], ValueError,
         r"t must hold numbers in \[0, 1\], got 2 in row 0, column 2"),
        (BinaryCrossEntropy(), [[0, 1, 1], [-0.5, 0, 0]], ValueError,
         r"t must hold numbers in \[0, 1\], got -0\.5 in row 1, column 0"),
        (Poisson(), [[0, 1, 2], [0, -1, 0]], ValueError,
         "t must not hold negative numbers, got -1 in row 1, column 1"),
        (Huber(), [[1, 2, None], [1, 2, 3]], TypeError, "t must hold real numbers.*fill what is"),
    ],
)  # fmt: skip
def test_targets_that_are_none_are_named(loss, t, error, words):
    for call in (loss, loss.gradient):
        with pytest.raises(error, match=words):
            call(np.ones((2, 3)), t)


@pytest.mark.parametrize(
    ("scores", "error", "words"),
    [
        (np.ones((0, 2)), ValueError, r"scores must hold at least one sample, got shape \(0, 2\)"),
        (np.ones((2, 0)), ValueError, r"scores must have at least one column, got shape \(2, 0\)"),
        (1.0, ValueError, r"scores must have shape \(N, K\) or \(K,\), got shape \(\)"),
        (np.ones((2, 2, 2)), ValueError, r"scores must have shape \(N, K\) or \(K,\)"),
        ("text", TypeError, "scores must hold real numbers"),
    ],
)
@pytest.mark.parametrize("loss", [CrossEntropy(), SquaredError()], ids=repr)
def test_scores_that_are_none_are_named(loss, scores, error, words):
    for call in (loss, loss.gradient):
        with pytest.raises(error, match=words):
            call(scores, [0])
    if np.shape(scores) == (0, 2):
        assert loss.output(scores).shape == (0, 2)
        return
    with pytest.raises(error, match=words):
        loss.output(scores)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: CrossEntropy(-1), ValueError, "epsilon must be finite and not negative, got -1"),
        (lambda: CrossEntropy(np.nan), ValueError, "epsilon must be finite"),
        (lambda: CrossEntropy("0"), TypeError, "epsilon must be a number, got '0'"),
        (lambda: Huber(0), ValueError, "delta must be a positive finite number, got 0"),
        (lambda: Huber(np.inf), ValueError, "delta must be a positive finite number, got inf"),
        (lambda: Huber(None), TypeError, "delta must be a number, got None"),
        (lambda: Pinball(0), ValueError, "quantile must lie between 0 and 1, got 0"),
        (lambda: Pinball(1), ValueError, "quantile must lie between 0 and 1, got 1"),
        (lambda: Pinball(np.nan), ValueError, "quantile must lie between 0 and 1, got nan"),
        (lambda: Pinball("0.5"), TypeError, "quantile must be a number"),
    ],
)
def test_settings_that_are_none_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_losses_are_values():
    assert Huber(1) == Huber(1.0) == Huber(np.float32(1)) != Huber(2)
    assert AbsoluteError() != SquaredError()
    assert len({*ALL, *(copy.copy(loss) for loss in ALL), Huber(delta=1)}) == len(ALL)
    assert list(map(repr, ALL)) == [
        "CrossEntropy(epsilon=0.0)", "CrossEntropy(epsilon=1e-07)", "SquaredError()",
        "BinaryCrossEntropy()", "AbsoluteError()", "Huber(delta=1.0)", "Huber(delta=0.1)",
        "Pinball(quantile=0.5)", "Pinball(quantile=0.9)", "Poisson()",
    ]  # fmt: skip
    for loss in ALL:
        for other in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):  # noqa: S301
            assert other == loss
            assert hash(other) == hash(loss)
        with pytest.raises(dataclasses.FrozenInstanceError):
            loss.delta = 3.0


def test_losses_have_names():
    for loss in ALL:
        assert loss_named("loss", loss) is loss
        assert from_description(described(loss)) == loss
        name, numbers = core_loss(loss)
        assert loss_named("loss", name.upper()) == type(loss)()
        assert all(type(number) is float for number in numbers)
    assert {core_loss(loss)[0] for loss in ALL} == LOSSES.keys()
    known = "'cross_entropy', 'squared_error', 'binary_cross_entropy', 'absolute_error', 'huber'"
    for value, error, words in (
        ("mse", ValueError, f"loss must be {known}, 'pinball' or 'poisson', got 'mse'"),
        (None, TypeError, f"loss must be one of {known}"),
        (SquaredError, TypeError, r"loss must be a loss, got its class: write SquaredError\(\)"),
        (type("Mine", (SquaredError,), {})(), TypeError, "or a loss of kobai.losses, got Mine"),
    ):
        with pytest.raises(error, match=words):
            loss_named("loss", value)
