"""load_mnist() downloads what is verified, keeps it, and fails fast and clean."""

import gc
import gzip
import hashlib
import io
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loopback
from kobai.datasets import DownloadError, cache, download, load_mnist

REAL = Path(__file__).parents[2] / "shared" / "mnist"

TRAIN = np.arange(6 * 3 * 2, dtype=np.uint8).reshape(6, 3, 2)
TEST = TRAIN[::-2]
LABELS = np.array([5, 0, 4, 1, 9, 2], dtype=np.uint8)


def packed(array: Any) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    return gzip.compress(header + array.tobytes(), mtime=0)


FILES = {
    "train-images-idx3-ubyte.gz": packed(TRAIN),
    "train-labels-idx1-ubyte.gz": packed(LABELS),
    "t10k-images-idx3-ubyte.gz": packed(TEST),
    "t10k-labels-idx1-ubyte.gz": packed(LABELS[:3]),
}
FIRST = next(iter(FILES))
TABLE = {name: (len(body), hashlib.sha256(body).hexdigest()) for name, body in FILES.items()}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, the small files' table, short waits, and no leaks."""
    monkeypatch.setenv("KOBAI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(cache, "FILES", TABLE)
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.4)
    monkeypatch.setattr(download, "STALL_SECONDS", 0.6)
    yield tmp_path / "data" / "mnist"
    gc.collect()  # a socket left open warns, and so fails, here


def use(monkeypatch: pytest.MonkeyPatch, *urls: str) -> None:
    monkeypatch.setenv("KOBAI_MNIST_MIRRORS", " ".join(urls))


def refusing() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*")}


def check_loaded() -> None:
    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=False)
    np.testing.assert_array_equal(x_train, TRAIN.reshape(6, 6))
    np.testing.assert_array_equal(t_train, LABELS)
    np.testing.assert_array_equal(x_test, TEST.reshape(3, 6))
    np.testing.assert_array_equal(t_test, LABELS[:3])


def test_downloads_once_then_reads_the_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with loopback.mirror(FILES) as server:
        use(monkeypatch, server.url)
        check_loaded()
        assert contents(folder) == FILES
        check_loaded()
        assert sorted(server.requests) == sorted(FILES)
    assert capfd.readouterr() == ("", "")


def test_a_mirror_may_be_named_without_its_last_slash(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loopback.mirror(FILES) as server:
        use(monkeypatch, server.url.rstrip("/"))
        check_loaded()
    assert contents(folder) == FILES


def test_progress_is_shown_on_a_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    with loopback.mirror(FILES) as server:
        use(monkeypatch, server.url)
        monkeypatch.setattr(sys, "stderr", terminal)
        check_loaded()
    assert all(f"{name}: 100%" in terminal.getvalue() for name in FILES)
    assert contents(folder) == FILES


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (loopback.truncated, f"{len(FILES[FIRST]) - 1} bytes came, wanted {len(FILES[FIRST])}"),
        (loopback.short, f"{len(FILES[FIRST]) - 1} bytes came, wanted {len(FILES[FIRST])}"),
        (loopback.endless, f"more bytes came, wanted {len(FILES[FIRST])}"),
        (loopback.altered, f"came, wanted {TABLE[FIRST][1]}"),
        (loopback.web_page, f"came, wanted {len(FILES[FIRST])}: it is a web page (HTML)"),
        (loopback.silent, "no answer within 0.4 s"),
        (loopback.stalled, "timed out"),
        (loopback.not_http, "BadStatusLine: SSH-2.0-mirror"),
        (lambda request, _: request.send_error(503, "Too busy"), "HTTP Error 503: Too busy"),
    ],
    ids=[
        "truncated",
        "short",
        "endless",
        "altered",
        "web_page",
        "silent",
        "stalled",
        "not_http",
        "503",
    ],
)
def test_a_bad_mirror_is_reported_and_the_next_one_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answer: loopback.Answer, message: str
) -> None:
    with loopback.mirror(FILES, answer) as bad, loopback.mirror(FILES) as fine:
        use(monkeypatch, bad.url)
        began = time.monotonic()
        with pytest.raises(DownloadError) as caught:
            load_mnist()
        assert time.monotonic() - began < 3
        assert f"{bad.url}{FIRST}: " in str(caught.value)
        assert message in str(caught.value)
        assert contents(folder) == {}
        use(monkeypatch, bad.url, fine.url)
        check_loaded()
        assert bad.requests == [FIRST, FIRST]
    assert contents(folder) == FILES


