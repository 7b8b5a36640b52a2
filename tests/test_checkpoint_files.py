"""Checkpoint files that are damaged, hostile or of another run: a clear error, nothing changed."""

import io
import json
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.mutations import Trap
from kobai import SGD, Momentum, Trainer, TwoLayerNet
from kobai.callbacks import EarlyStopping

SAMPLES, BATCH_SIZE = 23, 5
X = np.random.default_rng(0).uniform(-1, 1, (SAMPLES, 2))
T = 2 * (X[:, 0] > 0) + (X[:, 1] > 0)
DATA = {"x_train": X, "t_train": T, "x_test": X[:9], "t_test": T[:9]}
STEPS = 10


def new_trainer(sizes=(2, 3, 4), seed=0, dtype=np.float64, optimizer=None, **options):
    net = TwoLayerNet(*sizes, 0.5, rng=seed, dtype=dtype)
    options = {"batch_size": BATCH_SIZE, "rng": seed} | options
    return Trainer(net, SGD(0.5) if optimizer is None else optimizer, **options)


def written(folder, **options):
    """A checkpoint of a run that is at its end."""
    file = folder / "run.npz"
    new_trainer(**options).fit(**DATA, iterations=STEPS, checkpoint=file)
    return file


def arrays_of(file):
    with np.load(file, allow_pickle=False) as archive:
        return dict(archive)


def text_of(file):
    return json.loads(arrays_of(file)["run"].tobytes())


def in_bytes(text):
    return np.frombuffer((text if isinstance(text, str) else json.dumps(text)).encode(), np.uint8)


def refusal(file, trainer, **changes):
    """What `resume` says, which leaves everything as it was."""

    def everything():
        params = {key: param.tobytes() for key, param in trainer.net.params.items()}
        others = sorted(path.name for path in file.parent.iterdir())
        return params, vars(trainer.optimizer), others, file.is_file() and file.read_bytes()

    generator = trainer.__dict__["_rng"]
    state = json.dumps(generator.bit_generator.state, default=np.ndarray.tolist)
    before = everything()
    with pytest.raises((ValueError, TypeError, OSError)) as caught:
        trainer.resume(**({"file": file} | DATA | changes))
    assert everything() == before
    assert json.dumps(generator.bit_generator.state, default=np.ndarray.tolist) == state
    assert not Trap.sprung
    return caught.value


def check_refused(file, trainer=None):
    error = refusal(file, new_trainer(seed=1) if trainer is None else trainer)
    assert type(error) is ValueError
    assert "run.npz" in str(error)
    return str(error)


def test_a_file_cut_at_any_length_is_refused(tmp_path):
    file = written(tmp_path)
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        check_refused(file)


@pytest.mark.filterwarnings("default::UserWarning")  # zipfile's own, of a name that comes twice
def test_a_file_with_one_wrong_byte_is_refused_or_means_the_same(tmp_path):
    file = written(tmp_path)
    whole, expected = file.read_bytes(), arrays_of(file)
    history = new_trainer().resume(file, **DATA)
    refused = 0
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 0xFF
        file.write_bytes(flipped)
        trainer = new_trainer(seed=1)
        params = new_trainer(seed=1).net.params
        try:
            # Dates and attributes in the archive's own tables mean nothing here.
            assert trainer.resume(file, **DATA) == history
            params = {key: expected[f"params/{key}"] for key in params}
        except ValueError as error:
            refused += "run.npz" in str(error)
        for key, param in trainer.net.params.items():
            assert param.tobytes() == params[key].tobytes()
    assert refused > len(whole) / 2


