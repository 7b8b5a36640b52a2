"""A training run on disk, with all that a run needs to continue as if it had never stopped.

A checkpoint is an ``.npz`` archive without pickle. Its arrays are the parameters, the recorded
losses and accuracies, and the arrays in the states of the optimizer and of callbacks; ``run`` is
JSON text that identifies the run and holds those states and the generator's.
"""

from __future__ import annotations

import json
import os
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kobai._io import npz
from kobai._io.atomic import check_can_write, remove_leftovers
from kobai._training.callbacks import Hooks, with_state
from kobai._training.history import History
from kobai._training.identity import Identity, identity
from kobai._training.network import Array, check_parameters, make_writable
from kobai._training.optimizers import ours
from kobai._training.rates import rates_of
from kobai._training.task import TrainingTask
from kobai._training.trees import pack

VERSION = 2
RECORDED = ("train_loss", "train_acc", "test_acc", "test_loss")
PARAMETER = "params/"
OPTIMIZER, CALLBACKS = "optimizer", "callbacks"

# Ten times the longest state of a generator. Parsed text takes many times the memory of the text.
MAX_TEXT_BYTES = 1 << 16

Recorded = dict[str, list[float]]


@dataclass(frozen=True)
class Checkpoint:
    """What a run had reached.

    Attributes
    ----------
    params : dict of ndarray
        The parameters.
    recorded : dict of list of float
        The lists of its `History`, by name.
    total : int
        How many steps the run was to take.
    is_stopped : bool
        Whether a hook has ended it before.
    lr_at_start : float or None
        The learning rate it began with, if that was a number that is known.
    generator : dict
        The state of the generator at the start of the epoch that the steps end in.
    optimizer : dict
        The state of the optimizer.
    callbacks : list of dict
        The states of the callbacks that have one.
    evaluations : int
        How often the network had been evaluated.
    told : int
        How many of those had been told of the last epoch.
    logs : dict or None
        What the others are still to be told.
    """

    params: Mapping[str, Array]
    recorded: Recorded
    total: int
    is_stopped: bool
    lr_at_start: float | None
    generator: Mapping[str, Any]
    optimizer: Mapping[str, Any]
    callbacks: list[Any]
    evaluations: int
    told: int
    logs: Mapping[str, float] | None

    @property
    def steps(self) -> int:
        return len(self.recorded["train_loss"])


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
    hooks : Hooks
        Its callbacks.
    total : int
        How many steps it is to take.
    saved : Checkpoint, optional
        Where the run goes on.

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
        hooks: Hooks,
        total: int,
        saved: Checkpoint | None = None,
    ) -> None:
        self.every = every
        self._file = check_can_write("checkpoint", file)
        self._rng = rng
        self._data = data
        self._hooks = hooks
        self._total = total
        identity(task, rng, data, hooks.names)
        checked_parameters(task)
        rate = _number_of_rate(task.optimizer)
        self._lr_at_start = rate if saved is None else saved.lr_at_start
        self._written: tuple[int, ...] | None = None
        remove_leftovers(self._file)

    def write(self, task: TrainingTask, history: History, generator: Mapping[str, Any]) -> None:
        """Write what the run has reached, unless just that was written last.

        The task is that of now, which hooks may have changed; `generator` is the state from which
        the last epoch was drawn.
        """
        hooks = self._hooks
        recorded = {name: getattr(history, name) for name in RECORDED}
        reached = (len(history.train_loss), hooks.evaluations, hooks.told, hooks.is_stopped)
        if reached == self._written:
            return
        params = checked_parameters(task)
        arrays: dict[str, Array] = {PARAMETER + key: param for key, param in params.items()}
        text = {
            "version": VERSION,
            "run": identity(task, self._rng, self._data, hooks.names),
            "total": self._total,
            "lr_at_start": self._lr_at_start,
            "rates": rates_of(task.optimizer, len(history.train_loss), self._total),
            "generator": generator,
            OPTIMIZER: pack(OPTIMIZER, _state_of(task.optimizer), arrays),
            CALLBACKS: [
                pack(f"{CALLBACKS}/{k}", state, arrays) for k, state in enumerate(hooks.states())
            ],
            "evaluations": hooks.evaluations,
            "told": hooks.told,
            "logs": hooks.logs if hooks.are_waiting else None,
            "stopped": hooks.is_stopped,
        }
        arrays["run"] = np.frombuffer(json.dumps(text, default=_as_numbers).encode(), np.uint8)
        if arrays["run"].size > MAX_TEXT_BYTES:
            raise ValueError(
                f"a checkpoint must describe its run in at most {MAX_TEXT_BYTES} bytes, got "
                f"{arrays['run'].size}: keep long lists of numbers of an optimizer or a callback "
                "in arrays"
            )
        for name, values in recorded.items():
            arrays[name] = np.array(values, np.float64)
        npz.write(self._file, arrays)
        self._written = reached


def _number_of_rate(optimizer: Any) -> float | None:
    """The learning rate of one of kobai's optimizers, unless it is a function."""
    own = ours(optimizer)
    return None if own is None or callable(own.lr) else own.learning_rate()


def _state_of(optimizer: Any) -> Any:
    state = optimizer.state_dict()
    if not isinstance(state, Mapping):
        name = type(optimizer).__name__
        raise TypeError(f"{name}.state_dict() must return a dict, got {reprlib.repr(state)}")
    return state


def _as_numbers(value: Any) -> Any:
    """The arrays and NumPy numbers in the state of a generator, as JSON can hold them."""
    return value.tolist()


def restore(saved: Checkpoint, task: TrainingTask, rng: np.random.Generator, hooks: Hooks) -> None:
    """Set optimizer, callbacks, network and generator to what the checkpoint holds."""
    optimizer: Any = task.optimizer
    optimizer.load_state_dict(saved.optimizer)
    for callback, state in zip(with_state(hooks.callbacks), saved.callbacks, strict=True):
        callback.load_state_dict(state)
    hooks.evaluations, hooks.told, hooks.logs = saved.evaluations, saved.told, saved.logs
    make_writable(task.net)
    rng.bit_generator.state = saved.generator
    for key, param in task.net.params.items():
        param[...] = saved.params[key]
