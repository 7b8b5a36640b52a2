"""Files are written whole or not at all: through links, under long names, where nothing moves."""

import errno
import os
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from folders import names
from kobai import TwoLayerNet
from kobai._io.atomic import check_can_write, remove_leftovers, write_whole
from processes import output_of
from runs import DATA, bits, new_trainer

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX file systems")
NET = TwoLayerNet(3, 2, 2, rng=0)
SOMEBODY = 65534


def fit(file):
    return new_trainer()[0].fit(*DATA, epochs=2, checkpoint=file)


WRITERS = {"save": NET.save, "checkpoint": fit}
writers = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


def is_archive(file):
    with np.load(file, allow_pickle=False) as archive:
        return len(archive.files) > 3


@posix
@writers
@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "dangling"])
def test_a_symbolic_link_is_written_through(tmp_path, write, kind):
    (tmp_path / "runs").mkdir()
    target, link = tmp_path / "runs" / "run.npz", tmp_path / "latest.npz"
    if kind != "dangling":
        target.write_bytes(b"stale")
        target.chmod(0o640)
    if kind == "chain":
        (tmp_path / "between").symlink_to(target)
    leads_to = {"relative": "runs/run.npz", "chain": "between"}.get(kind, target)
    link.symlink_to(leads_to)
    write(link)
    assert link.readlink() == Path(leads_to)
    assert not target.is_symlink()
    assert is_archive(target)
    assert names(target.parent) == ["run.npz"]
    assert kind == "dangling" or stat.S_IMODE(target.stat().st_mode) == 0o640


@posix
@writers
def test_links_that_lead_to_no_file_are_refused(tmp_path, write):
    for name, leads_to in {"loop": "loop", "folder": ".", "gone": "absent/file"}.items():
        (tmp_path / name).symlink_to(leads_to)
    for name, words in {
        "loop": "must be a file, got .*loop: Too many levels",
        "folder": "must be a file, got the folder",
        "gone": "must be in a folder that exists, got .*gone",
    }.items():
        with pytest.raises(OSError, match=words):
            write(tmp_path / name)
    assert names(tmp_path) == ["folder", "gone", "loop"]


@posix
@writers
@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_regular_file_is_refused_and_stays_what_it_is(tmp_path, write, kind):
    place = tmp_path / "place"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.fspath(place))
    else:
        place.symlink_to("/dev/zero")
    before = place.stat().st_mode
    with pytest.raises(OSError, match=f"must be a regular file, got the {kind} .*place"):
        write(place)
    assert place.stat().st_mode == before
    assert names(tmp_path) == ["place"]


@posix
@writers
def test_the_null_device_takes_everything(write):
    nowhere = Path(os.devnull)
    before = nowhere.stat()
    write(nowhere)
    assert stat.S_ISCHR(nowhere.stat().st_mode)
    assert os.path.samestat(before, nowhere.stat())


@writers
@pytest.mark.parametrize("name", ["", "/", "/."])
def test_a_folder_is_refused_also_by_a_name_that_only_a_folder_has(tmp_path, write, name):
    with pytest.raises(IsADirectoryError, match="must be a file, got the folder"):
        write(f"{tmp_path}{name}")
    with pytest.raises(IsADirectoryError, match="must be a file, got the folder"):
        write(f"{tmp_path}/new/")
    assert names(tmp_path) == []


