"""What must follow from a file, whatever is in it: the right numbers, or one kind of error."""

import gzip
import itertools
import json
import pickle
import struct
import warnings
import zlib

import numpy as np

from kobai import MultiLayerNet, TwoLayerNet
from kobai.datasets import IDXFormatError
from kobai.datasets.idx import read_idx
from kobai.losses.named import core_loss

from .checkpoints import TOTAL, checkpoint_file
from .mutations import Trap, idx_file, npz_file
from .networks import network_file

KEYS = ("W1", "b1", "W2", "b2")


def plain_idx(body, dimensions):
    """A second reader, which knows the whole file at once. None if it is no such file."""
    if body.startswith(b"\x1f\x8b"):
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            return None
    start = 4 + 4 * dimensions
    if len(body) <= start or body[:4] != bytes([0, 0, 8, dimensions]):
        return None
    shape = struct.unpack(f">{dimensions}I", body[4:start])
    if 0 in shape or np.prod(shape, dtype=object) != len(body) - start:
        return None
    return np.frombuffer(body, np.uint8, offset=start).reshape(shape)


def check_idx(random, path):
    """Whether the file was read; an AssertionError or any other error is a find."""
    body, dimensions = idx_file(random)
    path.write_bytes(body)
    expected = plain_idx(body, dimensions)
    try:
        array = read_idx(path, dimensions)
    except IDXFormatError as error:
        refusal = str(error)
    else:
        refusal = None
    if refusal is not None:
        assert refusal.startswith(str(path)), refusal
        assert expected is None, f"refused: {refusal}"
        return False
    assert expected is not None, "accepted what is no IDX file"
    assert array.dtype == np.uint8
    assert array.shape == expected.shape
    assert array.tobytes() == expected.tobytes()
    assert array.flags.writeable
    return True


def check_npz(random, path):
    """Whether a network was read; an AssertionError or any other error is a find."""
    path.write_bytes(npz_file(random))
    try:
        net = TwoLayerNet.load(path)
    except ValueError as error:
        net, refusal = None, str(error)
    assert not Trap.sprung
    if net is None:
        assert str(path) in refusal, refusal
        return False
    inputs, hidden = net.params["W1"].shape
    classes = len(net.params["b2"])
    shapes = ((inputs, hidden), (hidden,), (hidden, classes), (classes,))
    for key, shape in zip(KEYS, shapes, strict=True):
        param = net.params[key]
        assert type(param) is np.ndarray
        assert (param.shape, param.dtype) == (shape, net.dtype)
        assert param.flags.writeable
        assert param.flags.aligned
    assert net.predict(np.zeros((1, inputs))).shape == (1, classes)
    # NumPy reads the same from it: nothing was made up.
    with np.load(path, allow_pickle=False) as archive:
        assert sorted(archive.files) == sorted(KEYS)
        for key in KEYS:
            assert archive[key].tobytes() == net.params[key].tobytes()
    return True


def check_network(random, path):
    """Whether a network of any depth was read; an AssertionError or another error is a find."""
    path.write_bytes(network_file(random))
    try:
        net = MultiLayerNet.load(path)
    except ValueError as error:
        net, refusal = None, str(error)
    assert not Trap.sprung
    if net is None:
        assert str(path) in refusal, refusal
        return False
    sizes = [net.input_size, *net.hidden_size_list, net.output_size]
    for k, (rows, units) in enumerate(itertools.pairwise(sizes), 1):
        assert net.params[f"W{k}"].shape == (rows, units)
        assert net.params[f"b{k}"].shape == (units,)
    for param in net.params.values():
        assert type(param) is np.ndarray
        assert param.dtype == net.dtype
        assert param.flags.writeable
        assert param.flags.aligned
    assert len(net.params) == 2 * len(sizes) - 2
    # NumPy reads the same from it: nothing was made up.
    with np.load(path, allow_pickle=False) as archive:
        assert sorted(archive.files) == sorted([*net.params, "network"])
        for key, param in net.params.items():
            assert archive[key].tobytes() == param.tobytes()
        text = json.loads(archive["network"].tobytes())
    assert text["sizes"] == sizes
    assert text["activations"] == net.activations
    assert text["weight_decay_lambda"] == net.weight_decay_lambda
    assert text["loss"].pop("name") == core_loss(net.loss_function)[0]
    assert text["loss"] == vars(net.loss_function)
    return True


def params_in(trainer):
    return {f"params/{key}": param.tobytes() for key, param in trainer.net.params.items()}


def state_of(trainer):
    return trainer.__dict__["_rng"].bit_generator.state


def remembered(trainer, callbacks):
    return pickle.dumps([vars(trainer.optimizer), *map(vars, callbacks)])


def check_checkpoint(random, path):
    """Whether a run was resumed; an AssertionError or any other error is a find."""
    body, base = checkpoint_file(random)
    path.write_bytes(body)
    trainer = base.trainer(seed=2)
    callbacks = base.callbacks()
    before = params_in(trainer), pickle.dumps(state_of(trainer)), remembered(trainer, callbacks)
    # Parameters that were spoiled may be any numbers, and so may be what follows from them.
    options = {"iterations": TOTAL, "progress": False, "checkpoint": path.with_suffix(".npz")}
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the loss of step", RuntimeWarning)
            history = trainer.resume(path, **base.data(), **options, callbacks=callbacks)
    except ValueError as error:
        history, refusal = None, str(error)
    assert not Trap.sprung
    if history is None:
        assert str(path) in refusal, refusal
        after = params_in(trainer), pickle.dumps(state_of(trainer)), remembered(trainer, callbacks)
        assert after == before
        return False
    # NumPy reads the same from it: nothing was made up.
    with np.load(path, allow_pickle=False) as archive:
        steps = len(archive["train_loss"])
        for name in ("train_loss", "train_acc", "test_acc", "test_loss"):
            came = np.array(getattr(history, name)[: len(archive[name])])
            assert came.tobytes() == archive[name].tobytes()
        text = json.loads(archive["run"].tobytes())
        assert text["run"] == base.run
        (stopping,) = callbacks
        if steps == TOTAL:
            best = stopping.weights or {}
            assert params_in(trainer) == {
                key: best.get(key.removeprefix("params/"), archive[key]).tobytes()
                for key in before[0]
            }
            state = json.dumps(state_of(trainer), default=np.ndarray.tolist)
            assert json.loads(state) == text["generator"]
    if stopping.wait < stopping.patience:
        assert len(history.train_loss) == TOTAL
        assert len(history.train_acc) == 1 + TOTAL // history.steps_per_epoch
    assert len(history.test_acc) == (len(history.train_acc) if base.has_test else 0)
    return True


TARGETS = {
    "idx": check_idx,
    "npz": check_npz,
    "network": check_network,
    "checkpoint": check_checkpoint,
}
