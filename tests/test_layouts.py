"""However an array lies in memory and whatever class it has: right numbers or a clear error.

Never a panic, never a wrong number without a word, never a change to what the caller passed. The
plain memory layouts of `strategies.LAYOUTS` are tested with each function; here are all the others.
"""

import subprocess
import sys
import tempfile
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided, sliding_window_view

import oracles
from kobai import SGD, SimpleNet, Trainer, TwoLayerNet
from kobai.functions import (
    cross_entropy_error,
    identity_function,
    mean_squared_error,
    relu,
    relu_grad,
    sigmoid,
    sigmoid_grad,
    softmax,
    softmax_loss,
    step_function,
    sum_squared_error,
)
from kobai.gradient import gradient_descent, numerical_gradient

METHODS = ("auto", "direct", "incremental", "node")


def bits(params):
    return {key: (param.dtype, param.shape, param.tobytes()) for key, param in params.items()}


def state(value):
    """All that a call could change about its argument."""
    if not isinstance(value, np.ndarray) or value is np.ma.masked:
        return repr(value)
    return (
        type(value), value.dtype, value.shape, value.strides, value.flags.writeable,
        value.flags.aligned, value.tobytes(), np.ma.getmaskarray(value).tobytes(),
    )  # fmt: skip


# ------------------------------------------------------------------------------- odd arrays


class MatrixLike(np.ndarray):
    """A product that is not elementwise, and rows that stay matrices: what np.matrix does."""

    def __mul__(self, other):
        return np.asarray(self) @ np.asarray(other)

    def __pow__(self, power):
        raise ValueError("not elementwise")

    def sum(self, *_, **__):
        raise ValueError("not the sum you mean")


