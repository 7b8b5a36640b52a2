"""Gradient checks side by side: python -m benchmarks.gradient_checks [--write]

Seeded mistakes of twelve kinds and right gradients, of kobai's networks, of the course's network in
plain NumPy and of functions. kobai says of each what it finds; what `torch`, `jax` and `scipy` say
is beside it where they are installed. `--write` puts the tables into docs/is-my-gradient-right.md
and its Japanese twin.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.gradient_checks import peers
from benchmarks.gradient_checks.pages import write
from benchmarks.gradient_checks.runs import (
    Tally,
    Verdicts,
    draw_faults,
    draw_right,
    run_kobai,
    run_peer,
)
from benchmarks.report import table
from benchmarks.timing import duration
from kobai import TwoLayerNet
from kobai.testing import check_network


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; the status is 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gradient_checks")
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--right", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="write the tables into the docs")
    parser.add_argument("--verbose", action="store_true", help="show what was missed")
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args(arguments)
    faults = draw_faults(options.faults, options.seed)
    right = draw_right(options.right, options.seed)
    tallies, ours, alarms = run_kobai(faults, right)
    if options.verbose:
        for report in alarms:
            print(f"FALSE ALARM\n{report}\n")
        for kind, tally in tallies.items():
            for text in tally.missed:
                print(f"MISSED {kind}: {text}\n")
    verdicts = {"kobai.testing": ours}
    if not options.no_peers:
        for name, peer in peers.installed().items():
            verdicts[name] = run_peer(peer, faults, right)
    tables = [_kinds(tallies), _side_by_side(verdicts), _times()]
    print("\n".join(tables))
    if peers.missing():
        print(f"not installed: {', '.join(peers.missing())}")
    if options.write:
        write(tables)
    large = sum(tally.large for tally in tallies.values())
    found = sum(tally.found for tally in tallies.values())
    named = sum(tally.named for tally in tallies.values())
    return int(found < large or named < 0.9 * large or ours.alarms > 0)


def _kinds(tallies: dict[str, Tally]) -> str:
    header = ("mistake", "drawn", "above 2 bars", "found", "pattern named")
    rows = [
        [kind, *map(str, (tally.drawn, tally.large, tally.found, tally.named))]
        for kind, tally in tallies.items()
    ]
    sums = [sum(int(row[k]) for row in rows) for k in range(1, 5)]
    return table(header, [*rows, ["all", *map(str, sums)]])


def _side_by_side(verdicts: dict[str, Verdicts]) -> str:
    header = ("check", "mistakes found", "false alarms", "undecided", "processor time")
    rows = [
        [
            name,
            f"{x.found} of {x.faults}",
            f"{x.alarms} of {x.right}",
            str(x.undecided) if name == "kobai.testing" else "-",
            duration(x.median_seconds),
        ]
        for name, x in verdicts.items()
    ]
    return table(header, rows)


def _times(calls: int = 200) -> str:
    """The time of `check_network` for 784-50-10 and a batch of 100."""
    rng = np.random.default_rng(0)
    net = TwoLayerNet(784, 50, 10, rng=0)
    x = rng.random((100, 784)) * (rng.random((100, 784)) < 0.2)
    t = rng.integers(0, 10, 100)
    wrong = TwoLayerNet(784, 50, 10, rng=0)
    wrong.gradient = lambda x, t: {  # type: ignore[method-assign]
        key: -grad for key, grad in net.gradient(x, t).items()
    }
    rows = []
    for words, checked in (("right", net), ("wrong in every element", wrong)):
        report = check_network(checked, x, t)
        times = []
        for _ in range(calls):
            start = time.perf_counter()
            check_network(checked, x, t)
            times.append(time.perf_counter() - start)
        looked = sum(report.counts.values())
        rows.append([words, f"{looked:,}", duration(statistics.median(times))])
    return table(("784-50-10, batch of 100, gradient", "elements", "time"), rows)


if __name__ == "__main__":
    raise SystemExit(main())
