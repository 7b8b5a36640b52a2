"""What becomes of processes and of x when f raises, a worker dies, or Ctrl-C comes."""

import concurrent.futures
import multiprocessing
import os
import signal
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import kobai
from kobai.differentiate import gradient, hessian
from processes import output_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
    pytest.mark.skipif(sys.platform == "win32", reason="signals and forks are Unix's"),
]

# f does no harm where it is asked at x and for the noise.
HOME = os.getpid()

CALLS = [kobai.numerical_gradient, gradient, hessian]


class OwnError(Exception):
    """Cannot be made of its arguments again."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def has_left_home():
    return os.getpid() != HOME or threading.current_thread() is not threading.main_thread()


def fails(x):
    if x[5] != 1 and has_left_home():
        raise ZeroDivisionError("mine")
    return float(np.sum(x))


def fails_strangely(x):
    if x[5] != 1 and has_left_home():
        raise OwnError("one", "two")
    return float(np.sum(x))


def dies(x):
    if x[5] != 1 and has_left_home():
        os.kill(os.getpid(), signal.SIGKILL)
    return float(np.sum(x))


@pytest.mark.parametrize("call", CALLS)
def test_an_exception_of_f_comes_as_it_is_with_a_note(call):
    before = set(multiprocessing.active_children())
    for _ in range(20):
        x = np.ones(8)
        with pytest.raises(ZeroDivisionError, match="mine") as caught:
            call(fails, x, workers=2)
        assert str(caught.value) == "mine"
        assert caught.value.__notes__ == ["raised when f was asked for x[5]"]
        assert "in fails" in str(caught.value.__cause__)
        assert (x == 1).all()
        assert set(multiprocessing.active_children()) == before


def test_an_exception_that_cannot_travel_is_told():
    # Where tblib is in use, as by Dask, it can.
    with pytest.raises((RuntimeError, OwnError), match="one and two"):
        gradient(fails_strangely, np.ones(8), workers=2)
    with (
        concurrent.futures.ProcessPoolExecutor(2) as executor,
        pytest.raises((RuntimeError, OwnError), match="one and two"),
    ):
        gradient(fails_strangely, np.ones(8), workers=executor.map)
    with (
        concurrent.futures.ThreadPoolExecutor(2) as executor,
        pytest.raises(OwnError, match="one and two"),
    ):
        gradient(fails_strangely, np.ones(8), workers=executor.map)


@pytest.mark.parametrize("call", CALLS)
def test_a_worker_that_dies_is_an_error_at_once(call):
    before = set(multiprocessing.active_children())
    for _ in range(20):
        x = np.ones(8)
        start = time.perf_counter()
        with pytest.raises(RuntimeError, match="a worker process ended by signal 9"):
            call(dies, x, workers=2)
        assert time.perf_counter() - start < 5  # a second where nothing else runs
        assert (x == 1).all()
        assert set(multiprocessing.active_children()) == before


@pytest.mark.parametrize("call", CALLS)
def test_an_f_that_cannot_be_pickled_is_named(call):
    def inner(x):
        return float(np.sum(x))

    with pytest.raises(TypeError, match=r"f must be picklable .*inner.* define it with def"):
        call(inner, np.ones(3), workers=2)
    with (
        concurrent.futures.ProcessPoolExecutor(2) as executor,
        pytest.raises(TypeError, match=r"f must be picklable .*inner"),
    ):
        call(inner, np.ones(3), workers=executor.map)


INTERRUPTED = """
    import multiprocessing, os, random, signal, sys, threading, time, warnings
    import numpy as np
    import kobai
    from kobai.differentiate import gradient, hessian

    def slow(x):
        time.sleep(2e-3)
        return float(np.sum(x**2))

    def children():
        return open(f"/proc/self/task/{os.getpid()}/children").read().split()

    def main():
        x = np.linspace(1, 2, 4000)
        before = x.tobytes()
        generator = random.Random(1)
        kobai.numerical_gradient(slow, x[:2], workers=2)
        for _ in range(20):
            came = []

            def interrupt():
                came.append(time.perf_counter())
                os.kill(os.getpid(), signal.SIGINT)

            timer = threading.Timer(generator.uniform(0.02, 0.4), interrupt)
            timer.start()
            try:
                CALL(slow, x, workers=2)
            except KeyboardInterrupt:
                late = time.perf_counter() - came[0]
            else:
                sys.exit("it was not interrupted")
            assert late < 5, late  # a second where nothing else runs
            assert x.tobytes() == before
            assert not multiprocessing.active_children()
            assert not children(), children()
        print("interrupted")

    if __name__ == "__main__":
        main()
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs /proc")  # noqa: PTH110
@pytest.mark.parametrize("call", ["kobai.numerical_gradient", "gradient", "hessian"])
def test_ctrl_c_ends_all_at_once(call):
    script = textwrap.dedent(INTERRUPTED).replace("CALL", call)
    assert output_of(script, timeout=300) == "interrupted\n"


KILLED = """
    import os, signal, sys, time
    import numpy as np
    from kobai.differentiate import gradient

    def slow(x):
        with open(sys.argv[1], "a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(0.05)
        return 1.0

    if __name__ == "__main__":
        gradient(slow, np.ones(400), workers=2, noise=0)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs /proc")  # noqa: PTH110
def test_workers_end_when_their_parent_is_killed(tmp_path):
    import subprocess

    file, script = tmp_path / "pids", tmp_path / "script.py"
    script.write_text(textwrap.dedent(KILLED), encoding="utf-8")
    parent = subprocess.Popen([sys.executable, str(script), str(file)])  # noqa: S603
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            pids = set(file.read_text().split()) if file.exists() else set()
            if len(pids) == 3:
                break
            time.sleep(0.02)
    finally:
        parent.kill()
        parent.wait()
    workers = pids - {str(parent.pid)}
    assert len(workers) == 2
    deadline = time.monotonic() + 60
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_running, workers))


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
