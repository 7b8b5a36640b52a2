"""The data sets and networks that options of the commands name."""

from __future__ import annotations

import contextlib
import textwrap
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from kobai._io.atomic import as_path
from kobai.cli.layout import WIDTH, shown_path
from kobai.cli.output import Output, complain
from kobai.datasets import DownloadError, load_mnist, load_mnist_sample
from kobai.networks import MultiLayerNet, TwoLayerNet

Split = tuple[npt.NDArray[Any], npt.NDArray[Any]]
Net = TwoLayerNet | MultiLayerNet

# Arrays by which files are told apart: of a saved network, of one of any depth, of a checkpoint.
_NETWORK_ARRAY, _ANY_DEPTH_ARRAY, _CHECKPOINT_ARRAY = "W1.npy", "network.npy", "run.npy"


class Data(NamedTuple):
    """A data set.

    Attributes
    ----------
    source : str
        Its name in the output.
    train, test : tuple of ndarray
        Images as rows, and labels.
    is_stand_in : bool
        Whether it is the sample, because MNIST could not be downloaded.
    """

    source: str
    train: Split
    test: Split
    is_stand_in: bool = False


def load_data(chosen: str, command: str, output: Output) -> Data:
    """The data set that `--data` names.

    Raises
    ------
    OSError, ValueError
        If it is a folder that does not hold the four files.
    """
    if chosen == "sample":
        return Data("MNIST sample", *load_mnist_sample())
    if chosen != "auto":
        folder = as_path("--data", chosen)
        if not folder.is_dir():
            raise FileNotFoundError(
                f"--data must be auto, sample, or a folder with the four IDX files, got {folder}"
            )
        return Data(shown_path(folder), *load_mnist(path=folder))
    try:
        return Data("MNIST", *load_mnist())
    except DownloadError as error:
        _announce_sample(str(error), command, output)
        return Data("MNIST sample", *load_mnist_sample(), is_stand_in=True)


def _announce_sample(reason: str, command: str, output: Output) -> None:
    instead = "the sample that ships with kobai is used instead"
    if output.quiet:
        complain(f"kobai {command}: {reason.splitlines()[0].rstrip(':.')}; {instead}")
        return
    for paragraph in reason.splitlines():
        output.line(textwrap.fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False))
    output.line(instead)


def load_network(file: str) -> Net:
    """The network in a file that `--save` wrote.

    Raises
    ------
    OSError, ValueError
        If it is none, or cannot be read.
    """
    path = as_path("FILE.npz", file)
    names = _names_in(path)
    if _CHECKPOINT_ARRAY in names:
        raise ValueError(
            f"{path} is a checkpoint, and no network: `kobai train --resume {path} --save net.npz` "
            "writes the one it holds"
        )
    return MultiLayerNet.load(path) if _ANY_DEPTH_ARRAY in names else TwoLayerNet.load(path)


def check_resumable(file: str) -> Path:
    """The path of a checkpoint, after checking that it is no other file of kobai's.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If `--save` wrote it.
    """
    path = as_path("--resume", file)
    if not path.is_file():
        raise FileNotFoundError(f"--resume must be a file that exists, got {path}")
    if _NETWORK_ARRAY in _names_in(path):
        raise ValueError(
            f"--resume must be a file that --checkpoint wrote, got {path}, a network that --save "
            "wrote: it lacks what a run continues with"
        )
    return path


def _names_in(path: Path) -> list[str]:
    """The names in an archive; none if it is no archive or cannot be read."""
    # Damaged bytes may raise almost anything. The error comes when the file is really read.
    with contextlib.suppress(Exception), zipfile.ZipFile(path) as archive:
        return archive.namelist()
    return []


def check_fit(net: Net, name: str, x: npt.NDArray[Any], t: npt.NDArray[Any], source: str) -> None:
    """Raise if a network knows no classes, or does not fit their number or the size of images.

    Raises
    ------
    ValueError
        The message names both.
    """
    if isinstance(net, MultiLayerNet) and not net.has_accuracy:
        raise ValueError(
            f"the network of {name} knows no classes, as the labels of {source} need: its loss is "
            f"{net.loss_function}"
        )
    inputs, *_, classes = sizes(net)
    if x.shape[1] != inputs:
        raise ValueError(
            f"the network of {name} takes {inputs} inputs, the images of {source} have "
            f"{x.shape[1]} pixels"
        )
    if t.max() >= classes:
        raise ValueError(
            f"the network of {name} answers one of {classes} classes, 0 to {classes - 1}; "
            f"the labels of {source} go up to {t.max()}"
        )


def sizes(net: Net) -> list[int]:
    """The numbers of inputs, of units in each hidden layer, and of classes."""
    biases = [key for key in net.parameter_names() if key.startswith("b")]
    return [len(net.params["W1"]), *(net.params[key].size for key in biases)]


def described(net: Net, *more: str) -> list[str]:
    """The sizes of a network and the remarks `more`, as the words of a line."""
    shape = "-".join(map(str, sizes(net)))
    if isinstance(net, MultiLayerNet):
        names = net.activations
        shape = " ".join([shape, *(names[:1] if len(set(names)) == 1 else names)])
        if net.weight_decay_lambda:
            more = (f"weight decay {net.weight_decay_lambda:g}", *more)
    count = sum(param.size for param in net.params.values())
    said = [shape, f"{count:,} parameters", *more]
    return [*(f"{part}," for part in said[:-1]), said[-1]]
