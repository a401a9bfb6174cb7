"""A PostgreSQL of our own under the data directory, for a first try and for tests. Must never be left running alone.

One process owns the server (a file lock says which) and the server ends with it, whatever kills it. Other processes
attach through the same socket; when the owner ends, one of them takes over.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import os
import stat
import time
from pathlib import Path
from threading import Event, Lock, Thread
from typing import IO, Final, Self
from urllib.parse import quote, urlencode

from psycopg import errors, sql

from syncd.errors import StoreUnavailable
from syncd.store.server import PORT, USER, Server, answers, connect

_SOCKET_NAME: Final = f".s.PGSQL.{PORT}"
_LONGEST_SOCKET_PATH: Final = 100  # the kernel's limit is 107 bytes, and 103 on macOS
_SHORT_ROOT: Final = Path("/tmp")  # noqa: S108 - only for a private directory whose owner is checked
_POLL_SECONDS: Final = 0.02
_WATCH_SECONDS: Final = 0.2
_ATTACH_SECONDS: Final = 600.0  # a server that recovers may take long; its owner holds the lock meanwhile


class EmbeddedPostgres:
    """The server of one data directory, owned or attached to. ``durable`` False is for tests: no fsync."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self._data_dir = data_dir.absolute()
        self._socket_dir = _socket_dir(self._data_dir)
        self._durable = durable
        self._lock_file: IO[str] | None = None
        self._server: Server | None = None
        self._stopping = Event()
        self._watcher: Thread | None = None
        self._guard = Lock()

    @property
    def owner(self) -> bool:
        """True when this process runs the server; False when it is attached to another one's."""
        return self._server is not None

    @property
    def pid(self) -> int | None:
        """The server's process id, where we own it."""
        return None if self._server is None else self._server.pid

    def start(self) -> None:
        """Own the server or attach to it; it answers when this returns. Raises StoreUnavailable."""
        with self._guard:
            if self._lock_file is not None:
                return
            self._stopping.clear()
            try:
                self._data_dir.parent.mkdir(parents=True, exist_ok=True)
                lock_path = self._data_dir.with_name(f"{self._data_dir.name}.lock")
                self._lock_file = lock_path.open("a")
                self._own_or_attach(self._lock_file)
            except OSError as error:
                self._release()
                raise StoreUnavailable(f"no embedded PostgreSQL in {self._data_dir}: {error}") from error
            except BaseException:
                self._release()
                raise
            self._watcher = Thread(target=self._watch, name="embedded-postgres-watch", daemon=True)
            self._watcher.start()
            atexit.register(self.stop)

    def url(self, database: str = "syncd") -> str:
        """The URL of a database of this server, made when it is missing. Raises StoreUnavailable."""
        try:
            with connect(self._socket_dir) as connection:
                found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
                # Another process may make it at the same time; then it is made.
                with contextlib.suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                    if found is None:
                        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        except errors.OperationalError as error:
            raise StoreUnavailable(f"the embedded PostgreSQL does not answer: {error}") from error
        place = urlencode({"host": str(self._socket_dir), "port": PORT})
        return f"postgresql://{USER}@/{quote(database, safe='')}?{place}"

    def stop(self) -> None:
        """Stop the server if it is ours, else only let go of it. Harmless when it was never started."""
        atexit.unregister(self.stop)
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
        with self._guard:
            self._release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _own_or_attach(self, lock_file: IO[str]) -> None:
        deadline = time.monotonic() + _ATTACH_SECONDS
        while not self._try_to_own(lock_file):
            if answers(self._socket_dir):
                return
            if time.monotonic() > deadline:
                raise StoreUnavailable(f"another process owns {self._data_dir} and its PostgreSQL does not answer")
            time.sleep(_POLL_SECONDS)

    def _try_to_own(self, lock_file: IO[str]) -> bool:
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        server = Server(self._data_dir, self._socket_dir, durable=self._durable)
        try:
            _make_private(self._socket_dir, self._data_dir)
            server.start()
        except BaseException:
            fcntl.flock(lock_file, fcntl.LOCK_UN)
            raise
        self._server = server
        return True

    def _watch(self) -> None:
        """Take over from an owner that ended, and start a server again that ended by itself."""
        while not self._stopping.wait(_WATCH_SECONDS):
            try:
                if self._server is None and self._lock_file is not None:
                    self._try_to_own(self._lock_file)
                elif self._server is not None and not self._server.running:
                    self._server.start()
            except (StoreUnavailable, OSError):
                # Whoever uses the store meets the same trouble and says so; here only the next attempt matters.
                continue

    def _release(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None
            with contextlib.suppress(OSError):  # whoever takes over makes it again
                self._socket_dir.rmdir()
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None


def ensure(var_dir: Path) -> EmbeddedPostgres:
    """The embedded server under ``var_dir``, started or attached to. Raises StoreUnavailable."""
    server = EmbeddedPostgres(Path(var_dir) / "postgres")
    server.start()
    return server


def _socket_dir(data_dir: Path) -> Path:
    """Beside the data; in a short place of our own when that path is longer than a socket may be named."""
    beside = data_dir.with_name(f"{data_dir.name}.run")
    if len(os.fsencode(beside / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
        return beside
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return _SHORT_ROOT / f"syncd-{os.geteuid()}-{name}"


def _make_private(directory: Path, data_dir: Path) -> None:
    """A directory that nobody else can enter: who can reach the socket needs no password."""
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    owners = {os.geteuid()}
    if os.geteuid() == 0 and data_dir.exists():
        owners.add(data_dir.stat().st_uid)  # the account under which root runs the server
    if found.st_uid not in owners or not stat.S_ISDIR(found.st_mode) or stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
        raise StoreUnavailable(f"{directory} belongs to somebody else or is open to others; remove it")
