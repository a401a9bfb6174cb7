"""Attacks on deletes: stale proofs, records out of scope, people who step in between, cascades, deaths, odd keys.

In each the wrong thing (a delete, a mark, a loop, a loss that nobody can follow) would be easy to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from syncd.core.plan import Kind
from syncd.ports import Retention
from tests.engine.test_removals import COMPARED, NAMES, full, lose_client, lose_customer, open_removals
from tests.engine.test_removals_recovered import PEOPLE, TABLE, contacts
from tests.engine.world import MAPPING, SETTINGS, World
from tests.support.commands import run_command

BOLD = SETTINGS.replace("limits: {", "limits: {shrink: 0.9, fence_records: 100, ")
TIMID = SETTINGS.replace("limits: {", "limits: {max_removals: 0, fence_records: 100, ")
SCOPED = MAPPING.replace("cursor: changed_at}", "cursor: changed_at, where: {note: active}}")
ODD = ['O\'Brien "x"', "Zażółć ☃", " lead", "a/b?c=d&e", "%s {x}", "x" * 900, "-- ; DROP"]


def linked(world: World, deletes: str, settings: str = SETTINGS, mapping: str = MAPPING) -> World:
    """Eight linked customers under a mapping with these ``deletes``; their clients were made by us."""
    world.configure(f"{mapping}deletes: {deletes}\n", settings)
    for key in NAMES:
        add(world, key)
    world.run(person=True)
    world.settled()
    assert len(world.links()) == len(NAMES)
    return world


def add(world: World, key: str) -> None:
    """A person adds a customer, or restores it as it was."""
    number = NAMES.index(key)
    world.customer(key, company_name=f"Firm {key}", vat_no=f"DK1000000{number}", city="Odense", note="active")


def quiet(world: World) -> None:
    """Further runs plan nothing, intend nothing and send nothing."""
    before = operations(world), world.writes()
    for _ in range(2):
        plan = world.run(full=True).plan
        assert plan is not None
        assert not plan.pending, plan.items
    assert (operations(world), world.writes()) == before


def operations(world: World) -> int:
    """How many intents there ever were."""
    return int(world.erp_store("SELECT count(*) FROM operation")[0][0])


@contextmanager
def before(world: World, method: str, act: Callable[[], object]) -> Iterator[None]:
    """Something happens right before the store is asked for this."""
    real = getattr(world.store, method)

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        act()
        return real(*arguments, **named)

    setattr(world.store, method, meanwhile)
    try:
        yield
    finally:
        delattr(world.store, method)


# --------------------------------------------------------------------- proofs that are none (any more)


def test_a_loss_that_began_anew_is_proven_anew(world: World) -> None:
    """A reading saw the record again, and its run died before it could withdraw the removal."""
    linked(world, "{in_external: {set: {status: archived}}, quarantine: 2}", mapping=COMPARED)
    iri = world.links()["C3"]
    lose_customer(world, "C3")
    full(world, 3)
    assert open_removals(world) == ["C3"]
    add(world, "C3")

    def dies() -> None:
        raise RuntimeError("here")

    with before(world, "withdraw", dies), pytest.raises(RuntimeError, match="here"):
        full(world)
    lose_customer(world, "C3")
    full(world)
    assert [one.state for one in world.store.removals("clients", open_only=False)] == ["withdrawn"]
    full(world, 2)
    assert world.clients()[iri]["status"] == "active", "the old proof and its quarantine do not count"
    full(world, 2)
    assert world.clients()[iri]["status"] == "archived"


def test_a_yes_to_unlinking_is_no_yes_to_deleting(world: World) -> None:
    linked(world, "{in_flowtly: unlink, quarantine: 0}", TIMID)
    lose_client(world, "C3")
    full(world, 3)
    (one,) = world.store.removals("clients", open_only=True)
    world.store.approve_removals([one.id], "anna")
    world.configure(f"{MAPPING}deletes: {{in_flowtly: delete, quarantine: 0}}\n", TIMID)
    world.run(person=True, full=True)
    full(world, 3)
    assert "C3" in world.customers()


def test_a_yes_for_one_pair_is_none_for_another(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 0}", TIMID)
    lose_client(world, "C3")
    full(world, 2)
    (one,) = world.store.removals("clients", open_only=True)
    world.store.approve_removals([one.id], "anna")
    world.store.unlink("clients", "C3", "anna")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C3'")
    full(world, 3)
    assert "C3" in world.links(), "made again, since somebody works with it"
    lose_client(world, "C3")
    full(world, 4)
    assert "C3" in world.customers()


# --------------------------------------------------------------------- survivors that are not ours to touch


def test_a_survivor_that_left_the_scope_is_not_deleted(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 0}", mapping=SCOPED)
    lose_client(world, "C3")
    world.erp("UPDATE customers SET note = 'of another department' WHERE customer_no = 'C3'")
    full(world, 4)
    assert "C3" in world.customers()
    quiet(world)
    world.erp("UPDATE customers SET note = 'active' WHERE customer_no = 'C3'")
    full(world, 2)
    assert "C3" not in world.customers(), "it is one of the mapping again, and nobody edited it"


def test_nor_one_that_leaves_it_in_the_last_moment(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 0}", mapping=SCOPED)
    lose_client(world, "C3")
    full(world)
    with before(world, "prove", lambda: world.erp("UPDATE customers SET note = 'x' WHERE customer_no = 'C3'")):
        full(world)
    full(world, 2)
    assert "C3" in world.customers()
    quiet(world)


def test_nor_one_that_a_person_unlinks_between_plan_and_delete(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 0}")
    lose_client(world, "C3")
    full(world)
    with before(world, "intend", lambda: world.store.unlink("clients", "C3", "anna")):
        full(world)
    assert "C3" in world.customers()
    assert world.store.open_operations("clients") == []
    quiet(world)


def test_nor_one_with_a_contested_field(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 0}")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C3'")
    world.edit(world.links()["C3"], addressCity="Ribe")
    full(world)
    assert len(world.questions()) == 1
    lose_client(world, "C3")
    full(world, 4)
    assert world.customers()["C3"]["city"] == "Vejle"
    assert len(world.clients()) == len(NAMES), "made again once"
    assert not world.questions(), "nobody is asked about the pair that is gone"
    quiet(world)


# --------------------------------------------------------------------- what has to end


def test_a_pair_that_is_lost_on_both_sides_at_once_is_forgotten(world: World) -> None:
    rules = "{in_external: {set: {status: archived}}, in_flowtly: {set: {status: archived}}, quarantine: 0}"
    linked(world, rules, mapping=COMPARED)
    lose_customer(world, "C3")
    lose_client(world, "C3")
    full(world, 3)
    assert "C3" not in world.links()
    quiet(world)


def test_the_readings_that_a_quarantine_counts_are_kept(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 3}")
    lose_client(world, "C3")
    full(world, 4)
    world.erp_store("UPDATE certificate SET finished_at = finished_at - interval '900 days' RETURNING id")
    month = timedelta(days=30)
    world.store.sweep_history(Retention(month, month, month, month, month))
    full(world)
    assert "C3" not in world.customers()


def test_a_marked_record_that_somebody_edits_leaves_one_question(world: World) -> None:
    linked(world, "{in_external: {set: {status: archived}}, quarantine: 0}", mapping=COMPARED)
    iri = world.links()["C3"]
    lose_customer(world, "C3")
    full(world, 2)
    world.edit(iri, status="active")
    full(world, 3)
    assert world.clients()[iri]["status"] == "active"
    assert len(world.clients()) == len(NAMES)
    assert "C3" not in world.customers()
    assert len(world.questions("missing")) == 1
    quiet(world)


def test_a_question_about_an_edit_ends_when_the_edit_is_taken_back(world: World) -> None:
    one_way = MAPPING.replace("match:", "direction: to_external\nmatch:").partition("  status:")[0]
    world.configure(f"{one_way}deletes: {{in_flowtly: delete, quarantine: 0}}\n")
    for number, name in enumerate(NAMES):
        world.client(name=name, tinCountry="DK", tin=f"1000000{number}")
    world.run(person=True)
    world.settled()
    key = sorted(world.links())[2]
    world.erp("UPDATE customers SET phone = '1' WHERE customer_no = %s", key)
    lose_client(world, key)
    full(world, 3)
    assert key in world.customers()
    assert len(world.questions("missing")) == 1, "nothing may be made in Flowtly: a person is asked"
    quiet(world)
    world.erp("UPDATE customers SET phone = NULL WHERE customer_no = %s", key)
    full(world, 2)
    assert key not in world.customers()
    assert not world.questions()
    quiet(world)


def test_a_foreign_key_that_refuses_is_one_question_until_it_is_gone(world: World) -> None:
    world.erp("CREATE TABLE orders (id int PRIMARY KEY, customer text REFERENCES customers)")
    linked(world, "{in_flowtly: delete, quarantine: 0}")
    world.erp("INSERT INTO orders VALUES (1, 'C3')")
    lose_client(world, "C3")
    full(world, 4)
    assert "C3" in world.customers()
    assert len(world.questions("kept")) == 1
    quiet(world)
    world.erp("DELETE FROM orders")
    world.erp_store("UPDATE absence SET looked_at = now() - interval '1 year' RETURNING key")
    full(world, 2)
    assert "C3" not in world.customers()
    assert not world.questions()
    quiet(world)


def test_parents_and_children_that_go_together(world: World) -> None:
    """The contact's reference to its client cannot be read any more once that is unlinked; it was not edited by that."""
    world.erp(TABLE)
    world.configure(f"{MAPPING}deletes: {{in_external: unlink, quarantine: 0}}\n", BOLD, people=PEOPLE)
    for number in range(1, 6):
        world.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000000{number}")
        world.erp(f"INSERT INTO people VALUES ('P{number}', 'C{number}', 'Person {number}', 'p{number}@firm.test')")
    for name in ("clients", "people"):
        world.run(name, person=True)
    world.settled("people")
    world.erp("DELETE FROM people WHERE no IN ('P3', 'P4')")
    world.erp("DELETE FROM customers WHERE customer_no IN ('C3', 'C4')")
    iri = world.links("people")["P4"]
    for turn in range(3):
        world.run(full=True)
        if turn == 1:  # the parents are unlinked by now, the children not yet proven
            world.in_flowtly("PATCH", f"client-contacts/{iri.rpartition('/')[2]}", {"name": "Person 4, edited"})
        world.run("people", full=True)
    assert not {"C3", "C4"} & world.links().keys()
    assert contacts(world) == {"Person 1", "Person 2", "Person 5", "Person 4, edited"}


# --------------------------------------------------------------------- deaths, plans, keys, typing errors


@pytest.mark.parametrize("rule", ["delete", "unlink", "{set: {name: gone}}"])
def test_a_death_before_it_is_noted_what_was_done(world: World, rule: str) -> None:
    linked(world, f"{{in_flowtly: {rule}, quarantine: 0}}")
    lose_client(world, "C3")
    full(world)

    def dies() -> None:
        raise KeyboardInterrupt

    with before(world, "settle", dies), pytest.raises(KeyboardInterrupt):
        full(world)
    full(world, 2)
    now = world.customers().get("C3", {}).get("company_name")
    assert now == {"delete": None, "unlink": "Firm C3"}.get(rule, "gone")
    assert ("C3" in world.links()) == rule.startswith("{")
    assert [one.state for one in world.store.removals("clients", open_only=False)] == ["done"]
    assert len(world.clients()) == len(NAMES) - 1
    quiet(world)


def test_a_record_that_is_made_again_is_made_once_though_the_answer_is_lost(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 3}")
    lose_client(world, "C3")
    full(world, 2)
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C3'")
    world.flowtly.faults.add("reset_after", method="POST", path="/clients", times=1)
    full(world, 3)
    assert len(world.clients()) == len(NAMES)
    assert "C3" in world.links()
    quiet(world)


