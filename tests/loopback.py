"""An HTTP server on 127.0.0.1 that stands for a mirror, well or badly behaved."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any


class Mirror(socketserver.ThreadingTCPServer):
    """Serves `files` by name, each answered by `answer(request, body)`."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 32

    def __init__(self, files: dict[str, bytes], answer: "Answer") -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.files = files
        self.answer = answer
        self.requests: list[str] = []
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/mnist/"

    def handle_error(self, *_: Any) -> None:
        """Stay silent about a client that hung up."""


class Request(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.requests.append(name)
        if name in self.server.files:
            self.server.answer(self, self.server.files[name])
        else:
            self.send_error(404)

    def log_message(self, *_: Any) -> None:
        """Keep stderr clean: a test reads it."""

    def start(self, length: int | None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()


Answer = Callable[[Request, bytes], None]


def good(request: Request, body: bytes) -> None:
    request.start(len(body))
    request.wfile.write(body)


def truncated(request: Request, body: bytes) -> None:
    request.start(len(body))
    request.wfile.write(body[:-1])


def short(request: Request, body: bytes) -> None:
    good(request, body[:-1])


def altered(request: Request, body: bytes) -> None:
    good(request, body[:-1] + bytes([body[-1] ^ 1]))


def web_page(request: Request, _body: bytes) -> None:
    good(request, b"<html>Please log in ...</html>")


def silent(request: Request, _body: bytes) -> None:
    request.server.closing.wait(20)


def stalled(request: Request, body: bytes) -> None:
    request.start(len(body))
    request.wfile.write(body[: len(body) // 2])
    request.wfile.flush()
    request.server.closing.wait(20)


def endless(request: Request, body: bytes) -> None:
    request.start(None)
    request.wfile.write(body)
    while not request.server.closing.is_set():
        request.wfile.write(bytes(1 << 16))


def not_http(request: Request, _body: bytes) -> None:
    request.wfile.write(b"SSH-2.0-mirror\r\n")


@contextmanager
def mirror(files: dict[str, bytes], answer: Answer = good) -> Iterator[Mirror]:
    with Mirror(files, answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
