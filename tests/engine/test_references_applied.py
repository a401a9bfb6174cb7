"""Parents and children through the command line: one ``apply`` makes both, and its preview said so."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.engine.family import NOTES, TABLE, activity, note, notes
from tests.engine.world import MAPPING, World
from tests.support.commands import run_command

BROKEN = MAPPING.replace("mapping: clients", "mapping: lost").replace("resource: customers", "resource: nowhere")


@pytest.fixture
def family(world: World) -> World:
    """A client on both sides with a note in the ERP and one in Flowtly; a client in the ERP with a note; no approval."""
    world.erp(TABLE)
    world.configure(notes=NOTES)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.customer("C2", company_name="Bob ApS", vat_no="DK10000002")
    client = world.client(name="Ada ApS", tinCountry="DK", tin="10000001")
    activity(world, "C1", "On both sides")
    note(world, client, "On both sides")
    activity(world, "C2", "Of the one that is made")
    activity(world, "NOBODY", "Waits")
    return world


def syncd(world: World, *words: str, code: int = 0, answer: str = "") -> str:
    """One command as a person types it; what it printed."""
    given = [*words, "-c", str(world.config)]
    done = run_command(given, {**os.environ, **world.env}, world.folder, answer)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def texts(world: World) -> list[str]:
    """What the notes in Flowtly say."""
    return sorted(one["note"] for one in notes(world).values())


def items(said: str, mapping: str) -> list[dict[str, Any]]:
    """The items of one mapping in a plan printed for a script."""
    (plan,) = [one for one in json.loads(said)["plans"] if one["mapping"] == mapping]
    return list(plan["items"])


def test_the_first_apply_makes_parents_and_their_children(family: World) -> None:
    world = family
    planned = items(syncd(world, "plan", "--json", code=2), "notes")
    assert {one["document"]["note"]: one["waits_for"] for one in planned} == {
        "On both sides": "@clients:external=C1",
        "Of the one that is made": "@clients:external=C2",
        "Waits": "@clients:external=NOBODY",
    }
    assert "waits for clients NOBODY" in syncd(world, "plan", code=2)
    syncd(world, "apply", "--yes")
    assert texts(world) == ["Of the one that is made", "On both sides"]
    assert len(world.links("notes")) == 2
    assert len(world.erp("SELECT id FROM activities")) == 3
    assert items(syncd(world, "plan", "--json"), "notes") == []


def test_an_apply_that_was_shown_does_nothing_else(family: World) -> None:
    """The note on both sides was shown as waiting; that it has a partner is seen only once its client is linked."""
    world = family
    said = syncd(world, "apply", code=2, answer="y\n")
    assert "1 of 3 items of the saved plan do not hold any more" in said
    assert texts(world) == ["Of the one that is made", "On both sides"]
    assert len(world.links("notes")) == 1
    syncd(world, "apply", answer="y\n")
    assert texts(world) == ["Of the one that is made", "On both sides"]
    assert len(world.links("notes")) == 2


def test_a_mapping_that_cannot_be_planned_does_not_end_the_apply_of_the_others(family: World) -> None:
    world = family
    world.configure(notes=NOTES, lost=BROKEN)
    said = syncd(world, "apply", code=1, answer="y\n")
    assert "Traceback" not in said
    assert "nowhere" in said
    assert len(world.links()) == 2
