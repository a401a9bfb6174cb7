"""``syncd flowtly`` as a person meets it: against a running sandbox, in a process of its own, with nothing but YAML."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from syncd.cli.app import run
from syncd.connectors.flowtly.client import FlowtlyClient
from syncd.connectors.flowtly.settings import FlowtlySettings
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.server import SandboxServer
from tests.connectors.flowtly_cases import World, unique
from tests.e2e import logbook
from tests.engine.world import MAPPING, PASSWORD, SETTINGS
from tests.wire.peers import RealClock

Syncd = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    config = SandboxConfig(envelope="hydra", references="code", empty=True, password=PASSWORD)
    with SandboxServer(config) as started:
        yield started


@pytest.fixture
def world(server: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A configuration in the folder we are in. No database is there: a call by hand needs none."""
    (tmp_path / "clients.yaml").write_text(MAPPING)
    (tmp_path / "syncd.yaml").write_text(f"{SETTINGS.rstrip()}\n  - clients.yaml\n")
    nowhere = "postgresql://127.0.0.1:1/none"
    env = {"FLOWTLY_URL": server.url, "FLOWTLY_PASSWORD": PASSWORD, "ERP_DATABASE_URL": nowhere}
    for name, value in {**env, "SYNCD_DATABASE_URL": nowhere, "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    settings = FlowtlySettings.model_validate({"url": server.url, "token": server.auth.issue(server.config.user)})
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with FlowtlyClient.from_settings(settings, RealClock()) as client:
        server.reset_requests()
        yield World(server, client, tmp_path)
    server.faults.clear()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def syncd(capsys: pytest.CaptureFixture[str]) -> Syncd:
    """One command in this process; both of its streams. A process of its own for each would cost seconds."""

    def command(*arguments: str, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        ended = run(["flowtly", *arguments])
        said = capsys.readouterr()
        logbook.keep(said.out + said.err)
        assert ended == code, f"{arguments}: {ended}\n{said.out}\n{said.err}"
        return said.out, said.err

    return command


def answered(syncd: Syncd, *arguments: str) -> Any:
    return json.loads(syncd("call", *arguments, "--json")[0])


def test_it_runs_as_a_process(world: World) -> None:
    iri = world.booking(description="Kaffe på Østerbro", amount=-12.5)
    call = [sys.executable, "-m", "syncd.cli", "flowtly", "call", "GET", iri]
    done = subprocess.run(call, capture_output=True, text=True, check=True, encoding="utf-8")
    logbook.keep(done.stdout + done.stderr)
    assert done.stderr == ""
    assert json.loads(done.stdout)["description"] == "Kaffe på Østerbro"


def test_all_endpoints_are_listed(syncd: Syncd, world: World) -> None:
    lines = syncd("endpoints")[0].splitlines()
    assert len(lines) == 98
    line = next(line for line in lines if line.startswith("POST /invoices/send "))
    assert " ".join(line.split()[2:]) == "invoices.send-many send on request: Sends several invoices to customers"
    listed = json.loads(syncd("endpoints", "--json")[0])
    assert len({(each["method"], each["path"]) for each in listed}) == 98


def test_a_record_is_read_by_path_by_iri_and_by_name(syncd: Syncd, world: World) -> None:
    iri = world.booking(description="Kaffe på Østerbro", amount=-12.5)
    key = iri.rpartition("/")[2]
    for call in (["GET", f"/transactions/{key}"], ["get", iri], ["transactions.get", key], ["transactions.get", iri]):
        found = answered(syncd, *call)
        assert (found["@id"], found["amount"], found["description"]) == (iri, -12.5, "Kaffe på Østerbro")
    assert "Kaffe på Østerbro" in syncd("call", "GET", iri)[0]


def test_a_query_stands_in_options_or_behind_the_path(syncd: Syncd, world: World) -> None:
    names = [world.row(world.company())["name"] for _ in range(2)]
    for call in (["clients.list", "--query", f"name={names[0]}"], ["GET", f"/clients?name={names[0]}"]):
        assert [each["name"] for each in answered(syncd, *call)["hydra:member"]] == [names[0]]


def test_a_change_needs_a_yes(syncd: Syncd, world: World) -> None:
    iri = world.budget()
    change = ["call", "budgets.patch", iri, "--body", '{"name": "Fleet 2027"}']
    _, said = syncd(*change, code=3)
    assert "refused" in said
    assert "this changes what Flowtly holds" in said
    assert world.server.requests == {}
    syncd(*change, "--yes")
    assert world.row(iri)["name"] == "Fleet 2027"
    (world.folder / "body.json").write_text('{"name": "Fleet 2028"}')
    assert answered(syncd, "PATCH", iri, "--body", "@body.json", "--yes")["name"] == "Fleet 2028"


def test_sending_says_to_whom_and_needs_a_yes(syncd: Syncd, world: World) -> None:
    client = world.company()
    world.add("ClientContact", client=client, type="billing", email="pay@example.com", name="Pay")
    invoice = world.invoice(client=client)
    send = ["call", "POST", f"{invoice}/send", "--body", '{"recipients": ["boss@example.com"]}']
    _, said = syncd(*send, code=3)
    assert "this sends mail, and it cannot be called back. It goes to boss@example.com" in said
    _, said = syncd("call", "invoices.send", invoice, code=3)
    assert "the contacts of the invoice's client" in said
    before = len(world.letters())
    assert world.server.requests == {}
    _, said = syncd(*send, "--yes")
    assert "It goes to boss@example.com" in said
    (letter,) = world.letters()[before:]
    assert (letter["invoice"], letter["recipients"]) == (invoice, ["boss@example.com"])


def test_a_file_is_fetched_with_its_checksum(syncd: Syncd, world: World) -> None:
    booking = world.booking()
    name = world.row(world.attachment(b"bytes", transaction=booking))["name"]
    body = json.dumps({"transactions": [booking]})
    told = answered(syncd, "transactions.export-attachments", "-o", "july.zip", "--body", body)
    content = (world.folder / "july.zip").read_bytes()
    assert told == {"path": "july.zip", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    with zipfile.ZipFile(world.folder / "july.zip") as archive:
        assert archive.namelist() == [name]
    said, _ = syncd("call", "GET", "/transactions/export/mt940", "-o", "july.sta")
    assert hashlib.sha256((world.folder / "july.sta").read_bytes()).hexdigest() in said


@pytest.mark.parametrize(("what", "name"), [("mt940", "export-mt940"), ("zip", "export-attachments")])
@pytest.mark.parametrize("form", ["cut", "malformed"])
def test_a_bad_file_is_an_error_and_leaves_nothing(syncd: Syncd, world: World, what: str, name: str, form: str) -> None:
    world.attachment(os.urandom(999), transaction=world.booking())
    world.server.faults.add("corrupt", what=what, form=form)
    before = sorted(each.name for each in world.folder.iterdir())
    _, said = syncd("call", f"transactions.{name}", "-o", "export", code=1)
    assert "BadAnswer" in said
    assert "a file that cannot be used" in said
    assert sorted(each.name for each in world.folder.iterdir()) == before


def test_a_file_is_uploaded_once(syncd: Syncd, world: World) -> None:
    scan, booking = world.folder / f"{unique('scan')}.pdf", world.booking()
    scan.write_bytes(unique("%PDF").encode() * 7)
    upload = ["transaction-attachments.upload", "--file", scan.name, "--yes"]
    made = answered(syncd, *upload, "--body", json.dumps({"transaction": booking}))
    assert made["sent"] is True
    assert world.server.state.blobs[made["@id"]] == scan.read_bytes()
    assert world.row(made["@id"])["transaction"] == booking
    again, said = syncd("call", *upload)
    assert "Flowtly has this file already" in said
    assert made["@id"] in again
    assert world.server.requests["POST /transaction-attachments/create"] == 1
    assert answered(syncd, *upload, "--again")["@id"] != made["@id"]


def test_transactions_are_imported_from_a_file_or_a_body(syncd: Syncd, world: World) -> None:
    account, day = world.account(), "2026-07-01T00:00:00+00:00"
    (world.folder / "july.csv").write_text(
        f"bankAccount,description,amount,orderDate,execDate\n{account},Fee,-2.5,{day},{day}\n"
    )
    assert answered(syncd, "transactions.import", "--file", "july.csv", "--yes")["imported"] == 1
    row = {"bankAccount": account, "description": "Fee", "amount": -3.75, "orderDate": day, "execDate": day}
    (iri,) = answered(syncd, "transactions.import", "--body", json.dumps([row]), "--yes")["transactions"]
    assert world.row(iri)["amount"] == -3.75


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["GET", "/cleints"], "did you mean 'GET /clients'?"),
        (["invoice.send", "1"], "did you mean 'invoices.send'?"),
        (["POST", "/organizations/clear", "--yes"], "there is no POST /organizations/clear"),
        (["DELETE", "/clients/1", "--yes"], "there is GET /clients/{id}, PATCH /clients/{id}"),
        (["clients.get"], "needs id"),
        (["GET"], "give a method and one path"),
        (["clients.list", "--query", "name"], "is not name=value"),
        (["clients.create", "--body", "{", "--yes"], "--body is not JSON"),
        (["clients.create", "--body", "@absent.json", "--yes"], "absent.json: No such file"),
        (["clients.list", "-o", "x"], "gives no file"),
        (["transactions.export-mt940"], "say where to put it with -o FILE"),
        (["transaction-attachments.upload", "--yes"], "name it with --file"),
        (["clients.create", "--file", "x", "--yes"], "takes no file"),
        (["transaction-attachments.upload", "--file", "absent.pdf", "--yes"], "absent.pdf cannot be read"),
        (["transactions.import", "--file", "x", "--body", '{"a": 1}', "--yes"], "an object of texts"),
    ],
)
def test_a_call_that_does_not_fit_says_what_would(syncd: Syncd, world: World, arguments: list[str], said: str) -> None:
    _, shown = syncd("call", *arguments, code=1)
    assert said in " ".join(shown.split())
    assert world.server.requests == {}


def test_an_error_of_flowtly_is_told(syncd: Syncd, world: World) -> None:
    _, said = syncd("call", "clients.get", "999999", code=1)
    assert "NotFound: flowtly: GET " in said
    body = json.dumps({"name": "", "client": "/api/clients/1"})
    _, said = syncd("call", "budgets.create", "--body", body, "--yes", code=1)
    assert "Refused" in said
    assert "name: This value should not be blank." in said


def test_limits_of_files_are_settings(syncd: Syncd, world: World) -> None:
    config = world.folder / "syncd.yaml"
    written = config.read_text()
    limits = "flowtly:\n  transfers: {max_bytes: 10, max_unpacked: 20, max_files: 3, deadline: 5m}"
    config.write_text(written.replace("flowtly:", limits, 1))
    world.booking()
    _, said = syncd("call", "transactions.export-mt940", "-o", "july.sta", code=1)
    assert "larger than 10 bytes" in said
    assert not (world.folder / "july.sta").exists()
    config.write_text(config.read_text().replace("max_bytes: 10", "max_byte: 10"))
    _, said = syncd("call", "transactions.export-mt940", "-o", "july.sta", code=1)
    assert "syncd.yaml:3" in said
    assert "max_bytes" in said
