"""httpx's transport with a deadline that holds: a peer that sends one byte at a time cannot outlast it.

httpx bounds each read, not their sum. Here every socket operation gets what is left of the request's own time.
Looking up a host name is the one step that the operating system bounds, not we.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import httpcore
import httpx

from syncd.ports.sending import still_allowed

_GLANCE: Final = 0.25  # seconds a read may block before the stop signals are looked at
_KEEP_ALIVE: Final = 5.0  # seconds; shorter than any server's, so that a write rarely meets a connection just closed


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Until when (monotonic seconds) the current thread's request may use a socket, and what ends it before."""

    deadline: float
    stops: tuple[threading.Event, ...] = ()

    def left(self, until: float, error: type[Exception]) -> float:
        """Seconds that remain. Raises ``error`` when there are none."""
        if any(stop.is_set() for stop in self.stops):
            raise error("stopped")
        left = min(until, self.deadline) - time.monotonic()
        if left <= 0:
            raise error("no complete answer in time")
        return left


_UNBOUNDED: Final = _Bounds(float("inf"))
_current: Final = threading.local()


@contextmanager
def bounded(deadline: float, stops: tuple[threading.Event, ...]) -> Iterator[None]:
    """Bound every socket operation of this thread inside the block."""
    before = _bounds()
    _current.bounds = _Bounds(deadline, stops)
    try:
        yield
    finally:
        _current.bounds = before


def _bounds() -> _Bounds:
    bounds: _Bounds = getattr(_current, "bounds", _UNBOUNDED)
    return bounds


class BoundedTransport(httpx.HTTPTransport):
    """A connection pool whose sockets keep the deadline of the request they serve. No proxies, no cookies."""

    def __init__(self, connections: int) -> None:
        context = _trust()
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=_KEEP_ALIVE,
            network_backend=_BoundedBackend(),
        )


@cache
def _trust() -> ssl.SSLContext:
    """The certificates we trust, loaded once: SSL_CERT_FILE or SSL_CERT_DIR where set, else the usual ones."""
    return httpx.create_ssl_context()


class _BoundedBackend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _bounds().left(_until(timeout), httpcore.ConnectTimeout)
        return _BoundedStream(self._inner.connect_tcp(host, port, left, local_address, socket_options))


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        until, bounds = _until(timeout), _bounds()
        while True:
            left = bounds.left(until, httpcore.ReadTimeout)
            try:
                return self._inner.read(max_bytes, min(left, _GLANCE))
            except httpcore.ReadTimeout:
                continue  # nothing was taken off the socket; ``left`` ends this

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        still_allowed()
        self._inner.write(buffer, _bounds().left(_until(timeout), httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _bounds().left(_until(timeout), httpcore.ConnectTimeout)
        return _BoundedStream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _until(timeout: float | None) -> float:
    return float("inf") if timeout is None else time.monotonic() + timeout
