"""The files that `kobai train` writes, checked before it trains."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from kobai._io.atomic import check_can_write, remove_leftovers, write_whole
from kobai.training import History, Trainer


class Result(NamedTuple):
    """A file that is written after the training.

    Attributes
    ----------
    option : str
        The option that asked for it.
    write : callable
        Writes it, given the trainer and the history.
    """

    option: str
    write: Callable[[Trainer, History], object]


def results(options: argparse.Namespace, resumed: Path | None) -> list[Result]:
    """The files to write after the training, after checking that they can be written.

    Raises
    ------
    OSError, ValueError
        If a file cannot be written, is of a format that is not known, or is named twice.
    ImportError
        If there is to be a plot, and Matplotlib is not installed.
    """
    written = {}
    for option in ("save", "plot", "checkpoint"):
        if getattr(options, option) is not None:
            written[f"--{option}"] = check_can_write(f"--{option}", getattr(options, option))
    named = dict(written)
    if resumed is not None:
        # Further checkpoints go to the resumed file, unless --checkpoint names another.
        if "--checkpoint" not in written:
            written["--resume"] = check_can_write("--resume", resumed)
        if os.path.realpath(named.get("--checkpoint", "")) != os.path.realpath(resumed):
            named["--resume"] = resumed
    _check_apart(named)
    for path in written.values():
        remove_leftovers(path)
    planned = []
    if "--save" in written:
        planned.append(_network(written["--save"]))
    if "--plot" in written:
        planned.append(_picture(written["--plot"]))
    return planned


def _check_apart(named: dict[str, Path]) -> None:
    """Raise if two options name the same file, or one names the file behind standard output."""
    seen: dict[str, str] = {}
    for option, path in named.items():
        if path.is_char_device():  # several options may name the null device
            continue
        target = os.path.normcase(os.path.realpath(path))
        other = seen.setdefault(target, option)
        if other != option:
            raise ValueError(f"{other} and {option} must be different files, got {path} for both")
        if _is_standard_output(path):
            raise ValueError(f"{option} must be another file than standard output, got {path}")


def _is_standard_output(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    return False


def _network(path: Path) -> Result:
    return Result("--save", lambda trainer, _: trainer.net.save(path))


def _picture(path: Path) -> Result:
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError("--plot needs matplotlib: python -m pip install 'kobai[plot]'")
    from kobai._training.plotting import known_formats, save_history

    formats = known_formats()
    kind = path.suffix[1:].lower() or "png"
    if kind not in formats:
        known = " ".join(f".{name}" for name in formats)
        raise ValueError(f"--plot must end in one of {known}, or have no ending, got {path}")
    # Some formats need another program, as .pgf needs LaTeX: only a trial shows whether it is
    # there.
    trial = History([1.0, 0.5], [0.1, 0.2], [0.1, 0.2], steps_per_epoch=2)
    try:
        save_history(trial, BytesIO(), kind)
    except Exception as error:
        raise ValueError(f"--plot cannot be drawn as .{kind}: {error}") from error
    return Result(
        "--plot",
        lambda _, history: write_whole(path, lambda stream: save_history(history, stream, kind)),
    )
