"""Scripts in a Python of their own: what they do to signals, threads and forks ends with them."""

import os
import subprocess
import sys
from pathlib import Path

import kobai

# Other Pythons, with the packages that kobai needs, in which tests of the interpreter's end and of
# forks run too: paths, set by whoever has some. The compiled module serves all of them.
PYTHONS = [sys.executable, *filter(None, os.environ.get("KOBAI_PYTHONS", "").split(os.pathsep))]


def output_of(script, timeout=120, **environ):
    """What `script` prints; that it ends in time and without an error is part of every test."""
    run = run_script(script, timeout, options=["-W", "ignore::DeprecationWarning"], **environ)
    assert run.returncode == 0, run.stderr
    return run.stdout


def run_script(script, timeout=120, *, python=sys.executable, options=(), arguments=(), **environ):
    """The finished process of `script`, however it ended."""
    if python != sys.executable:
        path = [str(Path(kobai.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        environ = {"PYTHONPATH": os.pathsep.join(filter(None, path)), **environ}
    return subprocess.run(  # noqa: S603
        [python, *options, "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **environ},
    )
