"""A server on this machine alone that gives a file, or fails at it in one of the ways in which servers fail; and how a
test forbids the network."""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

# The first part of an address says how it behaves.
BEHAVIOURS = {
    "good": "gives it, or the part that is asked for",
    "no-range": "gives all of it, whatever part is asked for",
    "refuses-range": "answers 416 to a part that is asked for",
    "other-part": "gives another part than the one that is asked for",
    "truncates": "ends after half of what it has announced",
    "stalls": "gives half, then nothing any more",
    "silent": "takes the request and says nothing",
    "drips": "gives a few bytes at a time",
    "too-long": "announces ten times as much",
    "too-short": "announces half, and gives half",
    "endless": "announces nothing and does not end",
    "wrong": "gives as many other bytes",
    "missing": "answers 404",
    "redirects": "leads to good",
    "hangs-up": "closes without a word",
}


class Loopback:
    """The server, and what it was asked for: (behaviour, the Range header) of each request."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.requests: list[tuple[str, str | None]] = []
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def url(self, behaviour: str) -> str:
        assert behaviour in BEHAVIOURS
        return f"http://{self.host}/{behaviour}/file.onnx"

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def loopback(data: bytes) -> Iterator[Loopback]:
    server = Loopback(data)
    try:
        yield server
    finally:
        server.close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


def _handler(server: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            behaviour, asked = self.path.split("/")[1], self.headers.get("Range")
            server.requests.append((behaviour, asked))
            if behaviour == "hangs-up":
                return
            if behaviour == "silent":
                server.closing.wait()
                return
            if behaviour == "missing":
                self.send_error(404)
                return
            if behaviour == "redirects":
                self.send_response(302)
                self.send_header("Location", server.url("good"))
                self.end_headers()
                return
            if behaviour == "refuses-range" and asked:
                self.send_error(416)
                return
            self._give(behaviour, asked)

        def _give(self, behaviour: str, asked: str | None) -> None:
            data, size = server.data, len(server.data)
            if behaviour == "wrong":
                data = bytes(255 - byte for byte in data)
            start = 0
            if asked and behaviour not in ("no-range", "refuses-range"):
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start - (behaviour == 'other-part')}-{size - 1}/{size}")
            else:
                self.send_response(200)
            data = data[start:]
            told = {"too-long": 10 * size, "too-short": size // 2}.get(behaviour, len(data))
            if behaviour != "endless":
                self.send_header("Content-Length", str(told))
            self.end_headers()
            if behaviour == "endless":
                while not server.closing.is_set():
                    self.wfile.write(bytes(100_000))
            elif behaviour == "drips":
                for at in range(0, len(data), 200):
                    self.wfile.write(data[at : at + 200])
                    if server.closing.wait(0.02):
                        return
            elif behaviour in ("truncates", "stalls"):
                self.wfile.write(data[: len(data) // 2])
                if behaviour == "stalls":
                    server.closing.wait()
            else:
                self.wfile.write(data[:told])

    return Handler


def refuse(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("this touches the network")


class PopenWithoutPip(subprocess.Popen):
    """Other processes may run: NumPy, for one, asks lscpu."""

    def __init__(self, args: Any, *rest: Any, **options: Any) -> None:
        if "pip" in args:
            refuse()
        super().__init__(args, *rest, **options)


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection, asks for a host's address or runs pip fails the test."""
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(subprocess, "Popen", PopenWithoutPip)
