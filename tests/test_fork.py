"""Forked children: they compute, and get the parent's numbers, whatever the parent was doing."""

import os

import pytest

from processes import PYTHONS, output_of, run_script

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

# Every gradient of `answers` is worth threads: see MIN_SHARED_FLOPS in
# rust/core/src/parallel/tuning.rs.
PRELUDE = """
import os, signal, threading, time, traceback
import numpy as np
import kobai
from kobai import SGD, Trainer, TwoLayerNet, numerical_gradient

kobai.set_num_threads(3)
net = TwoLayerNet(60, 40, 10, 0.5, rng=0)
generator = np.random.default_rng(0)
x, t = generator.random((3000, 60)), generator.integers(0, 10, 3000)

def answers():
    gradients = [net.gradient(x, t)]
    gradients += [net.numerical_gradient(x[:600], t[:600], method="node")]
    gradients += [net.numerical_gradient(x[:40], t[:40], method="incremental")]
    gradients += [net.numerical_gradient(x[:4], t[:4], method="direct")]
    arrays = [net.predict(x)] + [array for gradient in gradients for array in gradient.values()]
    return [array.tobytes() for array in arrays]

def start(work):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if work() else 2
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid

def finish(pid, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hung"

def in_child(work):
    return finish(start(work)) == 0
"""


def run(script, timeout=120):
    assert output_of(PRELUDE + script, timeout=timeout) == "right\n"


def test_children_compute_after_their_parent_has():
    run("""
expected = answers()
for _ in range(5):
    assert in_child(lambda: answers() == expected and kobai.num_threads() == 3)
assert answers() == expected
print("right")
""")


def test_a_child_computes_before_its_parent_has():
    run("""
pid = start(lambda: bool(answers()))
assert finish(pid) == 0
expected = answers()
assert in_child(lambda: answers() == expected)
print("right")
""")


@pytest.mark.parametrize("child_computes", [True, False])
def test_grandchildren_compute(child_computes):
    run(f"""
expected = answers()
def child():
    before = answers() if {child_computes} else expected
    assert in_child(lambda: answers() == expected and in_child(lambda: answers() == expected))
    return before == answers() == expected
assert in_child(child)
print("right")
""")


def test_many_children_compute_at_once():
    run("""
expected = answers()
children = [start(lambda: all(answers() == expected for _ in range(3))) for _ in range(12)]
assert answers() == expected
assert [finish(pid) for pid in children] == [0] * 12
print("right")
""")


def test_a_child_sets_its_own_number_of_threads():
    run("""
expected = answers()
def child(count):
    kobai.set_num_threads(count)
    return kobai.num_threads() == count and answers() == expected
assert all(in_child(lambda count=count: child(count)) for count in (1, 2, 5))
assert kobai.num_threads() == 3 and answers() == expected
print("right")
""")


POOLS = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

def task(k):
    rows = slice(50 * k, 50 * k + 500)
    losses = Trainer(TwoLayerNet(60, 40, 10, rng=k), batch_size=100, rng=0).fit(
        x[rows], t[rows], epochs=1).train_loss
    return losses, net.gradient(x[rows], t[rows])["W1"].tobytes()

expected = [task(k) for k in range(4)]
fork = multiprocessing.get_context("fork")
"""


def test_multiprocessing_pools_compute():
    run(
        POOLS
        + """
with fork.Pool(3) as pool:
    assert pool.map_async(task, range(4)).get(60) == expected
print("right")
"""
    )


def test_executors_compute():
    run(
        POOLS
        + """
with ProcessPoolExecutor(3, mp_context=fork) as pool:
    assert list(pool.map(task, range(4), timeout=60)) == expected
print("right")
"""
    )


# While many threads go in and out of the core, one child in twenty was forked at the moment when
# some thread held the lock that the pool used to stand behind.
MEANWHILE = """
expected = answers()
stop = False
def again(call):
    while not stop:
        call()
threads = [threading.Thread(target=again, args=[call]) for call in CALLS]
for thread in threads:
    thread.start()
for _ in range(FORKS):
    ended = finish(start(lambda: WORK))
    if ended != 0:
        break
stop = True
for thread in threads:
    thread.join()
assert ended == 0, ended
print("right")
"""


def while_threads_run(calls, forks, work="answers() == expected"):
    run(MEANWHILE.replace("CALLS", calls).replace("FORKS", str(forks)).replace("WORK", work))


def test_children_forked_while_threads_enter_the_core_compute():
    gradient = 'net.gradient(x, t)["b2"].tobytes() == expected[4]'
    while_threads_run("[kobai.num_threads] * 12", 100, gradient)


def test_children_forked_while_threads_compute_compute():
    while_threads_run("[answers] * 3", 15)


def test_children_forked_while_a_thread_draws_a_progress_bar_train():
    run("""
from tqdm import tqdm

def fit():
    net = TwoLayerNet(60, 5, 10, rng=0)
    Trainer(net, rng=0).fit(x[:200], t[:200], epochs=2)
    return net.params["W1"].tobytes()

def draw():
    with tqdm.get_lock():  # held while a bar is created or written
        drawing.set()
        forked.wait()

expected = fit()
drawing, forked = threading.Event(), threading.Event()
thread = threading.Thread(target=draw)
thread.start()
drawing.wait()
pid = start(lambda: fit() == expected)
forked.set()
thread.join()
assert finish(pid) == 0
assert fit() == expected
print("right")
""")


@pytest.mark.parametrize("hidden", [40, 10_000])  # also parameters of several megabytes
def test_children_may_change_what_the_parent_was_reading_when_they_were_forked(hidden):
    run(f"""