@posix
@writers
@pytest.mark.parametrize("letter", ["n", "名"])
def test_every_legal_name_is_written_to(tmp_path, write, letter):
    longest = os.pathconf(tmp_path, "PC_NAME_MAX") if hasattr(os, "pathconf") else 200
    size = len(os.fsencode(letter))
    for length in sorted({longest // size, *range(228 // size, 256 // size)}):
        if length * size <= longest:
            file = tmp_path / (letter * length)
            write(file)
            assert is_archive(file)
            file.unlink()
    with pytest.raises(OSError, match=r"must be a file, got .*: File name too long"):
        write(tmp_path / (letter * (longest // size + 1)))
    assert names(tmp_path) == []


@posix
def test_temporary_names_do_not_grow(tmp_path):
    lengths = set()
    for length in (120, 255):
        place = tmp_path / ("n" * length)
        write_whole(place, lambda _: lengths.update(len(name) for name in names(tmp_path)))
        place.unlink()
    assert max(lengths) < 120
    assert len(lengths) == 1


@posix
@pytest.mark.parametrize("name", ["run.npz", "n" * 240, "名" * 80])
def test_what_was_left_of_any_name_is_found_again(tmp_path, name):
    target, seen = tmp_path / name, []
    write_whole(target, lambda _: seen.extend(names(tmp_path)))
    old, other = tmp_path / seen[0], tmp_path / seen[0].replace(seen[0][1:4], "abc")
    for path in (old, other):
        path.touch()
        os.utime(path, (time.time() - 4000,) * 2)
    link = tmp_path / "link"
    link.symlink_to(target)
    remove_leftovers(link)
    assert names(tmp_path) == sorted([name, "link", other.name])


@posix
@writers
@pytest.mark.parametrize("code", [errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES])
def test_where_nothing_can_be_moved_onto_a_file_it_is_overwritten(
    tmp_path, monkeypatch, write, code
):
    file = tmp_path / "run.npz"
    write(file)
    whole, inode = file.read_bytes(), file.stat().st_ino
    file.write_bytes(b"longer than what comes " * 9999)

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "replace", refuse)
    write(file)
    assert (file.read_bytes(), file.stat().st_ino) == (whole, inode)
    assert names(tmp_path) == ["run.npz"]
    with pytest.raises(OSError, match=r"new\.npz'$") as caught:
        write(tmp_path / "new.npz")
    assert caught.value.errno == code
    assert names(tmp_path) == ["run.npz"]


@writers
def test_a_file_that_is_mounted_is_written(tmp_path, write):
    source, file = tmp_path / "source", tmp_path / "run.npz"
    source.write_bytes(b"before")
    file.touch()
    mount = shutil.which("mount")
    command = [mount, "--bind", source, file]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:  # noqa: S603
        pytest.skip("nothing can be mounted here")
    try:
        check_can_write("file", file)
        write(file)
    finally:
        subprocess.run([shutil.which("umount"), file], check=True)  # noqa: S603
    assert is_archive(source)
    assert file.read_bytes() == b""
    assert names(tmp_path) == ["run.npz", "source"]


# The superuser may write anywhere, so these are asked as somebody else.
AS_SOMEBODY = """
import os, sys, zipfile
import numpy as np
from kobai import TwoLayerNet
from kobai._io.atomic import check_can_write

net = TwoLayerNet(3, 2, 2, rng=0)
net.save(os.devnull)
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(SOMEBODY)
    os.setuid(SOMEBODY)
for file in FILES:
    for call in (net.save, lambda file: check_can_write("--save", file)):
        try:
            call(file)
            print("done")
        except OSError as error:
            print(type(error).__name__, error)
"""


@pytest.fixture
def of_somebody():
    """A folder of somebody's, where somebody can come."""
    if os.name != "posix":
        pytest.skip("POSIX permissions")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() == 0:
            os.chown(folder, SOMEBODY, SOMEBODY)
        yield folder
        folder.chmod(0o700)


def asked_by_somebody(*files):
    script = AS_SOMEBODY.replace("SOMEBODY", str(SOMEBODY))
    return output_of(script.replace("FILES", repr([*map(str, files)]))).splitlines()


def make(file, mode=0o644):
    file.write_bytes(b"before")
    if os.geteuid() == 0:
        os.chown(file, SOMEBODY, SOMEBODY)
    file.chmod(mode)
    return file


def test_a_write_protected_file_is_not_replaced(of_somebody):
    file = make(of_somebody / "run.npz", 0o444)
    said = asked_by_somebody(file)
    assert said == [
        f"PermissionError {name} must be a file that can be written, got {file}"
        for name in ("file", "--save")
    ]
    assert file.read_bytes() == b"before"


def test_a_file_in_a_folder_that_is_read_only_is_overwritten(of_somebody):
    file = make(of_somebody / "run.npz")
    of_somebody.chmod(0o555)
    assert asked_by_somebody(file) == ["done", "done"]
    assert is_archive(file)
    assert names(of_somebody) == ["run.npz"]


def test_no_file_is_made_in_a_folder_that_is_read_only(of_somebody):
    of_somebody.chmod(0o555)
    file = of_somebody / "run.npz"
    saved, checked = asked_by_somebody(file)
    assert saved == f"PermissionError [Errno 13] Permission denied: '{file}'"
    words = "--save must be in a folder that can be written"
    assert checked == f"PermissionError {words}, got {file}: Permission denied"


@posix
def test_who_may_keeps_the_owner_of_a_file(tmp_path):
    file = tmp_path / "run.npz"
    file.touch()
    if os.geteuid() != 0:
        pytest.skip("only the superuser gives files away")
    os.chown(file, SOMEBODY, SOMEBODY)
    file.chmod(0o620)
    NET.save(file)
    found = file.stat()
    assert (found.st_uid, found.st_gid) == (SOMEBODY, SOMEBODY)
    assert stat.S_IMODE(found.st_mode) == 0o620


@posix
def test_another_hard_link_keeps_what_was_there(tmp_path):
    file, link = tmp_path / "run.npz", tmp_path / "copy.npz"
    file.write_bytes(b"before")
    link.hardlink_to(file)
    NET.save(file)
    assert is_archive(file)
    assert link.read_bytes() == b"before"


@writers
@pytest.mark.parametrize("place", ["beside", "in place"])
def test_a_full_disk_leaves_what_was_there_and_names_the_file(tmp_path, monkeypatch, write, place):
    if place == "in place" and not hasattr(os, "posix_fallocate"):
        pytest.skip("this system cannot be asked for room")
    file = tmp_path / "run.npz"
    file.write_bytes(b"before")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def busy(*_):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    if place == "in place":
        monkeypatch.setattr(Path, "replace", busy)
        monkeypatch.setattr(os, "posix_fallocate", full)
    else:
        monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*run\.npz'$") as caught:
        write(file)
    assert caught.value.filename == os.fspath(file)
    assert file.read_bytes() == b"before"
    assert names(tmp_path) == ["run.npz"]


FULL_DISK = """
import os
from kobai import TwoLayerNet
file = FOLDER + "/run.npz"
small, large = TwoLayerNet(3, 2, 2, rng=0), TwoLayerNet(784, 50, 10, rng=0)
small.save(file)
before = open(file, "rb").read()
for setting in ("beside", "in place"):
    if setting == "in place":
        def refuse(*_):
            raise OSError(16, "Device or resource busy")
        import pathlib
        pathlib.Path.replace = refuse
    try:
        large.save(file)
    except OSError as error:
        print(error.errno, error.filename == file)
    print(open(file, "rb").read() == before, os.listdir(FOLDER))
"""


def test_a_disk_that_is_really_full(tmp_path):
    mount = shutil.which("mount")
    command = [mount, "-t", "tmpfs", "-o", "size=100k", "tmpfs", tmp_path]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:  # noqa: S603
        pytest.skip("nothing can be mounted here")
    try:
        said = output_of(FULL_DISK.replace("FOLDER", repr(str(tmp_path)))).splitlines()
    finally:
        subprocess.run([shutil.which("umount"), tmp_path], check=True)  # noqa: S603
    assert said == [f"{errno.ENOSPC} True", "True ['run.npz']"] * 2


@pytest.mark.parametrize("file", ["absent/run.npz", "."])
def test_what_cannot_be_written_is_found_before_the_training(tmp_path, monkeypatch, file):
    monkeypatch.chdir(tmp_path)
    trainer, _ = new_trainer()
    before = bits(trainer.net.params)
    with pytest.raises(OSError, match="checkpoint must be"):
        trainer.fit(*DATA, epochs=1, checkpoint=file)
    assert bits(trainer.net.params) == before
    assert names(tmp_path) == []


def test_a_place_is_looked_at_without_a_trace(tmp_path):
    file = tmp_path / "run.npz"
    assert check_can_write("file", os.fspath(file)) == file
    assert names(tmp_path) == []
    file.write_bytes(b"before")
    check_can_write("file", file)
    assert names(tmp_path) == ["run.npz"]
    assert file.read_bytes() == b"before"
