"""One rule for the paths that users give, and files written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import reprlib
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

# A temporary file older than this is no longer being written, however slow the disk is.
_LEFTOVER_SECONDS = 3600

# The names of temporary files contain names of up to so many bytes, and a hash of longer ones: some
# file systems limit the length of names.
_LONGEST_STEM = 100

# Errors of a rename that replaces a file which could be written in place: a mount point, another
# file system, or a folder in which only the owner of a file may replace it.
_CANNOT_REPLACE = {errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES}

_KINDS = (
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
)


def as_path(name: str, file: str | os.PathLike[str]) -> Path:
    """The path `file`, by the one rule for every path that a user gives.

    It is text or a path object. A leading ``~`` or ``~user`` means a home folder, as in a shell and
    in pandas; if that home is not known, the name is not changed.

    Raises
    ------
    TypeError
        If it is something else, such as bytes or an open file; `name` is what it is called.
    ValueError
        If it is empty, or text that can name no file.
    """
    text = os.fspath(file) if isinstance(file, (str, os.PathLike)) else None
    if not isinstance(text, str):
        hint = " (os.fsdecode makes text of bytes)" if isinstance(file, bytes) else ""
        raise TypeError(f"{name} must be a path{hint}, got {reprlib.repr(file)}")
    if not text:
        raise ValueError(f"{name} must be a path, got an empty one")
    if "\0" in text:
        raise ValueError(f"{name} must be a path, got one with a NUL character: {text!r}")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ValueError(f"{name} must be a name that files can have, got {text!r}") from None
    # Path.expanduser raises where there is no such home.
    path = Path(os.path.expanduser(text))  # noqa: PTH111
    # Path turns ``./~name``, which is no home, into ``~name``, which would be expanded later.
    return path if text[0] == "~" or str(path)[0] != "~" else Path.cwd() / path


def check_can_write(name: str, file: str | os.PathLike[str]) -> Path:
    """The path `file`, after checking that a file can be written there.

    Raises
    ------
    TypeError, ValueError
        If it is no path.
    OSError
        If it is a folder, a pipe, a device other than the null device, or a file that is
        write-protected; if its folder does not exist; or if nothing can be written there.
    """
    path = as_path(name, file)
    target = _target(name, file)
    if target is not None:
        _check_folder_is_writable(name, path, target)
    return path


def write_whole(file: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a temporary file in the same folder, then move it to `file`.

    Whatever fails, and whenever the process ends, `file` has its old contents or all of the new
    ones. If it is a symbolic link, the file it leads to is replaced. If it has several hard links,
    the other names keep the old contents.

    If `file` can be written but not replaced (a mount point, a read-only folder), it is overwritten
    after the new contents are complete and the disk has reserved room for them; only a process that
    is killed during that leaves half of them.

    Raises
    ------
    TypeError, ValueError
        If `file` is no path.
    OSError
        What `check_can_write` raises, or if it cannot be written; it names `file`.
    """
    path = as_path("file", file)
    target = _target("file", file)
    if target is None:
        write(BytesIO())
        return
    with _errors_name(path):
        temporary = _temporary(target)
        try:
            stream = temporary.open("xb+")
        except OSError:
            if not target.exists():
                raise
            _write_in_place(target, write)
        else:
            _write_and_move(temporary, stream, target, write)


def remove_leftovers(file: str | os.PathLike[str]) -> None:
    """Remove the temporary files of processes that were killed while they wrote `file`."""
    target = _end_of_link(as_path("file", file))
    leftover = re.compile(re.escape(_stem(target)) + r"[0-9a-f]{16}\.tmp")
    with contextlib.suppress(OSError):
        for path in target.parent.iterdir():
            if leftover.fullmatch(path.name):
                _remove_if_old(path)


def _remove_if_old(path: Path) -> None:
    # Another process may have finished or removed it meanwhile.
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
            path.unlink()


