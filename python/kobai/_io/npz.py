"""Named arrays on disk: ``.npz`` files without pickle."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic

from kobai._io.atomic import as_path, write_whole
from kobai._io.contents import ENOUGH, what_it_is

# Limits of what an archive may unpack to. Trained weights hardly compress at all.
_MAX_RATIO = 100
_ALWAYS_ALLOWED = 1 << 26

# The arrays in a file of `TwoLayerNet`.
_TWO_LAYERS = {"W1", "b1", "W2", "b2"}


def write(file: str | os.PathLike[str], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write `arrays` to `file`, whole or not at all."""
    write_whole(file, lambda stream: np.savez(stream, **arrays))  # type: ignore[arg-type]


def read(
    file: str | os.PathLike[str], keys: Sequence[str], folders: tuple[str, ...] = ()
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of `file`: those named, and any whose names begin with one of `folders`.

    The archive's table of contents is checked before anything is unpacked: it must list just such
    arrays, each once, of at most `_MAX_RATIO` times the size of the file, or `_ALWAYS_ALLOWED`
    bytes.
    """
    name = as_path("file", file)
    with name.open("rb") as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                _check_start(stream)
                members = archive.infolist()
                found = [member.filename for member in members]
                others = [
                    entry
                    for entry in found
                    if not (entry.startswith(folders) and entry.endswith(".npy"))
                ]
                are_different = len(set(found)) == len(found)
                if are_different and sorted(others) == sorted(f"{key}.npy" for key in keys):
                    _check_sizes(members, os.fstat(stream.fileno()).st_size)
                    return {
                        member.filename.removesuffix(".npy"): _array(archive, member)
                        for member in members
                    }
        # Damaged bytes may raise almost anything below, MemoryError included.
        except Exception as error:
            stream.seek(0)
            instead = what_it_is(stream.read(ENOUGH))
            reason = error if instead is None or "archive" in instead else f"it is {instead}"
            raise ValueError(f"{name} must be an .npz archive of plain arrays: {reason}") from error
    got = sorted(entry.removesuffix(".npy") for entry in found)
    hint = _hint(got, keys)
    raise ValueError(f"{name} must hold the arrays {sorted(keys)}, got {got}{hint}")


def _hint(names: Sequence[str], wanted: Sequence[str]) -> str:
    """The advice how to read an archive of kobai's, if another kind of file was wanted."""
    if "network" in names and "network" not in wanted:
        return ": MultiLayerNet.load(file) reads it"
    if set(names) == _TWO_LAYERS:
        return ": TwoLayerNet.load(file) reads it"
    params = [name for name in names if name.startswith("params/")]
    if not params or "run" not in names or "run" in wanted:
        return ""
    return (
        ": it is a checkpoint, which Trainer.resume(file, x_train, t_train) continues; "
        f"numpy.load(file)[{params[0]!r}] is one of its parameters"
    )


def _check_start(stream: BinaryIO) -> None:
    """Refuse an archive that follows other bytes: other programs may read those instead."""
    stream.seek(0)
    if stream.read(2) != b"PK":
        raise ValueError("it does not begin as one")


def _check_sizes(members: Sequence[zipfile.ZipInfo], size: int) -> None:
    for member in members:
        # Other methods unpack a whole chunk, however large it is.
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{member.filename} is compressed by other means than deflate")
    promised = sum(member.file_size for member in members)
    if promised > max(_ALWAYS_ALLOWED, _MAX_RATIO * size):
        raise ValueError(f"{promised} bytes are packed into {size}")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    with archive.open(member) as stream:
        # Never more than the table of contents says; shorter or other data fail the checksum.
        data = stream.read(member.file_size)
    start = BytesIO(data)
    readers = {(1, 0): read_array_header_1_0, (2, 0): read_array_header_2_0}
    version = read_magic(start)
    if version not in readers:
        raise ValueError(f"{member.filename} has the unknown version {version}")
    shape, is_fortran, dtype = readers[version](start)
    if dtype.hasobject:
        raise ValueError(f"{member.filename} holds pickled objects")
    offset = start.tell()
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(data) - offset:
        raise ValueError(f"{member.filename} does not hold the {shape} it announces")
    flat = np.frombuffer(data, dtype, offset=offset) if offset < len(data) else np.empty(0, dtype)
    return flat.reshape(shape, order="F" if is_fortran else "C").copy("K")
