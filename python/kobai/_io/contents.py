"""The kind of a file, told from its first bytes, for errors about a wrong file."""

from __future__ import annotations

import re

# So many bytes hold all signatures; that of tar comes last.
ENOUGH = 512

UNSIGNED_BYTES = 8
_IDX_TYPES = {
    UNSIGNED_BYTES: "unsigned bytes",
    9: "signed bytes",
    0x0B: "16-bit integers",
    0x0C: "32-bit integers",
    0x0D: "32-bit floats",
    0x0E: "64-bit floats",
}
_USUAL = {1: "labels", 3: "images"}

_ZIP = b"PK\x03\x04"
_SIGNATURES = (
    (b"\x1f\x8b", "packed by gzip"),
    (b"\x1f\x9d", "packed by compress"),
    (b"\xfd7zXZ\0", "packed by xz"),
    (b"BZh", "packed by bzip2"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd"),
    (b"\x04\x22\x4d\x18", "packed by lz4"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (_ZIP, "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x93NUMPY", "a NumPy file (.npy)"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"PAR1", "a Parquet file"),
    (b"MATLAB", "a MATLAB file"),
    (b"\xff\xfe", "text (UTF-16)"),
    (b"\xfe\xff", "text (UTF-16)"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_WEB_PAGE = re.compile(rb"\s*<(!doctype\s+html|html|head|body|script|!--)", re.IGNORECASE)
_NUMBERS = re.compile(rb"[\s\d.,;+\-eE\"]+")
_LFS_POINTER = b"version https://git-lfs"
# Bytes that text in UTF-8, or of one byte a character, does not contain.
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\x1b")) + b"\x7f"


def what_it_is(start: bytes) -> str | None:
    """The kind of a file that begins with `start`: its first `ENOUGH` bytes, or all of it.

    Returns
    -------
    str or None
        Words that follow "it is"; None if the kind is not known.
    """
    if not start:
        return "empty"
    if start.startswith(_ZIP) and b".npy" in start[:100]:
        return "a NumPy archive (.npz)"
    for mark, meaning in _SIGNATURES:
        if start.startswith(mark):
            return meaning
    if start[257:262] == b"ustar":
        return "a tar archive"
    if _PICKLE.match(start):
        return "a pickle, which kobai does not open"
    return _idx_of_another_kind(start) or _text(start) or _zeros(start)


def _idx_of_another_kind(start: bytes) -> str | None:
    kind, dimensions = start[2:3], start[3:4]
    if len(start) < 4:
        return None
    if start[:2] == b"\0\0" and kind[0] in _IDX_TYPES and 0 < dimensions[0] < 9:
        numbers, count = _IDX_TYPES[kind[0]], dimensions[0]
        is_usual = kind[0] == UNSIGNED_BYTES and count in _USUAL
        form = f", which is the form of {_USUAL[count]}" if is_usual else ""
        return f"IDX of {numbers} in {count} dimension{'s' if count > 1 else ''}{form}"
    if start[2:4] == b"\0\0" and start[1] in _IDX_TYPES and 0 < start[0] < 9:
        return f"IDX of {_IDX_TYPES[start[1]]} in reversed (little-endian) byte order"
    return None


def _text(start: bytes) -> str | None:
    plain = start.removeprefix(b"\xef\xbb\xbf")
    if plain.startswith(_LFS_POINTER):
        return "a Git LFS pointer: `git lfs pull` brings the file itself"
    if _WEB_PAGE.match(plain):
        return "a web page (HTML)"
    if plain.lstrip().startswith(b"<"):
        return "XML, or a web page"
    if plain.translate(None, _CONTROL) != plain:
        return None
    try:
        # A character of several bytes may be cut at the end.
        plain.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(plain) - 3:
            return None
    if plain.lstrip()[:1] in (b"{", b"["):
        return "text (JSON)"
    first_line = plain.lstrip().partition(b"\n")[0]
    if b"," in first_line or _NUMBERS.fullmatch(plain):
        return "text (CSV or another table)"
    return "text"


def _zeros(start: bytes) -> str | None:
    return "nothing but zeros, as far as it was read" if not any(start) else None
