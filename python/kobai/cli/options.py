"""The commands, their options, and the numbers that options may have."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

import kobai
from kobai._validation import non_negative_float
from kobai._validation.messages import shown
from kobai.cli import building, schedules
from kobai.cli.output import Output, complain
from kobai.networks.architecture import ACTIVATIONS

FAILED = 2

ITERATIONS = 10_000

# The largest values of options. Larger ones would run for ever, or need memory that no machine has;
# a seed has as many bits as those that NumPy draws.
_LIMITS = {
    "iterations": 10**12,
    "epochs": 10**9,
    "batch_size": 10**9,
    "hidden": 10**5,
    "early_stopping": 10**9,
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
        help="train a network on MNIST",
        description="Train a network on MNIST by mini-batches: by default the notebook's run, a "
        "784-50-10 network by numerical gradients and plain gradient descent.",
    )
    _add_network_options(train)
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


def _add_network_options(train: argparse.ArgumentParser) -> None:
    group = train.add_argument_group(
        "network",
        "With other than one hidden layer, another activation or optimizer, or weight decay in the "
        "loss, it is a MultiLayerNet; else the notebook's TwoLayerNet.",
    )
    default = ",".join(map(str, building.HIDDEN))
    group.add_argument(
        "--hidden",
        type=_sizes,
        default=building.HIDDEN,
        metavar="N,...",
        help=f"units of each hidden layer, as in 100,50; or none, for no such layer ({default})",
    )
    group.add_argument(
        "--activation",
        choices=ACTIVATIONS,
        metavar="NAME",
        help=f"of the hidden layers: {', '.join(ACTIVATIONS)} ({building.ACTIVATION})",
    )
    group.add_argument(
        "--weight-decay",
        type=float,
        metavar="X",
        help="adds X / 2 times the sum of the squares of all weights to the loss (0); for adamw, "
        "what the optimizer itself decays them by (0.01)",
    )


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
        "--optimizer",
        choices=building.OPTIMIZERS,
        default=building.OPTIMIZER,
        metavar="NAME",
        help=f"{', '.join(building.OPTIMIZERS)} (%(default)s)",
    )
    group.add_argument(
        "--lr",
        type=float,
        metavar="RATE",
        help=f"learning rate ({building.LEARNING_RATE} for sgd; else the optimizer's own, 0.001 "
        "for adam and adamw, 0.01 for the others)",
    )
    group.add_argument(
        "--lr-schedule",
        choices=schedules.NAMES,
        default=schedules.CONSTANT,
        help="how it changes over the run: not at all; down to 0 along a cosine; or by steps, "
        "halved after each third (%(default)s)",
    )
    group.add_argument(
        "--early-stopping",
        type=_integer,
        metavar="N",
        help="end after N epochs in a row without a smaller test loss; the network of the best "
        "epoch is kept",
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


def _sizes(text: str) -> tuple[int, ...]:
    if text.strip() == "none":
        return ()
    try:
        return tuple(map(int, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be integers with commas between them, or none, got {shown(text)}"
        ) from None


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
        given = getattr(options, name, None)
        for number in given if isinstance(given, tuple) else (given,):
            if number is not None:
                _check_number(name, number, limit)
    for name in ("lr", "weight_decay"):
        if getattr(options, name, None) is not None:
            non_negative_float(f"--{name.replace('_', '-')}", getattr(options, name))
    if options.threads is not None:
        try:
            kobai.set_num_threads(options.threads)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"--threads {options.threads}: {error}") from error


def _check_number(name: str, number: int, limit: int) -> None:
    least = 0 if name == "seed" else 1
    flag = f"--{name.replace('_', '-')}"
    if number < least:
        wanted = "not be negative" if least == 0 else "be at least 1"
        raise ValueError(f"{flag} must {wanted}, got {shown(number)}")
    if number > limit:
        bound = "below 2**128" if name == "seed" else f"at most {limit:,}"
        raise ValueError(f"{flag} must be {bound}, got {shown(number)}")
