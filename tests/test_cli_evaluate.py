"""`kobai evaluate`: loss, accuracy and confusion of a saved network, as NumPy counts them."""

import re

import numpy as np
import pytest

from command_line import error_of, run
from idx_folders import idx, small_set, write_folder
from kobai import TwoLayerNet, load_mnist, load_mnist_sample
from kobai.cli.evaluate import _ROWS, _table
from runs import DATA, new_trainer


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evaluate(capsys, *arguments):
    code, out, err = run(capsys, "evaluate", *arguments)
    return code, out.splitlines(), err


def counted(net, x, t):
    """How many of each class got which answer, one sample after another."""
    table = np.zeros((net.params["b2"].size,) * 2, int)
    for sample, label in zip(x, t, strict=True):
        table[label, net.predict(sample).argmax()] += 1
    return table


def numbers(lines):
    """The counts of a table as it is printed, and its shares."""
    rows = [line.split() for line in lines]
    return np.array([row[1:-2] for row in rows], int), [row[-2] for row in rows]


@pytest.mark.parametrize("split", ["train", "test"])
def test_it_prints_what_the_network_answers(capsys, here, split):
    (x_train, t_train), (x_test, t_test) = load_mnist_sample()
    net = TwoLayerNet(784, 20, 10, 0.5, rng=0)
    net.save("net.npz")
    options = ["--split", "train"] if split == "train" else []
    code, lines, err = evaluate(capsys, "net.npz", "--data", "sample", *options)
    assert (code, err) == (0, "")
    x, t = (x_train, t_train) if split == "train" else (x_test, t_test)
    wanted = counted(net, x, t)
    right, loss = wanted.trace(), net.loss(x, t)
    which = "5,000 training" if split == "train" else "1,000 test"
    assert lines[:5] == [
        "network   784-20-10, 15,910 parameters, float64, from net.npz",
        f"data      MNIST sample: {which} images",
        f"loss      {loss:.4f}",
        f"accuracy  {net.accuracy(x, t):.4f}, {right:,} of {len(t):,} right",
        "",
    ]
    assert lines[5].split() == ["answered"]
    assert lines[6].split() == ["class", *"0123456789", "right"]
    table, shares = numbers(lines[7:])
    np.testing.assert_array_equal(table, wanted)
    assert shares == [f"{100 * row[k] / row.sum():.1f}" for k, row in enumerate(wanted)]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(("largest", "unanswered"), [(99_999, 0), (9_999, 1)])
def test_a_table_of_ten_classes_fits(largest, unanswered):
    confusion = np.full((10, 11), 7)
    confusion[:, 3], confusion[:, -1] = largest, unanswered
    lines = _table(confusion)
    assert len(lines) == 12
    assert max(map(len, lines)) <= 80
    np.testing.assert_array_equal(numbers(lines[2:])[0], confusion[:, : 10 + unanswered])


def test_many_classes_are_listed_by_what_is_taken_for_what(capsys, here):
    write_folder(here / "data", train=60, test=60, classes=30)
    net = TwoLayerNet(16, 3, 30, 0.5, rng=0)
    net.save("net.npz")
    code, lines, _ = evaluate(capsys, "net.npz", "--data", "data")
    assert code == 0
    _, (x, t) = load_mnist(path="data")
    wrong = counted(net, x, t)
    np.fill_diagonal(wrong, 0)
    assert lines[5] == "most frequent wrong answers"
    listed = [tuple(map(int, re.findall(r"\d+", line))) for line in lines[6:]]
    assert len(listed) == 10
    for label, answer, count, of in listed:
        assert wrong[label, answer] == count
        assert of == (t == label).sum()
    assert [count for _, _, count, _ in listed] == sorted(wrong.ravel())[:-11:-1]


def test_all_right_needs_no_list(capsys, here):
    write_folder(here / "data", train=10, test=1, classes=30)
    net = TwoLayerNet(16, 3, 30, rng=0)
    net.params["b2"][0] = 9.0
    net.save("net.npz")
    _, lines, _ = evaluate(capsys, "net.npz", "--data", "data")
    assert lines[3:] == ["accuracy  1.0000, 1 of 1 right", ""]


def test_answers_that_are_no_numbers_are_none(capsys, here):
    write_folder(here / "data")
    net = TwoLayerNet(16, 3, 10, rng=0)
    net.params["W1"][0, 0] = np.nan
    net.save("net.npz")
    code, lines, _ = evaluate(capsys, "net.npz", "--data", "data")
    assert code == 0
    assert lines[2:4] == ["loss      nan", "accuracy  0.0000, 0 of 20 right"]
    assert lines[6].split() == ["class", *"0123456789", "none", "right"]
    assert lines[7].split() == ["0", *"0" * 10, "2", "0.0", "%"]


def test_a_class_that_does_not_occur_has_no_share(capsys, here):
    write_folder(here / "data", test=3)
    TwoLayerNet(16, 3, 10, rng=0).save("net.npz")
    _, lines, _ = evaluate(capsys, "net.npz", "--data", "data")
    assert lines[-1].split() == ["9", *"0" * 10, "-"]


def test_rows_are_taken_in_parts(capsys, here):
    images, labels = small_set(2 * _ROWS + 7)
    write_folder(here / "data")
    for name, array in {"images-idx3": images, "labels-idx1": labels}.items():
        (here / "data" / f"t10k-{name}-ubyte").write_bytes(idx(array))
    net = TwoLayerNet(16, 3, 10, 0.5, rng=0, dtype=np.float32)
    net.save("net.npz")
    _, lines, _ = evaluate(capsys, "net.npz", "--data", "data", "--threads", 1)
    _, (x, t) = load_mnist(path="data")
    assert ", float32, " in lines[0]
    assert float(lines[2].split()[1]) == pytest.approx(net.loss(x, t), abs=1e-4)
    assert numbers(lines[7:])[0].sum() == len(t)


def test_what_does_not_fit_names_the_network_and_the_data(capsys, here):
    write_folder(here / "data")
    TwoLayerNet(784, 3, 10).save("mnist.npz")
    err = error_of(capsys, "evaluate", "mnist.npz", "--data", "data")
    assert "the network of mnist.npz takes 784 inputs, the images of data have 16 pixels" in err
    TwoLayerNet(16, 3, 5).save("five.npz")
    err = error_of(capsys, "evaluate", "five.npz", "--data", "data")
    assert "five.npz answers one of 5 classes, 0 to 4; the labels of data go up to 9" in err


def test_what_is_no_network_is_one_line(capsys, here):
    (here / "text.npz").write_text("no archive")
    assert "text.npz must be an .npz archive" in error_of(
        capsys, "evaluate", "text.npz", "--data", "sample"
    )
    assert "absent.npz" in error_of(capsys, "evaluate", "absent.npz", "--data", "sample")
    assert "FILE.npz must be a path" in error_of(capsys, "evaluate", "", "--data", "sample")
    new_trainer()[0].fit(*DATA, epochs=1, checkpoint="run.npz")
    err = error_of(capsys, "evaluate", "run.npz", "--data", "sample")
    assert "run.npz is a checkpoint, and no network: `kobai train --resume run.npz --save" in err
    TwoLayerNet(784, 3, 10).save("net.npz")
    assert "--data must be auto, sample, or a" in error_of(
        capsys, "evaluate", "net.npz", "--data", "absent"
    )
    assert "--threads must be at least 1" in error_of(capsys, "evaluate", "net.npz", "--threads", 0)
