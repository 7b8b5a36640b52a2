"""Training: what each step sees, what is recorded, and what survives an interruption."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from kobai import SGD, Trainer, TwoLayerNet


def bits(params):
    return {key: (param.dtype, param.shape, param.tobytes()) for key, param in params.items()}


def quadrants(samples=400):
    """Points of a plane, labelled by their quadrant."""
    x = np.random.default_rng(0).uniform(-1, 1, (samples, 2))
    return x, 2 * (x[:, 0] > 0) + (x[:, 1] > 0)


def small_net(**options):
    return TwoLayerNet(2, 8, 4, 0.5, rng=0, **options)


class Recording(TwoLayerNet):
    """A network that notes the samples of each step; the first column of `x` numbers them."""

    def __init__(self, classes=3):
        super().__init__(2, 2, classes, rng=0)
        self.batches = []

    def loss_and_gradient(self, x, t):
        self.batches.append((x[:, 0].astype(int).tolist(), t))
        return super().loss_and_gradient(x, t)


def numbered(samples):
    x = np.zeros((samples, 2))
    x[:, 0] = np.arange(samples)
    return x, np.arange(samples) % 3


def batches_of(samples, batch_size, **options):
    net = Recording()
    fit = {key: options.pop(key) for key in ("iterations", "epochs") if key in options}
    history = Trainer(net, SGD(0.0), batch_size=batch_size, **options).fit(
        *numbered(samples), **fit
    )
    for places, t in net.batches:
        assert t.tolist() == [place % 3 for place in places]
    return [places for places, _ in net.batches], history


@given(st.integers(1, 30), st.integers(1, 40), st.integers(1, 3), st.integers(0, 99))
def test_shuffle_uses_every_sample_once_an_epoch(samples, batch_size, epochs, seed):
    batches, history = batches_of(samples, batch_size, epochs=epochs, rng=seed)
    steps = -(-samples // batch_size)
    assert history.steps_per_epoch == steps
    assert len(batches) == len(history.train_loss) == epochs * steps
    assert len(history.train_acc) == epochs + 1
    assert history.test_acc == []
    for epoch in range(epochs):
        parts = batches[epoch * steps : (epoch + 1) * steps]
        sizes = [len(part) for part in parts]
        assert sizes[:-1] == [batch_size] * (steps - 1)
        assert sorted(itertools.chain(*parts)) == list(range(samples))


def test_shuffle_is_another_one_each_epoch():
    batches, _ = batches_of(100, 100, epochs=3, rng=0)
    orders = {tuple(batch) for batch in batches} | {tuple(range(100))}
    assert len(orders) == 4


@given(st.integers(1, 30), st.integers(1, 40), st.integers(1, 20))
def test_replacement_draws_full_batches_from_all_samples(samples, batch_size, iterations):
    batches, history = batches_of(
        samples, batch_size, sampling="replacement", iterations=iterations, rng=0
    )
    assert [len(batch) for batch in batches] == [batch_size] * iterations
    assert set(itertools.chain(*batches)) <= set(range(samples))
    steps = -(-samples // batch_size)
    assert len(history.train_acc) == 1 + iterations // steps


def test_replacement_repeats_samples_and_misses_some():
    (first, second), _ = batches_of(100, 100, sampling="replacement", iterations=2, rng=0)
    # 1 - 1/e of all are expected; 100 different ones would be a permutation.
    assert 50 < len(set(first)) < 75
    assert first != second


@pytest.mark.parametrize(("iterations", "epochs"), [(1, 0), (4, 1), (7, 1), (8, 2), (9, 2)])
def test_iterations_may_end_within_an_epoch(iterations, epochs):
    x, t = quadrants(10)
    history = Trainer(small_net(), batch_size=3, rng=0).fit(
        x, t, x[:5], t[:5], iterations=iterations
    )
    assert history.steps_per_epoch == 4
    assert len(history.train_loss) == iterations
    assert len(history.train_acc) == len(history.test_acc) == 1 + epochs
    assert not history.interrupted


def test_each_step_is_recorded_before_its_update_and_goes_down_the_gradient():
    x, t = quadrants(30)
    net = small_net()
    seen = []

    class Watching(SGD):
        def update(self, params, grads):
            before = {key: param.copy() for key, param in params.items()}
            super().update(params, grads)
            seen.append((before, {key: grad.copy() for key, grad in grads.items()}))

    history = Trainer(net, Watching(0.3), batch_size=30, rng=0).fit(x, t, iterations=5)
    seen.append(({key: param.copy() for key, param in net.params.items()}, None))
    for loss, (before, grads), (after, _) in zip(
        history.train_loss, seen[:-1], seen[1:], strict=True
    ):
        assert loss == pytest.approx(oracles.loss(before, x, t), rel=1e-12)
        exact = oracles.backprop(before, x, t)
        for key in before:
            np.testing.assert_allclose(grads[key], exact[key], rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(after[key], before[key] - 0.3 * grads[key], rtol=1e-12)


def test_accuracies_are_of_all_the_data_at_the_start_and_after_each_epoch():
    x, t = quadrants(50)
    net = small_net()
    expected = []

    def note(history):
        expected.append((net.accuracy(x, t), net.accuracy(x[:20], t[:20])))

    history = Trainer(net, SGD(1.0), batch_size=7, rng=0).fit(
        x, t, x[:20], t[:20], epochs=4, on_epoch=note
    )
    assert list(zip(history.train_acc, history.test_acc, strict=True)) == expected
    assert expected[0] == (small_net().accuracy(x, t), small_net().accuracy(x[:20], t[:20]))
    assert expected[-1] != expected[0]


@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_learns_what_can_be_learned(gradient, dtype):
    x, t = quadrants()
    net = small_net(dtype=dtype)
    trainer = Trainer(net, SGD(1.0), batch_size=20, gradient=gradient, rng=0)
    history = trainer.fit(x, t, *quadrants(100), epochs=60)
    assert history.train_acc[0] < 0.6
    assert history.train_acc[-1] > 0.95
    assert history.test_acc[-1] > 0.95
    assert np.mean(history.train_loss[-20:]) < 0.3 * np.mean(history.train_loss[:20])
    assert all(param.dtype == dtype for param in net.params.values())


def test_numerical_and_backprop_runs_stay_together():
    x, t = quadrants()
    nets = {}
    for how in ("backprop", "auto", "node", "incremental", "direct"):
        nets[how] = small_net()
        gradient = {} if how == "backprop" else {"gradient": "numerical", "method": how}
        Trainer(nets[how], SGD(0.5), batch_size=40, rng=0, **gradient).fit(x, t, epochs=5)
    for net in nets.values():
        for key, param in net.params.items():
            np.testing.assert_allclose(param, nets["backprop"].params[key], rtol=0, atol=1e-6)
    assert bits(nets["direct"].params) != bits(nets["backprop"].params)


def trained(rng, **options):
    x, t = quadrants(90)
    target = np.eye(4)[t] if options.pop("one_hot", False) else t
    net = small_net()
    history = Trainer(net, SGD(0.5), batch_size=20, rng=rng, **options).fit(
        x, target, x, t, epochs=3
    )
    return bits(net.params), history


@pytest.mark.parametrize("sampling", ["shuffle", "replacement"])
@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
def test_a_seed_makes_a_run_again_bit_for_bit(sampling, gradient):
    options = {"sampling": sampling, "gradient": gradient}
    assert trained(5, **options) == trained(5, **options)
    assert trained(5, **options) == trained(np.random.default_rng(5), **options)
    assert trained(5, **options)[0] != trained(6, **options)[0]


@pytest.mark.parametrize("sampling", ["shuffle", "replacement"])
def test_a_random_state_and_numpys_own_seed_make_a_run_again(sampling):
    state = np.random.RandomState
    first = trained(state(5), sampling=sampling)
    assert trained(state(5), sampling=sampling) == first
    assert trained(state(6), sampling=sampling)[0] != first[0]
    before = np.random.get_state()
    try:
        runs = []
        for seed in (5, 5, 6):
            np.random.seed(seed)
            runs.append(trained(np.random, sampling=sampling))
    finally:
        np.random.set_state(before)
    assert runs[0] == runs[1] == first
    assert runs[2] == trained(state(6), sampling=sampling)


@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
def test_labels_and_one_hot_are_the_same_run(gradient):
    (_, by_label), (_, by_weight) = (
        trained(5, gradient=gradient, one_hot=one_hot) for one_hot in (False, True)
    )
    np.testing.assert_allclose(by_label.train_loss, by_weight.train_loss, rtol=1e-9)
    assert by_label.train_acc == by_weight.train_acc


def test_data_is_left_alone_and_may_be_lists_or_bytes():
    x, t = quadrants(30)
    x = (255 * np.abs(x)).astype(np.uint8)
    before = x.copy(), t.copy()
    runs = []
    for data in ((x, t), (x.tolist(), t.tolist()), (x.astype(float), t.astype(np.uint8))):
        net = small_net()
        history = Trainer(net, SGD(0.01), batch_size=7, rng=0).fit(*data, epochs=2)
        runs.append((bits(net.params), history))
    assert runs[0] == runs[1] == runs[2]
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(t, before[1])


def test_progress_draws_nothing_where_there_is_no_terminal(capsys):
    x, t = quadrants(20)
    for progress in (True, False):
        Trainer(small_net(), rng=0).fit(x, t, epochs=2, progress=progress)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"batch_size": 0}, ValueError, ("batch_size", "0")),
        ({"batch_size": -5}, ValueError, ("batch_size", "-5")),
        ({"batch_size": 2.5}, TypeError, ("batch_size", "2.5")),
        ({"batch_size": "10"}, TypeError, ("batch_size", "'10'")),
        ({"batch_size": True}, TypeError, ("batch_size", "integer", "True")),
        ({"batch_size": np.bool_(True)}, TypeError, ("batch_size", "integer", "True")),
        ({"batch_size": 100.0}, TypeError, ("batch_size", "integer", "100.0", "write 100")),
        ({"batch_size": np.float32(32)}, TypeError, ("batch_size", "integer", "write 32")),
        ({"batch_size": np.nan}, TypeError, ("batch_size", "nan")),
        ({"batch_size": None}, TypeError, ("batch_size", "None")),
        ({"batch_size": [5]}, TypeError, ("batch_size", "[5]")),
        ({"gradient": True}, TypeError, ("gradient", "'backprop'", "True")),
        ({"gradient": np.array(["backprop"])}, TypeError, ("gradient", "'backprop'")),
        ({"sampling": 1}, TypeError, ("sampling", "'shuffle'", "1")),
        ({"method": None}, TypeError, ("method", "'auto'", "None")),
        ({"optimizer": 0.1}, TypeError, ("optimizer", "0.1", "SGD(lr=0.1)")),
        ({"optimizer": 1}, TypeError, ("optimizer", "SGD(lr=1)")),
        ({"optimizer": np.float64(0.5)}, TypeError, ("optimizer", "SGD(lr=0.5)")),
        ({"optimizer": SGD}, TypeError, ("optimizer", "class SGD", "write SGD()")),
        ({"optimizer": "sgd"}, TypeError, ("optimizer", "'sgd'", "SGD()")),
        ({"optimizer": {"lr": 0.1}}, TypeError, ("optimizer", "update(params, grads)", "lr")),
        ({"optimizer": True}, TypeError, ("optimizer", "update(params, grads)", "True")),
        ({"rng": "0"}, TypeError, ("rng", "'0'")),
        ({"rng": -1}, ValueError, ("rng", "-1")),
        ({"gradient": "exact"}, ValueError, ("gradient", "exact", "backprop", "numerical")),
        ({"method": "exact"}, ValueError, ("method", "exact", "node", "direct")),
        ({"sampling": "all"}, ValueError, ("sampling", "all", "shuffle", "replacement")),
    ],
)
def test_trainer_refuses_bad_options(options, error, words):
    with pytest.raises(error) as caught:
        Trainer(small_net(), **options)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_optimizer_may_come_second():
    with pytest.raises(TypeError, match=r"optimizer must .*: write SGD\(lr=0\.1\)"):
        Trainer(small_net(), 0.1)


X, T = quadrants(12)

BAD_FITS = [
    ({}, ValueError, ("iterations", "epochs", "neither")),
    ({"iterations": 2, "epochs": 1}, ValueError, ("iterations", "epochs", "both")),
    ({"iterations": 0}, ValueError, ("iterations", "0")),
    ({"epochs": -1}, ValueError, ("epochs", "-1")),
    ({"epochs": 1.5}, TypeError, ("epochs", "1.5")),
    ({"iterations": "9"}, TypeError, ("iterations", "'9'")),
    ({"epochs": 1, "x_train": X[:, :1]}, ValueError, ("x", "2", "(12, 1)")),
    ({"epochs": 1, "x_train": X[0]}, ValueError, ("x_train", "(N, D)", "(2,)")),
    ({"epochs": 1, "x_train": X[:0], "t_train": T[:0]}, ValueError, ("x_train", "(0, 2)")),
    ({"epochs": 1, "x_train": X + 1j}, TypeError, ("x", "complex128")),
    ({"epochs": 1, "t_train": T[:5]}, ValueError, ("t_train", "12", "(5,)")),
    ({"epochs": 1, "t_train": 1}, ValueError, ("t_train", "12", "()")),
    ({"epochs": 1, "t_train": np.ones((12, 3))}, ValueError, ("t", "(12, 4)", "(12, 3)")),
    ({"epochs": 1, "t_train": np.r_[T[:-1], 4]}, ValueError, ("t", "0..3", "4")),
    ({"epochs": 1, "t_train": T.astype(float)}, TypeError, ("t", "integers", "float64")),
    ({"epochs": True}, TypeError, ("epochs", "True")),
    ({"epochs": 10.0}, TypeError, ("epochs", "10.0", "write 10")),
    ({"epochs": 1, "checkpoint_every": True}, TypeError, ("checkpoint_every", "True")),
    ({"x_test": 10}, TypeError, ("x_test", "10", "epochs=10", "iterations=10")),
    ({"x_test": np.int64(7)}, TypeError, ("x_test", "epochs=7")),
    ({"x_test": 10, "t_test": 3, "epochs": 1}, TypeError, ("x_test", "epochs=10")),
    ({"epochs": 1, "on_epoch": 3}, TypeError, ("on_epoch", "callable", "3")),
    ({"epochs": 1, "x_test": X}, ValueError, ("x_test", "t_test")),
    ({"epochs": 1, "t_test": T}, ValueError, ("x_test", "t_test")),
    ({"epochs": 1, "x_test": X, "t_test": T[:3]}, ValueError, ("t_test", "12", "(3,)")),
    ({"epochs": 1, "x_test": X[:, :1], "t_test": T}, ValueError, ("x_test", "2")),
    (
        {"epochs": 1, "x_test": X, "t_test": T + 4},
        ValueError,
        ("t_test", "0..3", "6 at"),
    ),
    (
        {"epochs": 1, "t_train": T.astype(np.uint64) + 2**63},
        ValueError,
        ("t_train", str(2**63 + 2)),
    ),
    ({"epochs": 1, "t_train": np.where(T == 0, -1, T)}, ValueError, ("t_train", "-1")),
    ({"epochs": 1, "t_train": np.array(list("abcd"))[T]}, TypeError, ("t_train", "<U1")),
    ({"epochs": 1, "t_train": T > 1}, TypeError, ("t_train", "bool")),
    ({"epochs": 1, "t_train": T[:, None]}, ValueError, ("t_train", "(12, 1)")),
]


@pytest.mark.parametrize(("changes", "error", "words"), BAD_FITS)
def test_bad_data_trains_nothing(changes, error, words):
    net = small_net()
    before = bits(net.params)
    arguments = {"x_train": X, "t_train": T} | changes
    with pytest.raises(error) as caught:
        Trainer(net, batch_size=5, rng=0).fit(**arguments)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert bits(net.params) == before
