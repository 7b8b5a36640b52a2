"""Files that are damaged or hostile: a clear error in little memory, and nothing of them is run.

The long run is `python -m tests.fuzz --inputs 1000000`.
"""

import io
import json
import re
import shutil
import struct
import subprocess
import sys
import textwrap
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.mutations import NETS, Trap, archive, header, members, npy
from fuzz.targets import TARGETS
from kobai import TwoLayerNet

ROOT = Path(__file__).parents[1]
KEYS = ("W1", "b1", "W2", "b2")
TEN_MEGABYTES = 10_000_000
HUGE = 1 << 30


@pytest.mark.parametrize("target", TARGETS)
@given(random=st.randoms(use_true_random=False))
@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_file_is_read_right_or_refused(tmp_path, target, random):
    TARGETS[target](random, tmp_path / "some-file")


@pytest.mark.parametrize("target", TARGETS)
def test_the_long_run_runs(target):
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", "2000", "--target", target]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert run.returncode == 0, run.stderr
    words = run.stdout.replace(",", "").split()
    read, refused = int(words[words.index("read") - 1]), int(words[words.index("refused") - 1])
    # Neither all refused, for then nothing is tested, nor all read.
    assert min(read, refused) > 100, run.stdout


class Plain:
    """A source of no surprises: the first choice everywhere."""

    def choice(self, options):
        return options[0]

    def random(self):
        return 0.5


def whole(contents=None):
    return archive(Plain(), dict(NETS[1]) if contents is None else contents)


def load(tmp_path, body):
    file = tmp_path / "net.npz"
    file.write_bytes(body)
    return TwoLayerNet.load(file)


def test_what_is_spoiled_below_was_whole(tmp_path):
    for contents in NETS:
        net = load(tmp_path, whole(contents))
        for key in KEYS:
            assert contents[f"{key}.npy"].endswith(net.params[key].tobytes())


def changed(**changes):
    return dict(NETS[1]) | {f"{key}.npy": content for key, content in changes.items()}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_network_file_cut_at_any_length_is_refused(tmp_path, method):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, content in members(13).items():
            file.writestr(name, content)
    body = stream.getvalue()
    assert load(tmp_path, body).params["W1"].shape == (2, 2)
    for length in range(len(body)):
        with pytest.raises(ValueError, match=r"net\.npz must be an \.npz archive"):
            load(tmp_path, body[:length])


def pickled():
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([[Trap()]], object), allow_pickle=True)
    return stream.getvalue()


def text(shape, description="'<f8'"):
    return header(f"{{'descr': {description}, 'fortran_order': False, 'shape': {shape}, }}\n")


ONE = npy(np.ones((1, 1)))
HOSTILE = {
    "no member": [],
    "a member twice": [*NETS[1].items(), ("W1.npy", NETS[1]["W1.npy"])],
    "a member twice, one of them other": [*NETS[1].items(), ("b1.npy", npy(np.zeros(1)))],
    "a member with and without suffix": [*NETS[1].items(), ("W1", NETS[1]["W1.npy"])],
    "one more": [*NETS[1].items(), ("W3.npy", ONE)],
    "one of them without suffix": [
        (name.removesuffix(".npy") if name == "W1.npy" else name, content)
        for name, content in NETS[1].items()
    ],
    "a path upwards": [("../" + name, content) for name, content in NETS[1].items()],
    "an absolute path": [("/tmp/" + name, content) for name, content in NETS[1].items()],  # noqa: S108
    "a Windows path": [("..\\" + name, content) for name, content in NETS[1].items()],
    "a folder": [*NETS[1].items(), ("W1.npy/", b"")],
    "many members": [(f"{k}.npy", b"") for k in range(60_000)],
    "a pickled array": changed(W1=pickled()),
    "a pickled bias": changed(b2=pickled()),
    "a nested archive": changed(W1=whole()),
    "bytes that are no array": changed(W1=b"PK, but no array at all"),
    "nothing at all": changed(W1=b""),
    "an absurd shape": changed(W1=text("(1000000000000, 1000000)") + bytes(64)),
    "a shape beyond any integer": changed(W1=text("(9223372036854775808, 4)") + bytes(64)),
    "a shape whose product wraps": changed(W1=text("(4294967296, 4294967296)") + bytes(8)),
    "negative axes": changed(W1=text("(-1, -1)") + bytes(8)),
    "one negative axis": changed(W1=text("(1, -1)") + bytes(8)),
    "more data than the shape": changed(W1=ONE + bytes(8)),
    "less data than the shape": changed(W1=ONE[:-1]),
    "many axes": changed(W1=text("(" + "1, " * 100 + ")") + bytes(8)),
    "parentheses": changed(W1=text("(" * 3000 + ")" * 3000) + bytes(8)),
    "a header that is a program": changed(W1=text("__import__('os').abort()") + bytes(8)),
    "a huge item": changed(W1=text("(1, 1)", "'|V2147483647'") + bytes(8)),
    "a huge sub-array": changed(W1=text("(1, 1)", "('<f8', (1000000, 1000000))") + bytes(8)),
    "items of no size": changed(W1=text("(1000000000, 1000000000)", "'|V0'")),
    "an unknown version": changed(W1=ONE[:6] + b"\x09\x09" + ONE[8:]),
    "big-endian": {k: npy(np.ones(2).reshape(-1, 1).astype(">f8")) for k in NETS[1]},
    "layers that do not fit, small": changed(W1=npy(np.ones((1, 2))), W2=npy(np.ones((3, 1)))),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_archives_are_refused(tmp_path, kind):
    contents = HOSTILE[kind]
    with pytest.raises(ValueError, match=r"net\.npz"):
        load(tmp_path, archive(Plain(), contents))
    assert not Trap.sprung
    assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]  # nothing was unpacked