def test_a_saved_plan_deletes_what_is_in_it_and_still_so(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 0}", BOLD)
    for key in ("C1", "C2", "C3"):
        lose_client(world, key)
    full(world)
    plan = world.run(write=False, full=True).plan
    assert plan is not None
    assert [(one.kind, one.external_key) for one in plan.items] == [(Kind.DELETE, key) for key in ("C1", "C2", "C3")]
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C3'")
    chosen = frozenset(item.fingerprint for item in plan.items if item.external_key != "C2")
    world.run(person=True, strict=True, only=chosen)
    assert world.customers().keys() == {*NAMES} - {"C1"}
    assert len(world.clients()) == len(NAMES) - 3, "nothing is made again that was not in the plan"


def test_undo_says_what_was_deleted_and_makes_nothing_again(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 0}")
    lose_client(world, "C3")
    full(world, 2)
    run = world.store.runs("clients", 1)[0]["id"]
    plan = world.run(write=False, undo=frozenset({run})).plan
    assert plan is not None
    assert [(one.kind, one.external_key) for one in plan.items] == [(Kind.REPORT, "C3")]
    assert plan.items[0].detail.startswith("was deleted by this run")


def test_odd_keys(world: World) -> None:
    world.configure(f"{MAPPING}deletes: {{in_flowtly: delete, quarantine: 0}}\n", BOLD)
    for number, key in enumerate(ODD):
        world.customer(key, company_name=f"Firm {number}", vat_no=f"DK1000000{number}")
    world.run(person=True)
    world.settled()
    lost = sorted(world.links().keys() & set(ODD[:-2]))
    assert len(lost) == len(ODD) - 2
    for key in lost:
        lose_client(world, key)
    full(world, 2)
    assert world.customers().keys() == set(ODD) - set(lost)
    quiet(world)


def test_approving_takes_no_nonsense_and_says_what_it_means(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 0}", TIMID)
    lose_client(world, "C3")
    full(world, 2)
    (one,) = world.store.removals("clients", open_only=True)

    def approve(*arguments: str, answer: str = "") -> tuple[int, str]:
        command = ["operations", "approve", *arguments, "-c", str(world.config)]
        done = run_command(command, world.env, world.folder, answer)
        return done.returncode, done.stdout + done.stderr

    number = str(one.id)
    for nonsense in (
        (),
        ("--all",),
        (number, "--all", "-m", "clients"),
        ("999", "--yes"),
        (number, "99999999999999999999", "--yes"),
        ("--yes", "--", "-1"),
        ("abc",),
        (number, "-m", "nobody", "--yes"),
    ):
        code, said = approve(*nonsense)
        assert code in {1, 2}, (nonsense, said)
        assert "Traceback" not in said
    code, said = approve(number, answer="n\n")
    assert (code != 0, "delete in external" in said) == (True, True), said
    assert [row.state for row in world.store.removals("clients", open_only=True)] == ["quarantined"]
    assert approve(number, answer="y\n")[0] == 0
    assert approve(number, "--yes")[1].count("0 approved") == 1, "once is enough"
    full(world)
    assert "C3" not in world.customers()
