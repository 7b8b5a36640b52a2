"""Scripts in a Python of their own: what they do to signals, threads and forks ends with them."""

import os
import subprocess
import sys


def output_of(script, timeout=120, **environ):
    """What `script` prints; that it ends in time and without an error is part of every test."""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **environ},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout
