"""Networks that travel: to workers and back, by pickle and copy, as what arrives can be trained."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from kobai import SGD, SimpleNet, Trainer, TwoLayerNet, networks


def bits(params):
    return {key: (param.dtype, param.shape, param.tobytes()) for key, param in params.items()}


def problem():
    """Weights and data above 1 MB, from where on joblib maps arrays into workers, read-only."""
    generator = np.random.default_rng(0)
    return generator.random((300, 784)), generator.integers(0, 10, 300)


def network():
    return TwoLayerNet(784, 200, 10, rng=0)


def trained(net, x, t):
    """What became of a network's parameters, and whether they came read-only."""
    owned = all(param.flags.writeable for param in net.params.values())
    history = Trainer(net, SGD(0.1), rng=0).fit(x, t, epochs=2, progress=False)
    return bits(net.params), history.train_loss, owned


def gradients(net, x, t):
    return bits(net.gradient(x, t)), bits(net.numerical_gradient(x, t))


def test_joblib_hands_workers_networks_that_can_be_trained():
    joblib = pytest.importorskip("joblib")
    x, t = problem()
    net = network()
    before = bits(net.params)
    expected = trained(network(), x, t)
    with joblib.Parallel(n_jobs=2, mmap_mode="r", max_nbytes="1M") as parallel:
        assert parallel(joblib.delayed(trained)(net, x, t) for _ in range(2)) == [expected] * 2
        asked = parallel(joblib.delayed(gradients)(net, x[:20], t[:20]) for _ in range(2))
    assert asked == [gradients(network(), x[:20], t[:20])] * 2
    assert bits(net.params) == before


def test_joblib_loads_a_mapped_network_as_its_own(tmp_path):
    joblib = pytest.importorskip("joblib")
    net = network()
    joblib.dump(net, tmp_path / "net.joblib")
    before = (tmp_path / "net.joblib").read_bytes()
    for mode in (None, "r", "c"):
        loaded = joblib.load(tmp_path / "net.joblib", mmap_mode=mode)
        assert bits(loaded.params) == bits(net.params)
        assert trained(loaded, *problem())[2]
    assert (tmp_path / "net.joblib").read_bytes() == before


def test_processes_of_a_pool_train_what_they_are_given():
    x, t = problem()
    expected = trained(network(), x, t)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = [pool.submit(trained, network(), x, t) for _ in range(2)]
        assert [result.result() for result in results] == [expected] * 2


def out_of_band(net):
    """As shared memory, Dask and Ray hand arrays over: read-only views of one piece of bytes."""
    buffers = []
    data = pickle.dumps(net, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(data, buffers=[bytes(buffer.raw()) for buffer in buffers])  # noqa: S301


class Renamed(TwoLayerNet):
    """A subclass with an attribute of its own."""

    note = ""


@pytest.mark.parametrize(
    "travel",
    [
        *(lambda net, n=n: pickle.loads(pickle.dumps(net, n)) for n in range(6)),  # noqa: S301
        copy.deepcopy,
        copy.copy,
        out_of_band,
        lambda net: out_of_band(out_of_band(net)),
    ],
)
@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_arrives_with_parameters_of_its_own(travel, read_only, dtype):
    net = Renamed(784, 20, 10, rng=0, dtype=dtype)
    net.note = "mine"
    before = bits(net.params)
    for param in net.params.values():
        param.flags.writeable = not read_only
    params = net.params
    arrived = travel(net)
    assert type(arrived) is Renamed
    assert arrived.note == "mine"
    assert bits(arrived.params) == before
    assert all(type(param) is np.ndarray for param in arrived.params.values())
    assert all(param.flags.writeable for param in arrived.params.values())
    x, t = problem()
    Trainer(arrived, rng=0).fit(x, t, epochs=1, progress=False)
    arrived.predict(x)
    assert net.params is params
    if read_only or travel is not copy.copy:
        assert bits(net.params) == before


@pytest.mark.parametrize("travel", [copy.deepcopy, out_of_band])
def test_simple_nets_travel_too(travel):
    net = SimpleNet(3, 2, rng=0)
    net.W.flags.writeable = False
    arrived = travel(net)
    assert repr(arrived) == repr(net) == "<SimpleNet 3-2: 6 parameters, float64>"
    assert arrived.loss(np.ones(3), 0) == net.loss(np.ones(3), 0)
    arrived.W += 1
    np.testing.assert_array_equal(arrived.W, net.W + 1)


def test_what_can_be_written_is_not_copied():
    net = network()
    state = net.__dict__.copy()
    twin = TwoLayerNet.__new__(TwoLayerNet)
    twin.__setstate__(state)
    assert all(twin.params[key] is param for key, param in net.params.items())


def test_what_earlier_versions_pickled_is_read():
    for net in (TwoLayerNet(3, 4, 2, rng=0), SimpleNet(3, 2, rng=0)):
        state = {name: value for name, value in vars(net).items() if name != "_sizes"}
        assert state.keys() <= {"_shapes", "dtype", "params", "W"}  # as it was before
        loaded = getattr(networks, type(net).__name__).__new__(type(net))
        loaded.__setstate__(state)
        assert loaded.loss(np.ones(3), 1) == net.loss(np.ones(3), 1)
        assert repr(loaded) == repr(net)
