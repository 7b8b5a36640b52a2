"""docs/from-scikit-learn.md: its programs print what it shows, and both languages have the same."""

import contextlib
import io
import re
from pathlib import Path

import pytest

pytest.importorskip("sklearn", minversion="1.7")

DOCS = Path(__file__).parent.parent / "docs"
PAGES = [DOCS / "from-scikit-learn.md", DOCS / "from-scikit-learn.ja.md"]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(page):
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_programs_print_what_the_page_shows():
    ran = 0
    for (kind, program), (_, shown) in zip(blocks(PAGES[0]), blocks(PAGES[0])[1:], strict=False):
        if kind == "python":
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                exec(program, {})  # noqa: S102
            assert said.getvalue() == shown
            ran += 1
    assert ran == 2


def test_both_languages_have_the_same_programs_and_figures():
    assert blocks(PAGES[0]) == blocks(PAGES[1])
    rows = [
        [line for line in page.read_text(encoding="utf-8").splitlines() if " ± " in line]
        for page in PAGES
    ]
    assert rows[0] == rows[1]
