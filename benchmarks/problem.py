"""The problem every contender solves, and the gradient that each answer is held against."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Params = dict[str, Array]

ROOT = Path(__file__).resolve().parent.parent
MNIST_BESIDE = ROOT.parent / "shared" / "mnist"
DATA_VARIABLE = "KOBAI_BENCH_DATA"

KEYS = ("W1", "b1", "W2", "b2")
INPUTS, HIDDEN, CLASSES = 784, 50, 10
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
    """Two batches, the parameters to start from, and where the images of an epoch lie."""

    mnist: Batch
    dense: Batch
    params: Params
    folder: Path

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
    images, labels, words = _load_images()
    copies = -(-EPOCH_IMAGES // len(images))
    if copies > 1:
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


def _load_images() -> tuple[Array, Array, str]:
    from kobai import load_mnist, load_mnist_sample

    named = os.environ.get(DATA_VARIABLE)
    path = Path(named) if named else MNIST_BESIDE
    if named or path.is_dir():
        (x, t), _ = load_mnist(path=path)
        return x, t, f"MNIST, {len(x):,} training images"
    (x, t), _ = load_mnist_sample()
    words = f"the sample of MNIST that ships with kobai, {len(x):,} images"
    return x, t, f"{words} (repeated to {EPOCH_IMAGES:,} for an epoch)"


def sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def softmax(a: Array) -> Array:
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def oracle_gradient(params: Mapping[str, Array], batch: Batch) -> Params:
    """The exact derivative of the notebook's loss, mean over the batch, by the chain rule."""
    x, t = batch.x, batch.t
    z = sigmoid(x @ params["W1"] + params["b1"])
    y = softmax(z @ params["W2"] + params["b2"])
    by_y = -t / (y + DELTA) / len(x)
    by_a2 = y * (by_y - np.sum(by_y * y, axis=1, keepdims=True))
    by_a1 = (by_a2 @ params["W2"].T) * z * (1 - z)
    return {
        "W1": x.T @ by_a1,
        "b1": by_a1.sum(axis=0),
        "W2": z.T @ by_a2,
        "b2": by_a2.sum(axis=0),
    }


def largest_difference(left: Mapping[str, Array], right: Mapping[str, Array]) -> float:
    """Over the elements of all arrays; elements that are NaN on the left were not computed."""
    worst = 0.0
    for key in KEYS:
        difference = np.abs(np.asarray(left[key], np.float64) - right[key])
        computed = ~np.isnan(np.asarray(left[key], np.float64))
        if not computed.any():
            raise ValueError(f"no element of {key} was computed")
        worst = max(worst, float(difference[computed].max()))
    return worst
