"""The optimizers: the course's formulas, bit for bit as documented, all of an update or nothing."""

import copy
import inspect
import math
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kobai
from kobai import optimizers
from kobai.optimizers import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop
from oracles import (
    CourseAdaGrad,
    CourseAdam,
    CourseMomentum,
    CourseNesterov,
    CourseRMSprop,
    ElementwiseOptimizer,
)

KINDS = [SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam, AdamW]
STATEFUL = KINDS[1:]
STATES = {
    SGD: (), Momentum: ("v",), Nesterov: ("v",), AdaGrad: ("h",), RMSprop: ("h",),
    Adam: ("m", "v"), AdamW: ("m", "v"),
}  # fmt: skip
FLOATS = (np.float32, np.float64)


def bits(arrays):
    """Bit for bit, but for what kind of NaN it is."""
    return {
        key: (array.dtype, array.shape, np.where(np.isnan(array), np.nan, array).tobytes())
        for key, array in arrays.items()
    }


def everything(optimizer):
    """All that an optimizer is and remembers."""
    values = {}
    for name, value in vars(optimizer).items():
        values[name] = bits(value) if isinstance(value, dict) else value
    return values


def new_params(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"W1": (2, 3), "b1": (3,), "W2": (3, 1), "b2": ()}
    return {key: rng.normal(size=shape).astype(dtype) for key, shape in shapes.items()}


def new_grads(seed, dtype=np.float64):
    return new_params(dtype, 100 + seed)


def trained(optimizer, params, steps=3, first=0, dtype=np.float64):
    for step in range(first, first + steps):
        optimizer.update(params, new_grads(step, dtype))
    return optimizer


def test_the_package_offers_the_seven():
    assert {kind.__name__ for kind in KINDS} == set(optimizers.__all__)
    assert all(getattr(kobai, kind.__name__) is kind for kind in KINDS)
    assert kobai.training.SGD is SGD


@pytest.mark.parametrize(
    ("kind", "signature"),
    [
        (SGD, {"lr": 0.01}),
        (Momentum, {"lr": 0.01, "momentum": 0.9}),
        (Nesterov, {"lr": 0.01, "momentum": 0.9}),
        (AdaGrad, {"lr": 0.01, "epsilon": 1e-7}),
        (RMSprop, {"lr": 0.01, "decay_rate": 0.99, "epsilon": 1e-7}),
        (Adam, {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7}),
        (
            AdamW,
            {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0.01, "epsilon": 1e-7},
        ),
    ],
)
def test_the_signatures_are_the_courses(kind, signature):
    parameters = inspect.signature(kind).parameters
    assert {name: parameter.default for name, parameter in parameters.items()} == signature
    optimizer = kind()
    assert {name: getattr(optimizer, name) for name in signature} == signature
    assert optimizer.iter == 0
    assert all(getattr(optimizer, name) == {} for name in STATES[kind])
    # The course's may be given by position, the place of its 1e-7 only by name.
    course = [name for name in signature if name != "epsilon"]
    positional = kind(*(0.5 for _ in course))
    assert all(getattr(positional, name) == 0.5 for name in course)
    assert repr(positional).startswith(f"{kind.__name__}(lr=0.5")


@pytest.mark.parametrize(
    ("kind", "course"),
    [
        (Momentum, CourseMomentum),
        (Nesterov, CourseNesterov),
        (AdaGrad, CourseAdaGrad),
        (RMSprop, CourseRMSprop),
        (Adam, CourseAdam),
    ],
)
def test_they_do_what_the_courses_classes_do(kind, course):
    ours, theirs = new_params(), new_params()
    optimizer, other = trained(kind(0.3), ours, 20), trained(course(0.3), theirs, 20)
    for key in ours:
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-13)
    for name in STATES[kind]:
        state, wanted = getattr(optimizer, name), getattr(other, name)
        assert state.keys() == wanted.keys()
        for key in state:
            np.testing.assert_allclose(state[key], wanted[key], rtol=1e-13)
    assert optimizer.iter == 20


