"""Fetch one file of known size over http or https, within bounds of time and of size."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from kobai._io.contents import ENOUGH, what_it_is
from kobai.datasets.idx import GZIP_MAGIC

if TYPE_CHECKING:
    from concurrent.futures import Future
    from http.client import HTTPResponse
    from urllib.request import OpenerDirector

ANSWER_SECONDS = 3.0
STALL_SECONDS = 5.0
CHUNK = 1 << 16


def fetch(url: str, size: int) -> bytes:
    """Fetch a file, with a progress bar on a terminal or in a notebook.

    Parameters
    ----------
    url : str
        An http or https address.
    size : int
        Bytes the file must have; never more than ``size + 1`` are read.

    Returns
    -------
    bytes
        The file, `size` bytes.

    Raises
    ------
    OSError
        If no answer came within `ANSWER_SECONDS`, the answer stalled for `STALL_SECONDS`, it was
        an error or not HTTP, the file has another size, or `url` is not an address.
    """
    from http.client import HTTPException

    try:
        body = _read(url, size)
    except (HTTPException, ValueError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
    if len(body) != size:
        came = f"{len(body)} bytes" if len(body) < size else "more bytes"
        found = what_it_is(bytes(body[:ENOUGH]))
        instead = f": it is {found}" if found and not body.startswith(GZIP_MAGIC) else ""
        raise OSError(f"{came} came, wanted {size}{instead}")
    return bytes(body)


def _read(url: str, size: int) -> bytearray:
    from kobai._progress import progress_bar

    body = bytearray()
    name = url.rpartition("/")[2]
    with (
        _open(url) as response,
        progress_bar(size, desc=name, unit="B", unit_scale=True) as bar,
    ):
        while chunk := response.read1(min(CHUNK, size + 1 - len(body))):
            body += chunk
            bar.advance(len(chunk))
    return body


def _open(url: str) -> HTTPResponse:
    # A socket's timeout bounds neither the look-up of a name nor the attempts at several addresses.
    # So this waits for a thread, which may go on alone.
    from concurrent.futures import Future
    from concurrent.futures import TimeoutError as FutureTimeoutError

    answer: Future[HTTPResponse] = Future()
    threading.Thread(target=_answer, args=(url, answer), daemon=True).start()
    try:
        return answer.result(ANSWER_SECONDS)
    except FutureTimeoutError:
        if answer.cancel():
            raise TimeoutError(f"no answer within {ANSWER_SECONDS:g} s") from None
        return answer.result()
    finally:
        answer.cancel()


def _answer(url: str, answer: Future[HTTPResponse]) -> None:
    from urllib.error import HTTPError, URLError

    response: HTTPResponse | None = None
    error: Exception | None = None
    try:
        response = _opener().open(url, timeout=STALL_SECONDS)
    except HTTPError as refused:
        refused.close()
        error = OSError(str(refused))
    except URLError as failed:
        error = OSError(str(failed.reason))
    except Exception as other:
        error = other
    if not answer.set_running_or_notify_cancel():
        if response is not None:
            response.close()
    elif response is not None:
        answer.set_result(response)
    else:
        answer.set_exception(error)


def _opener() -> OpenerDirector:
    # Python's default opener would also open file:, ftp: and data: addresses.
    from urllib import request

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler,
        request.HTTPHandler,
        request.HTTPSHandler,
        request.HTTPRedirectHandler,
        request.HTTPDefaultErrorHandler,
        request.HTTPErrorProcessor,
        request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener
