"""Answering questions from the command line: one, several, many by filters, and everything that may be typed wrongly."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_cli import syncd
from tests.engine.world import World, built

PAIRS = 4


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    """Four linked customers, each with a contested city and contested terms; one stranger that Flowtly refuses."""
    with built(tmp_path, pg_url, store_url) as made:
        for number in range(PAIRS):
            made.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000000{number}", city="Odense")
        made.run(person=True)
        made.settled()
        for number in range(PAIRS):
            made.erp("UPDATE customers SET city = %s, terms = %s WHERE customer_no = %s", "Vejle", 10, f"C{number}")
            made.edit(made.links()[f"C{number}"], addressCity=f"Skive {number % 2}", dueDays=20)
        made.customer("R1", company_name="Refused ApS", vat_no="DK20000001")
        made.flowtly.faults.add("status", method="POST", path="/clients", status=422)
        made.run()
        made.flowtly.faults.clear()
        assert len(made.questions("field")) == 2 * PAIRS
        assert len(made.questions("refused")) == 1
        yield made


def cities(world: World) -> set[tuple[str, str]]:
    clients, customers = world.clients(), world.customers()
    return {(customers[key]["city"], clients[iri]["addressCity"]) for key, iri in world.links().items()}


def test_many_are_answered_at_once_after_a_look(world: World) -> None:
    said = syncd(world, "conflicts", "resolve", "--all", "--where", "field=addressCity", "--take", "flowtly", code=1)
    assert "4 in clients, addressCity" in said
    assert "Answer 4 questions: the value of flowtly stands?" in said
    assert len(world.questions("field")) == 2 * PAIRS, "nobody said yes"
    where = ("--where", "field=addressCity", "--where", "mapping=cl*")
    said = syncd(world, "conflicts", "resolve", "--all", *where, "--take", "flowtly", answer="y\n")
    assert "4 of 4 conflicts answered" in said
    world.settled()
    assert cities(world) == {("Skive 0", "Skive 0"), ("Skive 1", "Skive 1")}
    assert {row.field for row in world.questions("field")} == {"dueDays"}
    said = syncd(world, "conflicts", "resolve", "--all", "--where", "kind=field", "--value", "30", "--yes")
    assert "4 of 4" in said
    world.settled()
    assert {row["terms"] for key, row in world.customers().items() if key != "R1"} == {30}
    assert {one["dueDays"] for iri, one in world.clients().items() if iri in world.links().values()} == {30}


def test_a_list_may_be_filtered_as_well(world: World) -> None:
    for where, count in ((["flowtly~SKIVE 1"], 2), (["external=10", "key=C[01]"], 2), (["mapping=other"], 0)):
        given = [part for text in where for part in ("--where", text)]
        rows = json.loads(syncd(world, "conflicts", "list", "--json", *given, code=2 if count else 0))
        assert len(rows) == count
        assert {row["rule"] for row in rows} <= {"policy:ask"}


def test_questions_of_another_kind_are_left_alone_and_counted(world: World) -> None:
    said = syncd(world, "conflicts", "resolve", "--all", "--take", "external", "--yes")
    assert "1 that fit are about a whole record" in said
    assert "8 of 8" in said
    assert [row.kind for row in world.questions()] == ["refused"]
    assert "conflict" in syncd(world, "conflicts", "resolve", "--all", "--dismiss", "--yes")
    assert world.questions() == []
    assert "no open question fits" in syncd(world, "conflicts", "resolve", "--all", "--take", "external", "--yes")


def test_several_numbers_are_one_answer_and_a_wrong_one_answers_none(world: World) -> None:
    numbers = [str(row.id) for row in world.questions("field") if row.field == "addressCity"]
    said = syncd(world, "conflicts", "resolve", *numbers, "999", "--take", "flowtly", code=1)
    assert "there is no conflict 999" in said
    assert len(world.questions("field")) == 2 * PAIRS
    assert "4 of 4" in syncd(world, "conflicts", "resolve", *numbers, *numbers, "--take", "flowtly")
    assert "resolved already: flowtly wins" in syncd(
        world, "conflicts", "resolve", numbers[0], "--take", "external", code=1
    )


NONSENSE = (
    (["--take", "external"], "name the questions by their numbers, or give --all"),
    (["1", "--all", "--take", "external"], "name the questions by their numbers, or give --all"),
    (["1", "--where", "field=x", "--take", "external"], "--where goes with --all"),
    (["--all", "--where", "feild=x", "--take", "external"], "did you mean 'field'?"),
    (["--all", "--where", "field", "--take", "external"], "'field' is not NAME=PATTERN"),
    (["--all", "--where", "=x", "--take", "external"], "'=x' is not NAME=PATTERN"),
    (["--all", "--where", "field~", "--take", "external"], "fits everything"),
    (["--all", "--value", "soon"], "'soon' is not a int like the values of dueDays"),
    (["--all", "--link", "a=b"], "--link answers one question"),
    (["--all", "--take", "both"], "external or flowtly"),
    (["-1", "--take", "external"], ""),
)


def test_nonsense_answers_nothing(world: World) -> None:
    for arguments, message in NONSENSE:
        said = syncd(world, "conflicts", "resolve", *arguments, "--yes", code=1)
        assert message in said
        assert "Traceback" not in said
    assert len(world.questions()) == 2 * PAIRS + 1


def test_a_very_long_answer_is_stored_as_it_is_and_refused_by_whom_it_concerns(world: World) -> None:
    row = next(row for row in world.questions("field") if row.field == "addressCity")
    syncd(world, "conflicts", "resolve", str(row.id), "--value", "x" * 100_000)
    world.run()
    assert world.store.conflict(row.id).resolution == "a typed value"
    assert row.external_key is not None
    held = {
        world.customers()[row.external_key]["city"],
        world.clients()[world.links()[row.external_key]]["addressCity"],
    }
    assert held <= {"Vejle", "Skive 0", "Skive 1", "x" * 100_000}


def test_adopting_a_record_that_does_not_exist_is_refused(world: World) -> None:
    world.flowtly.faults.add("reset_after", method="POST", path="/clients", times=1)
    world.customer("D1", company_name="Doubtful ApS", vat_no="DK30000001")

    def blind(stage: str, done: int, _total: int | None) -> None:
        if stage == "applying" and done == 1:
            world.flowtly.faults.add("status", method="GET", path="/clients", status=503)

    world.run(progress=blind)
    world.flowtly.faults.clear()
    (operation,) = world.store.open_operations("clients")
    taken = world.links()["C0"]
    for key, message in (
        ("/api/clients/999999", "flowtly has no clients record '/api/clients/999999'"),
        ("nonsense", "flowtly has no clients record 'nonsense'"),
        (taken, "is linked already, to C0 in external"),
    ):
        said = syncd(world, "operations", "adopt", str(operation.id), key, code=1)
        assert message in re.sub(r"\s+", " ", said)
        assert "Traceback" not in said
    assert [one.id for one in world.store.open_operations("clients")] == [operation.id]
    (made,) = world.named("Doubtful ApS")
    syncd(world, "operations", "adopt", str(operation.id), made)
    world.settled()
    assert world.links()["D1"] == made
    assert len(world.named("Doubtful ApS")) == 1
