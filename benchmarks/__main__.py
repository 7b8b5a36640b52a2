"""Run every comparison; write results.md, results.svg and the tables of the pages."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import chart, main_table, memory, pages, scaling
from benchmarks.problem import load_problem, prepare
from benchmarks.processes import Plan, say
from benchmarks.results import Run, document
from benchmarks.timing import density

HERE = Path(__file__).resolve().parent
WHOLE = Plan(minimum=0.05, rounds=15, seconds=130)
QUICK = Plan(minimum=0.03, rounds=5, seconds=35)
SCALING_MINIMUM_SECONDS = 0.02


def main() -> int:
    arguments = _arguments()
    start = time.perf_counter()
    plan = QUICK if arguments.quick else WHOLE
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = Run(prepare(folder), plan.minimum, _density(folder), arguments.quick)
        measured = main_table.measure(folder, plan, is_quick=arguments.quick)
        further = []
        if not arguments.quick:
            further = [
                ("How the time grows", scaling.measure(folder, SCALING_MINIMUM_SECONDS)),
                ("Memory beyond inputs and result", memory.measure()),
            ]
    text = document(measured, run, further)
    print(text)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "results.md").write_text(text, encoding="utf-8")
    if arguments.output == HERE and not arguments.quick:
        pages.write(measured)
    if not chart.draw(measured, arguments.output / "results.svg"):
        say("no chart: matplotlib is not installed")
    say(f"{time.perf_counter() - start:.0f} s")
    for figure in measured.wrong:
        say(f"WRONG: {figure.row.label}, {figure.row.dtype}: {figure.difference:.1e}")
    return 1 if measured.wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="the main tables only, in fewer rounds"
    )
    parser.add_argument(
        "--output", type=Path, default=HERE, help="folder for results.md and results.svg"
    )
    return parser.parse_args()


def _density(folder: Path) -> float:
    return density(load_problem(folder).mnist.x)


if __name__ == "__main__":
    sys.exit(main())
