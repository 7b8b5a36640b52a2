"""IDX files are read exactly, and everything that is not one is refused by name."""

import bz2
import gzip
import io
import lzma
import pickle
import re
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from kobai._io.contents import what_it_is
from kobai.datasets import IDXFormatError, load_mnist
from kobai.datasets.idx import read_idx

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([3, 7], dtype=np.uint8)
NAMES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def idx(array: NDArray[np.uint8]) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return b"\x00\x00\x08" + bytes([array.ndim]) + sizes + bytes(array.ravel().tolist())


def write_folder(
    folder: Path,
    train: tuple[NDArray[np.uint8], NDArray[np.uint8]] = (IMAGES, LABELS),
    test: tuple[NDArray[np.uint8], NDArray[np.uint8]] = (IMAGES[:1], LABELS[:1]),
    name: str = "{}-ubyte",
) -> Path:
    for stem, array in zip(NAMES, (*train, *test), strict=True):
        path = folder / name.format(stem)
        body = idx(array)
        path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return folder


def read_bytes(folder: Path, body: bytes, dimensions: int = 3) -> NDArray[np.uint8]:
    path = folder / "some-file"
    path.write_bytes(body)
    return read_idx(path, dimensions)


hypothesis_in_one_folder = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@hypothesis_in_one_folder
@given(
    array=st.sampled_from([1, 3]).flatmap(
        lambda n: npst.arrays(
            np.uint8, npst.array_shapes(min_dims=n, max_dims=n, min_side=1, max_side=9)
        )
    ),
    packed=st.booleans(),
)
def test_round_trip(tmp_path: Path, array: NDArray[np.uint8], packed: bool) -> None:
    body = gzip.compress(idx(array), 1) if packed else idx(array)
    read = read_bytes(tmp_path, body, array.ndim)
    np.testing.assert_array_equal(read, array, strict=True)
    assert read.flags.c_contiguous
    assert read.flags.writeable


def test_data_of_several_chunks(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (3, 1000, 1000), dtype=np.uint8)
    for body in (idx_large(array), gzip.compress(idx_large(array), 1)):
        np.testing.assert_array_equal(read_bytes(tmp_path, body), array)


def idx_large(array: NDArray[np.uint8]) -> bytes:
    return struct.pack(">4I", 0x0803, *array.shape) + array.tobytes()


@pytest.mark.parametrize("packed", [False, True])
def test_every_truncation_is_refused(tmp_path: Path, packed: bool) -> None:
    body = gzip.compress(idx(IMAGES)) if packed else idx(IMAGES)
    for length in range(len(body)):
        with pytest.raises(IDXFormatError, match="some-file"):
            read_bytes(tmp_path, body[:length])
    read_bytes(tmp_path, body)


@pytest.mark.parametrize("length", range(len(idx(IMAGES))))
def test_every_truncation_inside_gzip_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(IDXFormatError, match="some-file"):
        read_bytes(tmp_path, gzip.compress(idx(IMAGES)[:length], 1))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "0 bytes of header, wanted 16"),
        (idx(IMAGES)[:9], "9 bytes of header, wanted 16"),
        (idx(IMAGES)[:-1], r"shape \(2, 3, 4\) wants 24 bytes of data.* at most|only 23"),
        (gzip.compress(idx(IMAGES)[:-1]), "wants 24 bytes of data, only 23 came"),
        (idx(IMAGES) + b"\0", "wants 24 bytes of data, more came"),
        (gzip.compress(idx(IMAGES) + b"\0"), "wants 24 bytes of data, more came"),
        (b"<html>not found</html>", "starts with 3c68746d, wanted 00000803"),
        (idx(LABELS), "starts with 00000801, wanted 00000803"),
        (b"\0\0\x0d" + idx(IMAGES)[3:], "starts with 00000d03, wanted 00000803"),
        (b"\x03\x08\0\0" + idx(IMAGES)[4:], "starts with 03080000, wanted 00000803"),
        (idx(IMAGES[:0]), r"shape \(0, 3, 4\) holds no data"),
        (gzip.compress(idx(IMAGES))[:-9], "corrupt gzip"),
        (gzip.compress(idx(IMAGES))[:-8] + bytes(8), "corrupt gzip: CRC check failed"),
        (b"\x1f\x8b" + bytes(30), "corrupt gzip"),
        (gzip.compress(idx(IMAGES))[:10] + b"\xff" * 40, "corrupt gzip"),
        (gzip.compress(idx(IMAGES)) + b"junk", "corrupt gzip"),
    ],
)
def test_message_says_file_and_what_came_and_was_wanted(
    tmp_path: Path, body: bytes, message: str
) -> None:
    with pytest.raises(IDXFormatError, match=f"{re.escape(str(tmp_path))}.*({message})"):
        read_bytes(tmp_path, body)


