"""Valid IDX and .npz files, and ways to spoil them. All of it follows from a `random.Random`."""

import gzip
import io
import pickle
import struct
import zipfile
import zlib

import numpy as np

SIZES = (0, 1, 2, 3, 7, 255, 256, 2**16, 2**31 - 1, 2**31, 2**32 - 1)


class Trap:
    """What a pickle would run."""

    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


# --------------------------------------------------------------------------------- any bytes


def flip(random, body):
    spoiled = bytearray(body)
    for _ in range(random.randint(1, 4)):
        spoiled[random.randrange(len(body))] ^= 1 << random.randrange(8)
    return bytes(spoiled)


def cut(random, body):
    return body[: random.randrange(len(body))]


def drop(random, body):
    start = random.randrange(len(body))
    return body[:start] + body[start + random.randint(1, 16) :]


def insert(random, body):
    at = random.randint(0, len(body))
    return body[:at] + random.randbytes(random.randint(1, 16)) + body[at:]


def repeat(random, body):
    start = random.randrange(len(body))
    piece = body[start : start + random.randint(1, 64)]
    return body[:start] + piece + body[start:]


def set_number(random, body):
    """A size or an offset, wherever one may stand, of any width."""
    form = random.choice(("<H", "<I", ">I", "<Q"))
    limit = 2 ** (8 * struct.calcsize(form)) - 1
    at = random.randrange(len(body))
    number = struct.pack(form, min(random.choice(SIZES), limit))
    return body[:at] + number + body[at + len(number) :]


def append(random, body):
    return body + random.choice((b"\0", b"\0" * 64, b"junk", body, random.randbytes(5)))


def prepend(random, body):
    return random.choice((b"\0", b"#!/bin/sh\n", random.randbytes(9))) + body


BYTES = (flip, flip, cut, drop, insert, repeat, set_number, set_number, append, prepend)


def spoiled(random, body, most):
    for _ in range(random.choice((0,) * 5 + tuple(range(1, most + 1)))):
        if body:
            body = random.choice(BYTES)(random, body)
    return body


# --------------------------------------------------------------------------------------- IDX


def packed(random, body):
    """Gzip as people have it: levels, names, several members."""
    kind = random.randrange(4)
    if kind == 0:
        return gzip.compress(body, random.choice((0, 1, 9)), mtime=0)
    if kind == 1:
        at = random.randint(0, len(body))
        return gzip.compress(body[:at], 1, mtime=0) + gzip.compress(body[at:], 1, mtime=0)
    if kind == 2:
        stream = io.BytesIO()
        with gzip.GzipFile("a name.gz", "wb", 1, stream, mtime=0) as file:
            file.write(body)
        return stream.getvalue()
    return gzip.compress(gzip.compress(body, 1, mtime=0), 1, mtime=0)


def idx_file(random):
    """A file, and how many dimensions it is read with: the file has them, mostly."""
    dimensions = random.choice((1, 3))
    shape = [random.randint(1, 5) for _ in range(dimensions)]
    sizes = list(shape)
    if random.random() < 0.15:
        sizes[random.randrange(dimensions)] = random.choice(SIZES)
    kind = random.choice((8,) * 40 + (9, 0x0B, 0x0D, 0x0E, random.randrange(256)))
    claimed = random.choice((dimensions,) * 40 + (0, 2, 4, 255))
    data = random.randbytes(int(np.prod(shape)))
    body = bytes([0, 0, kind, claimed]) + struct.pack(f">{dimensions}I", *sizes) + data
    body = spoiled(random, body, 2)
    if random.random() < 0.5:
        body = spoiled(random, packed(random, body), 2)
    return body, random.choice((dimensions,) * 20 + (4 - dimensions,))


# -------------------------------------------------------------------------------------- .npz


def npy(array):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=True)
    return stream.getvalue()


def header(text, version=(1, 0), length=None):
    text = text.encode("latin1")
    width = "<H" if version == (1, 0) else "<I"
    count = len(text) if length is None else length
    return b"\x93NUMPY" + bytes(version) + struct.pack(width, count) + text


def members(seed, dtype=np.float64):
    generator = np.random.default_rng(seed)
    inputs, hidden, classes = 1 + seed % 3, 1 + seed // 3 % 3, 1 + seed // 9 % 3
    shapes = {"W1": (inputs, hidden), "b1": hidden, "W2": (hidden, classes), "b2": classes}
    return {
        f"{key}.npy": npy(generator.standard_normal(shape).astype(dtype))
        for key, shape in shapes.items()
    }


