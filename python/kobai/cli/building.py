"""The network and the optimizer that the options of `kobai train` describe."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from kobai import optimizers
from kobai.cli.schedules import CONSTANT, scheduled
from kobai.networks import MultiLayerNet, TwoLayerNet
from kobai.optimizers.base import BaseOptimizer

Net = TwoLayerNet | MultiLayerNet

OPTIMIZERS: dict[str, Callable[..., BaseOptimizer]] = {
    name.lower(): getattr(optimizers, name) for name in optimizers.__all__
}

# The notebook's network, activation, optimizer and learning rate.
HIDDEN, ACTIVATION, OPTIMIZER, LEARNING_RATE = (50,), "sigmoid", "sgd", 0.1

# Weights are drawn for the activations that let about half of what comes in through, or all of it.
_ABOUT_LINEAR = ("identity", "sigmoid", "tanh")

# The optimizer whose formula has a decay of its own.
_DECAYS = "adamw"


def check_network_options(options: argparse.Namespace) -> None:
    """Raise a ValueError if options that describe network and optimizer do not go together."""
    if options.activation is not None and not options.hidden:
        raise ValueError(
            f"--activation {options.activation} needs hidden layers, got --hidden none"
        )


def network(
    options: argparse.Namespace, inputs: int, classes: int, rng: np.random.Generator
) -> Net:
    """The course's two-layer network, where options ask for nothing else; or one of any depth."""
    activation = options.activation or ACTIVATION
    decay = 0.0 if options.optimizer == _DECAYS else options.weight_decay or 0.0
    if (
        len(options.hidden) == 1
        and (activation, options.optimizer) == (ACTIVATION, OPTIMIZER)
        and not decay
    ):
        return TwoLayerNet(inputs, options.hidden[0], classes, rng=rng)
    std = "xavier" if activation in _ABOUT_LINEAR else "he"
    return MultiLayerNet(inputs, options.hidden, classes, activation, std, decay, rng=rng)


def optimizer(options: argparse.Namespace, total: int | None) -> BaseOptimizer:
    """The optimizer; `total` is the number of steps that the whole run takes.

    Raises
    ------
    ValueError
        If the learning rate follows a schedule, and nobody knows how long the run is.
    """
    settings: dict[str, Any] = {}
    if options.optimizer == _DECAYS and options.weight_decay is not None:
        settings["weight_decay"] = options.weight_decay
    made = OPTIMIZERS[options.optimizer](**settings)
    if options.lr is not None:
        made.lr = options.lr
    elif options.optimizer == OPTIMIZER:
        made.lr = LEARNING_RATE
    if options.lr_schedule != CONSTANT:
        if total is None:
            raise ValueError(f"--lr-schedule {options.lr_schedule} needs --iterations or --epochs")
        made.lr = scheduled(options.lr_schedule, made.learning_rate(), total)
    return made
