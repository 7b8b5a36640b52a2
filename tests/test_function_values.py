"""What a function may return: what is one real number, however it is wrapped; else the error says
for which element, why, and what was behind it."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from kobai import gradient_descent, numerical_gradient

POINT = np.array([[1.0, 2.0], [3.0, 4.0]])


class Tensor:
    """As one of PyTorch: its array cannot be had while it requires its gradient."""

    def __init__(self, *values, requires_grad=False):
        self.values, self.requires_grad = values, requires_grad

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return np.array(self.values, dtype)

    def __float__(self):
        if len(self.values) != 1:
            raise RuntimeError(f"a Tensor with {len(self.values)} elements is no Scalar")
        return float(self.values[0])


class ByIndex:
    def __index__(self):
        return 2


def series(*values):
    return pytest.importorskip("pandas").Series(list(values))


NUMBERS = {
    "float": float,
    "int": lambda v: int(v * 4),
    "bool": lambda v: v > 1,
    "bool of NumPy": lambda v: np.bool_(v > 1),
    "float32": np.float32,
    "float16": np.float16,
    "long double": np.longdouble,
    "uint8": lambda v: np.uint8(v * 4),
    "0-d": np.array,
    "1 element": lambda v: np.array([[[v]]]),
    "matrix": lambda v: np.array([[v]]).view(np.recarray),
    "unmasked": lambda v: np.ma.array([v], mask=[False]),
    "object array": lambda v: np.array([Decimal(v)], object),
    "Decimal": Decimal,
    "Fraction": Fraction,
    "tensor": Tensor,
    "tensor that requires its gradient": lambda v: Tensor(v, requires_grad=True),
    "series": series,
    "data frame": lambda v: series(v).to_frame(),
    "series of objects": lambda v: series(v).astype(object),
}


# What they make of 1.25 and 0.75, if not the same.
RISES = {"int": 5 - 3, "uint8": 5 - 3, "bool": 1 - 0, "bool of NumPy": 1 - 0}


@pytest.mark.parametrize("kind", NUMBERS)
def test_one_real_number_in_any_form(kind):
    def f(p):
        return NUMBERS[kind](float(p[0]))

    slope = RISES.get(kind, 1.25 - 0.75) / 0.5
    assert numerical_gradient(f, np.array([1.0]), 0.25).tolist() == [slope]
    assert numerical_gradient(f, [1], 0.25).tolist() == [slope]


def test_an_index_is_a_number():
    assert numerical_gradient(lambda p: ByIndex(), np.ones(2)).tolist() == [0, 0]


def raising(error):
    class Value:
        def __float__(self):
            raise error

    return Value()


# What comes back, the error, what it says, and the kind of its cause.
REFUSED = {
    "int beyond float64": (10**400, ValueError, "float64 can hold, got int", OverflowError),
    "its negative": (-(10**400), ValueError, "float64 can hold, got int", OverflowError),
    "fraction beyond it": (
        Fraction(10**400), ValueError, "float64 can hold, got Fraction", OverflowError,
    ),
    "objects beyond it": (
        np.array([10**400], object), ValueError, "float64 can hold, got int", OverflowError,
    ),
    "signaling Decimal": (Decimal("sNaN"), TypeError, "got Decimal", ValueError),
    "two in a tensor": (Tensor(1.0, 2.0), ValueError, "array of shape (2,)", None),
    "two that require their gradient": (
        Tensor(1.0, 2.0, requires_grad=True), TypeError, "got Tensor", RuntimeError,
    ),
    "no conversion": (raising(ArithmeticError("lost")), TypeError, "Value", ArithmeticError),
    "several numbers": (np.ones(81), ValueError, "array of shape (81,)", None),
    "a matrix": (np.ones((2, 3)), ValueError, "array of shape (2, 3)", None),
    "no number": (np.ones((0, 3)), ValueError, "array of shape (0, 3)", None),
    "complex": (1j, TypeError, "got complex", None),
    "complex without an imaginary part": (1 + 0j, TypeError, "got complex", None),
    "complex of NumPy": (np.complex128(1), TypeError, "got complex", None),
    "complex array": (np.array([1 + 0j]), TypeError, "got complex", None),
    "text": ("1.0", TypeError, "got str", None),
    "bytes": (b"1.0", TypeError, "got bytes", None),
    "bytes that change": (bytearray(b"1.0"), TypeError, "got bytearray", None),
    "memory": (memoryview(b"1.0"), TypeError, "got memoryview", None),
    "text of NumPy": (np.str_("1.0"), TypeError, "got str", None),
    "nothing": (None, TypeError, "got NoneType", None),
    "array of nothing": (np.array([None]), TypeError, "got NoneType", None),
    "list": ([1.0], TypeError, "got list", None),
    "tuple": ((1.0, {}), TypeError, "got tuple", None),
    "masked": (np.ma.masked, TypeError, "got MaskedConstant", None),
    "masked array": (np.ma.array([1.0], mask=[True]), TypeError, "got MaskedArray", None),
    "time": (np.datetime64("2020-01-01", "ns"), TypeError, "got datetime64", None),
    "duration": (np.timedelta64(1, "ns"), TypeError, "got timedelta64", None),
    "record": (np.array([(1.0,)], [("a", "f8")]), TypeError, "got tuple", None),
    "function": (len, TypeError, "got builtin_function_or_method", None),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize(("call", "element"), [(0, "x[0, 0]"), (1, "x[0, 0]"), (5, "x[1, 0]")])
def test_what_is_no_number_is_refused_by_the_element_it_was_for(kind, call, element):
    value, error, words, cause = REFUSED[kind]
    x, calls = POINT.copy(), iter(range(9))
    with pytest.raises(error, match=r"f must return a .*number") as caught:
        numerical_gradient(lambda _: value if next(calls) == call else 1.0, x)
    message = str(caught.value)
    assert words in message
    assert f"for {element}" in message
    assert next(calls) == call + 1  # f is not asked again
    assert x.tobytes() == POINT.tobytes()
    if cause is None:
        assert caught.value.__cause__ is None
    else:
        assert type(caught.value.__cause__) is cause
        assert str(caught.value.__cause__) in message


@pytest.mark.parametrize(
    ("x", "element"), [(np.ones(3), "x[0]"), (np.array(1.0), "x"), ([[1.0]], "x[0, 0]")]
)
def test_elements_are_named_as_they_are_indexed(x, element):
    with pytest.raises(TypeError, match="got NoneType") as caught:
        numerical_gradient(lambda _: None, x)
    assert str(caught.value).endswith(f"for {element}")


def test_a_descent_names_its_start_and_later_its_step():
    with pytest.raises(TypeError, match=r"asked for init_x\[0\]"):
        gradient_descent(lambda _: None, [1.0])
    calls = iter([1.0, 0.0, 1.0, 0.0, None])
    with pytest.raises(TypeError, match=r"asked for \(init_x after 2 steps\)\[0\]"):
        gradient_descent(lambda _: next(calls), [1.0])


def test_many_points_at_once_are_told_what_to_do():
    points = np.random.default_rng(0).random((81, 2))
    with pytest.raises(ValueError, match="x is one point") as caught:
        numerical_gradient(lambda p: np.sum(p**2, axis=1), points)
    message = str(caught.value)
    assert "(81,)" in message
    assert "the gradient of each" in message
    # As rows do not touch each other, the gradient of the sum holds that of each.
    whole = numerical_gradient(lambda p: np.sum(np.sum(p**2, axis=1)), points)
    each = [numerical_gradient(lambda p: np.sum(p**2), point) for point in points]
    np.testing.assert_allclose(whole, each, atol=1e-9)


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_what_is_no_matter_of_numbers_passes(error):
    with pytest.raises(error):
        numerical_gradient(lambda _: raising(error()), np.ones(2))


# ------------------------------------------------------------------------------------- x


class Withheld:
    def __init__(self, error):
        self.error = error

    def __array__(self, *args, **kwargs):
        raise self.error


@pytest.mark.parametrize(
    "error", [RuntimeError("requires grad"), ValueError("ragged"), KeyError("a"), OSError("gone")]
)
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: ([x], [x])])
def test_an_x_whose_array_cannot_be_had_is_named(error, wrap):
    for call, name in ((numerical_gradient, "x"), (gradient_descent, "init_x")):
        with pytest.raises((TypeError, ValueError), match=rf"^{name} must be an array") as caught:
            call(lambda p: 1.0, wrap(Withheld(error)))
        assert caught.value.__cause__ is error
        if isinstance(wrap(1), int) or not isinstance(error, ValueError):
            assert caught.type is TypeError
