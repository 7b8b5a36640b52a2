"""Plain descent: the numbers of NumPy, in place, and all of a step or nothing."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kobai import SGD, TwoLayerNet


def bits(params):
    return {key: (param.dtype, param.shape, param.tobytes()) for key, param in params.items()}


def small_net(**options):
    return TwoLayerNet(2, 8, 4, 0.5, rng=0, **options)


def test_sgd_steps_in_place():
    params = {"a": np.array([1.0, 2.0]), "b": np.array([[3.0]], np.float32)}
    arrays = dict(params)
    grads = {"b": np.array([[1.0]], np.float32), "a": np.array([10.0, -10.0])}
    SGD(0.1).update(params, grads)
    assert all(params[key] is arrays[key] for key in arrays)
    assert params["a"].tolist() == [0.0, 3.0]
    assert params["b"] == pytest.approx(2.9)
    assert params["b"].dtype == np.float32
    assert grads["a"].tolist() == [10, -10]
    assert SGD().lr == 0.01


@given(
    sizes=st.lists(st.integers(0, 70), min_size=1, max_size=4),
    dtype=st.sampled_from([np.float32, np.float64]),
    lr=st.floats(0, 10),
    seed=st.integers(0, 99),
)
def test_sgd_gives_the_bits_that_numpy_gives(sizes, dtype, lr, seed):
    rng = np.random.default_rng(seed)
    params = {str(i): rng.normal(size=(size, 3)).astype(dtype) for i, size in enumerate(sizes)}
    grads = {key: rng.normal(size=param.shape).astype(dtype) for key, param in params.items()}
    expected = {key: param - lr * grads[key] for key, param in params.items()}
    SGD(lr).update(params, grads)
    assert bits(params) == bits(expected)


def shared(array):
    """The same memory under an owner of its own."""
    return np.asarray(memoryview(array))


@pytest.mark.parametrize("view", [shared, lambda array: array[::-1], lambda array: array])
def test_sgd_takes_a_gradient_that_is_another_parameter_as_it_was(view):
    params = {"a": np.arange(12.0), "b": np.ones(12)}
    grads = {"a": np.ones(12), "b": view(params["a"])}
    expected = {"a": params["a"] - 0.5, "b": params["b"] - 0.5 * view(np.arange(12.0))}
    SGD(0.5).update(params, grads)
    assert bits(params) == bits(expected)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"b2": None}, ("grads", "b2")),
        ({"c": np.ones(1)}, ("grads", "c")),
        ({"b2": np.ones(1)}, ("grads['b2']", "(4,)", "(1,)")),
        ({"b2": np.ones((1, 4))}, ("grads['b2']", "(4,)", "(1, 4)")),
        ({"b2": np.float64(1)}, ("grads['b2']", "(4,)", "()")),
        ({"b2": np.ones(4, complex)}, ("grads['b2']", "complex128")),
        ({"b2": np.full(4, "a")}, ("grads['b2']", "<U1")),
        ({"b2": np.array([1.0, None, 1.0, 1.0])}, ("grads['b2']", "object")),
    ],
)
def test_sgd_refuses_gradients_that_do_not_fit_and_changes_nothing(changes, words):
    params = small_net().params
    before = bits(params)
    grads = {key: np.ones_like(param) for key, param in params.items()} | changes
    grads = {key: grad for key, grad in grads.items() if grad is not None}
    with pytest.raises((ValueError, TypeError)) as caught:
        SGD(0.1).update(params, grads)
    assert bits(params) == before
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("key", ["W1", "b2"])
def test_sgd_changes_nothing_where_a_parameter_cannot_be_written(key):
    params = small_net().params
    params[key].flags.writeable = False
    before = bits(params)
    with pytest.raises(ValueError, match="read-only"):
        SGD(0.1).update(params, {key: np.ones_like(param) for key, param in params.items()})
    assert bits(params) == before


@pytest.mark.parametrize(
    ("lr", "error"),
    [(-0.1, ValueError), (np.nan, ValueError), (np.inf, ValueError), ("0.1", TypeError),
     (None, TypeError), (1j, TypeError)],
)  # fmt: skip
def test_sgd_refuses_bad_rates(lr, error):
    with pytest.raises(error, match="lr must be") as caught:
        SGD(lr)
    assert str(lr) in str(caught.value)


def halves():
    """Parameters of which a failed update must not have changed the first."""
    return {"a": np.arange(3.0), "b": np.arange(4.0), "c": np.arange(2.0)}


def as_it_was(params):
    return {
        key: param.tobytes() if isinstance(param, np.ndarray) else repr(param)
        for key, param in params.items()
    }


CANNOT_CHANGE = {
    "integers": (lambda param: param.astype(int), TypeError, "params['b'] must hold floats"),
    "bools": (lambda param: param.astype(bool), TypeError, "params['b'] must hold floats"),
    "complex": (lambda param: param.astype(complex), TypeError, "params['b'] must hold floats"),
    "objects": (lambda param: param.astype(object), TypeError, "params['b'] must hold floats"),
    "text": (lambda param: param.astype(str), TypeError, "params['b'] must hold floats"),
    "list": (lambda param: param.tolist(), TypeError, "params['b'] must be an array, got list"),
    "number": (lambda param: 1.0, TypeError, "params['b'] must be an array, got float"),
    "scalar": (lambda param: np.float64(1), TypeError, "params['b'] must be an array"),
    "none": (lambda param: None, TypeError, "params['b'] must be an array, got NoneType"),
    "another shape": (lambda param: param[:3], ValueError, "must have shape (3,), got shape (4,)"),
    "overlap": (
        lambda param: np.lib.stride_tricks.as_strided(param, strides=(0,)),
        ValueError,
        "params['b'] must not overlap itself",
    ),
    "read-only": (
        lambda param: np.broadcast_to(param, param.shape),
        ValueError,
        "params['b'] must be writable",
    ),
}


@pytest.mark.parametrize("kind", CANNOT_CHANGE)
def test_sgd_changes_nothing_where_a_later_parameter_cannot_be_changed(kind):
    change, error, words = CANNOT_CHANGE[kind]
    params = halves()
    grads = {key: np.ones_like(param) for key, param in params.items()}
    params["b"] = change(params["b"])
    before = as_it_was(params)
    with pytest.raises(error) as caught:
        SGD(0.1).update(params, grads)
    assert words in str(caught.value)
    assert as_it_was(params) == before


@pytest.mark.parametrize(
    ("params", "grads", "words"),
    [
        ([np.ones(2)], [np.ones(2)], "params must be a dict"),
        ({"a": np.ones(2)}, [np.ones(2)], "grads must be a dict"),
        ({"a": np.ones(2)}, None, "grads must be a dict of arrays, got None"),
        (None, {}, "params must be a dict of arrays, got None"),
    ],
)
def test_sgd_wants_dicts(params, grads, words):
    with pytest.raises(TypeError, match=words):
        SGD(0.1).update(params, grads)


def test_keys_of_several_types_are_shown():
    with pytest.raises(ValueError, match=r"grads must have the keys 'a', 3, got 'a'"):
        SGD(0.1).update({"a": np.ones(1), 3: np.ones(1)}, {"a": np.ones(1)})


@pytest.mark.parametrize(
    ("lr", "error", "words"),
    [
        (1j, TypeError, "lr must be a number, got 1j"),
        ("0.1", TypeError, "lr must be a number, got '0.1'"),
        (None, TypeError, "lr must be a number, got None"),
        (np.nan, ValueError, "lr must be finite and not negative, got nan"),
        (np.inf, ValueError, "lr must be finite"),
        (-0.1, ValueError, "lr must be finite and not negative, got -0.1"),
        (10**400, ValueError, "lr must be a number that a float can hold"),
        (np.float32(-1), ValueError, "lr must be finite"),
    ],
)
def test_a_rate_that_was_set_later_is_looked_at_too(lr, error, words):
    params, optimizer = halves(), SGD(0.1)
    before = bits(params)
    optimizer.lr = lr
    with pytest.raises(error) as caught:
        optimizer.update(params, {key: np.ones_like(param) for key, param in params.items()})
    assert words in str(caught.value)
    assert bits(params) == before


@pytest.mark.parametrize("lr", [1, np.float32(0.1), np.float64(0.1), np.int64(2), np.array(0.25)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rate_of_any_kind_steps_as_the_float_it_is(lr, dtype):
    ends = []
    for rate in (lr, float(lr)):
        params = {key: param.astype(dtype) for key, param in halves().items()}
        params["strided"] = np.ones(8, dtype)[::2]
        optimizer = SGD(0.5)
        optimizer.lr = rate
        optimizer.update(params, {key: param / 3 for key, param in params.items()})
        ends.append(bits(params))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("strided", [False, True])
def test_beyond_the_range_of_numbers_is_infinity_and_no_warning_stops_half_way(strided):
    largest = np.finfo(np.float64).max
    params = {"a": np.full(4, -largest), "b": np.ones(4)}
    grads = {"a": np.full(4, largest), "b": np.ones(8)[::2] if strided else np.ones(4)}
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        SGD(2.0).update(params, grads)
    assert np.isneginf(params["a"]).all()
    assert params["b"].tolist() == [-1.0] * 4


def test_float16_and_mixed_precision_step_as_numpy_does():
    params = {"a": np.ones(3, np.float16), "b": np.ones(3, np.float32)}
    grads = {"a": np.full(3, 0.1, np.float16), "b": np.full(3, 0.1)}
    SGD(0.5).update(params, grads)
    assert params["a"].dtype == np.float16
    assert (
        params["b"].tobytes() == (np.ones(3, np.float32) - np.full(3, 0.05)).astype("f4").tobytes()
    )


def test_it_says_what_it_is():
    assert repr(SGD(0.25)) == "SGD(lr=0.25)"
    assert repr(type("Mine", (SGD,), {})(1)) == "Mine(lr=1.0)"
