"""The problem every contender solves, and the gradient that each answer is held against."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Params = dict[str, Array]
Split = tuple[Array, Array]

ROOT = Path(__file__).resolve().parent.parent
MNIST_BESIDE = ROOT.parent / "shared" / "mnist"
DATA_VARIABLE = "KOBAI_BENCH_DATA"

INPUTS, HIDDEN, CLASSES = 784, 50, 10
DEEP_HIDDEN = (100, 100)
BATCH = 100
EPOCH_IMAGES = 60_000
EPOCH_STEPS = EPOCH_IMAGES // BATCH
LEARNING_RATE = 0.1
WEIGHT_STD = 0.01
DELTA = 1e-7  # inside the logarithm of the notebook's loss


@dataclass(frozen=True)
class Batch:
    """Inputs and class weights in float64; `labels` only where each sample has one class."""

    x: Array
    t: Array
    labels: Array | None = None

    @property
    def targets(self) -> Array:
        return self.t if self.labels is None else self.labels


@dataclass(frozen=True)
class Problem:
    """Two batches, the parameters to start from, and where the images of an epoch lie.

    The parameters are those of sigmoid layers below a softmax, whose probabilities `delta` is added
    to.
    """

    mnist: Batch
    dense: Batch
    params: Params
    folder: Path
    delta: float = DELTA

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the network: the inputs, the units of each hidden layer, the classes."""
        weights = [self.params[f"W{k}"].shape for k in range(1, len(self.params) // 2 + 1)]
        return weights[0][0], *(units for _, units in weights)

    def deeper(self) -> Problem:
        """The same of the network with two hidden layers."""
        return replace(self, params=draw_deep_params(), delta=0.0)

    def images(self) -> tuple[Array, Array]:
        """All images of an epoch in float32, and their labels."""
        return np.load(self.folder / "images.npy"), np.load(self.folder / "labels.npy")

    def start(self, dtype: npt.DTypeLike = np.float64) -> Params:
        """A fresh copy of the parameters every measurement starts from."""
        return {key: value.astype(dtype) for key, value in self.params.items()}


def one_hot(labels: Array, classes: int = CLASSES) -> Array:
    return np.eye(classes)[labels]


def draw_params(hidden: int = HIDDEN) -> Params:
    """The notebook's initial parameters for a hidden layer of this size."""
    rng = np.random.default_rng(0)
    return {
        "W1": WEIGHT_STD * rng.standard_normal((INPUTS, hidden)),
        "b1": np.zeros(hidden),
        "W2": WEIGHT_STD * rng.standard_normal((hidden, CLASSES)),
        "b2": np.zeros(CLASSES),
    }


def prepare(folder: Path) -> str:
    """Write the images where every process can read them; say in words which they are."""
    (images, labels), _, words = load_splits()
    copies = -(-EPOCH_IMAGES // len(images))
    if copies > 1:
        words += f" (repeated to {EPOCH_IMAGES:,} for an epoch)"
        images, labels = np.tile(images, (copies, 1)), np.tile(labels, copies)
    np.save(folder / "images.npy", images[:EPOCH_IMAGES])
    np.save(folder / "labels.npy", labels[:EPOCH_IMAGES])
    return words


def load_problem(folder: Path) -> Problem:
    rng = np.random.default_rng(1)
    images = np.load(folder / "images.npy", mmap_mode="r")
    labels = np.load(folder / "labels.npy")
    drawn = np.sort(rng.choice(len(images), BATCH, replace=False))
    mnist = Batch(np.array(images[drawn], np.float64), one_hot(labels[drawn]), labels[drawn])
    dense = Batch(rng.random((BATCH, INPUTS)), rng.random((BATCH, CLASSES)))
    return Problem(mnist, dense, draw_params(), folder)


def draw_deep_params() -> Params:
    """Initial parameters of the deeper network, of the deviation that suits sigmoid units."""
    rng = np.random.default_rng(0)
    params = {}
    for k, (rows, units) in enumerate(pairwise((INPUTS, *DEEP_HIDDEN, CLASSES)), 1):
        params[f"W{k}"] = rng.standard_normal((rows, units)) / np.sqrt(rows)
        params[f"b{k}"] = np.zeros(units)
    return params


def load_splits() -> tuple[Split, Split, str]:
    """Training and test images of MNIST with their labels, and in words which they are."""
    from kobai import load_mnist, load_mnist_sample

    named = os.environ.get(DATA_VARIABLE)
    path = Path(named) if named else MNIST_BESIDE
    if named or path.is_dir():
        train, test = load_mnist(path=path)
        return train, test, f"MNIST, {len(train[0]):,} training images"
    train, test = load_mnist_sample()
    return train, test, f"the sample of MNIST that ships with kobai, {len(train[0]):,} images"


def sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def softmax(a: Array) -> Array:
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def oracle_gradient(problem: Problem, batch: Batch) -> Params:
    """The exact derivative of the loss, mean over the batch, by the chain rule.

    At the parameters that a problem starts from.
    """
    params, depth = problem.params, len(problem.params) // 2
    inputs = [batch.x]
    for k in range(1, depth):
        inputs.append(sigmoid(inputs[-1] @ params[f"W{k}"] + params[f"b{k}"]))
    y = softmax(inputs[-1] @ params[f"W{depth}"] + params[f"b{depth}"])
    by_y = -batch.t / (y + problem.delta) / len(batch.x)
    by_a = y * (by_y - np.sum(by_y * y, axis=1, keepdims=True))
    grads = {}
    for k in range(depth, 0, -1):
        z = inputs[k - 1]
        grads[f"W{k}"], grads[f"b{k}"] = z.T @ by_a, by_a.sum(axis=0)
        by_a = (by_a @ params[f"W{k}"].T) * z * (1 - z)
    return grads


def largest_difference(left: Mapping[str, Array], right: Mapping[str, Array]) -> float:
    """Over the elements of all arrays; elements that are NaN on the left were not computed."""
    worst = 0.0
    for key, exact in right.items():
        difference = np.abs(np.asarray(left[key], np.float64) - exact)
        computed = ~np.isnan(np.asarray(left[key], np.float64))
        if not computed.any():
            raise ValueError(f"no element of {key} was computed")
        worst = max(worst, float(difference[computed].max()))
    return worst
