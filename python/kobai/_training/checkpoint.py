"""A training run on disk, with all that a run needs to continue as if it had never stopped.

A checkpoint is an ``.npz`` archive without pickle. Its arrays are the parameters and the recorded
losses and accuracies; ``run`` is JSON text that identifies the run and holds the generator's state.
"""

from __future__ import annotations

import hashlib
import json
import os
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kobai._io import npz
from kobai._io.atomic import check_can_write, remove_leftovers
from kobai._training.network import Array, check_parameters, make_writable
from kobai._training.optimizers import SGD
from kobai._training.sampling import BIT_GENERATORS, state_like
from kobai._training.task import TrainingTask
from kobai._validation import non_negative_float, real_number
from kobai.networks import TwoLayerNet

_VERSION = 1
_RECORDED = ("train_loss", "train_acc", "test_acc")
_PARAMETER = "params/"

# Ten times the longest state of a generator. Parsed text takes many times the memory of the text.
_MAX_TEXT_BYTES = 1 << 16

# Bytes of data that are copied into C order and hashed together.
_HASHED_BYTES = 1 << 22

Identity = dict[str, Any]
Recorded = tuple[list[float], list[float], list[float]]


@dataclass(frozen=True)
class Checkpoint:
    """What a run had reached.

    Attributes
    ----------
    params : dict of ndarray
        The parameters.
    recorded : tuple of list of float
        What its `History` has in `train_loss`, `train_acc` and `test_acc`.
    total : int
        How many steps the run was to take.
    lr_at_start, lr : float
        The learning rate it began with, and the one it has now.
    generator : dict
        The state of the generator at the start of the epoch that the steps end in.
    """

    params: Mapping[str, Array]
    recorded: Recorded
    total: int
    lr_at_start: float
    lr: float
    generator: Mapping[str, Any]

    @property
    def steps(self) -> int:
        return len(self.recorded[0])


def fingerprints(train: tuple[Array, Array], test: tuple[Array, Array] | None) -> Identity:
    """Hashes that identify the data of a run."""
    x_test, t_test = (None, None) if test is None else test
    return {
        "x_train": _fingerprint(train[0]),
        "t_train": _fingerprint(train[1]),
        "x_test": _fingerprint(x_test),
        "t_test": _fingerprint(t_test),
    }


def identity(task: TrainingTask, rng: np.random.Generator, data: Identity) -> Identity:
    """What a run must have in common with the run that continues it.

    `data` are the fingerprints of its data.

    Raises
    ------
    TypeError
        If no checkpoint can hold such a run.
    """
    _sgd(task)
    bit_generator = type(rng.bit_generator).__name__
    if type(rng.bit_generator) not in BIT_GENERATORS:
        known = ", ".join(kind.__name__ for kind in BIT_GENERATORS)
        raise TypeError(f"checkpoints need an rng with one of {known}, got {bit_generator}")
    return {
        "network": type(task.net).__name__,
        "batch_size": task.batch_size,
        "gradient": task.gradient,
        "method": task.method,
        "sampling": task.sampling,
        "rng": bit_generator,
        **data,
    }


def _sgd(task: TrainingTask) -> SGD:
    optimizer = task.optimizer
    if type(optimizer) is not SGD or "update" in vars(optimizer):
        # Another optimizer may have a state that we do not know of.
        name = type(optimizer).__name__
        changed = f"{name} with an update of its own" if name == "SGD" else name
        raise TypeError(f"checkpoints need the optimizer SGD itself, got {changed}")
    return optimizer


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


def checked_parameters(task: TrainingTask) -> dict[str, Array]:
    """The parameters, after checking that a checkpoint can hold them.

    Raises
    ------
    TypeError, ValueError
        If one of them is no array of real numbers, or does not fit the network.
    """
    check_parameters(task.net)
    params = dict(task.net.params)
    for key, param in params.items():
        if not isinstance(key, str):
            raise TypeError(f"checkpoints need names of parameters that are text, got {key!r}")
        if not isinstance(param, np.ndarray):
            raise TypeError(f"params[{key!r}] must be an array, got {type(param).__name__}")
        if param.dtype.kind not in "biuf":
            raise TypeError(f"params[{key!r}] must hold real numbers, got dtype {param.dtype}")
    return params


