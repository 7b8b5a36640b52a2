"""The four MNIST files on this machine's disk, each verified before it is used."""

import hashlib
import os
from pathlib import Path

from kobai._io.atomic import as_path, remove_leftovers, write_whole
from kobai.datasets.download import fetch

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

FILES = {
    "train-images-idx3-ubyte.gz": (
        9912422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "train-labels-idx1-ubyte.gz": (
        28881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "t10k-images-idx3-ubyte.gz": (
        1648877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        4542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
}


class DownloadError(OSError):
    """MNIST is not in the cache and could not be brought there.

    Examples
    --------
    What to do without a network, which is stood for by a mirror that does not answer:

    >>> import os
    >>> from unittest import mock
    >>> from kobai import load_mnist, load_mnist_sample
    >>> from kobai.datasets import DownloadError
    >>> offline = {"KOBAI_DATA_DIR": "no-cache", "KOBAI_MNIST_MIRRORS": "http://127.0.0.1:9/"}
    >>> with mock.patch.dict(os.environ, offline):
    ...     try:
    ...         (x_train, t_train), test = load_mnist()
    ...     except DownloadError:
    ...         (x_train, t_train), test = load_mnist_sample()
    >>> x_train.shape
    (5000, 784)
    """


def cache_folder() -> Path:
    """Tell where MNIST is kept: ``mnist`` below KOBAI_DATA_DIR, else below the user's cache.

    Raises
    ------
    DownloadError
        If that is below a home folder that is not known: a folder called ``~`` is never meant.
    """
    chosen = os.environ.get("KOBAI_DATA_DIR") or _users_cache()
    folder = as_path("KOBAI_DATA_DIR", chosen)
    if chosen.startswith("~") and str(folder).startswith("~"):
        raise DownloadError(
            f"MNIST has no place to be kept: no home folder is known for {folder}. Set "
            f"KOBAI_DATA_DIR to a folder, or call load_mnist(path=folder) where the files are.\n"
            f"load_mnist_sample() needs no network."
        )
    return folder / "mnist"


def _users_cache() -> str:
    from platformdirs import user_cache_dir

    try:
        return user_cache_dir("kobai")
    except (RuntimeError, ValueError, KeyError, OSError):
        return "~"


def filled_cache() -> Path:
    """Return the folder with the four verified files, downloading those that are not there.

    A cached file with a wrong sha256 counts as not there, and is replaced.

    Raises
    ------
    DownloadError
        If a file is missing and no mirror gives it, or it cannot be written, or there is no
        folder to keep it in.
    """
    folder = cache_folder()
    missing = [name for name in FILES if not _is_cached(folder / name)]
    if missing:
        _download(missing, folder)
    return folder


def _is_cached(path: Path) -> bool:
    size, wanted = FILES[path.name]
    try:
        return path.stat().st_size == size and _sha256(path.read_bytes()) == wanted
    except OSError:
        return False


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _download(missing: list[str], folder: Path) -> None:
    answers = []
    for mirror in os.environ.get("KOBAI_MNIST_MIRRORS", "").split() or MIRRORS:
        # A mirror that fails once is not asked again: without a network, each mirror is waited for
        # once.
        while missing:
            url = f"{mirror.rstrip('/')}/{missing[0]}"
            try:
                body = _fetch_verified(url, missing[0])
            except OSError as error:
                answers.append(f"  {url}: {str(error) or type(error).__name__}")
                break
            _store(body, folder / missing.pop(0))
    if missing:
        failure = "\n".join(["MNIST could not be downloaded:", *answers])
        raise DownloadError(_advice(failure, folder))


def _fetch_verified(url: str, name: str) -> bytes:
    size, wanted = FILES[name]
    body = fetch(url, size)
    came = _sha256(body)
    if came != wanted:
        raise OSError(f"sha256 {came} came, wanted {wanted}")
    return body


def _store(body: bytes, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        write_whole(path, lambda stream: stream.write(body))
    except OSError as error:
        # Another process may have stored it first: Windows does not replace a file that is being
        # read.
        if not _is_cached(path):
            failure = f"MNIST could not be stored: {error}"
            raise DownloadError(_advice(failure, path.parent)) from error


def _advice(failure: str, folder: Path) -> str:
    return (
        f"{failure}\n"
        f"To place {', '.join(FILES)} by hand, put them into {folder} (KOBAI_DATA_DIR chooses "
        f"another cache), or into any folder and call load_mnist(path=folder).\n"
        f"load_mnist_sample() needs no network."
    )
