"""The memory a numerical gradient needs beyond its inputs and its result.

Each point runs alone: python -m benchmarks.memory METHOD N D H
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.problem import CLASSES, ROOT
from benchmarks.processes import all_cores, environment, say
from benchmarks.report import table

POINTS = (
    ("node", 100, 784, 50),
    ("node", 1_000, 784, 50),
    ("node", 10_000, 784, 50),
    ("node", 1_000, 784, 500),
    ("node", 10_000, 784, 200),
    ("node", 10_000, 3_000, 50),
    ("incremental", 100, 784, 50),
    ("incremental", 1_000, 784, 50),
    ("incremental", 1_000, 784, 500),
)
INTRODUCTION = """\
How far one numerical gradient, `net.numerical_gradient` on dense float64 input, raises the peak
memory of its process, less the arrays it returns. Beside it what N·D·H and N·(D+H+K) + parameters
numbers would take.

"""
HEADER = (
    "evaluator",
    "N",
    "D",
    "H",
    "N·D·H",
    "N·(D+H+K) + parameters",
    "measured",
    "measured / linear",
)
MIB = 1 << 20
STATUS = Path("/proc/self/status")


def peak_bytes() -> int:
    """The largest resident size so far.

    On Linux `ru_maxrss` starts at that of the process that started this one, so the kernel's
    figure for this address space is read instead.
    """
    if STATUS.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
        if found:
            return int(found[1]) * 1024
    import resource  # there is none on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure_one(method: str, samples: int, inputs: int, hidden: int) -> int:
    """The rise of the peak over one gradient, less the arrays it returns."""
    from kobai import TwoLayerNet

    rng = np.random.default_rng(0)
    small = TwoLayerNet(3, 2, 2, rng=0)
    small.numerical_gradient(rng.random((64, 3)), np.zeros(64, np.int64), method=method)
    net = TwoLayerNet(inputs, hidden, CLASSES, rng=0)
    x = rng.random((samples, inputs))
    labels = rng.integers(0, CLASSES, samples)
    before = peak_bytes()
    gradient = net.numerical_gradient(x, labels, method=method)
    returned = sum(array.nbytes for array in gradient.values())
    return max(peak_bytes() - before - returned, 0)


def measure() -> str:
    """Markdown: a table of all points."""
    rows = []
    for method, samples, inputs, hidden in POINTS:
        say(f"memory, {method}, N {samples}, D {inputs}, H {hidden}")
        used = _in_a_process(method, samples, inputs, hidden)
        parameters = inputs * hidden + hidden + hidden * CLASSES + CLASSES
        linear = samples * (inputs + hidden + CLASSES) + parameters
        rows.append(
            [
                method,
                f"{samples:,}",
                f"{inputs:,}",
                f"{hidden:,}",
                _mib(samples * inputs * hidden * 8),
                _mib(linear * 8),
                "failed" if used is None else _mib(used),
                "" if used is None else f"{used / (linear * 8):.2f}",
            ]
        )
    return INTRODUCTION + table(HEADER, rows)


def _in_a_process(*point: object) -> int | None:
    command = [sys.executable, "-m", "benchmarks.memory", *map(str, point)]
    variables = environment(all_cores())
    done = subprocess.run(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True, check=False
    )
    return int(done.stdout) if done.returncode == 0 else None


def _mib(size: float) -> str:
    mib = size / MIB
    return f"{mib:,.0f} MiB" if mib >= 10 else f"{mib:.1f} MiB"


if __name__ == "__main__":
    named, *numbers = sys.argv[1:]
    print(measure_one(named, *map(int, numbers)))