unit = st.floats(0, 1, exclude_max=True)
small = st.sampled_from([0.0, 1e-12, 1e-7, 1e-3])
SETTINGS = {
    SGD: st.just({}),
    Momentum: st.fixed_dictionaries({}, optional={"momentum": st.floats(0, 1)}),
    Nesterov: st.fixed_dictionaries({}, optional={"momentum": st.floats(0, 1)}),
    AdaGrad: st.fixed_dictionaries({}, optional={"epsilon": small}),
    RMSprop: st.fixed_dictionaries({}, optional={"decay_rate": st.floats(0, 1), "epsilon": small}),
    Adam: st.fixed_dictionaries({}, optional={"beta1": unit, "beta2": unit, "epsilon": small}),
    AdamW: st.fixed_dictionaries(
        {}, optional={"beta1": unit, "beta2": unit, "weight_decay": st.floats(0, 2)}
    ),
}
rates = st.one_of(
    st.floats(0, 10),
    st.sampled_from([1e-300, 1e-40, 1e30, 1e300]),
    st.builds(lambda lr, rate: lambda step: lr * rate**step, st.floats(0, 10), st.floats(0, 2)),
)


@pytest.mark.parametrize("kind", KINDS)
@given(
    data=st.data(),
    dtype=st.sampled_from(FLOATS),
    lr=rates,
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([1e-30, 1e-3, 1.0, 1e3, 1e30]),
    steps=st.integers(1, 4),
)
@settings(max_examples=40)
def test_each_update_gives_the_documented_bits(kind, data, dtype, lr, seed, scale, steps):
    options = data.draw(SETTINGS[kind])
    optimizer = kind(lr, **options)
    twin = ElementwiseOptimizer(kind.__name__.lower(), lr, **options)
    rng = np.random.default_rng(seed)
    params = new_params(dtype, seed)
    expected = copy.deepcopy(params)
    for _ in range(steps):
        grads = {
            key: (scale * rng.normal(size=param.shape) * (rng.random(param.shape) < 0.8))
            for key, param in params.items()
        }
        # Those of SGD are rounded otherwise where parameter and gradient differ in precision.
        if kind is SGD or rng.random() < 0.5:
            with np.errstate(over="ignore", under="ignore"):
                grads = {key: np.asarray(grad).astype(dtype) for key, grad in grads.items()}
        optimizer.update(params, grads)
        twin.update(expected, grads)
    assert bits(params) == bits(expected)
    assert optimizer.iter == steps
    for k, name in enumerate(STATES[kind]):
        state = getattr(optimizer, name)
        assert bits(state) == bits({key: twin.state[key][k] for key in state})


@pytest.mark.parametrize("kind", KINDS)
def test_the_scalars_are_all_that_depends_on_the_step(kind):
    """What the core is given for many steps in one call."""
    optimizer = kind(lambda step: 1 / (1 + step))
    tables = [optimizer.scalars(step) for step in range(3)]
    assert all(type(scalar) is float for scalars in tables for scalar in scalars)
    assert optimizer.iter == 0
    assert tables[0] != tables[1]
    assert tables == [optimizer.scalars(step) for step in range(3)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_arrays_and_state_stay_the_same_objects(kind, dtype):
    params = new_params(dtype)
    arrays = dict(params)
    optimizer = trained(kind(0.1), params, 1)
    states = [dict(getattr(optimizer, name)) for name in STATES[kind]]
    trained(optimizer, params, 2, first=1)
    assert all(params[key] is arrays[key] for key in arrays)
    for name, before in zip(STATES[kind], states, strict=True):
        state = getattr(optimizer, name)
        assert type(state) is dict
        assert list(state) == list(params)
        assert all(state[key] is before[key] for key in before)
        assert all(type(array) is np.ndarray for array in state.values())
        assert all(array.dtype == dtype for array in state.values())


def test_gradients_of_double_precision_are_rounded_once():
    grads = {"b": np.full(3, 1 / 3)}
    for kind in STATEFUL:
        ends = []
        for given_grads in (grads, {"b": grads["b"].astype(np.float32)}):
            params = {"b": np.ones(3, np.float32)}
            optimizer = kind(0.1)
            optimizer.update(params, given_grads)
            ends.append((bits(params), everything(optimizer)))
        assert ends[0] == ends[1]


@pytest.mark.parametrize("kind", STATEFUL)
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.bool_, np.float16])
def test_gradients_of_other_dtypes_are_taken_as_numbers(kind, dtype):
    params, other = {"b": np.ones(3)}, {"b": np.ones(3)}
    grad = np.array([0, 1, 1]).astype(dtype)
    kind(0.5).update(params, {"b": grad})
    kind(0.5).update(other, {"b": grad.astype(np.float64)})
    assert bits(params) == bits(other)


