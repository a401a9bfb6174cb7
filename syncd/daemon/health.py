"""``/healthz``, ``/readyz`` and ``/metrics`` over HTTP. Shows states and numbers; never a record, never a secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple


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


class HealthServer:
    """A small HTTP server in a thread of its own."""

    def __init__(self, host: str, port: int, routes: Routes) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(routes))
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


def _handler(routes: Routes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            route = routes.get(self.path.partition("?")[0])
            answer = Answer(404, "text/plain", b"not found\n") if route is None else route()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Probes come every few seconds; they are not news."""

    return Handler
