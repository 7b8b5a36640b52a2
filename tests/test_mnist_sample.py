"""The sample that ships is real MNIST, balanced, and can be made again byte for byte."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kobai.datasets import load_mnist, load_mnist_sample
from kobai.datasets.mnist import SAMPLE_FOLDER

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "mnist"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/mnist, the real files")


@pytest.mark.parametrize(("normalize", "dtype"), [(True, np.float32), (False, np.uint8)])
@pytest.mark.parametrize("flatten", [True, False])
@pytest.mark.parametrize("one_hot", [True, False])
def test_every_option(normalize: bool, dtype: Any, flatten: bool, one_hot: bool) -> None:
    loaded = load_mnist_sample(normalize, flatten, one_hot)
    for count, (x, t) in zip((5000, 1000), loaded, strict=True):
        assert x.shape == ((count, 784) if flatten else (count, 1, 28, 28))
        assert x.dtype == dtype
        assert x.min() == 0
        assert x.max() == (1 if normalize else 255)
        assert t.dtype == (np.float64 if one_hot else np.int64)
        assert t.shape == ((count, 10) if one_hot else (count,))
        if one_hot:
            assert np.array_equal(t.sum(axis=1), np.ones(count))
            t = t.argmax(axis=1)
        assert np.array_equal(np.bincount(t), np.full(10, count // 10))
        x[:], t[:] = 0, 0


def test_caller_cannot_spoil_the_next_load() -> None:
    (x, t), _ = load_mnist_sample(normalize=False)
    again = x.copy(), t.copy()
    x[:], t[:] = 0, 0
    (x, t), _ = load_mnist_sample(normalize=False)
    assert np.array_equal(x, again[0])
    assert np.array_equal(t, again[1])


def test_order_is_shuffled() -> None:
    for _, t in load_mnist_sample():
        # Otherwise the first images, or the last ones, would be no fair sample.
        assert min(len(set(part)) for part in np.split(t, len(t) // 100)) == 10


def test_ships_small_and_with_its_attribution() -> None:
    assert sum(path.stat().st_size for path in SAMPLE_FOLDER.iterdir()) < 1_200_000
    attribution = SAMPLE_FOLDER.with_name("mnist_sample.LICENSE").read_text(encoding="utf-8")
    for word in ("LeCun", "Cortes", "Burges", "CC BY-SA 3.0"):
        assert word in attribution


@needs_real
def test_every_image_is_a_different_one_of_the_right_set_of_mnist() -> None:
    real_sets = load_mnist(normalize=False, path=REAL)
    for (x, t), (real_x, real_t) in zip(load_mnist_sample(normalize=False), real_sets, strict=True):
        real = {image.tobytes(): label for image, label in zip(real_x, real_t, strict=True)}
        assert [real.get(image.tobytes()) for image in x] == t.tolist()
        assert len({image.tobytes() for image in x}) == len(x)


@needs_real
def test_script_makes_the_sample_again(tmp_path: Path) -> None:
    runs = [tmp_path / "first", tmp_path / "second"]
    for target in runs:
        script = ROOT / "scripts" / "make_mnist_sample.py"
        command: list[str | Path] = [sys.executable, script, REAL, target]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    first, second = ({path.name: path.read_bytes() for path in run.iterdir()} for run in runs)
    assert first == second
    assert set(first) == {path.name for path in SAMPLE_FOLDER.iterdir()}
    # Arrays, not bytes: another zlib may pack the same data differently.
    made, shipped = load_mnist(False, path=runs[0]), load_mnist_sample(False)
    for pair in zip(made, shipped, strict=True):
        for ours, theirs in zip(*pair, strict=True):
            assert np.array_equal(ours, theirs)
