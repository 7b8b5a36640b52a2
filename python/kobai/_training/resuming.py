"""The reading of checkpoints, which may be damaged, hostile or of another run."""

from __future__ import annotations

import copy
import json
import os
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kobai._io import npz
from kobai._training.callbacks import Hooks, with_state
from kobai._training.checkpoint import (
    CALLBACKS,
    MAX_TEXT_BYTES,
    OPTIMIZER,
    PARAMETER,
    RECORDED,
    VERSION,
    Checkpoint,
    Recorded,
    checked_parameters,
)
from kobai._training.identity import Identity, identity
from kobai._training.network import Array, has_accuracy
from kobai._training.optimizers import ours
from kobai._training.rates import check_same_rates
from kobai._training.sampling import state_like
from kobai._training.task import TrainingTask
from kobai._training.trees import unpack
from kobai._validation import non_negative_float
from kobai.callbacks.monitor import Monitor
from kobai.networks import MultiLayerNet, TwoLayerNet
from kobai.optimizers.base import BaseOptimizer

_FOLDERS = (f"{OPTIMIZER}/", f"{CALLBACKS}/")
_TEXT_KEYS = {
    "version",
    "run",
    "total",
    "lr_at_start",
    "rates",
    "generator",
    OPTIMIZER,
    CALLBACKS,
    "evaluations",
    "told",
    "logs",
    "stopped",
}


