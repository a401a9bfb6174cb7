"""References to records of the same mapping: corrections of corrections, in one run, from either side, made once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.world import World

BILLS = """
mapping: bills
external: {resource: bills, key: number}
flowtly: {resource: invoices}
match: [[code], [parent, name]]
fields:
  code: {external: code, flowtly: internalComment}
  name: name
  parent: {external: corrects, flowtly: parent, through: {reference: bills}}
  client: {constant: {flowtly: CLIENT}}
  issueDate: {constant: {flowtly: "2026-01-01T00:00:00+00:00"}}
  saleDate: {constant: {flowtly: "2026-01-01T00:00:00+00:00"}}
  dueDate: {constant: {flowtly: "2026-01-15T00:00:00+00:00"}}
"""
TABLE = """
CREATE SEQUENCE bill_numbers START 900;
CREATE TABLE bills (number text PRIMARY KEY DEFAULT 'B' || nextval('bill_numbers'), code text, name text,
                    corrects text);
"""


@pytest.fixture
def family(world: World) -> World:
    """Bills that correct bills, approved, with nothing in them."""
    world.erp(TABLE)
    world.configure(bills=BILLS.replace("CLIENT", world.client(name="Ada ApS")))
    world.run("bills", person=True)
    return world


def bill(world: World, number: str, corrects: str | None = None, **fields: Any) -> None:
    columns = {"number": number, "corrects": corrects, "name": f"Bill {number}", **fields}
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    world.erp(f"INSERT INTO bills ({names}) VALUES ({marks})", *columns.values())


def invoice(world: World, name: str, parent: str | None = None, **fields: Any) -> str:
    dates = dict.fromkeys(("issueDate", "saleDate", "dueDate"), "2026-01-01T00:00:00+00:00")
    (client,) = world.named("Ada ApS")
    given = {"name": name, "client": client, "bankAccount": "/api/bank-accounts/1", **dates, **fields}
    return str(world.in_flowtly("POST", "invoices", {**given, **({"parent": parent} if parent else {})})["@id"])


def invoices(world: World) -> dict[str, dict[str, Any]]:
    return {f"/api/invoices/{one['id']}": one for one in world.in_flowtly("GET", "invoices")}


def settled_silently(world: World) -> None:
    """The next run has nothing to do and nothing is asked of anybody."""
    world.settled("bills")
    before = world.writes()
    report = world.run("bills")
    assert report.plan is not None
    assert (report.plan.pending, world.writes(), world.questions(name="bills")) == (False, before, [])


def test_a_chain_of_five_is_made_in_one_run_whatever_its_keys(family: World) -> None:
    world = family
    for number, corrects in (("5", None), ("4", "5"), ("1", "4"), ("3", "1"), ("2", "3")):
        bill(world, number, corrects)
    world.run("bills")
    links = world.links("bills")
    assert sorted(links) == ["1", "2", "3", "4", "5"]
    found = invoices(world)
    assert {links[n]: found[links[n]].get("parent") for n in links} == {
        links["5"]: None,
        links["4"]: links["5"],
        links["1"]: links["4"],
        links["3"]: links["1"],
        links["2"]: links["3"],
    }
    settled_silently(world)


def test_a_chain_in_flowtly_is_made_in_one_run(family: World) -> None:
    world = family
    chain = [invoice(world, "Root")]
    for depth in range(4):
        chain.append(invoice(world, f"Correction {depth}", chain[-1]))
    world.run("bills")
    links = {iri: key for key, iri in world.links("bills").items()}
    assert set(links) == set(chain)
    rows = dict(world.erp("SELECT number, corrects FROM bills"))
    assert rows == {
        links[iri]: (links[above] if above else None) for iri, above in zip(chain, [None, *chain], strict=False)
    }
    settled_silently(world)


def test_a_child_on_both_sides_is_not_made_again_when_its_parents_are_found_to_be_one(family: World) -> None:
    """In the run that links the parents Flowtly's child was read before its parent was known."""
    world = family
    bill(world, "1", code="R")
    bill(world, "2", "1", name="Correction")
    root = invoice(world, "Bill 1", internalComment="R")
    child = invoice(world, "Correction", root)
    for _ in range(3):
        world.run("bills")
    assert set(invoices(world)) == {root, child}
    assert len(world.erp("SELECT number FROM bills")) == 2
    assert [(row.kind, row.external_key, row.flowtly_key) for row in world.questions(name="bills")] == [
        ("probable", "2", child)
    ]


def test_records_that_refer_to_each_other_in_a_circle_wait_and_hold_back_nobody(family: World) -> None:
    world = family
    bill(world, "1", "2")
    bill(world, "2", "1")
    bill(world, "3", "3")
    bill(world, "4", "NEVER")
    bill(world, "5")
    world.run("bills")
    assert set(world.links("bills")) == {"5"}
    settled_silently(world)
    world.erp("UPDATE bills SET corrects = '5' WHERE number = '1'")
    world.run("bills")
    assert set(world.links("bills")) == {"5", "1", "2"}
    settled_silently(world)
