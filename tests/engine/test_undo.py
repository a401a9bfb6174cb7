"""Taking back what a run wrote: both peers get their old values where nobody edited since, and nothing else moves."""

from __future__ import annotations

import pytest

from syncd.core.model import Side
from syncd.core.plan import Kind, Plan
from syncd.engine.undo import runs_named
from tests.engine.world import World

CITIES = {"C1": "Odense", "C2": "Vejle", "C3": "Skive", "C4": "Ribe"}


@pytest.fixture
def edited(approved: World) -> tuple[World, int]:
    """Four linked customers whose city somebody overwrote in the ERP, and the run that carried that to Flowtly."""
    world = approved
    for number, (key, city) in enumerate(CITIES.items(), 1):
        world.customer(key, company_name=f"{key} ApS", vat_no=f"DK1000000{number}", city=city, terms=14)
    world.settled()
    world.erp("UPDATE customers SET city = 'WRONG'")
    world.run()
    assert {one["addressCity"] for one in world.clients().values()} == {"WRONG"}
    return world, world.store.runs("clients", 1)[0]["id"]


def cities(world: World) -> dict[str, tuple[str, str]]:
    """Of each customer the city in the ERP and in Flowtly."""
    customers, clients = world.customers(), world.clients()
    return {key: (customers[key]["city"], clients[iri]["addressCity"]) for key, iri in world.links().items()}


def plan_of(world: World, run: int) -> Plan:
    """The plan that takes back a run."""
    plan = world.run(write=False, undo=frozenset({run})).plan
    assert plan is not None
    return plan


def apply(world: World, run: int, plan: Plan) -> None:
    """What ``syncd apply FILE`` does with it."""
    world.run(person=True, strict=True, undo=frozenset({run}), only=frozenset(item.fingerprint for item in plan.items))


def test_a_bad_mass_edit_goes_back_on_both_sides_and_what_moved_since_is_left_alone(edited: tuple[World, int]) -> None:
    world, run = edited
    world.erp("UPDATE customers SET city = 'Fredericia' WHERE customer_no = 'C2'")
    world.edit(world.links()["C3"], addressCity="Esbjerg")
    world.run()
    writes, before = world.writes(), cities(world)
    plan = plan_of(world, run)
    assert (world.writes(), cities(world)) == (writes, before), "a plan never acts by itself"
    patches = [(item.external_key, item.side) for item in plan.items if item.kind is Kind.PATCH]
    assert patches == [(key, side) for key in ("C1", "C4") for side in Side]
    notes = {item.external_key: item.detail for item in plan.items if item.kind is Kind.REPORT}
    assert notes == {
        "C2": "moved since: external has 'Fredericia', flowtly has 'Fredericia'",
        "C3": "moved since: external has 'Esbjerg', flowtly has 'Esbjerg'",
    }
    assert runs_named(item.reason for item in plan.items) == {run}
    apply(world, run, plan)
    wanted = {
        "C1": ("Odense", "Odense"),
        "C2": ("Fredericia", "Fredericia"),
        "C3": ("Esbjerg", "Esbjerg"),
        "C4": ("Ribe", "Ribe"),
    }
    assert cities(world) == wanted
    writes = world.writes()
    for _ in range(2):
        assert world.run(full=True).plan.pending is False
    assert (world.writes(), cities(world), world.questions()) == (writes, wanted, [])
    history = world.store.history("clients", "C1", None)
    back = [(entry.side, entry.before, entry.after) for _, _, entry in history if entry.rule.startswith("undo of run")]
    assert back == [(side, "WRONG", "Odense") for side in Side]


def test_a_record_that_moves_after_the_plan_is_left_alone_by_it(edited: tuple[World, int]) -> None:
    world, run = edited
    plan = plan_of(world, run)
    world.edit(world.links()["C1"], addressCity="Esbjerg")
    apply(world, run, plan)
    assert cities(world)["C1"] == ("WRONG", "Esbjerg")
    assert cities(world)["C4"] == ("Ribe", "Ribe")
    world.settled()
    assert cities(world)["C1"] == ("Esbjerg", "Esbjerg")


