"""Conflicts with memory: told once with all that is known, decided once for a pair of values, over when sides agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.core.model import FieldRule, Policy, Rules, Side
from syncd.core.reconcile import Contest
from syncd.engine.states import questions
from syncd.errors import Stale
from tests.engine.world import World

CITY = "addressCity"


@pytest.fixture
def linked(approved: World) -> tuple[World, str]:
    """One linked customer C1 in Odense."""
    approved.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", terms=14, phone="1")
    approved.settled()
    return approved, approved.links()["C1"]


def apart(world: World, iri: str, external: str | None, flowtly: str | None) -> None:
    """Both sides get a city of their own between two runs."""
    world.erp("UPDATE customers SET city = %s WHERE customer_no = 'C1'", external)
    world.edit(iri, addressCity=flowtly)
    world.run()


def cities(world: World, iri: str) -> tuple[Any, Any]:
    return world.customers()["C1"]["city"], world.clients()[iri].get(CITY)


def test_the_event_of_a_question_has_all_that_is_known(linked: tuple[World, str]) -> None:
    world, iri = linked
    apart(world, iri, "Vejle", "Skive")
    (event,) = world.said("conflict.open")
    (row,) = world.questions("field")
    assert event == {
        "conflict": row.id,
        "mapping": "clients",
        "run": row.run_id,
        "opened_at": row.opened_at.isoformat(),
        "rule": "policy:ask",
        "external": "C1",
        "flowtly": iri,
        "field": CITY,
        "base_external": "Odense",
        "base_flowtly": "Odense",
        "external_value": "Vejle",
        "flowtly_value": "Skive",
    }


def test_a_question_is_told_again_only_when_its_values_changed(linked: tuple[World, str]) -> None:
    world, iri = linked
    apart(world, iri, "Vejle", "Skive")
    (row,) = world.questions("field")
    for terms in (20, 30):  # the record is planned again, the question is the same
        world.erp("UPDATE customers SET terms = %s WHERE customer_no = 'C1'", terms)
        world.run(full=True)
        world.edit(iri, addressPhoneNumber=str(terms))
        world.run()
    assert len(world.said("conflict.open")) == 1
    assert world.clients()[iri]["dueDays"] == 30
    world.edit(iri, addressCity="Ribe")
    world.run()
    first, second = world.said("conflict.open")
    assert (first["conflict"], second["conflict"]) == (row.id, row.id)
    assert (second["flowtly_value"], second["opened_at"]) == ("Ribe", first["opened_at"])
    assert second["run"] > first["run"]


def test_the_rule_that_could_not_decide_is_named() -> None:
    rules = Rules({"city": FieldRule(Policy.NEWEST), "tin": FieldRule(Policy.EXTERNAL)})
    contests = (Contest("city", "o", "o", "a", "b"), Contest("tin", "o", "o", "a", "b", fixed=True))
    newest, fixed = questions(contests, "C1", "/1", rules)
    assert newest.detail == "policy:newest"
    assert fixed.detail.startswith("fixed; one side keeps")


def restarted(world: World) -> None:
    world.configure()


@pytest.mark.parametrize("between", [lambda _world: None, restarted], ids=["going on", "after a restart"])
def test_a_pair_that_was_decided_is_never_asked_again_also_when_it_went_away_and_came_back(
    linked: tuple[World, str], between: Callable[[World], None]
) -> None:
    world, iri = linked
    apart(world, iri, "Vejle", "Skive")
    world.store.resolve(world.questions()[0].id, Side.FLOWTLY, None, "tester")
    world.settled()
    apart(world, iri, "Ribe", "Varde")  # another pair, and another answer
    world.store.resolve(world.questions()[0].id, Side.EXTERNAL, None, "tester")
    world.settled()
    assert cities(world, iri) == ("Ribe", "Ribe")
    between(world)
    for pair, answer in ((("Vejle", "Skive"), "Skive"), (("Ribe", "Varde"), "Ribe")):
        world.erp("UPDATE customers SET city = 'Odense' WHERE customer_no = 'C1'")
        world.settled()
        apart(world, iri, *pair)
        world.settled()
        assert world.questions() == []
        assert cities(world, iri) == (answer, answer)
    apart(world, iri, "Skive", "Vejle")  # the other way round nobody decided
    assert [(row.external, row.flowtly) for row in world.questions()] == [("Skive", "Vejle")]


@pytest.mark.parametrize(
    ("choice", "value", "lost"),
    [(Side.EXTERNAL, None, {"Skive"}), (Side.FLOWTLY, None, {"Vejle"}), (None, "Ribe", {"Vejle", "Skive"})],
)
def test_every_losing_value_stays_in_the_ledger(
    linked: tuple[World, str], choice: Side | None, value: str | None, lost: set[str]
) -> None:
    world, iri = linked
    apart(world, iri, "Vejle", "Skive")
    world.store.resolve(world.questions()[0].id, choice, value, "tester")
    world.settled()
    entries = [entry for _, _, entry in world.store.history("clients", "C1", iri) if entry.event == "overwritten"]
    assert {entry.before for entry in entries} == lost
    assert {entry.rule for entry in entries} == {"decided"}


@pytest.mark.parametrize("who", list(Side))
def test_a_question_ends_by_itself_when_the_sides_agree(linked: tuple[World, str], who: Side) -> None:
    world, iri = linked
    apart(world, iri, "Vejle", "Skive")
    number = world.questions()[0].id
    if who is Side.EXTERNAL:
        world.erp("UPDATE customers SET city = 'Skive' WHERE customer_no = 'C1'")
    else:
        world.edit(iri, addressCity="Vejle")
    world.run()
    over = world.store.conflict(number)
    assert (world.questions(), over.resolution, over.resolved_at is not None) == ([], "agreed", True)
    assert world.run().plan.pending is False


def test_an_answer_to_values_that_nobody_saw_is_not_taken(linked: tuple[World, str]) -> None:
    """A daemon brings the question up to date while a person reads it."""
    world, iri = linked
    apart(world, iri, "Vejle", "Skive")
    (seen,) = world.questions()
    world.edit(iri, addressCity="Ribe")
    world.run()
    with pytest.raises(Stale, match="other values by now"):
        world.store.resolve(seen.id, Side.FLOWTLY, None, "tester", seen=seen)
    (row,) = world.questions()
    assert (row.id, row.flowtly) == (seen.id, "Ribe")
    world.store.resolve(row.id, Side.FLOWTLY, None, "tester", seen=row)
    world.settled()
    assert cities(world, iri) == ("Ribe", "Ribe")


def test_an_answer_that_comes_while_a_run_writes_is_carried_out_and_not_lost(linked: tuple[World, str]) -> None:
    world, iri = linked
    apart(world, iri, "Vejle", "Skive")
    (row,) = world.questions()
    world.erp("UPDATE customers SET terms = 77 WHERE customer_no = 'C1'")  # so that the run looks at the record
    answered: list[int] = []

    def meanwhile(stage: str, _done: int, _total: int | None) -> None:
        if stage == "linking" and not answered:
            answered.append(row.id)
            world.store.resolve(row.id, Side.FLOWTLY, None, "tester", seen=row)

    world.run(progress=meanwhile)
    assert answered
    world.settled()
    assert cities(world, iri) == ("Skive", "Skive")
    assert world.customers()["C1"]["terms"] == world.clients()[iri]["dueDays"] == 77
    assert world.questions() == []
