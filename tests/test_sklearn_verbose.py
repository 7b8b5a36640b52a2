"""What `verbose` shows: a bar with loss, rate and time left on a terminal, lines elsewhere."""

import io
import os
import re
import subprocess
import sys
import types

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

import tqdm.notebook

from kobai.callbacks import LambdaCallback
from kobai.sklearn import MLPClassifier
from processes import output_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
Y = (X[:, 0] > 0).astype(int)
SETTINGS = {"hidden_layer_sizes": 5, "random_state": 0, "verbose": True}
# Share, epochs, time taken and left, loss and rate.
BAR = re.compile(
    r"(\d+)%\|[^|]*\| (\d+)/(\d+) \[([\d:]+)<([\d:?]+),[^\r\n]*epoch/s, "
    r"loss ([\d.e-]+), rate ([\d.e-]+)\]"
)

PROGRAM = """
import signal, time, warnings
import numpy as np
from kobai.callbacks import LambdaCallback
from kobai.sklearn import MLPClassifier

warnings.simplefilter("ignore")
generator = np.random.default_rng(0)
x = generator.normal(size=(200, 4))
y = (x[:, 0] > 0).astype(int)
settings = {"hidden_layer_sizes": 5, "random_state": 0, "verbose": True}
"""

# Gives its child a terminal as wide as text needs, and passes on what the child writes.
TERMINAL = """
import fcntl, os, pty, struct, sys, termios
process, terminal = pty.fork()
if process == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
while True:
    try:
        text = os.read(terminal, 1 << 16)
    except OSError:
        break
    if not text:
        break
    sys.stdout.buffer.write(text)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"""


def shown(program):
    """What a terminal gets to see of `program`: bars as they are drawn, and lines."""
    pytest.importorskip("pty", reason="there are no such terminals here")
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", TERMINAL, PROGRAM + program],
        capture_output=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    text = run.stdout.decode()
    assert run.returncode == 0, text + run.stderr.decode()
    bars = [match.groups() for match in BAR.finditer(text)]
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip() and "epoch/s" not in line]
    return bars, lines


def test_a_terminal_sees_a_bar_with_loss_rate_and_time_left():
    bars, lines = shown("""
wait = LambdaCallback(on_epoch_end=lambda epoch, logs: time.sleep(0.15))
model = MLPClassifier(max_iter=20, callbacks=[wait], **settings).fit(x, y)
print(f"{model.loss_:.4g}")
""")
    assert [line for line in lines if not line.startswith("\x1b")] == [f"{float(bars[-1][5]):.4g}"]
    assert bars[-1][:3] == ("100", "20", "20")
    assert len(bars) > 10
    seconds = [int(left[-2:]) for _, _, _, _, left, _, _ in bars[2:] if "?" not in left]
    # Three seconds in all, told by the rate of a few epochs on a machine that may be busy.
    assert 1 <= seconds[0] <= 20
    assert seconds[-1] == 0


def test_what_is_said_stands_above_the_bar():
    bars, lines = shown("""
settings |= {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 2, "tol": 0.05}
model = MLPClassifier(max_iter=300, early_stopping=True, **settings).fit(x, y)
print("done", model.n_iter_)
""")
    said = [line for line in lines if "did not improve" in line]
    assert len(said) == 6
    assert all(line.startswith("Validation score did not") for line in said)
    assert said[-1].endswith("Learning rate too small. Stopping.")
    assert bars[-1][2] == "300"
    assert lines[-1] == f"done {bars[-1][1]}"


def test_callbacks_and_partial_fits_have_bars_of_their_length():
    bars, lines = shown("""
stop = LambdaCallback(on_epoch_end=lambda epoch, logs: epoch == 2)
MLPClassifier(max_iter=50, callbacks=[stop], **settings).fit(x, y)
MLPClassifier(**settings).partial_fit(x, y, classes=[0, 1]).partial_fit(x, y)
print("done")
""")
    assert ("3", "50") in [bar[1:3] for bar in bars]
    assert [bar[:3] for bar in bars].count(("100", "1", "1")) >= 2
    assert lines[-1] == "done"


def test_ctrl_c_leaves_the_bar_and_the_model():
    bars, lines = shown("""
def interrupt(epoch, logs):
    if epoch == 4:
        signal.raise_signal(signal.SIGINT)

stop = LambdaCallback(on_epoch_end=interrupt)
model = MLPClassifier(max_iter=5000, callbacks=[stop], **settings).fit(x, y)
print("done", model.n_iter_)
""")
    assert lines[-1] == f"done {bars[-1][1]}"
    assert bars[-1][2] == "5000"


def test_a_notebook_sees_its_own_bar(monkeypatch):
    made = []

    class Bar(tqdm.tqdm):
        def __init__(self, **options):
            made.append(self)
            super().__init__(file=io.StringIO(), **options)

    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setattr(tqdm.notebook, "IProgress", object, raising=False)
    monkeypatch.setattr(tqdm.notebook, "tqdm_notebook", Bar)
    model = MLPClassifier(max_iter=7, **SETTINGS).fit(X, Y)
    (bar,) = made
    assert (bar.n, bar.total, bar.unit) == (7, 7, "epoch")
    assert bar.postfix == f"loss {model.loss_:.4g}, rate {model._optimizer.learning_rate:.3g}"  # noqa: SLF001


def test_files_get_the_lines_of_scikit_learn(capsys):
    stop = LambdaCallback(on_epoch_end=lambda epoch, logs: epoch == 1)
    model = MLPClassifier(early_stopping=True, callbacks=[stop], **SETTINGS).fit(X, Y)
    said = capsys.readouterr()
    assert said.err == ""
    wanted = zip(model.loss_curve_, model.validation_scores_, strict=True)
    assert said.out.splitlines() == [
        line
        for number, (loss, score) in enumerate(wanted, 1)
        for line in (f"Iteration {number}, loss = {loss:.8f}", f"Validation score: {score:f}")
    ]
    model.set_params(early_stopping=False, callbacks=None).partial_fit(X, Y)
    assert capsys.readouterr().out == f"Iteration 1, loss = {model.loss_:.8f}\n"


def test_a_pipe_gets_lines():
    program = PROGRAM + "MLPClassifier(max_iter=2, **settings).fit(x, y)"
    assert [line.split(",")[0] for line in output_of(program).splitlines()] == [
        "Iteration 1",
        "Iteration 2",
    ]
