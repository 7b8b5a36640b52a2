"""Folders with four small IDX files, as data sets of MNIST's form come."""

import numpy as np

NAMES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def idx(array):
    """The bytes of an IDX file."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def small_set(count, classes=10, seed=0):
    """Images of 4 x 4 whose class shows in which pixels are bright."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = rng.integers(0, 60, (count, 4, 4))
    images[np.arange(count), labels // 4 % 4, labels % 4] = 255
    return images, labels


def write_folder(folder, train=40, test=20, classes=10):
    """A folder with a small data set to train on."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = (*small_set(train, classes), *small_set(test, classes, seed=1))
    for name, array in zip(NAMES, arrays, strict=True):
        (folder / f"{name}-ubyte").write_bytes(idx(array))
    return folder
