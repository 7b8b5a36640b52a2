"""The loaders: MNIST or a data set of its form, as arrays to train on."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kobai._io.atomic import as_path
from kobai.datasets.cache import filled_cache
from kobai.datasets.idx import Split, read_folder

DIGITS = 10
SAMPLE_FOLDER = Path(__file__).with_name("mnist_sample")

Arrays = tuple[NDArray[Any], NDArray[Any]]


def load_mnist(
    normalize: bool = True,
    flatten: bool = True,
    one_hot_label: bool = False,
    *,
    path: str | os.PathLike[str] | None = None,
) -> tuple[Arrays, Arrays]:
    """Load MNIST, 60,000 training and 10,000 test images of handwritten digits.

    The files come from the cache, else from the mirrors, and are verified by their sha256
    either way. The cache is ``mnist`` below the folder named by the environment variable
    KOBAI_DATA_DIR, else below the user's cache folder. KOBAI_MNIST_MIRRORS, addresses with
    spaces between them, replaces the mirrors. In paths, a leading ``~`` is the home folder.

    Parameters
    ----------
    normalize : bool
        Divide the pixels by 255.
    flatten : bool
        Make each image one row.
    one_hot_label : bool
        Give each label as a row of zeros with a single one.
    path : path-like, optional
        Read this folder instead of the cache and download nothing. It holds the four IDX files,
        gzipped or not, of MNIST or of any data set of the same form; they are not verified.

    Returns
    -------
    (x_train, t_train), (x_test, t_test)
        Images `x`: float32 from 0 to 1, or uint8 without `normalize`; shape (N, 784), or
        (N, 1, 28, 28) without `flatten`. Labels `t`: int64 of shape (N,), or float64 of shape
        (N, 10) with `one_hot_label`. With `path`, the sizes are those of the data: (N, D) and
        (N, 1, rows, columns), and as many one-hot columns as the largest label of both sets
        needs, but no fewer than 10. All arrays are writable and the caller's own.

    Raises
    ------
    DownloadError
        If the cache lacks a file and no mirror gives it, or there is no home folder to keep it in.
        It is an OSError, it says what each mirror answered, and without a network it comes within
        ten seconds.
    FileNotFoundError
        If `path` is no folder or lacks one of the files.
    IDXFormatError
        If a file in `path` is damaged or not IDX, which says what it is instead, or the files do
        not fit together. It is a ValueError.
    TypeError, ValueError
        If `path` is no path: bytes, an open file, empty.

    See Also
    --------
    load_mnist_sample : 6,000 of the images, without a network.

    Examples
    --------
    Without `path`, the four files are downloaded once. Here they are read where they lie, in the
    folder of the sample:

    >>> from importlib.resources import files
    >>> from kobai import load_mnist
    >>> folder = files("kobai.datasets") / "mnist_sample"
    >>> (x_train, t_train), (x_test, t_test) = load_mnist(path=folder)
    >>> x_train.shape, x_train.dtype, t_train.shape, t_train.dtype
    ((5000, 784), dtype('float32'), (5000,), dtype('int64'))

    As images, with one-hot labels:

    >>> (x_train, t_train), _ = load_mnist(flatten=False, one_hot_label=True, path=folder)
    >>> x_train.shape, t_train.shape
    ((5000, 1, 28, 28), (5000, 10))
    """
    folder = filled_cache() if path is None else as_path("path", path)
    return _load(folder, normalize, flatten, one_hot_label)


def load_mnist_sample(
    normalize: bool = True, flatten: bool = True, one_hot_label: bool = False
) -> tuple[Arrays, Arrays]:
    """Load the sample of MNIST that ships inside kobai; it needs no network.

    It has 5,000 training images, 500 of each digit, and 1,000 test images, 100 of each, drawn
    from MNIST's own training and test sets, in shuffled order.

    Parameters
    ----------
    normalize : bool
        Divide the pixels by 255.
    flatten : bool
        Make each image one row.
    one_hot_label : bool
        Give each label as a row of zeros with a single one.

    Returns
    -------
    (x_train, t_train), (x_test, t_test)
        Images `x`: float32 from 0 to 1, or uint8 without `normalize`; shape (N, 784), or
        (N, 1, 28, 28) without `flatten`. Labels `t`: int64 of shape (N,), or float64 of shape
        (N, 10) with `one_hot_label`. All arrays are writable and the caller's own.

    See Also
    --------
    load_mnist : all of MNIST.

    Examples
    --------
    >>> from kobai import load_mnist_sample
    >>> (x_train, t_train), (x_test, t_test) = load_mnist_sample()
    >>> x_train.shape, x_test.shape
    ((5000, 784), (1000, 784))
    >>> float(x_train.min()), float(x_train.max())
    (0.0, 1.0)
    >>> t_test[:5].tolist()
    [5, 5, 2, 9, 1]
    """
    return _load(SAMPLE_FOLDER, normalize, flatten, one_hot_label)


def _load(
    folder: Path, normalize: bool, flatten: bool, one_hot_label: bool
) -> tuple[Arrays, Arrays]:
    train, test = read_folder(folder)
    # One count for both sets: a label that one of them lacks must not change its columns.
    classes = max(DIGITS, int(train.labels.max()) + 1, int(test.labels.max()) + 1)

    def arrays(split: Split) -> Arrays:
        return (
            _images(split.images, normalize, flatten),
            _labels(split.labels, classes if one_hot_label else None),
        )

    return arrays(train), arrays(test)


def _images(images: NDArray[np.uint8], normalize: bool, flatten: bool) -> NDArray[Any]:
    count, rows, columns = images.shape
    shaped = images.reshape((count, rows * columns) if flatten else (count, 1, rows, columns))
    if not normalize:
        return shaped
    scaled = shaped.astype(np.float32)
    scaled /= 255
    return scaled


def _labels(labels: NDArray[np.uint8], classes: int | None) -> NDArray[Any]:
    if classes is None:
        return labels.astype(np.int64)
    one_hot = np.zeros((len(labels), classes))
    one_hot[np.arange(len(labels)), labels] = 1
    return one_hot