def test_weights_are_what_has_two_axes():
    params = {"kernel": np.ones((2, 2, 2)), "W": np.ones(2), "b": np.ones((1, 2)), "s": np.ones(())}
    AdamW(lr=0.5, weight_decay=0.5).update(
        params, {key: np.zeros_like(param) for key, param in params.items()}
    )
    ends = {key: param.ravel()[0] for key, param in params.items()}
    assert ends == {"kernel": 0.75, "W": 1.0, "b": 0.75, "s": 1.0}


@pytest.mark.parametrize("kind", KINDS)
def test_the_learning_rate_may_be_a_function_of_the_step(kind):
    asked = []

    def schedule(step):
        asked.append(step)
        return (0.5, 0.25, 0.125)[step]

    params, other = new_params(), new_params()
    scheduled, constant = kind(schedule), kind(0.5)
    for step in range(3):
        constant.lr = (0.5, 0.25, 0.125)[step]
        trained(scheduled, params, 1, first=step)
        trained(constant, other, 1, first=step)
    assert bits(params) == bits(other)
    assert asked == [0, 1, 2]
    assert scheduled.learning_rate(1) == 0.25
    assert scheduled.iter == 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (math.nan, ValueError),
        (math.inf, ValueError),
        (-0.1, ValueError),
        (10**400, ValueError),
        ("0.1", TypeError),
        (None, TypeError),
        (1j, TypeError),
    ],
)
def test_a_bad_learning_rate_is_named_and_changes_nothing(kind, value, error):
    if not callable(value):
        with pytest.raises(error, match="lr must be"):
            kind(value)
    for lr, name in ((value, "lr"), (lambda step: value, r"lr\(2\)")):
        params = new_params()
        optimizer = trained(kind(0.1), params, 2)
        optimizer.lr = lr
        before = bits(params), everything(optimizer)
        with pytest.raises(error, match=f"{name} must be"):
            trained(optimizer, params, 1)
        assert (bits(params), everything(optimizer)) == before


BAD = {
    "momentum": (-0.1, 1.5, math.nan, "0.9", None),
    "decay_rate": (-0.1, 1.5, math.nan, "0.9", None),
    "beta1": (-0.1, 1.0, 1.5, math.nan, "0.9", None),
    "beta2": (-0.1, 1.0, 1.5, math.nan, "0.9", None),
    "epsilon": (-1e-7, math.inf, math.nan, "0", None),
    "weight_decay": (-0.1, math.inf, math.nan, "0", None),
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in KINDS for name in BAD if hasattr(kind(), name)]
)
def test_bad_settings_are_named_also_if_they_come_later(kind, name):
    for value in BAD[name]:
        with pytest.raises((TypeError, ValueError), match=name):
            kind(**{name: value})
        params = new_params()
        optimizer = trained(kind(0.1), params, 1)
        setattr(optimizer, name, value)
        before = bits(params), {key: everything(optimizer)[key] for key in ("iter", *STATES[kind])}
        with pytest.raises((TypeError, ValueError), match=name):
            trained(optimizer, params, 1)
        after = bits(params), {key: everything(optimizer)[key] for key in ("iter", *STATES[kind])}
        assert after == before


def without(key):
    return lambda params: {name: param for name, param in params.items() if name != key}


def with_other(key, change):
    return lambda params: params | {key: change(params[key])}


MISFITS = {
    "vanished": (without("b1"), ValueError, "must have the keys of"),
    "appeared": (lambda params: params | {"c": np.ones(2)}, ValueError, "'c'"),
    "renamed": (
        lambda params: without("b1")(params) | {"c1": params["b1"]}, ValueError, "'c1'",
    ),
    "another shape": (with_other("W1", np.transpose), ValueError, "float64 (2, 3)"),
    "another size": (with_other("b1", lambda b: np.ones(4)), ValueError, "(4,)"),
    "another dtype": (
        with_other("b1", lambda b: b.astype(np.float32)), ValueError, "got float32 (3,)",
    ),
    "read-only": (
        with_other("W2", lambda W: np.broadcast_to(W, W.shape)), ValueError, "must be writable",
    ),
    "overlapping itself": (
        with_other("b1", lambda b: np.lib.stride_tricks.as_strided(b, strides=(0,))),
        ValueError, "must not overlap itself",
    ),
    "integers": (with_other("W2", lambda W: W.astype(int)), TypeError, "must hold floats"),
    "a list": (with_other("b1", np.ndarray.tolist), TypeError, "must be an array, got list"),
    "no dict": (lambda params: [*params.values()], TypeError, "params must be a dict"),
}  # fmt: skip


