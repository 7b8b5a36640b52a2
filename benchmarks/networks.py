"""Networks of any depth, activation, loss and optimizer, measured in one run.

python -m benchmarks.networks

Writes networks.md beside it, and the tables of docs/networks.md and docs/networks.ja.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import callbacks, pages
from benchmarks.cells import HEADER, cells, error, faster, of_peer, share
from benchmarks.contenders import (
    KOBAI,
    KOBAI_FUNCTIONS,
    KOBAI_OPTIMIZERS,
    PEERS,
    REFERENCES,
    deeper,
)
from benchmarks.deep_rows import (
    BACKPROP_DOUBLE,
    DEEP_NUMERICAL,
    DEEP_PEERS,
    DEEP_STEPS,
    FUNCTIONS,
    OPTIMIZERS,
    SIZES,
    TRAINER_STEP,
)
from benchmarks.facts import WRITTEN_PAGES, activation_table, loss_table, optimizer_table
from benchmarks.machine import describe
from benchmarks.main_table import Measured, measure_rows
from benchmarks.problem import prepare
from benchmarks.processes import Plan, all_cores, say
from benchmarks.promises import PROMISE, at_least, at_most, met
from benchmarks.report import table
from benchmarks.timing import count

HERE = Path(__file__).resolve().parent
WHOLE = Plan(minimum=0.05, rounds=15, seconds=300)
QUICK = Plan(minimum=0.02, rounds=3, seconds=30)

METHOD = """\
Measured and stated as [results.md](results.md) says. The deeper network is {sizes}, of sigmoid
units below a softmax, its weights drawn with the deviation `1 / sqrt(n)`, n the inputs of the
layer; lr 0.1, a batch of 100 images of MNIST. The loop is timed on a slice of its parameters and
scaled up. A step of each optimizer is one of `Trainer`, 784-50-10, batch of 100, by
backpropagation. There were {rounds} rounds.
"""


def main() -> int:
    arguments = _arguments()
    start = time.perf_counter()
    plan = QUICK if arguments.quick else WHOLE
    with tempfile.TemporaryDirectory() as name:
        data = prepare(Path(name))
        measured = _measure(Path(name), plan)
    text = _document(measured, data)
    print(text)
    if not arguments.quick:
        text += "\n## Callbacks\n\n" + callbacks.measure()
        (HERE / "networks.md").write_text(text, encoding="utf-8")
        for page in WRITTEN_PAGES:
            write_tables(page, measured)
    say(f"{time.perf_counter() - start:.0f} s")
    for figure in measured.wrong:
        say(f"WRONG: {figure.row.label}, {figure.row.dtype}: {figure.difference:.1e}")
    return 1 if measured.wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.networks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; nothing is written")
    return parser.parse_args()


def _measure(folder: Path, plan: Plan) -> Measured:
    everyone = [deeper(name) for name in (*REFERENCES, *PEERS, KOBAI)]
    families = [(name, n) for name in (*everyone, KOBAI_OPTIMIZERS) for n in (1, all_cores())]
    families = list(dict.fromkeys([*families, (KOBAI_FUNCTIONS, all_cores())]))
    rows = (*DEEP_NUMERICAL, *DEEP_STEPS, *OPTIMIZERS, *FUNCTIONS)
    return measure_rows(folder, plan, families, rows, {})


def write_tables(page: str, measured: Measured) -> None:
    """The tables of a page, with what was measured."""
    pages.write_section(page, "activations", activation_table(measured))
    pages.write_section(page, "losses", loss_table(measured))
    pages.write_section(page, "optimizers", optimizer_table(measured))
    pages.write_section(page, "depth", _depth_tables(measured))


def _depth_tables(measured: Measured) -> str:
    peer = measured.fastest(DEEP_PEERS)
    numerical = [
        [line[0], line[1], line[3], line[5], line[6]] for line in _numerical_lines(measured)
    ]
    steps = [[line[0], line[1], line[3], line[5]] for line in _step_lines(measured)]
    header = [f"one gradient of {SIZES}, batch of 100", "type", "time"]
    first = pages.page_table([*header, "faster than the loop", "backprop steps"], numerical, 3)
    header = ["one step by backpropagation, with its update", "type", "time", of_peer(peer)]
    return first + "\n" + pages.page_table(header, steps, 2)


def _numerical_lines(measured: Measured) -> list[list[str]]:
    loop = measured.fastest(DEEP_NUMERICAL[:1])
    backprop = measured.fastest([BACKPROP_DOUBLE])
    return [
        [*cells(figure), faster(figure, loop), share(figure, backprop), error(figure)]
        for figure in measured.present(DEEP_NUMERICAL)
    ]


def _step_lines(measured: Measured) -> list[list[str]]:
    peer = measured.fastest(DEEP_PEERS)
    return [
        [*cells(figure), share(figure, peer), error(figure)]
        for figure in measured.present(DEEP_STEPS)
    ]


def _document(measured: Measured, data: str) -> str:
    peer = measured.fastest(DEEP_PEERS)
    sgd = measured.fastest(OPTIMIZERS[:1])
    optimizers = [[*cells(f), share(f, sgd)] for f in measured.present(OPTIMIZERS)]
    parts = [
        "# Measured: networks of any depth, activation, loss and optimizer\n",
        describe(measured.versions, data),
        "Made by `python -m benchmarks.networks`; figures of other machines differ.\n",
        f"## Numerical gradient of {SIZES}, a batch of MNIST\n",
        table(
            [*HEADER, "faster than the loop", "of kobai's backprop step, float64", "error"],
            _numerical_lines(measured),
        ),
        f"## A step by backpropagation of {SIZES}, with its update\n",
        table([*HEADER, of_peer(peer), "error"], _step_lines(measured)),
        "## A step of each optimizer\n",
        table([*HEADER, "of SGD's"], optimizers),
        "## Activations\n",
        activation_table(measured),
        "## Losses\n",
        loss_table(measured),
        "## Targets\n",
        table(PROMISE, _promises(measured)),
    ]
    if measured.skipped:
        parts += ["## Left out\n", "".join(f"- {line}\n" for line in measured.skipped)]
    parts += ["## How\n", METHOD.format(sizes=SIZES, rounds=measured.rounds)]
    return "\n".join(parts)


def _promises(measured: Measured) -> list[list[str]]:
    by_name = {figure.row.label: figure for figure in measured.present(OPTIMIZERS)}
    (sgd, adam), peer = (
        (by_name.get(name) for name in ("SGD", "Adam")),
        measured.fastest(DEEP_PEERS),
    )
    step, numerical = (measured.fastest([row]) for row in (TRAINER_STEP, DEEP_NUMERICAL[1]))
    backprop = measured.fastest([BACKPROP_DOUBLE])
    rows = [
        at_most("a step of Adam, against one of SGD", adam, sgd, 1.25),
        at_least(f"Trainer backprop step of {SIZES}, against the fastest peer's", peer, step, 2),
    ]
    if numerical and backprop:
        ratio = numerical.seconds / backprop.seconds
        what = f"numerical gradient of {SIZES}, against a backprop step in float64"
        rows.append([what, f"{count(ratio, 2)} of its time", "at most 60", met(ratio <= 60)])
    return rows


if __name__ == "__main__":
    sys.exit(main())
