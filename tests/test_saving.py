"""Parameters on disk: bit for bit, without pickle, and never half of them."""

import re
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kobai import TwoLayerNet
from strategies import layouts_of


def bits(params):
    return {key: (param.dtype, param.shape, param.tobytes()) for key, param in params.items()}


@given(st.data())
def test_saved_parameters_come_back_bit_for_bit(tmp_path_factory, data):
    dtype, integer = data.draw(st.sampled_from([(np.float32, np.uint32), (np.float64, np.uint64)]))
    sizes = [data.draw(st.integers(1, 5)) for _ in range(3)]
    net = TwoLayerNet(*sizes, dtype=dtype)
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    for key, param in net.params.items():
        # Any bits: NaN payloads and negative zeros too.
        drawn = generator.integers(0, np.iinfo(integer).max, param.shape, integer).view(dtype)
        net.params[key] = data.draw(layouts_of(drawn))
    file = tmp_path_factory.mktemp("saved") / "net.npz"
    net.save(file)
    loaded = TwoLayerNet.load(file)
    assert bits(loaded.params) == bits(net.params)
    assert loaded.dtype == dtype
    assert all(param.flags.writeable for param in loaded.params.values())
    assert [path.name for path in file.parent.iterdir()] == ["net.npz"]


def test_saved_files_are_plain_npz_of_the_name_given(tmp_path):
    net = TwoLayerNet(4, 3, 2, rng=0)
    net.save(str(tmp_path / "name"))
    with np.load(tmp_path / "name", allow_pickle=False) as archive:
        assert bits(dict(archive)) == bits(net.params)
    assert TwoLayerNet.load(str(tmp_path / "name")).loss(np.ones(4), 1) == net.loss(np.ones(4), 1)


def saved(tmp_path, **changes):
    arrays = dict(TwoLayerNet(4, 3, 2, rng=0).params) | changes
    file = tmp_path / "net.npz"
    np.savez(file, **{key: value for key, value in arrays.items() if value is not None})
    return file


@pytest.mark.parametrize(
    "changes",
    [
        {"W1": None},
        {"W3": np.ones(2)},
        {"W1": np.ones(4)},
        {"W1": np.ones((3, 4))},
        {"W2": np.ones((0, 2))},
        {"b1": np.ones(4)},
        {"b2": np.ones(2, np.float32)},
        {"b2": np.ones(2, complex)},
        {"W1": np.full((4, 3), "a")},
        {"W1": np.ones((4, 3), int)},
    ],
)
def test_archives_of_something_else_are_refused(tmp_path, changes):
    file = saved(tmp_path, **changes)
    with pytest.raises(ValueError, match=r"net\.npz"):
        TwoLayerNet.load(file)


class Trap:
    """What a pickle would run."""

    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


def test_pickles_are_never_opened(tmp_path):
    file = saved(tmp_path, b2=np.array([Trap(), 0.0], dtype=object))
    with pytest.raises(ValueError, match=r"net\.npz must be an \.npz archive of plain arrays"):
        TwoLayerNet.load(file)
    np.save(tmp_path / "net.npy", np.array([Trap()], dtype=object))
    with pytest.raises(ValueError, match=r"net\.npy"):
        TwoLayerNet.load(tmp_path / "net.npy")
    assert not Trap.sprung


def test_damaged_files_are_refused(tmp_path):
    whole = saved(tmp_path).read_bytes()
    file = tmp_path / "damaged.npz"
    for damaged in (b"", b"PK", b"garbage" * 99, whole[:-1], whole[30:], *(
        whole[: len(whole) * k // 16] for k in range(1, 16)
    )):  # fmt: skip
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"damaged\.npz"):
            TwoLayerNet.load(file)


@pytest.mark.parametrize(
    ("content", "meaning"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html>\n<html>", "it is a web page (HTML)"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a Git LFS pointer"),
        (b"\x93NUMPY\x01\x00", "it is a NumPy file (.npy)"),
        (b"\x80\x04\x95", "it is a pickle, which kobai does not open"),
        (b"\x1f\x8b\x08", "it is packed by gzip"),
        (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file"),
    ],
)
def test_a_file_of_another_kind_is_called_by_its_name(tmp_path, content, meaning):
    file = tmp_path / "net.npz"
    file.write_bytes(content)
    words = re.escape(f"net.npz must be an .npz archive of plain arrays: {meaning}")
    with pytest.raises(ValueError, match=words):
        TwoLayerNet.load(file)


@pytest.mark.filterwarnings("default::UserWarning")  # zipfile's own, of a name that comes twice
def test_a_file_with_one_wrong_byte_is_refused_or_means_the_same(tmp_path):
    source = saved(tmp_path)
    whole, params = source.read_bytes(), bits(TwoLayerNet.load(source).params)
    file = tmp_path / "flipped.npz"
    refused = 0
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 0xFF
        file.write_bytes(flipped)
        try:
            loaded = TwoLayerNet.load(file)
        except ValueError:
            refused += 1
        else:
            # Dates and attributes in the archive's own tables mean nothing here.
            assert bits(loaded.params) == params
    assert refused > len(whole) / 2


def test_an_archive_that_claims_more_than_there_is_is_refused(tmp_path):
    file = saved(tmp_path)
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    claim, place = b"(10000000, 1000000)", members["W1.npy"].index(b"(4, 3)")
    header = members["W1.npy"]
    members["W1.npy"] = header[:place] + claim + header[place + 6 :].replace(b" " * 13, b"", 1)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"net\.npz"):
        TwoLayerNet.load(file)


def test_compressed_archives_are_read(tmp_path):
    net = TwoLayerNet(4, 3, 2, rng=0)
    np.savez_compressed(tmp_path / "net.npz", **net.params)
    with zipfile.ZipFile(tmp_path / "net.npz") as archive:
        assert archive.infolist()[0].compress_type == zipfile.ZIP_DEFLATED
    assert bits(TwoLayerNet.load(tmp_path / "net.npz").params) == bits(net.params)


def test_missing_files_and_folders_are_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        TwoLayerNet.load(tmp_path / "absent.npz")
    with pytest.raises(FileNotFoundError):
        TwoLayerNet(4, 3, 2).save(tmp_path / "absent" / "net.npz")


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    file = saved(tmp_path)
    before = file.read_bytes()
    net = TwoLayerNet(4, 3, 2, rng=1)
    net.params["b2"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"params\['b2'\]"):
        net.save(file)

    def fails(stream, **arrays):
        stream.write(b"half of it")
        raise OSError(28, "No space left on device")

    net.params["b2"] = np.zeros(2)
    monkeypatch.setattr(np, "savez", fails)
    with pytest.raises(OSError, match="No space left"):
        net.save(file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]
