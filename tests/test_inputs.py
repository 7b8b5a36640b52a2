"""What is taken for inputs, what is refused by name, row and column, and what numbers may be."""

import decimal
import fractions
import tracemalloc

import numpy as np
import pytest

import kobai
from kobai import SimpleNet, Trainer, TwoLayerNet, cross_entropy_error
from kobai._validation import check_finite, inputs, real_number, targets

pd = pytest.importorskip("pandas")
sparse = pytest.importorskip("scipy.sparse")

X = np.array([[0.5, -1.0, 2.0], [0.0, 0.25, -3.0], [1.5, 0.0, 0.125], [4.0, -0.5, 1.0]])
LABELS = np.array([0, 1, 1, 0])


def network():
    return TwoLayerNet(3, 4, 2, 1.0, rng=0)


def fit(x_train, t_train, x_test=None, t_test=None):
    Trainer(network()).fit(x_train, t_train, x_test, t_test, iterations=2, progress=False)


FRAME = {"a": [0.5, 0.0, 1.5, 4.0], "b": [True, False, True, True], "c": [1, 2, 3, 4]}
NUMBERS = {
    "a column of bools beside floats": pd.DataFrame(FRAME),
    "nullable columns without gaps": pd.DataFrame(
        {
            "a": pd.array(FRAME["a"], "Float64"),
            "b": pd.array(FRAME["b"], "boolean"),
            "c": pd.array(FRAME["c"], "Int64"),
        }
    ),
    "objects": np.array([*FRAME.values()], object).T,
    "decimals and fractions": [
        [decimal.Decimal("0.5"), fractions.Fraction(1), 1],
        [0, np.bool_(False), np.float32(2)],
        [1.5, 1, np.int8(3)],
        [4.0, True, np.float16(4)],
    ],
    "lists": [[a, b, c] for a, b, c in zip(*FRAME.values(), strict=True)],
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_where_every_element_is_a_real_number_it_is_one(kind):
    net, plain = network(), np.array([*FRAME.values()], float).T
    x = NUMBERS[kind]
    np.testing.assert_array_equal(net.predict(x), net.predict(plain))
    assert net.loss(x, LABELS) == net.loss(plain, LABELS)
    assert net.accuracy(x, LABELS) == net.accuracy(plain, LABELS)
    np.testing.assert_array_equal(net.gradient(x, LABELS)["W1"], net.gradient(plain, LABELS)["W1"])
    np.testing.assert_array_equal(kobai.sigmoid(x), kobai.sigmoid(plain))
    twin = network()
    for each, data in ((net, x), (twin, plain)):
        Trainer(each, rng=0, batch_size=3).fit(data, LABELS, epochs=2, progress=False)
    assert net.params["W1"].tobytes() == twin.params["W1"].tobytes()


NO_NUMBERS = {
    "pandas.NA": (pd.DataFrame(FRAME | {"c": pd.array([1, 2, None, 4], "Int64")}), "<NA>"),
    "None": (np.array([*zip(*(FRAME | {"c": [1, 2, None, 4]}).values(), strict=True)]), "None"),
    "text": (pd.DataFrame(FRAME | {"c": [1, 2, "male", 4]}, dtype=object), "'male'"),
    "complex": (pd.DataFrame(FRAME | {"c": [1, 2, 3j, 4]}, dtype=object), "3j"),
    "duration": (
        np.array([*zip(*(FRAME | {"c": [1, 2, np.timedelta64(3), 4]}).values(), strict=True)], "O"),
        "timedelta64(3)",
    ),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_the_element_that_is_no_number_is_named_with_row_and_column(kind):
    x, shown = NO_NUMBERS[kind]
    net = network()
    for call in (
        lambda: net.predict(x),
        lambda: net.loss(x, LABELS),
        lambda: net.accuracy(x, LABELS),
        lambda: net.gradient(x, LABELS),
        lambda: net.numerical_gradient(x, LABELS),
        lambda: kobai.sigmoid(x),
    ):
        with pytest.raises(TypeError, match=r"^x must hold real numbers") as caught:
            call()
        assert f"{shown} in row 2, column 2" in str(caught.value)
    with pytest.raises(TypeError, match=r"^x_train must hold real numbers .* in row 2, column 2"):
        fit(x, LABELS)
    with pytest.raises(TypeError, match=r"^x_test must hold real numbers .* in row 2, column 2"):
        fit(X, LABELS, x, LABELS)


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array", "coo_array", "dok_matrix"])
def test_sparse_inputs_are_told_to_be_made_dense(kind):
    x, net = getattr(sparse, kind)(X), network()
    for call in (
        lambda: net.predict(x),
        lambda: net.loss(x, LABELS),
        lambda: net.accuracy(x, LABELS),
        lambda: net.gradient(x, LABELS),
        lambda: net.numerical_gradient(x, LABELS),
        lambda: kobai.softmax(x),
        lambda: kobai.numerical_gradient(lambda v: 0.0, x),
    ):
        with pytest.raises(TypeError, match=rf"^x must be a dense array, .*{kind}.*x\.toarray\(\)"):
            call()
    with pytest.raises(TypeError, match=r"^x_train must be a dense .* x_train\.toarray\(\)"):
        fit(x, LABELS)
    with pytest.raises(TypeError, match=r"^x must .*toarray"):
        net.predict([x, x])


class Tensor:
    """A tensor of a framework, as NumPy meets it."""

    def __init__(self, values, *, requires_grad, error=RuntimeError):
        self.values, self.requires_grad, self.error = values, requires_grad, error

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise self.error("Can't call numpy() on Tensor that requires grad. Use tensor.detach()")
        return np.asarray(self.values, dtype)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return Tensor(self.values[index], requires_grad=self.requires_grad, error=self.error)


@pytest.mark.parametrize("error", [RuntimeError, ValueError, TypeError, ZeroDivisionError, OSError])
@pytest.mark.parametrize("wrap", [lambda tensor: tensor, lambda tensor: [tensor, tensor]])
def test_what_has_no_array_is_a_type_error_with_its_cause(error, wrap):
    x, net = wrap(Tensor(X, requires_grad=True, error=error)), network()
    for call, name in (
        (lambda: net.predict(x), "x"),
        (lambda: net.loss(x, LABELS), "x"),
        (lambda: net.loss(X, x), "t"),
        (lambda: net.accuracy(x, LABELS), "x"),
        (lambda: net.gradient(x, LABELS), "x"),
        (lambda: net.numerical_gradient(X, x), "t"),
        (lambda: kobai.relu(x), "x"),
        (lambda: cross_entropy_error(X, x), "t"),
        (lambda: fit(x, LABELS), "x_train"),
        (lambda: fit(X, x), "t_train"),
    ):
        with pytest.raises((TypeError, ValueError), match=rf"^{name} must be an array") as caught:
            call()
        assert isinstance(caught.value, TypeError) or error is ValueError
        assert type(caught.value.__cause__) is error


def test_a_tensor_that_can_be_an_array_is_one():
    x, net = Tensor(X, requires_grad=False), network()
    assert net.loss(x, Tensor(LABELS, requires_grad=False)) == net.loss(X, LABELS)
    assert net.accuracy(x, LABELS) == net.accuracy(X, LABELS)


def test_lists_that_hold_themselves_are_refused():
    x = [[1.0, 2.0, 3.0]]
    x.append(x)
    with pytest.raises((TypeError, ValueError), match=r"^x must"):
        network().predict(x)


def test_running_out_of_memory_stays_what_it_is():
    class Large:
        def __array__(self, dtype=None, copy=None):
            raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        network().predict(Large())


@pytest.mark.parametrize(
    "dtype", ["u1", "i2", ">i8", "?", "f2", ">f2", "f4", ">f4", "f8", ">f8", "u8"]
)
def test_inputs_stay_as_they_lie(dtype):
    x = np.ones((4, 6), dtype)[:, ::2]
    assert inputs("x", x, 3) is x
    assert inputs("x", x[0], 3).base is x.base
    t = np.zeros((4, 2), dtype)
    assert targets("t", t, (4,), 2) is t


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, ">f8"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_many_inputs_are_converted_piece_by_piece(dtype, kind):
    """The course's 784 columns: of all pixels, a float copy would take 8 times their memory."""
    generator = np.random.default_rng(0)
    x = generator.integers(1, 256, (8_000, 784)) * (generator.random((8_000, 784)) < 0.3)
    x[3_000:5_000] = generator.integers(1, 256, (2_000, 784))
    t = generator.integers(0, 10, len(x))
    x, plain = x.astype(dtype), x.astype(kind)
    net = TwoLayerNet(784, 20, 10, 0.01, rng=0, dtype=kind)
    expected = net.predict(plain), net.accuracy(plain, t)
    tracemalloc.start()
    try:
        answers = net.predict(x), net.accuracy(x, t)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answers[0].tobytes() == expected[0].tobytes()
    assert answers[1] == expected[1]
    assert peak < plain.nbytes / 2


def test_inputs_of_the_wrong_shape_are_refused_by_name():
    with pytest.raises(ValueError, match=r"^x_test must have 3 columns, got shape \(4, 2\)"):
        inputs("x_test", np.ones((4, 2)), 3)
    with pytest.raises(ValueError, match=r"^x must have shape \(N, D\) or \(D,\), got .*\(1, 2, 2"):
        inputs("x", np.ones((1, 2, 2)))


# ---------------------------------------------------------------------------------- finiteness


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "f8", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_is_not_finite_is_shown_with_row_and_column(value, dtype, order):
    array = np.ones((70_000, 3), dtype, order=order)
    check_finite("x_train", array)
    array[65_001:, 2] = value
    array[69_000, 0] = value
    turned = np.ones((3, 70_000), dtype, order=order)
    turned[2, 65_001] = value
    with pytest.raises(ValueError, match=rf"^x_train must be finite, got {value} in row 65001,"):
        check_finite("x_train", array)
    with pytest.raises(ValueError, match=rf"got {value} at position 65001"):
        check_finite("x_train", array[:, 2])
    with pytest.raises(ValueError, match=rf"got {value} in row 2, column 65001"):
        check_finite("x_train", turned)
    with pytest.raises(ValueError, match=r"x must be finite, got nan$"):
        check_finite("x", np.array(np.nan, dtype))


def test_integers_and_empty_arrays_are_finite():
    for array in (np.ones((3, 2), np.uint8), np.ones(3, bool), np.ones((0, 3)), np.ones((3, 0))):
        check_finite("x", array)
    check_finite("x", np.broadcast_to(np.uint8(0), (10**6, 10**6)))  # not looked at


# ------------------------------------------------------------------------------- single numbers


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (10**400, ValueError, "about 10**400"),
        (-(10**5000), ValueError, "about -10**5000"),
        (fractions.Fraction(10**400), ValueError, "Fraction"),
        ("0.1", TypeError, "'0.1'"),
        (b"0.1", TypeError, "b'0.1'"),
        (bytearray(b"1"), TypeError, "bytearray"),
        (1j, TypeError, "1j"),
        (None, TypeError, "None"),
        ([0.1], TypeError, "[0.1]"),
        (np.ones(2), TypeError, "array"),
        (decimal.Decimal("sNaN"), TypeError, "sNaN"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numbers_that_are_none_are_shown(value, error, shown):
    for call, name in (
        (lambda: real_number("h", value), "h"),
        (lambda: network().numerical_gradient(X, LABELS, h=value), "h"),
        (lambda: SimpleNet(3, 2).numerical_gradient(X, LABELS, h=value), "h"),
        (lambda: kobai.numerical_gradient(lambda v: 0.0, X, value), "h"),
        (lambda: kobai.gradient_descent(lambda v: 0.0, X, lr=value), "lr"),
        (lambda: kobai.SGD(value), "lr"),
        (lambda: TwoLayerNet(3, 4, 2, value), "weight_init_std"),
    ):
        with pytest.raises(error, match=f"^{name} must be a number") as caught:
            call()
        assert shown in str(caught.value)