def with_type(code: int) -> bytes:
    return bytes([0, 0, code]) + idx(IMAGES)[3:]


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("train-images-idx3-ubyte"))
    return stream.getvalue()


def zipped(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, b"data")
    return stream.getvalue()


def saved(save: Any) -> bytes:
    stream = io.BytesIO()
    save(stream, IMAGES)
    return stream.getvalue()


OTHER_KINDS = {
    "gzipped twice": gzip.compress(idx(IMAGES)),
    "a web page (HTML)": b"\n <!DOCTYPE html>\n<html><body>Not found</body></html>",
    "a web page (HTML) ": b"\xef\xbb\xbf<HTML>",
    "XML, or a web page": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\n",
    "IDX of signed bytes in 3 dimensions": with_type(0x09),
    "IDX of 16-bit integers in 3 dimensions": with_type(0x0B),
    "IDX of 32-bit integers in 3 dimensions": with_type(0x0C),
    "IDX of 32-bit floats in 3 dimensions": with_type(0x0D),
    "IDX of 64-bit floats in 3 dimensions": with_type(0x0E),
    "IDX of unsigned bytes in 1 dimension, which is the form of labels": idx(LABELS),
    "IDX of unsigned bytes in 2 dimensions;": idx(IMAGES[0]),
    "IDX of unsigned bytes in reversed (little-endian) byte order": b"\3\x08\0\0" + idx(IMAGES)[4:],
    "IDX of 32-bit integers in reversed": b"\1\x0c\0\0" + idx(LABELS)[4:],
    "a zip archive": zipped("train-images-idx3-ubyte"),
    "an empty zip archive": b"PK\x05\x06" + bytes(18),
    "a NumPy archive (.npz)": saved(np.savez),
    "a NumPy file (.npy)": saved(np.save),
    "a tar archive": tarred(),
    "packed by xz": lzma.compress(idx(IMAGES)),
    "packed by bzip2": bz2.compress(idx(IMAGES)),
    "packed by zstd": b"\x28\xb5\x2f\xfd" + bytes(30),
    "packed by compress": b"\x1f\x9d\x90" + bytes(30),
    "a PNG image": b"\x89PNG\r\n\x1a\n" + bytes(30),
    "a JPEG image": b"\xff\xd8\xff\xe0" + bytes(30),
    "a pickle, which kobai does not open": pickle.dumps(IMAGES),
    "an HDF5 file": b"\x89HDF\r\n\x1a\n",
    "text (CSV or another table)": b"label,pixel0,pixel1\n5,0,0\n",
    "text (CSV or another table) ": b"5 0 0 0 12 18\n0 0 0 0 9 7\n",
    "text (JSON)": b'{"error": "not found"}',
    "text (UTF-16)": "見つかりません".encode("utf-16"),
    "text;": "ファイルが見つかりません".encode(),
    "nothing but zeros": bytes(1000),
}


@pytest.mark.parametrize("meaning", OTHER_KINDS)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
def test_another_kind_of_file_is_called_by_its_name(
    tmp_path: Path, meaning: str, packed: bool
) -> None:
    body = OTHER_KINDS[meaning]
    # What is gzipped once is read; within gzip, it is gzipped twice.
    if packed or meaning == "gzipped twice":
        body = gzip.compress(body)
    with pytest.raises(IDXFormatError, match=re.escape(f": it is {meaning.strip()}")) as caught:
        read_bytes(tmp_path, body)
    assert "wanted 00000803 (IDX, unsigned bytes, 3 dimensions)" in str(caught.value)


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    for body in (b"", gzip.compress(b"")):
        with pytest.raises(IDXFormatError, match="0 bytes of header, wanted 8: it is empty"):
            read_bytes(tmp_path, body, 1)


