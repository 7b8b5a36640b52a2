"""What an import costs: python -m benchmarks.sklearn_estimators.imports [--rounds N]

`kobai.sklearn` and scikit-learn's own estimators are imported in fresh processes that take turns:
the processor time, user and system, of the whole process, and of the import alone once
`sklearn.base` is there, which both need. Bytecode is in place, as it is for installed packages.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence

THEIRS = "from sklearn.neural_network import MLPClassifier"
OURS = "from kobai.sklearn import MLPClassifier"
ALONE = """
import time
import sklearn.base
start = time.process_time()
{}
print(time.process_time() - start)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the medians; the status is 1 if kobai's import costs more."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sklearn_estimators.imports")
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args(arguments)
    # The first round, which is not counted, writes bytecode.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    os.environ.clear()
    os.environ.update(kept)
    whole: list[tuple[float, float]] = []
    alone: list[tuple[float, float]] = []
    for number in range(options.rounds + 1):
        # Whoever is first in one round is second in the next.
        order = (THEIRS, OURS) if number % 2 else (OURS, THEIRS)
        seconds = {script: _seconds(script)[0] for script in order}
        within = {script: _seconds(ALONE.format(script))[1] for script in order}
        if number > 0:
            whole.append((seconds[THEIRS], seconds[OURS]))
            alone.append((within[THEIRS], within[OURS]))
    ratios = [_tell(*each) for each in (("process", whole), ("beyond sklearn.base", alone))]
    return int(ratios[0] > 1)


def _seconds(script: str) -> tuple[float, float]:
    """The processor time of a process that runs `script`, and the number that it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, float(run.stdout or 0)


def _tell(name: str, pairs: list[tuple[float, float]]) -> float:
    """Print medians of both; the median of what kobai's take, as a share of scikit-learn's."""
    theirs, ours = (statistics.median(each) * 1e3 for each in zip(*pairs, strict=True))
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    print(f"{name}: scikit-learn {theirs:.0f} ms, kobai {ours:.0f} ms, ratio {ratio:.3f}")
    return ratio


if __name__ == "__main__":
    raise SystemExit(main())
