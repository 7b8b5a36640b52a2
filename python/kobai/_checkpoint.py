"""A training run on disk: all that it takes to go on as if it had never stopped.

A checkpoint is an ``.npz`` archive without pickle. The arrays are the parameters and what was
recorded; ``run`` is JSON text, which tells what run it is and where its sampling stands.
"""

from __future__ import annotations

import hashlib
import json
import os
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from kobai import _npz
from kobai._files import check_place, remove_leftovers
from kobai._optimizers import SGD
from kobai._sampling import BIT_GENERATORS, state_like
from kobai._validation import FloatArray, non_negative_float, positive_int

if TYPE_CHECKING:
    from kobai._run import Data
    from kobai.training import History, Trainer

_VERSION = 1
_RECORDED = ("train_loss", "train_acc", "test_acc")
_PARAMETER = "params/"

# The longest state of a generator takes a tenth of this. Text becomes lists and numbers, which take
# many times its memory.
_MOST_TEXT = 1 << 16

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

    params: Mapping[str, FloatArray]
    recorded: Recorded
    total: int
    lr_at_start: float
    lr: float
    generator: Mapping[str, Any]

    @property
    def steps(self) -> int:
        return len(self.recorded[0])


def identity(
    trainer: Trainer, rng: np.random.Generator, train: Data, test: Data | None
) -> Identity:
    """What a run must share with another that is to continue it.

    Raises
    ------
    TypeError
        If it is no run that a checkpoint can hold.
    """
    _sgd(trainer)
    bit_generator = type(rng.bit_generator).__name__
    if type(rng.bit_generator) not in BIT_GENERATORS:
        known = ", ".join(kind.__name__ for kind in BIT_GENERATORS)
        raise TypeError(f"checkpoints need an rng with one of {known}, got {bit_generator}")
    x_test, t_test = (None, None) if test is None else test
    return {
        "network": type(trainer.net).__name__,
        "batch_size": trainer.batch_size,
        "gradient": trainer.gradient,
        "method": trainer.method,
        "sampling": trainer.sampling,
        "rng": bit_generator,
        "x_train": _fingerprint("x_train", train[0]),
        "t_train": _fingerprint("t_train", train[1]),
        "x_test": _fingerprint("x_test", x_test),
        "t_test": _fingerprint("t_test", t_test),
    }


def _sgd(trainer: Trainer) -> SGD:
    if type(trainer.optimizer) is not SGD:
        # Of another one, nobody knows what it remembers from step to step.
        name = type(trainer.optimizer).__name__
        raise TypeError(f"checkpoints need the optimizer SGD itself, got {name}")
    return trainer.optimizer


def _fingerprint(name: str, array: npt.NDArray[Any] | None) -> str | None:
    if array is None:
        return None
    if array.dtype.hasobject:
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    plain = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    digest = hashlib.sha256(plain.data).hexdigest()
    return f"{array.dtype.str} {array.shape} sha256 {digest}"


class Keeper:
    """Writes the checkpoints of a run, every so many epochs.

    Raises
    ------
    TypeError
        If `file` is no path or `every` no integer.
    ValueError
        If `every` is below 1.
    OSError
        If there can be no file at that place.
    """

    def __init__(
        self,
        file: str | os.PathLike[str],
        every: SupportsIndex,
        trainer: Trainer,
        run: Identity,
        total: int,
        *,
        lr_at_start: float | None = None,
    ) -> None:
        self.every = positive_int("checkpoint_every", every)
        self._file = check_place("checkpoint", file)
        self._optimizer = _sgd(trainer)
        self._net = trainer.net
        self._run = run
        self._total = total
        lr = self._optimizer.lr if lr_at_start is None else lr_at_start
        self._lr_at_start = non_negative_float("lr", lr)
        self._kept: tuple[int, int] | None = None
        remove_leftovers(self._file)

    def keep(self, history: History, generator: Mapping[str, Any]) -> None:
        """Write what the run has reached, unless just that was written last."""
        reached = len(history.train_loss), len(history.train_acc)
        if reached == self._kept:
            return
        self._net.core_layers()  # which `on_epoch` may have changed
        text = {
            "version": _VERSION,
            "run": self._run,
            "total": self._total,
            "lr_at_start": self._lr_at_start,
            "lr": non_negative_float("lr", self._optimizer.lr),
            "generator": generator,
        }
        arrays: dict[str, npt.NDArray[Any]] = {
            "run": np.frombuffer(json.dumps(text, default=_as_numbers).encode(), np.uint8)
        }
        for name in _RECORDED:
            arrays[name] = np.array(getattr(history, name), np.float64)
        for key, param in self._net.params.items():
            arrays[_PARAMETER + key] = param
        _npz.write(self._file, arrays)
        self._kept = reached


