"""Mini-batch training: the optimizer, the trainer and the history it keeps."""

from __future__ import annotations

import itertools
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, SupportsIndex

import numpy as np
import numpy.typing as npt

from kobai._arguments import (
    FloatArray,
    non_negative_float,
    overlaps_itself,
    plain_array,
    positive_int,
)
from kobai._descent import Descent, InTheCore, StepByStep, can_run_in_core
from kobai._interrupts import Interrupts
from kobai.networks import Rng, TwoLayerNet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SGD", "History", "Trainer"]

# The share of the newest loss in the running mean that the progress bar shows.
_RUNNING_SHARE = 0.02


class SGD:
    """Stochastic gradient descent: ``params[k] -= lr * grads[k]``.

    Parameters
    ----------
    lr : float, default 0.01
        The learning rate.

    Raises
    ------
    ValueError
        If `lr` is negative or not finite.
    """

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = non_negative_float("lr", lr)

    def update(
        self, params: MutableMapping[str, FloatArray], grads: Mapping[str, FloatArray]
    ) -> None:
        """Take one step, in place.

        Parameters
        ----------
        params : dict of ndarray
            The arrays to change.
        grads : dict of ndarray
            The gradient, with the same keys and shapes.

        Raises
        ------
        TypeError
            If a gradient does not hold real numbers.
        ValueError
            If keys or shapes differ, or a parameter is read-only. Whatever is raised, nothing has
            been changed.
        """
        if params.keys() != grads.keys():
            raise ValueError(f"grads must have the keys {sorted(params)}, got {sorted(grads)}")
        for key, param in params.items():
            _check_gradient(key, param, grads[key])
        # All steps before the first is taken: a gradient may be a view of another parameter.
        steps = {key: self.lr * grads[key] for key in params}
        for key, param in params.items():
            param -= steps[key]


def _check_gradient(key: str, param: FloatArray, grad: npt.ArrayLike) -> None:
    """Find what would stop an update half-way."""
    if np.shape(grad) != param.shape:
        raise ValueError(
            f"grads[{key!r}] must have shape {param.shape}, got shape {np.shape(grad)}"
        )
    dtype = plain_array(f"grads[{key!r}]", grad).dtype
    if dtype.kind not in "fiub":
        raise TypeError(f"grads[{key!r}] must hold real numbers, got dtype {dtype}")
    if not param.flags.writeable:
        raise ValueError(f"params[{key!r}] must be writable, got a read-only array")
    if overlaps_itself(param):
        raise ValueError(f"params[{key!r}] must not overlap itself in memory")


class Optimizer(Protocol):
    """What a `Trainer` asks of an optimizer."""

    def update(
        self, params: MutableMapping[str, FloatArray], grads: Mapping[str, FloatArray]
    ) -> None:
        """Change `params` in place by a step along `grads`."""


