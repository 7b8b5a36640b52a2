"""What training reads: in place, copied once, or converted batch by batch; and what it refuses."""

import tracemalloc

import numpy as np
import pytest

from kobai import SGD, Trainer, TwoLayerNet
from kobai._training import dataset

X = np.random.default_rng(0).integers(0, 256, (3000, 200), dtype=np.uint8)
T = np.arange(3000) % 4
MIB = 1 << 20


def new_trainer(dtype=np.float64, **options):
    net = TwoLayerNet(200, 5, 4, 0.1, rng=0, dtype=dtype)
    return Trainer(net, SGD(1e-3), rng=0, **options)


def bits(params):
    return {key: (param.dtype, param.tobytes()) for key, param in params.items()}


def ends(x, t, test=(), *, epochs=3, on_epoch=None, **options):
    trainer = new_trainer(**options)
    history = trainer.fit(x, t, *test, epochs=epochs, on_epoch=on_epoch)
    return bits(trainer.net.params), history


def peak_of(call):
    """What is allocated while it runs, of what NumPy allocates."""
    call()  # whatever is made once
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


CONVERTED = {
    "uint8": np.uint8,
    "int64": np.int64,
    "bool": np.bool_,
    "float16": np.float16,
    "big-endian": ">f4",
}


@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", CONVERTED)
def test_what_is_converted_batch_by_batch_trains_as_floats_do(form, dtype, gradient):
    x = X[:400].astype(CONVERTED[form])
    test = x[:50], T[:50]
    kind = np.float32 if form in ("float16", "big-endian") else np.float64
    options = {"dtype": dtype, "gradient": gradient}
    converted = ends(x, T[:400], test, **options)
    assert converted == ends(x.astype(kind), T[:400], (test[0].astype(kind), test[1]), **options)


@pytest.mark.parametrize("labels", [np.int8, np.uint16, ">i4", np.uint64, np.int64])
def test_labels_of_any_integer_dtype_are_the_same_run(labels):
    x = X[:400].astype(np.float32)
    expected = ends(x, T[:400])
    assert ends(x, T[:400].astype(labels)) == expected
    assert ends(x, np.repeat(T[:400].astype(labels), 2)[::2]) == expected


@pytest.mark.parametrize("sampling", ["shuffle", "replacement"])
def test_bytes_never_become_floats_as_a_whole(sampling):
    many = np.concatenate([X] * 20)  # 12 MB; 96 MB as floats, 48 MB of single precision
    labels = np.concatenate([T] * 20)
    for dtype, t in ((np.float64, labels), (np.float32, np.eye(4, dtype=np.int8)[labels])):
        options = {"dtype": dtype, "sampling": sampling, "epochs": 1}
        peak = peak_of(lambda t=t, options=options: ends(many, t, (many, t), **options))
        assert peak < 24 * MIB


def test_floats_in_c_order_are_never_copied():
    x = np.concatenate([X] * 10).astype(np.float32)  # 24 MB
    labels = np.concatenate([T] * 10)
    x.flags.writeable = False
    assert peak_of(lambda: ends(x, labels, (x, labels), epochs=1)) < 4 * MIB


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2]])
def test_floats_in_another_layout_are_copied_once_a_fit(layout, monkeypatch):
    copies = []
    whole = dataset._in_c_order  # noqa: SLF001

    def noted(array, old):
        rows = whole(array, old)
        copies.append(rows is not array)
        return rows

    monkeypatch.setattr(dataset, "_in_c_order", noted)
    x = X.astype(np.float64)
    expected = ends(x, T)
    assert not any(copies)
    copies.clear()
    assert ends(layout(x), T) == expected
    assert sum(copies) == 1
    copies.clear()
    # And in the same memory again after `on_epoch`, which may have changed it.
    assert ends(layout(x), T, on_epoch=lambda _: None) == expected
    assert sum(copies) == 1 + 4


