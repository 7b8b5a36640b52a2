"""MNIST: from the cache or the mirrors, from a folder, or the sample that ships with kobai."""

from kobai.datasets.cache import DownloadError
from kobai.datasets.idx import IDXFormatError
from kobai.datasets.mnist import load_mnist, load_mnist_sample

__all__ = ["DownloadError", "IDXFormatError", "load_mnist", "load_mnist_sample"]
