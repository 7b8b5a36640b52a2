"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

# A file that is being written is younger than this, whatever the disk is busy with.
_LEFTOVER_SECONDS = 3600


def write_whole(file: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file beside `file`, then move it there.

    Whatever fails, and whenever the process ends, `file` is what it was or what it was to become.
    """
    target = Path(file)
    # A name that no other process takes, and an open that leaves the mode to the umask.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as stream:
            with contextlib.suppress(FileNotFoundError):
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Have the move itself survive a loss of power, where folders can be asked for that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_leftovers(file: str | os.PathLike[str]) -> None:
    """Remove what processes that were killed while they wrote `file` left beside it."""
    target = Path(file)
    leftover = re.compile(re.escape(f".{target.name}.") + r"[0-9a-f]{16}\.tmp")
    with contextlib.suppress(OSError):
        for path in target.parent.iterdir():
            if leftover.fullmatch(path.name):
                _remove_if_old(path)


def _remove_if_old(path: Path) -> None:
    # Another process may have finished or removed it meanwhile.
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
            path.unlink()


def check_place(name: str, file: str | os.PathLike[str]) -> Path:
    """The path `file`, after finding what would keep a file from being written there."""
    if not isinstance(file, (str, os.PathLike)):
        raise TypeError(f"{name} must be a path, got {file!r}")
    path = Path(file)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{name} must be in a folder that exists, got {path}")
    if path.is_dir():
        raise IsADirectoryError(f"{name} must be a file, got the folder {path}")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{name} must be in a folder that can be written, got {path}")
    return path
