"""Seeded mistakes and right gradients, a sample of what `benchmarks.gradient_checks` draws."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent.parent))  # benchmarks are no part of the package

from benchmarks.gradient_checks import faults, problems
from benchmarks.gradient_checks.runs import draw_faults, draw_right, run_kobai

SEED = 20


def test_mistakes_above_two_bars_are_found_and_right_gradients_are_let_pass():
    tallies, verdicts, alarms = run_kobai(draw_faults(120, SEED), draw_right(150, SEED))
    assert [str(report) for report in alarms] == []
    large = sum(tally.large for tally in tallies.values())
    assert large >= 100
    assert sum(tally.found for tally in tallies.values()) == large
    assert sum(tally.named for tally in tallies.values()) >= 0.9 * large
    assert verdicts.undecided <= 5


def test_there_are_twelve_kinds_of_mistakes():
    assert len(faults.KINDS) == 12


@pytest.mark.parametrize("kind", problems.KINDS)
def test_the_same_seed_draws_the_same(kind):
    first, again = (problems.draw(kind, np.random.default_rng(3)) for _ in range(2))
    assert first.name == again.name
    assert all(np.array_equal(first.params[key], again.params[key]) for key in first.params)


@pytest.mark.parametrize("kind", problems.KINDS)
def test_a_check_leaves_the_problem_as_it_was(kind):
    problem = problems.draw(kind, np.random.default_rng(4))
    before = {key: array.tobytes() for key, array in problem.params.items()}
    assert problem.check(problem.grad).passed
    assert {key: array.tobytes() for key, array in problem.params.items()} == before
