"""What two complete readings of two runs are: one reading is not even looked into, whatever else would refuse it."""

from __future__ import annotations

from syncd.core.model import Side
from tests.engine.test_removals_recovered import people
from tests.engine.world import MAPPING, World

__all__ = ["people"]  # a fixture that is used here as well


def test_one_complete_reading_is_not_even_looked_into(world: World) -> None:
    world.configure(f"{MAPPING}deletes: {{in_flowtly: delete, quarantine: 0}}\n")
    for number in range(5):
        world.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000000{number}")
    world.run(person=True)
    world.settled()
    iri = world.links()["C3"]
    world.in_flowtly("DELETE", f"clients/{iri.rpartition('/')[2]}")
    world.run(full=True)
    again = world.app.mappings["clients"].spec.schedule.full  # type: ignore[union-attr]
    fingerprint = world.app.mappings["clients"].fingerprint  # type: ignore[union-attr]
    assert world.store.absences("clients", Side.FLOWTLY, fingerprint, 10, again) == []
    world.run(full=True)
    assert len(world.store.removals("clients", open_only=False)) == 1


def test_one_that_answers_again_right_before_the_delete_is_not_even_made_anew(people: World) -> None:
    """Deleted and made again from its partner it would look the same: its key says that it was never touched."""
    iri = people.links("people")["P3"]
    people.erp("DELETE FROM people WHERE no = 'P3'")
    people.run("people", full=True)
    store, prove = people.store, people.store.prove

    def back_again(*arguments: object) -> object:
        proven = prove(*arguments)
        people.erp("INSERT INTO people VALUES ('P3', 'C1', 'Person 3', 'p3@firm.test')")
        return proven

    store.prove = back_again
    try:
        people.run("people", full=True)
    finally:
        del store.prove
    assert people.said("removal.returned")
    people.run("people", full=True)
    assert people.links("people")["P3"] == iri
