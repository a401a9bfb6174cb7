"""One PostgreSQL server process on one data directory, as our direct child. Must never outlive this process.

Whoever calls this holds the lock of the data directory: a server found running on it belongs to nobody any more.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from threading import Event, Thread
from typing import Final

import psycopg

from syncd.errors import StoreUnavailable
from syncd.store.binaries import find_binaries
from syncd.store.identity import Identity, choose

USER: Final = "postgres"
PORT: Final = 5432
_POLL_SECONDS: Final = 0.01
_STOP_SECONDS: Final = 30.0
_ORPHAN_SECONDS: Final = 60.0
_LOG_BYTES: Final = 10_000_000
_TAIL_BYTES: Final = 2_000
_STILL_USED: Final = "pre-existing shared memory block"
_INITDB: Final = ("-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions")
_SETTINGS: Final = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    # In the data directory and not in /dev/shm: containers give that little room, and a killed server leaves it there.
    "dynamic_shared_memory_type": "mmap",
}
# For tests: a crash of the machine may lose data, a crash of the server may not.
_CARELESS: Final = {"fsync": "off", "full_page_writes": "off"}


class Server:
    """A server that is ready when ``start`` returns and gone when ``stop`` returns."""

    def __init__(self, data_dir: Path, socket_dir: Path, *, durable: bool) -> None:
        self._data_dir = data_dir
        self._socket_dir = socket_dir
        self._durable = durable
        self._log = data_dir.with_name(f"{data_dir.name}.log")
        self._process: subprocess.Popen[bytes] | None = None
        self._spawned = Event()
        self._ended = Event()
        self._failure: OSError | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the server while it lives."""
        return self._process.pid if self._process is not None and not self._ended.is_set() else None

    @property
    def running(self) -> bool:
        """False once the process has ended, for whatever reason."""
        return self.pid is not None

    def start(self) -> None:
        """Make the data directory if there is none, and start. No time limit while the server recovers.

        Raises StoreUnavailable with the end of the server's log when it does not come up.
        """
        binaries = find_binaries()
        identity = choose(self._data_dir)
        identity.own(self._socket_dir)
        if not (self._data_dir / "PG_VERSION").is_file():
            self._initialise(identity, binaries)
        self._retire_old_server()
        deadline = time.monotonic() + _ORPHAN_SECONDS
        while not self._launch(identity, binaries):
            # Backends of a killed server are still ending; they notice within moments.
            if time.monotonic() > deadline:
                raise StoreUnavailable(f"processes of an earlier server still use {self._data_dir}")
            time.sleep(_POLL_SECONDS * 10)

    def stop(self) -> None:
        """Disconnect everybody and shut down; at once and with recovery later if that takes too long."""
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self._process is None or self._ended.is_set():
                return
            self._process.send_signal(number)
            self._ended.wait(_STOP_SECONDS)

    def _initialise(self, identity: Identity, binaries: Path) -> None:
        """Make the directory beside and rename it: a half-made one is never taken for a database."""
        beside = self._data_dir.with_name(f"{self._data_dir.name}.new")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o700)
        identity.own(beside)
        sync = () if self._durable else ("--no-sync",)
        done = subprocess.run(  # noqa: S603 - the found initdb with constant arguments
            identity.command(binaries / "initdb", "-D", str(beside), *_INITDB, *sync),
            check=False,
            capture_output=True,
            text=True,
            env=_environment(),
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[-_TAIL_BYTES:]
            raise StoreUnavailable(f"no database could be made in {self._data_dir}: {said}")
        beside.rename(self._data_dir)

    def _retire_old_server(self) -> None:
        """End a server that lost its owner, and let a stale pid file name us.

        PostgreSQL takes a pid file with its parent's number for stale whatever that number is now, and still looks for
        backends that use the old shared memory; deleting the file would switch that check off. One without a number
        (a full disk leaves such) tells nobody anything and would stop every start.
        """
        pid_file = self._data_dir / "postmaster.pid"
        if not Path("/proc/self").exists():
            return  # PostgreSQL judges by the number alone there
        told = False
        while (pid := _pid_in(pid_file)) is not None and _serves(pid, self._data_dir):
            if not told:
                os.kill(pid, signal.SIGQUIT)
                told = True
            time.sleep(_POLL_SECONDS)
        if pid is not None:
            lines = pid_file.read_text().splitlines()
            pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        else:
            pid_file.unlink(missing_ok=True)

    def _launch(self, identity: Identity, binaries: Path) -> bool:
        """Start the process and wait until it answers; False when the old one's memory is still in use."""
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
            self._log.replace(self._log.with_name(f"{self._log.name}.1"))
        begin = self._log.stat().st_size if self._log.exists() else 0
        settings = _SETTINGS if self._durable else {**_SETTINGS, **_CARELESS}
        arguments = ["-D", str(self._data_dir), "-k", str(self._socket_dir)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        self._spawned.clear()
        self._ended.clear()
        command = identity.command(binaries / "postgres", *arguments)
        # The kernel ends the server when the thread that started it ends, so the thread stays for as long.
        Thread(target=self._keep, args=(command,), name="embedded-postgres", daemon=True).start()
        self._spawned.wait()
        if self._failure is not None:
            raise StoreUnavailable(f"PostgreSQL cannot be started: {self._failure}")
        while not answers(self._socket_dir):
            if self._ended.wait(_POLL_SECONDS):
                said = self._said_since(begin)
                if _STILL_USED in said:
                    return False
                raise StoreUnavailable(f"PostgreSQL did not start on {self._data_dir}: {said or 'it said nothing'}")
        return True

    def _keep(self, command: list[str]) -> None:
        try:
            # A session of its own: Ctrl-C on our terminal must not stop the server before we are done with it.
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 - the found postgres with our arguments
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=_environment(),
                    start_new_session=True,
                )
        except OSError as error:
            self._failure = error
            self._ended.set()
            return
        finally:
            self._spawned.set()
        self._process.wait()
        self._ended.set()

    def _said_since(self, begin: int) -> str:
        with self._log.open("rb") as log:
            log.seek(begin)
            return log.read()[-_TAIL_BYTES:].decode(errors="replace").strip()


def connect(socket_dir: Path, database: str = USER) -> psycopg.Connection[tuple[object, ...]]:
    """A connection to the server behind a socket directory. Raises psycopg.OperationalError."""
    return psycopg.connect(
        host=str(socket_dir), port=PORT, user=USER, dbname=database, connect_timeout=5, autocommit=True
    )


def answers(socket_dir: Path) -> bool:
    """True when a server accepts connections there."""
    try:
        connect(socket_dir).close()
    except psycopg.OperationalError:
        return False
    return True


def _environment() -> dict[str, str]:
    """Ours without what would redirect PostgreSQL, and with messages that we can read."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PG")}, "LC_ALL": "C"}


def _pid_in(pid_file: Path) -> int | None:
    try:
        return abs(int(pid_file.read_text().split("\n", 1)[0]))
    except (FileNotFoundError, ValueError):
        return None


def _serves(pid: int, data_dir: Path) -> bool:
    """True when this process is a live server on the directory; a zombie or a stranger with that number is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, IndexError):
        return False
    return state not in {"Z", "X"} and os.fsencode(data_dir) in command
