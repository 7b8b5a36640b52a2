"""The gradient of a function in a process that ends, has no memory left, or is interrupted."""

import textwrap
from pathlib import Path

import pytest

from processes import output_of

pytest.importorskip("resource", reason="memory is bounded by the Unix way")


def run(script, **options):
    return output_of(textwrap.dedent(script), **options)


@pytest.mark.parametrize("call", ["numerical_gradient", "gradient_descent"])
@pytest.mark.parametrize("f", ["lambda p: p[0]", "lambda p: sum(range(50))"])
def test_a_daemon_thread_at_the_end_of_the_program_ends_with_it(call, f):
    # In NumPy's own loop the same: exit status 0, and not a word.
    script = f"""
        import threading, time
        import numpy as np
        import kobai

        def work():
            x = np.ones(100_000)
            while True:
                kobai.{call}({f}, x)

        for _ in range(2):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.2)
        print("end")
    """
    for _ in range(3):
        assert run(script) == "end\n"


MEMORY = """
    import re, resource
    import numpy as np
    import kobai

    def limit(room):
        taken = int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
        resource.setrlimit(resource.RLIMIT_AS, (taken + room, taken + room))

    x = np.ones({size})
    kobai.numerical_gradient(lambda p: 1.0, np.ones(3))
    limit({room})
    try:
        {call}
    except MemoryError as error:
        print("refused")
    assert (x == 1).all()
    print(kobai.numerical_gradient(lambda p: float(p[0]), np.ones(2)).round(6).tolist())
"""

CALLS = {
    "in place": "kobai.numerical_gradient(lambda p: 1.0, x)",
    "of a copy": "kobai.numerical_gradient(lambda p: 1.0, x.view('i8'))",
    "descent": "kobai.gradient_descent(lambda p: 1.0, x, step_num=1)",
    "history": "kobai.gradient_descent(lambda p: 1.0, x, step_num=0, return_history=True)",
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("size", "room"), [(1 << 22, 20 << 20), (1 << 20, 4 << 20)])
def test_memory_that_is_not_there_is_a_memory_error(call, size, room):
    printed = run(MEMORY.format(size=size, room=room, call=CALLS[call]))
    assert printed.splitlines() == ["refused", "[1.0, 0.0]"]


def test_ctrl_c_passes_through_at_once_and_x_is_as_it_was():
    script = """
        import os, signal, threading, time
        import numpy as np
        import kobai

        x = np.random.default_rng(0).random(10_000_000)
        before = x.tobytes()
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            kobai.numerical_gradient(lambda p: float(p[0]), x)
        except KeyboardInterrupt:
            print("interrupted", x.tobytes() == before)
    """
    assert run(script) == "interrupted True\n"


def test_what_a_signal_s_handler_raises_passes_through():
    script = """
        import signal, time
        import numpy as np
        import kobai

        class TimeoutError_(Exception):
            pass

        def late(*_):
            raise TimeoutError_("late")

        signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        x = np.ones(1_000_000)
        try:
            kobai.numerical_gradient(lambda p: float(p[0]), x)
        except TimeoutError_ as error:
            print(error, (x == 1).all())
    """
    assert run(script) == "late True\n"