DEEP = "[" * 30_000 + "]" * 30_000
ARRAYS = {
    "without parameter": {"params/b2": None},
    "without description": {"run": None},
    "one more": {"params/W3": np.ones(2)},
    "one more of the optimizer": {"optimizer/v/W1": np.ones((2, 3))},
    "one more of a callback": {"callbacks/0/weights/W1": np.ones((2, 3))},
    "other shape": {"params/W1": np.ones((3, 2))},
    "other size": {"params/b1": np.ones(4)},
    "scalar": {"params/b1": np.float64(1)},
    "other dtype": {"params/W2": np.ones((3, 4), np.float32)},
    "other byte order": {"params/W2": np.ones((3, 4), ">f8")},
    "integers": {"params/b2": np.ones(4, int)},
    "pickle": {"params/b2": np.array([Trap(), 0.0, 0.0, 0.0], object)},
    "pickled description": {"run": np.array([Trap()], object)},
    "description in letters": {"run": np.array("{}")},
    "description in rows": {"run": np.zeros((2, 9), np.uint8)},
    "description of nothing": {"run": np.zeros(0, np.uint8)},
    "description no UTF-8": {"run": np.full(9, 0xFF, np.uint8)},
    "description no JSON": {"run": in_bytes("{'version': 2}")},
    "description in UTF-16": {"run": np.frombuffer("{}".encode("utf-16"), np.uint8)},
    "description of brackets": {"run": in_bytes(DEEP)},
    "description of a digit too many": {"run": in_bytes('{"version": ' + "1" * 5000 + "}")},
    "a list": {"run": in_bytes("[]")},
    "no loss": {"train_loss": np.ones(0)},
    "no step": dict.fromkeys(("train_acc", "test_acc", "test_loss"), np.ones(1))
    | {"train_loss": np.ones(0)},
    "a loss": {"train_loss": np.float64(1)},
    "losses in rows": {"train_loss": np.ones((STEPS, 1))},
    "losses in float32": {"train_loss": np.ones(STEPS, np.float32)},
    "more losses than steps": {"train_loss": np.ones(STEPS + 1)},
    "fewer losses than accuracies": {"train_loss": np.ones(STEPS - 1)},
    "no accuracy": dict.fromkeys(("train_acc", "test_acc", "test_loss"), np.ones(0)),
    "one accuracy": dict.fromkeys(("train_acc", "test_acc", "test_loss"), np.ones(1)),
    "accuracies that are not paired": {"test_acc": np.ones(2)},
    "no test accuracy": {"test_acc": np.ones(0)},
    "no test loss": {"test_loss": np.ones(0)},
    "one test loss": {"test_loss": np.ones(1)},
    "complex accuracies": {"train_acc": np.ones(3, complex)},
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_wrong_arrays_are_refused(tmp_path, kind):
    file = written(tmp_path)
    arrays = arrays_of(file) | ARRAYS[kind]
    np.savez(file, **{key: value for key, value in arrays.items() if value is not None})
    check_refused(file)


def test_a_description_is_bytes_and_has_an_end(tmp_path):
    file = written(tmp_path)
    arrays, text = arrays_of(file), json.dumps(text_of(file))
    np.savez(file, **(arrays | {"run": in_bytes(text.ljust(1 << 16))}))
    assert len(new_trainer().resume(file, **DATA).train_loss) == STEPS
    even = in_bytes(text.ljust(1 << 12))
    longer = in_bytes(text.ljust((1 << 16) + 1))
    for run in (longer, even.reshape(2, -1), even.view(np.int8), even.view("<u4"), even.view("S1")):
        np.savez(file, **(arrays | {"run": run}))
        assert "at most 65536 bytes" in check_refused(file)


GONE = object()
NUMBERS = [0, -1, 1.5, True, "10", None, [], {}, 2**63, 10**30, float("nan")]
TEXT = [
    *((("total",), value) for value in (*NUMBERS, STEPS - 1, GONE)),
    *(
        (("optimizer", "lr"), value)
        for value in (1, -0.5, float("inf"), float("nan"), "0.5", None, GONE)
    ),
    *((("optimizer", "iter"), value) for value in (-1, 1.5, True, "10", None, [], 2**63, GONE)),
    *((("optimizer",), value) for value in (None, [], {}, "SGD", ["array", "train_loss"], GONE)),
    *((("callbacks",), value) for value in (None, {}, [{}], "[]", GONE)),
    *((("told",), value) for value in (1, -1, 0.0, True, None, GONE)),
    *((("logs",), value) for value in ([], 1.5, {"loss": "1"}, {"loss": None}, GONE)),
    *((("stopped",), value) for value in (0, 1, "", None, GONE)),
    *((("lr_at_start",), value) for value in (2, -0.5, float("inf"), float("nan"), "0.5", GONE)),
    *((("version",), value) for value in (0, 1, 3, "2", None, GONE)),
    *((("run",), value) for value in (None, [], {}, "run", DEEP[:20] + DEEP[-20:], GONE)),
    *((("run", "batch_size"), value) for value in (6, "5", [5], None, GONE)),
    *((("run", "x_train"), value) for value in (None, "", "<f8 (23, 2)", GONE)),
    *((("generator",), value) for value in (None, [], "PCG64", 5, {}, GONE)),
    *((("generator", "bit_generator"), value) for value in ("MT19937", None, GONE)),
    *((("generator", "state"), value) for value in (None, [], 5, {}, GONE)),
    *(
        (("generator", "state", name), value)
        for name in ("state", "inc")
        for value in (-1, 2**128, 1.0, "1", True, [1], None, 10**4000, GONE)
    ),
    *((("generator", "has_uint32"), value) for value in (2, -1, True, None, GONE)),
    *((("generator", "uinteger"), value) for value in (2**32, -1, 0.0, GONE)),
    *(
        ((*where, "more"), 1)
        for where in ((), ("run",), ("optimizer",), ("generator",), ("generator", "state"))
    ),
]


def with_text(file, where, value):
    arrays, text = arrays_of(file), text_of(file)
    *path, last = where
    inner = text
    for key in path:
        inner = inner[key]
    if value is GONE:
        del inner[last]
    else:
        inner[last] = value
    np.savez(file, **(arrays | {"run": in_bytes(text)}))


@pytest.mark.parametrize(("where", "value"), TEXT)
def test_a_wrong_description_is_refused(tmp_path, where, value):
    file = written(tmp_path)
    with_text(file, where, value)
    check_refused(file)


def test_a_run_that_went_beyond_its_end_is_refused_also_when_it_is_given_more(tmp_path):
    file = written(tmp_path)
    with_text(file, ("total",), STEPS - 1)
    assert "1 to 9 losses" in str(refusal(file, new_trainer(), iterations=2 * STEPS))


@pytest.mark.parametrize(
    ("name", "where", "values"),
    [
        ("MT19937", ("state", "pos"), (-1, 625, 2**31, 2**64, 1.0)),
        ("MT19937", ("state", "key"), ([], [0] * 623, [0] * 625, [2**32] * 624, [-1] * 624, 5)),
        ("MT19937", ("state", "key"), ([0.0] * 624, [[0]] * 624, "0" * 624)),
        ("Philox", ("buffer_pos",), (-1, 5, 2**31, None)),
        ("Philox", ("buffer",), ([0] * 3, [0] * 5, [2**64] * 4, [True] * 4, {})),
        ("Philox", ("state", "counter"), ([0] * 3, [-1] * 4)),
        ("SFC64", ("state", "state"), ([0] * 3, [2**64] * 4, 2**64)),
    ],
)
def test_states_that_would_have_a_generator_read_beyond_its_own_are_refused(
    tmp_path, name, where, values
):
    def generator():
        return getattr(np.random, name)(3)

    file = written(tmp_path, rng=generator())
    whole = file.read_bytes()
    assert len(new_trainer(rng=generator()).resume(file, **DATA).train_loss) == STEPS
    for value in values:
        file.write_bytes(whole)
        with_text(file, ("generator", *where), value)
        check_refused(file, new_trainer(rng=generator()))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(where=st.sampled_from([where for where, _ in TEXT if len(where) > 1]), value=JSON)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_description_is_read_or_refused(tmp_path, where, value):
    file = written(tmp_path)
    with_text(file, where, value)
    try:
        assert len(new_trainer().resume(file, **DATA).train_loss) == STEPS
    except ValueError:
        check_refused(file)


def test_little_memory_is_taken_whatever_a_file_claims(tmp_path):
    file = written(tmp_path)
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    stream = io.BytesIO()
    np.save(stream, np.zeros(9_000_000))
    for name in members:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for other, content in members.items():
                archive.writestr(other, stream.getvalue() if other == name else content)
        tracemalloc.start()
        assert "bytes are packed into" in check_refused(file)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 3_000_000


def test_other_files_are_refused(tmp_path):
    file = tmp_path / "run.npz"
    new_trainer().net.save(file)
    message = check_refused(file)
    assert all(word in message for word in ("holds a network", "TwoLayerNet.load", "checkpoint="))
    np.savez(file, W1=np.ones((2, 3)))
    assert "must hold the arrays ['params/W1'" in check_refused(file)
    error = refusal(tmp_path / "absent", new_trainer())
    assert isinstance(error, FileNotFoundError)
    assert isinstance(refusal(tmp_path, new_trainer()), OSError)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 6}, ("batch_size 5", "has 6")),
        ({"gradient": "numerical"}, ("gradient backprop", "has numerical")),
        ({"method": "node"}, ("method auto", "has node")),
        ({"sampling": "replacement"}, ("sampling shuffle", "has replacement")),
        ({"rng": np.random.MT19937(0)}, ("rng PCG64", "has MT19937")),
        ({"optimizer": SGD(0.25)}, ("lr 0.5", "has 0.25")),
        ({"optimizer": SGD(lambda _: 0.5)}, ("optimizer SGD(),", "has SGD(lr=function)")),
        ({"optimizer": Momentum(0.5)}, ("optimizer SGD(),", "has Momentum(momentum=0.9)")),
        ({"h": 1e-3}, ("h 0.0001", "has 0.001")),
        ({"sizes": (2, 5, 4)}, ("params['W1']", "float64 (2, 5)", "float64 (2, 3)")),
        ({"dtype": np.float32}, ("params['W1']", "float32", "float64")),
    ],
)
def test_a_trainer_built_otherwise_is_refused(tmp_path, options, words):
    message = str(refusal(written(tmp_path), new_trainer(**options)))
    assert all(word in message for word in (*words, "run.npz")), message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x_train": X[:, ::-1]}, ("x_train <f8 (23, 2)",)),
        ({"x_train": X[:22], "t_train": T[:22]}, ("x_train", "(22, 2)")),
        ({"x_train": X.astype(np.float32)}, ("x_train", "<f4")),
        ({"t_train": T[::-1]}, ("t_train",)),
        ({"t_train": np.eye(4)[T]}, ("t_train", "(23, 4)")),
        ({"x_test": None, "t_test": None}, ("x_test", "this one has None")),
        ({"x_test": X, "t_test": T}, ("x_test", "(9, 2)", "(23, 2)")),
        ({"t_test": T[9:18]}, ("t_test",)),
        ({"x_test": None}, ("x_test and t_test",)),
        ({"iterations": STEPS - 1}, ("9", "10", "run.npz")),
        ({"epochs": 1}, ("5", "10", "run.npz")),
        ({"iterations": 20, "epochs": 4}, ("exactly one of iterations and epochs",)),
        ({"epochs": 0}, ("epochs must be at least 1",)),
        ({"checkpoint_every": 0}, ("checkpoint_every must be at least 1, got 0",)),
        ({"evaluate_samples": 0}, ("evaluate_samples must be at least 1, got 0",)),
        ({"evaluate_samples": 5}, ("evaluate_samples None", "this one has 5")),
        ({"callbacks": [EarlyStopping()]}, ("callbacks []", "this one has ['EarlyStopping']")),
        ({"callbacks": [5]}, ("callbacks[0] must have one of the hooks",)),
        ({"on_epoch": "print"}, ("on_epoch must be callable, got 'print'",)),
        ({"checkpoint_every": 1.5}, ("checkpoint_every must be an integer, got 1.5",)),
        ({"checkpoint": "absent/run.npz"}, ("checkpoint must be in a folder that exists",)),
    ],
)
def test_other_data_and_bad_arguments_are_refused(tmp_path, changes, words):
    message = str(refusal(written(tmp_path), new_trainer(), **changes))
    assert all(word in message for word in words), message


