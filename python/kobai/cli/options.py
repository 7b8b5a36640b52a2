"""The commands, their options, and the numbers that options may have."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

import kobai
from kobai._validation import non_negative_float
from kobai._validation.messages import shown
from kobai.cli.output import Output, complain

FAILED = 2

ITERATIONS = 10_000

# The largest values of options. Larger ones would run for ever, or need memory that no machine has;
# a seed has as many bits as those that NumPy draws.
_LIMITS = {
    "iterations": 10**12,
    "epochs": 10**9,
    "batch_size": 10**9,
    "hidden": 10**5,
    "checkpoint_every": 10**9,
    "threads": 1024,
    "seed": 2**128 - 1,
}

METHODS = ("direct", "incremental", "node")


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and whose help is printed by `output`."""

    output: Output

    def error(self, message: str) -> NoReturn:
        complain(f"{self.prog}: error: {message}")
        self.exit(FAILED)

    def _print_message(self, message: str, _file: Any = None) -> None:
        # Only help and version come here; errors go to `error`.
        self.output.line(message.rstrip("\n"))


def parser(output: Output) -> argparse.ArgumentParser:
    """The parser of the command line, which prints help and version to `output`."""
    top = _Parser(
        prog="kobai",
        description="Neural networks from scratch, trained by true numerical gradients.",
    )
    top.add_argument("--version", action="version", version=f"kobai {kobai.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    train = commands.add_parser(
        "train",
        help="train the two-layer network on MNIST",
        description="Train a 784-50-10 network on MNIST by mini-batch gradient descent; "
        "by default by numerical gradients, the notebook's run.",
    )
    _add_training_options(train)
    _add_output_options(train)
    evaluate = commands.add_parser(
        "evaluate",
        help="say how many images a saved network gets right",
        description="Print the loss of a saved network, its accuracy, and which classes it takes "
        "for which.",
    )
    evaluate.add_argument("network", metavar="FILE.npz", help="what `kobai train --save` wrote")
    _add_data_options(evaluate, split="test")
    check = commands.add_parser(
        "check",
        help="compare all gradients of a network on a batch",
        description="Compute the gradient of one batch by the definition, evaluated in three "
        "ways, and by backpropagation; print how far they differ and how long they take. "
        "The exit status is 1 if they disagree.",
    )
    check.add_argument(
        "network",
        nargs="?",
        metavar="FILE.npz",
        help="what `kobai train --save` wrote; without it, a network with fresh weights",
    )
    _add_data_options(check, split="train")
    _add_check_options(check)
    for reader in (top, train, evaluate, check):
        reader.output = output
    return top


def _add_training_options(train: argparse.ArgumentParser) -> None:
    group = train.add_argument_group("training")
    group.add_argument(
        "--gradient",
        choices=("numerical", "backprop"),
        default="numerical",
        help="central differences of the loss, or backpropagation (%(default)s)",
    )
    group.add_argument(
        "--method", choices=("auto", *METHODS), help="how numerical gradients are evaluated (auto)"
    )
    length = group.add_mutually_exclusive_group()
    length.add_argument(
        "--iterations",
        type=_integer,
        metavar="N",
        help=f"steps to train ({ITERATIONS} unless --epochs is given)",
    )
    length.add_argument(
        "--epochs", type=_integer, metavar="N", help="passes over the data to train"
    )
    group.add_argument(
        "--batch-size", type=_integer, default=100, metavar="N", help="samples a step (%(default)s)"
    )
    group.add_argument(
        "--lr", type=float, default=0.1, metavar="RATE", help="learning rate (%(default)s)"
    )
    group.add_argument(
        "--hidden", type=_integer, default=50, metavar="N", help="hidden units (%(default)s)"
    )
    group.add_argument(
        "--sampling",
        choices=("shuffle", "replacement"),
        default="shuffle",
        help="each sample once an epoch, or drawn anew each step as in the notebook (%(default)s)",
    )
    _add_seed(group, "seed of weights and batches")
    _add_threads(group)


def _add_output_options(train: argparse.ArgumentParser) -> None:
    group = train.add_argument_group("input and output")
    _add_data(group)
    group.add_argument("--save", metavar="FILE.npz", help="write the trained parameters here")
    group.add_argument("--checkpoint", metavar="FILE", help="write what --resume continues here")
    group.add_argument(
        "--checkpoint-every", type=_integer, metavar="N", help="epochs between two checkpoints (1)"
    )
    group.add_argument(
        "--resume",
        metavar="FILE",
        help="continue the run that wrote this checkpoint, with the options it was given",
    )
    group.add_argument(
        "--plot",
        metavar="FILE.png",
        help="draw loss and accuracy here, in the format of the name's ending: .png, .pdf, .svg "
        "and what else Matplotlib knows; PNG without an ending",
    )
    group.add_argument("--quiet", action="store_true", help="print the last line only")


def _add_data_options(command: argparse.ArgumentParser, *, split: str) -> None:
    group = command.add_argument_group("data")
    _add_data(group)
    group.add_argument(
        "--split",
        choices=("train", "test"),
        default=split,
        help="the images of the training set or of the test set (%(default)s)",
    )
    _add_threads(group)


def _add_check_options(check: argparse.ArgumentParser) -> None:
    group = check.add_argument_group("check")
    group.add_argument(
        "--batch-size", type=_integer, default=100, metavar="N", help="samples (%(default)s)"
    )
    group.add_argument(
        "--methods",
        type=_methods,
        metavar="METHOD,...",
        help="which evaluators of the definition: of direct, incremental and node (all of them; "
        "direct only if it takes less than about a minute)",
    )
    _add_seed(group, "seed of the batch, and of fresh weights")


def _add_data(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--data",
        default="auto",
        metavar="auto|sample|PATH",
        help="MNIST from the cache or the network (the sample if there is neither); "
        "the sample of 6,000 images inside the package; or a folder with the four IDX files "
        "(%(default)s)",
    )


def _add_seed(group: argparse._ArgumentGroup, what: str) -> None:
    group.add_argument(
        "--seed", type=_integer, default=0, metavar="N", help=f"{what} (%(default)s)"
    )


def _add_threads(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--threads", type=_integer, metavar="N", help="threads to use (one a core)")


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an integer, got {shown(text)}") from None


def _methods(text: str) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(map(str.strip, text.split(","))))
    unknown = [method for method in chosen if method not in METHODS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"must be some of {','.join(METHODS)}, got {shown(unknown[0])}"
        )
    return chosen


def check_numbers(options: argparse.Namespace) -> None:
    """Raise if a number is out of range, before anything is loaded; then set the threads.

    Raises
    ------
    ValueError
        The message names the option.
    """
    for name, limit in _LIMITS.items():
        number = getattr(options, name, None)
        if number is None:
            continue
        least = 0 if name == "seed" else 1
        flag = f"--{name.replace('_', '-')}"
        if number < least:
            wanted = "not be negative" if least == 0 else "be at least 1"
            raise ValueError(f"{flag} must {wanted}, got {shown(number)}")
        if number > limit:
            bound = "below 2**128" if name == "seed" else f"at most {limit:,}"
            raise ValueError(f"{flag} must be {bound}, got {shown(number)}")
    if hasattr(options, "lr"):
        non_negative_float("--lr", options.lr)
    if options.threads is not None:
        try:
            kobai.set_num_threads(options.threads)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"--threads {options.threads}: {error}") from error