def read(
    file: str | os.PathLike[str],
    task: TrainingTask,
    rng: np.random.Generator,
    data: Identity,
    hooks: Hooks,
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
    run = identity(task, rng, data, hooks.names)
    params = checked_parameters(task)
    try:
        arrays = _arrays(file, ("run", *RECORDED, *(PARAMETER + key for key in params)))
    except ValueError:
        _check_is_of(file, run)
        raise
    try:
        text = _text(arrays.pop("run"))
        _check_run(text["run"], run)
        total = _whole_number("total", text["total"])
        evaluations = _checked_type("evaluations", text["evaluations"], int)
        recorded = _recorded(arrays, total)
        _check_recorded(recorded, evaluations, steps_per_epoch, _recorded_names(run, task.net))
        saved = Checkpoint(
            params={
                key: _checked_like(param, arrays.pop(PARAMETER + key), key)
                for key, param in params.items()
            },
            recorded=recorded,
            total=total,
            is_stopped=_checked_type("stopped", text["stopped"], bool),
            lr_at_start=_checked_rate(text["lr_at_start"]),
            generator=state_like(rng.bit_generator.state, text["generator"]),
            optimizer=unpack(_checked_type(OPTIMIZER, text[OPTIMIZER], dict), arrays),
            callbacks=[
                unpack(state, arrays) for state in _checked_type(CALLBACKS, text[CALLBACKS], list)
            ],
            evaluations=evaluations,
            told=_checked_type("told", text["told"], int),
            logs=_checked_logs(text["logs"]),
        )
        _check_all_used(arrays)
        _check_optimizer(saved, task.optimizer, params)
        check_same_rates(text["rates"], task.optimizer)
        _check_callbacks(saved, hooks, task.net)
    # JSON's reader raises a RecursionError for deeply nested brackets.
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{Path(file)} cannot be resumed: {error}") from error
    return saved


def planned_steps(file: str | os.PathLike[str]) -> int:
    """How many steps the run was to take that wrote a checkpoint.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no checkpoint.
    """
    arrays = _arrays(file, ("run", *RECORDED), (PARAMETER, *_FOLDERS))
    try:
        return _whole_number("total", _text(arrays["run"])["total"])
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{Path(file)} cannot be resumed: {error}") from error


def _check_is_of(file: str | os.PathLike[str], run: Identity) -> None:
    """Raise if the file is a checkpoint of another run, whatever parameters it holds."""
    try:
        arrays = npz.read(file, ("run", *RECORDED), (PARAMETER, *_FOLDERS))
        saved = _text(arrays["run"])["run"]
    except (TypeError, ValueError, RecursionError):
        return
    try:
        _check_run(saved, run)
    except ValueError as error:
        raise ValueError(f"{Path(file)} cannot be resumed: {error}") from error


def _check_all_used(arrays: Mapping[str, Array]) -> None:
    if arrays:
        raise ValueError(f"no state holds the arrays {reprlib.repr(sorted(arrays))}")


def _check_optimizer(saved: Checkpoint, optimizer: Any, params: Mapping[str, Array]) -> None:
    """Raise if one of kobai's optimizers cannot go on with its saved state."""
    own = ours(optimizer)
    if own is None:
        return
    # A copy shows what is wrong with a state, and is thrown away.
    loaded = copy.copy(own)
    loaded.load_state_dict(saved.optimizer)
    for name in own.state_names:
        arrays = getattr(loaded, name)
        if arrays and arrays.keys() != params.keys():
            raise ValueError(f"{name} must have the keys {sorted(params)}, got {sorted(arrays)}")
        for key, array in arrays.items():
            _checked_like(params[key], array, key, name)
    _check_rates(saved, loaded, own)


def _check_rates(saved: Checkpoint, loaded: BaseOptimizer, own: BaseOptimizer) -> None:
    if callable(own.lr):
        return
    if type(saved.optimizer["lr"]) is not float:
        raise ValueError(f"lr must be a number, got {reprlib.repr(saved.optimizer['lr'])}")
    # A new trainer has the first, the trainer that ran has the second.
    if own.learning_rate() not in (saved.lr_at_start, loaded.learning_rate()):
        raise ValueError(f"its run had lr {saved.lr_at_start}, this one has {own.learning_rate()}")


def _check_callbacks(saved: Checkpoint, hooks: Hooks, net: Any) -> None:
    """Raise if callbacks cannot go on with their saved states."""
    callbacks = with_state(hooks.callbacks)
    if len(saved.callbacks) != len(callbacks) or not 0 <= saved.told <= len(callbacks):
        raise ValueError(
            f"callbacks must be {len(callbacks)} states, got {len(saved.callbacks)}, {saved.told} "
            "of which have seen the last epoch"
        )
    for callback, state in zip(callbacks, saved.callbacks, strict=True):
        if isinstance(callback, Monitor):
            loaded = copy.copy(callback)
            loaded.load_state_dict(state)
            loaded.check_fits(net)


def _arrays(
    file: str | os.PathLike[str], names: Sequence[str], folders: tuple[str, ...] = _FOLDERS
) -> dict[str, Array]:
    try:
        return npz.read(file, names, folders)
    except ValueError as error:
        for kind in (TwoLayerNet, MultiLayerNet):
            if _holds(kind, file):
                raise ValueError(
                    f"{os.fspath(file)} holds a network, which {kind.__name__}.load reads: to "
                    "resume takes what fit(..., checkpoint=file) or kobai train --checkpoint wrote"
                ) from error
        raise


def _holds(kind: Any, file: str | os.PathLike[str]) -> bool:
    try:
        kind.load(file)
    except (OSError, ValueError):
        return False
    return True


def _text(array: Array) -> dict[str, Any]:
    if array.dtype != np.uint8 or array.ndim != 1 or array.size > MAX_TEXT_BYTES:
        raise ValueError(
            f"run must be at most {MAX_TEXT_BYTES} bytes of text, got {array.dtype} {array.shape}"
        )
    text = json.loads(array.tobytes().decode())
    if not isinstance(text, dict) or text.get("version") != VERSION:
        raise ValueError(f"run must be a description of version {VERSION}")
    if text.keys() != _TEXT_KEYS:
        wanted, got = sorted(_TEXT_KEYS), reprlib.repr(sorted(text))
        raise ValueError(f"run must have the keys {wanted}, got {got}")
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


def _checked_type(name: str, value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{name} must be of type {kind.__name__}, got {reprlib.repr(value)}")
    return value


def _checked_logs(logs: Any) -> dict[str, float] | None:
    if logs is not None:
        for value in _checked_type("logs", logs, dict).values():
            _checked_type("logs", value, float)
    return logs  # type: ignore[no-any-return]


def _checked_rate(value: object) -> float | None:
    if value is not None and type(value) is not float:
        raise ValueError(f"lr_at_start must be a number, got {reprlib.repr(value)}")
    return None if value is None else non_negative_float("lr_at_start", value)


def _recorded(arrays: dict[str, Array], total: int) -> Recorded:
    """The recorded lists."""
    recorded = {}
    for name in RECORDED:
        array = arrays.pop(name)
        if array.dtype != np.float64 or array.ndim != 1:
            raise ValueError(f"{name} must be a row of float64, got {array.dtype} {array.shape}")
        recorded[name] = array.tolist()
    steps = len(recorded["train_loss"])
    if not 1 <= steps <= total:
        raise ValueError(f"train_loss must hold 1 to {total} losses, got {steps}")
    return recorded


def _recorded_names(run: Identity, net: Any) -> set[str]:
    """The lists to which an evaluation adds."""
    names = {"train_acc"} if has_accuracy(net) else set()
    if run["x_test"] is not None:
        names |= {"test_loss", "test_acc"} if has_accuracy(net) else {"test_loss"}
    return names


def _check_recorded(
    recorded: Recorded, evaluations: int, steps_per_epoch: int, names: set[str]
) -> None:
    """Raise unless such a run can have recorded those lists."""
    epochs, beyond = divmod(len(recorded["train_loss"]), steps_per_epoch)
    # The last numbers are missing if the run ended between an epoch and its evaluation.
    fitting = {1 + epochs} | ({epochs} if beyond == 0 else set())
    got = {name: len(values) for name, values in recorded.items() if name != "train_loss"}
    wanted = {name: evaluations if name in names else 0 for name in got}
    if evaluations not in fitting or got != wanted:
        raise ValueError(
            f"train_acc, test_acc and test_loss must hold the numbers of {epochs} epochs, "
            f"got {got['train_acc']}, {got['test_acc']} and {got['test_loss']}"
        )


def _checked_like(param: Array, saved: Array, key: str, name: str = "params") -> Array:
    if saved.dtype != param.dtype or saved.shape != param.shape:
        raise ValueError(
            f"{name}[{key!r}] must be {param.dtype} {param.shape}, got {saved.dtype} {saved.shape}"
        )
    return saved
