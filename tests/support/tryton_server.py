"""A real Tryton server for tests: installed from the package index into a venv of its own, once, and kept.

``tryton_server(folder)`` starts one on an ephemeral port of 127.0.0.1 with a fresh copy of a prepared database
(module ``party``) and stops it by its process id. The cache is ``$SYNCD_TEST_CACHE`` or ``~/.cache/syncd-tests``; the
first use of a version takes about half a minute. With ``postgres_url`` a prepared database ``tryton_template_8_2`` is
left on that server for the next test. ``TrytonServer.rpc`` lets a test act as a person in the ERP.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg import sql

VERSIONS = ("8.2", "7.0")
PASSWORD = "tryton-test-password"
_START_SECONDS = 60
_PACKAGES = {
    "8.2": ("trytond==8.2.*", "trytond_party==8.2.*", "psycopg[binary,pool]>=3.2"),
    "7.0": ("trytond==7.0.*", "trytond_party==7.0.*", "setuptools<81"),
}
_COUNTRIES = (("Denmark", "DK"), ("Poland", "PL"), ("Sweden", "SE"), ("Germany", "DE"), ("Norway", "NO"))


class TrytonTrouble(Exception):
    """The server answered an error, or could not be started."""


@dataclass
class TrytonServer:
    """A running server. ``url`` has no path; ``database`` is the name in it."""

    url: str
    database: str
    version: str
    log: Path
    username: str = "admin"
    password: str = PASSWORD
    process: subprocess.Popen[bytes] | None = None
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=120))
    _session: str = ""
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def endpoint(self) -> str:
        """Where calls go: the path differs between the versions."""
        return f"{self.url}/{self.database}/" + ("" if self.version == "7.0" else "rpc/")

    def rpc(self, method: str, *params: Any) -> Any:
        """Call as the administrator; the context is added. ``rpc("model.party.party.create", [{"name": "X"}])``."""
        if not self._session:
            user, token, *_ = self._post("common.db.login", [self.username, {"password": self.password}, "en"])
            self._session = httpx.BasicAuth(f"{self.username}:{user}", token)._auth_header.replace("Basic", "Session")
        return self._post(method, [*params, {}])

    def parties(self, values: list[dict[str, Any]]) -> list[int]:
        """Create parties in one transaction; the ids."""
        return self.rpc("model.party.party.create", values)

    def country(self, code: str) -> int:
        """The id of a country."""
        return self.rpc("model.country.country.search", [["code", "=", code]], 0, 1, [])[0]

    def merge(self, source: int, destination: int) -> None:
        """Run the wizard that replaces one party by another, acknowledging its warnings."""
        for _ in range(5):
            session, start, _end = self.rpc("wizard.party.replace.create")
            ask = {start: {"source": source, "destination": destination}}
            answer = self._answer("wizard.party.replace.execute", [session, ask, "replace", {}])
            if "error" not in answer:
                return
            kind, arguments = answer["error"][0], answer["error"][1]
            if kind != "UserWarning":
                raise TrytonTrouble(answer["error"])
            user = self.rpc("model.res.user.search", [["login", "=", self.username]], 0, 1, [])[0]
            name = arguments[0] if isinstance(arguments, list) else arguments
            self.rpc("model.res.user.warning.create", [{"user": user, "name": name, "always": False}])
        raise TrytonTrouble("the merge asked for ever")

    def stop(self) -> None:
        """End the process: later requests find nobody there."""
        if self.process is not None:
            _stop(self.process)

    @property
    def stopped(self) -> bool:
        """True when the process has ended."""
        return self.process is not None and self.process.poll() is not None

    def clear(self) -> None:
        """Delete every party."""
        found = self.rpc("model.party.party.search", [["active", "in", [True, False]]], 0, None, [])
        if found:
            self.rpc("model.party.party.delete", found)

    def close(self) -> None:
        """Release the test's own connection; the process is stopped by the context manager."""
        self._client.close()

    def _post(self, method: str, params: list[Any]) -> Any:
        answer = self._answer(method, params)
        if "error" in answer:
            raise TrytonTrouble(answer["error"])
        return answer["result"]

    def _answer(self, method: str, params: list[Any]) -> dict[str, Any]:
        headers = {"Authorization": self._session} if self._session else {}
        body = {"id": next(self._ids), "method": method, "params": params}
        response = self._client.post(self.endpoint, json=body, headers=headers)
        response.raise_for_status()
        return response.json()


