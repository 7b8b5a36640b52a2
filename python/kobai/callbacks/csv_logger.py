"""A callback that writes the numbers of every epoch to a file."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from typing import Any

from kobai._io.atomic import as_path, check_can_write
from kobai._validation import integer, shown
from kobai.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Writes the logs of each epoch as a row of a CSV file.

    The first line names the columns: ``epoch``, counted from 0, and the names in `logs`. A row is
    in the file when the next epoch begins. A resumed run goes on in the same file, behind the rows
    of the epochs that its checkpoint knows.

    Parameters
    ----------
    file : str or path
        Where; a leading ``~`` is the home folder.
    separator : str, default ","
        What stands between two numbers: one character.
    append : bool, default False
        Whether to go on at the end of a file that is there, instead of replacing it.

    Raises
    ------
    TypeError, ValueError
        If `file` is no path, or `separator` is not one character.
    OSError
        If the file cannot be written, when training begins.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from kobai import Trainer, TwoLayerNet
    >>> from kobai.callbacks import CSVLogger
    >>> x, t = np.eye(4), np.arange(4)
    >>> trainer = Trainer(TwoLayerNet(4, 8, 4, rng=0))
    >>> history = trainer.fit(x, t, epochs=2, callbacks=[CSVLogger("log.csv")])
    >>> print(Path("log.csv").read_text())
    epoch,loss,accuracy,lr,seconds
    0,1.38...,0.25,0.1,...
    1,1.38...,0.25,0.1,...
    """

    is_interruptible = False

    def __init__(
        self, file: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        self.file = as_path("file", file)
        if not isinstance(separator, str):
            raise TypeError(f"separator must be text, got {shown(separator)}")
        if len(separator) != 1 or separator in '"\r\n':
            raise ValueError(f"separator must be one character, got {separator!r}")
        self.separator = separator
        self.append = bool(append)
        self._size: int | None = None

    def on_train_begin(self, logs: Logs | None = None, **kwargs: Any) -> object:
        """Check that the file can be written, and empty it where it is not continued.

        Examples
        --------
        >>> from pathlib import Path
        >>> from kobai.callbacks import CSVLogger
        >>> CSVLogger("log.csv").on_train_begin({})
        >>> Path("log.csv").read_text()
        ''
        """
        check_can_write("file", self.file)
        history = kwargs.get("history")
        is_resumed = history is not None and bool(history.train_loss) and self._size is not None
        if self.file.is_char_device():  # the null device
            self._size = 0
            return None
        with self.file.open("ab") as stream:
            if is_resumed:
                # Rows that were written after the checkpoint will be written again.
                stream.truncate(min(self._size or 0, stream.tell()))
            elif not self.append:
                stream.truncate(0)
        self._size = self.file.stat().st_size
        return None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None, **kwargs: Any) -> object:
        r"""Add a row.

        Examples
        --------
        >>> from pathlib import Path
        >>> from kobai.callbacks import CSVLogger
        >>> logger = CSVLogger("log.csv", separator=";")
        >>> logger.on_train_begin({})
        >>> logger.on_epoch_end(0, {"loss": 0.5})
        >>> Path("log.csv").read_text()
        'epoch;loss\n0;0.5\n'
        """
        row = {"epoch": epoch, **(logs or {})}
        with self.file.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, delimiter=self.separator, lineterminator="\n")
            if stream.tell() == 0:
                writer.writerow(row)
            writer.writerow(row.values())
            self._size = stream.tell()
        return None

    def state_dict(self) -> dict[str, Any]:
        """How long the file is, which is all that a resumed run needs to know.

        Examples
        --------
        >>> from kobai.callbacks import CSVLogger
        >>> logger = CSVLogger("log.csv")
        >>> logger.on_train_begin({})
        >>> logger.state_dict()
        {'size': 0}
        """
        return {"size": self._size}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue with what `state_dict` has returned.

        Raises
        ------
        TypeError, ValueError
            If it is no such state.

        Examples
        --------
        >>> from kobai.callbacks import CSVLogger
        >>> CSVLogger("log.csv").load_state_dict({"size": 0})
        """
        if not isinstance(state, Mapping) or state.keys() != {"size"}:
            raise ValueError("state must be a dict with the key size")
        size = state["size"]
        if size is not None and (isinstance(size, bool) or integer("size", size) < 0):
            raise ValueError(f"size must be a number of bytes, got {shown(size)}")
        self._size = size
