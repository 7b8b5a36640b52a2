"""kobai.sklearn beside scikit-learn: python -m benchmarks.sklearn_estimators [--only NAME ...]

The time of `fit` and the score of what it has not seen, for data sets small and large and all three
solvers, with the same settings, seeds and numbers of epochs; beside PyTorch, too, where it is
installed. MNIST is read from the folder that
the environment variable KOBAI_MNIST names.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence

import numpy
import scipy
import sklearn
import threadpoolctl

import kobai
from benchmarks.machine import describe
from benchmarks.pages import write_section
from benchmarks.report import table
from benchmarks.sklearn_estimators.fits import TORCH, Row, measured, warm_up
from benchmarks.sklearn_estimators.problems import PROBLEMS, settings
from benchmarks.timing import duration

PAGES = ("docs/from-scikit-learn.md", "docs/from-scikit-learn.ja.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; the status is 1 if a row is slower than it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sklearn_estimators")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of data sets")
    parser.add_argument("--solvers", nargs="*", default=["sgd", "adam", "lbfgs"])
    parser.add_argument("--threads", type=int, help="of each; as many as there are, if not given")
    parser.add_argument("--write", action="store_true", help="write the table into the docs")
    options = parser.parse_args(arguments)
    if options.threads is not None:
        # Until the process ends.
        threadpoolctl.threadpool_limits(options.threads)
        kobai.set_num_threads(options.threads)
        if TORCH is not None:
            import torch

            torch.set_num_threads(options.threads)
    warm_up()
    rows: list[Row] = []
    for problem in PROBLEMS:
        wanted = not options.only or any(part in problem.name for part in options.only)
        data = problem.load() if wanted else None
        if data is None:
            continue
        for setting in settings():
            if setting.solver in options.solvers and _applies(setting.batch_size, problem.epochs):
                rows.append(measured(problem, setting, data, options.seeds))
                print(*_cells(rows[-1]), sep="  ", flush=True)
    print(f"threads: {options.threads or 'as many as there are'}")
    versions = {"numpy": numpy, "scipy": scipy, "scikit-learn": sklearn}
    of_versions = {name: module.__version__ for name, module in versions.items()}
    if TORCH is not None:
        of_versions["PyTorch"] = TORCH
    machine = describe(of_versions, "see the first column")
    print(machine)
    header = ["data", "solver", "epochs", "scikit-learn", "kobai", "faster", "score", "difference"]
    header += ["PyTorch", "kobai faster", "its score"] if TORCH is not None else []
    lines = table(header, [_cells(row) for row in rows])
    print(lines)
    mean = statistics.geometric_mean(row.ratio for row in rows)
    steps = [row.ratio for row in rows if row.setting.solver != "lbfgs"]
    print(f"geometric mean of all rows: {mean:.1f}", end="")
    print(f"; of sgd and adam: {statistics.geometric_mean(steps):.1f}" if steps else "")
    if options.write:
        for page in PAGES:
            write_section(page, "estimators", f"{lines}\n{machine}")
    return int(any(row.ratio < row.target for row in rows))


def _applies(batch_size: object, epochs: dict[object, int]) -> bool:
    return batch_size in epochs


def _cells(row: Row) -> list[str]:
    slow, fast = row.medians()
    mean, spread = row.difference()
    return [
        row.problem.name,
        row.setting.label,
        str(row.setting.arguments(row.problem)["max_iter"]),
        duration(slow),
        duration(fast),
        f"{row.ratio:.1f}x" + ("" if row.ratio >= row.target else " (short)"),
        f"{statistics.mean(ours for _, ours in row.scores):.4f}",
        f"{mean:+.4f} ± {spread:.4f}",
        *_cells_of_torch(row),
    ]


def _cells_of_torch(row: Row) -> list[str]:
    """The time of PyTorch, how many times as long that is, and its score."""
    if TORCH is None or not row.torch:
        return [] if TORCH is None else ["-"] * 3
    seconds, scores = (statistics.median(each) for each in zip(*row.torch, strict=True))
    return [duration(seconds), f"{row.torch_ratio:.1f}x", f"{scores:.4f}"]


if __name__ == "__main__":
    raise SystemExit(main())