def _end_of_link(path: Path) -> Path:
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _target(name: str, file: str | os.PathLike[str]) -> Path | None:
    """The regular file that is written for `file`, behind links; None for the null device."""
    path = as_path(name, file)
    if os.path.basename(os.fspath(file)) in ("", ".", ".."):  # noqa: PTH119 - Path drops a slash
        raise IsADirectoryError(f"{name} must be a file, got the folder {os.fspath(file)}")
    found = None
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise type(error)(f"{name} must be a file, got {path}: {error.strerror}") from error
    target = _end_of_link(path)
    if found is None:
        if not target.parent.is_dir():
            raise FileNotFoundError(f"{name} must be in a folder that exists, got {path}")
        return target
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"{name} must be a file, got the folder {path}")
    for is_kind, kind in _KINDS:
        if is_kind(found.st_mode):
            if _is_null_device(found):
                return None
            raise OSError(f"{name} must be a regular file, got the {kind} {path}")
    if not os.access(target, os.W_OK):
        raise PermissionError(f"{name} must be a file that can be written, got {path}")
    return target


def _is_null_device(found: os.stat_result) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(found, os.stat(os.devnull))  # noqa: PTH116
    return False


def _check_folder_is_writable(name: str, path: Path, target: Path) -> None:
    """Raise if no file can be made in the folder of `target`, and `target` does not exist."""
    temporary = _temporary(target)
    try:
        temporary.open("xb").close()
    except OSError as error:
        if not target.exists():
            raise type(error)(
                f"{name} must be in a folder that can be written, got {path}: {error.strerror}"
            ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _temporary(target: Path) -> Path:
    """A random name for a temporary file, which no other process uses."""
    return target.with_name(f"{_stem(target)}{secrets.token_hex(8)}.tmp")


def _stem(target: Path) -> str:
    encoded = os.fsencode(target.name)
    is_long = len(encoded) > _LONGEST_STEM
    return f".{hashlib.sha256(encoded).hexdigest()[:32] if is_long else target.name}."


def _write_and_move(
    temporary: Path, stream: BinaryIO, target: Path, write: Callable[[BinaryIO], object]
) -> None:
    try:
        with stream:
            _copy_owner_and_mode(temporary, target)
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            temporary.replace(target)
        except OSError as error:
            if error.errno not in _CANNOT_REPLACE or not target.exists():
                raise
            with temporary.open("rb") as complete:
                _overwrite(target, complete)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    _sync_folder(target.parent)


def _copy_owner_and_mode(temporary: Path, target: Path) -> None:
    """Give a new file the owner and the mode of the file it replaces, if the system permits."""
    with contextlib.suppress(OSError):
        old, new = target.stat(), temporary.stat()
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            with contextlib.suppress(OSError):
                shutil.chown(temporary, old.st_uid, old.st_gid)
        temporary.chmod(stat.S_IMODE(old.st_mode))


def _write_in_place(target: Path, write: Callable[[BinaryIO], object]) -> None:
    complete = BytesIO()
    write(complete)
    _overwrite(target, complete)


def _overwrite(target: Path, complete: BinaryIO) -> None:
    size = complete.seek(0, os.SEEK_END)
    complete.seek(0)
    with target.open("rb+") as stream:
        _reserve(stream, size)
        shutil.copyfileobj(complete, stream)
        stream.truncate()
        stream.flush()
        os.fsync(stream.fileno())


def _reserve(stream: BinaryIO, size: int) -> None:
    """Reserve room on the disk, so that a full disk fails before the old contents are changed."""
    if not hasattr(os, "posix_fallocate"):
        return
    before = os.fstat(stream.fileno()).st_size
    try:
        os.posix_fallocate(stream.fileno(), 0, size)
    except OSError as error:
        os.ftruncate(stream.fileno(), before)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise


@contextlib.contextmanager
def _errors_name(path: Path) -> Iterator[None]:
    """A context whose OSErrors name `path`, not a temporary file."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def _sync_folder(folder: Path) -> None:
    """Flush the folder, so that the move survives a loss of power, where the system can do that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
