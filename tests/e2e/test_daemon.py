"""The daemon as a process: edits arrive within a tick, signals, a second daemon, health, metrics, outages."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from tests.e2e import logbook
from tests.engine.test_references import NOTES
from tests.engine.test_references import TABLE as ACTIVITIES
from tests.engine.world import MAPPING, SETTINGS, World, built


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """One ``syncd run``."""

    def __init__(self, world: World, name: str = "one") -> None:
        self.log = world.folder / f"{name}.log"
        self.port = free_port()
        config = world.folder / f"{name}.yaml"
        config.write_text(world.config.read_text() + f"daemon: {{port: {self.port}}}\n")
        self.file = self.log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "syncd.cli", "run", "-c", str(config)],
            stderr=self.file,
            stdout=self.file,
            env={**os.environ, **world.env},
            cwd=world.folder,
        )

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def said(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events() if one["event"] == event]

    def stop(self) -> float:
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.file.close()
        logbook.keep(self.log.read_text())
        return time.monotonic() - started

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=30)
        self.file.close()
        logbook.keep(self.log.read_text())


def eventually(probe: Callable[[], Any], patience: float = 30.0) -> None:
    """Wait until it is true; errors of a peer that is not there yet count as not true."""
    ends = time.monotonic() + patience
    last: Any = None
    while time.monotonic() < ends:
        try:
            last = probe()
            if last:
                return
        except (URLError, OSError, IndexError, KeyError) as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"not seen in {patience} s; last: {last!r}")


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    """A linked customer, an approved mapping, a tick of one second."""
    with built(tmp_path, pg_url, store_url) as made:
        made.configure(MAPPING + "schedule: {every: 1s, full: 1h}\n")
        made.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", terms=14)
        made.run(person=True)
        yield made


@pytest.fixture
def daemon(world: World) -> Iterator[Process]:
    """A running daemon."""
    process = Process(world)
    yield process
    if process.process.poll() is None:
        process.stop()


def test_edits_on_either_side_arrive_within_a_tick_and_it_stops_on_sigterm(world: World, daemon: Process) -> None:
    iri = world.links()["C1"]
    eventually(lambda: daemon.said("run.finished"))
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    eventually(lambda: world.clients()[iri]["addressCity"] == "Vejle")
    world.edit(iri, dueDays=60)
    eventually(lambda: world.customers()["C1"]["terms"] == 60)
    assert daemon.get("/healthz")[0] == 200
    eventually(lambda: daemon.get("/readyz")[0] == 200)
    status, metrics = daemon.get("/metrics")
    assert status == 200
    assert 'syncd_freshness_seconds{mapping="clients"}' in metrics
    assert 'syncd_records_total{kind="patched",mapping="clients",side="flowtly"} 1.0' in metrics
    assert daemon.stop() < 10
    assert daemon.process.returncode == 0
    assert daemon.said("daemon.stopped")[-1]["clean"] is True
    finished = daemon.said("run.finished")[-1]
    assert finished["mapping"] == "clients"
    assert {"read", "unchanged", "requests"} <= set(finished["flowtly"])


def test_children_go_on_as_soon_as_their_parents_are_linked(world: World) -> None:
    """The notes have their turn once an hour, and yet do not wait an hour for a client that was linked meanwhile."""
    world.erp(ACTIVITIES)
    world.configure(MAPPING + "schedule: {every: 1s, full: 1h}\n", notes=NOTES + "schedule: {every: 1h, full: 1h}\n")
    world.run("notes", person=True)
    world.erp("INSERT INTO activities (customer_no, text) VALUES ('C2', 'Called')")
    process = Process(world)
    try:
        eventually(lambda: finished(process, "notes"))
        world.customer("C2", company_name="Bob ApS", vat_no="DK10000002")
        eventually(lambda: world.links("notes"))
    finally:
        process.stop()
    (note,) = world.in_flowtly("GET", "client-notes")
    assert note["client"] == world.links()["C2"]
    assert len(finished(process, "notes")) == 2


def finished(process: Process, mapping: str) -> list[dict[str, Any]]:
    return [one for one in process.said("run.finished") if one["mapping"] == mapping]


def test_a_second_daemon_waits_and_takes_over_when_the_first_is_killed(world: World, daemon: Process) -> None:
    eventually(lambda: daemon.said("run.finished"))
    daemon.kill()
    second = Process(world, "two")
    try:
        world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
        iri = world.links()["C1"]
        eventually(lambda: world.clients()[iri]["addressCity"] == "Vejle", patience=90)
    finally:
        second.stop()


def test_two_daemons_at_once_make_no_duplicate(world: World, daemon: Process) -> None:
    second = Process(world, "two")
    try:
        for number in range(20):
            world.customer(f"D{number}", company_name=f"Firm {number}", vat_no=f"DK2000{number:04}")
        eventually(lambda: len(world.links()) == 21)
        assert len(world.clients()) == 21
        world.erp("UPDATE customers SET city = 'Skive'")
        eventually(lambda: world.diverged() == [])
    finally:
        second.stop()


def test_it_stays_up_while_flowtly_is_away_and_goes_on_by_itself(world: World, daemon: Process) -> None:
    eventually(lambda: daemon.said("run.finished"))
    world.flowtly.faults.add("html", path="/")
    eventually(lambda: daemon.said("run.failed") or daemon.said("read.incomplete"))
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    assert daemon.get("/healthz")[0] == 200
    world.flowtly.faults.clear()
    iri = world.links()["C1"]
    eventually(lambda: world.clients()[iri]["addressCity"] == "Vejle")
    assert daemon.process.poll() is None


def test_it_stays_up_while_the_store_is_away(world: World, daemon: Process) -> None:
    """Connections are cut under it again and again."""
    eventually(lambda: daemon.said("run.finished"))
    for _ in range(3):
        world.erp_store(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        time.sleep(0.3)
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    iri = world.links()["C1"]
    eventually(lambda: world.clients()[iri]["addressCity"] == "Vejle")
    assert daemon.process.poll() is None


def test_no_secret_and_no_masked_field_is_in_the_log(world: World) -> None:
    world.configure(
        MAPPING + "schedule: {every: 1s, full: 1h}\n",
        SETTINGS.replace("limits:", "log: {level: debug, mask: [addressCity]}\nlimits:"),
    )
    process = Process(world)
    try:
        iri = world.links()["C1"]
        world.erp("UPDATE customers SET city = 'Maskedtown' WHERE customer_no = 'C1'")
        world.edit(iri, addressCity="Othertown")
        eventually(lambda: process.said("conflict.open"))
    finally:
        process.stop()
    text = process.log.read_text()
    assert "Maskedtown" not in text
    assert "Othertown" not in text
    (event,) = process.said("conflict.open")
    assert event["external_value"] == "***"
