"""Named arrays on disk: ``.npz`` files without pickle, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def write(file: str | os.PathLike[str], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write `arrays` beside `file`, then move them there."""
    target = Path(file)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(_file_mode(target))
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _file_mode(target: Path) -> int:
    """The mode of the file that is replaced, or that of a new file: mkstemp's own is private."""
    with contextlib.suppress(OSError):
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def read(file: str | os.PathLike[str], keys: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of `file`, which must be exactly those named."""
    name = os.fspath(file)
    with Path(file).open("rb") as stream:
        try:
            with np.load(stream, allow_pickle=False) as archive:
                arrays = dict(archive) if isinstance(archive, np.lib.npyio.NpzFile) else {}
        # Damaged bytes make the layers below raise almost anything, MemoryError included.
        except Exception as error:
            raise ValueError(f"{name} must be an .npz archive of plain arrays: {error}") from error
    if arrays.keys() != set(keys):
        raise ValueError(f"{name} must hold the arrays {sorted(keys)}, got {sorted(arrays)}")
    return arrays