class Wrapped:
    """No array, but NumPy can make one of it."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


def unaligned(values):
    buffer = bytearray(1 + values.nbytes)
    array = np.ndarray(values.shape, values.dtype, buffer, offset=1)
    array[...] = values
    return array


def field_of_records(values):
    records = np.zeros(values.shape, [("name", "S3"), ("value", values.dtype), ("flag", "?")])
    records["name"], records["flag"] = b"abc", True
    records["value"] = values
    return records["value"]


def real_part(values):
    if values.dtype.kind != "f":
        return np.stack([values, values + 1], axis=-1)[..., 0]
    both = np.empty(values.shape, np.complex128 if values.itemsize == 8 else np.complex64)
    both.real, both.imag = values, np.nan
    return both.real


def memory_map(values, mode="r+"):
    with tempfile.TemporaryFile() as file:  # a map outlives its file
        file.write(b"header" + b"\0" * 2 + values.tobytes())
        file.flush()
        return np.memmap(file, values.dtype, mode, 8, values.shape)


def crossed(values):
    """Axes in the reverse order of memory, every second one backwards."""
    array = np.array(values.T, order="C").T
    for axis in range(0, values.ndim, 2):
        turned = np.array(np.flip(array, axis), order="K")
        array = np.flip(turned, axis)
    return array


# The same numbers in an array NumPy itself would compute with.
NATIVE = {
    "crossed": crossed,
    "matrix-like": lambda values: values.view(MatrixLike),
    "record array without fields": lambda values: values.view(np.recarray),
    "every second number, as of complex ones": real_part,
    "memory map": memory_map,
    "read-only memory map": lambda values: memory_map(values, "r"),
    "copy-on-write memory map": lambda values: memory_map(values, "c"),
    "masked array without a mask": np.ma.array,
    "masked array with nothing masked": lambda values: np.ma.array(
        values, mask=np.zeros(values.shape, bool)
    ),
    "with metadata": lambda values: values.astype(
        np.dtype(values.dtype.type, metadata={"unit": "m"})
    ),
}
# The same numbers where kobai must convert them.
CONVERTED = {
    "big-endian": lambda values: values.astype(values.dtype.newbyteorder(">")),
    "unaligned": unaligned,
    "field of records": field_of_records,
    "unaligned and big-endian": lambda values: unaligned(
        values.astype(values.dtype.newbyteorder(">"))
    ),
}
OBJECTS = {
    "list": lambda values: values.tolist(),
    "tuple of rows": tuple,
    "made by __array__": Wrapped,
    "objects, all of them numbers": lambda values: values.astype(object),
}
FORMS = NATIVE | CONVERTED | OBJECTS

X = np.array([[0.5, -1.0, 2.0], [0.0, 0.25, -3.0], [1.5, 0.0, 0.125], [4.0, -0.5, 1.0]])
LABELS = np.array([0, 1, 1, 0])
WEIGHTS = np.array([[0.25, 0.5], [1.0, 0.0], [0.0, 1.0], [0.75, 0.5]])
Y = np.array([[0.25, 0.5], [0.125, 0.875], [0.5, 0.5], [0.0, 1.0]])


def network(dtype=np.float64):
    return TwoLayerNet(3, 4, 2, 1.0, rng=0, dtype=dtype)


def trained(x_train, t_train, x_test=None, t_test=None):
    net = network()
    trainer = Trainer(net, SGD(0.5), batch_size=3, rng=0)
    history = trainer.fit(x_train, t_train, x_test, t_test, epochs=2, progress=False)
    return net.params | {
        "loss": np.array(history.train_loss), "accuracy": np.array(history.test_acc)
    }  # fmt: skip


def of_rows(x):
    """A function of an array or of whatever class."""
    return np.sum(
        np.array(x, np.float64) ** 2 * np.arange(1.0, np.size(x) + 1).reshape(np.shape(x))
    )


def two_nets():
    simple = SimpleNet(3, 2, rng=1)
    return {"": network(), "simple ": simple}


def network_calls():
    calls = {}
    for prefix, net in two_nets().items():
        for name in ("loss", "accuracy", "gradient"):
            calls[prefix + name] = getattr(net, name)
        for method in METHODS:
            calls[f"{prefix}{method}"] = lambda x, t, net=net, method=method: (
                net.numerical_gradient(x, t, method=method)
            )
    return calls


class Withheld:
    """As a tensor of PyTorch that requires its gradient."""

    def __array__(self, *args, **kwargs):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


# Each call and the good value of each of its arguments.
CALLS = {
    "sigmoid": (sigmoid, {"x": X}),
    "relu": (relu, {"x": X}),
    "softmax": (softmax, {"x": X}),
    "mean_squared_error": (mean_squared_error, {"y": Y, "t": WEIGHTS}),
    "cross_entropy_error": (cross_entropy_error, {"y": Y, "t": WEIGHTS}),
    "cross_entropy_error of labels": (cross_entropy_error, {"y": Y, "t": LABELS}),
    "sigmoid_grad": (sigmoid_grad, {"x": X}),
    "relu_grad": (relu_grad, {"x": X}),
    "step_function": (step_function, {"x": X}),
    "identity_function": (identity_function, {"x": X}),
    "sum_squared_error": (sum_squared_error, {"y": Y, "t": WEIGHTS}),
    "softmax_loss": (softmax_loss, {"X": X, "t": WEIGHTS[:, [0, 1, 0]]}),
    "softmax_loss of labels": (softmax_loss, {"X": X, "t": LABELS}),
    "numerical_gradient": (lambda x: numerical_gradient(of_rows, x), {"x": X}),
    "gradient_descent": (lambda init_x: gradient_descent(of_rows, init_x), {"init_x": X}),
    "predict": (network().predict, {"x": X}),
    "simple predict": (SimpleNet(3, 2, rng=1).predict, {"x": X}),
    **{f"{name} of weights": (f, {"x": X, "t": WEIGHTS}) for name, f in network_calls().items()},
    **{f"{name} of labels": (f, {"x": X, "t": LABELS}) for name, f in network_calls().items()},
    "fit": (
        trained,
        {"x_train": X, "t_train": LABELS, "x_test": X[1:], "t_test": WEIGHTS[1:]},
    ),
    "fit of weights": (trained, {"x_train": X, "t_train": WEIGHTS}),
}
PLACES = [(call, name) for call, (_, arguments) in CALLS.items() for name in arguments]


def flat(answer):
    """The bits of what a call returned."""
    if isinstance(answer, dict):
        return bits(answer)
    answer = np.asarray(answer)
    return answer.dtype, answer.shape, answer.tobytes()


# In place, an array can only be moved as it is: kobai says so, and never moves a copy instead.
MOVED = ("numerical_gradient", "x")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("call", "name"), PLACES)
def test_the_same_numbers_give_the_same_answer_in_any_form(call, name, form):
    function, arguments = CALLS[call]
    expected = flat(function(**arguments))
    odd = FORMS[form](arguments[name])
    before = state(odd)
    if (call, name) == MOVED and form in CONVERTED:
        with pytest.raises(TypeError, match=r"x must be an aligned array of native float32 or"):
            function(**{name: odd})
    else:
        assert flat(function(**(arguments | {name: odd}))) == expected
    assert state(odd) == before


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ">f2", ">f4", "<f4", ">i8", ">u2", "?"])
@pytest.mark.parametrize(("call", "name"), PLACES)
def test_numbers_of_other_dtypes_are_converted_first(call, name, dtype):
    function, arguments = CALLS[call]
    values = np.abs(arguments[name]).astype(dtype)
    if name.startswith("t") and values.ndim == 1 and values.dtype.kind in "bf":
        with pytest.raises(TypeError, match=r"t(_train|_test)? must hold integers"):
            function(**(arguments | {name: values}))
        return
    if (call, name) == MOVED and values.dtype not in (np.float32, *map(np.dtype, (">i8", ">u2"))):
        values.flags.writeable = False  # only then it may be copied
    answer = function(**(arguments | {name: values}))
    native = values.astype(np.float64 if values.ndim > 1 else np.int64)
    expected = function(**(arguments | {name: native}))
    if isinstance(expected, dict) or dtype in (">i8", ">u2", "?"):
        assert flat(answer) == flat(expected)
        return
    narrow = np.asarray(answer).dtype
    # A quotient of values near 40 rounded to float32, over 2e-4.
    tolerance = {4: 1e-5, 2: 4e-3}.get(narrow.itemsize, 1e-12)
    if call in ("numerical_gradient", "gradient_descent"):
        tolerance = max(tolerance, 1e-1 if narrow != np.float64 else 0)
    np.testing.assert_allclose(answer, expected, rtol=tolerance, atol=tolerance)


# ---------------------------------------------------------------------------- what is refused


def masked(values):
    return np.ma.array(values, mask=np.arange(values.size).reshape(values.shape) == 1)


REFUSED = {
    "masked": masked,
    "masked scalar": lambda values: np.ma.masked,
    "all masked": lambda values: np.ma.array(values, mask=True),
    "list of masked rows": lambda values: [masked(values), masked(values)],
    "tuple of lists of masked rows": lambda values: ([masked(values)], [masked(values)]),
    "records": lambda values: np.zeros(values.shape, [("a", "f8"), ("b", "f8")]),
    "record array": lambda values: np.rec.array([(1.0, 2.0)] * len(values), dtype="f8,f8"),
    "times": lambda values: values.astype("M8[s]"),
    "durations": lambda values: values.astype("m8[ns]"),
    "objects, one of them text": lambda values: np.where(
        np.arange(values.size).reshape(values.shape) == 1, "1", values.astype(object)
    ),
    "nothing": lambda values: None,
    "complex": lambda values: values + 0j,
    "big-endian complex": lambda values: (values + 0j).astype(">c16"),
    "text": lambda values: values.astype(str),
    "bytes": lambda values: values.astype("S"),
    "text of any length": lambda values: values.astype(str).astype(np.dtypes.StringDType()),
    "raw memory": lambda values: np.zeros(values.shape, "V8"),
    "long double": lambda values: values.astype(np.longdouble),
    "numbers too large for any dtype": lambda values: [10**400] * len(values),
    "ragged": lambda values: [[1.0], [1.0, 2.0]],
    "an array that has none": lambda values: Wrapped([[1.0], [2.0, 3.0]]),
    "a tensor that requires its gradient": lambda values: Withheld(),
    "tensors that require their gradients": lambda values: [Withheld()] * len(values),
}
if not hasattr(np.dtypes, "StringDType"):  # before NumPy 2
    del REFUSED["text of any length"]
if np.longdouble(1).itemsize == 8:  # there it is float64
    del REFUSED["long double"]


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize(("call", "name"), PLACES)
def test_what_is_no_array_of_real_numbers_is_refused_by_name(call, name, kind):
    function, arguments = CALLS[call]
    bad = REFUSED[kind](arguments[name])
    before = state(bad)
    # `fit` may leave it to the network to say, which knows its inputs as x and t.
    named = rf"\b({name}|{name[0]})\b.* must|\b({name}|{name[0]}) must"
    with pytest.raises((TypeError, ValueError), match=named):
        function(**(arguments | {name: bad}))
    assert state(bad) == before


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("key", ["W1", "b1", "W2", "b2"])
def test_parameters_that_are_no_real_numbers_are_refused_by_name(key, kind):
    net = network()
    good = dict(net.params)
    net.params[key] = REFUSED[kind](good[key])
    others = {other: state(param) for other, param in net.params.items()}
    for call in (
        lambda: net.predict(X),
        lambda: net.loss(X, LABELS),
        lambda: net.accuracy(X, LABELS),
        lambda: net.gradient(X, LABELS),
        *(lambda m=m: net.numerical_gradient(X, LABELS, method=m) for m in METHODS),
        lambda: Trainer(net).fit(X, LABELS, iterations=1, progress=False),
    ):
        with pytest.raises((TypeError, ValueError), match=rf"^params\['{key}'\] must"):
            call()
        assert {other: state(param) for other, param in net.params.items()} == others


@pytest.mark.parametrize("form", CONVERTED)
def test_parameters_are_never_converted_behind_the_users_back(form):
    for key in network().params:
        net = network()
        net.params[key] = CONVERTED[form](net.params[key])
        before = bits(net.params)
        with pytest.raises((TypeError, ValueError), match=rf"^params\['{key}'\] must"):
            Trainer(net).fit(X, LABELS, iterations=1, progress=False)
        assert bits(net.params) == before


@pytest.mark.parametrize("form", NATIVE)
@pytest.mark.parametrize("t", [LABELS, WEIGHTS], ids=["labels", "weights"])
def test_parameters_may_have_any_native_form(form, t):
    plain, odd = network(), network()
    for key, param in plain.params.items():
        odd.params[key] = NATIVE[form](param.copy())
    before = {key: state(param) for key, param in odd.params.items()}
    assert flat(odd.predict(X)) == flat(plain.predict(X))
    assert odd.loss(X, t) == plain.loss(X, t)
    assert odd.accuracy(X, t) == plain.accuracy(X, t)
    assert flat(odd.gradient(X, t)) == flat(plain.gradient(X, t))
    for method in METHODS:
        answers = [net.numerical_gradient(X, t, method=method) for net in (odd, plain)]
        assert flat(answers[0]) == flat(answers[1])
        assert all(type(quotient) is np.ndarray for quotient in answers[0].values())
    assert {key: state(param) for key, param in odd.params.items()} == before
    runs = [Trainer(net, SGD(0.5), batch_size=3, rng=0) for net in (odd, plain)]
    kept = dict(odd.params)
    histories = [run.fit(X, t, epochs=2, progress=False) for run in runs]
    assert histories[0] == histories[1]
    assert bits(odd.params) == bits(plain.params)
    for key, param in kept.items():
        # In place, or in a copy of its own where it cannot be written.
        assert (odd.params[key] is param) == param.flags.writeable
        assert param.flags.writeable or state(param) == before[key]


@pytest.mark.parametrize(
    "returned",
    [
        np.ma.masked,
        np.ma.array([1.0], mask=[True]),
        np.ma.array(1.0, mask=True),
        np.array([5], "m8[ns]"),
        np.timedelta64(5, "ns"),
        np.datetime64("2020-01-01", "ns"),
        np.array(["2020-01-01"], "M8[ns]"),
        np.array([(1.0,)], [("a", "f8")]),
        np.array(["1.0"]),
        np.str_("1.0"),
        np.bytes_(b"1.0"),
        np.array([b"1.0"]),
        np.complex64(1),
    ],
    ids=repr,
)
def test_what_f_returns_must_be_a_number_that_is_there(returned):
    x = np.ones(2)
    with pytest.raises(TypeError, match="f must return a real number"):
        numerical_gradient(lambda _: returned, x)
    assert x.tolist() == [1, 1]


@pytest.mark.parametrize("wrap", [*NATIVE, "big-endian", "unaligned"])
def test_f_may_return_one_number_in_any_form(wrap):
    gradient = numerical_gradient(
        lambda v: FORMS[wrap](np.array([v[0] * 3])), np.array([1.0, 2.0]), h=0.25
    )
    np.testing.assert_allclose(gradient, [3, 0], rtol=1e-14)


# ------------------------------------------------------------- any view of any piece of memory


@st.composite
def views(draw, dtypes=("<f8", ">f8", "<f4", ">f4", "<f2"), axes=(0, 4), smallest=0):
    """Arrays over one buffer with any offset and any strides: unaligned, backwards, overlapping."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    sizes = st.lists(st.integers(smallest, 4), min_size=axes[0], max_size=axes[1])
    shape = tuple(draw(sizes))
    strides = tuple(draw(st.integers(-24, 24)) for _ in shape)
    low = sum(stride * (n - 1) for stride, n in zip(strides, shape, strict=True) if stride < 0 < n)
    high = sum(stride * (n - 1) for stride, n in zip(strides, shape, strict=True) if stride > 0 < n)
    slack = draw(st.integers(0, 8))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    buffer = bytearray(generator.integers(0, 64, high - low + dtype.itemsize + slack, np.uint8))
    array = np.ndarray(shape, dtype, buffer, slack - low, strides)
    array.flags.writeable = draw(st.booleans())
    return array


