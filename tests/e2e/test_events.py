"""Events and hooks with the daemon as a process: invoices, budgets and transactions at Flowtly, a real receiver."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from syncd.cli import app as cli
from syncd.core.signing import sign, verify
from tests.e2e import logbook
from tests.e2e.test_daemon import Process, eventually
from tests.engine.world import MAPPING, SETTINGS, World, built
from tests.wire.scripted import Answering, Drop, Got, Reply, ScriptedServer

HOOK_SECRET = "whsec_aG9vay1zZWNyZXQtMDgxNQ=="
PLAIN_SECRET = "plain-secret-0815"
EVENTS = """\
events:
  every: 1s
  retry: {first: 1s, longest: 1s}
  targets:
    reminders: {webhook: {url: "${RECEIVER_URL}", secret: "${HOOK_SECRET}", timeout: 1s}}
    bi: {table: {system: erp, resource: syncd_events, create: true}}
  watches:
    - name: invoice-status
      resource: invoices
      fields: [status, name, client]
      every: 1s
      emit:
        - {event: invoice.status_changed, when: {changes: [status]}}
        - {event: invoice.paid, when: {becomes: {status: paid}}, to: [reminders]}
    - name: budgets
      resource: budgets
      fields: [name, type, budgetGroup]
      every: 1s
      emit: [{event: budget.changed, when: changes}]
    - name: unassigned
      resource: transactions-unassigned
      fields: [amount, description]
      every: 1s
      emit: [{event: transaction.unassigned, when: appears}]
    - name: spending
      resource: budget-transactions
      sum: {by: budget, of: amount}
      every: 1s
      emit: [{event: budget.over_threshold, when: {crosses: {field: total, above: [80000, 100000], back: 5000}}}]
hooks:
  flowtly: {secret: "${HOOK_SECRET}", wakes: [clients], at_most_every: 1s}
  sandbox:
    secret: "${PLAIN_SECRET}"
    wakes: [clients]
    signature: {header: X-Flowtly-Signature, prefix: "sha256="}
