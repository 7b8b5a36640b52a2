"""results.md: what was measured, how, and on what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.cells import HEADER, cells, error, faster, of_peer, share
from benchmarks.contenders.notebook_loop import ALL_PARAMETERS, SLICE_PARAMETERS
from benchmarks.machine import describe
from benchmarks.main_table import Measured
from benchmarks.promises import promises
from benchmarks.report import table
from benchmarks.rows import DENSE, EPOCHS, NUMERICAL, STEPS, Row

METHOD = f"""\
Each contender runs alone in processes of its own, one with one thread and one with all; a row
states the better of the two. The processes are asked in turn, in an order drawn anew each round,
and sleep in between. A time is the median of the rounds, beside it the quartiles (least and most
where there are fewer than three rounds). One measurement lasts at least {{minimum:.0f}} ms, except
where one gradient takes longer; there were {{rounds}} rounds{{fewer}}.

- The network is the notebook's: 784-50-10, sigmoid, softmax cross-entropy, lr 0.1, batch of 100,
  from the notebook's initial parameters. {{density:.1%}} of the batch's pixels are not zero.
- The notebook's loop is timed on {SLICE_PARAMETERS} of the {ALL_PARAMETERS:,} parameters, spread
  over all four arrays, and scaled up: every parameter costs the same two forward passes.
- Peers get their batch ready, in their own arrays; it is the same one each step, and what
  its numbers are does not change their time. JAX's scanned epoch takes 600 batches that lie in
  order in one call. kobai's `Trainer` draws and gathers every batch from shuffled images; in the
  table of epochs all do.
- "the same + update" and the gradient above it are timed in one loop, with a clock for each.
- A time has three digits where its quartiles lie within 5 % of it, else two; a ratio has those of
  the less certain of its two.
- A `Trainer` is timed from `on_epoch` after the first evaluation to the return of `fit`, on a set
  one batch longer than the epoch, so that no evaluation of accuracies falls within.
- "error" is the largest difference to the exact gradient in float64 over all parameters (over the
  slice, for the loop), from the gradient or from one step of the parameters.
"""


@dataclass(frozen=True)
class Run:
    """How a run was made."""

    data: str
    minimum: float
    density: float
    is_quick: bool


def main_sections(measured: Measured, run: Run) -> str:
    """Markdown: the tables of the main comparison."""
    return "\n".join(
        [
            "## Numerical gradient, a batch of MNIST\n",
            _numerical(measured, NUMERICAL),
            "## Numerical gradient, dense random input and soft random targets\n",
            _numerical(measured, DENSE),
            "## A step by backpropagation, with its update\n",
            _steps(measured),
            "## An epoch by backpropagation, 60,000 images, shuffled\n",
            _epochs(measured),
            "## Targets\n",
            promises(measured),
            *(["## Left out\n", _list(measured.skipped)] if measured.skipped else []),
            "## How\n",
            METHOD.format(
                minimum=run.minimum * 1e3,
                density=run.density,
                rounds=measured.rounds,
                fewer=" (a quick run)" if run.is_quick else "",
            ),
        ]
    )


def document(measured: Measured, run: Run, further: Iterable[tuple[str, str]]) -> str:
    parts = [
        "# Measured\n",
        describe(measured.versions, run.data),
        "Made by `make bench`; figures of other machines differ.\n",
        main_sections(measured, run),
    ]
    for title, text in further:
        parts += [f"## {title}\n", text]
    return "\n".join(parts)


def _list(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def _numerical(measured: Measured, rows: Iterable[Row]) -> str:
    peer = measured.fastest_peer_step()
    lines = []
    for figure in measured.present(rows):
        loop = measured.loop(figure.row)
        lines.append([*cells(figure), faster(figure, loop), share(figure, peer), error(figure)])
    return table([*HEADER, "faster than the loop", of_peer(peer), "error"], lines)


def _steps(measured: Measured) -> str:
    peer = measured.fastest_peer_step()
    figures = measured.present(STEPS)
    lines = [[*cells(figure), share(figure, peer), error(figure)] for figure in figures]
    return table([*HEADER, of_peer(peer), "error"], lines)


def _epochs(measured: Measured) -> str:
    peer = measured.fastest_peer_epoch()
    figures = measured.present(EPOCHS)
    lines = [[*cells(figure), share(figure, peer)] for figure in figures]
    return table([*HEADER, "of the fastest peer's"], lines)
