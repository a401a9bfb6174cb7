"""The data file: what was written is there after a restart, and a file that is not ours is refused and kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from syncd.errors import ConfigError
from syncd.sandbox.server import SandboxConfig, SandboxServer

SERVE = """
import sys
from pathlib import Path
from syncd.sandbox.server import SandboxConfig, serve
serve(SandboxConfig(data=Path(sys.argv[1]), references="code"), ready=lambda url: print(url, flush=True))
"""


def test_records_ids_and_deletions_survive_a_restart(tmp_path: Path):
    path = tmp_path / "deep" / "data.json"
    config = SandboxConfig(data=path, references="code")
    with SandboxServer(config) as server:
        made = server.state.insert("Client", {"name": "Kept Ø", "tin": "12345678"})
        server.state.update("Client", 1, {"name": "Renamed"})
        server.state.insert("ClientContact", {"client": "/api/clients/2", "name": "A", "email": "a@example.com"})
        newest = server.state.insert(
            "ClientContact", {"client": "/api/clients/2", "name": "B", "email": "b@example.com"}
        )
        server.state.delete("ClientContact", newest["id"])
        server.state.blobs["/api/transaction-attachments/x"] = bytes(range(256))
        before, files = server.state.dump(), dict(server.state.blobs)
    with SandboxServer(config) as server:
        assert server.state.dump() == before
        assert server.state.blobs == files
        assert len(files) > 1
        assert server.state.get("Client", made["id"])["name"] == "Kept Ø"
        again = server.state.insert(
            "ClientContact", {"client": "/api/clients/2", "name": "C", "email": "c@example.com"}
        )
        assert again["id"] == newest["id"] + 1, "an id must not be given twice"
    assert list(path.parent.iterdir()) == [path], "no partial file stays behind"


def test_a_change_reaches_the_file_while_the_server_runs(tmp_path: Path):
    path = tmp_path / "data.json"
    with SandboxServer(SandboxConfig(data=path, clients=2)) as server:
        server.state.update("Client", 1, {"name": "Seen from outside"})
        deadline = time.monotonic() + 10
        while "Seen from outside" not in path.read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert "Seen from outside" in path.read_text()


def test_an_existing_file_is_not_seeded_again(tmp_path: Path):
    path = tmp_path / "data.json"
    with SandboxServer(SandboxConfig(data=path, empty=True)) as server:
        assert server.state.count("Client") == 0
    with SandboxServer(SandboxConfig(data=path, clients=10)) as server:
        assert server.state.count("Client") == 0
        assert server.state.count("Country") > 30


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b'{"format": 2, "records": {}}',
        b"\xff\xfe",
        b'{"format": 1, "references": "iri", "records": {"Nope": {}}}',
        b'{"format": 1, "references": "iri", "records": {}, "blobs": []}',
        b'{"format": 1, "references": "iri", "records": {}, "blobs": {"/api/x/1": "not base64!"}}',
    ],
)
def test_a_file_that_is_not_ours_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes):
    path = tmp_path / "data.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"data\.json"):
        SandboxServer(SandboxConfig(data=path)).start()
    assert path.read_bytes() == content


def test_a_file_made_with_other_references_is_refused(tmp_path: Path):
    path = tmp_path / "data.json"
    with SandboxServer(SandboxConfig(data=path, references="code", clients=1)):
        pass
    with pytest.raises(ConfigError, match="references='code'"):
        SandboxServer(SandboxConfig(data=path, references="iri")).start()


def test_a_directory_that_cannot_be_written_is_one_clear_error(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be"):
        SandboxServer(SandboxConfig(data=blocked / "data.json", clients=1)).start()


def test_a_taken_port_is_one_clear_error():
    with SandboxServer(SandboxConfig(clients=1)) as server:
        port = int(server.origin.rpartition(":")[2])
        with pytest.raises(ConfigError, match="cannot listen"):
            SandboxServer(SandboxConfig(clients=1, port=port)).start()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_foreground_server_ends_on_a_signal_with_everything_written(tmp_path: Path, number: signal.Signals):
    path = tmp_path / "data.json"
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as process:
        try:
            url = process.stdout.readline().decode().strip()
            origin = url.removesuffix("/api")
            made = httpx.post(f"{origin}/_sandbox/records/clients", json={"name": "At the last moment"})
            assert made.status_code == 201
        finally:
            process.send_signal(number)
        assert process.wait(timeout=20) == 0
    names = [row["name"] for row in json.loads(path.read_text())["records"]["Client"]["rows"]]
    assert "At the last moment" in names


def test_a_server_can_be_stopped_twice_and_started_again():
    server = SandboxServer(SandboxConfig(clients=3))
    for _ in range(2):
        server.start()
        assert httpx.get(f"{server.url}/docs", headers={"Accept": "application/ld+json"}).status_code == 200
        server.stop()
        server.stop()
    assert server.state.count("Client") == 3