def _as_numbers(value: Any) -> Any:
    """What is not JSON in the state of a generator: arrays, and numbers of NumPy."""
    return value.tolist()


def read(
    file: str | os.PathLike[str],
    trainer: Trainer,
    run: Identity,
    generator: Mapping[str, Any],
    steps_per_epoch: int,
) -> Checkpoint:
    """The checkpoint of just such a run, whose generator has such a state.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is anything else.
    """
    params = trainer.net.params
    names = ("run", *_RECORDED, *(_PARAMETER + key for key in params))
    arrays = _npz.read(file, names)
    try:
        text = _text(arrays["run"])
        _check_run(text["run"], run)
        total = _whole_number("total", text["total"])
        recorded = _recorded(arrays, total, steps_per_epoch, has_test=run["x_test"] is not None)
        lr_at_start, lr = _rates(text, _sgd(trainer).lr)
        return Checkpoint(
            params={key: _like(params[key], arrays[_PARAMETER + key], key) for key in params},
            recorded=recorded,
            total=total,
            lr_at_start=lr_at_start,
            lr=lr,
            generator=state_like(generator, text["generator"]),
        )
    # Text of many brackets is too deep for JSON's reader.
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{Path(file)} cannot be resumed: {error}") from error


def _text(array: npt.NDArray[Any]) -> dict[str, Any]:
    if array.dtype != np.uint8 or array.ndim != 1 or array.size > _MOST_TEXT:
        raise ValueError(
            f"run must be at most {_MOST_TEXT} bytes of text, got {array.dtype} {array.shape}"
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
    for name, own in run.items():
        if saved[name] != own:
            raise ValueError(f"its run had {name} {_shown(saved[name])}, this one has {own}")


def _shown(value: object) -> str:
    return value[:200] if isinstance(value, str) else reprlib.repr(value)


def _whole_number(name: str, value: object) -> int:
    if type(value) is not int or not 1 <= value < 2**63:
        raise ValueError(f"{name} must be a number of steps, got {reprlib.repr(value)}")
    return value


def _rates(text: Mapping[str, Any], own: float) -> tuple[float, float]:
    """The learning rate that the run began with, and the one it had in the end."""
    for name in ("lr_at_start", "lr"):
        if type(text[name]) is not float:
            raise ValueError(f"{name} must be a number, got {reprlib.repr(text[name])}")
        non_negative_float(name, text[name])
    start, now = text["lr_at_start"], text["lr"]
    # The trainer that ran has the latter, if a schedule changed it.
    if own not in (start, now):
        raise ValueError(f"its run had lr {start}, this one has {own}")
    return start, now


def _recorded(
    arrays: Mapping[str, npt.NDArray[Any]], total: int, steps_per_epoch: int, *, has_test: bool
) -> Recorded:
    """The lists of a history that such a run can have had."""
    for name in _RECORDED:
        if arrays[name].dtype != np.float64 or arrays[name].ndim != 1:
            raise ValueError(
                f"{name} must be a row of float64, got {arrays[name].dtype} {arrays[name].shape}"
            )
    steps, train, test = (len(arrays[name]) for name in _RECORDED)
    if not 1 <= steps <= total:
        raise ValueError(f"train_loss must hold 1 to {total} losses, got {steps}")
    epochs, beyond = divmod(steps, steps_per_epoch)
    # The last accuracies are missing where Ctrl-C came between the epoch and them.
    fitting = {1 + epochs} | ({epochs} if beyond == 0 else set())
    if train not in fitting or test != (train if has_test else 0):
        raise ValueError(
            f"train_acc and test_acc must hold the accuracies of {epochs} epochs, "
            f"got {train} and {test}"
        )
    losses, train_acc, test_acc = (arrays[name].tolist() for name in _RECORDED)
    return losses, train_acc, test_acc


def _like(param: FloatArray, saved: npt.NDArray[Any], key: str) -> FloatArray:
    if saved.dtype != param.dtype or saved.shape != param.shape:
        raise ValueError(
            f"params[{key!r}] must be {param.dtype} {param.shape}, got {saved.dtype} {saved.shape}"
        )
    return saved
