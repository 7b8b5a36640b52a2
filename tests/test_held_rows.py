"""Rows that are held for many gradients: the numbers of rows that are gathered anew."""

import numpy as np
import pytest

import kobai
from kobai import _core

sparse = pytest.importorskip("scipy.sparse")

ROWS, COLUMNS, UNITS, CLASSES = 190, 700, 21, 3


def drawn(density, seed=0):
    """Elements of a matrix that has empty rows and columns, and stores zeros."""
    generator = np.random.default_rng(seed)
    x = sparse.random(ROWS, COLUMNS, density, "csr", random_state=generator)
    x.data[::9] = 0
    keep = sparse.diags((np.arange(ROWS) % 11 > 0).astype(float))
    x = sparse.csr_matrix(keep @ x)
    x.sort_indices()
    return x


def parts(x):
    return x.data, x.indices, x.indptr.astype(np.int64), x.shape[1]


def network(seed=1):
    generator = np.random.default_rng(seed)
    weights = [generator.normal(size=size) for size in ((COLUMNS, UNITS), (UNITS, CLASSES))]
    biases = [generator.normal(size=size) for size in (UNITS, CLASSES)]
    layers = list(zip(weights, biases, ["tanh", "identity"], strict=True))
    return layers, ("cross_entropy", [0.0]), 0.0


def targets(generator):
    return generator.integers(0, CLASSES, ROWS), generator.random(ROWS)


def by_scipy(net, x, t, weights):
    """The weighted mean of the losses, and its gradient."""
    ((w1, b1, _), (w2, b2, _)), *_ = net
    z = np.tanh(x @ w1 + b1)
    scores = z @ w2 + b2
    scores -= scores.max(axis=1, keepdims=True)
    p = np.exp(scores)
    p /= p.sum(axis=1, keepdims=True)
    share = weights / weights.sum()
    loss = -(share * np.log(p[np.arange(len(t)), t])).sum()
    d2 = share[:, None] * (p - np.eye(CLASSES)[t])
    d1 = (d2 @ w2.T) * (1 - z * z)
    return loss, [x.T @ d1, z.T @ d2, d1.sum(axis=0), d2.sum(axis=0)]


@pytest.mark.parametrize("density", [0.0, 0.004, 0.1])
@pytest.mark.parametrize("threads", [1, 2])
def test_gradients_are_those_of_rows_gathered_anew_and_of_scipy(density, threads):
    x, net = drawn(density), network()
    t, weights = targets(np.random.default_rng(2))
    before = kobai.num_threads()
    kobai.set_num_threads(threads)
    try:
        held = _core.HeldRows.of(parts(x), [120, 70])
        out = np.empty(sum(w.size + b.size for w, b, _ in net[0]))
        for _ in range(2):
            for block, rows in enumerate([slice(120), slice(120, None)]):
                for own in (None, weights[rows]):
                    out[:] = np.nan
                    loss = held.gradient(net, block, t[rows], own, out)
                    asked = _core.network_gradient(net, parts(x[rows]), t[rows], own)
                    assert loss == asked[0]
                    flat = [part.ravel() for each in zip(*asked[1], strict=True) for part in each]
                    np.testing.assert_array_equal(out, np.concatenate(flat))
                own = weights[rows]
                wanted, gradient = by_scipy(net, x[rows], t[rows], own)
                assert loss == pytest.approx(wanted, rel=1e-12)
                flat = np.concatenate([np.ravel(part) for part in gradient])
                np.testing.assert_allclose(out, flat, rtol=1e-10, atol=1e-14)
    finally:
        kobai.set_num_threads(before)


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_what_is_not_finite_meets_the_zeros(spoilt):
    t = np.zeros(ROWS, np.int64)
    for where in ("x", "weights"):
        x, net = drawn(0.004), network()
        if where == "x":
            x.data[5] = spoilt
        else:
            net[0][0][0][3, 4] = spoilt
        out = np.empty(sum(w.size + b.size for w, b, _ in net[0]))
        loss = _core.HeldRows.of(parts(x), [ROWS]).gradient(net, 0, t, None, out)
        asked = _core.network_gradient(net, x.toarray(), t, None)
        np.testing.assert_array_equal(loss, asked[0])
        flat = [part.ravel() for each in zip(*asked[1], strict=True) for part in each]
        np.testing.assert_array_equal(out, np.concatenate(flat))


def test_rows_with_few_zeros_are_not_held():
    assert _core.HeldRows.of(parts(drawn(0.8)), [ROWS]) is None


def test_what_does_not_fit_is_refused():
    x, net, t = drawn(0.004), network(), np.zeros(ROWS, np.int64)
    for sizes in ([], [ROWS - 1], [0, ROWS], [ROWS, 1]):
        with pytest.raises(ValueError, match="add up to 190"):
            _core.HeldRows.of(parts(x), sizes)
    with pytest.raises(ValueError, match="double precision"):
        _core.HeldRows.of(x.toarray(), [ROWS])
    held = _core.HeldRows.of(parts(x), [ROWS])
    size = sum(w.size + b.size for w, b, _ in net[0])
    with pytest.raises(ValueError, match="a number for each parameter"):
        held.gradient(net, 0, t, None, np.empty(size - 1))
    with pytest.raises(ValueError, match="batch must be one of 1"):
        held.gradient(net, 1, t, None, np.empty(size))
    with pytest.raises(ValueError, match="t must"):
        held.gradient(net, 0, t[1:], None, np.empty(size))