def test_an_undo_can_be_taken_back_itself(edited: tuple[World, int]) -> None:
    world, run = edited
    apply(world, run, plan_of(world, run))
    assert cities(world)["C1"] == ("Odense", "Odense")
    second = world.store.runs("clients", 1)[0]["id"]
    apply(world, second, plan_of(world, second))
    assert set(cities(world).values()) == {("WRONG", "WRONG")}
    assert world.run(full=True).plan.pending is False


def test_what_a_run_made_is_listed_and_stays(approved: World) -> None:
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense")
    world.run()
    run = world.store.runs("clients", 1)[0]["id"]
    plan = plan_of(world, run)
    (note,) = plan.items
    assert (note.kind, note.external_key, plan.pending) == (Kind.REPORT, "C1", False)
    assert note.detail.startswith("was made by this run and stays")
    apply(world, run, plan)
    assert len(world.clients()) == 1
    assert len(world.links()) == 1


def test_a_question_about_another_field_stays_open(edited: tuple[World, int]) -> None:
    world, run = edited
    world.erp("UPDATE customers SET phone = '1' WHERE customer_no = 'C1'")
    world.edit(world.links()["C1"], addressPhoneNumber="2")
    world.run()
    (question,) = world.questions("field")
    apply(world, run, plan_of(world, run))
    assert cities(world)["C1"] == ("Odense", "Odense")
    assert [one.id for one in world.questions("field")] == [question.id]
    world.settled()
    assert (world.customers()["C1"]["phone"], world.clients()[world.links()["C1"]]["addressPhoneNumber"]) == ("1", "2")


def test_an_edited_mapping_is_not_approved_by_an_undo(edited: tuple[World, int]) -> None:
    world, run = edited
    plan = plan_of(world, run)
    text = (world.folder / "clients.yaml").read_text()
    world.configure(text.replace("  dueDays: terms\n", "  dueDays: {external: terms, conflict: external}\n"))
    (note,) = plan_of(world, run).items
    assert "approve it first" in note.detail
    apply(world, run, plan)
    assert cities(world)["C1"] == ("WRONG", "WRONG")
    state = world.store.state("clients")
    assert state.approved_fingerprint != world.app.mappings["clients"].fingerprint  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["status", "status_after", "reset_after"])
def test_a_lost_answer_in_the_middle_of_an_undo_leaves_no_side_behind(edited: tuple[World, int], kind: str) -> None:
    """The ERP has its old value already when Flowtly's answer is lost: the next cycle carries it on, never back."""
    world, run = edited
    plan = plan_of(world, run)
    more = {} if kind == "reset_after" else {"status": 504}
    world.flowtly.faults.add(kind, method="PATCH", path="/clients", times=2, **more)
    apply(world, run, plan)
    world.flowtly.faults.clear()
    world.later()
    world.settled()
    assert cities(world) == {key: (city, city) for key, city in CITIES.items()}


class Died(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("side", list(Side))
def test_a_stop_in_the_middle_of_an_undo_is_carried_on(edited: tuple[World, int], side: Side) -> None:
    world, run = edited
    plan = plan_of(world, run)
    note = world.note

    def die(event: str, /, **fields: object) -> None:
        note(event, **fields)
        if event == "record.patched" and fields["side"] is side:
            raise Died

    world.note = die  # type: ignore[method-assign]
    with pytest.raises(Died):
        apply(world, run, plan)
    world.note = note  # type: ignore[method-assign]
    assert cities(world)["C1"] != ("WRONG", "WRONG")
    world.settled()
    assert cities(world)["C1"] == ("Odense", "Odense")
    for city, where in cities(world).items():
        assert where in {(CITIES[city],) * 2, ("WRONG", "WRONG")}
    assert world.questions() == []
