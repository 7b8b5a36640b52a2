"""`kobai evaluate`: the accuracy of a saved network, and the classes it confuses."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai.cli.data import Net, Split, check_fit, described, load_data, load_network, sizes
from kobai.cli.layout import WIDTH, labelled, shown_path
from kobai.cli.options import check_numbers
from kobai.cli.output import Output

# Images that are computed together, which bounds the memory.
_ROWS = 1000

# Pairs of classes that are listed if a table of all would be too wide.
_LISTED = 10


def run(options: argparse.Namespace, output: Output) -> int:
    """Print loss, accuracy and the confusion of classes; the exit status is 0."""
    check_numbers(options)
    net = load_network(options.network)
    data = load_data(options.data, "evaluate", output)
    split = data.train if options.split == "train" else data.test
    name = shown_path(options.network)
    check_fit(net, name, *split, data.source)
    which = "training" if options.split == "train" else "test"
    loss, confusion = _evaluated(net, split)
    right, count = int(np.trace(confusion)), len(split[1])
    output.line(labelled("network", described(net, str(net.dtype), f"from {name}")))
    output.line(labelled("data", [f"{data.source}:", f"{count:,} {which} images"]))
    output.line(labelled("loss", [f"{loss:.4f}"]))
    output.line(labelled("accuracy", [f"{right / count:.4f},", f"{right:,} of {count:,} right"]))
    output.line()
    for line in _table(confusion) or _pairs(confusion):
        output.line(line)
    return 0


def _evaluated(net: Net, split: Split) -> tuple[float, npt.NDArray[np.int64]]:
    """The mean loss, and the confusion matrix: a row for each class, a column for each answer.

    The last column counts the samples whose scores hold a NaN, which have no answer.
    """
    x, t = split
    classes = sizes(net)[-1]
    confusion = np.zeros((classes, classes + 1), np.int64)
    loss = 0.0
    for start in range(0, len(x), _ROWS):
        rows = slice(start, start + _ROWS)
        loss += float(net.loss(x[rows], t[rows])) * len(t[rows])
        scores = net.predict(x[rows])
        answers = scores.argmax(axis=1)
        answers[np.isnan(scores).any(axis=1)] = classes
        np.add.at(confusion, (t[rows], answers), 1)
    return loss / len(x), confusion


def _table(confusion: npt.NDArray[Any]) -> list[str]:
    """The lines of the confusion matrix; none if it would be wider than a terminal."""
    classes = len(confusion)
    shown = confusion if confusion[:, -1].any() else confusion[:, :-1]
    heads = [*map(str, range(classes)), "none"][: shown.shape[1]]
    cell = max(*map(len, heads), len(str(shown.max())))
    width = WIDTH - len("  class") - len("   100.0 %")
    # Two blanks between numbers if they fit.
    cell += 2 if (cell + 2) * len(heads) <= width else 1
    if cell * len(heads) > width:
        return []
    lines = [
        "         answered",
        "  class" + "".join(head.rjust(cell) for head in heads) + "     right",
    ]
    for label, row in enumerate(shown):
        counts = "".join(str(count).rjust(cell) for count in row)
        share = f"{100 * row[label] / row.sum():.1f} %" if row.any() else "-"
        lines.append(f"{label:7}{counts}{share:>10}")
    return lines


def _pairs(confusion: npt.NDArray[Any]) -> list[str]:
    """The most frequent wrong answers."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_LISTED]
    lines = []
    for label, answer in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if wrong[label, answer]:
            meant = "no answer" if answer == len(wrong) else f"answered {answer}"
            lines.append(
                f"  class {label}, {meant}: {wrong[label, answer]:,} of {confusion[label].sum():,}"
            )
    return ["most frequent wrong answers", *lines] if lines else []
