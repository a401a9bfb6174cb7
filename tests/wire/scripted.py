"""A real HTTP/1.1 server on 127.0.0.1 whose answers a test writes by hand, down to cut bodies and silent drops.

It answers on real sockets with keep-alive, so that everything between our client and the wire is exercised.
"""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

LD = "application/ld+json; charset=utf-8"


@dataclass(frozen=True)
class Got:
    """One request as the server read it."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """An answer; ``body`` is sent as it is when it is bytes, else as JSON."""

    status: int = 200
    body: Any = b""
    kind: str = LD
    headers: Mapping[str, str] = field(default_factory=dict)

    def render(self) -> bytes:
        payload = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        try:
            reason = HTTPStatus(self.status).phrase
        except ValueError:
            reason = "Odd"
        lines = [f"HTTP/1.1 {self.status} {reason}"]
        named = {name.lower() for name in self.headers}
        if self.kind:
            lines.append(f"Content-Type: {self.kind}")
        if "content-length" not in named and "transfer-encoding" not in named:
            lines.append(f"Content-Length: {len(payload)}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


@dataclass(frozen=True)
class Drop:
    """Close the connection after reading the request, having sent only ``first``."""

    first: bytes = b""


@dataclass(frozen=True)
class Drip:
    """Send ``data`` one byte at a time, waiting on the server's end signal in between."""

    data: bytes
    pause: float = 0.02


@dataclass(frozen=True)
class Hang:
    """Answer nothing until the client goes away or the server stops."""


Answering = Reply | Drop | Drip | Hang
Script = Callable[[Got], Answering]


class ScriptedServer:
    """The server. ``got`` holds every request in order. Stops its threads on exit."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.got: list[Got] = []
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                owner._serve(self)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = False
            block_on_close = True
            allow_reuse_address = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
        self._server.server_close()

    def count(self, method: str, path: str | None = None) -> int:
        return sum(got.method == method and (path is None or got.path == path) for got in self.got)

    def _serve(self, handler: socketserver.StreamRequestHandler) -> None:
        with self._lock:
            self._connections.add(handler.request)
        try:
            while not self.stopping.is_set() and (got := _read(handler)) is not None:
                with self._lock:
                    self.got.append(got)
                if not self._answer(handler, self.script(got)):
                    return
        except OSError:
            return
        finally:
            with self._lock:
                self._connections.discard(handler.request)

    def _answer(self, handler: socketserver.StreamRequestHandler, answer: Answering) -> bool:
        """True when the connection may serve another request."""
        if isinstance(answer, Drop):
            handler.wfile.write(answer.first)
            return False
        if isinstance(answer, Hang):
            self.stopping.wait()
            return False
        if isinstance(answer, Drip):
            for number in range(len(answer.data)):
                handler.wfile.write(answer.data[number : number + 1])
                if self.stopping.wait(answer.pause):
                    return False
            return False
        handler.wfile.write(answer.render())
        return "connection" not in {name.lower() for name in answer.headers}


def _read(handler: socketserver.StreamRequestHandler) -> Got | None:
    line = handler.rfile.readline(65536).decode("latin-1").strip()
    if not line:
        return None
    method, target, _ = line.split(" ")
    headers: dict[str, str] = {}
    while row := handler.rfile.readline(65536).decode("latin-1").strip():
        name, _, value = row.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Got(method, target, headers, handler.rfile.read(int(headers.get("content-length", "0"))))