def test_the_next_mirror_goes_on_where_one_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = dict(list(FILES.items())[:2])
    with loopback.mirror(part) as first, loopback.mirror(FILES) as second:
        use(monkeypatch, first.url, second.url)
        check_loaded()
        assert first.requests == list(FILES)[:3]
        assert second.requests == list(FILES)[2:]
    assert contents(folder) == FILES


def test_error_lists_every_answer_and_the_ways_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = refusing()
    with loopback.mirror({}) as empty:
        use(monkeypatch, down, empty.url)
        with pytest.raises(DownloadError) as caught:
            load_mnist()
        assert empty.requests == [FIRST]
    message = str(caught.value)
    assert f"{down}{FIRST}: [Errno" in message
    assert f"{empty.url}{FIRST}: HTTP Error 404" in message
    for way_out in (*FILES, str(folder), "KOBAI_DATA_DIR", "path=", "load_mnist_sample()"):
        assert way_out in message
    assert isinstance(caught.value, OSError)


def test_mirror_down_then_mirror_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with loopback.mirror(FILES) as server:
        use(monkeypatch, refusing(), server.url)
        check_loaded()
    assert contents(folder) == FILES


def test_names_that_nobody_looks_up_do_not_hold_it_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def no_answer(*_: Any, **__: Any) -> Any:
        released.wait(20)
        raise socket.gaierror("no name server")

    monkeypatch.setattr(socket, "getaddrinfo", no_answer)
    monkeypatch.delenv("KOBAI_MNIST_MIRRORS", raising=False)
    before = set(threading.enumerate())
    began = time.monotonic()
    try:
        with pytest.raises(DownloadError) as caught:
            load_mnist()
        assert time.monotonic() - began < 2
    finally:
        released.set()
        for thread in set(threading.enumerate()) - before:
            thread.join(5)
    assert str(caught.value).count("no answer within 0.4 s") == len(cache.MIRRORS) == 2
    assert all(f"{mirror}{FIRST}" in str(caught.value) for mirror in cache.MIRRORS)
    assert not folder.exists()


def test_no_network_is_known_well_within_ten_seconds() -> None:
    assert download.ANSWER_SECONDS * len(cache.MIRRORS) <= 8


def test_a_late_answer_is_closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hung_up = threading.Event()

    def late(request: loopback.Request, body: bytes) -> None:
        time.sleep(0.5)
        request.start(len(body))
        request.connection.settimeout(3)
        if request.connection.recv(1) == b"":
            hung_up.set()

    with loopback.mirror(FILES, late) as server:
        use(monkeypatch, server.url)
        gc.disable()
        try:
            with pytest.raises(DownloadError):
                load_mnist()
            assert hung_up.wait(3)
        finally:
            gc.enable()
    assert not folder.exists()


