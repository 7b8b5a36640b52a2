"""Messages of Protocol Buffers, as far as ONNX files need them.

A message is its fields, one after the other: a number that names field and kind, then the value.
See https://protobuf.dev/programming-guides/encoding, and onnx.proto for the numbers of the fields.
"""

from __future__ import annotations

import struct

_VARINT, _LENGTH, _FLOAT = 0, 2, 5


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last byte have the highest bit set."""
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(field: int, value: int) -> bytes:
    """A field of an integer."""
    return _varint(field << 3 | _VARINT) + _varint(value)


def number(field: int, value: float) -> bytes:
    """A field of a number of single precision."""
    return _varint(field << 3 | _FLOAT) + struct.pack("<f", value)


def message(field: int, content: bytes) -> bytes:
    """A field of a message, or of bytes."""
    return _varint(field << 3 | _LENGTH) + _varint(len(content)) + content


def text(field: int, content: str) -> bytes:
    """A field of text."""
    return message(field, content.encode())
