"""Draw the sample of MNIST that ships inside kobai.

Usage: python scripts/make_mnist_sample.py SOURCE_FOLDER [TARGET_FOLDER]

SOURCE_FOLDER holds the four IDX files of MNIST. The sample is written as four gzipped IDX files
into TARGET_FOLDER, by default into the package. The same source gives the same bytes.
"""

import argparse
import gzip
import io
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kobai.datasets.idx import Split, read_folder

SEED = 20160915
PACKAGE_FOLDER = Path(__file__).parents[1] / "python" / "kobai" / "datasets" / "mnist_sample"


def draw(split: Split, each: int, seed: int) -> Split:
    """Draw `each` images of every label without replacement, in shuffled order."""
    generator = np.random.PCG64(seed)
    shuffled = permutation(generator, len(split.labels))
    labels = split.labels[shuffled]
    drawn = []
    for label in range(10):
        places = shuffled[labels == label]
        if len(places) < each:
            raise SystemExit(f"{len(places)} images of label {label}, wanted at least {each}")
        drawn.append(places[:each])
    chosen = np.concatenate(drawn)[permutation(generator, 10 * each)]
    return Split(split.images[chosen], split.labels[chosen])


def permutation(generator: np.random.PCG64, count: int) -> NDArray[np.intp]:
    """Put the numbers below `count` into a random order."""
    # Of NumPy's random numbers only the raw ones are promised to stay the same for ever.
    return np.argsort(generator.random_raw(count), kind="stable")


def packed(array: NDArray[np.uint8]) -> bytes:
    """Write an array as gzipped IDX, without the name and the time that gzip would add."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(header + array.tobytes())
    return buffer.getvalue()


def main() -> None:
    """Read the source, draw, and write the four files."""
    parser = argparse.ArgumentParser(description="Draw the sample of MNIST that ships in kobai.")
    parser.add_argument("source", type=Path, help="folder with the four IDX files of MNIST")
    parser.add_argument("target", type=Path, nargs="?", default=PACKAGE_FOLDER)
    arguments = parser.parse_args()
    train, test = read_folder(arguments.source)
    arguments.target.mkdir(parents=True, exist_ok=True)
    for prefix, split in (("train", draw(train, 500, SEED)), ("t10k", draw(test, 100, SEED + 1))):
        for kind, array in (("images-idx3", split.images), ("labels-idx1", split.labels)):
            path = arguments.target / f"{prefix}-{kind}-ubyte.gz"
            path.write_bytes(packed(array))
            print(f"{path}: {array.shape}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
