"""The command line as a person meets it: exit codes, messages with file and line, saved plans, answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.cli.app import run
from syncd.wiring import App
from tests.e2e import logbook
from tests.engine.world import MAPPING, World, built
from tests.support.commands import run_command


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    """Two customers, one of which Flowtly knows."""
    with built(tmp_path, pg_url, store_url) as made:
        made.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", terms=14)
        made.customer("C2", company_name="New ApS", vat_no="DK10000002", terms=14)
        made.client(name="Ada ApS", tinCountry="DK", tin="10000001", dueDays=14)
        yield made


def syncd(world: World, *arguments: str, code: int = 0, config: bool = True, answer: str = "") -> str:
    """One command; its output, both streams."""
    given = [*arguments, "-c", str(world.config)] if config else arguments
    done = run_command(given, {**os.environ, **world.env}, world.folder, answer)
    logbook.keep(done.stdout + done.stderr)
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if "--json" in arguments else done.stdout + done.stderr


def test_from_check_over_plan_and_apply_to_nothing_to_do(world: World) -> None:
    said = syncd(world, "check")
    assert "all good" in said
    assert "PostgreSQL" in said or "erp" in said
    plan = json.loads(syncd(world, "plan", "--json", code=2))
    kinds = [item["kind"] for item in plan["plans"][0]["items"]]
    assert kinds.count("link") == 1
    assert kinds.count("create") == 1
    assert "only_here" in syncd(world, "plan", code=2)
    syncd(world, "once", code=2)
    assert world.links() == {}
    syncd(world, "apply", "--yes")
    assert len(world.links()) == 2
    assert json.loads(syncd(world, "once", "--json"))["runs"][0]["outcome"] == "done"
    assert json.loads(syncd(world, "plan", "--json"))["plans"][0]["items"] == []
    status = json.loads(syncd(world, "status", "--json"))["mappings"][0]
    assert (status["links"], status["conflicts"], status["approved"]) == (2, 0, True)


def test_a_saved_plan_applies_only_where_it_still_holds(world: World) -> None:
    syncd(world, "plan", "-o", "plan.json", code=2)
    world.erp("UPDATE customers SET company_name = 'Renamed ApS' WHERE customer_no = 'C2'")
    world.customer("C3", company_name="Not in the plan ApS", vat_no="DK10000003")
    said = syncd(world, "apply", "plan.json", "--yes", code=2)
    assert "do not hold any more" in said
    assert "New ApS" in said
    assert "Renamed ApS" in said
    assert list(world.links()) == ["C1"]
    assert len(world.clients()) == 1


def test_apply_shows_the_plan_and_asks_first(world: World) -> None:
    syncd(world, "apply", code=1, answer="n\n")
    assert world.links() == {}
    assert "Apply this plan?" in syncd(world, "apply", answer="y\n")
    assert len(world.links()) == 2
    assert json.loads(syncd(world, "status", "--json"))["mappings"][0]["approved"] is True


def test_conflicts_are_listed_shown_resolved_and_explained(world: World) -> None:
    syncd(world, "apply", "--yes")
    iri = world.links()["C1"]
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.edit(iri, addressCity="Skive")
    syncd(world, "once", code=2)
    (row,) = json.loads(syncd(world, "conflicts", "list", "--json", code=2))
    assert (row["external"], row["flowtly"]) == ("Vejle", "Skive")
    assert "Skive" in syncd(world, "conflicts", "show", str(row["id"]))
    assert "exactly one" in syncd(world, "conflicts", "resolve", str(row["id"]), code=1)
    syncd(world, "conflicts", "resolve", str(row["id"]), "--take", "flowtly")
    syncd(world, "once")
    assert world.customers()["C1"]["city"] == "Skive"
    assert "overwritten" in syncd(world, "why", "clients:C1", "addressCity")
    assert "no open questions" in syncd(world, "conflicts", "list")
    syncd(world, "links", "show", "clients:C1")
    syncd(world, "links", "unlink", "clients:C1")
    assert list(world.links()) == ["C2"]
    syncd(world, "once")
    assert list(world.links()) == ["C2"], "what a person took apart stays apart"


def test_why_says_what_a_record_waits_for(world: World) -> None:
    syncd(world, "apply", "--yes")
    world.customer("C7", company_name="Odd money ApS", vat_no="DK10000007", currency_code="ZWL")
    syncd(world, "once", code=2)
    said = syncd(world, "why", "clients:C7")
    assert "waiting" in said
    assert "ZWL" in said
    assert "nothing is recorded" in syncd(world, "why", "clients:C8")


def test_a_guard_refuses_with_code_three(world: World) -> None:
    for number in range(120):
        world.customer(f"D{number}", company_name=f"Firm {number}", vat_no=f"DK3000{number:04}")
    said = syncd(world, "apply", "--yes", code=3)
    assert "max_creates" in said
    assert len(world.clients()) == 1


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (MAPPING.replace("dueDays: terms", "dueDays: terms\n  duedays2: {externl: x}"), "did you mean 'external'?"),
        (MAPPING.replace("[[vat]", "[[vatt]"), "did you mean 'vat'?"),
        (MAPPING.replace("through: vat_number", "through: vat_nmber"), "did you mean 'vat_number'?"),
        (MAPPING + "  nonsense:\n\t- x\n", "clients.yaml:"),
    ],
)
def test_a_broken_mapping_is_named_by_file_line_and_nearest_word(world: World, bad: str, message: str) -> None:
    (world.folder / "clients.yaml").write_text(bad)
    said = syncd(world, "check", code=1)
    assert message in said
    assert "clients.yaml:" in said
    assert "Traceback" not in said


def test_a_field_that_the_peer_does_not_have_is_found_by_check(world: World) -> None:
    (world.folder / "clients.yaml").write_text(MAPPING.replace("addressCity: city", "addressCity: citty"))
    said = syncd(world, "check", code=1)
    assert "citty" in said
    assert "did you mean 'city'?" in said


def test_a_missing_variable_names_itself_and_no_secret_is_shown(world: World) -> None:
    del world.env["FLOWTLY_PASSWORD"]
    environment = {name: value for name, value in os.environ.items() if name != "FLOWTLY_PASSWORD"}
    done = subprocess.run(
        [sys.executable, "-m", "syncd.cli", "check", "-c", str(world.config)],
        env={**environment, **world.env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "FLOWTLY_PASSWORD" in done.stderr
    assert "syncd.yaml:" in done.stderr


def test_a_literal_secret_is_refused(world: World) -> None:
    world.config.write_text(world.config.read_text().replace('"${FLOWTLY_PASSWORD}"', "hunter2hunter2"))
    said = syncd(world, "check", code=1)
    assert "hunter2" not in said
    assert "${" in said


def test_unreachable_peers_and_wrong_credentials_are_one_clear_line_each(world: World) -> None:
    world.env["FLOWTLY_PASSWORD"] = "wrong-word-77"
    world.env["ERP_DATABASE_URL"] = "postgresql://nobody:topsecret9@127.0.0.1:9/none"
    said = syncd(world, "check", code=1)
    assert "wrong-word-77" not in said
    assert "topsecret9" not in said
    assert "erp" in said
    assert "Traceback" not in said


def test_init_writes_a_configuration_that_loads(world: World, tmp_path: Path) -> None:
    target = tmp_path / "fresh"
    given = re.compile(r"\$\{(\w+)\}")
    for system, count in (("sql", 1), ("tryton", 2), ("everything", 15), ("budgets", 5)):
        said = syncd(world, "init", str(target / system), "--system", system, config=False)
        assert said.count("written") == len([path for path in (target / system).rglob("*") if path.is_file()])
        config = target / system / "syncd.yaml"
        app = App(config, dict.fromkeys(given.findall(config.read_text()), "made-up"))
        assert len(app.mappings) == count
    assert (target / "everything" / "examples" / "erp.sql").exists()
    (target / "sql" / "syncd.yaml").write_text("mine")
    assert "left alone" in syncd(world, "init", str(target / "sql"), config=False)
    assert (target / "sql" / "syncd.yaml").read_text() == "mine"


@pytest.mark.parametrize("what", ["settings", "mapping"])
def test_the_schema_is_json(world: World, what: str) -> None:
    assert json.loads(syncd(world, "schema", what, config=False))["type"] == "object"


@pytest.mark.parametrize(
    "command",
    [
        "init",
        "check",
        "plan",
        "apply",
        "once",
        "run",
        "status",
        "conflicts",
        "links",
        "operations",
        "why",
        "db",
        "schema",
        "sandbox",
        "demo",
    ],
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert "Usage" in said
    assert command in said


def test_an_unknown_command_or_mapping_is_one_line(world: World) -> None:
    assert "Traceback" not in syncd(world, "plann", code=1, config=False)
    assert "did you mean 'clients'?" in syncd(world, "plan", "-m", "cliens", code=1)
    assert "MAPPING:KEY" in syncd(world, "why", "C1", code=1)
