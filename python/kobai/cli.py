"""The command line: `kobai train`, the notebook's last cell."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

import kobai
from kobai._files import check_place
from kobai._plot import save_history
from kobai._progress import write_line
from kobai._validation import non_negative_float, positive_int
from kobai.datasets import DownloadError, load_mnist, load_mnist_sample
from kobai.networks import TwoLayerNet
from kobai.training import SGD, History, Trainer

_ITERATIONS = 10_000

_FAILED = 2
_INTERRUPTED = 130

_Split = tuple[npt.NDArray[Any], npt.NDArray[Any]]


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(_FAILED, f"{self.prog}: error: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; `sys.argv` by default.

    Returns
    -------
    int
        The exit status: 0, 2 after an error, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        return _train(options)
    except (ValueError, TypeError, ImportError, OSError) as error:
        message = " ".join(str(error).split())
        sys.stderr.write(f"kobai {options.command}: error: {message}\n")
        return _FAILED
    except KeyboardInterrupt:
        sys.stderr.write(f"kobai {options.command}: interrupted\n")
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="kobai",
        description="Neural networks from scratch, trained by true numerical gradients.",
    )
    parser.add_argument("--version", action="version", version=f"kobai {kobai.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    train = commands.add_parser(
        "train",
        help="train the two-layer network on MNIST",
        description="Train a 784-50-10 network on MNIST by mini-batch gradient descent; "
        "by default by numerical gradients, the notebook's run.",
    )
    _add_training_options(train)
    _add_data_options(train)
    return parser


def _add_training_options(train: argparse.ArgumentParser) -> None:
    group = train.add_argument_group("training")
    group.add_argument(
        "--gradient",
        choices=("numerical", "backprop"),
        default="numerical",
        help="central differences of the loss, or backpropagation (%(default)s)",
    )
    group.add_argument(
        "--method",
        choices=("auto", "node", "incremental", "direct"),
        help="how numerical gradients are evaluated (auto)",
    )
    length = group.add_mutually_exclusive_group()
    length.add_argument(
        "--iterations",
        type=int,
        metavar="N",
        help=f"steps to train ({_ITERATIONS} unless --epochs is given)",
    )
    length.add_argument("--epochs", type=int, metavar="N", help="passes over the data to train")
    group.add_argument(
        "--batch-size", type=int, default=100, metavar="N", help="samples a step (%(default)s)"
    )
    group.add_argument(
        "--lr", type=float, default=0.1, metavar="RATE", help="learning rate (%(default)s)"
    )
    group.add_argument(
        "--hidden", type=int, default=50, metavar="N", help="hidden units (%(default)s)"
    )
    group.add_argument(
        "--sampling",
        choices=("shuffle", "replacement"),
        default="shuffle",
        help="each sample once an epoch, or drawn anew each step as in the notebook (%(default)s)",
    )
    group.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of weights and batches (%(default)s)"
    )
    group.add_argument("--threads", type=int, metavar="N", help="threads to use (one a core)")


def _add_data_options(train: argparse.ArgumentParser) -> None:
    group = train.add_argument_group("input and output")
    group.add_argument(
        "--data",
        default="auto",
        metavar="auto|sample|PATH",
        help="MNIST from the cache or the network (the sample if there is neither); "
        "the sample of 6,000 images inside the package; or a folder with the four IDX files "
        "(%(default)s)",
    )
    group.add_argument("--save", metavar="FILE.npz", help="write the trained parameters here")
    group.add_argument("--checkpoint", metavar="FILE", help="write what --resume continues here")
    group.add_argument(
        "--checkpoint-every", type=int, metavar="N", help="epochs between two checkpoints (1)"
    )
    group.add_argument(
        "--resume",
        metavar="FILE",
        help="continue the run that wrote this checkpoint, with the options it was given",
    )
    group.add_argument("--plot", metavar="FILE.png", help="draw loss and accuracy here")
    group.add_argument("--quiet", action="store_true", help="print the last line only")


def _train(options: argparse.Namespace) -> int:
    _check_options(options)
    if options.threads is not None:
        kobai.set_num_threads(positive_int("--threads", options.threads))
    report = _Report(quiet=options.quiet)
    source, train, test = _load(options.data, report)
    rng = np.random.default_rng(options.seed)
    classes = max(9, train[1].max(), test[1].max()) + 1
    net = TwoLayerNet(train[0].shape[1], options.hidden, classes, rng=rng)
    trainer = Trainer(
        net,
        SGD(lr=options.lr),
        batch_size=options.batch_size,
        gradient=options.gradient,
        method=options.method or "auto",
        sampling=options.sampling,
        rng=rng,
    )
    report.header(source, train, test, trainer, options)
    start = time.perf_counter()
    run = trainer.fit if options.resume is None else partial(trainer.resume, options.resume)
    history = run(
        *train,
        *test,
        iterations=options.iterations,
        epochs=options.epochs,
        progress=not options.quiet,
        on_epoch=report.epoch,
        checkpoint=options.checkpoint,
        checkpoint_every=options.checkpoint_every or 1,
    )
    seconds = time.perf_counter() - start
    _write(options, net, history)
    report.footer(history, seconds, net.accuracy(*test), is_resumed=options.resume is not None)
    return _INTERRUPTED if history.interrupted else 0


def _check_options(options: argparse.Namespace) -> None:
    """Find before the training what would spoil it after."""
    if options.iterations is None and options.epochs is None and options.resume is None:
        options.iterations = _ITERATIONS
    for name in ("iterations", "epochs", "batch_size", "hidden", "checkpoint_every"):
        value = getattr(options, name)
        if value is not None:
            positive_int(f"--{name.replace('_', '-')}", value)
    non_negative_float("--lr", options.lr)
    if options.seed < 0:
        raise ValueError(f"--seed must not be negative, got {options.seed}")
    if options.method and options.gradient == "backprop":
        raise ValueError(f"--method {options.method} needs --gradient numerical, got backprop")
    if options.checkpoint_every and options.checkpoint is None and options.resume is None:
        raise ValueError("--checkpoint-every needs --checkpoint or --resume")
    if options.resume is not None and not Path(options.resume).is_file():
        raise FileNotFoundError(f"--resume must be a file that exists, got {options.resume}")
    for name in ("save", "plot", "checkpoint"):
        if getattr(options, name) is not None:
            check_place(f"--{name}", getattr(options, name))
    if options.plot is not None and importlib.util.find_spec("matplotlib") is None:
        raise ImportError("--plot needs matplotlib: python -m pip install 'kobai[plot]'")


def _load(data: str, report: _Report) -> tuple[str, _Split, _Split]:
    """The data and what to call it."""
    if data == "sample":
        return "MNIST sample", *load_mnist_sample()
    if data != "auto":
        return str(Path(data)), *load_mnist(path=data)
    try:
        return "MNIST", *load_mnist()
    except DownloadError as error:
        report.line(f"{error}")
        report.line("training on the sample that ships with kobai instead")
        return "MNIST sample", *load_mnist_sample()


def _write(options: argparse.Namespace, net: TwoLayerNet, history: History) -> None:
    if options.save is not None:
        net.save(options.save)
    if options.plot is not None:
        save_history(history, options.plot)


class _Report:
    """What the run tells."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def line(self, text: str) -> None:
        if not self._quiet:
            write_line(text)

    def header(
        self,
        source: str,
        train: _Split,
        test: _Split,
        trainer: Trainer,
        options: argparse.Namespace,
    ) -> None:
        params = trainer.net.params
        inputs, hidden = params["W1"].shape
        count = sum(param.size for param in params.values())
        how_long = {"epochs": options.epochs, "iterations": options.iterations}
        length = " ".join(f"{n:,} {name}" for name, n in how_long.items() if n is not None)
        origin = f"seed {options.seed}" if options.resume is None else f"from {options.resume}"
        how = f"numerical ({trainer.method})" if trainer.gradient == "numerical" else "backprop"
        self.line(
            f"data      {source}: {len(train[0]):,} training and {len(test[0]):,} test images"
        )
        self.line(f"network   {inputs}-{hidden}-{params['b2'].size}, {count:,} parameters")
        self.line(
            f"gradient  {how}, lr {options.lr:g}, {length or 'the rest'} "
            f"of batch {trainer.batch_size} by {trainer.sampling}, {origin}"
        )

    def epoch(self, history: History) -> None:
        self.line(f"train acc, test acc | {history.train_acc[-1]:.4f}, {history.test_acc[-1]:.4f}")

    def footer(
        self, history: History, seconds: float, accuracy: float, *, is_resumed: bool
    ) -> None:
        steps = len(history.train_loss)
        ended = "interrupted after " if history.interrupted else ""
        # How many of them a resumed run took itself is not told.
        speed = (
            f", {seconds:.1f} s since it was resumed"
            if is_resumed
            else f" in {seconds:.1f} s, {steps / seconds:,.0f} a second"
        )
        write_line(f"{ended}{steps:,} iterations{speed}, test accuracy {accuracy:.4f}")
