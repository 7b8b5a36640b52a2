"""What is said of labels that are none: the argument, its own value and place, and a cure.

The cures are Python that the reader copies, so each is run here, and its answer must be taken.
"""

import decimal
import re

import numpy as np
import pytest

from kobai import SimpleNet, Trainer, TwoLayerNet, cross_entropy_error
from kobai._validation import targets

pd = pytest.importorskip("pandas")
sparse = pytest.importorskip("scipy.sparse")

X = np.array([[0.5, -1.0, 2.0], [0.0, 0.25, -3.0], [1.5, 0.0, 0.125], [4.0, -0.5, 1.0]])
LABELS = np.array([0, 1, 1, 0])


def network():
    return TwoLayerNet(3, 4, 2, 1.0, rng=0)


def fit(x_train, t_train, x_test=None, t_test=None):
    Trainer(network()).fit(x_train, t_train, x_test, t_test, iterations=2, progress=False)


# Everywhere that targets are taken: the call, and what its caller knows them as.
TAKERS = {
    "targets": (lambda t: targets("t", t, (4,), 2), "t"),
    "loss": (lambda t: network().loss(X, t), "t"),
    "accuracy": (lambda t: network().accuracy(X, t), "t"),
    "gradient": (lambda t: network().gradient(X, t), "t"),
    "numerical_gradient": (lambda t: network().numerical_gradient(X, t), "t"),
    "loss_and_gradient": (lambda t: network().loss_and_gradient(X, t), "t"),
    "simple loss": (lambda t: SimpleNet(3, 2, rng=0).loss(X, t), "t"),
    "simple gradient": (lambda t: SimpleNet(3, 2, rng=0).gradient(X, t), "t"),
    "cross_entropy_error": (lambda t: cross_entropy_error(np.full((4, 2), 0.5), t), "t"),
    "checked_data": (lambda t: network().checked_data(X, t, ("x_test", "t_test")), "t_test"),
}

# Labels that mean 0, 1, 1, 0 to their owner, and what must be said of them.
WRONG_LABELS = {
    "text": (np.array(["cat", "dog", "dog", "cat"]), TypeError, "'cat' at position 0"),
    "list of text": (["cat", "dog", "dog", "cat"], TypeError, "'cat' at position 0"),
    "text objects": (np.array(["0", "1", "1", "0"], object), TypeError, "'0' at position 0"),
    "text and numbers": (np.array([0, "cat", "cat", 0], object), TypeError, "'cat' at position 1"),
    "categories": (
        pd.Series(["cat", "dog", "dog", "cat"], dtype="category"), TypeError, "'cat' at position 0",
    ),
    "bytes": (np.array([b"0", b"1", b"1", b"0"]), TypeError, "b'0' at position 0"),
    "bools": (np.array([False, True, True, False]), TypeError, "False at position 0"),
    "list of bools": ([False, True, True, False], TypeError, "False at position 0"),
    "pandas bools": (
        pd.Series([False, True, True, False], dtype="boolean"), TypeError, "False at position 0",
    ),
    "a bool among ints": (np.array([0, True, 1, 0], object), TypeError, "True at position 1"),
    "floats": (np.array([0.0, 1.0, 1.0, 0.0]), TypeError, "0.0 at position 0"),
    "float32": (np.array([0, 1, 1, 0], np.float32), TypeError, "0.0 at position 0"),
    "list of floats": ([0.0, 1.0, 1.0, 0.0], TypeError, "0.0 at position 0"),
    "pandas floats": (pd.Series([0.0, 1.0, 1.0, 0.0]), TypeError, "0.0 at position 0"),
    "float objects": (np.array([0, 1.0, 1, 0], object), TypeError, "1.0 at position 1"),
    "decimals": ([decimal.Decimal(n) for n in (0, 1, 1, 0)], TypeError, "Decimal('0')"),
    "minus one and one": (np.array([-1, 1, 1, -1]), ValueError, "-1 at position 0"),
    "one and two": (pd.Series([1, 2, 2, 1]), ValueError, "2 at position 1"),
    "a column": (np.array([[0], [1], [1], [0]]), ValueError, "(4, 1)"),
    "a row": (np.array([[0, 1, 1, 0]]), ValueError, "(1, 4)"),
    "a column of floats": (np.array([[0.0], [1.0], [1.0], [0.0]]), ValueError, "(4, 1)"),
    "a column of -1 and 1": (np.array([[-1], [1], [1], [-1]]), ValueError, "(4, 1)"),
    "floats of -1 and 1": (np.array([-1.0, 1.0, 1.0, -1.0]), TypeError, "-1.0 at position 0"),
    "a matrix": (np.array([[0, 1, 1, 0]]).view(np.matrix), ValueError, "(1, 4)"),
    "a data frame": (pd.DataFrame({"y": [0, 1, 1, 0]}), ValueError, "(4, 1)"),
    "a data frame of text": (
        pd.DataFrame({"y": ["cat", "dog", "dog", "cat"]}), ValueError, "(4, 1)",
    ),
    "nested lists": ([[0], [1], [1], [0]], ValueError, "(4, 1)"),
    "sparse matrix": (sparse.csr_matrix(np.eye(2)[LABELS]), TypeError, "(4, 2)"),
    "sparse array": (sparse.coo_array(np.eye(2)[LABELS]), TypeError, "(4, 2)"),
    "sparse column": (sparse.csc_array(LABELS[:, np.newaxis]), TypeError, "(4, 1)"),
}  # fmt: skip