def test_the_same_numbers_in_another_layout_are_the_same_data(tmp_path):
    laid_out = {"x_train": np.asfortranarray(X), "t_train": np.repeat(T, 2)[::2], "x_test": X[:9]}
    history = new_trainer().resume(written(tmp_path), **(DATA | laid_out))
    assert len(history.train_loss) == STEPS


class Remembering(SGD):
    """What may remember more than the parent's state_dict tells."""


class Elsewhere(np.random.PCG64):
    """A bit generator that is not NumPy's."""


@pytest.mark.parametrize(
    ("options", "changes", "error", "words"),
    [
        ({}, {"checkpoint": "absent/run.npz"}, FileNotFoundError, ("checkpoint", "absent")),
        ({}, {"checkpoint": "."}, IsADirectoryError, ("checkpoint", "folder")),
        ({}, {"checkpoint": 5}, TypeError, ("checkpoint must be a path", "5")),
        ({}, {"checkpoint_every": 0}, ValueError, ("checkpoint_every", "at least 1", "0")),
        ({}, {"checkpoint": None, "checkpoint_every": 0}, ValueError, ("checkpoint_every", "0")),
        ({}, {"checkpoint_every": 2.0}, TypeError, ("checkpoint_every", "integer", "2.0")),
        ({"optimizer": Remembering(0.5)}, {}, TypeError, ("state_dict", "Remembering")),
        ({"rng": np.random.Generator(Elsewhere(0))}, {}, TypeError, ("PCG64", "Elsewhere")),
        ({}, {"x_train": X.astype(str)}, TypeError, ("x_train", "real numbers", "<U")),
    ],
)
def test_bad_checkpoints_are_found_before_the_training(tmp_path, options, changes, error, words):
    trainer = new_trainer(**options)
    arguments = {"checkpoint": tmp_path / "run.npz"} | DATA | changes
    with pytest.raises(error) as caught:
        trainer.fit(**arguments, iterations=3, on_epoch=pytest.fail)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert trainer.net.params["W1"].tobytes() == new_trainer().net.params["W1"].tobytes()
    assert list(tmp_path.iterdir()) == []


