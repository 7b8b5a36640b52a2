"""Mini-batch training: the trainer and the history it keeps."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

import numpy as np
import numpy.typing as npt

from kobai import _checkpoint
from kobai._checkpoint import Checkpoint, Keeper
from kobai._interrupts import Interrupts
from kobai._network import Rng
from kobai._optimizers import SGD, Optimizer
from kobai._run import Data, Run
from kobai._sampling import Batches
from kobai._validation import FloatArray, plain_array, positive_int
from kobai.networks import TwoLayerNet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SGD", "History", "Trainer"]


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
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: SupportsIndex = 1,
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
        checkpoint : str or path, optional
            A file that `resume` continues from. It is written during the training, at its end and
            when Ctrl-C ends it, each time whole or not at all; what was there before is replaced.
        checkpoint_every : int, default 1
            The number of epochs from one checkpoint to the next.

        Returns
        -------
        History
            The losses and accuracies.

        Raises
        ------
        OSError
            If there can be no file at `checkpoint`, before anything is trained; or if one cannot be
            written later, after a whole step.
        TypeError
            If an argument is of the wrong type, or there is to be a checkpoint of what none can
            hold: an optimizer other than `SGD` itself, or a bit generator that is not NumPy's.
        ValueError
            If shapes do not fit, a label is outside ``0..K-1``, there is no sample, not exactly
            one of `iterations` and `epochs` is given, or `checkpoint_every` is below 1. Nothing has
            been trained then.
        """
        data = train, test = _all_data(x_train, t_train, x_test, t_test)
        batches = self._batches(len(train[0]))
        history = History(steps_per_epoch=batches.steps_per_epoch)
        total = _total_steps(iterations, epochs, history.steps_per_epoch)
        every = positive_int("checkpoint_every", checkpoint_every)
        keeper = None
        if checkpoint is not None:
            run = _checkpoint.identity(self, self._rng, train, test)
            keeper = Keeper(checkpoint, every, self, run, total)
        return Run(self, data, history, total, batches, keeper, on_epoch).go(progress=progress)

    def resume(
        self,
        file: str | os.PathLike[str],
        x_train: npt.ArrayLike,
        t_train: npt.ArrayLike,
        x_test: npt.ArrayLike | None = None,
        t_test: npt.ArrayLike | None = None,
        *,
        iterations: SupportsIndex | None = None,
        epochs: SupportsIndex | None = None,
        progress: bool = True,
        on_epoch: Callable[[History], object] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: SupportsIndex = 1,
    ) -> History:
        """Continue the run that wrote a checkpoint, to the end it would have had, bit for bit.

        The trainer is built as that of the run was, and given the same data. Its network's
        parameters, its learning rate and the state of its generator become those of the checkpoint.

        Parameters
        ----------
        file : str or path
            The checkpoint.
        x_train, t_train, x_test, t_test : array_like
            The data of the run.
        iterations, epochs : int, optional
            How long the whole run is, from its start; by default as long as it was to be.
        progress, on_epoch
            As for `fit`; the history is that of the whole run.
        checkpoint : str or path, optional
            Where to write further checkpoints; to `file` by default.
        checkpoint_every : int, default 1
            The number of epochs from one checkpoint to the next.

        Returns
        -------
        History
            The losses and accuracies of the whole run.

        Raises
        ------
        OSError
            If the file cannot be read, or what `fit` raises for a checkpoint.
        TypeError
            If an argument is of the wrong type, or the run is one of which there is no checkpoint.
        ValueError
            If the file is no checkpoint or that of another run, or the arguments are such that
            `fit` would raise it, or the run has gone on for longer than it is to be. Nothing has
            been changed then.
        """
        data = train, test = _all_data(x_train, t_train, x_test, t_test)
        self.net.core_layers()
        run = _checkpoint.identity(self, self._rng, train, test)
        steps_per_epoch = math.ceil(len(train[0]) / self.batch_size)
        state = self._rng.bit_generator.state
        saved = _checkpoint.read(file, self, run, state, steps_per_epoch)
        total = saved.total
        if iterations is not None or epochs is not None:
            total = _total_steps(iterations, epochs, steps_per_epoch)
        if total < saved.steps:
            raise ValueError(f"{total} iterations are asked for, {saved.steps} are in {file}")
        place = file if checkpoint is None else checkpoint
        keeper = Keeper(place, checkpoint_every, self, run, total, lr_at_start=saved.lr_at_start)
        self._restore(saved)
        batches = self._batches(len(train[0]), taken=saved.steps)
        history = History(*saved.recorded, steps_per_epoch=steps_per_epoch)
        return Run(self, data, history, total, batches, keeper, on_epoch).go(progress=progress)

    def _batches(self, samples: int, taken: int = 0) -> Batches:
        return Batches(self._rng, samples, self.batch_size, self.sampling, taken=taken)

    def _restore(self, saved: Checkpoint) -> None:
        for key, param in self.net.params.items():
            if not param.flags.writeable:
                raise ValueError(f"params[{key!r}] must be writable, got a read-only array")
        interrupts = Interrupts()
        with interrupts, interrupts.held():
            self._rng.bit_generator.state = saved.generator
            for key, param in self.net.params.items():
                param[...] = saved.params[key]
            if isinstance(self.optimizer, SGD):
                self.optimizer.lr = saved.lr

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


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")
    return value


def _all_data(
    x_train: npt.ArrayLike,
    t_train: npt.ArrayLike,
    x_test: npt.ArrayLike | None,
    t_test: npt.ArrayLike | None,
) -> tuple[Data, Data | None]:
    has_test = x_test is not None or t_test is not None
    return _data("train", x_train, t_train), _data("test", x_test, t_test) if has_test else None


def _data(which: str, x: npt.ArrayLike | None, t: npt.ArrayLike | None) -> Data:
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