@pytest.mark.parametrize("scheme", ["file://", "ftp://127.0.0.1", "data:,", "127.0.0.1"])
def test_only_http_is_spoken(folder: Path, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    source = folder.parents[1] / "source"
    source.mkdir()
    for name, body in FILES.items():
        (source / name).write_bytes(body)
    use(monkeypatch, f"{scheme}{source}")
    with pytest.raises(DownloadError, match="unknown url type"):
        load_mnist()


def test_redirects_are_followed_but_not_to_another_scheme(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = ""

    def elsewhere(request: loopback.Request, _body: bytes) -> None:
        request.send_response(302)
        request.send_header("Location", f"{target}{request.path.rpartition('/')[2]}")
        request.end_headers()

    with loopback.mirror(FILES, elsewhere) as first, loopback.mirror(FILES) as second:
        use(monkeypatch, first.url)
        target = "ftp://127.0.0.1:9/"
        with pytest.raises(DownloadError, match="unknown url type: ftp"):
            load_mnist()
        target = folder.parents[1].as_uri() + "/"
        with pytest.raises(DownloadError, match="not allowed"):
            load_mnist()
        target = second.url
        check_loaded()
    assert contents(folder) == FILES


@pytest.mark.parametrize("damage", ["altered", "truncated", "extended", "emptied", "removed"])
def test_a_damaged_cache_is_repaired(
    folder: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    with loopback.mirror(FILES) as server:
        use(monkeypatch, server.url)
        load_mnist()
        for name, body in FILES.items():
            server.requests.clear()
            path = folder / name
            if damage == "removed":
                path.unlink()
            else:
                path.write_bytes(
                    {
                        "altered": body[:-1] + bytes([body[-1] ^ 1]),
                        "truncated": body[:-1],
                        "extended": body + b"\0",
                        "emptied": b"",
                    }[damage]
                )
            check_loaded()
            assert server.requests == [name]
            assert contents(folder) == FILES


def test_a_damaged_cache_is_never_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(parents=True)
    for name, body in FILES.items():
        (folder / name).write_bytes(body)
    (folder / FIRST).write_bytes(packed(TRAIN[::-1]))
    use(monkeypatch, refusing())
    with pytest.raises(DownloadError, match=FIRST):
        load_mnist()


def test_an_unverified_file_beside_the_cache_is_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    (folder / FIRST.removesuffix(".gz")).write_bytes(gzip.decompress(packed(TRAIN[::-1])))
    with loopback.mirror(FILES) as server:
        use(monkeypatch, server.url)
        check_loaded()


def test_path_never_downloads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with loopback.mirror(FILES) as server:
        use(monkeypatch, server.url)
        folder.mkdir(parents=True)
        with pytest.raises(FileNotFoundError):
            load_mnist(path=folder)
        assert server.requests == []


def test_folder_falls_back_to_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    for unset in (None, ""):
        if unset is None:
            monkeypatch.delenv("KOBAI_DATA_DIR", raising=False)
        else:
            monkeypatch.setenv("KOBAI_DATA_DIR", unset)
        assert cache.cache_folder() == Path(platformdirs.user_cache_dir("kobai")) / "mnist"


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_cached_files_can_be_shared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0o022)
    try:
        with loopback.mirror(FILES) as server:
            use(monkeypatch, server.url)
            load_mnist()
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}


def test_a_cache_that_cannot_be_written_is_said_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.parent.write_text("a file where the folder should be")
    with loopback.mirror(FILES) as server:
        use(monkeypatch, server.url)
        with pytest.raises(DownloadError, match=r"could not be stored: .*\n.*KOBAI_DATA_DIR"):
            load_mnist()


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize(("owner", "where"), [(os, "fsync"), (Path, "replace")])
def test_a_failure_while_storing_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, owner: Any, where: str
) -> None:
    seen: list[str] = []

    def fail(*_: Any) -> None:
        seen.extend(contents(folder))
        raise failure

    with loopback.mirror(FILES) as server:
        use(monkeypatch, server.url)
        with monkeypatch.context() as broken:
            broken.setattr(owner, where, fail)
            with pytest.raises((DownloadError, KeyboardInterrupt)):
                load_mnist()
        assert len(seen) == 1
        assert seen[0] != FIRST
        assert contents(folder) == {}
        check_loaded()


def test_temporary_files_lie_beside_the_cached_ones_under_names_of_their_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.replace
    temporaries: list[Path] = []

    def recorded(path: Path, target: Path) -> None:
        temporaries.append(path)
        original(path, target)

    monkeypatch.setattr(Path, "replace", recorded)
    with loopback.mirror(FILES) as server:
        use(monkeypatch, server.url)
        for _ in range(2):
            load_mnist()
            for name in FILES:
                (folder / name).unlink()
    assert len(set(temporaries)) == 2 * len(FILES)
    assert {path.parent for path in temporaries} == {folder}


