"""`kobai train`: a training run, by default the notebook's, with a report of its progress."""

from __future__ import annotations

import argparse
import math
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kobai._training.resuming import planned_steps
from kobai.callbacks import EarlyStopping
from kobai.cli import building
from kobai.cli import results as files
from kobai.cli.data import Data, check_resumable, described, load_data
from kobai.cli.layout import labelled, per_second, shown_path
from kobai.cli.options import FAILED, ITERATIONS, check_numbers
from kobai.cli.output import Output, complain
from kobai.cli.schedules import CONSTANT
from kobai.optimizers import AdamW
from kobai.training import History, Trainer

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
    trainer = _trainer(options, data, resumed)
    stopping = _early_stopping(options)
    for line in _header(options, data, trainer):
        output.line(line)
    start = time.perf_counter()
    try:
        history = _fit(options, data, trainer, resumed, output, stopping)
    except OSError:
        # A checkpoint could not be written; the trained network is complete.
        _write(results, trainer, trainer.history)
        raise
    seconds = time.perf_counter() - start
    is_written = _write(results, trainer, history)
    accuracy = trainer.net.accuracy(*data.test)
    ended = _ended_early(history, stopping)
    output.line(_footer(options, data, history, seconds, accuracy, ended), always=True)
    if history.interrupted:
        return _INTERRUPTED
    return 0 if is_written else FAILED


def _check_together(options: argparse.Namespace) -> None:
    """Raise if options do not go together."""
    if options.iterations is None and options.epochs is None and options.resume is None:
        options.iterations = ITERATIONS
    if options.method and options.gradient == "backprop":
        raise ValueError(f"--method {options.method} needs --gradient numerical, got backprop")
    building.check_network_options(options)
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


def _planned_steps(options: argparse.Namespace, data: Data, resumed: Path | None) -> int | None:
    """How many steps the whole run takes; None if it does not matter."""
    if options.lr_schedule == CONSTANT:
        return None
    if options.iterations is not None:
        return int(options.iterations)
    if options.epochs is not None:
        steps_per_epoch: int = math.ceil(len(data.train[0]) / options.batch_size)
        return int(options.epochs) * steps_per_epoch
    return None if resumed is None else planned_steps(resumed)


def _early_stopping(options: argparse.Namespace) -> EarlyStopping | None:
    if options.early_stopping is None:
        return None
    return EarlyStopping(patience=options.early_stopping, restore_best_weights=True)


def _trainer(options: argparse.Namespace, data: Data, resumed: Path | None) -> Trainer:
    rng = np.random.default_rng(options.seed)
    (x_train, t_train), (_, t_test) = data.train, data.test
    classes = max(_FEWEST_CLASSES, t_train.max() + 1, t_test.max() + 1)
    net = building.network(options, x_train.shape[1], int(classes), rng)
    return Trainer(
        net,
        building.optimizer(options, _planned_steps(options, data, resumed)),
        batch_size=options.batch_size,
        gradient=options.gradient,
        method=options.method or "auto",
        sampling=options.sampling,
        rng=rng,
    )


def _fit(
    options: argparse.Namespace,
    data: Data,
    trainer: Trainer,
    resumed: Path | None,
    output: Output,
    stopping: EarlyStopping | None,
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
            callbacks=None if stopping is None else [stopping],
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
        labelled("gradient", [f"{how}{method},", *_descent(options, trainer.optimizer)]),
        labelled(
            "training",
            [
                f"{steps or 'the rest'} of batch {trainer.batch_size:,}",
                f"by {trainer.sampling},",
                origin,
            ],
        ),
    ]


def _descent(options: argparse.Namespace, optimizer: Any) -> list[str]:
    """How steps are taken along the gradient, as the words of a line."""
    said = [] if options.optimizer == building.OPTIMIZER else [options.optimizer]
    said.append(f"lr {optimizer.learning_rate(0):g}")
    if options.weight_decay and isinstance(optimizer, AdamW):
        said.append(f"weight decay {options.weight_decay:g}")
    if options.lr_schedule != CONSTANT:
        said.append(f"{options.lr_schedule} schedule")
    if options.early_stopping is not None:
        said.append(f"early stopping {options.early_stopping}")
    return [*(f"{part}," for part in said[:-1]), said[-1]]


def _tell_epoch(output: Output, history: History) -> None:
    output.line(f"train acc, test acc | {history.train_acc[-1]:.4f}, {history.test_acc[-1]:.4f}")


def _ended_early(history: History, stopping: EarlyStopping | None) -> str:
    """The first words of the last line, if something has ended the training."""
    if history.interrupted:
        return "interrupted after "
    return "stopped after " if stopping is not None and stopping.wait >= stopping.patience else ""


def _footer(
    options: argparse.Namespace,
    data: Data,
    history: History,
    seconds: float,
    accuracy: float,
    ended: str,
) -> str:
    steps = len(history.train_loss)
    if steps == 0:
        return "interrupted before the first iteration"
    # Of a resumed run, the history does not tell how many steps were taken since.
    speed = (
        f" in {seconds:.1f} s, {per_second(steps, seconds)} a second"
        if options.resume is None
        else f", {seconds:.1f} s since it was resumed"
    )
    stand_in = " on the sample" if data.is_stand_in else ""
    return f"{ended}{steps:,} iterations{speed}, test accuracy {accuracy:.4f}{stand_in}"