@pytest.mark.parametrize("kind", STATEFUL)
@pytest.mark.parametrize("misfit", MISFITS)
def test_parameters_that_changed_are_refused_and_nothing_changes(kind, misfit):
    change, error, words = MISFITS[misfit]
    params = new_params()
    optimizer = trained(kind(0.1), params, 2)
    others = change(params)
    before = bits(params), everything(optimizer)
    grads = (
        {key: np.ones_like(param, float) for key, param in others.items()}
        if isinstance(others, dict)
        else {}
    )
    with pytest.raises(error) as caught:
        optimizer.update(others, grads)
    assert words in str(caught.value), str(caught.value)
    assert (bits(params), everything(optimizer)) == before
    trained(optimizer, params, 1, first=2)  # and the old ones go on
    again = new_params()
    trained(kind(0.1), again, 3)
    assert bits(params) == bits(again)


@pytest.mark.parametrize("kind", STATEFUL)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"b1": np.ones(4)}, "grads['b1'] must have shape (3,)"),
        ({"b1": np.ones(3, complex)}, "complex128"),
        ({"c": np.ones(3)}, "grads must have the keys"),
        ({"b1": "abc"}, "grads['b1']"),
    ],
)
def test_gradients_that_do_not_fit_are_refused_and_nothing_changes(kind, change, words):
    params = new_params()
    optimizer = trained(kind(0.1), params, 1)
    before = bits(params), everything(optimizer)
    with pytest.raises((TypeError, ValueError)) as caught:
        optimizer.update(params, new_grads(0) | change)
    assert words in str(caught.value), str(caught.value)
    assert (bits(params), everything(optimizer)) == before
    with pytest.raises(TypeError, match="grads must be a dict"):
        optimizer.update(params, None)


@pytest.mark.parametrize("kind", STATEFUL)
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda state: 5, "must be a dict of arrays, got 5"),
        (lambda state: {**state, "b1": [0.0] * 3}, "must be an array"),
        (lambda state: {**state, "b1": np.zeros(4)}, "b1"),
        (lambda state: {**state, "b1": np.zeros(3, np.float32)}, "float32"),
        (lambda state: {key: state[key] for key in ("W1", "b1")}, "keys"),
        (lambda state: {**state, "b1": np.broadcast_to(0.0, 3)}, "read-only"),
    ],
)
def test_a_state_that_was_spoilt_is_refused_and_nothing_changes(kind, spoil, words):
    params = new_params()
    optimizer = trained(kind(0.1), params, 1)
    name = STATES[kind][-1]
    setattr(optimizer, name, spoil(getattr(optimizer, name)))
    before = bits(params)
    with pytest.raises((TypeError, ValueError)) as caught:
        trained(optimizer, params, 1)
    assert words in str(caught.value), str(caught.value)
    assert bits(params) == before
    assert optimizer.iter == 1