@given(views())
@settings(max_examples=300)
def test_functions_read_any_view(x):
    before = state(x)
    plain = np.array(x, x.dtype.newbyteorder("="), order="C")
    for function in (sigmoid, relu):
        assert flat(function(x)) == flat(function(plain))
    if x.ndim and x.shape[-1]:
        assert flat(softmax(x)) == flat(softmax(plain))
        assert flat(softmax(x, 0)) == flat(softmax(plain, 0)) if x.shape[0] else True
    assert flat(mean_squared_error(x, x[...])) == flat(mean_squared_error(plain, plain))
    assert (
        flat(cross_entropy_error(plain, x)) == flat(cross_entropy_error(plain, plain))
        if (x.ndim != 2 or len(x))
        else True
    )
    assert state(x) == before


def elements_overlap(x):
    """By counting: whether any byte of the buffer belongs to two elements."""
    taken = set()
    for index in np.ndindex(x.shape):
        at = sum(i * stride for i, stride in zip(index, x.strides, strict=True))
        own = set(range(at, at + x.itemsize))
        if own & taken:
            return True
        taken |= own
    return False


@given(views(("<f8", "<f4")))
@settings(max_examples=300)
def test_a_view_is_moved_in_place_right_or_not_at_all(x):
    before = state(x)
    weights = np.random.default_rng(0).random(x.shape)

    def f(v):
        return float(np.sum(weights * np.array(v, np.float64, order="C")))

    h = 0.25
    if not x.flags.writeable:
        gradient = numerical_gradient(f, x, h)
    elif not x.flags.aligned:
        with pytest.raises(TypeError, match="x must be an aligned array"):
            numerical_gradient(f, x, h)
        gradient = None
    elif elements_overlap(x):
        with pytest.raises(ValueError, match="x must not overlap itself"):
            numerical_gradient(f, x, h)
        gradient = None
    else:
        gradient = numerical_gradient(lambda _: f(x), x, h)  # read through the closure
    if gradient is not None:
        plain = np.array(x, x.dtype.newbyteorder("="), order="C")
        np.testing.assert_array_equal(gradient, oracles.numerical_gradient(f, plain, h))
    assert state(x) == before


