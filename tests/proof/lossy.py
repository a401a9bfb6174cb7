"""A relay in front of PostgreSQL that loses a share of the commits of inserts. It must never change what it passes on.

The SQL twin of the sandbox's ``reset`` and ``reset_after``: of a commit that is chosen, either the request or only the
answer is lost, and the connection with it. Which ones, the seed and the number of the commit decide.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from itertools import count

from psycopg.conninfo import conninfo_to_dict

_PIECE = 65536
_PATIENCE = 10.0  # seconds for the server to carry out what it was sent


class Relay:
    """Accepts connections on a port of its own until closed; thread-safe."""

    def __init__(self, url: str, share: float, seed: int) -> None:
        info = conninfo_to_dict(url)
        self._host, self._port = str(info["host"]), str(info.get("port", 5432))
        secret = f":{info['password']}" if "password" in info else ""
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = f"postgresql://{info.get('user', '')}{secret}@127.0.0.1:{port}/{info['dbname']}"
        self._share, self._seed = share, seed
        self._lock = threading.Lock()
        self._numbers = count(1)
        self.on = False
        self.commits = self.never_arrived = self.applied = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more; connections that are open end with their peers."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def fate(self) -> str:
        """What becomes of the next commit of an insert; counts it."""
        with self._lock:
            self.commits += 1
            drawn = blake2b(f"{self._seed}:{next(self._numbers)}".encode(), digest_size=9).digest()
            if int.from_bytes(drawn[:8], "big") >= self._share * 2**64:
                return "pass"
            if drawn[8] % 2:
                self.never_arrived += 1
                return "never arrived"
            self.applied += 1
            return "applied"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = self._upstream()
            except OSError:
                return
            line = _Line(self, client, server)
            for work in (line.requests, line.answers):
                threading.Thread(target=work, daemon=True).start()

    def _upstream(self) -> socket.socket:
        if not self._host.startswith("/"):
            return socket.create_connection((self._host, int(self._port)))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self._host}/.s.PGSQL.{self._port}")
        return server


class _Line:
    """One connection through the relay."""

    def __init__(self, relay: Relay, client: socket.socket, server: socket.socket) -> None:
        self._relay, self._client, self._server = relay, client, server
        self._inserting = self._cut = False
        self._answered = threading.Event()

    def requests(self) -> None:
        """From the client to the server, up to a commit that is to be lost."""
        with closing(self._client):
            while data := _take(self._client):
                self._inserting = self._inserting or b"INSERT" in data
                if self._relay.on and self._inserting and b"COMMIT" in data:
                    self._inserting = False
                    fate = self._relay.fate()
                    self._cut = fate != "pass"
                    if fate == "applied" and _send(self._server, data):
                        self._answered.wait(_PATIENCE)
                    if self._cut:
                        break
                if not _send(self._server, data):
                    break
            self._end()

    def answers(self) -> None:
        """From the server to the client; the answer to a commit that is to be lost goes nowhere."""
        with closing(self._server):
            while data := _take(self._server):
                if self._cut:
                    break
                if not _send(self._client, data):
                    break
            self._answered.set()
            self._end()

    def _end(self) -> None:
        for one in (self._client, self._server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _take(source: socket.socket) -> bytes:
    try:
        return source.recv(_PIECE)
    except OSError:
        return b""


def _send(target: socket.socket, data: bytes) -> bool:
    try:
        target.sendall(data)
    except OSError:
        return False
    return True


@contextmanager
def relay(url: str, share: float, seed: int) -> Iterator[Relay]:
    """A relay for the time of the block; it loses nothing before ``on`` is set."""
    made = Relay(url, share, seed)
    try:
        yield made
    finally:
        made.close()
