"""`kobai train`: the notebook's training run, with a report of its progress."""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np

from kobai.cli import results as files
from kobai.cli.data import Data, check_resumable, described, load_data
from kobai.cli.layout import labelled, per_second, shown_path
from kobai.cli.options import FAILED, ITERATIONS, check_numbers
from kobai.cli.output import Output, complain
from kobai.networks import TwoLayerNet
from kobai.training import SGD, History, Trainer

_INTERRUPTED = 130

# The fewest classes of a network, as a folder may hold images of only a few digits.
_FEWEST_CLASSES = 10


def run(options: argparse.Namespace, output: Output) -> int:
    """Train, and write the files that options name.

    Returns
    -------
    int
        The exit status: 0, 130 if Ctrl-C ended the training, 2 if a file could not be written.
    """
    check_numbers(options)
    _check_together(options)
    resumed = None if options.resume is None else check_resumable(options.resume)
    results = files.results(options, resumed)
    data = load_data(options.data, "train", output)
    _check_batch(options, data)
    trainer = _trainer(options, data)
    for line in _header(options, data, trainer):
        output.line(line)
    start = time.perf_counter()
    try:
        history = _fit(options, data, trainer, resumed, output)
    except OSError:
        # A checkpoint could not be written; the trained network is complete.
        _write(results, trainer, trainer.history)
        raise
    seconds = time.perf_counter() - start
    is_written = _write(results, trainer, history)
    accuracy = trainer.net.accuracy(*data.test)
    output.line(_footer(options, data, history, seconds, accuracy), always=True)
    if history.interrupted:
        return _INTERRUPTED
    return 0 if is_written else FAILED


def _check_together(options: argparse.Namespace) -> None:
    """Raise if options do not go together."""
    if options.iterations is None and options.epochs is None and options.resume is None:
        options.iterations = ITERATIONS
    if options.method and options.gradient == "backprop":
        raise ValueError(f"--method {options.method} needs --gradient numerical, got backprop")
    if options.checkpoint_every and options.checkpoint is None and options.resume is None:
        raise ValueError("--checkpoint-every needs --checkpoint or --resume")


def _check_batch(options: argparse.Namespace, data: Data) -> None:
    # A batch by shuffle is never longer than the data.
    samples = len(data.train[0])
    if options.sampling == "replacement" and options.batch_size > samples:
        raise ValueError(
            f"--batch-size must be at most {samples:,}, the training images of {data.source}, "
            f"where batches are drawn with replacement, got {options.batch_size:,}"
        )


def _trainer(options: argparse.Namespace, data: Data) -> Trainer:
    rng = np.random.default_rng(options.seed)
    (x_train, t_train), (_, t_test) = data.train, data.test
    classes = max(_FEWEST_CLASSES, t_train.max() + 1, t_test.max() + 1)
    net = TwoLayerNet(x_train.shape[1], options.hidden, int(classes), rng=rng)
    return Trainer(
        net,
        SGD(lr=options.lr),
        batch_size=options.batch_size,
        gradient=options.gradient,
        method=options.method or "auto",
        sampling=options.sampling,
        rng=rng,
    )


def _fit(
    options: argparse.Namespace, data: Data, trainer: Trainer, resumed: Path | None, output: Output
) -> History:
    """Train to the end or to Ctrl-C."""
    fit = trainer.fit if resumed is None else partial(trainer.resume, resumed)
    try:
        return fit(
            *data.train,
            *data.test,
            iterations=options.iterations,
            epochs=options.epochs,
            progress=not options.quiet,
            on_epoch=partial(_tell_epoch, output),
            checkpoint=options.checkpoint,
            checkpoint_every=options.checkpoint_every or 1,
        )
    except KeyboardInterrupt:
        if not trainer.history.interrupted:  # it had not begun
            raise
        return trainer.history


def _write(results: list[files.Result], trainer: Trainer, history: History) -> bool:
    """Write each result, even if others fail; returns whether all were written.

    A run without a step writes nothing, as its files may exist from a better run.
    """
    if not history.train_loss:
        return True
    is_written = True
    for result in results:
        try:
            result.write(trainer, history)
        except Exception as error:
            is_written = False
            complain(f"kobai train: error: {result.option} could not be written: {error}")
    return is_written


def _header(options: argparse.Namespace, data: Data, trainer: Trainer) -> list[str]:
    how = "numerical" if trainer.gradient == "numerical" else "backprop"
    method = f" ({trainer.method})" if trainer.gradient == "numerical" else ""
    length = {"epochs": options.epochs, "iterations": options.iterations}
    steps = " ".join(f"{n:,} {name}" for name, n in length.items() if n is not None)
    seed = f"seed {options.seed}"
    origin = seed if options.resume is None else f"from {shown_path(options.resume)}"
    return [
        labelled(
            "data",
            [
                f"{data.source}:",
                f"{len(data.train[0]):,} training and {len(data.test[0]):,} test images",
            ],
        ),
        labelled("network", described(trainer.net)),
        labelled("gradient", [f"{how}{method},", f"lr {options.lr:g}"]),
        labelled(
            "training",
            [
                f"{steps or 'the rest'} of batch {trainer.batch_size:,}",
                f"by {trainer.sampling},",
                origin,
            ],
        ),
    ]


def _tell_epoch(output: Output, history: History) -> None:
    output.line(f"train acc, test acc | {history.train_acc[-1]:.4f}, {history.test_acc[-1]:.4f}")


def _footer(
    options: argparse.Namespace, data: Data, history: History, seconds: float, accuracy: float
) -> str:
    steps = len(history.train_loss)
    if steps == 0:
        return "interrupted before the first iteration"
    ended = "interrupted after " if history.interrupted else ""
    # Of a resumed run, the history does not tell how many steps were taken since.
    speed = (
        f" in {seconds:.1f} s, {per_second(steps, seconds)} a second"
        if options.resume is None
        else f", {seconds:.1f} s since it was resumed"
    )
    stand_in = " on the sample" if data.is_stand_in else ""
    return f"{ended}{steps:,} iterations{speed}, test accuracy {accuracy:.4f}{stand_in}"