@given(st.data())
def test_networks_read_any_view(data):
    x = data.draw(views(axes=(2, 2), smallest=1))
    net = TwoLayerNet(x.shape[1], 3, 2, 0.1, rng=0)
    t = np.arange(len(x)) % 2
    plain = np.array(x, np.float64, order="C")
    before = state(x)
    assert flat(net.predict(x)) == flat(net.predict(plain))
    assert net.loss(x, t) == net.loss(plain, t)
    assert flat(net.gradient(x, t)) == flat(net.gradient(plain, t))
    for method in METHODS:
        quotients = [net.numerical_gradient(v, t, method=method) for v in (x, plain)]
        assert flat(quotients[0]) == flat(quotients[1])
    assert state(x) == before


# ------------------------------------------------------------------------------- overlapping


def aliased_network(dtype=np.float64):
    """A network, inputs that are its W1 and targets that are its W2, neither a copy."""
    net = TwoLayerNet(3, 4, 2, 1.0, rng=0, dtype=dtype)
    net.params["W2"][...] = np.abs(net.params["W2"])
    return net, net.params["W1"].T, net.params["W2"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_and_targets_may_be_views_of_parameters(dtype):
    net, x, t = aliased_network(dtype)
    twin = TwoLayerNet(3, 4, 2, dtype=dtype)
    twin.params.update({key: param.copy() for key, param in net.params.items()})
    apart = x.copy(), t.copy()
    before = bits(net.params)
    assert flat(net.predict(x)) == flat(twin.predict(apart[0]))
    assert net.loss(x, t) == twin.loss(*apart)
    assert net.accuracy(x, t) == twin.accuracy(*apart)
    assert flat(net.gradient(x, t)) == flat(twin.gradient(*apart))
    for method in METHODS:
        # The data stay where they are while parameters are moved, as the derivative means it.
        quotient = net.numerical_gradient(x, t, method=method)
        assert flat(quotient) == flat(twin.numerical_gradient(*apart, method=method))
        assert not any(np.shares_memory(quotient[key], net.params[key]) for key in quotient)
    assert bits(net.params) == before


@pytest.mark.parametrize("key", ["W1", "b1", "W2", "b2"])
def test_through_a_closure_inputs_that_are_views_move_with_the_parameter(key):
    net, x, t = aliased_network()
    before = bits(net.params)
    gradient = numerical_gradient(lambda _: net.loss(x, t), net.params[key])
    twin = oracles.numerical_gradient(lambda _: net.loss(x, t), net.params[key])
    np.testing.assert_array_equal(gradient, twin)
    assert bits(net.params) == before
    apart = numerical_gradient(lambda _: net.loss(x.copy(), t.copy()), net.params[key])
    np.testing.assert_array_equal(gradient, apart)  # copied when f is called: the same numbers


def test_a_view_of_a_parameter_can_be_moved_instead_of_it():
    net, _, _ = aliased_network()
    before = bits(net.params)
    whole = numerical_gradient(lambda _: net.loss(X, LABELS), net.params["W1"])
    for view in (np.s_[::-1], np.s_[:, ::-2], np.s_[1:2, 1:], np.s_[...], np.s_[:0]):
        part = numerical_gradient(lambda _: net.loss(X, LABELS), net.params["W1"][view])
        np.testing.assert_array_equal(part, whole[view])
    turned = numerical_gradient(lambda _: net.loss(X, LABELS), net.params["W1"].T)
    np.testing.assert_array_equal(turned, whole.T)
    assert bits(net.params) == before


def test_parameters_may_be_views_of_one_vector():
    net = network()
    vector = np.concatenate([param.ravel() for param in net.params.values()])
    plain = dict(net.params)
    start = 0
    for key, param in plain.items():
        net.params[key] = vector[start : start + param.size].reshape(param.shape)
        start += param.size
    whole = numerical_gradient(lambda _: net.loss(X, LABELS), vector)
    parts = net.numerical_gradient(X, LABELS, method="direct")
    ravelled = np.concatenate([part.ravel() for part in parts.values()])
    np.testing.assert_allclose(whole, ravelled, rtol=0, atol=1e-10)
    twin = network()
    histories = [
        Trainer(n, SGD(0.5), batch_size=2, rng=0).fit(X, LABELS, epochs=3, progress=False)
        for n in (net, twin)
    ]
    assert histories[0] == histories[1]
    assert vector.tobytes() == b"".join(param.tobytes() for param in twin.params.values())


class Stepwise(SGD):
    """With an update of its own, so that every step is taken by NumPy."""

    def update(self, params, grads):
        for key in params:
            params[key] -= self.lr * grads[key].copy()


@pytest.mark.parametrize("names", [("x",), ("t",), ("x", "t"), ("x_test", "t_test")])
@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
def test_training_on_views_of_parameters_sees_each_step_as_the_notebooks_loop_does(names, gradient):
    ends = []
    for optimizer in (SGD(0.5), Stepwise(0.5), None):
        net, x, t = aliased_network()
        data = {"x": x.copy(), "t": t.copy(), "x_test": x.copy(), "t_test": t.copy()}
        for name in names:
            data[name] = x if name.startswith("x") else t
        losses, accuracies = [], [net.accuracy(data["x_test"], data["t_test"])]
        if optimizer is None:
            for _ in range(6):
                losses.append(net.loss(data["x"], data["t"]))
                if gradient == "backprop":
                    grads = net.gradient(data["x"], data["t"])
                else:
                    grads = net.numerical_gradient(data["x"], data["t"])
                for key in net.params:
                    net.params[key] -= 0.5 * grads[key]
                accuracies.append(net.accuracy(data["x_test"], data["t_test"]))
        else:
            trainer = Trainer(net, optimizer, gradient=gradient, rng=0)
            history = trainer.fit(*data.values(), epochs=6, progress=False)
            losses, accuracies = history.train_loss, history.test_acc
        ends.append((net.params, losses, accuracies))
    for params, losses, accuracies in ends[1:]:
        # The order of a batch is drawn: rounding, which the steps after it carry on.
        np.testing.assert_allclose(losses, ends[0][1], rtol=1e-7)
        assert accuracies == ends[0][2]
        for key, param in params.items():
            np.testing.assert_allclose(param, ends[0][0][key], rtol=1e-6, atol=1e-8)
    assert bits(ends[0][0]) == bits(ends[1][0])


@pytest.mark.parametrize("names", [("x",), ("t",), ("x", "t")])
@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
def test_steps_that_the_core_takes_together_never_train_on_data_of_the_step_before(names, gradient):
    ends = []
    for optimizer in (SGD(0.5), Stepwise(0.5)):
        net, x, t = aliased_network()
        data = {"x": x.copy(), "t": t.copy()}
        for name in names:
            data[name] = {"x": x, "t": t}[name]
        # Four steps an epoch: of plain data the core would take them in one call.
        trainer = Trainer(net, optimizer, batch_size=1, gradient=gradient, rng=0)
        history = trainer.fit(*data.values(), epochs=6, progress=False)
        ends.append((bits(net.params), history))
    assert ends[0] == ends[1]


def test_training_takes_data_beside_the_parameters_in_one_buffer():
    buffer = np.zeros((2, 4, 3))
    buffer[1] = X
    net, twin = network(), network()
    buffer[0, :, :3] = net.params["W1"].T
    net.params["W1"] = buffer[0].T
    for each in (net, twin):
        Trainer(each, batch_size=2, rng=0).fit(buffer[1], LABELS, epochs=2, progress=False)
    assert bits(net.params) == bits(twin.params)
    np.testing.assert_array_equal(buffer[1], X)


def test_sgd_takes_gradients_that_are_views_of_parameters():
    a, b = np.arange(4.0), np.arange(10.0, 14.0)
    params, grads = {"a": a, "b": b}, {"a": b[::-1], "b": a}
    copies = {key: grad.copy() for key, grad in grads.items()}
    expected = {key: params[key] - 0.5 * copies[key] for key in params}
    SGD(0.5).update(params, grads)
    assert bits(params) == bits(expected)
    same = {"a": np.array([2.0, 4.0])}
    SGD(0.25).update(same, same)
    assert same["a"].tolist() == [1.5, 3.0]


def test_sgd_refuses_parameters_that_overlap_themselves_and_masked_gradients():
    buffer = np.arange(4.0)
    overlapping = as_strided(buffer, (3, 2), (8, 8))
    params = {"a": np.ones(2), "b": overlapping}
    with pytest.raises(ValueError, match=r"params\['b'\] must not overlap itself"):
        SGD(0.5).update(params, {"a": np.ones(2), "b": np.ones((3, 2))})
    with pytest.raises(ValueError, match=r"grads\['a'\] must not hold masked elements"):
        SGD(0.5).update({"a": np.ones(2)}, {"a": np.ma.array([1.0, 2.0], mask=[0, 1])})
    assert params["a"].tolist() == [1, 1]
    assert buffer.tolist() == [0, 1, 2, 3]


def test_overlapping_windows_are_read_right():
    series = np.sin(np.arange(20.0))
    windows = sliding_window_view(series, 3)
    net, t = network(), np.arange(18) % 2
    plain = windows.copy()
    assert flat(sigmoid(windows)) == flat(sigmoid(plain))
    assert flat(net.predict(windows)) == flat(net.predict(plain))
    assert flat(net.gradient(windows, t)) == flat(net.gradient(plain, t))
    for method in METHODS:
        quotients = [net.numerical_gradient(v, t, method=method) for v in (windows, plain)]
        assert flat(quotients[0]) == flat(quotients[1])
    # Read-only, as NumPy gives them, they are copied before one element is moved.
    np.testing.assert_array_equal(
        numerical_gradient(of_rows, windows), numerical_gradient(of_rows, plain)
    )
    np.testing.assert_array_equal(series, np.sin(np.arange(20.0)))
    writable = sliding_window_view(series, 3, writeable=True)
    with pytest.raises(ValueError, match="x must not overlap itself"):
        numerical_gradient(of_rows, writable)
    path = gradient_descent(of_rows, writable, 0.01, 3)
    np.testing.assert_array_equal(path, gradient_descent(of_rows, plain, 0.01, 3))


def test_one_number_broadcast_to_an_array_is_read_right():
    x, t = np.broadcast_to(0.5, (4, 3)), np.broadcast_to(1, 4)
    net, twin = network(), network()
    for key, param in twin.params.items():
        net.params[key] = np.broadcast_to(0.25, param.shape)
        param[...] = 0.25
    plain = x.copy(), t.copy()
    assert flat(net.predict(x)) == flat(twin.predict(plain[0]))
    assert net.loss(x, t) == twin.loss(*plain)
    for method in METHODS:
        quotient = net.numerical_gradient(x, t, method=method)
        assert flat(quotient) == flat(twin.numerical_gradient(*plain, method=method))
    histories = [
        Trainer(each).fit(*data, iterations=3, progress=False)
        for each, data in ((net, (x, t)), (twin, plain))
    ]
    assert histories[0] == histories[1]
    assert bits(net.params) == bits(twin.params)


# --------------------------------------------------------------------- empty, deep and too large


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3), (2, 0, 3), (0, 0), (1, 0, 0, 2)])
@pytest.mark.parametrize("order", ["C", "F", "backwards"])
def test_arrays_without_elements(shape, order):
    x = np.empty(shape, order="C" if order == "backwards" else order)
    if order == "backwards":
        x = x[(slice(None, None, -1),) * x.ndim]
    for function in (sigmoid, relu):
        assert function(x).shape == shape
    for axis in range(x.ndim):
        if shape[axis]:
            assert softmax(x, axis).shape == shape
        else:
            with pytest.raises(ValueError, match=f"x must not be empty along axis {axis}"):
                softmax(x, axis)
    assert mean_squared_error(x, x) == 0
    if len(shape) != 2 or shape[0]:
        assert cross_entropy_error(x, x) == 0
    assert numerical_gradient(of_rows, x).shape == shape
    assert gradient_descent(of_rows, x).shape == shape
    net = network()
    if len(shape) <= 2:
        if shape == (0, 3):
            assert net.predict(x).shape == (0, 2)
        else:
            with pytest.raises(ValueError, match="x must have 3 columns"):
                net.predict(x)
        for call in (net.loss, net.accuracy, net.gradient, net.numerical_gradient):
            with pytest.raises(ValueError, match=r"^[xt] must"):
                call(x, np.zeros(shape[:-1], int))


