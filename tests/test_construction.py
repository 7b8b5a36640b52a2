"""Networks as they are made: what they say of themselves, and what cannot be made."""

import copy
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest

from kobai import SGD, SimpleNet, Trainer, TwoLayerNet


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (TwoLayerNet(784, 50, 10), "<TwoLayerNet 784-50-10: 39760 parameters, float64>"),
        (TwoLayerNet(3, 4, 2, dtype=np.float32), "<TwoLayerNet 3-4-2: 26 parameters, float32>"),
        (SimpleNet(), "<SimpleNet 2-3: 6 parameters, float64>"),
        (type("Mine", (TwoLayerNet,), {})(3, 4, 2), "<Mine 3-4-2: 26 parameters, float64>"),
    ],
)
def test_a_network_says_what_it_is_in_a_line(net, said):
    assert repr(net) == str(net) == said
    assert repr(copy.deepcopy(net)) == said


def test_a_network_whose_parameters_are_spoilt_can_still_be_shown():
    net = TwoLayerNet(3, 4, 2)
    for params in ({"W1": "nothing", "b1": None}, None, [1, 2]):
        net.params = params
        assert repr(net) == "<TwoLayerNet 3-4-2: spoilt parameters, float64>"
    simple = SimpleNet()
    for simple.W in (None, [[1.0]]):
        assert repr(simple) == "<SimpleNet 2-3: spoilt parameters, float64>"


def test_parameters_are_named_as_users_write_them():
    x, t = np.ones((2, 3)), [0, 1]
    net, simple = TwoLayerNet(3, 4, 2, rng=0), SimpleNet(3, 2, rng=0)
    calls = ("predict", "loss", "accuracy", "gradient", "numerical_gradient", "core_layers")
    for call in calls:
        data = {"predict": (x,), "core_layers": ()}.get(call, (x, t))
        net.params = None
        with pytest.raises(TypeError, match=r"^params must be a dict of arrays, got NoneType"):
            getattr(net, call)(*data)
        for W, error in (
            (None, TypeError),
            ([[1.0]], TypeError),
            (np.ones((3, 2), np.float32), TypeError),
            (np.ones((2, 3)), ValueError),
            (np.ma.array(np.ones((3, 2)), mask=np.eye(3, 2)), ValueError),
        ):
            simple.W = W
            with pytest.raises(error, match=r"^W must "):
                getattr(simple, call)(*data)


@pytest.mark.parametrize("make", [lambda: TwoLayerNet(2, 4, 1), lambda: SimpleNet(output_size=1)])
def test_a_network_of_one_class_has_nothing_to_learn_and_says_so(make):
    with pytest.warns(UserWarning, match="output_size is 1: the softmax of a single score") as told:
        net = make()
    assert [warning.filename for warning in told] == [__file__]
    x, t = np.random.default_rng(0).random((4, 2)), [[0], [1], [1], [0]]
    assert net.accuracy(x, t) == 1
    assert not any(grad.any() for grad in net.loss_and_gradient(x, t)[1].values())


def test_two_classes_and_more_are_made_without_a_word(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TwoLayerNet(3, 4, 2).save(tmp_path / "net.npz")
        TwoLayerNet.load(tmp_path / "net.npz")
        SimpleNet(3, 2)


def test_a_network_of_one_class_that_was_saved_is_read_without_a_word(tmp_path):
    with pytest.warns(UserWarning, match="output_size is 1"):
        net = TwoLayerNet(3, 4, 1)
    net.save(tmp_path / "net.npz")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert repr(TwoLayerNet.load(tmp_path / "net.npz")) == repr(net)
        copy.deepcopy(net)


HUGE = 99_999_999_999_999


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TwoLayerNet(HUGE, 50, 10), (f"input_size={HUGE}", "hidden_size=50")),
        (lambda: TwoLayerNet(784, HUGE, 10), (f"hidden_size={HUGE}",)),
        (lambda: TwoLayerNet(784, 50, HUGE), (f"output_size={HUGE}",)),
        (lambda: TwoLayerNet(2**62, 2**62, 2), (f"input_size={2**62}",)),
        (lambda: TwoLayerNet(10**30, 50, 10), (f"input_size={10**30}",)),
        (lambda: TwoLayerNet(10**5000, 50, 10), ("input_size=about 10**5000",)),
        (lambda: SimpleNet(HUGE, 10**6), (f"input_size={HUGE}", "output_size=1000000")),
        (lambda: SimpleNet(10**30, 10), (f"input_size={10**30}",)),
    ],
)
def test_sizes_beyond_all_memory_are_named(make, words):
    with pytest.raises(MemoryError, match=r"there is no memory for the .* parameters") as caught:
        make()
    assert all(word in str(caught.value) for word in words), str(caught.value)


