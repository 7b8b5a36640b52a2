"""How many threads the core uses: what users say, the environment says, and the system grants."""

import os
import signal

import numpy as np
import pytest

import kobai
from processes import output_of, run_script


@pytest.fixture(autouse=True)
def same_number():
    before = kobai.num_threads()
    yield
    kobai.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 1024, np.int64(3), np.uint8(4)])
def test_a_number_within_the_bound_is_set(count):
    kobai.set_num_threads(count)
    assert kobai.num_threads() == count


def test_zero_means_the_default():
    kobai.set_num_threads(3)
    kobai.set_num_threads(0)
    assert kobai.num_threads() == int(output_of("import kobai; print(kobai.num_threads())"))


@pytest.mark.parametrize("count", [-1, -(2**70), 1025, 10**6, 2**63, 2**64, 10**400])
def test_a_number_beyond_the_bound_is_refused(count):
    kobai.set_num_threads(2)
    with pytest.raises(ValueError, match=r"threads must lie in 1\.\.1024, or be 0 for the default"):
        kobai.set_num_threads(count)
    assert kobai.num_threads() == 2


@pytest.mark.parametrize("count", [True, False, 2.0, "2", None, np.float64(2), [2], np.bool_(1)])
def test_what_is_no_integer_is_refused(count):
    kobai.set_num_threads(2)
    with pytest.raises(TypeError, match="threads must be an integer, got "):
        kobai.set_num_threads(count)
    assert kobai.num_threads() == 2


def test_no_thread_is_started_before_it_is_needed():
    script = """
import os
import numpy as np
import kobai
def count():
    return len(os.listdir("/proc/self/task"))
before = count()
kobai.set_num_threads(500)
assert kobai.num_threads() == 500
kobai.TwoLayerNet(3, 4, 2).gradient(np.ones((5, 3)), np.zeros(5, int))
print(count() - before)
"""
    if not os.path.isdir("/proc/self/task"):  # noqa: PTH112
        pytest.skip("threads are counted the Linux way")
    assert output_of(script) == "0\n"


# ------------------------------------------------------------------------------ the environment

IMPORTED = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import kobai
print(kobai.num_threads(), *[f"{w.category.__name__}: {w.message}" for w in caught])
"""


def said(value):
    return output_of(IMPORTED, RAYON_NUM_THREADS=value).strip().split(" ", 1)


@pytest.mark.parametrize(("value", "count"), [("1", 1), ("3", 3), (" 4 ", 4), ("1024", 1024)])
def test_the_environment_sets_the_number(value, count):
    assert said(value) == [str(count)]


def test_zero_in_the_environment_means_the_default():
    environ = {key: text for key, text in os.environ.items() if key != "RAYON_NUM_THREADS"}
    default = run_script("import kobai; print(kobai.num_threads())", **environ).stdout.strip()
    assert said("0") == [default]


@pytest.mark.parametrize("value", ["abc", "-1", "1000000", "", " ", "2.5", "1025", str(2**64)])
def test_what_is_no_number_of_threads_is_named_when_kobai_is_imported(value):
    (default,) = said("0")
    count, warning = said(value)
    assert count == default
    assert warning == (
        "RuntimeWarning: RAYON_NUM_THREADS must be a number of threads in 1..1024, or 0 for one a "
        f'core, got "{value}": {default} are used, one a core'
    )


UNSET = {"RAYON_NUM_THREADS": "0", "KOBAI_NUM_THREADS": "0", "OMP_NUM_THREADS": ""}


@pytest.mark.parametrize(
    ("environ", "count"),
    [
        ({"KOBAI_NUM_THREADS": "3", "OMP_NUM_THREADS": "1"}, "3"),
        ({"RAYON_NUM_THREADS": "5", "KOBAI_NUM_THREADS": "3", "OMP_NUM_THREADS": "1"}, "5"),
        ({"OMP_NUM_THREADS": "1"}, "1"),
        ({"OMP_NUM_THREADS": " 1,8"}, "1"),
        ({"KOBAI_NUM_THREADS": "abc", "OMP_NUM_THREADS": "1"}, "1"),
        ({"OMP_NUM_THREADS": "1000"}, "cores"),
        ({"OMP_NUM_THREADS": "many"}, "cores"),
        ({"OMP_NUM_THREADS": "0"}, "cores"),
    ],
)
def test_the_first_variable_that_sets_a_number_counts(environ, count):
    cores = output_of(IMPORTED, **UNSET).strip()
    found, *warning = output_of(IMPORTED, **{**UNSET, **environ}).strip().split(" ", 1)
    assert found == (cores if count == "cores" else count)
    assert bool(warning) == ("abc" in environ.values())


def test_the_warning_points_at_the_import():
    run = run_script("import kobai", RAYON_NUM_THREADS="abc")
    assert run.returncode == 0
    assert run.stderr.startswith("<string>:1: RuntimeWarning: RAYON_NUM_THREADS"), run.stderr


def test_kobai_can_be_imported_where_warnings_are_ignored_or_errors():
    ignored = run_script("import kobai", options=["-W", "ignore"], RAYON_NUM_THREADS="abc")
    assert (ignored.returncode, ignored.stderr) == (0, "")
    fine = run_script("import kobai", options=["-W", "error"], RAYON_NUM_THREADS="2")
    assert (fine.returncode, fine.stderr) == (0, "")


# ------------------------------------------------------------------------------------ the system

NO_THREADS = """
import os, resource, signal, threading, time
import numpy as np
import kobai
from kobai import TwoLayerNet

