"""Mini-batch training: the trainer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import SupportsIndex

import numpy.typing as npt

from kobai._training.history import History
from kobai._training.loop import Run
from kobai._training.settings import Settings
from kobai._training.start import Request, Start

__all__ = ["Trainer"]


class Trainer(Settings):
    """Trains a network on mini-batches.

    Parameters
    ----------
    net : MultiLayerNet, TwoLayerNet or other network
        The network; its `params` are updated in place. A subclass is trained by the methods that it
        overrides. Any other object with the members of the course's class is trained too;
        `kobai.training.Trainable` has them as a protocol:

        - ``params``: a dict of arrays by name;
        - ``loss(x, t)``: the loss of a batch, a real number;
        - ``accuracy(x, t)``: the share of samples that are answered right, unless it has no classes
          and says so by ``has_accuracy = False``;
        - ``gradient(x, t)``, for ``gradient="backprop"``: a dict with the keys of `params`;
        - ``numerical_gradient(x, t)``, for ``gradient="numerical"``: as `gradient`. Where there is
          none, every element of every parameter is moved and `loss` asked twice, as
          `kobai.numerical_gradient` does.

        It gets the samples of each batch as `x` and `t`, in the dtypes of the data.
    optimizer : optimizer, default ``SGD(lr=0.1)``
        One of `kobai.optimizers`, or anything with ``update(params, grads)`` that changes the
        arrays of `params` in place.
    batch_size : int, default 100
        The number of samples a step.
    gradient : {"backprop", "numerical"}
        By backpropagation, or by central differences of the loss.
    method : str, default "auto"
        How central differences are evaluated; see `TwoLayerNet.numerical_gradient`.
    h : float, default 1e-4
        The half-width of central differences. Only another one is passed to the methods of a
        network that is not kobai's.
    sampling : {"shuffle", "replacement"}
        ``"shuffle"`` uses every sample once an epoch, and the last batch may be short.
        ``"replacement"`` draws each batch anew from all samples, as the notebook does; as many
        steps are called an epoch.
    rng : int, Generator, RandomState, SeedSequence, `numpy.random` or None
        What samples are drawn with; an int is a seed. With the module `numpy.random` itself,
        ``np.random.seed`` decides what is drawn.

    Attributes
    ----------
    net, optimizer, batch_size, gradient, method, h, sampling
        As given. `net`, `optimizer`, `gradient`, `method` and `h` may be replaced at any time, also
        in hooks: the next step is the first to follow. The others count when a fit begins.
    history : History
        That of the last fit from its start on, however it ended.

    Raises
    ------
    TypeError
        If `net` or `optimizer` lacks what is asked of it, or another argument is of the wrong type.
    ValueError
        If `batch_size` is below 1, or `gradient`, `method` or `sampling` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import SGD, Trainer, TwoLayerNet
    >>> x = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    >>> t = (x[:, 0] > x[:, 1]).astype(int)
    >>> net = TwoLayerNet(2, 8, 2, weight_init_std=0.5, rng=0)
    >>> trainer = Trainer(net, SGD(lr=1.0), batch_size=20, gradient="numerical", rng=0)
    >>> history = trainer.fit(x, t, epochs=20)
    >>> history.train_acc[-1] > 0.9
    True

    Regression, of a sine:

    >>> from kobai import Adam, MultiLayerNet
    >>> x = np.linspace(-3, 3, 300).reshape(-1, 1)
    >>> net = MultiLayerNet(1, [20, 20], 1, "silu", "xavier", loss="squared_error", rng=0)
    >>> history = Trainer(net, Adam(lr=0.01), rng=0).fit(x, np.sin(x), x, np.sin(x), epochs=200)
    >>> history.test_loss[-1] < 0.001, history.test_acc
    (True, [])
    """

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
        callbacks: Iterable[object] | None = None,
        sample_weight: npt.ArrayLike | None = None,
        evaluate_samples: SupportsIndex | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: SupportsIndex = 1,
    ) -> History:
        """Train for a number of iterations or epochs.

        Ctrl-C raises KeyboardInterrupt after the last whole step, so that a script or a loop over
        fits ends. What was recorded is then `Trainer.history`, with `History.interrupted` set, and
        the checkpoint has been written, where one was asked for. The same holds for whatever else
        ends training early: an exception of a hook, of a step, or of a signal's handler. A hook, or
        `on_epoch`, that returns True ends it without an exception.

        In the main thread, the Python functions that handle SIGINT, SIGTERM, SIGHUP, SIGQUIT,
        SIGALRM, SIGXCPU, SIGUSR1, SIGUSR2 or SIGBREAK wait while a step is applied, whether they
        are Python's own, the program's, or such as `on_epoch` installs, and run after it. If they
        raise nothing, training goes on.

        Parameters
        ----------
        x_train, t_train : array_like
            Inputs (N, D), and targets as the network's `loss` takes them; all finite. An epoch
            sees these arrays as they are when it begins: `on_epoch` may change them in place.
            Arrays of float32 or float64 in C order are not copied, those in another layout are
            copied once (and again after `on_epoch`, if it is given); integers, bools and other
            dtypes are converted batch by batch. A network that is not kobai's may have inputs of
            any shape (N, ...), and targets of any numbers.
        x_test, t_test : array_like, optional
            Data whose loss, and accuracy if the network knows classes, are recorded besides.
        iterations, epochs : int
            How long; exactly one of the two.
        progress : bool, default True
            Show a progress bar with the running loss, on a terminal or in a notebook.
        on_epoch : callable, optional
            Called with the history at the start and after every epoch, when accuracies and the test
            loss have been recorded.
        callbacks : list of Callback, optional
            Their hooks are called between epochs; see `kobai.callbacks`. At the end of an epoch,
            they are called before `on_epoch`.
        sample_weight : array_like, optional
            What the training samples count, shape (N,): finite numbers, none negative and not all
            0. The loss of a batch, and so each step, is a mean weighted by them. They are copied.
            Samples of weight 0 are left out, whatever they hold: the run is that of a training
            without them. A network or a trainer with methods of one's own must take
            ``sample_weight=`` in those.
        evaluate_samples : int, optional
            How many samples of each set accuracies and the test loss are taken of, spread evenly
            over it; all of them by default. It bounds the time that is spent between epochs.
        checkpoint : str or path, optional
            A file that `resume` continues from. It is written during the training, at its end and
            when it ends early, each time whole or not at all; what was there before is replaced.
            A leading ``~`` is the home folder, here as everywhere.
        checkpoint_every : int, default 1
            The number of epochs from one checkpoint to the next.

        Returns
        -------
        History
            The losses and accuracies.

        Warns
        -----
        RuntimeWarning
            Once, at the first step whose loss is NaN or infinite; see `History.nonfinite_step`.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C.
        OSError
            If there can be no file at `checkpoint`, before anything is trained; or if one cannot be
            written later, after a whole step.
        TypeError
            If an argument is of the wrong type, weights are given to a network that does not take
            them, or there is to be a checkpoint of what none can hold: an optimizer that is not of
            `kobai.optimizers` and has no ``state_dict()`` and ``load_state_dict(state)``, or a bit
            generator that is not NumPy's.
        ValueError
            If shapes do not fit, a target is none that the loss takes, a number is NaN or infinite,
            weights are out of range, there is no sample, a callback monitors what is not recorded,
            the learning rate is a function that is negative or not finite at a step of the run, not
            exactly one of `iterations` and `epochs` is given, or `checkpoint_every` or
            `evaluate_samples` is below 1. Nothing has been trained then.

        Notes
        -----
        Parameters that cannot be written, as joblib hands them to its workers, are replaced in
        `net.params` by copies that can.

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import SGD, Trainer, TwoLayerNet
        >>> x, t = np.eye(4), np.arange(4)
        >>> net = TwoLayerNet(4, 8, 4, weight_init_std=1.0, rng=0)
        >>> def report(history):
        ...     print(f"{len(history.train_loss)} steps, accuracy {history.train_acc[-1]}")
        >>> trainer = Trainer(net, SGD(lr=3.0), batch_size=2, rng=0)
        >>> history = trainer.fit(x, t, epochs=4, on_epoch=report)
        0 steps, accuracy 0.25
        2 steps, accuracy 0.25
        4 steps, accuracy 0.5
        6 steps, accuracy 0.75
        8 steps, accuracy 1.0
        """
        request = Request(
            x_train,
            t_train,
            x_test,
            t_test,
            iterations,
            epochs,
            on_epoch,
            callbacks,
            sample_weight,
            evaluate_samples,
            checkpoint,
            checkpoint_every,
        )
        return self._train(self._start().new_run(request), progress)

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
        callbacks: Iterable[object] | None = None,
        sample_weight: npt.ArrayLike | None = None,
        evaluate_samples: SupportsIndex | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: SupportsIndex = 1,
    ) -> History:
        """Continue the run that wrote a checkpoint, to the end it would have had, bit for bit.

        The trainer is built as that of the run was when it wrote the checkpoint, and given the same
        data and, of the callbacks, those that have a state. Its network's parameters, the states of
        its optimizer, of its generator and of those callbacks become those of the checkpoint.

        A run that a hook has ended is at its end, unless it is given more iterations or epochs.

        Parameters
        ----------
        file : str or path
            The checkpoint.
        x_train, t_train, x_test, t_test, sample_weight : array_like
            The data of the run, and its weights.
        iterations, epochs : int, optional
            How long the whole run is, from its start; by default as long as it was to be.
        progress, on_epoch, callbacks, evaluate_samples
            As for `fit`; the history is that of the whole run.
        checkpoint : str or path, optional
            Where to write further checkpoints; to `file` by default.
        checkpoint_every : int, default 1
            The number of epochs from one checkpoint to the next.

        Returns
        -------
        History
            The losses and accuracies of the whole run.

        Warns
        -----
        RuntimeWarning
            As `fit`, unless the run did before.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C, as by `fit`.
        OSError
            If the file cannot be read, or what `fit` raises for a checkpoint.
        TypeError
            If an argument is of the wrong type, or the run is one of which there is no checkpoint.
        ValueError
            If the file is no checkpoint or that of another run, or the arguments are such that
            `fit` would raise it, or the run has gone on for longer than it is to be. Nothing has
            been changed then.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from kobai import Trainer, TwoLayerNet
        >>> x, t = np.eye(4), np.arange(4)
        >>> def new_trainer():
        ...     return Trainer(TwoLayerNet(4, 8, 4, rng=0), batch_size=2, rng=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "run.npz")
        ...     first_half = new_trainer().fit(x, t, epochs=5, checkpoint=file)
        ...     resumed = new_trainer().resume(file, x, t, epochs=10)
        >>> resumed == new_trainer().fit(x, t, epochs=10)
        True
        """
        request = Request(
            x_train,
            t_train,
            x_test,
            t_test,
            iterations,
            epochs,
            on_epoch,
            callbacks,
            sample_weight,
            evaluate_samples,
            checkpoint,
            checkpoint_every,
        )
        return self._train(self._start().continued_run(request, file), progress)

    def _start(self) -> Start:
        return Start(self, self._task, self._rng)

    def _train(self, run: Run, progress: bool) -> History:
        history = self.history
        try:
            return run.go(progress=progress)
        finally:
            # A fit that a hook has called has set another one.
            self.history = history