# ------------------------------------------------------------------------------------ memory


def zeros_deflated(count):
    """A deflate stream of so many zeros, a block of which is written once and repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packer.compress(bytes(TEN_MEGABYTES)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(TEN_MEGABYTES)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + block * (count // TEN_MEGABYTES) + packer.flush()


def bomb(claimed, method=zipfile.ZIP_DEFLATED, packed=None, name="W1.npy"):
    """An archive whose member `name` unpacks to far more than it weighs."""
    stream = io.BytesIO()
    content = text("(16384, 8192)")
    with zipfile.ZipFile(stream, "w") as file:
        for other, small in NETS[1].items():
            if other != name:
                file.writestr(other, small)
        start = stream.tell()
    body = stream.getvalue()[: file.start_dir]
    if packed is None:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH) + zeros_deflated(HUGE)
    start, encoded = len(body), name.encode()
    fields = (20, 0, method, 0, 0x21, 0, len(packed), claimed, len(encoded))
    body += struct.pack("<4s5H3L2H", b"PK\3\4", *fields, 0) + encoded + packed
    directory = stream.getvalue()[file.start_dir : -22]
    directory += struct.pack("<4s2B5H3L5H2L", b"PK\1\2", 20, 3, *fields, 0, 0, 0, 0, 0, start)
    directory += encoded
    count = len(file.namelist()) + 1
    end = (b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + struct.pack("<4s4H2LH", *end)


def other_bomb(method):
    import bz2
    import lzma

    zeros = bytes(300_000_000)
    if method == zipfile.ZIP_BZIP2:
        return bomb(128, method, bz2.compress(zeros))
    options = [{"id": lzma.FILTER_LZMA1, "preset": 0}]
    data = lzma.compress(zeros, lzma.FORMAT_RAW, filters=options)
    properties = bytes([0x5D]) + struct.pack("<I", 1 << 18)
    return bomb(128, method, b"\x09\x04\x05\x00" + properties + data)


def two_vectors():
    # Each small; the network between them would take 60 GB.
    wide = npy(np.zeros((1, 87_000)))
    return whole(changed(W1=wide, b1=npy(np.zeros(87_000)), W2=wide, b2=npy(np.zeros(87_000))))


def sparse_npy(path):
    with path.open("wb") as file:
        file.write(text("(16384, 8192)"))
        file.truncate(HUGE + 128)


LARGE = {
    "a bomb": lambda path: path.write_bytes(bomb(HUGE + 128)),
    "a bomb that says it is small": lambda path: path.write_bytes(bomb(128)),
    "a bomb in a member that is not wanted": lambda path: path.write_bytes(
        bomb(HUGE + 128, name="W9.npy")
    ),
    "a bzip2 bomb": lambda path: path.write_bytes(other_bomb(zipfile.ZIP_BZIP2)),
    "an LZMA bomb": lambda path: path.write_bytes(other_bomb(zipfile.ZIP_LZMA)),
    "two layers that do not fit": lambda path: path.write_bytes(two_vectors()),
    "an array instead of an archive": sparse_npy,
    "many members": lambda path: path.write_bytes(whole(HOSTILE["many members"])),
    "an absurd shape": lambda path: path.write_bytes(whole(HOSTILE["an absurd shape"])),
}

LOAD = """
    import json, resource, sys, time
    from kobai import TwoLayerNet

    def megabytes():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    before, started = megabytes(), time.perf_counter()
    try:
        TwoLayerNet.load(sys.argv[1])
        said = "nothing"
    except ValueError as error:
        said = str(error)
    print(json.dumps([said, megabytes() - before, time.perf_counter() - started]))
"""


@pytest.mark.parametrize("kind", LARGE)
def test_memory_follows_the_file_and_not_what_it_claims(tmp_path, kind):
    path = tmp_path / "net.npz"
    LARGE[kind](path)

    resource = pytest.importorskip("resource", reason="memory is bounded by the Unix way")

    def limited():
        # So that a failure of this test does no harm; far above what is asserted.
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))

    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", textwrap.dedent(LOAD), str(path)],
        capture_output=True, text=True, timeout=120, check=True, preexec_fn=limited,
    )  # fmt: skip
    said, grown, seconds = json.loads(run.stdout)
    assert "net.npz" in said
    assert grown < 100, said
    assert seconds < 5


# -------------------------------------------------------------------------------- the sources

# What ends in a panic when it is reached. A debug assertion is not in what ships.
PANICS = re.compile(
    r"\.unwrap\(\)|\.expect\(|\.unwrap_err\(|\.expect_err\(|\bunwrap_unchecked|"
    r"\b(?:panic|todo|unimplemented|unreachable|assert|assert_eq|assert_ne)!"
)

# Each with the reason why no input reaches it: all of them state what the line before has done.
UNREACHABLE = {
    'array.expect("the array is one of the network\'s")': "`direct` counts the arrays it asks for",
    'unreachable!("what has been taken has given a result")': (
        "a thread ends by its result or by a panic of its own"
    ),
    'assert!(end <= row.len(), "the row is too short")': (
        "kernels take the end of a row from the columns of its matrix; guards the unsafe loads"
    ),
    'assert!(fits, "the factors and the product do not fit")': (
        "shapes of one network and its batch, checked before; guards the unsafe products"
    ),
    'assert_eq!(data.len(), rows * cols, "matrix data and shape disagree")': (
        "the binding takes both from one NumPy array, the core from what it allocated"
    ),
}


def statements(source):
    """The code without comments and tests, white space made even."""
    source = source.partition("#[cfg(test)]")[0]
    source = re.sub(r"//[^\n]*", "", source)
    source = re.sub(r"\s+", " ", source)
    return source.replace("( ", "(").replace(", )", ")").replace(" )", ")")


def test_no_panic_stands_where_input_could_reach_it():
    found = []
    sources = sorted((ROOT / "rust").glob("*/src/**/*.rs"))
    sources = [path for path in sources if "tests" not in path.parts]
    if not sources:
        pytest.skip("needs the Rust sources")
    for path in sources:
        code = statements(path.read_text())
        for allowed in UNREACHABLE:
            code = code.replace(allowed, "")
        found += [f"{path.name}: {code[m.start() :][:60]}" for m in PANICS.finditer(code)]
    assert not found


def test_the_search_for_panics_finds_them():
    for line in ("x.unwrap();", 'x\n  .expect("y");', "panic!();", "todo!()", "assert!(a < b);"):
        assert PANICS.search(statements(f"fn f() {{ {line} }}")), line
    for line in (
        "x.unwrap_or(0)",
        "debug_assert!(a)",
        "x.expected()",
        "// panic!()",
        "unwrap_or_else(f)",
    ):
        assert not PANICS.search(statements(f"fn f() {{ {line}\n }}")), line


def licences():
    command = ["cargo", "metadata", "--offline", "--locked", "--format-version", "1"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if run.returncode:
        pytest.skip(f"cargo metadata: {run.stderr.strip()[-200:]}")
    return {
        f"{package['name']} {package['version']}": (package["license"], package["source"])
        for package in json.loads(run.stdout)["packages"]
    }


def is_allowed(expression, allowed):
    """An SPDX expression, of which one of several alternatives is enough."""
    expression = (expression or "").replace("/", " OR ")
    if " AND " in expression:
        parts = re.split(r" AND (?![^(]*\))", expression)
        return all(is_allowed(part.strip(" ()"), allowed) for part in parts)
    return any(part.strip(" ()") in allowed for part in expression.split(" OR "))


@pytest.mark.skipif(shutil.which("cargo") is None, reason="needs cargo")
def test_every_crate_has_an_allowed_licence_and_comes_from_the_registry():
    # The same list that `cargo deny check` reads, for machines without cargo-deny.
    text = (ROOT / "deny.toml").read_text()
    allowed = set(re.findall(r'"([^"]+)"', re.search(r"allow = \[(.*?)\]", text, re.S)[1]))
    assert "MIT" in allowed
    assert not any(name.startswith(("GPL", "AGPL", "LGPL")) for name in allowed)
    assert is_allowed("MIT OR GPL-3.0", allowed)
    assert not is_allowed("MIT AND GPL-3.0", allowed)
    assert not is_allowed(None, allowed)
    for crate, (expression, source) in licences().items():
        assert is_allowed(expression, allowed), f"{crate}: {expression}"
        assert source is None or source.startswith("registry+https://github.com/rust-lang/"), crate


def test_weights_that_compress_a_little_are_read(tmp_path):
    net = TwoLayerNet(784, 50, 10, rng=0)
    for key in ("W1", "W2"):
        net.params[key] = np.round(net.params[key], 3)
    np.savez_compressed(tmp_path / "net.npz", **net.params)
    loaded = TwoLayerNet.load(tmp_path / "net.npz")
    assert all((loaded.params[key] == net.params[key]).all() for key in KEYS)
