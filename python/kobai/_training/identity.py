"""What a run must have in common with the run that continues it."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from kobai._training import network
from kobai._training.network import Array
from kobai._training.optimizers import described
from kobai._training.sampling import BIT_GENERATORS
from kobai._training.task import TrainingTask

Identity = dict[str, Any]

# Bytes of data that are copied into C order and hashed together.
_HASHED_BYTES = 1 << 22


def fingerprints(
    train: tuple[Array, Array], test: tuple[Array, Array] | None, weights: Array | None
) -> Identity:
    """Hashes that identify the data of a run."""
    x_test, t_test = (None, None) if test is None else test
    return {
        "x_train": _fingerprint(train[0]),
        "t_train": _fingerprint(train[1]),
        "x_test": _fingerprint(x_test),
        "t_test": _fingerprint(t_test),
        "sample_weight": _fingerprint(weights),
    }


def identity(
    task: TrainingTask, rng: np.random.Generator, data: Identity, callbacks: list[str]
) -> Identity:
    """What identifies a run.

    Parameters
    ----------
    task : TrainingTask
        What is trained and how.
    rng : Generator
        What its samples are drawn with.
    data : dict
        The fingerprints of its data, and how many of them are evaluated.
    callbacks : list of str
        The classes of its callbacks that have a state.

    Raises
    ------
    TypeError
        If no checkpoint can hold such a run.
    """
    optimizer = described(task.optimizer)
    bit_generator = type(rng.bit_generator).__name__
    if type(rng.bit_generator) not in BIT_GENERATORS:
        known = ", ".join(kind.__name__ for kind in BIT_GENERATORS)
        raise TypeError(f"checkpoints need an rng with one of {known}, got {bit_generator}")
    return {
        "network": network.described(task.net),
        "optimizer": optimizer,
        "batch_size": task.batch_size,
        "gradient": task.gradient,
        "method": task.method,
        "h": task.h,
        "sampling": task.sampling,
        "rng": bit_generator,
        "callbacks": callbacks,
        **data,
    }


def _fingerprint(array: Array | None) -> str | None:
    if array is None:
        return None
    digest = hashlib.sha256()
    plain = array.reshape(1) if array.ndim == 0 else array
    rows = max(1, _HASHED_BYTES * len(plain) // max(plain.nbytes, 1))
    for start in range(0, len(plain), rows):
        block = np.ascontiguousarray(plain[start : start + rows])
        digest.update(block.reshape(-1).view(np.uint8).data)
    return f"{array.dtype.str} {array.shape} sha256 {digest.hexdigest()}"
