"""Inputs by their elements: the numbers of the same rows with their zeros, bit for bit."""

import numpy as np
import pytest

import kobai
from kobai import MultiLayerNet, _core

FLOATS = (np.float32, np.float64)
SHAPES = [(5, 3), (70, 64), (130, 65), (90, 200), (150, 700)]
DENSITIES = [0.0, 0.01, 0.05, 0.3, 0.7]


@pytest.fixture
def threads():
    """Sets the number of threads, for one test."""
    before = kobai.num_threads()
    yield kobai.set_num_threads
    kobai.set_num_threads(before)


def drawn(shape, density, dtype, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=shape) * (generator.random(shape) < density)
    return x.astype(dtype)


def csr(x, *, with_zeros=False):
    """Values, columns, starts and the number of columns; with some zeros among the values."""
    is_stored = x != 0
    if with_zeros:
        is_stored |= np.arange(x.size).reshape(x.shape) % 7 == 0
    starts = np.concatenate([[0], np.cumsum(is_stored.sum(axis=1))])
    return x[is_stored], np.nonzero(is_stored)[1].astype(np.int32), starts, x.shape[1]


def network(columns, dtype, loss="cross_entropy"):
    net = MultiLayerNet(columns, [6], 3, weight_decay_lambda=0.01, loss=loss, rng=0, dtype=dtype)
    return net, net.core_network()


def bits(answer):
    return np.asarray(answer).tobytes()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("density", DENSITIES)
def test_answers_are_those_of_dense_rows(shape, density, dtype):
    x = drawn(shape, density, dtype)
    t = np.arange(shape[0]) % 3
    weights = np.linspace(0, 1, shape[0])
    _, core = network(shape[1], dtype)
    for sparse in (csr(x), csr(x, with_zeros=True)):
        assert bits(_core.network_scores(core, sparse)) == bits(_core.network_scores(core, x))
        assert bits(_core.network_outputs(core, sparse)) == bits(_core.network_outputs(core, x))
        for own in (None, weights):
            loss = _core.network_loss(core, x, t, own)
            assert _core.network_loss(core, sparse, t, own) == loss
            found, wanted = (_core.network_gradient(core, each, t, own) for each in (sparse, x))
            assert found[0] == wanted[0]
            for some, others in zip(found[1], wanted[1], strict=True):
                assert [*map(bits, some)] == [*map(bits, others)]


@pytest.mark.parametrize("data_dtype", FLOATS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("density", DENSITIES)
def test_steps_are_those_of_dense_rows(shape, density, dtype, data_dtype, threads):
    x = drawn(shape, density, data_dtype)
    t = np.arange(shape[0]) % 3
    order = np.random.default_rng(1).permutation(shape[0])
    sizes = np.array([shape[0] - shape[0] // 2, shape[0] // 2])
    ends = []
    for count, rows, difference in [
        (1, x, None),
        (2, csr(x, with_zeros=True), None),
        (1, csr(x), None),
        (1, x, (1e-4, "auto")),
        (2, csr(x), (1e-4, "auto")),
    ]:
        threads(count)
        net, core = network(shape[1], dtype)
        losses, _ = _core.network_train(
            core, rows, t, None, order, sizes, "sgd",
            np.full((2, 1), 0.1), np.full(2, 0.01), [], difference,
        )  # fmt: skip
        ends.append((bits(losses), [*map(bits, net.params.values())]))
    assert ends[0] == ends[1] == ends[2]
    assert ends[3] == ends[4]


def test_weights_that_are_not_finite_meet_the_zeros():
    x = drawn((70, 130), 0.1, np.float64)
    net, core = network(130, np.float64)
    for spoilt in (np.inf, np.nan):
        net.params["W1"][7, 2] = spoilt
        scores = _core.network_scores(core, x)
        assert np.isnan(scores).any()
        assert bits(_core.network_scores(core, csr(x))) == bits(scores)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({1: np.array([0, 5, 1], np.int32)}, "ascending order"),
        ({1: np.array([0, 0, 1], np.int32)}, "ascending order"),
        ({1: np.array([0, -1, 1], np.int32)}, "negative"),
        ({2: np.array([0, 2, 4])}, "begin each row where the last one ends"),
        ({2: np.array([1, 2, 3])}, "begin each row where the last one ends"),
        ({2: np.array([0, 3, 2])}, "begin each row where the last one ends"),
        ({2: np.array([0, -1, 3])}, "negative"),
        ({2: np.array([], np.int64)}, "begin each row where the last one ends"),
        ({0: np.ones(2)}, "a column for each value"),
        ({0: np.ones((3, 1))}, "must have 1 axes"),
        ({3: 7}, "have 5 columns"),
    ],
)
def test_what_is_no_sparse_matrix_is_refused(change, message):
    parts = [np.ones(3), np.array([0, 4, 1], np.int32), np.array([0, 2, 3]), 5]
    _, core = network(5, np.float64)
    assert _core.network_scores(core, tuple(parts)).shape == (2, 3)
    for place, value in change.items():
        parts[place] = value
    with pytest.raises(ValueError, match=message):
        _core.network_scores(core, tuple(parts))
