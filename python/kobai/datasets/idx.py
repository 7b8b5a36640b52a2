"""The IDX format of MNIST's files: one array of unsigned bytes behind a big-endian header."""

import gzip
import math
import os
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kobai._io.contents import ENOUGH, UNSIGNED_BYTES, what_it_is

GZIP_MAGIC = b"\x1f\x8b"
# The highest ratio of deflate: a match takes at least two bits, and is at most 258 bytes long.
GZIP_MAX_RATIO = 1032
CHUNK = 1 << 20


class IDXFormatError(ValueError):
    """A file is not the IDX file it should be: damaged, cut short, or of another kind.

    The message names the file and says what it is instead, as far as its first bytes tell.

    Examples
    --------
    A download that was answered by a web page:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from kobai import load_mnist
    >>> from kobai.datasets import IDXFormatError
    >>> folder = tempfile.TemporaryDirectory()
    >>> for part in ("train-images-idx3", "train-labels-idx1"):
    ...     _ = Path(folder.name, f"{part}-ubyte.gz").write_text("<html>Please log in</html>")
    >>> try:
    ...     load_mnist(path=folder.name)
    ... except IDXFormatError as error:
    ...     print(str(error).partition("-ubyte.gz: ")[2].partition(";")[0])
    it is a web page (HTML)
    >>> folder.cleanup()
    """


class Split(NamedTuple):
    """Images of shape (N, rows, columns) and their labels of shape (N,), both uint8."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def read_folder(folder: Path) -> tuple[Split, Split]:
    """Read the training and the test set from a folder with the four IDX files.

    Parameters
    ----------
    folder : Path
        Holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the two of ``t10k-``,
        each with or without ``.gz``, or spelled ``train-images.idx3-ubyte``. The first of these
        that exists is read: the gzipped one where there are both.

    Returns
    -------
    train, test : Split
        Images uint8 of shape (N, rows, columns), labels uint8 of shape (N,).

    Raises
    ------
    FileNotFoundError
        If the folder or one of the files is not there.
    IDXFormatError
        If a file cannot be read as IDX, or the files do not fit together.
    """
    if not folder.is_dir():
        came = "a file and no folder" if folder.exists() else "no such folder"
        raise FileNotFoundError(f"{came}: {folder}; wanted a folder that holds the four IDX files")
    train, test = _read_split(folder, "train"), _read_split(folder, "t10k")
    if train.images.shape[1:] != test.images.shape[1:]:
        raise IDXFormatError(
            f"{folder}: training images of shape {train.images.shape[1:]}, "
            f"test images of shape {test.images.shape[1:]}; wanted one shape for both"
        )
    return train, test


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, gzipped or not.

    Parameters
    ----------
    path : Path
        The file. Whether it is gzipped is told from its first bytes, not from its name:
        browsers often unpack what they save and keep the name.
    dimensions : int
        How many dimensions the array must have: 3 for images, 1 for labels.

    Returns
    -------
    ndarray
        uint8, C order, writable, of the shape the header gives.

    Raises
    ------
    IDXFormatError
        If the file is cut short, too long, of another kind, empty, or corrupt gzip. No more is
        read or unpacked than the header announces, and nothing where it announces more than a
        file of this size can hold.
    """
    with path.open("rb") as file:
        packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if not packed:
            return _parse(file, dimensions, size, path)
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                return _parse(stream, dimensions, size * GZIP_MAX_RATIO, path)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise IDXFormatError(f"{path}: corrupt gzip: {error}") from error


def _parse(stream: BufferedIOBase, dimensions: int, limit: int, path: Path) -> NDArray[np.uint8]:
    shape = _read_shape(stream, dimensions, path)
    count = math.prod(shape)
    if count == 0:
        raise IDXFormatError(f"{path}: shape {shape} holds no data; wanted no dimension of 0")
    if count > limit:
        raise IDXFormatError(
            f"{path}: truncated: shape {shape} wants {count} bytes of data, "
            f"and a file of this size holds at most {limit}{_other_order(shape, limit)}"
        )
    data = _read_at_most(stream, count + 1)
    if len(data) != count:
        came = f"only {len(data)}" if len(data) < count else "more"
        raise IDXFormatError(f"{path}: shape {shape} wants {count} bytes of data, {came} came")
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def _read_shape(stream: BufferedIOBase, dimensions: int, path: Path) -> tuple[int, ...]:
    magic = bytes([0, 0, UNSIGNED_BYTES, dimensions])
    wanted = len(magic) + 4 * dimensions
    header = stream.read(wanted)
    if header and header[: len(magic)] != magic[: len(header)]:
        found = what_it_is(header + stream.read(ENOUGH - len(header)))
        if header.startswith(GZIP_MAGIC):  # within what was unpacked
            found = "gzipped twice: unpack it once"
        raise IDXFormatError(
            f"{path}: {f'it is {found}; ' if found else ''}it starts with "
            f"{header[: len(magic)].hex()}, wanted {magic.hex()} "
            f"(IDX, unsigned bytes, {dimensions} dimensions), as it is or gzipped"
        )
    if len(header) < wanted:
        empty = "" if header else ": it is empty"
        raise IDXFormatError(
            f"{path}: truncated: {len(header)} bytes of header, wanted {wanted}{empty}"
        )
    return struct.unpack(f">{dimensions}I", header[len(magic) :])


def _other_order(shape: tuple[int, ...], limit: int) -> str:
    """A word where the sizes make sense with their bytes reversed."""
    swapped = struct.unpack(f"<{len(shape)}I", struct.pack(f">{len(shape)}I", *shape))
    if not 0 < math.prod(swapped) <= limit:
        return ""
    return f"; in reversed (little-endian) byte order its shape is {swapped}"


def _read_at_most(stream: BufferedIOBase, count: int) -> bytearray:
    # In chunks, because read(count) takes its memory before it knows that the data exist;
    # a bytearray, because an array over it is writable without a copy.
    data = bytearray()
    while len(data) < count and (chunk := stream.read(min(CHUNK, count - len(data)))):
        data += chunk
    return data


def _read_split(folder: Path, prefix: str) -> Split:
    images_path = _find(folder, f"{prefix}-images", "idx3-ubyte")
    labels_path = _find(folder, f"{prefix}-labels", "idx1-ubyte")
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if len(images) != len(labels):
        raise IDXFormatError(
            f"{images_path} has {len(images)} images, {labels_path} has {len(labels)} labels; "
            f"wanted one label an image"
        )
    return Split(images, labels)


def _find(folder: Path, stem: str, kind: str) -> Path:
    names = [f"{stem}{joint}{kind}{ending}" for joint in "-." for ending in (".gz", "")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    others = sorted(path.name for path in folder.iterdir() if path.name.startswith(stem))
    there = f"; there is {', '.join(others)}" if others else ""
    raise FileNotFoundError(f"no {stem} in {folder}; looked for {', '.join(names)}{there}")