class CheckpointWriter:
    """Writes the checkpoints of a run, every so many epochs.

    Parameters
    ----------
    file : str or path
        Where.
    every : int
        The number of epochs from one to the next.
    task : TrainingTask
        How the run begins.
    rng : Generator
        What its samples are drawn with.
    data : dict
        The fingerprints of its data.
    total : int
        How many steps it is to take.
    lr_at_start : float, optional
        The learning rate that it began with; that of `task` by default.

    Raises
    ------
    TypeError
        If `file` is no path, or there is no checkpoint of such a run.
    ValueError
        If a parameter does not fit the network, or the learning rate is none.
    OSError
        If there can be no file at that place.
    """

    def __init__(
        self,
        file: str | os.PathLike[str],
        every: int,
        task: TrainingTask,
        rng: np.random.Generator,
        data: Identity,
        total: int,
        *,
        lr_at_start: float | None = None,
    ) -> None:
        self.every = every
        self._file = check_can_write("checkpoint", file)
        self._rng = rng
        self._data = data
        self._total = total
        identity(task, rng, data)
        checked_parameters(task)
        lr = _sgd(task).lr if lr_at_start is None else lr_at_start
        self._lr_at_start = non_negative_float("lr", lr)
        self._written: tuple[int, int] | None = None
        remove_leftovers(self._file)

    def write(self, task: TrainingTask, recorded: Recorded, generator: Mapping[str, Any]) -> None:
        """Write what the run has reached, unless just that was written last.

        The task is that of now, for `on_epoch` may have changed it; `generator` is the state from
        which the last epoch was drawn.
        """
        reached = len(recorded[0]), len(recorded[1])
        if reached == self._written:
            return
        params = checked_parameters(task)
        text = {
            "version": _VERSION,
            "run": identity(task, self._rng, self._data),
            "total": self._total,
            "lr_at_start": self._lr_at_start,
            "lr": non_negative_float("lr", _sgd(task).lr),
            "generator": generator,
        }
        arrays: dict[str, Array] = {
            "run": np.frombuffer(json.dumps(text, default=_as_numbers).encode(), np.uint8)
        }
        for name, values in zip(_RECORDED, recorded, strict=True):
            arrays[name] = np.array(values, np.float64)
        for key, param in params.items():
            arrays[_PARAMETER + key] = param
        npz.write(self._file, arrays)
        self._written = reached


def _as_numbers(value: Any) -> Any:
    """The arrays and NumPy numbers in the state of a generator, as JSON can hold them."""
    return value.tolist()


def read(
    file: str | os.PathLike[str],
    task: TrainingTask,
    rng: np.random.Generator,
    data: Identity,
    steps_per_epoch: int,
) -> Checkpoint:
    """Read a checkpoint, which must be that of a run of this task on data of these fingerprints.

    Raises
    ------
    OSError
        If the file cannot be read.
    TypeError
        If no checkpoint can hold such a run.
    ValueError
        If it is no checkpoint, or that of another run.
    """
    run = identity(task, rng, data)
    params = checked_parameters(task)
    arrays = _arrays(file, ("run", *_RECORDED, *(_PARAMETER + key for key in params)))
    try:
        text = _text(arrays["run"])
        _check_run(text["run"], run)
        total = _whole_number("total", text["total"])
        recorded = _recorded(arrays, total, steps_per_epoch, has_test=run["x_test"] is not None)
        lr_at_start, lr = _rates(text, real_number("lr", _sgd(task).lr))
        return Checkpoint(
            params={
                key: _checked_like(params[key], arrays[_PARAMETER + key], key) for key in params
            },
            recorded=recorded,
            total=total,
            lr_at_start=lr_at_start,
            lr=lr,
            generator=state_like(rng.bit_generator.state, text["generator"]),
        )
    # JSON's reader raises a RecursionError for deeply nested brackets.
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{Path(file)} cannot be resumed: {error}") from error


def _arrays(file: str | os.PathLike[str], names: Sequence[str]) -> dict[str, Array]:
    try:
        return npz.read(file, names)
    except ValueError as error:
        if _holds_a_network(file):
            raise ValueError(
                f"{os.fspath(file)} holds a network, which TwoLayerNet.load reads: to resume takes "
                "what fit(..., checkpoint=file) or kobai train --checkpoint wrote"
            ) from error
        raise