@pytest.mark.parametrize("kind", STATEFUL)
@pytest.mark.parametrize("empty", [None, {}])
def test_a_state_that_was_emptied_begins_anew(kind, empty):
    params, fresh = {"b": np.ones(2)}, {"b": np.ones(2)}
    optimizer = kind(0.1)
    optimizer.update(params, {"b": np.ones(2)})
    params["b"][...] = 1
    for name in STATES[kind]:
        setattr(optimizer, name, empty)
    optimizer.iter = 0
    optimizer.update(params, {"b": np.ones(2)})
    kind(0.1).update(fresh, {"b": np.ones(2)})
    assert bits(params) == bits(fresh)


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_that_is_a_parameter_is_taken_as_it_was(kind):
    params, expected = ({"a": np.arange(3.0), "b": np.ones(3)} for _ in range(2))
    kind(0.5).update(params, {"a": params["b"], "b": params["a"]})
    kind(0.5).update(expected, {"a": np.ones(3), "b": np.arange(3.0)})
    assert bits(params) == bits(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_of_two_names_takes_both_steps(kind):
    shared = np.ones((2, 2))
    params = {"a": shared, "b": shared.T}
    kind(0.25).update(params, {"a": np.ones((2, 2)), "b": np.ones((2, 2))})
    single, again = {"a": np.ones((2, 2))}, kind(0.25)
    again.update(single, {"a": np.ones((2, 2))})
    if kind is AdamW:
        wanted = (single["a"] - 0.25 * 0.01 * single["a"]) - (0.9975 - single["a"])
        np.testing.assert_allclose(shared, wanted, rtol=1e-12)
    else:
        np.testing.assert_allclose(shared, 2 * single["a"] - 1, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "layout", [np.asfortranarray, lambda a: np.repeat(a, 2, axis=-1)[..., ::2]]
)
def test_any_layout_gives_the_same_bits(kind, layout):
    plain = {"W": np.arange(6.0).reshape(2, 3)}
    other = {"W": layout(plain["W"].copy())}
    optimizers_of_both = kind(0.1), kind(0.1)
    for step in range(3):
        grads = {"W": np.sin(np.arange(6.0) + step).reshape(2, 3)}
        optimizers_of_both[0].update(plain, grads)
        optimizers_of_both[1].update(other, {"W": layout(grads["W"])})
    assert bits(plain) == bits(other)


@pytest.mark.parametrize("kind", KINDS)
def test_beyond_the_range_of_numbers_is_infinity_without_a_warning(kind):
    largest = np.finfo(np.float64).max
    params = {"a": np.full(4, -largest), "b": np.zeros(4)}
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        optimizer = kind(1e300)
        for _ in range(3):
            optimizer.update(params, {"a": np.full(4, largest), "b": np.zeros(4)})
    assert optimizer.iter == 3
    assert not np.isfinite(params["a"]).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", range(5))
def test_a_loaded_state_goes_on_bit_for_bit(kind, cut):
    whole = new_params()
    expected = trained(kind(0.1), whole, 4)
    params = new_params()
    first = trained(kind(0.1), params, cut)
    state = pickle.loads(pickle.dumps(first.state_dict()))  # noqa: S301
    second = kind(0.7)
    second.load_state_dict(state)
    trained(second, params, 4 - cut, first=cut)
    assert bits(params) == bits(whole)
    assert everything(second) == everything(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_dict_is_a_copy_of_plain_dicts(kind):
    params = new_params()
    optimizer = trained(kind(0.1), params, 1)
    state = optimizer.state_dict()
    assert list(state) == ["iter", "lr", *STATES[kind]]
    before = everything(optimizer)
    for name in STATES[kind]:
        for array in state[name].values():
            array[...] = 5
    assert everything(optimizer) == before
    other = kind(0.5)
    other.load_state_dict(state)
    for name in STATES[kind]:
        for array in state[name].values():
            array[...] = 7
    assert all((a == 5).all() for name in STATES[kind] for a in getattr(other, name).values())
    assert other.lr == 0.1
    scheduled = kind(lambda step: 0.1)
    assert "lr" not in scheduled.state_dict()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: None, "state must be a dict"),
        (lambda state: {}, "must have the keys"),
        (lambda state: state | {"more": 1}, "must have the keys"),
        (lambda state: state | {"iter": -1}, "iter must be"),
        (lambda state: state | {"iter": 1.5}, "iter must be"),
        (lambda state: state | {"iter": True}, "iter must be"),
        (lambda state: state | {"lr": math.nan}, "lr must be"),
        (lambda state: state | {"m": None}, "m must be a dict"),
        (lambda state: state | {"m": {"W1": [0.0]}}, "m['W1'] must be an array"),
        (lambda state: state | {"v": {"W1": np.zeros(3, int)}}, "v['W1'] must be an array"),
        (lambda state: state | {"v": {}}, "m and v must have the same keys"),
    ],
)
def test_what_is_no_state_is_refused_and_nothing_changes(change, words):
    optimizer = trained(Adam(0.1), new_params(), 2)
    before = everything(optimizer)
    with pytest.raises((TypeError, ValueError)) as caught:
        optimizer.load_state_dict(change(optimizer.state_dict()))
    assert words in str(caught.value), str(caught.value)
    assert everything(optimizer) == before


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_copied_and_pickled_with_their_state(kind):
    params = new_params()
    optimizer = trained(kind(0.1), params, 2)
    ends = []
    for made in (pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer)):  # noqa: S301
        own = copy.deepcopy(params)
        ends.append((bits(own), everything(trained(made, own, 2, first=2))))
    trained(optimizer, params, 2, first=2)
    assert ends[0][1] == ends[1][1] == everything(optimizer)


def test_a_subclass_that_forgets_its_parent_still_counts():
    class Mine(SGD):
        def __init__(self):
            self.lr = 0.5

    optimizer, params = Mine(), {"b": np.ones(1)}
    optimizer.update(params, {"b": np.ones(1)})
    assert (params["b"][0], optimizer.iter, repr(optimizer)) == (0.5, 1, "Mine(lr=0.5)")