@pytest.mark.parametrize("layout", [np.asfortranarray, np.array, lambda x: x.astype(np.int32)])
def test_what_stands_at_the_beginning_of_an_epoch_is_what_it_sees(layout):
    """The run of each epoch is that of a fit on the data of that epoch."""
    x, seen = layout(X[:300].astype(np.float64)), []

    def change(history):
        if history.train_loss:
            np.multiply(x, 0.5, out=x, casting="unsafe")
            x[:] = x[::-1].copy()
        seen.append(x.copy())

    trainer = new_trainer()
    rng = np.random.default_rng(0)
    history = trainer.fit(x, T[:300], epochs=3, on_epoch=change)
    net = TwoLayerNet(200, 5, 4, 0.1, rng=0)
    losses, accuracies = [], [net.accuracy(seen[0], T[:300])]
    for epoch in range(3):
        one = Trainer(net, SGD(1e-3), rng=rng).fit(seen[epoch], T[:300], epochs=1)
        losses += one.train_loss
        accuracies.append(one.train_acc[-1])
    assert history.train_loss == losses
    assert history.train_acc == accuracies
    assert bits(trainer.net.params) == bits(net.params)


class Changing(SGD):
    """An optimizer that changes the data at the end of each epoch of three steps."""

    def __init__(self, x):
        super().__init__(1e-3)
        self.x, self.steps = x, 0

    def update(self, params, grads):
        super().update(params, grads)
        self.steps += 1
        if self.steps % 3 == 0:
            self.x *= 0.5


def test_so_it_is_where_the_optimizer_changes_the_data():
    histories = []
    for layout in (np.array, np.asfortranarray):
        x = layout(X[:300].astype(np.float64))
        trainer = new_trainer()
        trainer.optimizer = Changing(x)
        histories.append(trainer.fit(x, T[:300], epochs=4))
    assert histories[0] == histories[1]


def test_mapped_files_are_read_where_they_lie(tmp_path):
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(300, 200))
    x[:] = X[:300]
    read_only = np.memmap(tmp_path / "x", np.float32, "r", shape=(300, 200))
    expected = ends(X[:300].astype(np.float32), T[:300])
    for mapped in (x, read_only):
        assert ends(mapped, T[:300]) == expected


SPOILED = {
    "x_train": (17, 3),
    "t_train": (5, 2),
    "x_test": (9, 199),
    "t_test": (0, 0),
}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", SPOILED)
def test_data_that_is_not_finite_is_refused_by_name_before_training(name, value, tmp_path):
    x, t = X[:100].astype(np.float32), np.eye(4)[T[:100]]
    data = {"x_train": x, "t_train": t, "x_test": x.copy(order="F"), "t_test": t.copy()}
    trainer = new_trainer()
    file = tmp_path / "run.npz"
    trainer.fit(**data, iterations=1, checkpoint=file)
    before, written = bits(trainer.net.params), file.read_bytes()
    row, column = SPOILED[name]
    data[name] = data[name].copy(order="K")
    data[name][row, column] = value
    message = rf"{name} must be finite, got .* in row {row}, column {column}"
    with pytest.raises(ValueError, match=message):
        trainer.fit(**data, iterations=1, on_epoch=pytest.fail)
    with pytest.raises(ValueError, match=message):
        trainer.resume(file, **data, iterations=2, on_epoch=pytest.fail)
    assert bits(trainer.net.params) == before
    assert file.read_bytes() == written


def test_a_row_is_counted_over_the_whole_of_long_data():
    x = X.astype(np.float32)
    x[2999, 7] = np.nan
    with pytest.raises(ValueError, match="in row 2999, column 7"):
        ends(x, T)


def test_to_look_for_what_is_not_finite_takes_little_memory():
    x = np.concatenate([X] * 10).astype(np.float32)
    x[-1, -1] = np.nan

    def refused():
        with pytest.raises(ValueError, match="x_train must be finite"):
            ends(x, np.concatenate([T] * 10))

    assert peak_of(refused) < 2 * MIB


def test_networks_themselves_still_let_it_flow():
    net = TwoLayerNet(3, 4, 2, 1.0, rng=0)
    x = np.full((2, 3), np.nan)
    assert np.isnan(net.loss(x, [0, 1]))
    assert np.isnan(net.predict(x)).all()
    assert np.isnan(net.gradient(x, [0, 1])["W1"]).all()