def test_what_is_not_known_is_shown_by_its_first_bytes(tmp_path: Path) -> None:
    with pytest.raises(IDXFormatError, match=r"some-file: it starts with 01020304, wanted"):
        read_bytes(tmp_path, bytes([1, 2, 3, 4, 200, 201]))


@pytest.mark.parametrize("packed", [False, True])
def test_sizes_in_reversed_order_are_told(tmp_path: Path, packed: bool) -> None:
    body = idx(IMAGES)[:4] + struct.pack("<3I", *IMAGES.shape) + IMAGES.tobytes()
    with pytest.raises(IDXFormatError, match=r"byte order its shape is \(2, 3, 4\)"):
        read_bytes(tmp_path, gzip.compress(body) if packed else body)


def test_swapped_images_and_labels_are_told(tmp_path: Path) -> None:
    write_folder(tmp_path)
    images, labels = (tmp_path / f"train-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1"))
    pixels = images.read_bytes()
    images.write_bytes(labels.read_bytes())
    labels.write_bytes(pixels)
    words = r"train-images.*: it is IDX of unsigned bytes in 1 dimension, .* form of labels"
    with pytest.raises(IDXFormatError, match=words):
        load_mnist(path=tmp_path)


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_any_start_is_named_or_not(start: bytes) -> None:
    named = what_it_is(start)
    assert named is None or len(named) > 3


@hypothesis_in_one_folder
@given(
    sizes=st.tuples(*[st.integers(0, 2**32 - 1)] * 3),
    data=st.binary(max_size=30),
    packed=st.booleans(),
)
def test_any_header_is_read_or_refused(
    tmp_path: Path, sizes: tuple[int, int, int], data: bytes, packed: bool
) -> None:
    body = struct.pack(">4I", 0x0803, *sizes) + data
    fits = len(data) > 0 and sizes[0] * sizes[1] * sizes[2] == len(data)
    if fits:
        assert read_bytes(tmp_path, body).shape == sizes
    else:
        with pytest.raises(IDXFormatError):
            read_bytes(tmp_path, gzip.compress(body, 1) if packed else body)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("sizes", [(2**31, 2**31, 1), (2**32 - 1,) * 3, (1, 28, 28)])
def test_memory_follows_neither_an_absurd_header_nor_a_bomb(
    tmp_path: Path, sizes: tuple[int, int, int], packed: bool
) -> None:
    body = struct.pack(">4I", 0x0803, *sizes) + bytes(50_000_000)
    path = tmp_path / "some-file"
    path.write_bytes(gzip.compress(body, 1) if packed else body)
    del body
    check_refused_in_little_memory(path)


def test_memory_follows_the_data_where_the_header_is_only_too_large(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(100_000)
    path = tmp_path / "some-file"
    path.write_bytes(gzip.compress(struct.pack(">4I", 0x0803, 1000, 1000, 100) + noise))
    check_refused_in_little_memory(path)


def check_refused_in_little_memory(path: Path) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(IDXFormatError):
            read_idx(path, 3)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["{}-ubyte", "{}-ubyte.gz"])
@pytest.mark.parametrize("joint", ["-", "."])
def test_folder_in_every_spelling(tmp_path: Path, name: str, joint: str) -> None:
    write_folder(tmp_path, name=name)
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", f"{joint}idx")))
    (x_train, t_train), (x_test, t_test) = load_mnist(False, path=tmp_path)
    np.testing.assert_array_equal(x_train, IMAGES.reshape(2, 12), strict=True)
    np.testing.assert_array_equal(t_train, [3, 7])
    np.testing.assert_array_equal(x_test, IMAGES[:1].reshape(1, 12), strict=True)
    np.testing.assert_array_equal(t_test, [3])


