"""Thousands of classes: a numerical gradient takes memory and time linear in them."""

import numpy as np
import pytest

from kobai import SimpleNet, TwoLayerNet
from processes import output_of

METHODS = ("incremental", "node")
# Moves of a score: of the shortest series, of longer ones, of the longest, which is for any share,
# and some for which exponentials are taken.
WIDTHS = (1e-5, 1e-4, 1e-3, 0.02, 0.05, 0.3, 10.0, 800.0)
TARGETS = ("labels", "soft", "of either sign", "an excluded class")


def targets_of(kind, samples, classes):
    generator = np.random.default_rng(1)
    if kind in ("labels", "an excluded class"):
        return np.arange(samples) % classes
    weights = generator.random((samples, classes))
    return weights / classes if kind == "soft" else 2 * weights - 1


@pytest.mark.parametrize("h", WIDTHS)
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("classes", [2, 3, 8, 9, 70])
@pytest.mark.parametrize("scale", [0.5, 20.0])
def test_scores_that_move_by_any_amount(h, kind, classes, scale):
    net = SimpleNet(3, classes, rng=0)
    net.W *= scale
    x, t = np.random.default_rng(0).uniform(-1, 1, (4, 3)), targets_of(kind, 4, classes)
    if kind == "an excluded class":
        x = np.abs(x)
        net.W[:, 0] = -40.0 / x.min()
    expected = net.numerical_gradient(x, t, h=h, method="direct")
    # The loss is that of a score's rounding, and of its own: a few units in the last place.
    mass = 1 if t.ndim == 1 else np.abs(t).sum(axis=1).max()
    largest = 17 + np.abs(x @ net.W).max() + h
    allowed = 1e-9 * mass + 8 * np.finfo(float).eps * mass * largest / h
    for method in METHODS:
        quotients = net.numerical_gradient(x, t, h=h, method=method)
        np.testing.assert_allclose(quotients, expected, rtol=0, atol=allowed)


@pytest.mark.parametrize("h", WIDTHS[:7])
@pytest.mark.parametrize("kind", TARGETS[:3])
def test_a_hidden_layer_below_many_classes(h, kind):
    net = TwoLayerNet(3, 2, 300, 1.0, rng=0)
    x, t = np.random.default_rng(0).uniform(-1, 1, (2, 3)), targets_of(kind, 2, 300)
    expected = net.numerical_gradient(x, t, h=h, method="direct")
    mass = 1 if t.ndim == 1 else np.abs(t).sum(axis=1).max()
    allowed = 1e-9 * mass + 8 * np.finfo(float).eps * mass * (17 + h) / h
    for method in METHODS:
        quotients = net.numerical_gradient(x, t, h=h, method=method)
        for key, quotient in quotients.items():
            np.testing.assert_allclose(quotient, expected[key], rtol=0, atol=allowed)


@pytest.mark.parametrize("hidden", [50, 700])
def test_powers_that_are_kept_and_powers_that_are_not(hidden):
    # Of 50 units the powers of all weights are kept, of 700 they are found anew: the same numbers.
    net = TwoLayerNet(3, hidden, 100, 0.3, rng=0)
    x, t = np.random.default_rng(0).uniform(-1, 1, (3, 3)), targets_of("soft", 3, 100)
    by_node, one_by_one = (net.numerical_gradient(x, t, method=method) for method in METHODS[::-1])
    exact = net.gradient(x, t)
    for key in exact:
        np.testing.assert_allclose(by_node[key], one_by_one[key], rtol=0, atol=1e-10)
        np.testing.assert_allclose(by_node[key], exact[key], rtol=0, atol=1e-8)


GROWTH = """
import resource, time
import numpy as np
from kobai import TwoLayerNet

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def measure(sizes, samples, soft, **options):
    net = TwoLayerNet(*sizes, 0.5, rng=0)
    generator = np.random.default_rng(0)
    x = generator.random((samples, sizes[0]))
    t = generator.integers(0, sizes[2], samples)
    if soft:
        t = generator.random((samples, sizes[2]))
    net.gradient(x, t)
    before, start = peak(), time.process_time()
    net.numerical_gradient(x, t, **options)
    print(peak() - before, time.process_time() - start)
"""

# Sizes, samples, and what it may take: MiB and seconds, several times what it does.
LARGE = {
    "5,000 classes": ((3, 2, 5000), 1, 30, 1),
    "20,000 classes": ((3, 2, 20_000), 1, 60, 2),
    "20,000 classes, 10 samples": ((3, 2, 20_000), 10, 150, 5),
    "a wide layer below them": ((3, 300, 10_000), 2, 150, 20),
}
MOVES = {
    "small": {"h": 1e-4},
    "larger": {"h": 0.03},
    "small, each by itself": {"h": 1e-4, "method": "incremental"},
}


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("moves", MOVES)
@pytest.mark.parametrize("size", LARGE)
def test_memory_and_time_are_linear_in_the_classes(size, moves, soft):
    pytest.importorskip("resource", reason="memory is measured the Unix way")
    sizes, samples, most_memory, most_seconds = LARGE[size]
    if sizes[1] > 2 and "method" in MOVES[moves]:
        pytest.skip("each of millions of weights asks for a loss over all classes")
    script = GROWTH + f"measure({sizes}, {samples}, {soft}, **{MOVES[moves]})"
    memory, seconds = map(float, output_of(script).split())
    assert memory < most_memory
    assert seconds < most_seconds


@pytest.mark.parametrize("h", [0.3, 10.0])
def test_labels_need_no_other_class_however_far_scores_move(h):
    pytest.importorskip("resource", reason="memory is measured the Unix way")
    memory, seconds = map(
        float, output_of(GROWTH + f"measure((3, 2, 20_000), 1, False, h={h})").split()
    )
    assert memory < 60
    assert seconds < 2