@dataclass
class History:
    """What training recorded.

    Attributes
    ----------
    train_loss : list of float
        The loss of each step's batch, before the step's update.
    train_acc, test_acc : list of float
        Accuracies at the start and after every epoch; `test_acc` stays empty without test data.
    steps_per_epoch : int
        The number of steps between two accuracies.
    interrupted : bool
        Whether Ctrl-C ended the training.
    """

    train_loss: list[float] = field(default_factory=list)
    train_acc: list[float] = field(default_factory=list)
    test_acc: list[float] = field(default_factory=list)
    steps_per_epoch: int = 0
    interrupted: bool = False

    def plot(self, figure: Figure | None = None) -> Figure:
        """Draw loss and accuracy side by side; needs matplotlib (``pip install kobai[plot]``).

        Parameters
        ----------
        figure : matplotlib.figure.Figure, optional
            Where to draw; a new pyplot figure by default.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        from kobai._plot import draw_history

        return draw_history(self, figure)


class _Step(NamedTuple):
    """The samples of one step, and whether it completes an epoch."""

    samples: npt.NDArray[np.int64]
    ends_epoch: bool


def _together(steps: Iterator[_Step], most: int) -> tuple[list[npt.NDArray[np.int64]], bool]:
    """The samples of the next steps, as many as `most` or to the end of the epoch."""
    batches = []
    for step in itertools.islice(steps, most):
        batches.append(step.samples)
        if step.ends_epoch:
            return batches, True
    return batches, False


class Trainer:
    """Trains a network on mini-batches.

    Parameters
    ----------
    net : TwoLayerNet
        The network; its `params` are updated in place.
    optimizer : optimizer, default ``SGD(lr=0.1)``
        Anything with ``update(params, grads)``.
    batch_size : int, default 100
        The number of samples a step.
    gradient : {"backprop", "numerical"}
        By backpropagation, or by central differences of the loss.
    method : str, default "auto"
        How central differences are evaluated; see `TwoLayerNet.numerical_gradient`.
    sampling : {"shuffle", "replacement"}
        ``"shuffle"`` uses every sample once an epoch, and the last batch may be short.
        ``"replacement"`` draws each batch anew from all samples, as the notebook does; as many
        steps are called an epoch.
    rng : int, Generator, SeedSequence or None
        What samples are drawn with; an int is a seed.

    Raises
    ------
    TypeError
        If `batch_size` is not an integer.
    ValueError
        If `batch_size` is below 1, or `gradient`, `method` or `sampling` is unknown.
    """

    def __init__(
        self,
        net: TwoLayerNet,
        optimizer: Optimizer | None = None,
        *,
        batch_size: SupportsIndex = 100,
        gradient: Literal["backprop", "numerical"] = "backprop",
        method: str = "auto",
        sampling: Literal["shuffle", "replacement"] = "shuffle",
        rng: Rng = None,
    ) -> None:
        self.net = net
        self.optimizer = SGD(lr=0.1) if optimizer is None else optimizer
        self.batch_size = positive_int("batch_size", batch_size)
        self.gradient = _one_of("gradient", gradient, ("backprop", "numerical"))
        self.method = _one_of("method", method, ("auto", "node", "incremental", "direct"))
        self.sampling = _one_of("sampling", sampling, ("shuffle", "replacement"))
        self._rng = np.random.default_rng(rng)

    def fit(
        self,
        x_train: npt.ArrayLike,
        t_train: npt.ArrayLike,
        x_test: npt.ArrayLike | None = None,
        t_test: npt.ArrayLike | None = None,
        *,
        iterations: SupportsIndex | None = None,
        epochs: SupportsIndex | None = None,
        progress: bool = True,
        on_epoch: Callable[[History], object] | None = None,
    ) -> History:
        """Train for a number of iterations or epochs.

        Ctrl-C ends training after the last whole step; what was recorded is returned, with
        `History.interrupted` set.

        Parameters
        ----------
        x_train, t_train : array_like
            Inputs (N, D), and targets as `TwoLayerNet.loss` takes them.
        x_test, t_test : array_like, optional
            Data whose accuracy is recorded besides.
        iterations, epochs : int
            How long; exactly one of the two.
        progress : bool, default True
            Show a progress bar with the running loss, if standard error is a terminal.
        on_epoch : callable, optional
            Called with the history whenever accuracies have been recorded.

        Returns
        -------
        History
            The losses and accuracies.

        Raises
        ------
        TypeError
            If an argument is of the wrong type.
        ValueError
            If shapes do not fit, a label is outside ``0..K-1``, there is no sample, or not exactly
            one of `iterations` and `epochs` is given. Nothing has been trained then.
        """
        train = _data("train", x_train, t_train)
        test = None if x_test is None and t_test is None else _data("test", x_test, t_test)
        samples = len(train[0])
        history = History(steps_per_epoch=math.ceil(samples / self.batch_size))
        total = _total_steps(iterations, epochs, history.steps_per_epoch)

        interrupts = Interrupts()

        def evaluate() -> None:
            train_acc = self.net.accuracy(*train)
            test_acc = None if test is None else self.net.accuracy(*test)
            with interrupts.held():
                history.train_acc.append(train_acc)
                if test_acc is not None:
                    history.test_acc.append(test_acc)
            if on_epoch is not None:
                on_epoch(history)

        try:
            with interrupts:
                # Labels that name no class, wherever they stand, are found here, before any step.
                evaluate()
                self._run(train, history, total, evaluate, interrupts, progress=progress)
        except KeyboardInterrupt:
            history.interrupted = True
        return history

    def _run(
        self,
        train: tuple[npt.NDArray[Any], npt.NDArray[Any]],
        history: History,
        total: int,
        evaluate: Callable[[], None],
        interrupts: Interrupts,
        *,
        progress: bool,
    ) -> None:
        from tqdm import tqdm

        descent = self._descent(train, interrupts, total)
        steps = self._steps(len(train[0]))
        running = None
        with tqdm(total=total, unit="it", disable=None if progress else True, leave=False) as bar:
            while (done := len(history.train_loss)) < total:
                batches, ends_epoch = _together(steps, min(descent.most(), total - done))
                descent.take(batches, history.train_loss)
                for loss in history.train_loss[done:]:
                    running = running or loss
                    running += _RUNNING_SHARE * (loss - running)
                if bar.update(len(batches)):
                    bar.set_postfix_str(f"loss {running:.4f}", refresh=False)
                if ends_epoch:
                    evaluate()

    def _descent(
        self, train: tuple[npt.NDArray[Any], npt.NDArray[Any]], interrupts: Interrupts, steps: int
    ) -> Descent:
        if type(self.optimizer) is SGD and can_run_in_core(self.net, *train):
            return InTheCore(self, self.optimizer, train, interrupts, steps)
        return StepByStep(self, *train, interrupts)

    def loss_and_gradient(
        self, x: npt.NDArray[Any], t: npt.NDArray[Any]
    ) -> tuple[float, dict[str, FloatArray]]:
        """The loss of a batch, and its gradient as this trainer takes it.

        Parameters
        ----------
        x, t : ndarray
            A batch, as `TwoLayerNet.loss` takes it.

        Returns
        -------
        loss : float
            The mean loss.
        grads : dict of ndarray
            The keys, shapes and dtype of the network's `params`.
        """
        if self.gradient == "backprop":
            return self.net.loss_and_gradient(x, t)
        return self.net.loss_and_numerical_gradient(x, t, method=self.method)

    def _steps(self, samples: int) -> Iterator[_Step]:
        """The batches of all epochs to come."""
        per_epoch = math.ceil(samples / self.batch_size)
        while True:
            order = self._rng.permutation(samples) if self.sampling == "shuffle" else None
            for k in range(per_epoch):
                if order is None:
                    indices = self._rng.integers(0, samples, self.batch_size)
                else:
                    indices = order[k * self.batch_size : (k + 1) * self.batch_size]
                yield _Step(indices, k == per_epoch - 1)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")
    return value


def _data(
    which: str, x: npt.ArrayLike | None, t: npt.ArrayLike | None
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    if x is None or t is None:
        raise ValueError(f"x_{which} and t_{which} must be given together")
    inputs, targets = plain_array(f"x_{which}", x), plain_array(f"t_{which}", t)
    if inputs.ndim != 2 or len(inputs) == 0:
        raise ValueError(
            f"x_{which} must have shape (N, D) with at least one sample, got shape {inputs.shape}"
        )
    if targets.shape[:1] != inputs.shape[:1]:
        raise ValueError(
            f"t_{which} must hold {len(inputs)} targets, one a sample, got shape {targets.shape}"
        )
    return inputs, targets


def _total_steps(
    iterations: SupportsIndex | None, epochs: SupportsIndex | None, steps_per_epoch: int
) -> int:
    if iterations is not None and epochs is None:
        return positive_int("iterations", iterations)
    if epochs is not None and iterations is None:
        return positive_int("epochs", epochs) * steps_per_epoch
    got = "neither" if iterations is None else "both"
    raise ValueError(f"exactly one of iterations and epochs must be given, got {got}")


def _renew_progress_lock() -> None:
    """Give tqdm a lock of this process: one that a thread of the parent held stays locked for ever.

    tqdm takes its lock for every bar, also for one that is not shown.
    """
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.set_lock(threading.RLock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_progress_lock)