def test_name_ending_in_gz_may_hold_a_plain_file(tmp_path: Path) -> None:
    write_folder(tmp_path)
    for path in list(tmp_path.iterdir()):
        path.rename(f"{path}.gz")
    (x_train, _), _ = load_mnist(False, False, path=str(tmp_path))
    np.testing.assert_array_equal(x_train[:, 0], IMAGES)


@pytest.mark.parametrize(("normalize", "dtype"), [(True, np.float32), (False, np.uint8)])
@pytest.mark.parametrize("flatten", [True, False])
@pytest.mark.parametrize("one_hot", [True, False])
def test_every_option(
    tmp_path: Path, normalize: bool, dtype: Any, flatten: bool, one_hot: bool
) -> None:
    loaded = load_mnist(normalize, flatten, one_hot, path=write_folder(tmp_path))
    for (x, t), (images, labels) in zip(
        loaded, [(IMAGES, LABELS), (IMAGES[:1], LABELS[:1])], strict=True
    ):
        pixels = images / np.float32(255) if normalize else images
        shape = (len(images), 12) if flatten else (len(images), 1, 3, 4)
        np.testing.assert_array_equal(x, pixels.reshape(shape).astype(dtype), strict=True)
        if one_hot:
            np.testing.assert_array_equal(t, np.eye(10)[labels], strict=True)
        else:
            np.testing.assert_array_equal(t, labels.astype(np.int64), strict=True)
        x[:], t[:] = 0, 0


@pytest.mark.parametrize("where", ["train", "test"])
def test_one_hot_columns_follow_the_largest_label_of_both_sets(tmp_path: Path, where: str) -> None:
    large = np.array([26], dtype=np.uint8), np.array([9], dtype=np.uint8)
    train, test = large if where == "train" else large[::-1]
    folder = write_folder(tmp_path, (IMAGES[:1], train), (IMAGES[:1], test))
    (_, t_train), (_, t_test) = load_mnist(one_hot_label=True, path=folder)
    assert t_train.shape == t_test.shape == (1, 27)
    assert t_train.argmax() == train[0]
    assert t_test.argmax() == test[0]


@pytest.mark.parametrize(("split", "images", "labels"), [("train", 2, 1), ("t10k", 1, 5)])
def test_images_and_labels_must_be_as_many(
    tmp_path: Path, split: str, images: int, labels: int
) -> None:
    write_folder(tmp_path)
    (tmp_path / f"{split}-labels-idx1-ubyte").write_bytes(idx(np.zeros(labels, dtype=np.uint8)))
    message = rf"{split}-images.* has {images} images, .* has {labels} labels"
    with pytest.raises(IDXFormatError, match=message):
        load_mnist(path=tmp_path)


def test_both_sets_must_have_images_of_one_shape(tmp_path: Path) -> None:
    write_folder(tmp_path, test=(IMAGES[:1].reshape(1, 4, 3), LABELS[:1]))
    with pytest.raises(IDXFormatError, match=r"shape \(3, 4\), test images of shape \(4, 3\)"):
        load_mnist(path=tmp_path)


@pytest.mark.parametrize("missing", NAMES)
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    write_folder(tmp_path)
    (tmp_path / f"{missing}-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=f"{re.escape(str(tmp_path))}.*{missing}-ubyte.gz"):
        load_mnist(path=tmp_path)


def test_a_file_of_another_ending_is_mentioned(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / f"{NAMES[0]}-ubyte").rename(tmp_path / "train-images-idx3-ubyte.zip")
    with pytest.raises(FileNotFoundError, match=r"; there is train-images-idx3-ubyte\.zip$"):
        load_mnist(path=tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such folder: .*nowhere"):
        load_mnist(path=tmp_path / "nowhere")
    (tmp_path / "mnist.zip").touch()
    with pytest.raises(FileNotFoundError, match=r"a file and no folder: .*mnist\.zip"):
        load_mnist(path=tmp_path / "mnist.zip")


def test_format_error_is_a_value_error() -> None:
    assert issubclass(IDXFormatError, ValueError)
