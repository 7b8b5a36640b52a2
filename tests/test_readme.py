"""What the documentation shows runs, says what it prints, and points at what is there."""

import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "notebooks" / "chapter.ipynb"
READMES = ["README.md", "README.ja.md"]
METHOD = "docs/numerical-gradient.md"
CHECKS = ["docs/is-my-gradient-right.md", "docs/is-my-gradient-right.ja.md"]
NETWORKS = ["docs/networks.md", "docs/networks.ja.md"]
ESTIMATORS = ["docs/from-scikit-learn.md", "docs/from-scikit-learn.ja.md"]
MEASURED = ["benchmarks/results.md", "benchmarks/networks.md"]
OTHERS = ["docs/guarantees.md", "docs/architecture.md", "CHANGELOG.md"]
PAGES = [*READMES, METHOD, *NETWORKS, *CHECKS, *ESTIMATORS, *MEASURED, *OTHERS]

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page, language):
    """The code blocks of a page, each with the number of its first line."""
    text = read(page)
    return [
        (text.count("\n", 0, block.start()) + 2, block[2])
        for block in FENCED.finditer(text)
        if block[1] == language
    ]


def run(source, name, namespace):
    # Under the page's name, so that a traceback names it.
    exec(compile(source, name, "exec"), namespace)  # noqa: S102


def cells(kind):
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def printed(cell):
    streams = (out for out in cell["outputs"] if out["output_type"] == "stream")
    return "".join("".join(out["text"]) for out in streams)


def relative_links(text):
    prose = INLINE_CODE.sub("", FENCED.sub("", text))
    return [link for link in LINK.findall(prose) if not re.match(r"\w+:|#", link)]


@pytest.mark.parametrize(("line", "source"), blocks(METHOD, "python"))
def test_the_code_of_the_method_runs(line, source):
    run("\n" * (line - 1) + source, METHOD, {"__name__": "__main__"})


@pytest.mark.parametrize("page", READMES)
def test_the_examples_print_what_the_page_shows(page, capsys):
    training, any_network, check = [
        came_and_shown(page, line, source, shown, capsys)
        for (line, source), (_, shown) in zip(
            blocks(page, "python"), blocks(page, "text"), strict=True
        )
    ]
    # Differences of 1e-10 and less are rounding's own: only their size is the same everywhere.
    *differences, start, end = training[0]
    *shown_differences, shown_start, shown_end = training[1]
    assert max(differences) < 10 * max(shown_differences)
    assert (start, end) == pytest.approx((shown_start, shown_end), abs=0.005)
    assert any_network[0] == pytest.approx(any_network[1], abs=0.02)
    (right, wrong), (shown_right, shown_wrong) = check
    assert right < 10 * shown_right
    assert wrong == pytest.approx(shown_wrong)


@pytest.mark.parametrize("page", NETWORKS)
def test_the_code_of_any_network_runs_and_prints_what_the_page_shows(page, capsys):
    printed = dict(blocks(page, "text"))
    for line, source in blocks(page, "python"):
        # What an example prints stands two lines below it, between marks.
        shown = printed.pop(line + source.count("\n") + 3, "")
        came, said = came_and_shown(page, line, source, shown, capsys)
        assert came == pytest.approx(said, abs=0.02)
    assert printed == {}


def came_and_shown(page, line, source, shown, capsys):
    """The numbers that an example prints and those on its page; the words are the same."""
    run("\n" * (line - 1) + source, page, {"__name__": "__main__"})
    came = capsys.readouterr().out
    number = re.compile(r"\d+\.\d+|\d+e-\d+")
    assert number.sub("#", came) == number.sub("#", shown)
    return [list(map(float, number.findall(text))) for text in (came, shown)]


@pytest.mark.parametrize("pages", [READMES, NETWORKS])
def test_both_languages_show_the_same_examples(pages):
    def examples(page):
        return [source for _, source in blocks(page, "python") + blocks(page, "text")]

    english, japanese = map(examples, pages)
    assert english == japanese


@pytest.mark.parametrize("page", PAGES)
def test_links_point_at_something(page):
    folder = (ROOT / page).parent
    missing = [x for x in relative_links(read(page)) if not (folder / x.split("#")[0]).exists()]
    assert missing == []


def test_links_of_the_notebook_point_at_something():
    links = relative_links("\n".join("".join(cell["source"]) for cell in cells("markdown")))
    assert links
    assert [link for link in links if not (NOTEBOOK.parent / link).exists()] == []


def test_the_notebook_runs_from_top_to_bottom(capsys):
    namespace = {"__name__": "__main__"}
    random_state = np.random.get_state()
    try:
        for i, cell in enumerate(cells("code"), 1):
            capsys.readouterr()
            run("".join(cell["source"]), f"{NOTEBOOK.name}, code cell {i}", namespace)
            came, shown = capsys.readouterr().out, printed(cell)
            # Times and rounding differ from machine to machine, the words and the shapes do not.
            number = re.compile(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?|\s+")
            assert number.sub("", came) == number.sub("", shown)
    finally:
        plt.close("all")
        np.random.set_state(random_state)
    assert namespace["history"].test_acc[-1] > 0.88


def test_the_notebook_was_run_in_order_and_without_errors():
    assert [cell["execution_count"] for cell in cells("code")] == list(
        range(1, len(cells("code")) + 1)
    )
    assert not [
        out for cell in cells("code") for out in cell["outputs"] if out["output_type"] == "error"
    ]
