"""The same seed gives the same bits: for any number of threads, in any process."""

import hashlib
import itertools
import os
from pathlib import Path

import numpy as np
import pytest

import kobai
from kobai import SGD, SimpleNet, Trainer, TwoLayerNet
from processes import output_of

THREADS = (1, 2, 3, 8)

# For each gradient, a batch that is worth threads, and how many steps to take. The last batch of an
# epoch is a short one.
TRAINING = {
    "backprop": (3000, 8),
    "auto": (600, 5),
    "node": (600, 5),
    "incremental": (60, 3),
    "direct": (12, 3),
}


@pytest.fixture(autouse=True)
def threads_as_before():
    before = kobai.num_threads()
    yield
    kobai.set_num_threads(before)


def bits(params):
    return {key: (param.dtype, param.shape, param.tobytes()) for key, param in params.items()}


def trained(how, sampling="shuffle", dtype=np.float64, zeros=0.0, seed=0):
    """Everything training leaves behind."""
    batch_size, steps = TRAINING[how]
    generator = np.random.default_rng(seed)
    samples = 5 * batch_size // 2
    x = generator.random((samples, 60)).astype(dtype)
    x[generator.random(x.shape) < zeros] = 0
    t = generator.integers(0, 10, samples)
    net = TwoLayerNet(60, 30, 10, 0.5, rng=seed, dtype=dtype)
    options = (
        {"gradient": "backprop"} if how == "backprop" else {"gradient": "numerical", "method": how}
    )
    trainer = Trainer(net, SGD(0.5), batch_size=batch_size, sampling=sampling, rng=seed, **options)
    history = trainer.fit(x, t, x[:50], t[:50], iterations=steps)
    assert len(history.train_loss) == steps
    return bits(net.params), history


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sampling", ["shuffle", "replacement"])
@pytest.mark.parametrize("how", TRAINING)
def test_training_does_not_depend_on_the_number_of_threads(how, sampling, dtype):
    results = []
    for count in THREADS:
        kobai.set_num_threads(count)
        results.append(trained(how, sampling, dtype))
    assert results == [results[0]] * len(THREADS)
    assert trained(how, sampling, dtype, seed=1)[0] != results[0][0]


@pytest.mark.parametrize("how", TRAINING)
def test_training_on_mostly_zeros_does_not_depend_on_the_number_of_threads(how):
    results = []
    for count in THREADS:
        kobai.set_num_threads(count)
        results.append(trained(how, zeros=0.9))
    assert results == [results[0]] * len(THREADS)


# Batches whose rows are cut into one block and into several, of equal and of unequal sizes.
SAMPLES = (1, 15, 16, 17, 63, 64, 129, 500, 777)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("samples", SAMPLES)
def test_gradients_do_not_depend_on_the_number_of_threads(samples, dtype):
    generator = np.random.default_rng(samples)
    # Large enough that a few samples are worth threads to backpropagation.
    net = TwoLayerNet(1500, 500, 10, 0.1, rng=0, dtype=dtype)
    simple = SimpleNet(1500, 500, rng=0)
    x = generator.random((samples, 1500)).astype(dtype)
    x[:, ::2] = 0
    t = generator.integers(0, 10, samples)
    results = []
    for count in THREADS:
        kobai.set_num_threads(count)
        answers = bits(net.gradient(x, t)), net.predict(x).tobytes(), net.loss(x, t)
        results.append((answers, simple.gradient(x, t).tobytes(), simple.predict(x).tobytes()))
    assert results == [results[0]] * len(THREADS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("samples", [129, 200, 333, 1000])
def test_gradients_of_narrow_layers_do_not_depend_on_the_number_of_threads(samples, dtype):
    """Threads that share such a batch sum the gradients of groups of rows."""
    generator = np.random.default_rng(samples)
    net = kobai.MultiLayerNet(64, [100, 40], 3, rng=0, dtype=dtype)
    x, t = generator.normal(size=(samples, 64)).astype(dtype), generator.integers(0, 3, samples)
    results, trained = [], []
    for count in THREADS:
        kobai.set_num_threads(count)
        results.append((bits(net.gradient(x, t)), net.loss(x, t)))
        copy = kobai.MultiLayerNet(64, [100, 40], 3, rng=0, dtype=dtype)
        Trainer(copy, kobai.Adam(), batch_size=samples, rng=0).fit(x, t, iterations=3)
        trained.append(bits(copy.params))
    assert results == [results[0]] * len(THREADS)
    assert trained == [trained[0]] * len(THREADS)


SECOND = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_determinism import digest
print(digest())
"""


def digest():
    """One text for everything all ways of training leave behind."""
    ways = itertools.product(TRAINING, (0.0, 0.9))
    everything = [trained(how, zeros=zeros) for how, zeros in ways]
    return hashlib.sha256(repr(everything).encode()).hexdigest()


@pytest.mark.parametrize("count", THREADS)
def test_another_process_gives_the_same_bits(count):
    environ = {"RAYON_NUM_THREADS": str(count), "PYTHONHASHSEED": str(count)}
    assert output_of(SECOND, **environ) == digest() + "\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_gives_the_same_bits():
    script = """
import os
expected = digest()
pid = os.fork()
if pid == 0:
    os._exit(0 if digest() == expected else 1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    prelude = SECOND.replace("print(digest())\n", "")
    assert output_of(prelude + script, RAYON_NUM_THREADS="3") == "0\n"
