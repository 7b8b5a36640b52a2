"""Python threads: many compute at once, on the same arrays or their own, and get right numbers."""

import sys
import sysconfig
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import kobai
from kobai import (
    SGD,
    SimpleNet,
    Trainer,
    TwoLayerNet,
    cross_entropy_error,
    gradient_descent,
    mean_squared_error,
    numerical_gradient,
    relu,
    sigmoid,
    softmax,
)
from processes import output_of

THREADS = 8
SECONDS = 60  # until a test that hangs is given up

METHODS = ("direct", "incremental", "node", "auto")

# Enough samples for each to be worth several threads of the core's own.
SAMPLES = {"direct": 4, "incremental": 40, "node": 600, "auto": 600}

GENERATOR = np.random.default_rng(0)
X = GENERATOR.random((6000, 60))
T = GENERATOR.integers(0, 10, len(X))


def network(seed=0):
    return TwoLayerNet(60, 40, 10, 0.5, rng=seed)


def bits(value):
    if isinstance(value, dict):
        return {key: bits(array) for key, array in value.items()}
    return np.asarray(value).tobytes()


def parabola(x):
    return float(np.sum(x**2))


def questions(net):
    """Everything one asks a network, worth threads where that is possible."""
    asked = [lambda: net.predict(X), lambda: net.loss(X, T), lambda: net.accuracy(X, T)]
    asked += [lambda: net.gradient(X, T)]
    for method, n in SAMPLES.items():
        asked.append(lambda n=n, m=method: net.numerical_gradient(X[:n], T[:n], method=m))
    return asked


def free_functions():
    return [
        lambda: sigmoid(X),
        lambda: relu(X),
        lambda: softmax(X),
        lambda: mean_squared_error(X, X[::-1]),
        lambda: cross_entropy_error(X, X),
        lambda: numerical_gradient(parabola, X[0].copy()),  # which it moves while it asks
        lambda: gradient_descent(parabola, X[0], step_num=3),
        lambda: SimpleNet(60, 10, rng=0).gradient(X, T),
    ]


@pytest.fixture(autouse=True)
def several_threads():
    """The core's own threads, also on a machine of one core."""
    before = kobai.num_threads()
    kobai.set_num_threads(3)
    yield
    kobai.set_num_threads(before)


def at_once(tasks):
    """The results of `tasks`, each called in a thread of its own, all at the same moment."""
    ready = threading.Barrier(len(tasks))

    def run(task):
        ready.wait(SECONDS)
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        futures = [pool.submit(run, task) for task in tasks]
        return [future.result(SECONDS) for future in futures]


def all_answers(asked, order):
    """The answers in the order of the questions, which are asked in another."""
    answers = {k: bits(asked[k]()) for k in order}
    return [answers[k] for k in range(len(asked))]


def orders(count):
    return [np.random.default_rng(seed).permutation(count).tolist() for seed in range(THREADS)]


def test_threads_ask_one_network():
    asked = questions(network()) + free_functions()
    expected = all_answers(asked, range(len(asked)))
    for _ in range(3):
        tasks = [lambda order=order: all_answers(asked, order) for order in orders(len(asked))]
        assert at_once(tasks) == [expected] * THREADS


def test_threads_ask_networks_of_their_own():
    asked = [questions(network(seed)) for seed in range(THREADS)]
    expected = [all_answers(own, range(len(own))) for own in asked]
    tasks = [
        lambda own=own, order=order: all_answers(own, order)
        for own, order in zip(asked, orders(len(asked[0])), strict=True)
    ]
    assert at_once(tasks) == expected


@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
def test_threads_train_networks_of_their_own(gradient):
    def trained(seed):
        net = network(seed)
        history = Trainer(net, batch_size=2000, gradient=gradient, rng=seed).fit(X, T, epochs=2)
        return bits(net.params), history

    expected = [trained(seed) for seed in range(THREADS)]
    assert at_once([lambda seed=seed: trained(seed) for seed in range(THREADS)]) == expected


