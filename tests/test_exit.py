"""The end of a program while daemon threads compute: exit status 0, as with NumPy's functions."""

import pytest

from processes import PYTHONS, run_script

PRELUDE = """
import atexit, sys, threading, time
import numpy as np
from kobai import (
    SGD, Trainer, TwoLayerNet, cross_entropy_error, mean_squared_error, sigmoid, softmax,
)

generator = np.random.default_rng(0)
x, t = generator.random((100, 784)), generator.integers(0, 10, 100)
net = TwoLayerNet(784, 50, 10, rng=0)
small = TwoLayerNet(3, 4, 2, rng=0)
samples, labels = x[:5, :3].copy(), t[:5] % 2
numbers = generator.random(200_000)

def train(gradient):
    trainer = Trainer(small, SGD(0.1), batch_size=5, gradient=gradient, rng=0)
    trainer.fit(samples, labels, iterations=500, progress=False)

CALLS = {
    # Where the thread is most of the time: deep in one gradient, or going in and out.
    "long": lambda: net.numerical_gradient(x, t, method="direct"),
    "node": lambda: net.numerical_gradient(x, t),
    "short": lambda: small.gradient(samples, labels),
    "training": lambda: train("backprop"),
    "numerical training": lambda: train("numerical"),
    # What NumPy copies for the core, which leaves the interpreter meanwhile.
    "columns backwards": lambda: net.gradient(x[:, ::-1], t),
    "every second number": lambda: sigmoid(numbers[::2]),
    "softmax": lambda: softmax(numbers.reshape(-1, 10)),
    "losses": lambda: (mean_squared_error(numbers, numbers), cross_entropy_error(x, t % 784)),
    "accuracy": lambda: net.accuracy(x, t),
}

def again(name):
    while True:
        CALLS[name]()

def start(name):
    threading.Thread(target=again, args=[name], daemon=True).start()

call, delay = sys.argv[1], float(sys.argv[2])
"""

# The interpreter takes its time over the end, so that the threads come back meanwhile.
END = """
class Slow:
    def __del__(self):
        end = time.perf_counter() + 0.05
        while time.perf_counter() < end:
            pass

sys.slow = Slow()
time.sleep(delay)
"""

ONE = PRELUDE + "start(call)" + END
ALL = PRELUDE + "for name in CALLS: start(name)" + END
NAMES = (
    "long",
    "node",
    "short",
    "training",
    "numerical training",
    "columns backwards",
    "every second number",
    "softmax",
    "losses",
    "accuracy",
)
# Also at once: a process's first calls are under way then.
DELAYS = (0, 0.003, 0.02, 0.1)


def ends_well(script, call, delay, python, **environ):
    run = run_script(script, 60, python=python, arguments=[call, str(delay)], **environ)
    assert (run.returncode, run.stderr) == (0, ""), f"{python}, {call}, {delay}"
    return run.stdout


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("call", NAMES)
def test_a_daemon_thread_computes_at_the_end_of_the_program(call, python):
    for delay in DELAYS:
        ends_well(ONE, call, delay, python)


@pytest.mark.parametrize("python", PYTHONS)
def test_many_daemon_threads_compute_at_the_end_of_the_program(python):
    for delay in DELAYS:
        ends_well(ALL, "", delay, python, RAYON_NUM_THREADS="3")


# Whether a hook was registered before kobai was imported or after, it runs while threads may come
# back from the core.
JOINED = """
import atexit
stop = lambda: (done.set(), worker.join(30), print("joined" if not worker.is_alive() else "hangs"))
BEFORE
PRELUDE
AFTER
done = threading.Event()
def work():
    while not done.is_set():
        CALLS[call]()
worker = threading.Thread(target=work, daemon=True)
worker.start()
time.sleep(delay)
"""


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("call", ["node", "short", "columns backwards", "training"])
@pytest.mark.parametrize("when", ["BEFORE", "AFTER"])
def test_an_exit_hook_may_wait_for_a_thread_that_computes(when, call, python):
    script = JOINED.replace(when, "atexit.register(stop)").replace("PRELUDE", PRELUDE)
    script = script.replace("BEFORE", "").replace("AFTER", "")
    assert ends_well(script, call, 0.02, python) == "joined\n"


@pytest.mark.parametrize("python", PYTHONS)
def test_the_main_thread_computes_while_the_interpreter_ends(python):
    script = (
        PRELUDE
        + """
import os
from kobai import _core

class Last:
    # By now, modules have lost their contents: all it takes it has itself.
    def __init__(self):
        self.ask = lambda ask=_core.sigmoid, x=numbers: ask(x).tobytes()
        self.expected = self.ask()

    def __del__(self, write=os.write, is_finalizing=sys.is_finalizing):
        write(1, f"{is_finalizing()} {self.ask() == self.expected}\\n".encode())

sys.last = Last()
start("node")
"""
    )
    assert ends_well(script, "", 0, python) == "True True\n"


@pytest.mark.parametrize("python", PYTHONS)
def test_emptying_the_registry_of_exit_hooks_lets_threads_go_on(python):
    # As `multiprocessing` does in its children.
    script = (
        PRELUDE
        + """
atexit._clear()
thread = threading.Thread(target=CALLS["columns backwards"])
thread.start()
thread.join(30)
print(not thread.is_alive())
"""
    )
    assert ends_well(script, "", 0, python) == "True\n"


@pytest.mark.parametrize("python", PYTHONS)
def test_a_child_ends_whose_parent_was_computing_when_it_was_forked(python):
    # Of the threads that were inside then, none comes out again in the child.
    script = (
        PRELUDE
        + """
import os
for name in ("node", "short", "columns backwards"):
    start(name)
time.sleep(0.05)
for _ in range(10):
    pid = os.fork()
    if pid == 0:
        sys.exit(0)
    begin = time.monotonic()
    while not (ended := os.waitpid(pid, os.WNOHANG))[0] and time.monotonic() < begin + 20:
        time.sleep(0.001)
    assert ended == (pid, 0), ended
    assert time.monotonic() < begin + 5
print("ended")
"""
    )
    options = ["-W", "ignore::DeprecationWarning"]
    run = run_script(script, 120, python=python, options=options, arguments=["", "0"])
    assert (run.returncode, run.stdout) == (0, "ended\n"), run.stderr