def _holds_a_network(file: str | os.PathLike[str]) -> bool:
    try:
        TwoLayerNet.load(file)
    except (OSError, ValueError):
        return False
    return True


def _text(array: Array) -> dict[str, Any]:
    if array.dtype != np.uint8 or array.ndim != 1 or array.size > _MAX_TEXT_BYTES:
        raise ValueError(
            f"run must be at most {_MAX_TEXT_BYTES} bytes of text, got {array.dtype} {array.shape}"
        )
    text = json.loads(array.tobytes().decode())
    if not isinstance(text, dict) or text.get("version") != _VERSION:
        raise ValueError(f"run must be a description of version {_VERSION}")
    keys = {"version", "run", "total", "lr_at_start", "lr", "generator"}
    if text.keys() != keys:
        raise ValueError(f"run must have the keys {sorted(keys)}, got {reprlib.repr(sorted(text))}")
    return text


def _check_run(saved: object, run: Identity) -> None:
    if not isinstance(saved, dict) or saved.keys() != run.keys():
        raise ValueError(f"run must describe {', '.join(run)}")
    for name, value in run.items():
        if saved[name] != value:
            raise ValueError(f"its run had {name} {_shown(saved[name])}, this one has {value}")


def _shown(value: object) -> str:
    return value[:200] if isinstance(value, str) else reprlib.repr(value)


def _whole_number(name: str, value: object) -> int:
    if type(value) is not int or not 1 <= value < 2**63:
        raise ValueError(f"{name} must be a number of steps, got {reprlib.repr(value)}")
    return value


def _rates(text: Mapping[str, Any], current: float) -> tuple[float, float]:
    """The learning rates of the run at its start and at its end; the trainer has `current`."""
    for name in ("lr_at_start", "lr"):
        if type(text[name]) is not float:
            raise ValueError(f"{name} must be a number, got {reprlib.repr(text[name])}")
        non_negative_float(name, text[name])
    start, now = text["lr_at_start"], text["lr"]
    # A new trainer has the first, the trainer that ran has the second.
    if current not in (start, now):
        raise ValueError(f"its run had lr {start}, this one has {current}")
    return start, now


def _recorded(
    arrays: Mapping[str, Array], total: int, steps_per_epoch: int, *, has_test: bool
) -> Recorded:
    """The recorded lists, after checking that such a run can have had them."""
    for name in _RECORDED:
        if arrays[name].dtype != np.float64 or arrays[name].ndim != 1:
            raise ValueError(
                f"{name} must be a row of float64, got {arrays[name].dtype} {arrays[name].shape}"
            )
    steps, train, test = (len(arrays[name]) for name in _RECORDED)
    if not 1 <= steps <= total:
        raise ValueError(f"train_loss must hold 1 to {total} losses, got {steps}")
    epochs, beyond = divmod(steps, steps_per_epoch)
    # The last accuracies are missing if the run ended between an epoch and its accuracies.
    fitting = {1 + epochs} | ({epochs} if beyond == 0 else set())
    if train not in fitting or test != (train if has_test else 0):
        raise ValueError(
            f"train_acc and test_acc must hold the accuracies of {epochs} epochs, "
            f"got {train} and {test}"
        )
    losses, train_acc, test_acc = (arrays[name].tolist() for name in _RECORDED)
    return losses, train_acc, test_acc


def _checked_like(param: Array, saved: Array, key: str) -> Array:
    if saved.dtype != param.dtype or saved.shape != param.shape:
        raise ValueError(
            f"params[{key!r}] must be {param.dtype} {param.shape}, got {saved.dtype} {saved.shape}"
        )
    return saved


def restore(saved: Checkpoint, task: TrainingTask, rng: np.random.Generator) -> None:
    """Set the network, the generator and the learning rate to what the checkpoint holds."""
    make_writable(task.net)
    rng.bit_generator.state = saved.generator
    for key, param in task.net.params.items():
        param[...] = saved.params[key]
    _sgd(task).lr = saved.lr
