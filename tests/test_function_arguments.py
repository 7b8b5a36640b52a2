"""What a function may do with the array it is asked about, and what it may not."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kobai import TwoLayerNet, gradient_descent, numerical_gradient
from strategies import WRITABLE, laid_out

CHANGES = "f must not change its argument"


def bits(array):
    return np.ascontiguousarray(array).tobytes()


# ------------------------------------------------------------------- f changes its argument


def normalised(p):
    p /= p.sum()
    return float(p[0] ** 2)


def in_order(p):
    p.sort()
    return float(p[0] - p[-1])


def clipped(p):
    np.clip(p, 0, 1, out=p)
    return float(np.sum(p**2))


def stepped(p):
    p -= 0.1 * p
    return float(np.sum(p**2))


def zeroed(p):
    p[...] = 0
    return 1.0


def pinned(p):
    p.flat[-1] = 0.5
    return float(np.sum(p**2))


def counted(p):
    p.flat[0] = np.nextafter(p.flat[0], p.dtype.type(np.inf))  # the smallest change there is
    return 1.0


CHANGING = [normalised, in_order, clipped, stepped, zeroed, pinned, counted]
POINT = np.array([1.5, -0.5, 0.25, 3.0])


@pytest.mark.parametrize("f", CHANGING)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", WRITABLE)
def test_an_f_that_changes_its_argument_is_told_so_and_x_comes_back(f, dtype, layout):
    x = laid_out(POINT.astype(dtype), layout)
    before = bits(x)
    with pytest.raises(ValueError, match=CHANGES) as caught:
        numerical_gradient(f, x)
    assert "f(x.copy())" in str(caught.value)
    assert bits(x) == before
    gradient = numerical_gradient(lambda p: f(p.copy()), x)  # the cure that it names
    assert gradient.shape == x.shape
    assert bits(x) == before


@pytest.mark.parametrize("f", CHANGING)
@pytest.mark.parametrize("wrap", [list, tuple, lambda x: laid_out(x, "read-only")])
def test_also_where_x_is_copied(f, wrap):
    x = wrap(POINT)
    with pytest.raises(ValueError, match=CHANGES):
        numerical_gradient(f, x)
    assert list(x) == POINT.tolist()


@pytest.mark.parametrize("f", CHANGING)
def test_also_in_a_descent(f):
    x = POINT.copy()
    with pytest.raises(ValueError, match=f"{CHANGES}.* init_x is as it was"):
        gradient_descent(f, x)
    assert bits(x) == bits(POINT)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 65, 300, 5000])
@pytest.mark.parametrize("when", [0, 1, 2, -3, -2, -1, 0.3, 0.6])
def test_a_change_of_any_call_is_found(size, when):
    # Of another element than the one that is moved: it stays until that is moved in its turn.
    x = np.random.default_rng(0).uniform(1, 2, size)
    fatal = int(when * 2 * size) if isinstance(when, float) else when % (2 * size)
    calls = iter(range(2 * size + 1))

    def f(p):
        if next(calls) == fatal:
            p[(fatal // 2 + 1) % size] += 1e-3
        return 1.0

    before = bits(x)
    with pytest.raises(ValueError, match=CHANGES):
        numerical_gradient(f, x)
    assert bits(x) == before


def test_neighbours_that_a_move_puts_in_another_order_are_found():
    # Closer to each other than h, so that a sort exchanges them only while one of them is moved.
    x = np.arange(200.0)
    x[101] = x[100] + 5e-5
    before = bits(x)
    with pytest.raises(ValueError, match=CHANGES):
        numerical_gradient(in_order, x)
    assert bits(x) == before


@given(st.integers(1, 40), st.data())
def test_every_bit_comes_back_whatever_f_does(size, data):
    raw = data.draw(st.binary(min_size=8 * size, max_size=8 * size))
    x = np.frombuffer(raw, np.float64).copy()
    x[np.isfinite(x) & (np.abs(x) > 1e3)] = np.nan
    before = bits(x)
    fatal = data.draw(st.integers(0, 2 * size - 1))
    error = data.draw(st.sampled_from((None, KeyboardInterrupt, RuntimeError)))
    calls = iter(range(2 * size + 1))

    def f(p):
        if next(calls) == fatal:
            p.view(np.uint64)[...] ^= 1
            if error:
                raise error
        return 1.0

    with pytest.raises((ValueError, KeyboardInterrupt, RuntimeError)) as caught:
        numerical_gradient(f, x)
    assert caught.type is (error or ValueError)
    assert bits(x) == before


def assign_shape(p):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        p.shape = p.shape[::-1] if p.ndim == 2 else (-1, 1)
    return 1.0


def assign_dtype(p):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        p.dtype = np.int64
    return 1.0


def resize(p):
    p.resize((1,), refcheck=False)
    return 1.0


def make_read_only(p):
    p.flags.writeable = False
    return 1.0


@pytest.mark.parametrize("f", [assign_shape, assign_dtype, resize])
@pytest.mark.parametrize("shape", [(4,), (2, 3), (3, 2), (40, 3)])
@pytest.mark.parametrize("quiet_calls", [0, 1, 5])
def test_an_f_that_gives_its_argument_another_form(f, shape, quiet_calls):
    x = np.random.default_rng(0).uniform(1, 2, shape)
    before = bits(x)
    calls = iter(range(10**6))

    def late(p):
        return f(p) if next(calls) >= quiet_calls else 1.0

    with pytest.raises(ValueError, match=CHANGES):
        numerical_gradient(late, x)
    assert (x.shape, x.dtype) == (shape, np.float64)
    if f is not resize:  # which frees what it cuts off
        assert bits(x) == before
    with pytest.raises(ValueError, match=CHANGES):
        numerical_gradient(f, x.tolist())


def test_an_f_that_makes_its_argument_read_only():
    x = np.array([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=CHANGES):
        numerical_gradient(make_read_only, x)
    assert x.flags.writeable
    assert x.tolist() == [1, 2, 3]


def test_what_is_undone_before_f_returns_does_no_harm():
    x = np.array([1.0, 2.0, 3.0])

    def f(p):
        p *= 2
        value = float(np.sum(p**2))
        p /= 2
        return value

    np.testing.assert_allclose(numerical_gradient(f, x), 8 * x, rtol=1e-9)


def test_other_arrays_are_f_s_own_affair():
    net = TwoLayerNet(3, 4, 2, 1.0, rng=0)
    x, t = np.eye(3)[:2], [0, 1]

    def f(_):
        net.params["b2"][...] = 0.5
        return net.loss(x, t)

    gradient = numerical_gradient(f, net.params["W1"])
    np.testing.assert_allclose(gradient, net.gradient(x, t)["W1"], atol=1e-8)


# ---------------------------------------------------------- what f is given, and what it keeps


@pytest.mark.parametrize("make", [lambda: [1.0, 2.0], lambda: np.array([1, 2]), lambda: (1, 2)])
def test_where_x_is_copied_each_call_gets_an_array_of_its_own(make):
    kept = []

    def f(p):
        kept.append(p)
        return float(np.sum(p**2))

    numerical_gradient(f, make(), h=0.5)
    points = [[1.5, 2], [0.5, 2], [1, 2.5], [1, 1.5]]
    assert [point.tolist() for point in kept] == points
    kept.clear()
    gradient_descent(f, make(), h=0.5, step_num=1)
    assert [point.tolist() for point in kept] == points


def test_where_x_is_moved_in_place_f_is_given_x_itself():
    x = np.array([1.0, 2.0])
    kept = []
    numerical_gradient(lambda p: kept.append(p) or float(np.sum(x**2)), x)
    assert all(point is x for point in kept)


def test_gradient_descent_never_hands_out_the_point_it_stands_at():
    kept = []
    x, path = gradient_descent(
        lambda p: kept.append(p) or float(np.sum(p**2)), [1.0], 0.1, 2, return_history=True
    )
    for point in kept:
        point[...] = np.nan
    assert np.isfinite(x).all()
    assert np.isfinite(path).all()


# -------------------------------------------------------------- f reads what is not moved


def memory_map(tmp_path):
    path = tmp_path / "weights.npy"
    np.save(path, np.array([3.0, 4.0]))
    return np.load(path, mmap_mode="r")


COPIED = {
    "integers": (lambda _: np.array([3, 4]), "it holds int64"),
    "bools": (lambda _: np.array([True, False]), "it holds bool"),
    "list": (lambda _: [3.0, 4.0], "it is a list"),
    "float": (lambda _: 3.0, "it is a float"),
    "read-only": (lambda _: laid_out(np.array([3.0, 4.0]), "read-only"), "it is read-only"),
    "memory map": (memory_map, "it is read-only"),
    "broadcast": (lambda _: np.broadcast_to(3.0, 2), "it is read-only"),
}


@pytest.mark.parametrize("kind", COPIED)
def test_a_closure_over_what_was_copied_is_warned_of(kind, tmp_path):
    make, reason = COPIED[kind]
    W = make(tmp_path)
    with pytest.warns(UserWarning, match="the gradient is exactly 0") as caught:
        gradient = numerical_gradient(lambda _: np.sum(np.asarray(W) ** 2), W)
    assert not gradient.any()
    [warning] = caught
    assert f"x was copied, because {reason}" in str(warning.message)
    assert "writable float array" in str(warning.message)
    assert warning.filename == __file__


def test_a_descent_along_a_closure_is_warned_of_once():
    W = np.array([3.0, 4.0])
    with pytest.warns(UserWarning, match="init_x was copied") as caught:
        x = gradient_descent(lambda _: np.sum(W**2), W, step_num=5)
    [warning] = caught
    assert "gradient_descent leaves it alone" in str(warning.message)
    assert warning.filename == __file__
    assert x.tolist() == W.tolist() == [3, 4]


def test_what_reads_its_argument_is_not_warned_of():
    # Warnings are errors here.
    def valley(p):
        return float(np.sum(p**2))

    assert not numerical_gradient(valley, [0, 0]).any()  # at the bottom, exactly symmetric
    assert not numerical_gradient(lambda p: float(p[0] ** 2), [0, 5]).any()
    assert not numerical_gradient(lambda p: float(p[1] ** 2), [5, 0]).any()
    assert not gradient_descent(valley, [0.0, 0.0]).any()
    assert numerical_gradient(lambda p: float(p[0]), [1, 2]).tolist() == pytest.approx([1, 0])
    assert np.isnan(numerical_gradient(lambda p: np.nan, [1, 2])).all()
    assert gradient_descent(lambda p: max(float(p[0]), 0.0), [1e-3], 1.0, 5) <= 0  # flat at last


def test_a_constant_of_an_array_that_f_reads_in_place_is_not_warned_of():
    assert not numerical_gradient(lambda p: 1.0, np.array([1.0, 2.0])).any()


def test_a_copied_constant_cannot_be_told_from_it_and_the_warning_says_so():
    with pytest.warns(UserWarning, match="If f is constant here, all is well"):
        numerical_gradient(lambda p: 1.0, [1, 2])
    with pytest.warns(UserWarning, match="exactly 0"):
        gradient_descent(lambda p: 1.0, [1, 2])


# ------------------------------------------------------------------------- dtypes of results


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f2", ">f4", ">f8"])
def test_gradient_descent_keeps_the_dtype_of_its_start(dtype):
    init_x = np.array([[1.0, -2.0]], dtype)
    native = init_x.dtype.newbyteorder("=")
    given = []
    x, path = gradient_descent(
        lambda p: given.append(p.dtype) or float(np.sum(p.astype(float) ** 2)),
        init_x, 0.1, 3, h=1e-2, return_history=True,
    )  # fmt: skip
    assert x.dtype == path.dtype == native
    assert x.tobytes() == path[-1].tobytes()
    np.testing.assert_array_equal(path[0], init_x)
    np.testing.assert_allclose(x, 0.8**3 * init_x, rtol=2e-3)
    # float16 has too few digits to move by h: it is computed in float32.
    assert set(given) == {np.dtype(np.float32) if native == np.float16 else native}


@pytest.mark.parametrize("dtype", [int, bool, np.uint8, object])
def test_gradient_descent_of_integers_is_of_float64(dtype):
    assert gradient_descent(lambda p: float(p[0] ** 2), np.ones(1, dtype), 0.1, 1).dtype == float


@pytest.mark.parametrize("dtype", [np.float16, ">f2", ">f4", ">f8"])
def test_the_gradient_of_a_copy_has_the_dtype_of_x(dtype):
    x = laid_out(np.array([1.0, 2.0], dtype), "read-only")
    gradient = numerical_gradient(lambda p: float(np.sum(p.astype(float) ** 2)), x)
    assert gradient.dtype == x.dtype.newbyteorder("=")
    np.testing.assert_allclose(gradient, [2, 4], rtol=2e-3)


def test_a_slope_beyond_float16_is_infinite_without_a_warning():
    x = laid_out(np.array([1.0], np.float16), "read-only")
    assert numerical_gradient(lambda p: 1e6 * float(p[0]), x).tolist() == [np.inf]
