"""``syncd probe`` as a person meets it, and a daemon whose Flowtly changes: one mapping stops and comes back alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.sandbox.declare import Field
from tests.e2e.test_cli import syncd
from tests.e2e.test_daemon import Process, eventually
from tests.engine.world import MAPPING, SETTINGS, World, built
from tests.support.tenant import denied, with_field, without

GROUPS = """
mapping: groups
external: {resource: groups, key: no}
flowtly: {resource: budget-groups}
direction: to_flowtly
match: [[name]]
fields: {name: title}
schedule: {every: 1s, full: 1h}
"""
OFTEN = "drift: {every: 1s, again: 1s}\n"


@pytest.fixture(params=["plain", "hydra"])
def world(request: pytest.FixtureRequest, tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    """A linked customer and a linked budget group, two mappings that know nothing of each other."""
    with built(tmp_path, pg_url, store_url, envelope=request.param) as made:
        made.erp("CREATE TABLE groups (no text PRIMARY KEY, title text)")
        made.erp("INSERT INTO groups VALUES ('G1', 'Marketing')")
        made.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", terms=14)
        made.configure(MAPPING + "schedule: {every: 1s, full: 1h}\n", OFTEN + SETTINGS, groups=GROUPS)
        for name in ("clients", "groups"):
            made.run(name, person=True)
        yield made


def believing(world: World) -> None:
    """Name the measured file in the configuration."""
    text = world.config.read_text()
    world.config.write_text(text.replace("  retries: 1\n", "  retries: 1\n  capabilities: capabilities.yaml\n", 1))


def stopped(world: World) -> dict[str, Any]:
    rows = json.loads(syncd(world, "status", "--json", code=2))["mappings"]
    return {row["mapping"]: row["stopped"]["line"] for row in rows if row["stopped"] is not None}


def test_a_probe_writes_the_file_that_check_and_once_then_believe(world: World) -> None:
    said = syncd(world, "probe", "-o", "capabilities.yaml")
    assert "written     capabilities.yaml" in said
    assert "schema document offered" in said
    believing(world)
    assert "all good" in syncd(world, "check")
    syncd(world, "once")
    again = json.loads(syncd(world, "probe", "--resource", "clients", "-o", "capabilities.yaml", "--json"))
    assert list(again["resources"]) == ["clients"]
    assert "  budget-groups:" in (world.folder / "capabilities.yaml").read_text(), "the others stay in the file"
    assert "unknown key 'acess'" in _edited(world, "access:", "acess:")


def _edited(world: World, before: str, after: str) -> str:
    file = world.folder / "capabilities.yaml"
    file.write_text(file.read_text().replace(before, after, 1))
    return syncd(world, "check", code=1)


def test_wrong_words_on_the_command_line_are_told(world: World) -> None:
    assert "did you mean 'clients'" in syncd(world, "probe", "--resource", "client", code=1)
    assert "--json only" in syncd(world, "probe", "--compare", "-o", "x.yaml", code=1)


def test_an_empty_patch_is_sent_only_after_a_yes(world: World) -> None:
    iri = world.links()["C1"]
    before = world.clients()[iri]
    world.flowtly.reset_requests()
    syncd(world, "probe", "--resource", "clients", "--write", iri, code=1, answer="n\n")
    assert world.writes() == 0
    said = syncd(world, "probe", "--resource", "clients", "--write", iri, "--yes", "-o", "capabilities.yaml")
    assert f"an empty patch of {iri}: allowed" in said
    assert "    writes: allowed" in (world.folder / "capabilities.yaml").read_text()
    assert world.writes() == 1
    assert world.clients()[iri] == before


def test_a_lost_field_stops_its_mapping_for_every_command_until_it_is_back(world: World) -> None:
    assert "nothing has changed" in syncd(world, "probe", "--compare")
    line = next(n for n, text in enumerate(MAPPING.splitlines(), 1) if "addressCity" in text)
    with without(world.flowtly, "Client", "addressCity"):
        said = syncd(world, "check", code=1)
        assert f"clients.yaml:{line}:" in said and "'addressCity'" in said and "not ready" in said
        assert "stopped" not in syncd(world, "status"), "check remembers nothing"
        found = json.loads(syncd(world, "probe", "--compare", "--json", code=2))
        assert [(one["kind"], one["field"]) for one in found["findings"]] == [("lost", "addressCity")]
        assert set(stopped(world)) == {"clients"}
        refused = syncd(world, "once", code=3)
        assert "mapping clients is stopped since" in refused and f"clients.yaml:{line}:" in refused
        assert "groups" in refused, "the other one ran"
        syncd(world, "once", "-m", "groups")
        syncd(world, "plan", code=3)
        with_no_document = world.flowtly.faults.add("status", path="/docs", status=404)
        syncd(world, "probe", "--compare", code=2)
        world.flowtly.faults.remove(with_no_document.id)
        assert set(stopped(world)) == {"clients"}, "nobody said that the field is back"
        assert world.customers()["C1"]["city"] == "Odense"
    assert "nothing has changed" in syncd(world, "probe", "--compare")
    syncd(world, "once", "-m", "clients")


def test_a_memory_of_another_version_is_made_anew(world: World) -> None:
    syncd(world, "probe", "--compare")
    world.erp_store("UPDATE tenant SET measurement = '{\"format\": 99}' RETURNING name")
    assert "nothing has changed" in syncd(world, "probe", "--compare")
    assert world.erp_store("SELECT measurement -> 'format' FROM tenant") == [(1,)]


def test_the_daemon_stops_one_mapping_and_lets_it_go_on_when_the_field_is_back(world: World) -> None:
    with without(world.flowtly, "Client", "addressCity"):
        daemon = Process(world)
        try:
            eventually(lambda: daemon.said("mapping.stopped"))
            world.erp("UPDATE groups SET title = 'Campaigns' WHERE no = 'G1'")
            eventually(lambda: world.in_flowtly("GET", "budget-groups")[0]["name"] == "Campaigns")
            eventually(lambda: {one["mapping"] for one in daemon.said("run.finished")} == {"groups"})
            assert world.customers()["C1"]["city"] == "Odense", "what reads as cleared is not carried over"
        except BaseException:
            daemon.stop()
            raise
    try:
        eventually(lambda: daemon.said("mapping.resumed"))
        eventually(lambda: "clients" in {one["mapping"] for one in daemon.said("run.finished")})
        assert world.customers()["C1"]["city"] == "Odense"
        (stop,) = daemon.said("mapping.stopped")
        assert stop["mapping"] == "clients" and "addressCity" in stop["detail"]
        assert daemon.said("run.failed") == []
    finally:
        daemon.stop()


def test_the_daemon_tells_a_new_field_once_and_a_lost_role_stops_that_mapping_alone(world: World) -> None:
    daemon = Process(world)
    try:
        eventually(lambda: {one["mapping"] for one in daemon.said("run.finished")} == {"clients", "groups"})
        with with_field(world.flowtly, "Client", Field("mood", nullable=True)):
            eventually(lambda: daemon.said("drift.found"))
            with denied(world.flowtly, "budget-groups"):
                eventually(lambda: daemon.said("mapping.stopped"))
            eventually(lambda: daemon.said("mapping.resumed"))
        (found,) = [one for one in daemon.said("drift.found") if one["kind"] == "new"]
        assert (found["resource"], found["field"]) == ("clients", "mood")
        (stop,) = daemon.said("mapping.stopped")
        assert stop["mapping"] == "groups" and "403" in stop["detail"]
    finally:
        daemon.stop()


def test_a_flowtly_that_cannot_be_measured_stops_nothing(world: World) -> None:
    rule = world.flowtly.faults.add("status", path="/docs", status=503)
    daemon = Process(world)
    try:
        eventually(lambda: daemon.said("drift.failed"))
        eventually(lambda: {one["mapping"] for one in daemon.said("run.finished")} == {"clients", "groups"})
        world.flowtly.faults.remove(rule.id)
        assert daemon.said("mapping.stopped") == []
    finally:
        daemon.stop()
    assert len(daemon.said("drift.failed")) == 1
