"""Events of a mapping: told once for each settled change, silent while nobody approved, lost and doubled never."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from syncd.errors import ConfigError, StoreUnavailable
from tests.engine.watching import SECRET, TARGET, told, waiting
from tests.engine.world import MAPPING, SETTINGS, World

EVENTS = """
events:
  - {event: client.new, when: appears}
  - {event: client.moved, when: {changes: [addressCity]}}
  - {event: client.slow, when: {crosses: {field: dueDays, above: 30}}}
"""


@pytest.fixture
def telling(world: World) -> Iterator[World]:
    """One linked client of an approved mapping with events."""
    world.env["HOOK_SECRET"] = SECRET
    world.configure(MAPPING + EVENTS, SETTINGS.replace("limits:", f"events:\n{TARGET}limits:"))
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", terms=14)
    world.run(person=True)
    return world


def test_what_the_first_plan_does_is_no_news(telling: World) -> None:
    assert len(telling.links()) == 1
    assert told(telling) == []


def test_a_change_from_either_side_is_told_once_with_both_values(telling: World) -> None:
    world = telling
    iri = world.links()["C1"]
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.settled()
    world.edit(iri, addressCity="Skive", dueDays=60)
    world.settled()
    assert told(world) == [("client.moved", "C1"), ("client.moved", "C1"), ("client.slow", "C1")]
    moved = [one.event for one in waiting(world) if one.event.event == "client.moved"]
    assert [(one.before or {})["addressCity"] for one in moved] == ["Odense", "Vejle"]
    assert [(one.after or {})["addressCity"] for one in moved] == ["Vejle", "Skive"]
    assert moved[0].subject == {"mapping": "clients", "external_key": "C1", "flowtly_key": iri}
    world.settled()
    assert len(told(world)) == 3


def test_new_records_of_both_sides_are_told(telling: World) -> None:
    world = telling
    world.customer("C2", company_name="Bob ApS", vat_no="DK10000002")
    world.client(name="Eve ApS", tinCountry="DK", tin="10000003")
    world.settled()
    keys = {one.event.key for one in waiting(world)}
    assert [event for event, _ in told(world)] == ["client.new", "client.new"]
    assert keys == set(world.links()) - {"C1"}


def test_an_edited_mapping_tells_nothing_before_it_is_approved_again(telling: World) -> None:
    world = telling
    edited = MAPPING.replace("addressPhoneNumber: phone", "invoiceComment: note") + EVENTS
    world.configure(edited, SETTINGS.replace("limits:", f"events:\n{TARGET}limits:"))
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.run(person=True)
    assert told(world) == []
    world.erp("UPDATE customers SET city = 'Skive' WHERE customer_no = 'C1'")
    world.settled()
    assert told(world) == [("client.moved", "C1")]


def test_a_death_at_any_settlement_neither_loses_nor_doubles_an_event(telling: World) -> None:
    """The store goes away before and after each settlement of a run; the next runs tell each change exactly once."""
    world = telling
    for number in range(1, 5):
        for after in (False, True):
            world.erp("UPDATE customers SET city = %s WHERE customer_no = 'C1'", f"Town {number} {after}")
            _dying_at(world, number, after=after)
            world.settled()
    moved = [(one.event.after or {})["addressCity"] for one in waiting(world)]
    assert moved == [f"Town {number} {after}" for number in range(1, 5) for after in (False, True)]


def _dying_at(world: World, number: int, *, after: bool) -> None:
    """One run whose ``number``-th settlement fails, once it is committed or before."""
    original, calls = world.store.settle, [0]

    def settle(*arguments: Any) -> None:
        calls[0] += 1
        if calls[0] == number and not after:
            raise StoreUnavailable("gone")
        original(*arguments)
        if calls[0] == number:
            raise StoreUnavailable("gone")

    world.store.settle = settle
    try:
        world.run()
    except StoreUnavailable:
        pass
    finally:
        del world.store.settle


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[addressCity]", "[adressCity]", "there is no field 'adressCity'"),
        ("when: appears", "when: disappears", "a mapping does not tell of records that are gone"),
        ("when: appears}", "when: appears, to: [hok]}", "there is no target 'hok'"),
        ("above: 30", "above: 30, back: 5", "only a watch remembers"),
    ],
)
def test_events_that_cannot_be_are_told_with_their_place(world: World, before: str, after: str, said: str) -> None:
    world.env["HOOK_SECRET"] = SECRET
    assert before in EVENTS
    with pytest.raises(ConfigError, match=said) as caught:
        world.configure(
            MAPPING + EVENTS.replace(before, after), SETTINGS.replace("limits:", f"events:\n{TARGET}limits:")
        )
    (problem,) = caught.value.problems
    assert problem.file.endswith("clients.yaml")
    assert problem.line > MAPPING.count("\n")
