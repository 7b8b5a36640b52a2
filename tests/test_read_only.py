"""Parameters that cannot be written: `fit` trains copies of them, `SGD.update` refuses them."""

import numpy as np
import pytest

from kobai import SGD, Trainer, TwoLayerNet

X = np.random.default_rng(0).random((40, 784), dtype=np.float32)
T = np.arange(40) % 10


def large_net():
    return TwoLayerNet(784, 200, 10, rng=0)


def train(net, x, t):
    was_writable = net.params["W1"].flags.writeable
    history = Trainer(net, SGD(0.1), batch_size=10, rng=0).fit(x, t, epochs=2)
    return was_writable, history, {key: param.tobytes() for key, param in net.params.items()}


def expected():
    return train(large_net(), X, T)[1:]


@pytest.mark.parametrize("mapped", [False, True])
def test_parameters_that_cannot_be_written_are_replaced_by_copies(mapped, tmp_path):
    net, arrays = large_net(), {}
    for key, param in list(net.params.items()):
        if mapped:
            np.save(tmp_path / f"{key}.npy", param)
            net.params[key] = np.load(tmp_path / f"{key}.npy", mmap_mode="r")
        else:
            param.flags.writeable = False
        arrays[key] = net.params[key], net.params[key].tobytes()
    was_writable, *end = train(net, X, T)
    assert not was_writable
    assert tuple(end) == expected()
    for key, (array, before) in arrays.items():
        assert array.tobytes() == before
        assert net.params[key] is not array
        assert net.params[key].flags.writeable


def test_one_that_can_be_written_stays_where_it_is():
    net = large_net()
    net.params["b1"].flags.writeable = False
    kept = {key: net.params[key] for key in ("W1", "W2", "b2")}
    train(net, X, T)
    assert all(net.params[key] is param for key, param in kept.items())


def test_the_update_itself_still_refuses():
    net = large_net()
    net.params["b1"].flags.writeable = False
    with pytest.raises(ValueError, match=r"params\['b1'\] must be writable"):
        SGD(0.1).update(net.params, {key: np.ones_like(p) for key, p in net.params.items()})
