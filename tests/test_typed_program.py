"""What is typed as people write it passes strict mypy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kobai
import typed_program

PROGRAM = Path(typed_program.__file__)


def test_mypy_has_nothing_to_say_of_a_users_program(tmp_path):
    pytest.importorskip("mypy")
    package = Path(kobai.__file__).parent.parent
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(PROGRAM)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,  # where no other configuration is found
        env={**os.environ, "MYPYPATH": str(package)},
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_it_runs(capsys, here):
    typed_program.main()
    assert capsys.readouterr().out.splitlines() == [
        "101 points",
        "(2,) (4, 2) (2,) (2,)",
        "[(2, 3), (2, 3), (2, 3), (2,), (2,)]",
        "[1] [1.] True",
        *["0.0 None"] * 3,
        "1",
        *[f"{epoch} ['accuracy', 'loss', 'lr', 'seconds']" for epoch in (0, 1)],
        "(3, 4) 2 0.01",
        "True",
        "(2, 2) True ['sigmoid', 'relu'] True",
        "1.0 [[1.]] 2.5",
        "<Halved 3-4-2-2 sigmoid relu, CrossEntropy(epsilon=1e-07), weight_decay_lambda=1.0: "
        "32 parameters, float64>",
        "0 2 []",
        "<GradientReport passed: 31 right>",
        *["4"] * 3,
    ]
