"""The short version; `python -m tests.soak` is the long one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="memory is not measured there")
def test_memory_stays_flat():
    command = [
        sys.executable,
        "-m",
        "tests.soak",
        "--calls",
        "2000",
        "--warm-up",
        "1000",
        "--most",
        "2",
    ]
    run = subprocess.run(  # noqa: S603
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2000 calls" in run.stdout
