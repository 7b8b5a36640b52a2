"""Many steps in one call of the core are the same steps taken singly, bit for bit, on any data.

Whether a step is taken in the core or by itself is decided by measured time, so any difference
would be one between machines.
"""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kobai
from kobai import SGD, MultiLayerNet, Trainer, TwoLayerNet, _core

FLOATS = (np.float32, np.float64)
METHODS = ("backprop", "auto", "node", "incremental", "direct")
RATES = (0.0, 1e-300, 1e-40, 0.1, 3.0, 1e30, 1e300)
STDS = (0.0, 0.01, 0.5, 30.0, 1e10)
WIDTH = 1e-4

# What some of the inputs are replaced by: numbers at the edge of float32 and beyond, zeros of
# either sign, and what is none of these.
INPUTS = {
    "plain": (1.0,),
    "tiny": (1e-60, -1e-60),
    "at half of the smallest float32": (7.006e-46, -7.007e-46, 2.0**-150, -(2.0**-150)),
    "subnormal": (1e-40, -1e-310),
    "negative zero": (-0.0,),
    "huge": (1e300, -1e300),
    "at the largest float32": (3.4028235e38, -3.4028236e38),
    "infinite": (np.inf, -np.inf),
    "nan": (np.nan,),
    "of all kinds": (1e-60, 1e-46, -1e-40, -0.0, 1e300, -3.41e38, np.inf, 1.0),
}
PARAMETERS = (np.inf, -np.inf, np.nan, 1e300, -1e30, 1e-310, -0.0, -1e-42)


class Run(NamedTuple):
    """A network, a data set, and the steps to take."""

    net: TwoLayerNet
    x: np.ndarray
    t: np.ndarray
    batches: list
    lr: float
    method: str


def drawn(seed, dtype, data_dtype, inputs, density, batch_size, target, method, lr, std, odd):
    """A run of these properties, its numbers drawn from a seed."""
    generator = np.random.default_rng(seed)
    units = [1, 8, 9, 33] if method in ("backprop", "auto", "node") else [1, 3]
    columns = [1, 17, 64, 65, 200] if len(units) > 2 else [1, 9]
    sizes = [int(generator.choice(choices)) for choices in (columns, units, [1, 2, 3, 10])]
    samples = 2 * batch_size + 1
    x = generator.uniform(-1, 1, (samples, sizes[0]))
    x[generator.random(x.shape) >= density] = 0
    replaced = generator.random(x.shape) < generator.choice([0.01, 0.3])
    x[replaced] = generator.choice(INPUTS[inputs], replaced.sum())
    labels = generator.integers(0, sizes[2], samples)
    t = {
        "labels": labels,
        "one-hot": np.eye(sizes[2])[labels],
        "soft": generator.uniform(-0.2, 1, (samples, sizes[2])),
    }[target]
    net = TwoLayerNet(*sizes, std, rng=seed, dtype=dtype)
    for param in net.params.values():
        param += generator.normal(size=param.shape).astype(dtype) * (param.ndim == 1)
        chosen = generator.random(param.shape) < 0.02 * odd
        with np.errstate(over="ignore"):
            param[chosen] = generator.choice(PARAMETERS, chosen.sum()).astype(dtype)
    batches = [generator.permutation(samples)[:batch_size] for _ in range(2)]
    batches.append(generator.integers(0, samples, max(1, batch_size // 3)))
    with np.errstate(over="ignore"):
        return Run(net, x.astype(data_dtype), t, batches, lr, method)


def bits(values):
    """Bit for bit, but for what kind of NaN it is."""
    values = np.array(values)
    return values.dtype, np.where(np.isnan(values), np.nan, values).tobytes()


def in_one_call(run):
    """Losses and parameters after all steps; None where a step is refused, and nothing changes."""
    params = {key: param.copy() for key, param in run.net.params.items()}
    before = {key: bits(param) for key, param in params.items()}
    t = run.t if run.t.ndim == 1 else run.t.astype(run.net.dtype)
    kept, run.net.params = run.net.params, params
    try:
        losses, _ = _core.network_train(
            run.net.core_network(), run.x, t, None, np.concatenate(run.batches),
            np.array([len(batch) for batch in run.batches]),
            "sgd", np.full((len(run.batches), 1), run.lr), None, [],
            None if run.method == "backprop" else (WIDTH, run.method),
        )  # fmt: skip
    except ValueError:
        assert {key: bits(param) for key, param in params.items()} == before
        return None
    finally:
        run.net.params = kept
    return bits(losses), {key: bits(param) for key, param in params.items()}


def one_by_one(run):
    """The same; None where a step is refused."""
    losses = []
    for batch in run.batches:
        x, t = run.x[batch], run.t[batch]
        try:
            if run.method == "backprop":
                loss, grads = run.net.loss_and_gradient(x, t)
            else:
                loss, grads = run.net.loss_and_numerical_gradient(x, t, WIDTH, run.method)
        except ValueError:
            assert run.method == "direct"
            return None
        SGD(run.lr).update(run.net.params, grads)
        losses.append(loss)
    return bits(losses), {key: bits(param) for key, param in run.net.params.items()}


def assert_same(run):
    together = in_one_call(run)
    assert together == one_by_one(run)


@pytest.fixture
def threads():
    """Sets the number of threads, for one test."""
    before = kobai.num_threads()
    yield kobai.set_num_threads
    kobai.set_num_threads(before)


runs = st.builds(
    drawn,
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(FLOATS),
    data_dtype=st.sampled_from(FLOATS),
    inputs=st.sampled_from(list(INPUTS)),
    density=st.sampled_from((0.02, 0.2, 0.45, 0.5, 0.55, 1.0)),
    batch_size=st.sampled_from((1, 2, 15, 16, 17, 64, 65, 128, 129, 200)) | st.integers(1, 200),
    target=st.sampled_from(("labels", "one-hot", "soft")),
    method=st.sampled_from(METHODS),
    lr=st.sampled_from(RATES),
    std=st.sampled_from(STDS),
    odd=st.booleans(),
)


@given(runs, st.integers(1, 3))
@settings(max_examples=200)
def test_steps_in_one_call_are_steps_taken_singly(run, count):
    before = kobai.num_threads()
    kobai.set_num_threads(count)
    try:
        assert_same(run)
    finally:
        kobai.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("inputs", INPUTS)
def test_a_sweep_over_all_kinds_of_numbers(threads, inputs, count):
    threads(count)
    generator = np.random.default_rng([count, *inputs.encode()])
    for dtype in FLOATS:
        for data_dtype in FLOATS:
            for method in METHODS:
                density, batch_size, target, lr, std, odd = (
                    generator.choice(choices)
                    for choices in (
                        (0.2, 0.5, 1.0), (1, 17, 64, 130), ("labels", "soft"), RATES, STDS, (0, 1)
                    )
                )  # fmt: skip
                seed = int(generator.integers(2**32))
                batch_size = int(batch_size) if method != "direct" else 17
                assert_same(
                    drawn(
                        seed, dtype, data_dtype, inputs, density, batch_size, target, method,
                        float(lr), float(std), odd,
                    )
                )  # fmt: skip


@pytest.mark.parametrize("method", ["backprop", "auto"])
def test_what_is_zero_is_decided_in_the_dtype_of_the_network(method):
    # Of the inputs half are zeros in float32 and none is in float64: the products differ.
    generator = np.random.default_rng(0)
    x = np.where(generator.random((60, 40)) < 0.55, generator.random((60, 40)), 1e-60)
    t = generator.integers(0, 3, 60)
    batches = [np.arange(60)] * 3
    assert_same(
        Run(TwoLayerNet(40, 9, 3, 0.5, rng=0, dtype=np.float32), x, t, batches, 0.5, method)
    )


class Stepwise(SGD):
    """Plain descent by an update of its own: the trainer takes its steps one by one."""

    def update(self, params, grads):
        super().update(params, grads)


def test_what_is_refused_in_the_midst_of_a_call_is_refused_at_its_step():
    # By direct evaluation, once a parameter is too large for the half-width to move it.
    x, t = np.linspace(-1, 1, 6)[:, np.newaxis], np.arange(6) % 2
    ends = []
    for optimizer in (SGD(0.1), Stepwise(0.1)):
        net = TwoLayerNet(1, 2, 2, 0.5, rng=0)
        options = {"gradient": "numerical", "method": "direct", "batch_size": 1, "rng": 0}
        trainer = Trainer(net, optimizer, **options)

        def leap(history, optimizer=optimizer):
            optimizer.lr = 0.1 if len(history.train_loss) < 12 else 1e14

        with pytest.raises(ValueError, match="h must be large enough to move every element of"):
            trainer.fit(x, t, epochs=4, progress=False, on_epoch=leap)
        ends.append({key: bits(param) for key, param in net.params.items()})
        assert max(np.abs(param).max() for param in net.params.values()) > 1e12
    assert ends[0] == ends[1]


def decayed(weight_decays, decay=0.0):
    """What steps come to of which each has a weight decay of its own."""
    generator = np.random.default_rng(0)
    x, t = generator.normal(size=(7, 3)), generator.integers(0, 2, 7)
    net = MultiLayerNet(3, [4], 2, weight_decay_lambda=decay, rng=0)
    losses, penalties = _core.network_train(
        net.core_network(), x, t, None, np.arange(7), np.array([5, 2]),
        "sgd", np.full((2, 1), 0.1), np.array(weight_decays), [], None,
    )  # fmt: skip
    return net, losses, penalties


def test_each_step_may_have_a_weight_decay_of_its_own():
    net, losses, penalties = decayed([0.5, 0.25], decay=9.0)
    twin = MultiLayerNet(3, [4], 2, rng=0)
    generator = np.random.default_rng(0)
    x, t = generator.normal(size=(7, 3)), generator.integers(0, 2, 7)
    steps = [(slice(0, 5), 0.5), (slice(5, 7), 0.25)]
    for (rows, decay), loss, penalty in zip(steps, losses, penalties, strict=True):
        mean, grads = twin.loss_and_gradient(x[rows], t[rows])
        weights = {key: param for key, param in twin.params.items() if param.ndim == 2}
        added = decay / 2 * sum(np.sum(param**2) for param in weights.values())
        assert penalty == pytest.approx(added, rel=1e-12)
        assert loss == pytest.approx(mean + added, rel=1e-12)
        for key, param in twin.params.items():
            param -= 0.1 * (grads[key] + (decay * param if key in weights else 0))
    for key, param in twin.params.items():
        np.testing.assert_allclose(net.params[key], param, rtol=1e-12, atol=1e-14)


def test_a_weight_decay_of_all_steps_is_that_of_the_network():
    net, losses, _ = decayed([0.5, 0.5])
    run = decayed([0.5, 0.5], decay=9.0)
    assert bits(losses) == bits(run[1])
    assert {k: bits(p) for k, p in net.params.items()} == {
        k: bits(p) for k, p in run[0].params.items()
    }


@pytest.mark.parametrize("weight_decays", [[0.1], [-1.0, 0.0], [0.0, np.nan], [np.inf, 0.0]])
def test_weight_decays_that_are_none_are_refused(weight_decays):
    with pytest.raises(ValueError, match="weight_decays must hold"):
        decayed(weight_decays)
