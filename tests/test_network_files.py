"""Networks of any depth on disk: what was saved comes back, and what was not is an error."""

import json
import re

import numpy as np
import pytest
from hypothesis import given

from kobai import SGD, MultiLayerNet, Trainer, TwoLayerNet
from kobai.losses import Pinball
from network_strategies import any_problems

TEXT = {
    "version": 1,
    "class": "MultiLayerNet",
    "sizes": [3, 4, 2],
    "activations": ["sigmoid"],
    "loss": {"name": "cross_entropy", "epsilon": 0.0},
    "weight_decay_lambda": 0.0,
}


def bits(params):
    return {key: (param.dtype, param.shape, param.tobytes()) for key, param in params.items()}


def network():
    return MultiLayerNet(3, [4], 2, "sigmoid", rng=0)


def write(file, text=None, body=None, **changes):
    """An archive of a network of 3, 4 and 2 units, its text and its arrays changed."""
    body = json.dumps(TEXT | (text or {})).encode() if body is None else body
    arrays = {"network": np.frombuffer(body, np.uint8), **network().params, **changes}
    np.savez(file, **{key: value for key, value in arrays.items() if value is not None})
    return file


@given(any_problems())
def test_what_was_saved_comes_back_bit_for_bit(tmp_path_factory, problem):
    net = problem.net
    file = tmp_path_factory.mktemp("saved") / "net.npz"
    net.save(file)
    loaded = MultiLayerNet.load(file)
    assert repr(loaded) == repr(net)
    assert list(loaded.params) == list(net.params)
    assert bits(loaded.params) == bits(net.params)
    assert (loaded.activations, loaded.loss_function) == (net.activations, net.loss_function)
    assert loaded.weight_decay_lambda == net.weight_decay_lambda
    assert all(param.flags.writeable for param in loaded.params.values())
    assert [path.name for path in file.parent.iterdir()] == ["net.npz"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_file_is_a_plain_archive_that_says_what_it_holds(tmp_path, dtype):
    net = MultiLayerNet(3, [4], 2, "tanh", 0.5, 0.1, loss=Pinball(0.9), rng=0, dtype=dtype)
    net.save(tmp_path / "name")
    with np.load(tmp_path / "name", allow_pickle=False) as archive:
        assert archive.files == ["network", "W1", "b1", "W2", "b2"]
        assert bits({key: archive[key] for key in net.params}) == bits(net.params)
        assert json.loads(archive["network"].tobytes()) == {
            "version": 1,
            "class": "MultiLayerNet",
            "sizes": [3, 4, 2],
            "activations": ["tanh"],
            "loss": {"name": "pinball", "quantile": 0.9},
            "weight_decay_lambda": 0.1,
        }
    assert MultiLayerNet.load(tmp_path / "name").dtype == dtype


def test_a_file_made_by_hand_is_read(tmp_path):
    net = MultiLayerNet.load(write(tmp_path / "net.npz"))
    assert bits(net.params) == bits(network().params)
    assert net.activations == ["sigmoid"]


DEEP = b"[" * 100_000

HOSTILE = {
    "no text": {"network": None},
    "text of another dtype": {"network": np.zeros(3, np.int64)},
    "text of two axes": {"network": np.zeros((3, 3), np.uint8)},
    "text that is none": {"body": b"\xff\xfe\x00"},
    "no JSON": {"body": b"sizes: 3"},
    "no object": {"body": b"[1, 2]"},
    "nothing": {"body": b""},
    "deeply nested": {"body": DEEP},
    "long": {"body": b" " * (1 << 21) + b"{}"},
    "huge integers": {"body": b'{"sizes": [' + b"9" * 10_000 + b"]}"},
    "an infinite number": {"body": json.dumps(TEXT).replace("0.0}", "1e999}").encode()},
    "a NaN": {"body": json.dumps(TEXT).replace("0.0}", "NaN}").encode()},
    "a key more": {"text": {"more": 1}},
    "a later version": {"text": {"version": 2}},
    "a version that is true": {"text": {"version": True}},
    "another class": {"text": {"class": "TwoLayerNet"}},
    "a class that is a list": {"text": {"class": []}},
    "absurd sizes": {"text": {"sizes": [10**9, 10**9, 10**9]}},
    "sizes beyond all integers": {"text": {"sizes": [10**100, 4, 2]}},
    "sizes of 0": {"text": {"sizes": [3, 0, 2]}},
    "negative sizes": {"text": {"sizes": [3, -4, 2]}},
    "sizes of floats": {"text": {"sizes": [3, 4.0, 2]}},
    "sizes that are true": {"text": {"sizes": [3, True, 2]}},
    "sizes that are none": {"text": {"sizes": None}},
    "one size": {"text": {"sizes": [3], "activations": []}},
    "other sizes": {"text": {"sizes": [3, 5, 2]}},
    "layers more": {"text": {"sizes": [3, 4, 2, 2], "activations": ["sigmoid"] * 2}},
    "very many layers": {"text": {"sizes": [1] * 300_000, "activations": []}},
    "layers less": {"text": {"sizes": [3, 2], "activations": []}},
    "activations more": {"text": {"activations": ["sigmoid", "sigmoid"]}},
    "an unknown activation": {"text": {"activations": ["os.system"]}},
    "upper case": {"text": {"activations": ["Sigmoid"]}},
    "an activation that is a number": {"text": {"activations": [1]}},
    "activations that are text": {"text": {"activations": "relu"}},
    "activations that are an object": {"text": {"activations": {"0": "relu"}}},
    "an unknown loss": {"text": {"loss": {"name": "exec"}}},
    "a loss without its settings": {"text": {"loss": {"name": "huber"}}},
    "a loss with other settings": {"text": {"loss": {"name": "huber", "delta": 1, "x": 2}}},
    "a loss with a setting of text": {"text": {"loss": {"name": "huber", "delta": "1"}}},
    "a loss with a setting out of range": {"text": {"loss": {"name": "pinball", "quantile": 2}}},
    "a loss with an enormous setting": {"text": {"loss": {"name": "huber", "delta": 10**400}}},
    "a loss that is a name": {"text": {"loss": "huber"}},
    "a loss whose name is a list": {"text": {"loss": {"name": ["huber"]}}},
    "a negative weight decay": {"text": {"weight_decay_lambda": -1}},
    "a weight decay that is true": {"text": {"weight_decay_lambda": True}},
    "a weight decay of text": {"text": {"weight_decay_lambda": "0"}},
    "a weight decay that is none": {"text": {"weight_decay_lambda": None}},
    "an enormous weight decay": {"text": {"weight_decay_lambda": 10**400}},
    "a parameter less": {"W2": None},
    "a parameter more": {"W3": np.ones((2, 2)), "b3": np.ones(2)},
    "a parameter of another name": {"W2": None, "W02": np.ones((4, 2))},
    "another array": {"weights": np.ones(3)},
    "a parameter of another shape": {"W1": np.ones((4, 3))},
    "a parameter of one axis": {"W1": np.ones(12)},
    "an empty parameter": {"b1": np.ones(0)},
    "a parameter of another dtype": {"b2": np.ones(2, np.float32)},
    "parameters of half precision": {
        key: value.astype(np.float16) for key, value in network().params.items()
    },
    "parameters of another byte order": {
        key: value.astype(">f8") for key, value in network().params.items()
    },
    "a parameter of integers": {"b2": np.ones(2, int)},
    "a parameter of complex numbers": {"b2": np.ones(2, complex)},
    "a parameter of objects": {"b2": np.array([{}, 1.0], dtype=object)},
    "a parameter of text": {"b2": np.array(["a", "b"])},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_an_error_and_no_more(tmp_path, kind):
    file = write(tmp_path / "net.npz", **HOSTILE[kind])
    with pytest.raises(ValueError, match=r"net\.npz (must|does not hold a MultiLayerNet)") as told:
        MultiLayerNet.load(file)
    assert len(str(told.value)) < 3000


def test_damaged_files_are_refused(tmp_path):
    whole = write(tmp_path / "net.npz").read_bytes()
    file = tmp_path / "damaged.npz"
    for damaged in (b"", b"PK", whole[30:], *(whole[: len(whole) * k // 16] for k in range(16))):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"damaged\.npz"):
            MultiLayerNet.load(file)


@pytest.mark.filterwarnings("default::UserWarning")  # zipfile's own, of a name that comes twice
def test_a_file_with_one_wrong_byte_is_refused_or_means_the_same(tmp_path):
    source = write(tmp_path / "net.npz")
    whole, net = source.read_bytes(), MultiLayerNet.load(source)
    file = tmp_path / "flipped.npz"
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 0xFF
        file.write_bytes(flipped)
        try:
            loaded = MultiLayerNet.load(file)
        except ValueError:
            continue
        # Dates and attributes in the archive's own tables mean nothing here.
        assert repr(loaded) == repr(net)
        assert bits(loaded.params) == bits(net.params)


def test_files_of_other_networks_say_who_reads_them(tmp_path):
    file = tmp_path / "net.npz"
    TwoLayerNet(3, 4, 2, rng=0).save(file)
    with pytest.raises(ValueError, match=r"net\.npz must hold .*: TwoLayerNet\.load\(file\) reads"):
        MultiLayerNet.load(file)
    network().save(file)
    with pytest.raises(ValueError, match=r"net\.npz must .*: MultiLayerNet\.load\(file\) reads it"):
        TwoLayerNet.load(file)
    checkpoint = tmp_path / "run.npz"
    x, t = np.ones((4, 3)), np.array([0, 1, 0, 1])
    Trainer(network(), SGD(0.1)).fit(x, t, epochs=1, progress=False, checkpoint=checkpoint)
    with pytest.raises(ValueError, match=r"run\.npz must .*: it is a checkpoint, which Trainer"):
        MultiLayerNet.load(checkpoint)


def test_load_is_the_classs_own(tmp_path):
    network().save(tmp_path / "net.npz")
    with pytest.raises(TypeError, match=r"write net = MultiLayerNet\.load\(...\)"):
        network().load(tmp_path / "net.npz")

    class Mine(MultiLayerNet):
        pass

    assert type(Mine.load(tmp_path / "net.npz")) is Mine
    Mine(3, [4], 2, "sigmoid", rng=0).save(tmp_path / "mine.npz")
    assert type(MultiLayerNet.load(tmp_path / "mine.npz")) is MultiLayerNet


def test_a_save_that_fails_leaves_the_old_file(tmp_path):
    file = write(tmp_path / "net.npz")
    before = file.read_bytes()
    net = network()
    net.params["b2"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"params\['b2'\]"):
        net.save(file)
    assert file.read_bytes() == before
    for error, place in ((FileNotFoundError, "absent/net.npz"), (OSError, ".")):
        with pytest.raises(error):
            network().save(tmp_path / place)
    words = re.escape("file must be a path (os.fsdecode makes text of bytes), got b'net'")
    with pytest.raises(TypeError, match=words):
        network().save(b"net")
    assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]
