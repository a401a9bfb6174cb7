"""``why``, ``undo`` and ``history`` as a person meets them: the chain of one value, a bad edit taken back, a sweep."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from syncd.daemon.janitor import JANITOR, Janitor
from tests.e2e import logbook
from tests.engine.world import MAPPING, World, built
from tests.support.commands import run_command


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    """Two linked customers."""
    with built(tmp_path, pg_url, store_url) as made:
        made.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", terms=14)
        made.customer("C2", company_name="Bo ApS", vat_no="DK10000002", city="Vejle", terms=14)
        made.run(person=True)
        made.settled()
        yield made


def syncd(world: World, *arguments: str, code: int = 0, answer: str = "") -> str:
    """One command; its output, both streams."""
    done = run_command([*arguments, "-c", str(world.config)], {**os.environ, **world.env}, world.folder, answer)
    logbook.keep(done.stdout + done.stderr)
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if "--json" in arguments else done.stdout + done.stderr


def test_why_prints_the_chain_of_one_value(world: World) -> None:
    iri = world.links()["C1"]
    world.erp("UPDATE customers SET terms = 30, city = 'Skive' WHERE customer_no = 'C1'")
    world.run()
    rows = json.loads(syncd(world, "why", "clients:C1", "dueDays", "--json"))
    assert [(row["event"], row["side"], row["field"], row["before"], row["after"]) for row in rows] == [
        ("created", "flowtly", None, None, None),
        ("created", "flowtly", "dueDays", {"$absent": True}, 14),
        ("seen", "external", "dueDays", 14, 30),
        ("patched", "flowtly", "dueDays", 14, 30),
    ]
    made, _, seen, patched = rows
    assert made["request"].startswith("POST clients (")
    assert patched["request"].startswith(f"PATCH {iri} (addressCity, dueDays), intended ")
    assert (made["verified"], patched["verified"]) == ("answer", "answer")
    assert patched["rule"] == "changed"
    assert seen["changed_at"] is not None, "the ERP's own time of the change"
    assert seen["seen_at"] >= seen["changed_at"]
    said = syncd(world, "why", f"clients:{iri}", "dueDays")
    assert "dueDays: 14 -> 30" in said
    assert "verified by its answer" in said
    assert "agreed: external 30, flowtly 30" in said
    assert "addressCity:" not in said


def test_a_lost_answer_is_told_as_read_back(world: World) -> None:
    world.erp("UPDATE customers SET terms = 30 WHERE customer_no = 'C1'")
    world.flowtly.faults.add("status_after", method="PATCH", path="/clients", times=1, status=504)
    world.run()
    world.settled()
    rows = json.loads(syncd(world, "why", "clients:C1", "dueDays", "--json"))
    assert [(row["event"], row["verified"]) for row in rows][-1] == ("patched", "read_back")
    assert "its answer was lost" in syncd(world, "why", "clients:C1", "dueDays")


def test_a_sensitive_field_is_never_shown_and_equal_values_stay_equal(world: World) -> None:
    fingerprint = world.app.mappings["clients"].fingerprint  # type: ignore[union-attr]
    world.configure(MAPPING.replace("addressCity: city", "addressCity: {external: city, sensitive: true}"))
    assert world.app.mappings["clients"].fingerprint == fingerprint, "nothing has to be approved again"  # type: ignore[union-attr]
    world.erp("UPDATE customers SET city = 'Hjorring' WHERE customer_no = 'C1'")
    world.run()
    *_, seen, patched = json.loads(syncd(world, "why", "clients:C1", "addressCity", "--json"))
    assert (seen["hidden"], patched["hidden"]) == (True, True)
    assert (seen["before"], seen["after"]) == (patched["before"], patched["after"])
    said = syncd(world, "why", "clients:C1", "addressCity")
    assert "Hjorring" not in said
    assert f"(hidden {seen['after'][:8]})" in said
    ledger = world.erp_store("SELECT count(*) FROM ledger WHERE concat(before, after) LIKE '%Hjorring%'")
    assert ledger == [(0,)]
    run = world.store.runs("clients", 1)[0]["id"]
    assert "only hashes of its values are kept" in syncd(world, "undo", str(run))


def test_the_values_of_a_sensitive_field_are_masked_in_logs(world: World) -> None:
    world.configure(MAPPING.replace("addressCity: city", "addressCity: {external: city, sensitive: true}"))
    world.erp("UPDATE customers SET city = 'Hjorring' WHERE customer_no = 'C1'")
    world.edit(world.links()["C1"], addressCity="Nykobing")
    said = syncd(world, "once", code=2)
    assert "conflict.open" in said
    assert "Hjorring" not in said
    assert "Nykobing" not in said


def test_a_bad_mass_edit_is_planned_back_applied_and_quiet(world: World) -> None:
    world.erp("UPDATE customers SET city = 'WRONG'")
    syncd(world, "once")
    run = json.loads(syncd(world, "why", "clients:C1", "addressCity", "--json"))[-1]["run"]
    world.edit(world.links()["C2"], addressCity="Esbjerg")
    syncd(world, "once")
    writes = world.writes()
    said = syncd(world, "undo", str(run), "-o", "undo.json", code=2)
    assert "moved since: external has 'Esbjerg', flowtly has 'Esbjerg'" in said
    assert "addressCity: WRONG -> Odense" in said
    assert world.writes() == writes
    syncd(world, "apply", "undo.json", answer="y\n")
    customers, clients = world.customers(), world.clients()
    cities = {key: (customers[key]["city"], clients[iri]["addressCity"]) for key, iri in world.links().items()}
    assert cities == {"C1": ("Odense", "Odense"), "C2": ("Esbjerg", "Esbjerg")}
    writes = world.writes()
    syncd(world, "once", "--full")
    assert world.writes() == writes
    assert "is as it was before already" in syncd(world, "undo", str(run))
    assert "done already" in syncd(world, "apply", "undo.json", "--yes")
    assert world.writes() == writes


def test_bad_input_is_told_in_words(world: World) -> None:
    assert "run 999999 wrote nothing" in syncd(world, "undo", "999999", code=1)
    syncd(world, "undo", "0", code=1)
    syncd(world, "undo", "x", code=1)


def test_the_past_is_swept_by_hand_and_by_the_janitor(world: World) -> None:
    world.erp_store("UPDATE operation SET ended_at = ended_at - interval '91 days' RETURNING 1")
    done = json.loads(syncd(world, "history", "sweep", "--json"))
    assert done["operations"] == 2
    assert done["months_made"] == 0
    assert "operations: 0" in syncd(world, "history", "sweep")
    assert "no longer kept" in syncd(world, "why", "clients:C1")
    said: list[str] = []
    janitor = Janitor(world.app, lambda event, **_: said.append(event))  # type: ignore[arg-type]
    world.erp("SELECT 1")
    report = janitor.job.run(Event())
    assert (report.mapping, report.outcome, report.complete) == (JANITOR, "done", True)
    assert janitor.job.run(Event()).counts == {}, "not due again"
    assert said == []


def test_the_janitor_survives_a_ledger_that_somebody_holds(world: World) -> None:
    import psycopg

    said: list[str] = []
    janitor = Janitor(world.app, lambda event, **_: said.append(event))  # type: ignore[arg-type]
    with psycopg.connect(world.env["SYNCD_DATABASE_URL"]) as holder:
        holder.execute("LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE")
        report = janitor.job.run(Event())
    assert (report.outcome, report.complete, said) == ("incomplete", True, ["history.failed"])
    assert janitor.job.run(Event()).outcome == "done", "tried again"
