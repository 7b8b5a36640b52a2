"""What a fit takes beside its data: python -m benchmarks.sklearn_estimators.memory

How far `fit` on 200,000 x 100 numbers in single precision raises the peak of resident memory, a
solver a process.
"""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np

from benchmarks.memory import MIB, STATUS, peak_bytes
from benchmarks.problem import ROOT
from kobai.sklearn import MLPClassifier

SAMPLES, FEATURES, CLASSES = 200_000, 100, 5
SOLVERS = ("sgd", "adam", "lbfgs")
TARGET = 60 * MIB


def rise(solver: str) -> int:
    """By how many bytes a fit raises the peak."""
    generator = np.random.default_rng(0)
    x = generator.random((SAMPLES, FEATURES), dtype=np.float32)
    y = generator.integers(0, CLASSES, SAMPLES)
    warnings.simplefilter("ignore")
    # What is loaded and allocated once is there before.
    MLPClassifier(solver=solver, max_iter=1).fit(x[:1000], y[:1000])
    if STATUS.exists():
        # From here on, the peak of this process is counted anew.
        (STATUS.parent / "clear_refs").write_text("5")
    before = peak_bytes()
    MLPClassifier(solver=solver, max_iter=2).fit(x, y)
    return peak_bytes() - before


def main() -> int:
    """Print the rise for each solver; the status is 1 if one is too high."""
    command = [sys.executable, "-m", "benchmarks.sklearn_estimators.memory"]
    rises = []
    for solver in SOLVERS:
        done = subprocess.run(
            [*command, solver], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
        )
        rises.append(int(done.stdout))
        print(f"{solver}: {rises[-1] / MIB:.1f} MiB")
    return int(max(rises) > TARGET)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(rise(sys.argv[1]))
    else:
        raise SystemExit(main())
