"""Faults and right gradients, one after the other, and what each check says of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.gradient_checks.faults import KINDS, Fault, draw_fault
from benchmarks.gradient_checks.peers import Peer
from benchmarks.gradient_checks.problems import KINDS as PROBLEMS
from benchmarks.gradient_checks.problems import Problem, draw
from kobai.testing import GradientReport, Verdict

# A mistake that exceeds its bar by this factor must be found.
BARS = 2.0


@dataclass
class Tally:
    """What kobai says of the mistakes of one kind."""

    drawn: int = 0
    large: int = 0
    found: int = 0
    named: int = 0
    missed: list[str] = field(default_factory=list)


@dataclass
class Verdicts:
    """What one check says of all gradients."""

    found: int = 0
    faults: int = 0
    alarms: int = 0
    right: int = 0
    undecided: int = 0
    calls: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def median_seconds(self) -> float:
        return statistics.median(self.seconds) if self.seconds else float("nan")


def draw_faults(count: int, seed: int) -> list[Fault]:
    """So many mistakes, as many of each kind."""
    kinds = list(KINDS)
    return [
        draw_fault(kinds[k % len(kinds)], np.random.default_rng([seed, k])) for k in range(count)
    ]


def draw_right(count: int, seed: int) -> list[Problem]:
    """So many problems, a third of each kind, a quarter of them with weight decay."""
    kinds = list(PROBLEMS)
    return [
        draw(kinds[k % len(kinds)], np.random.default_rng([seed, 1, k]), decay=k % 4 == 3)
        for k in range(count)
    ]


def run_kobai(
    faults: list[Fault], right: list[Problem]
) -> tuple[dict[str, Tally], Verdicts, list[GradientReport]]:
    """What kobai says, by kinds of mistakes and of all; and the reports that were false alarms."""
    tallies = {kind: Tally() for kind in KINDS}
    verdicts = Verdicts()
    for fault in faults:
        report = _timed(lambda fault=fault: fault.problem.check(fault.gradient), verdicts)
        tally = tallies[fault.kind]
        tally.drawn += 1
        verdicts.faults += 1
        verdicts.found += fault.is_found(report)
        if fault.exceeds(report, BARS):
            tally.large += 1
            tally.found += fault.is_found(report)
            tally.named += fault.is_named(report)
            if not (fault.is_found(report) and fault.is_named(report)):
                tally.missed.append(f"{fault.problem.name} at {fault.where}\n{report}")
    alarms = []
    for problem in right:
        report = _timed(lambda problem=problem: problem.check(problem.grad), verdicts)
        verdicts.right += 1
        if report.count(Verdict.WRONG) or report.count(Verdict.NOT_FINITE):
            verdicts.alarms += 1
            alarms.append(report)
        elif not report.passed:
            verdicts.undecided += 1
    return tallies, verdicts, alarms


def run_peer(peer: Peer, faults: list[Fault], right: list[Problem]) -> Verdicts:
    """What another check says."""
    verdicts = Verdicts()
    for fault in faults:
        verdicts.faults += 1
        verdicts.found += not _timed(
            lambda fault=fault: peer(fault.problem, fault.gradient), verdicts
        )
    for problem in right:
        verdicts.right += 1
        verdicts.alarms += not _timed(lambda problem=problem: peer(problem, problem.grad), verdicts)
    return verdicts


def _timed(call: Callable[[], object], verdicts: Verdicts) -> object:
    # Of the processor, which others may use meanwhile.
    start = time.process_time()
    answer = call()
    verdicts.seconds.append(time.process_time() - start)
    return answer