def test_what_a_killed_download_left_is_removed_when_it_is_old(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    old, new = (folder / f".{FIRST}.{digit * 16}.tmp" for digit in "0f")
    for path in (old, new):
        path.touch()
    os.utime(old, (time.time() - 4000,) * 2)
    with loopback.mirror(FILES) as server:
        use(monkeypatch, server.url)
        check_loaded()
    assert set(contents(folder)) == {*FILES, new.name}


def test_losing_the_race_to_replace_does_no_harm(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.replace

    def refused(path: Path, target: Path) -> None:
        original(path, target)
        path.write_bytes(target.read_bytes())
        raise PermissionError("the other process has the file open")

    monkeypatch.setattr(Path, "replace", refused)
    with loopback.mirror(FILES) as server:
        use(monkeypatch, server.url)
        check_loaded()
    assert contents(folder) == FILES


PROCESS = """
from kobai.datasets import cache, download, load_mnist
cache.FILES = {table!r}
download.ANSWER_SECONDS = download.STALL_SECONDS = {answer_seconds}
(x, t), _ = load_mnist(normalize=False)
print(int(x.sum()), int(t.sum()))
"""


def start_process(answer_seconds: float) -> subprocess.Popen[str]:
    code = PROCESS.format(table=TABLE, answer_seconds=answer_seconds)
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_several_processes_download_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each asks for the first file before any gets it, so that all of them store all files.
    together = threading.Barrier(3)

    def at_once(request: loopback.Request, body: bytes) -> None:
        if body == FILES[FIRST]:
            together.wait(20)
        loopback.good(request, body)

    with loopback.mirror(FILES, at_once) as server:
        use(monkeypatch, server.url)
        processes = [start_process(answer_seconds=20) for _ in range(3)]
        outputs = [process.communicate(timeout=120) for process in processes]
        assert server.requests.count(FIRST) == 3
    assert outputs == [(f"{TRAIN.sum()} {LABELS.sum()}\n", "")] * 3
    assert contents(folder) == FILES


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("last", [loopback.silent, loopback.stalled])
def test_ctrl_c_leaves_nothing_half(
    folder: Path, monkeypatch: pytest.MonkeyPatch, last: loopback.Answer
) -> None:
    reached = threading.Event()

    def second_hangs(request: loopback.Request, body: bytes) -> None:
        if body == FILES[FIRST]:
            loopback.good(request, body)
        else:
            reached.set()
            last(request, body)

    with loopback.mirror(FILES, second_hangs) as server:
        use(monkeypatch, server.url)
        process = start_process(answer_seconds=20)
        assert reached.wait(20)
        time.sleep(0.1)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        assert time.monotonic() - began < 2
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert process.returncode != 0
    assert contents(folder) == {FIRST: FILES[FIRST]}


def test_import_is_cheap_and_needs_little_else_of_kobai() -> None:
    # The bare parent module keeps the rest of the package out of the measurement.
    package = Path(cache.__file__).parents[1]
    code = f"""
import sys, types
sys.modules["kobai"] = parent = types.ModuleType("kobai")
parent.__path__ = [{str(package)!r}]
import kobai.datasets
print([name for name in ("urllib.request", "http.client", "ssl", "tqdm", "platformdirs")
       if name in sys.modules])
print(sorted({{name.split(".")[1] for name in sys.modules if name.startswith("kobai.")}}))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    assert done.stdout.split("\n")[:2] == ["[]", "['_io', 'datasets']"]


@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/mnist, the real files")
def test_real_files_over_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOBAI_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    files = {path.name: path.read_bytes() for path in REAL.glob("*.gz")}
    with loopback.mirror(files) as server:
        use(monkeypatch, server.url)
        (x_train, t_train), (x_test, t_test) = load_mnist(normalize=False)
    assert contents(tmp_path / "mnist") == files
    assert (x_train.shape, x_test.shape) == ((60000, 784), (10000, 784))
    assert (t_train.shape, t_test.shape) == ((60000,), (10000,))
    assert t_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert t_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert x_train.mean() == pytest.approx(33.318, abs=1e-3)
