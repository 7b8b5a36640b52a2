"""Memory that is not there: right numbers or a MemoryError, and never the end of the process.

Children are forked that may use a little more memory than they have, and then a little more than
that, until there is enough.
"""

import os

import pytest

from processes import output_of

resource = pytest.importorskip("resource", reason="memory is bounded by the Unix way")

PRELUDE = """
import hashlib, os, resource
import numpy as np
import kobai
from kobai import (
    SGD, SimpleNet, Trainer, TwoLayerNet, cross_entropy_error, gradient_descent,
    mean_squared_error, numerical_gradient, relu, sigmoid, softmax,
)

MB = 1 << 20
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
generator = np.random.default_rng(0)

def data(samples, inputs, classes, density=1.0):
    x = generator.random((samples, inputs))
    x *= generator.random(x.shape) < density
    return x, generator.integers(0, classes, samples)

x, t = data(1000, 300, 10)
sparse, _ = data(1000, 300, 10, 0.1)
single, one_hot = x.astype(np.float32), np.eye(10)[t]
column, halves = data(30_000, 1, 2)
numbers = generator.random(400_000)

nets = {
    "double": TwoLayerNet(300, 40, 10, 0.1, rng=0),
    "single": TwoLayerNet(300, 40, 10, 0.1, rng=0, dtype=np.float32),
    "one input": TwoLayerNet(1, 3, 2, 0.1, rng=0),
    "many classes": TwoLayerNet(2, 3, 300, 0.1, rng=0),
    "small": TwoLayerNet(30, 10, 10, 0.1, rng=0),
}
double, singles, narrow, wide, small = nets.values()
simple = SimpleNet(300, 10, rng=0)

def fit(net, x, t, **options):
    trainer = Trainer(net, SGD(0.1), batch_size=200, rng=0, **options)
    history = trainer.fit(x, t, iterations=6, progress=False)
    return {"loss": np.array(history.train_loss), **net.params}

CALLS = {
    "sigmoid": lambda: sigmoid(numbers),
    "relu": lambda: relu(numbers.astype(np.float32)),
    "softmax": lambda: softmax(numbers.reshape(-1, 10)),
    "strided": lambda: sigmoid(numbers[::2]),
    "losses": lambda: mean_squared_error(numbers, numbers[::-1]) + cross_entropy_error(x, x),
    "predict": lambda: double.predict(x),
    "predict of zeros": lambda: double.predict(sparse),
    "predict of another type": lambda: double.predict(single),
    "predict singly": lambda: singles.predict(single),
    "scores": lambda: simple.predict(x),
    "loss": lambda: double.loss(x, one_hot),
    "accuracy": lambda: double.accuracy(sparse, t),
    "gradient": lambda: double.gradient(x, t),
    "gradient of zeros": lambda: double.gradient(sparse, one_hot),
    "gradient of columns": lambda: double.gradient(np.asfortranarray(x), t),
    "gradient singly": lambda: singles.gradient(single, t),
    "gradient of one input": lambda: narrow.gradient(column, halves),
    "gradient without a hidden layer": lambda: simple.gradient(x, t),
    "node": lambda: double.numerical_gradient(x, t),
    "node of zeros": lambda: double.numerical_gradient(sparse, one_hot * 0.5),
    "node of another type": lambda: singles.numerical_gradient(single, t),
    "node that goes over": lambda: small.numerical_gradient(x[:50, :30], t[:50], h=0.5),
    "node with many classes": lambda: wide.numerical_gradient(x[:30, :2], t[:30] * 29),
    "incremental": lambda: small.numerical_gradient(x[:50, :30], t[:50], method="incremental"),
    "direct": lambda: narrow.numerical_gradient(column[:500], halves[:500], method="direct"),
    "generic": lambda: numerical_gradient(lambda v: float(v @ v), numbers[:500].copy()),
    "descent": lambda: gradient_descent(lambda v: float(v @ v), numbers[:30], step_num=3),
    "training": lambda: fit(double, x, t),
    "training on zeros": lambda: fit(double, sparse, one_hot),
    "training singly": lambda: fit(singles, single, t),
    "numerical training": lambda: fit(double, sparse, t, gradient="numerical"),
    "numerical training singly": lambda: fit(singles, single, t, gradient="numerical"),
    "training one by one": lambda: fit(
        small, x[:20, :30].copy(), t[:20], gradient="numerical", method="incremental"
    ),
    "a network": lambda: TwoLayerNet(300, 700, 10, rng=0).params,
}

def digest(arrays):
    arrays = arrays.values() if isinstance(arrays, dict) else [np.asarray(arrays)]
    sums = hashlib.sha1()
    for array in arrays:
        sums.update(memoryview(np.ascontiguousarray(array)).cast("B"))
    return sums.digest()

def parameters():
    return [digest(net.params) for net in nets.values()]

RIGHT, REFUSED, WRONG, CHANGED, RAISED = range(5)

def outcome(call, extra, expected, trains):
    before, result = parameters(), None
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + extra, resource.RLIM_INFINITY))
    try:
        result = call()
    except MemoryError:
        pass
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}".encode())
        return RAISED
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    if result is not None:
        return RIGHT if expected is None or digest(result) == expected else WRONG
    # Whole steps may have been taken before.
    return REFUSED if trains or parameters() == before else CHANGED

def in_child(*arguments):
    pid = os.fork()
    if pid == 0:
        status = RAISED
        try:
            status = outcome(*arguments)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""

# Children of a parent that has not computed start from nothing; of one that has, they find buffers.
SWEEP = """
call, trains = CALLS[NAME], "training" in NAME
for threads in (1, 3):
    kobai.set_num_threads(threads)
    for has_called in (False, True):
        expected = digest(call()) if has_called and not trains else None
        statuses = []
        for extra in EXTRAS:
            statuses.append(in_child(call, int(extra * MB), expected, trains))
            if statuses[-2:] == [RIGHT] * 2 and extra > 1:
                break
        print(*statuses)
"""

EXTRAS = [0.5 * 1.22**k for k in range(30)]  # to about 160 MB


def names():
    start = PRELUDE.index("CALLS = {")
    lines = PRELUDE[start : PRELUDE.index("\n}\n", start)].splitlines()
    return [line.split('"')[1] for line in lines if line.startswith('    "')]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.skipif(not hasattr(resource, "RLIMIT_AS"), reason="this system has no such limit")
@pytest.mark.parametrize("name", names())
def test_a_call_in_little_memory_is_right_or_refused(name):
    script = (PRELUDE + SWEEP).replace("NAME", repr(name)).replace("EXTRAS", repr(EXTRAS))
    sweeps = output_of(script).splitlines()
    assert len(sweeps) == 4
    for sweep in sweeps:
        statuses = [int(status) for status in sweep.split()]
        assert set(statuses) <= {0, 1}, sweeps
        assert statuses[-1] == 0, "no limit was enough"