net = TwoLayerNet(60, {hidden}, 10, 0.5, rng=0)
square = lambda W: float(W[0, 0] ** 2)
def child():
    gradient = numerical_gradient(square, net.params["W2"][:1, :1])
    net.params["W1"] += 1
    history = Trainer(net, SGD(0.1), rng=0).fit(x[:100], t[:100], iterations=2)
    return gradient.shape == (1, 1) and len(history.train_loss) == 2

def read():
    net.numerical_gradient(x, t, method="direct")

reading = threading.Thread(target=read, daemon=True)
reading.start()
time.sleep(0.2)
assert reading.is_alive()
assert finish(start(child)) == 0
print("right", flush=True)
os._exit(0)
""")


# ------------------------------------------------------------------------- threads before a fork

# Python itself counts threads so, and warns of a fork with more than one.
COUNT = """
def count_threads():
    with open("/proc/self/stat") as file:
        return int(file.read().rpartition(")")[2].split()[17])
"""

RESTS = """
import multiprocessing, sys
assert count_threads() == 3
counts = []
os.register_at_fork(after_in_parent=lambda: counts.append(count_threads()))
expected = answers()
for _ in range(20):
    def child():
        alone = count_threads() == 1
        return alone and kobai.num_threads() == 3 and answers() == expected and count_threads() == 3
    assert in_child(child)
    assert kobai.num_threads() == 3
    assert answers() == expected and count_threads() == 3
assert counts == [1] * 20, counts
print("right")
"""


def in_python(python, script):
    """Run `script` where a warning is an error, and no thread is NumPy's."""
    script = PRELUDE + COUNT + "answers()" + script
    run = run_script(script, python=python, options=["-W", "error"], OPENBLAS_NUM_THREADS="1")
    assert (run.returncode, run.stdout, run.stderr) == (0, "right\n", "")


on_linux = pytest.mark.skipif(
    not os.path.exists("/proc/self/stat"),  # noqa: PTH110
    reason="threads are counted the Linux way",
)


@on_linux
@pytest.mark.parametrize("python", PYTHONS)
def test_threads_end_before_a_fork_and_start_again(python):
    in_python(python, RESTS)


@pytest.mark.parametrize("python", PYTHONS)
def test_python_does_not_warn_of_a_fork_after_a_computation(python):
    # Since 3.12 it does where there is a thread. NumPy's own rest, too.
    script = """
x, t = x[:200], t[:200]
Trainer(net, SGD(0.1), rng=0).fit(x, t, epochs=2)
Trainer(net, SGD(0.1), gradient="numerical", rng=0).fit(x, t, epochs=1, progress=False)
for _ in range(5):
    assert in_child(lambda: len(answers()) == 17)
    answers()
print("right")
"""
    run = run_script(PRELUDE + "answers()" + script, python=python, options=["-W", "error"])
    assert (run.returncode, run.stdout, run.stderr) == (0, "right\n", "")


@on_linux
def test_the_set_number_survives_a_fork_wherever_it_was_set():
    in_python(
        PYTHONS[0],
        """
def child(count):
    inherited = kobai.num_threads()
    kobai.set_num_threads(count)
    return inherited == 3 and bool(answers()) and count_threads() == count
assert all(in_child(lambda count=count: child(count)) for count in (1, 2, 5))
for count in (1, 4):
    kobai.set_num_threads(count)
    assert in_child(lambda: kobai.num_threads() == count and bool(answers()))
    assert bool(answers()) and count_threads() == count
print("right")
""",
    )


def test_a_fork_in_one_thread_does_not_wait_for_a_computation_in_another():
    # The threads at work are left to it, and it ends with the right numbers.
    run("""
expected = net.numerical_gradient(x, t, method="direct")
found = []
def compute():
    found.append(net.numerical_gradient(x, t, method="direct"))
thread = threading.Thread(target=compute)
thread.start()
time.sleep(0.05)
begin = time.monotonic()
children = [start(lambda: net.gradient(x, t)["b2"].shape == (10,)) for _ in range(10)]
assert thread.is_alive(), "it was too short"
assert time.monotonic() - begin < 5
assert [finish(pid) for pid in children] == [0] * 10
thread.join()
assert all(found[0][key].tobytes() == expected[key].tobytes() for key in expected)
print("right")
""")


def test_forks_that_bypass_python_leave_a_child_that_computes():
    # Nothing ends before such a fork. It holds the interpreter: a thread that waits for it in the
    # child, where its holder may not be, waits for ever.
    run("""
import ctypes
fork = ctypes.PyDLL(None).fork
expected = answers()
for _ in range(5):
    pid = fork()
    if pid == 0:
        os._exit(0 if answers() == expected and kobai.num_threads() == 3 else 1)
    assert finish(pid) == 0
    assert answers() == expected
print("right")
""")


@pytest.mark.parametrize("computing", ["net.gradient(x, t)", "kobai.set_num_threads(2 + k % 3)"])
def test_threads_compute_while_others_fork_all_the_time(computing):
    run(f"""
expected = answers()
stop = False
def again():
    k = 0
    while not stop:
        k += 1
        {computing}
threads = [threading.Thread(target=again) for _ in range(2)]
for thread in threads:
    thread.start()
statuses = [finish(start(lambda: answers() == expected)) for _ in range(20)]
stop = True
for thread in threads:
    thread.join()
assert statuses == [0] * 20, statuses
assert answers() == expected
print("right")
""")