@pytest.mark.parametrize("ndim", [31, 32, 33, 40, 64])
@pytest.mark.parametrize("turned", [False, True])
def test_as_many_axes_as_numpy_knows(ndim, turned):
    if ndim > 32 and np.lib.NumpyVersion(np.__version__) < "2.0.0":
        pytest.skip("this NumPy ends at 32 axes")
    x = np.arange(4.0).reshape((2, *(1,) * (ndim - 2), 2))
    plain = x.reshape(2, 2)
    if turned:
        x, plain = x[::-1], plain[::-1].copy()
    for function in (sigmoid, relu, softmax):
        y = function(x)
        assert y.shape == x.shape
        assert y.tobytes() == function(plain).tobytes()
    assert mean_squared_error(x, x[::-1]) == mean_squared_error(plain, plain[::-1])
    assert cross_entropy_error(x, x[::-1]) == pytest.approx(
        2 * cross_entropy_error(plain, plain[::-1])  # of two axes it is a mean
    )
    gradient = numerical_gradient(lambda v: float((v**2).sum()), x)
    np.testing.assert_allclose(gradient.reshape(2, 2), 2 * plain, atol=1e-11)
    with pytest.raises(ValueError, match=r"x must have shape \(N, D\)"):
        network().predict(x)


# Views of one number need no memory; what kobai makes of them would need a great deal.
TOO_LARGE = {
    "sigmoid": "kobai.sigmoid(huge(10**13))",
    "relu": "kobai.relu(huge(10**13))",
    "softmax": "kobai.softmax(huge(10**12, 10))",
    "mean_squared_error": "kobai.mean_squared_error(huge(10**13), huge(10**13))",
    "cross_entropy_error": "kobai.cross_entropy_error(huge(10**13), huge(10**13))",
    "predict": "net.predict(huge(10**13, 3))",
    "loss": "net.loss(huge(10**13, 3), huge(10**13, 2))",
    "gradient": "net.gradient(huge(10**13, 3), huge(10**13, 2))",
    "numerical": "net.numerical_gradient(huge(10**13, 3), huge(10**13, 2))",
    "generic": "kobai.numerical_gradient(lambda v: 0.0, huge(10**13))",
    "float32": "kobai.sigmoid(np.broadcast_to(np.float32(1), 10**13))",
    "output of sigmoid": "kobai.sigmoid(np.zeros(3 * 2**27))",
    "hidden units": "kobai.TwoLayerNet(1, 10**6, 1).predict(np.zeros((10**6, 1)))",
    "hidden units of loss": "kobai.TwoLayerNet(1, 10**6, 1).loss(np.zeros((10**6, 1)), zeros)",
    "hidden units of gradient": (
        "kobai.TwoLayerNet(1, 10**6, 1).gradient(np.zeros((10**6, 1)), zeros)"
    ),
    "hidden units of quotients": (
        "kobai.TwoLayerNet(1, 10**6, 1).numerical_gradient(np.zeros((10**6, 1)), zeros)"
    ),
    "a network": "kobai.TwoLayerNet(10**7, 10**7, 10)",
}

PROGRAM = """
    import numpy as np
    import kobai

    def huge(*shape):
        return np.broadcast_to(1.0, shape)

    net = kobai.TwoLayerNet(3, 4, 2, 1.0, rng=0)
    zeros = np.zeros(10**6, int)
    try:
        {call}
    except MemoryError as error:
        print("refused", error)
    print(net.predict(np.ones(3)).sum())
"""


@pytest.mark.parametrize("call", TOO_LARGE)
def test_what_memory_cannot_hold_is_a_memory_error_and_the_process_lives_on(call):
    code = textwrap.dedent(PROGRAM).format(call=TOO_LARGE[call])
    limit = 5 << 30

    resource = pytest.importorskip("resource", reason="memory is bounded by the Unix way")

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=120, check=False, preexec_fn=limited,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("refused"), run.stdout
    assert float(run.stdout.split()[-1]) == pytest.approx(1)