NETS = [members(seed, dtype) for seed in range(27) for dtype in (np.float32, np.float64)]
NAMES = (
    "W1", "w1.npy", "W1.npy.npy", "W3.npy", "", "/", "../W1.npy", "/W1.npy", "..\\W1.npy",
    "a/W1.npy", "./W1.npy", "W1.npy/", "C:\\W1.npy", "W1.npz", "W1.npy ",
    "\u0057\u0331.npy", "W" * 4000 + ".npy",
)  # fmt: skip
DESCRIPTIONS = (
    "'<f8'", "'>f8'", "'<f4'", "'=f8'", "'f'", "'d'", "'<f2'", "'<f16'", "'<i8'", "'|b1'",
    "'<c16'", "'|O'", "'|V8'", "'|V0'", "'|S0'", "'<U2'", "'<M8[s]'", "'x'", "8", "None",
    "[('a', '<f8')]", "[('a', '|O')]", "('<f8', (2,))", "('<f8', (1000000, 1000000))",
    "'<f8' * 9",
)  # fmt: skip
SHAPES = (
    "(1, 1)", "(1,)", "()", "(0, 1)", "(1, 0)", "(2, 2)", "(-1, 1)", "(-1, -8)", "(True, True)",
    "(1.0, 1)", "(10**12, 10**6)", "(1000000000000, 1000000)", "(4294967296, 4294967296)",
    "(9223372036854775807, 2)", "(9223372036854775808,)", "(1, 1, 1)", "1", "'11'", "[1, 1]",
    f"({'1, ' * 70})", f"({'1, ' * 3000})", "(1L, 1L)", "(" * 90 + ")" * 90,
)  # fmt: skip


def odd_header(random):
    shape, description = random.choice(SHAPES), random.choice(DESCRIPTIONS)
    order = random.choice(("False", "True", "None", "1"))
    text = f"{{'descr': {description}, 'fortran_order': {order}, 'shape': {shape}, }}"
    text = random.choice((text, text, text, text[:-1], "{}", "", text.replace("shape", "chape")))
    text += random.choice(("\n", " " * random.randrange(80) + "\n", ""))
    version = random.choice(((1, 0),) * 5 + ((2, 0), (3, 0), (9, 9), (0, 0)))
    length = random.choice((None,) * 6 + (0, 1, 65535))
    return header(text, version, length) + random.randbytes(random.choice((0, 4, 8, 16, 32)))


def odd_content(random, content):
    kind = random.randrange(9)
    if kind == 0:
        return random.choice((b"", b"\x93NUMPY", b"PK", random.randbytes(40)))
    if kind == 1:
        return npy(np.array([Trap()], object))
    if kind == 2:
        return pickle.dumps(Trap())
    if kind == 3:
        return archive(random, random.choice(NETS))
    if kind == 4:
        return odd_header(random)
    if kind == 5:
        return spoiled(random, content, 3)
    if kind == 6:
        return content + b"\0" * random.randint(1, 20)
    if kind == 7:
        shape = random.choice(((), (1,), (2,), (1, 1), (2, 2), (3, 1), (0,), (1, 0), (1, 1, 1)))
        dtype = random.choice(("<f8", ">f8", "<f4", "<f2", "<i8", "?", "<c16", "S3", "f8,f8"))
        return npy(np.ones(shape).astype(dtype))
    return content.replace(b"False", b"True ", 1)


METHODS = (
    (zipfile.ZIP_STORED,) * 5 + (zipfile.ZIP_DEFLATED,) * 3 + (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
)


def archive(random, contents, *, is_plain=False):
    """A zip file of these members, written by hand where zipfile would be slow or too polite."""
    method = zipfile.ZIP_STORED if is_plain else random.choice(METHODS)
    body, directory = bytearray(), bytearray()
    items = contents.items() if isinstance(contents, dict) else contents
    for name, content in items:
        own = method if is_plain or random.random() < 0.9 else random.choice(METHODS)
        data = compressed(content, own)
        encoded = name.encode()[:65535]
        flags = 0 if is_plain else random.choice((0,) * 12 + (0x800, 0x800, 1, 8))
        crc, sizes = zlib.crc32(content), [len(data), len(content)]
        if not is_plain and random.random() < 0.03:
            sizes[random.randrange(2)] = random.choice(SIZES)
        fields = (20, flags, own, 0, 0x21, crc, *sizes, len(encoded))
        at = len(body)
        directory += struct.pack("<4s2B5H3L5H2L", b"PK\1\2", 20, 3, *fields, 0, 0, 0, 0, 0, at)
        directory += encoded
        body += struct.pack("<4s5H3L2H", b"PK\3\4", *fields, 0) + encoded + data
    count = len(contents) & 0xFFFF
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory) + end


def compressed(content, method):
    if method == zipfile.ZIP_STORED:
        return content
    if method == zipfile.ZIP_DEFLATED:
        packer = zlib.compressobj(1, zlib.DEFLATED, -15)
        return packer.compress(content) + packer.flush()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        file.writestr("a", content)
        info = file.getinfo("a")
    return stream.getvalue()[31 : 31 + info.compress_size]


def npz_file(random):
    items = list(random.choice(NETS).items())
    whole = archive(random, with_odd_members(random, items, NETS))
    return spoiled(random, whole, 3) if random.random() < 0.4 else whole


def with_odd_members(random, items, others):
    """`items`, some of which are gone, twice, under other names, other's or odd."""
    for _ in range(random.choice((0, 0, 1, 1, 1, 2, 3))):
        if not items:
            break
        place = random.randrange(len(items))
        name, content = items[place]
        kind = random.randrange(8)
        if kind == 0:
            del items[place]
        elif kind == 1:
            items.append((name, random.choice((content, odd_content(random, content)))))
        elif kind == 2:
            items[place] = random.choice(NAMES), content
        elif kind == 3:
            other = random.choice(list(random.choice(others).values()))
            items[place] = name, other
        elif kind == 4:
            items.append((random.choice(NAMES), odd_content(random, content)))
        else:
            items[place] = name, odd_content(random, content)
    if random.random() < 0.3:
        random.shuffle(items)
    return items