"""
SCHEDULE = "schedule: {every: 10m, full: 1h}\n"


def told(events: str = EVENTS) -> str:
    """The settings with these events; a lease that a killed daemon does not hold for long."""
    return SETTINGS.replace("limits: {", f"{events}limits: {{lease: 3s, ")


class Receiver:
    """Whoever wants to be told; it loses the answer of every third delivery."""

    def __init__(self) -> None:
        self.told: dict[str, dict[str, Any]] = {}
        self.strange: list[Got] = []
        self.count = 0
        self.server = ScriptedServer(self._script)

    def _script(self, got: Got) -> Answering:
        if not verify(HOOK_SECRET, got.headers, got.body, datetime.now(UTC).timestamp(), 60):
            self.strange.append(got)
            return Reply(401)
        event = got.json
        known = self.told.setdefault(event["id"], event)
        if known != event:
            self.strange.append(got)
        self.count += 1
        return Drop() if self.count % 3 == 1 else Reply(200)

    def names(self) -> list[str]:
        return sorted(event["type"] for event in self.told.values())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with made.server:
        yield made


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str, receiver: Receiver) -> Iterator[World]:
    """A client with an invoice, a budget and a transaction, all watched; the mapping is approved."""
    with built(tmp_path, pg_url, store_url) as made:
        made.env |= {
            "RECEIVER_URL": f"{receiver.server.url}/in",
            "HOOK_SECRET": HOOK_SECRET,
            "PLAIN_SECRET": PLAIN_SECRET,
        }
        made.configure(MAPPING + SCHEDULE, told())
        made.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", terms=14)
        made.run(person=True)
        yield made


def add(world: World, resource: str, **fields: Any) -> str:
    """A person adds a record at Flowtly; its IRI."""
    made = world.in_flowtly("POST", resource, fields)
    return f"/api/{resource}/{made['id']}"


def invoice(world: World) -> str:
    day = "2031-05-01T00:00:00+00:00"
    return add(
        world,
        "invoices",
        name="F-1",
        client=world.links()["C1"],
        currency="DKK",
        issueDate=day,
        saleDate=day,
        dueDate=day,
    )


def transaction(world: World, amount: float) -> str:
    account = f"/api/bank-accounts/{world.in_flowtly('GET', 'bank-accounts')[0]['id']}"
    return add(
        world,
        "transactions",
        bankAccount=account,
        description="Paper",
        amount=amount,
        currency="DKK",
        orderDate="2031-05-01T00:00:00+00:00",
        execDate="2031-05-01T00:00:00+00:00",
    )


def based(daemon: Process, count: int = 4) -> None:
    """Every watch has finished a walk."""
    eventually(lambda: len({one["watch"] for one in daemon.said("watch.finished")}) == count)


@pytest.fixture
def daemon(world: World) -> Iterator[Process]:
    process = Process(world)
    yield process
    if process.process.poll() is None:
        process.stop()


def rows(world: World) -> dict[str, str]:
    """The table of events: id to name."""
    try:
        return dict(world.erp("SELECT id, event FROM syncd_events"))  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - before the first event there is no table
        return {}


def test_changes_at_flowtly_reach_a_receiver_and_a_table(world: World, receiver: Receiver) -> None:
    bill, budget = invoice(world), add(world, "budgets", name="Travel")
    spent = transaction(world, -700)
    daemon = Process(world)
    try:
        based(daemon)
        world.in_flowtly("PATCH", bill[5:], {"status": "paid"})
        world.in_flowtly("PATCH", budget[5:], {"name": "Travel and trade"})
        new = transaction(world, -500)
        add(world, "budget-transactions", budget=budget, transaction=spent, amount=70000)
        eventually(lambda: len(receiver.told) == 4)
        add(world, "budget-transactions", budget=budget, transaction=spent, amount=20000)
        eventually(lambda: len(receiver.told) >= 5)
        add(world, "budget-transactions", budget=budget, transaction=new, amount=20000)
        eventually(lambda: len(receiver.told) >= 6 and len(rows(world)) >= 5)
        # The receiver has an event before the daemon has its answer, and it loses every third of those.
        counted = 'syncd_events_total{outcome="delivered",target="reminders"} 6.0'
        eventually(lambda: counted in daemon.get("/metrics")[1])
    finally:
        daemon.stop()
    assert receiver.names() == [
        "budget.changed",
        "budget.over_threshold",
        "budget.over_threshold",
        "invoice.paid",
        "invoice.status_changed",
        "transaction.unassigned",
    ]
    over = [one["data"] for one in receiver.told.values() if one["type"] == "budget.over_threshold"]
    assert [(one["level"], one["after"]["total"], one["record"]["key"]) for one in over] == [
        ("80000", "90000", budget),
        ("100000", "110000", budget),
    ]
    (paid,) = [one["data"] for one in receiver.told.values() if one["type"] == "invoice.paid"]
    assert (paid["record"]["key"], paid["before"]["status"], paid["after"]["status"]) == (bill, "draft", "paid")
    assert receiver.strange == []
    assert receiver.count > len(receiver.told)
    assert rows(world).items() == {
        (identity, one["type"]) for identity, one in receiver.told.items() if one["type"] != "invoice.paid"
    }
    text = daemon.log.read_text()
    assert HOOK_SECRET not in text
    assert "aG9vay1" not in text


def test_a_killed_daemon_is_followed_by_one_that_tells_the_rest(world: World, receiver: Receiver) -> None:
    bill = invoice(world)
    first = Process(world)
    based(first)
    for number in range(3):
        world.in_flowtly("PATCH", bill[5:], {"status": "sent" if number % 2 == 0 else "draft"})
        eventually(lambda wanted=number + 1: receiver.names().count("invoice.status_changed") >= wanted)
    first.kill()
    world.in_flowtly("PATCH", bill[5:], {"status": "paid"})
    second = Process(world, "two")
    try:
        eventually(lambda: "invoice.paid" in receiver.names(), patience=120)
    finally:
        second.stop()
    changes = [one["data"] for one in receiver.told.values() if one["type"] == "invoice.status_changed"]
    assert [one["after"]["status"] for one in changes] == ["sent", "draft", "sent", "paid"]


def knock(daemon: Process, secret: str = HOOK_SECRET) -> int:
    body = b'{"event": "client.updated", "iri": "/api/clients/666"}'
    connection = HTTPConnection("127.0.0.1", daemon.port, timeout=10)
    try:
        headers = sign(secret, "msg_1", int(time.time()), body)
        connection.request("POST", "/hooks/flowtly", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_knock_lets_the_mapping_run_now(world: World, daemon: Process) -> None:
    eventually(lambda: daemon.said("run.finished"))
    world.edit(world.links()["C1"], addressCity="Vejle")
    assert [knock(daemon, "wrong") for _ in range(5)] == [401] * 5
    assert len(daemon.said("hook.refused")) == 1
    assert len(daemon.said("run.finished")) == 1
    assert [knock(daemon) for _ in range(5)] == [202] * 5
    eventually(lambda: world.customers()["C1"]["city"] == "Vejle")
    eventually(lambda: 2 <= len(daemon.said("run.finished")) <= 3)
    assert HOOK_SECRET not in daemon.log.read_text()


def test_a_webhook_of_flowtly_brings_an_edit_over_at_once(world: World, daemon: Process) -> None:
    """The sandbox signs with the text of its secret, so this hook has one that is no ``whsec_``."""
    eventually(lambda: daemon.said("run.finished"))
    add(world, "webhooks", url=f"http://127.0.0.1:{daemon.port}/hooks/sandbox", secret=PLAIN_SECRET)
    world.edit(world.links()["C1"], addressCity="Vejle")
    eventually(lambda: world.customers()["C1"]["city"] == "Vejle")
    assert daemon.said("hook.woke")[0]["hook"] == "sandbox"
    assert PLAIN_SECRET not in daemon.log.read_text()


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """One command in this process: its exit code and what it said on both streams."""
    for name, value in world.env.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.run([*words, "-c", str(world.config)])
        said = capsys.readouterr()
        logbook.keep(said.out + said.err)
        return code, said.out, said.err

    return run


def test_people_see_what_was_told_and_try_again(world: World, receiver: Receiver, command: Command) -> None:
    bill = invoice(world)
    world.configure(MAPPING + SCHEDULE, told(EVENTS.replace("longest: 1s}", "longest: 1s, attempts: 1}")))
    daemon = Process(world)
    try:
        based(daemon)
        world.in_flowtly("PATCH", bill[5:], {"status": "sent"})
        eventually(lambda: daemon.said("delivery.dead"))
    finally:
        daemon.stop()
    code, printed, _ = command("events", "list", "--json", "--state", "dead")
    assert code == 2
    (dead,) = json.loads(printed)
    assert (dead["target"], dead["attempts"], dead["event"]) == ("reminders", 1, "invoice.status_changed")
    code, printed, _ = command("events", "list")
    assert (code, "given up" in printed, "invoice.status_changed" in printed) == (2, False, True)
    code, printed, _ = command("events", "show", dead["id"])
    assert code == 0
    assert "status*" in printed
    assert "reminders: dead after 1 attempts" in printed
    code, printed, _ = command("status", "--json")
    assert json.loads(printed)["events"]["reminders"] == {"pending": 0, "dead": 1}
    assert "1 given up" in command("status")[1]
    assert command("events", "retry")[0] == 1
    assert "did you mean 'reminders'" in command("events", "retry", "--dead", "--target", "remindrs")[2]
    assert "is no event id" in command("events", "show", "17")[2]
    assert (
        "no delivery is known"
        in command("events", "show", dead["id"][::-1])[2]
        + command("events", "show", "6a8f0c1e-5c0a-4b8e-9f0e-0c6f4d2b7a11")[2]
    )
    code, printed, _ = command("events", "retry", dead["id"])
    assert (code, printed.strip()) == (0, "1 deliveries will be tried again")
    second = Process(world, "two")
    try:
        eventually(lambda: not world.store.outbox_counts())
    finally:
        second.stop()
    assert receiver.names() == ["invoice.status_changed"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("resource: invoices", "resource: invoics", "'invoices'"),
        ("[status, name, client]", "[status, nmae, client]", "did you mean 'name'?"),
        ("{by: budget, of: amount}", "{by: budgt, of: amount}", "did you mean 'budget'?"),
    ],
)
def test_check_names_what_a_watch_asks_for_in_vain(
    world: World, command: Command, old: str, new: str, said: str
) -> None:
    assert old in EVENTS
    world.configure(MAPPING, told(EVENTS.replace(old, new)))
    code, _, complaint = command("check")
    assert code == 1
    assert said in complaint
    assert "syncd.yaml:" in complaint


def test_check_is_content_with_good_watches(command: Command) -> None:
    code, _, complaint = command("check")
    assert (code, complaint) == (0, "")
