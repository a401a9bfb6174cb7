"""Answering who is who from the command line: the same company, one more record of it, or different ones for good."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_cli import syncd
from tests.engine.test_likeness import EVIDENCE, TINS
from tests.engine.world import World, built


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    """One linked customer, two newcomers that look like it, and one that Flowtly refuses."""
    with built(tmp_path, pg_url, store_url) as made:
        made.configure(EVIDENCE)
        made.customer("C1", company_name="Ada Maskiner ApS", vat_no=f"DK{TINS[0]}", city="Odense")
        made.run(person=True)
        made.customer("C2", company_name="ADA Maskiner", city="Odense")
        made.customer("R1", company_name="Refused ApS", vat_no=f"DK{TINS[1]}")
        made.flowtly.faults.add("status", method="POST", path="/clients", status=422)
        made.run()
        made.flowtly.faults.clear()
        yield made


def number(world: World, kind: str) -> str:
    """The number of the only open question of a kind."""
    (row,) = world.questions(kind)
    return str(row.id)


def test_a_question_names_everybody_and_apart_creates_what_was_held_back(world: World) -> None:
    listed = json.loads(syncd(world, "conflicts", "list", "--json", code=2))
    (asked,) = [row for row in listed if row["kind"] == "duplicate"]
    assert (asked["external_key"], asked["external"], asked["flowtly"]) == (
        "C2",
        ["C1", "C2"],
        [world.links()["C1"]],
    )
    said = syncd(world, "conflicts", "resolve", number(world, "duplicate"), "--apart")
    assert "answered; the next run carries it out" in said
    syncd(world, "once", code=2)
    assert "C2" in world.links()
    assert world.questions("duplicate") == []


def test_one_more_record_of_a_linked_company_is_linked_beside_it(world: World) -> None:
    iri = world.links()["C1"]
    asked = number(world, "duplicate")
    said = syncd(world, "conflicts", "resolve", asked, "--link", "C2=/api/clients/999", code=1)
    assert "flowtly has no record '/api/clients/999' that waits for a link" in said
    said = syncd(world, "conflicts", "resolve", number(world, "refused"), "--link", f"R1={iri}", code=1)
    assert "has no record" in said, "a question that does not name the linked record cannot tie another one to it"
    syncd(world, "conflicts", "resolve", asked, "--link", f"C2={iri}")
    syncd(world, "once", code=2)
    assert [one.external_key for one in world.store.aliases("clients")] == ["C2"]
    assert (list(world.links()), len(world.clients())) == (["C1"], 1)


def test_only_questions_about_who_is_who_can_be_answered_apart(world: World) -> None:
    said = syncd(world, "conflicts", "resolve", number(world, "refused"), "--apart", code=1)
    assert "not about who is who (refused): use --dismiss" in said
    said = syncd(world, "conflicts", "resolve", "--all", "--apart", "--yes")
    assert "1 that fit are not about who is who (refused)" in said
    assert "conflict" in said
    assert [row.kind for row in world.questions()] == ["refused"]
    said = syncd(world, "conflicts", "resolve", number(world, "refused"), "--apart", "--dismiss", code=1)
    assert "give exactly one of" in said
