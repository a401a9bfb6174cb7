"""A wire to PostgreSQL that can be cut: a small TCP proxy before the server. It changes no byte and speaks for nobody."""

from __future__ import annotations

import contextlib
import os
import select
import socket
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

import psycopg
from sqlalchemy.engine import make_url


class Wire:
    """Listens on this machine and carries bytes to the server of a URL, while it is not cut."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closing = Event()
        self._lock = Lock()
        self._open: list[socket.socket] = []
        self._threads: list[Thread] = []
        self.how = "whole"
        """``whole``; ``cut``: connections end and new ones are refused; ``silent``: bytes are taken and kept."""

    @property
    def url(self) -> str:
        """The same database, over this wire."""
        host, port = self._listener.getsockname()[:2]
        kept = {name: value for name, value in self._url.query.items() if name not in {"host", "port"}}
        return self._url.set(host=host, port=port, query=kept).render_as_string(hide_password=False)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._listener.close()
        self._drop()
        for thread in self._threads:
            thread.join(10)

    def cut(self) -> None:
        """As a pulled cable whose ends notice."""
        self.how = "cut"
        self._drop()

    def fall_silent(self) -> None:
        """As a firewall that forgot us: nobody is told, nothing arrives."""
        self.how = "silent"

    def mend(self) -> None:
        """New connections get through again. What was swallowed is lost, so old connections end."""
        self.how = "whole"
        self._drop()

    def _start(self, work: object, *arguments: object) -> None:
        thread = Thread(target=work, args=arguments, name="wire", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(OSError, ValueError):  # a listener that was closed under us
                if not select.select([self._listener], [], [], 0.1)[0]:
                    continue
                near, _ = self._listener.accept()
                if self.how == "cut":
                    near.close()
                    continue
                self._start(self._carry, near)

    def _carry(self, near: socket.socket) -> None:
        try:
            far = self._far()
        except OSError:
            _end(near)
            return
        with self._lock:
            self._open += [near, far]
        ends = {near: far, far: near}
        with contextlib.suppress(OSError, ValueError):  # a socket that was dropped under us
            while not self._closing.is_set():
                for ready in select.select([near, far], [], [], 0.1)[0]:
                    data = ready.recv(65536)
                    if not data:
                        raise OSError("ended")
                    if self.how != "silent":
                        ends[ready].sendall(data)
        for end in ends:
            _end(end)

    def _far(self) -> socket.socket:
        info = psycopg.conninfo.conninfo_to_dict(
            self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        )
        host, port = str(info.get("host") or "127.0.0.1"), int(info.get("port") or 5432)
        if not host.startswith("/"):
            return socket.create_connection((host, port), timeout=10)
        far = socket.socket(socket.AF_UNIX)
        far.connect(os.path.join(host, f".s.PGSQL.{port}"))  # noqa: PTH118 - a socket's name, not a file's
        return far

    def _drop(self) -> None:
        with self._lock:
            gone, self._open = self._open, []
        for end in gone:
            _end(end)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