PROGRAM = """
    import resource
    import kobai

    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    for make in (
        lambda: kobai.TwoLayerNet(10**6, 1000, 10),
        lambda: kobai.SimpleNet(10**6, 1000),
    ):
        try:
            make()
        except MemoryError as error:
            print(error)
"""


def test_sizes_beyond_this_machines_memory_are_named():
    pytest.importorskip("resource", reason="memory is bounded by the Unix way")
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    two_layers, simple = run.stdout.splitlines()
    assert "1000011010 parameters of a network of input_size=1000000, hidden_size=" in two_layers
    assert "1000000000 parameters of a network of input_size=1000000, output_size=1000" in simple


@pytest.mark.parametrize(
    "dtype", ["nonsense", "f8,,", "half", 7, object(), [("a", "f8")], "f4,f4", float("nan"), "U3"]
)
def test_what_is_no_dtype_is_named(dtype):
    with pytest.raises(TypeError, match=r"^dtype must be float32 or float64, got "):
        TwoLayerNet(3, 4, 2, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "f4", np.float32, np.dtype("f4"), "f", "=f4"])
def test_a_dtype_may_be_given_in_numpys_ways(dtype):
    assert TwoLayerNet(3, 4, 2, dtype=dtype).params["W1"].dtype == np.float32


@pytest.mark.parametrize("rng", ["seed", 1.5, object(), -1, [1, -2], np])
def test_what_numbers_cannot_be_drawn_with_is_named(rng):
    for make in (lambda: TwoLayerNet(3, 4, 2, rng=rng), lambda: SimpleNet(rng=rng)):
        with pytest.raises((TypeError, ValueError), match=r"^rng must be a seed"):
            make()


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: TwoLayerNet(3, 4, 2, rng=rng).params["W1"],
        lambda rng: SimpleNet(3, 4, rng=rng).W,
    ],
)
def test_numpys_own_seed_decides_where_it_is_asked_to(make):
    state = np.random.get_state()
    try:
        draws = []
        for seed in (1, 1, 2):
            np.random.seed(seed)
            draws.append(make(np.random).tobytes())
    finally:
        np.random.set_state(state)
    assert draws[0] == draws[1] != draws[2]
    old = [make(np.random.RandomState(1)).tobytes() for _ in range(2)]
    assert old[0] == old[1] == draws[0]


@pytest.mark.parametrize("kind", [TwoLayerNet, type("Mine", (TwoLayerNet,), {})])
def test_load_is_of_the_class_and_an_instance_says_so(kind, tmp_path):
    net = kind(3, 4, 2, rng=0)
    file = tmp_path / "net.npz"
    net.save(file)
    other = kind(3, 4, 2, rng=1)
    before = other.params["W1"].tobytes()
    name = kind.__name__
    for arguments in ((file,), (), (tmp_path / "absent",)):
        with pytest.raises(TypeError, match=rf"^load makes .*: write net = {name}\.load\(\.\.\.\)"):
            other.load(*arguments)
    assert other.params["W1"].tobytes() == before
    loaded = kind.load(file)
    assert type(loaded) is kind
    assert loaded.params["W1"].tobytes() == net.params["W1"].tobytes()
    assert "load" in dir(net)
    assert kind.load.__doc__.startswith("The network whose parameters")


def test_a_subclass_may_load_by_super(tmp_path):
    class Logged(TwoLayerNet):
        @classmethod
        def load(cls, file):
            net = super().load(file)
            net.source = file
            return net

    TwoLayerNet(3, 4, 2, rng=0).save(tmp_path / "net.npz")
    net = Logged.load(tmp_path / "net.npz")
    assert type(net) is Logged
    assert net.source == tmp_path / "net.npz"


def test_a_checkpoint_is_no_network_and_load_says_what_it_is(tmp_path):
    x, t = np.random.default_rng(0).random((6, 3)), np.arange(6) % 2
    net = TwoLayerNet(3, 4, 2, rng=0)
    file = tmp_path / "run.npz"
    Trainer(net, SGD(0.1), rng=0).fit(x, t, epochs=1, progress=False, checkpoint=file)
    with pytest.raises(ValueError, match=r"run\.npz must hold .* it is a checkpoint") as caught:
        TwoLayerNet.load(file)
    assert "Trainer.resume(file, x_train, t_train)" in str(caught.value)
    assert "numpy.load(file)['params/W1']" in str(caught.value)
    with np.load(file) as arrays:
        np.testing.assert_array_equal(arrays["params/W1"], net.params["W1"])