@pytest.mark.parametrize("hidden", [40, 10_000])  # also parameters of several megabytes
@pytest.mark.parametrize("gradient", ["backprop", "numerical"])
def test_a_network_answers_while_another_thread_trains_it(gradient, hidden):
    net, twin = (TwoLayerNet(60, hidden, 10, 0.5, rng=0) for _ in range(2))
    x, t = X[:200], T[:200]
    answers = []
    asked, done = threading.Event(), threading.Event()

    def train(net):
        trainer = Trainer(net, SGD(0.1), batch_size=20, gradient=gradient, rng=0)
        return trainer.fit(x, t, epochs=3)

    def ask():
        while not done.is_set():
            answers.append((net.predict(x).sum(axis=1), net.loss(x, t)))
            asked.set()

    expected = train(twin)
    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        try:
            assert asked.wait(SECONDS)
            history = train(net)
        finally:
            done.set()
        for each in asking:
            each.result(SECONDS)
    assert history == expected
    assert bits(net.params) == bits(twin.params)
    for sums, loss in answers:
        np.testing.assert_allclose(sums, 1, rtol=1e-12)
        assert 0 < loss < 100


def test_an_array_is_moved_while_another_thread_reads_it():
    x = np.ones(1 << 20)
    place, began, done = len(x) - 1, threading.Event(), threading.Event()

    def read():
        while not done.is_set():
            sigmoid(x)
            began.set()

    def f(x):
        # Long enough for the reader to be at work when the place is put back.
        return sum(float(mean_squared_error(x[place:], [0.0])) for _ in range(200))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            assert began.wait(SECONDS)
            for _ in range(20):
                gradient = numerical_gradient(lambda last: f(x), x[place:])
                assert gradient == pytest.approx([200], abs=1e-6)
        finally:
            done.set()
        reading.result(SECONDS)
    assert np.all(x == 1)


def test_changing_the_number_of_threads_disturbs_no_computation():
    asked = questions(network())
    expected = all_answers(asked, range(len(asked)))
    done = False

    def change():
        for k in range(10**9):
            if done:
                return
            kobai.set_num_threads(1 + k % 4)

    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        try:
            tasks = [lambda order=order: all_answers(asked, order) for order in orders(len(asked))]
            assert at_once(tasks) == [expected] * THREADS
        finally:
            done = True
        changing.result(SECONDS)


def test_labels_that_are_spoilt_meanwhile_are_an_error_or_none():
    # As long as one call of the core lasts, labels are those that were found to name classes.
    x, t = np.tile(X, (4, 1)), np.tile(T, 4)
    kept, done = t.copy(), threading.Event()
    net = network()

    def spoil():
        while not done.is_set():
            t[::7] = 99
            t[:] = kept
            time.sleep(0.005)

    with ThreadPoolExecutor(1) as pool:
        spoiling = pool.submit(spoil)
        try:
            for _ in range(20):
                try:
                    history = Trainer(net, rng=0).fit(x, t, epochs=2, progress=False)
                    assert np.isfinite(history.train_loss).all()
                except ValueError as error:
                    assert "must hold labels in 0..9 only" in str(error)  # noqa: PT017
        finally:
            done.set()
        spoiling.result(SECONDS)


