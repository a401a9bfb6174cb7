"""The daemon's HTTP server: ``/healthz``, ``/readyz``, ``/metrics``, and what is posted to its hooks.

Shows states and numbers; never a record, never a secret. Takes no body that is larger or slower than allowed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Thread
from typing import Any, Final, NamedTuple, Protocol

_BODY_SECONDS: Final = 10.0  # a body that takes longer is not waited for
_POSTS_AT_ONCE: Final = 16


class Answer(NamedTuple):
    """What a probe gets."""

    status: int
    content_type: str
    body: bytes


def as_json(ok: bool, state: Mapping[str, Any]) -> Answer:
    """A JSON answer: 200 when all is well, else 503."""
    body = json.dumps({"ok": ok, **state}, default=str).encode()
    return Answer(200 if ok else 503, "application/json", body)


Routes = Mapping[str, Callable[[], Answer]]


class Posted(NamedTuple):
    """What was posted; header names in lower case."""

    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Posts(Protocol):
    """Whoever takes what is posted."""

    def limit(self, path: str) -> int | None:
        """Bytes that may be posted to a path; None where nothing may."""

    def receive(self, posted: Posted) -> Answer:
        """Answer at once."""


class HealthServer:
    """A small HTTP server in a thread of its own."""

    def __init__(self, host: str, port: int, routes: Routes, posts: Posts | None = None) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(routes, posts))
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One request; the server's own subclass knows the routes."""

    routes: Routes
    posts: Posts | None
    at_once: BoundedSemaphore
    timeout = 10

    def do_GET(self) -> None:
        route = self.routes.get(self.path.partition("?")[0])
        self._send(_said(404, "not found") if route is None else route())

    def do_POST(self) -> None:
        if not self.at_once.acquire(blocking=False):
            self._send(_said(503, "busy"))
            return
        try:
            self._send(self._taken())
        finally:
            self.at_once.release()

    def _taken(self) -> Answer:
        path, _, query = self.path.partition("?")
        limit = None if self.posts is None else self.posts.limit(path)
        if self.posts is None or limit is None:
            return _said(404, "not found")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or self.headers.get("Transfer-Encoding"):
            return _said(411, "a length is needed")
        if len(length) > len(str(limit)) or int(length) > limit:
            return _said(413, f"at most {limit} bytes")
        body = self._body(int(length))
        if body is None:
            return _said(408, "too slow")
        headers = {name.lower(): value for name, value in self.headers.items()}
        return self.posts.receive(Posted(path, query, headers, body))

    def _body(self, length: int) -> bytes | None:
        """The body, or None when it did not come in time."""
        ends, parts, left = time.monotonic() + _BODY_SECONDS, list[bytes](), length
        while left:
            part = b"" if time.monotonic() > ends else self.rfile.read1(left)
            if not part:
                return None
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Probes come every few seconds; they are not news."""


def _handler(routes: Routes, posts: Posts | None) -> type[BaseHTTPRequestHandler]:
    known = {"routes": routes, "posts": posts, "at_once": BoundedSemaphore(_POSTS_AT_ONCE)}
    return type("Handler", (_Handler,), known)


def _said(status: int, words: str) -> Answer:
    return Answer(status, "text/plain", f"{words}\n".encode())