def test_parameters_that_are_none_are_refused(tmp_path):
    trainer = new_trainer(seed=1)
    trainer.net.params["b2"] = [0.0] * 4
    with pytest.raises(TypeError, match=r"params\['b2'\] must be an array, got list"):
        trainer.resume(written(tmp_path), **DATA)


def test_parameters_that_cannot_be_written_become_copies_that_can(tmp_path):
    trainer, file = new_trainer(seed=1), written(tmp_path)
    before = trainer.net.params["b2"]
    before.flags.writeable = False
    trainer.resume(file, **DATA)
    assert trainer.net.params["b2"].tobytes() == arrays_of(file)["params/b2"].tobytes()
    assert before.tobytes() == new_trainer(seed=1).net.params["b2"].tobytes()


def test_parameters_that_could_not_be_read_again_are_not_written(tmp_path):
    file = written(tmp_path)
    before, trainer = file.read_bytes(), new_trainer()

    def spoil(history):
        if len(history.train_acc) == 3:
            trainer.net.params["b2"] = [Trap()] * 4

    with pytest.raises(TypeError, match=r"params\['b2'\] must be an array"):
        trainer.fit(**DATA, epochs=2, checkpoint=file, checkpoint_every=3, on_epoch=spoil)
    assert file.read_bytes() == before