def test_errors_in_some_threads_disturb_no_others():
    net = network()
    expected = bits(net.gradient(X, T))

    def wrong():
        for _ in range(20):
            with pytest.raises(ValueError, match="t must hold labels"):
                net.gradient(X, T + 1)
            with pytest.raises(ZeroDivisionError):
                numerical_gradient(lambda x: 1 / 0, X[0].copy())

    def right():
        return all(bits(net.gradient(X, T)) == expected for _ in range(20))

    assert at_once([wrong, right] * (THREADS // 2)) == [None, True] * (THREADS // 2)


FIRST = """
import threading
import numpy as np
import kobai
from kobai import TwoLayerNet

net = TwoLayerNet(60, 40, 10, 0.5, rng=0)
generator = np.random.default_rng(0)
x, t = generator.random((3000, 60)), generator.integers(0, 10, 3000)
ready = threading.Barrier(8)
answers = []

def ask():
    ready.wait()
    answers.append(net.gradient(x, t)["W1"].tobytes())

threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(answers) == 8 and set(answers) == {net.gradient(x, t)["W1"].tobytes()}
assert kobai.num_threads() == 3
print("right")
"""


def test_eight_threads_may_make_the_first_call_of_a_process_together():
    for _ in range(5):
        assert output_of(FIRST, RAYON_NUM_THREADS="3") == "right\n"


REINTERPRETED = """
import threading, time
import numpy as np
from kobai import TwoLayerNet

net = TwoLayerNet(60, 40, 10, 0.5, rng=0)
x, t = np.ones((2000, 60)), np.zeros(2000, int)
thread = threading.Thread(target=net.numerical_gradient, args=[x, t], kwargs={"method": "direct"})
thread.start()
time.sleep(0.1)
assert thread.is_alive()
for array in (*net.params.values(), x, t):
    array.dtype = np.uint8
thread.join()
print("alive")
"""


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) >= "3.0.0", reason="dtypes can be assigned to no longer"
)
def test_an_array_whose_dtype_is_assigned_to_meanwhile_ends_no_process():
    assert output_of(REINTERPRETED) == "alive\n"


@pytest.fixture
def ticks():
    """A thread that counts whenever it gets the interpreter, and asks for it all the time."""
    count = [0]
    done = threading.Event()

    def tick():
        while not done.is_set():
            count[0] += 1
            time.sleep(1e-4)

    # With so long an interval, no thread is made to give the interpreter away: only one that
    # does so by itself lets another go on.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    thread = threading.Thread(target=tick)
    thread.start()
    yield count
    done.set()
    thread.join()
    sys.setswitchinterval(interval)


NET = network()
SIMPLE = SimpleNet(60, 10, rng=0)
BIG = np.zeros(10**6)
# NumPy leaves the interpreter too, where it copies more than 500 numbers: here it copies fewer.
ONE_HOT = np.eye(10)[T]
LABELS = np.zeros(400, int)

LONG_CALLS = {
    "sigmoid": lambda: sigmoid(BIG),
    "relu": lambda: relu(BIG),
    "softmax": lambda: softmax(BIG),
    "mean_squared_error": lambda: mean_squared_error(BIG, BIG),
    "cross_entropy_error": lambda: cross_entropy_error(BIG, BIG),
    "labels": lambda: cross_entropy_error(BIG.reshape(400, -1), LABELS),
    "predict": lambda: NET.predict(X),
    "scores": lambda: SIMPLE.predict(X),
    "loss": lambda: NET.loss(X, ONE_HOT),
    "accuracy": lambda: NET.accuracy(X, ONE_HOT),
    "gradient": lambda: NET.gradient(X, ONE_HOT),
    **{
        method: lambda n=n, m=method: NET.numerical_gradient(X[:n], ONE_HOT[:n], method=m)
        for method, n in SAMPLES.items()
    },
}


@pytest.mark.parametrize("call", LONG_CALLS)
def test_other_threads_run_meanwhile(ticks, call):
    # No timing: however slow the machine, a tick comes during one of the calls if it can come at
    # all, and none comes if the call keeps the interpreter.
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        before = ticks[0]
        LONG_CALLS[call]()
        if ticks[0] > before:
            return
    pytest.fail(f"{call} kept the interpreter to itself")


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python is not free-threaded"
)
def test_importing_kobai_leaves_a_free_threaded_python_free():
    assert output_of("import sys, kobai; print(sys._is_gil_enabled())") == "False\n"
