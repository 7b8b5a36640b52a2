"""Where `kobai train` writes to, looked at before it trains."""

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

from kobai._io.atomic import check_place, remove_leftovers, write_whole
from kobai.training import History, Trainer


class Result(NamedTuple):
    """A file that is written after the training.

    Attributes
    ----------
    option : str
        What asked for it.
    write : callable
        Writes it, given the trainer and the history.
    """

    option: str
    write: Callable[[Trainer, History], object]


def results(options: argparse.Namespace, resumed: Path | None) -> list[Result]:
    """What is to be written in the end, after finding what would keep it from being written.

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
            written[f"--{option}"] = check_place(f"--{option}", getattr(options, option))
    named = dict(written)
    if resumed is not None:
        # The file that is resumed takes the further checkpoints too, unless another does.
        if "--checkpoint" not in written:
            written["--resume"] = check_place("--resume", resumed)
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
    """Find whether two options name one file, or one names what standard output is written to."""
    seen: dict[str, str] = {}
    for option, path in named.items():
        if path.is_char_device():  # the null device, where nothing is in the way of anything
            continue
        place = os.path.normcase(os.path.realpath(path))
        other = seen.setdefault(place, option)
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
    # What a format needs besides, as .pgf does LaTeX, shows only when something is drawn.
    rehearsal = History([1.0, 0.5], [0.1, 0.2], [0.1, 0.2], steps_per_epoch=2)
    try:
        save_history(rehearsal, BytesIO(), kind)
    except Exception as error:
        raise ValueError(f"--plot cannot be drawn as .{kind}: {error}") from error
    return Result(
        "--plot",
        lambda _, history: write_whole(path, lambda stream: save_history(history, stream, kind)),
    )
