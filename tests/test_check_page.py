"""docs/is-my-gradient-right.md: examples print what it shows, figures are those promised."""

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest

from processes import output_of

ROOT = Path(__file__).parent.parent
PAGES = ["docs/is-my-gradient-right.md", "docs/is-my-gradient-right.ja.md"]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*(e[+-]?\d+)?")


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def examples(page):
    """Each example, and what it prints; the one for tests prints nothing."""
    found = []
    for kind, text in FENCED.findall(read(page)):
        if kind == "python":
            found.append([text, ""])
        elif kind == "text":
            found[-1][1] = text
    return found


def words(text):
    """A report without its numbers, of which rounding decides the last digits."""
    return re.sub(r"[\s-]+", " ", NUMBER.sub("#", text)).strip()


def framework_of(source):
    named = re.search(r"^import (torch|jax)$", source, re.MULTILINE)
    return named[1] if named else None


EXAMPLES = examples(PAGES[0])


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_prints_what_the_page_shows(number):
    source, shown = EXAMPLES[number]
    framework = framework_of(source)
    if framework is not None and importlib.util.find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    # In a process of its own: frameworks start threads, with which nobody else here may fork.
    path = os.pathsep.join(filter(None, sys.path))
    printed = output_of(source, PYTHONPATH=path, JAX_PLATFORMS="cpu")
    assert words(printed) == words(shown)
    if shown:
        first = (text.splitlines()[0] for text in (printed, shown))
        assert len({tuple(NUMBER.findall(line)) for line in first}) == 1


def test_both_frameworks_have_an_example():
    assert {framework_of(source) for source, _ in EXAMPLES} == {None, "torch", "jax"}


def test_both_languages_show_the_same_examples():
    assert examples(PAGES[1]) == EXAMPLES


def tables(page):
    """The rows of the measured tables, without their headers."""
    pattern = r"<!-- gradient checks \d: begin -->\n(.*?)<!-- gradient checks \d: end -->"
    found = re.findall(pattern, read(page), re.DOTALL)
    return [
        [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[2:]]
        for text in found
    ]


@pytest.mark.parametrize("page", PAGES)
def test_the_figures_are_those_that_are_promised(page):
    kinds, checks, times = tables(page)
    *rows, total = kinds
    assert len(rows) == 12
    drawn, large, found, named = map(int, total[1:])
    assert drawn == 300
    assert found == large
    assert named >= 0.9 * large
    assert checks[0][0] == "kobai.testing"
    assert checks[0][2] == "0 of 1000"
    assert times[0][1] == "39,760"
    number, unit = times[0][2].split()
    assert float(number) * {"µs": 1e-3, "ms": 1}[unit] < 2