kobai.set_num_threads(4)
generator = np.random.default_rng(0)
x, t = generator.random((600, 60)), generator.integers(0, 10, 600)
net = TwoLayerNet(60, 30, 10, 0.5, rng=0)

def answers():
    long = net.numerical_gradient(x, t, method="direct")
    others = [net.gradient(x, t), net.numerical_gradient(x, t)]
    return [a.tobytes() for gradient in (long, *others) for a in gradient.values()]

def forbid_threads():
    if os.getuid() == 0:  # whom the limit does not bind
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    try:
        threading.Thread(target=print, args=["no limit"]).start()
    except RuntimeError:
        return
    raise SystemExit
"""


def without_threads(script):
    pytest.importorskip("resource", reason="threads are forbidden the Unix way")
    run = run_script(NO_THREADS + script)
    if run.stdout.startswith("no limit"):
        pytest.skip("this system does not forbid threads")
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_everything_is_computed_where_the_system_grants_no_thread():
    script = """
import hashlib
def digest():
    return hashlib.sha1(b"".join(answers())).hexdigest()

pid = os.fork()
if pid == 0:
    forbid_threads()
    os.write(1, f"{digest()} {kobai.num_threads()} ".encode())
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
print(digest(), kobai.num_threads())
"""
    found, count, wanted, _ = without_threads(script).split()
    assert (found, count) == (wanted, "1")


def test_threads_that_ran_before_go_on_where_the_system_grants_no_more():
    script = """
expected = answers()
forbid_threads()
assert answers() == expected
print(kobai.num_threads())
"""
    assert without_threads(script) == "4\n"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
@pytest.mark.parametrize("method", ["direct", "incremental"])
def test_ctrl_c_ends_a_long_gradient_where_the_system_grants_no_thread(method):
    script = f"""
forbid_threads()
x, t = generator.random((3000, 300)), generator.integers(0, 200, 3000)
net = TwoLayerNet(300, 100, 200, rng=0)
before = [param.tobytes() for param in net.params.values()]
times = []
def interrupt(*_):
    times.append(time.perf_counter())
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.3)
begin = time.perf_counter()
try:
    net.numerical_gradient(x, t, method={method!r})
except KeyboardInterrupt:
    # The handler itself runs late if the gradient does not look.
    print(time.perf_counter() - begin)
assert before == [param.tobytes() for param in net.params.values()]
"""
    assert 0.3 < float(without_threads(script)) < 2.5
