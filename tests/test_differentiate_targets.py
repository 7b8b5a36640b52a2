"""What docs/differentiate.md shows, held: bars that hold, calls, and what travels fast enough."""

import numpy as np
import pytest
from benchmarks.differentiate import timing
from benchmarks.differentiate.accuracy import elements_of, joined, relative
from benchmarks.differentiate.functions import CASES
from benchmarks.differentiate.peers import of_kobai


@pytest.fixture(scope="module")
def found():
    return {case.name: elements_of(case, of_kobai, 8) for case in CASES}


def test_there_are_thirty_functions_of_all_kinds():
    assert len(CASES) >= 30
    kinds = {case.kind for case in CASES}
    assert {"smooth", "badly scaled", "flat", "oscillating", "near a pole"} < kinds
    assert {"noise", "float32", "kinked"} < kinds


def test_errors_are_within_their_bars(found):
    elements = joined(found.values())
    claims = elements.success & ~elements.is_kink
    assert np.mean(elements.true[claims] <= elements.claimed[claims]) > 0.97
    assert elements.success[~elements.is_kink].mean() > 0.97
    assert not elements.success[elements.is_kink].any()


@pytest.mark.parametrize("case", [case for case in CASES if not case.kinks], ids=lambda c: c.name)
def test_bars_hold_for_each_function(found, case):
    elements = found[case.name]
    claims = elements.success
    assert np.mean(elements.true[claims] <= elements.claimed[claims]) >= 0.9


def test_smooth_functions_are_known_well_for_few_calls(found):
    elements = joined(found[case.name] for case in CASES if case.is_smooth)
    assert np.median(relative(elements.claimed, elements)) < 1e-9
    assert np.median(elements.calls) <= 8


def test_a_call_costs_little_beyond_f():
    x = np.linspace(0.5, 2, 2000)

    def action():
        return timing.gradient(timing.one_number, x)

    seconds, result = timing.best(action)
    # Less than a microsecond where nothing else runs.
    assert seconds / result.calls < 3e-6