def _expressions_of(name):
    """A pattern of Python that begins with a call of the array's, or of NumPy with it."""
    return (
        rf"(?:np\.\w+\()+{name}\)*(?:\.\w+\(\w*\))*(?:, return_inverse=True\)\[1\])?"
        rf"|{name}(?:\.\w+\(\w*\))+"
    )


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("kind", WRONG_LABELS)
def test_labels_that_are_none_are_shown_and_the_cure_works(kind, taker):
    call, name = TAKERS[taker]
    t, error, shown = WRONG_LABELS[kind]
    with pytest.raises(error) as caught:
        call(t)
    message = str(caught.value)
    assert message.startswith(f"{name} must ")
    assert shown in message
    cures = re.findall(_expressions_of(name), message)
    assert cures, message
    cured = eval(cures[-1], {"np": np, name: t})  # noqa: S307
    call(cured)
    if cured.ndim == 1:
        assert cured.tolist() in ([0, 1, 1, 0], [1, 0, 0, 1])


@pytest.mark.parametrize("kind", WRONG_LABELS)
@pytest.mark.parametrize("name", ["t_train", "t_test"])
def test_fit_knows_its_labels_by_their_names(kind, name):
    t, error, shown = WRONG_LABELS[kind]
    data = {"x_train": X, "t_train": LABELS, "x_test": X, "t_test": LABELS} | {name: t}
    with pytest.raises(error, match=rf"^{name} must ") as caught:
        fit(**data)
    assert shown in str(caught.value)


LABELS_OUTSIDE = {
    "negative": (np.array([0, 1, -7, 0]), "-7 at position 2"),
    "too large": ([0, 1, 2, 0], "2 at position 2"),
    "int8": (np.array([0, 1, -128, 0], np.int8), "-128 at position 2"),
    "beyond int64": (np.array([0, 1, 2**63 + 5, 0], np.uint64), f"{2**63 + 5} at position 2"),
    "the largest": (np.array([0, 2**64 - 1, 1, 0], np.uint64), f"{2**64 - 1} at position 1"),
    "objects": (np.array([0, 1, 1, 3], object), "3 at position 3"),
    "beyond any dtype": (np.array([0, 10**30, 1, 0], object), "at position 1"),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("kind", LABELS_OUTSIDE)
def test_labels_of_no_class_are_shown_as_they_are(kind, taker):
    call, name = TAKERS[taker]
    t, shown = LABELS_OUTSIDE[kind]
    with pytest.raises(
        ValueError, match=rf"^{name} must hold labels in 0\.\.1 only, got"
    ) as caught:
        call(t)
    assert shown in str(caught.value)


def test_the_place_is_that_in_the_callers_array_however_the_call_is_cut():
    x, t = np.ones((700_000, 3)), np.zeros(700_000, int)
    t[650_000] = 2
    with pytest.raises(ValueError, match="got 2 at position 650000"):
        network().accuracy(x, t)
    with pytest.raises(ValueError, match=r"t must hold labels in .* got 5"):
        network().loss(X[0], 5)


MISSING = {
    "pandas integers": pd.Series([0, None, 1, 0], dtype="Int64"),
    "pandas bools": pd.Series([False, None, True, False], dtype="boolean"),
    "floats": np.array([0.0, np.nan, 1.0, 0.0]),
    "objects": np.array([0, None, 1, 0], object),
    "pandas.NA among objects": np.array([0, pd.NA, 1, 0], object),
    "a time that is none": np.array([0, pd.NaT, 1, 0], object),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("kind", MISSING)
def test_missing_labels_are_found(kind, taker):
    call, name = TAKERS[taker]
    with pytest.raises(TypeError, match=rf"^{name} must hold integers.* at position 1.*leave"):
        call(MISSING[kind])


TAKEN_LABELS = {
    "list": [0, 1, 1, 0],
    "tuple": (0, 1, 1, 0),
    "objects": np.array([0, 1, 1, 0], object),
    "objects of NumPy's": np.array([np.int8(0), 1, np.uint64(1), 0], object),
    "pandas": pd.Series([0, 1, 1, 0]),
    "pandas without gaps": pd.Series([0, 1, 1, 0], dtype="Int64"),
    "categories of integers": pd.Series([0, 1, 1, 0], dtype="category"),
    "index": pd.Index([0, 1, 1, 0]),
    "one-hot objects": np.eye(2)[LABELS].astype(object),
    "one-hot frame": pd.DataFrame(np.eye(2)[LABELS]),
    "one-hot frame of bools and floats": pd.DataFrame({"a": LABELS == 0, "b": LABELS * 1.0}),
    "one-hot lists": [[1, 0], [0, 1], [0, 1], [1, 0]],
}


@pytest.mark.parametrize("kind", TAKEN_LABELS)
def test_what_means_labels_is_taken(kind):
    net = network()
    expected = pytest.approx(net.loss(X, LABELS), rel=1e-15)
    assert net.loss(X, TAKEN_LABELS[kind]) == expected
    assert net.accuracy(X, TAKEN_LABELS[kind]) == net.accuracy(X, LABELS)
    fit(X, TAKEN_LABELS[kind])


def test_what_is_no_target_at_all_is_named():
    for t in (None, object(), {0: 1}, {1, 2}):
        with pytest.raises(TypeError, match=r"^t must hold labels or rows of real numbers, got"):
            network().loss(X, t)


def test_targets_of_an_unknown_network_are_only_one_a_sample():
    assert targets("t", [0.5, 1.5], (2,)).dtype == float
    assert targets("t", [[1], [2]], (2,)).shape == (2, 1)
    with pytest.raises(ValueError, match=r"t_train must hold 3 targets, .* got shape \(2,\)"):
        targets("t_train", [0, 1], (3,))
    with pytest.raises(TypeError, match="t_train must hold real numbers"):
        targets("t_train", ["a", "b"], (2,))
