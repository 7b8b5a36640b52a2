"""The base of callbacks, one that calls functions, and one that ends a training that has failed."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from kobai._validation import shown

#: What hooks get as `logs`: numbers by name.
Logs = Mapping[str, float]
Hook = Callable[..., Any]


class Callback:
    """Looks at a training between its epochs: override the hooks that you need.

    The hooks have Keras's names and arguments. Each also gets `trainer`, `net` and `history` by
    keyword, so a hook ends with ``**kwargs``. A hook that returns True ends the training: `fit`
    returns the history, after a checkpoint has been written where one was asked for. An exception
    of a hook ends it too, and passes through after the checkpoint.

    `logs` holds ``loss``, the mean over the steps of the epoch; ``accuracy``, and with test data
    ``val_loss`` and ``val_accuracy``, after the epoch; ``lr``, the learning rate of its last step,
    where the optimizer tells it; and ``seconds``.

    A callback with ``state_dict()`` and ``load_state_dict(state)`` is continued by
    `Trainer.resume` as it was.

    Attributes
    ----------
    is_interruptible : bool
        Whether Ctrl-C may end a hook before it has returned. If not, as for the callbacks of this
        module, Ctrl-C waits for its end.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import Trainer, TwoLayerNet
    >>> from kobai.callbacks import Callback
    >>> class Report(Callback):
    ...     def on_epoch_end(self, epoch, logs=None, **kwargs):
    ...         print(epoch, sorted(logs))
    ...         return epoch == 1
    >>> x, t = np.eye(4), np.arange(4)
    >>> history = Trainer(TwoLayerNet(4, 8, 4, rng=0)).fit(x, t, epochs=9, callbacks=[Report()])
    0 ['accuracy', 'loss', 'lr', 'seconds']
    1 ['accuracy', 'loss', 'lr', 'seconds']
    """

    is_interruptible = True

    def on_train_begin(self, logs: Logs | None = None, **kwargs: Any) -> object:
        """Called once, before the first step; `logs` is empty.

        Where a run is resumed, the history has steps already.

        Examples
        --------
        >>> from kobai.callbacks import Callback
        >>> Callback().on_train_begin({})
        """

    def on_train_end(self, logs: Logs | None = None, **kwargs: Any) -> object:
        """Called once, however the training has ended; `logs` are those of the last epoch.

        Examples
        --------
        >>> from kobai.callbacks import Callback
        >>> Callback().on_train_end({})
        """

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None, **kwargs: Any) -> object:
        """Called before the first step of an epoch, counted from 0; `logs` is empty.

        Where a run is resumed in the midst of an epoch, it is called for that epoch again.

        Examples
        --------
        >>> from kobai.callbacks import Callback
        >>> Callback().on_epoch_begin(0, {})
        """

    def on_epoch_end(self, epoch: int, logs: Logs | None = None, **kwargs: Any) -> object:
        """Called after an epoch, counted from 0, and its accuracies.

        Examples
        --------
        >>> from kobai.callbacks import Callback
        >>> Callback().on_epoch_end(0, {"loss": 0.5})
        """


HOOKS = ("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end")


class LambdaCallback(Callback):
    """Calls functions as hooks.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : callable, optional
        Called with ``(epoch, logs)``.
    on_train_begin, on_train_end : callable, optional
        Called with ``(logs,)``.

    Notes
    -----
    A function that takes ``**kwargs`` also gets `trainer`, `net` and `history`.

    Raises
    ------
    TypeError
        If one is not callable.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import Trainer, TwoLayerNet
    >>> from kobai.callbacks import LambdaCallback
    >>> stop = LambdaCallback(on_epoch_end=lambda epoch, logs: logs["accuracy"] >= 0.25)
    >>> x, t = np.eye(4), np.arange(4)
    >>> history = Trainer(TwoLayerNet(4, 8, 4, rng=0)).fit(x, t, epochs=9, callbacks=[stop])
    >>> len(history.train_loss)
    1
    """

    def __init__(
        self,
        on_epoch_begin: Hook | None = None,
        on_epoch_end: Hook | None = None,
        on_train_begin: Hook | None = None,
        on_train_end: Hook | None = None,
    ) -> None:
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
        }
        for name, hook in given.items():
            if hook is None:
                continue
            if not callable(hook):
                raise TypeError(f"{name} must be callable, got {shown(hook)}")
            setattr(self, name, hook if _takes_keywords(hook) else _without_keywords(hook))


def _takes_keywords(hook: Hook) -> bool:
    try:
        parameters = inspect.signature(hook).parameters.values()
    except (TypeError, ValueError):  # some functions written in C
        return False
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _without_keywords(hook: Hook) -> Hook:
    def call(*arguments: Any, **_: Any) -> Any:
        return hook(*arguments)

    return call


class TerminateOnNaN(Callback):
    """Ends the training after the first epoch whose mean loss is NaN or infinite.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from kobai import SGD, Trainer, TwoLayerNet
    >>> from kobai.callbacks import TerminateOnNaN
    >>> x, t = np.eye(4), np.arange(4)
    >>> trainer = Trainer(TwoLayerNet(4, 8, 4, rng=0, dtype=np.float32), SGD(lr=1e300))
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     history = trainer.fit(x, t, epochs=99, callbacks=[TerminateOnNaN()])
    >>> history.train_loss[-1], len(history.train_loss)
    (nan, 2)
    """

    is_interruptible = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None, **kwargs: Any) -> bool:
        """True if the mean loss of the epoch is not finite.

        Examples
        --------
        >>> from kobai.callbacks import TerminateOnNaN
        >>> TerminateOnNaN().on_epoch_end(0, {"loss": float("nan")})
        True
        """
        return not math.isfinite((logs or {}).get("loss", 0.0))