@contextmanager
def tryton_server(folder: Path, *, version: str = "8.2", postgres_url: str | None = None) -> Iterator[TrytonServer]:
    """A running server with an empty party database. ``postgres_url``: keep it there (8.2 only), else in SQLite."""
    home = environment(version)
    folder.mkdir(parents=True, exist_ok=True)
    with _database(home, folder, version, postgres_url) as (name, uri):
        process, port, log = _start(home, folder, name, uri)
        server = TrytonServer(f"http://127.0.0.1:{port}", name, version, log, process=process)
        try:
            _wait(server, process)
            yield server
        finally:
            server.close()
            server.stop()


def environment(version: str) -> Path:
    """The folder that holds the venv and the prepared database of a version, made when missing. Safe in parallel."""
    cache = Path(os.environ.get("SYNCD_TEST_CACHE") or Path.home() / ".cache" / "syncd-tests")
    home = cache / f"tryton-{version}"
    home.mkdir(parents=True, exist_ok=True)
    ready = home / "ready"
    with _locked(home / "lock"):
        if not ready.exists():
            shutil.rmtree(home / "venv", ignore_errors=True)
            _run(sys.executable, "-m", "venv", str(home / "venv"))
            _run(str(home / "venv/bin/pip"), "install", "--quiet", *_PACKAGES[version])
            template = home / "template"
            shutil.rmtree(template, ignore_errors=True)
            template.mkdir()
            (template / "party.sqlite").touch()
            _prepare(home, template, "party", "sqlite://", version)
            ready.touch()
    return home


def _prepare(home: Path, folder: Path, name: str, uri: str, version: str) -> None:
    """Create the tables of module ``party``, some countries in an empty database."""
    config = _configure(folder, uri, port=0)
    secret = folder / "password"
    secret.write_text(PASSWORD)
    command = [str(home / "venv/bin/trytond-admin"), "-c", str(config), "-d", name, "--email", "admin@example.com"]
    _run(*command, "-u", "party", "--activate-dependencies", TRYTONPASSFILE=str(secret))
    process, port, log = _start(home, folder, name, uri)
    server = TrytonServer(f"http://127.0.0.1:{port}", name, version, log)
    try:
        _wait(server, process)
        server.rpc("model.country.country.create", [{"name": label, "code": code} for label, code in _COUNTRIES])
    finally:
        server.close()
        _stop(process)


@contextmanager
def _database(home: Path, folder: Path, version: str, postgres_url: str | None) -> Iterator[tuple[str, str]]:
    """A fresh copy of the prepared database: its name and the server's configuration for it."""
    if postgres_url is None:
        _copy(home / "template" / "party.sqlite", folder / "party.sqlite")
        yield "party", "sqlite://"
        return
    name, template = f"tryton_{os.getpid()}_{next(_COUNTER)}", f"tryton_template_{version.replace('.', '_')}"
    # A Tryton configuration names the server; the database comes with each request.
    info = psycopg.conninfo.conninfo_to_dict(postgres_url)
    uri = f"postgresql://{info.get('user', '')}:{info.get('password', '')}@{_place(info)}"
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        with _locked(home / "lock"):
            known = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template]).fetchone()
            if known is None:
                making = f"{template}_making"
                admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(making)))
                admin.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(making))
                )
                (folder / "making").mkdir()
                _prepare(home, folder / "making", making, uri, version)
                admin.execute(
                    sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (making, template)))
                )
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, template))))
        try:
            yield name, uri
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _copy(source: Path, target: Path) -> None:
    """A copy of an SQLite database with what still stands in its write-ahead log."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


_COUNTER = itertools.count(1)


def _place(info: dict[str, Any]) -> str:
    host, port = str(info.get("host", "127.0.0.1")), info.get("port", 5432)
    return f"/?host={host}&port={port}" if host.startswith("/") else f"{host}:{port}/"


def _configure(folder: Path, uri: str, port: int) -> Path:
    config = folder / "trytond.cfg"
    # Each wrong password makes the server wait a random time, up to 2 ** attempts seconds: three are enough to lock.
    config.write_text(
        f"[web]\nlisten = 127.0.0.1:{port}\n[database]\nuri = {uri}\npath = {folder}\n[email]\nuri = smtp://127.0.0.1:9\n"
        "[session]\nmax_attempt = 3\n"
    )
    return config


def _start(home: Path, folder: Path, name: str, uri: str) -> tuple[subprocess.Popen[bytes], int, Path]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "trytond.log"
    with log.open("ab") as output:
        command = [str(home / "venv/bin/trytond"), "-c", str(_configure(folder, uri, port)), "-d", name]
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    return process, port, log


def _wait(server: TrytonServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            server.rpc("model.party.party.search_count", [])
        except (httpx.HTTPError, TrytonTrouble):
            time.sleep(0.1)
        else:
            return
    raise TrytonTrouble(f"the server did not start:\n{server.log.read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _run(*command: str, **environment_: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment_}, check=False)
    if done.returncode != 0:
        raise TrytonTrouble(f"{command[0]} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
