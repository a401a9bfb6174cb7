"""Marks in notes: who a transaction was made from is certain, and nobody's note is touched for it."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.engine.preflight import preflight
from tests.engine.world import MAPPING, World

POSTINGS = """
mapping: postings
external: {resource: postings, key: posting_id}
flowtly: {resource: transactions, marker: note}
match: [[bankAccount, execDate, operationNumber, amount]]
fields:
  bankAccount: {external: account_no, through: {lookup: bank-accounts, by: number}, required: true}
  execDate: {external: booked_on, through: date, required: true}
  orderDate: {external: booked_on, through: date, direction: to_flowtly, required: true}
  operationNumber: operation_no
  description: {external: booking_text, required: true}
  amount: {external: amount, through: {decimal: 2}, required: true}
  note: remark
"""


@pytest.fixture
def bank(world: World) -> World:
    """A table of postings, both ways with Flowtly's transactions."""
    world.erp(
        "CREATE TABLE postings (posting_id text PRIMARY KEY DEFAULT 'F' || floor(random() * 1000000)::text, account_no text, "
        "booked_on date, operation_no text, booking_text text, amount numeric(14, 2), remark text)"
    )
    world.configure(MAPPING, postings=POSTINGS)
    world.run("postings", person=True)
    return world


def post(world: World, key: str, operation: str | None = "OP-1", **more: Any) -> None:
    (account, *_) = [one["number"] for one in world.in_flowtly("GET", "bank-accounts")]
    values = {"booking_text": "Paper", "amount": -1250, "remark": None, **more}
    world.erp(
        "INSERT INTO postings VALUES (%s, %s, '2026-02-03', %s, %s, %s, %s)",
        *(key, account, operation, values["booking_text"], values["amount"], values["remark"]),
    )


def notes(world: World) -> list[Any]:
    return sorted(str(one.get("note")) for one in world.in_flowtly("GET", "transactions"))


def edit(world: World, key: str, **fields: Any) -> None:
    """A person edits the transaction that a posting is linked to."""
    world.in_flowtly("PATCH", world.links("postings")[key].removeprefix("/api/"), fields)


def remarks(world: World) -> list[Any]:
    return [text for (text,) in world.erp("SELECT remark FROM postings ORDER BY posting_id")]


def test_a_mark_is_written_once_kept_on_edits_and_never_an_edit(bank: World) -> None:
    world = bank
    post(world, "P-1", remark="for the office")
    post(world, "P-2", "OP-2")
    world.settled("postings")
    assert notes(world) == ["[syncd:P-2]", "for the office [syncd:P-1]"]
    assert remarks(world) == ["for the office", None]
    world.erp("UPDATE postings SET remark = 'for the shop' WHERE posting_id = 'P-1'")
    edit(world, "P-2", note="seen [syncd:P-2] by Ola")
    world.settled("postings")
    assert notes(world) == ["for the shop [syncd:P-1]", "seen [syncd:P-2] by Ola"]
    assert remarks(world) == ["for the shop", "seen by Ola"]
    edit(world, "P-1", note="for the shop")  # a person takes the mark away: no edit, and it is not put back
    before = world.writes()
    world.settled("postings")
    assert (world.writes(), remarks(world)[0]) == (before, "for the shop")
    assert world.app is not None
    mapping = world.app.mappings["postings"]
    assert preflight(mapping, world.app.peers(mapping)) == []


def test_a_create_in_doubt_is_found_by_its_mark_whatever_was_edited_since(bank: World) -> None:
    """Two of them look the same but for their marks, and one was given another operation number by a person."""
    world = bank
    world.flowtly.faults.add("reset_after", method="POST", path="/transactions", times=2)
    world.flowtly.faults.add("status", method="GET", path="/transactions", status=503, after_nth=1)  # no look yet
    for key in ("P-1", "P-2"):
        post(world, key, None)  # without an operation number there is no match key
    world.run("postings")
    assert len(world.store.open_operations("postings")) == 2
    world.flowtly.faults.clear()
    (first,) = [one for one in world.in_flowtly("GET", "transactions") if one["note"] == "[syncd:P-1]"]
    world.in_flowtly("PATCH", f"transactions/{first['id']}", {"operationNumber": "7", "description": "Papier"})
    world.later()
    world.settled("postings")
    assert len(world.in_flowtly("GET", "transactions")) == len(world.links("postings")) == 2
    assert world.links("postings")["P-1"] == f"/api/transactions/{first['id']}"
    assert {one.field for one in world.questions(name="postings")} == {"description"}  # both wrote: a person is asked


def test_a_tenant_that_drops_the_mark_breaks_nothing(bank: World) -> None:
    world = bank
    world.flowtly.faults.add("rewrite", method="POST", path="/transactions", field="note", how="truncate", length=10)
    world.flowtly.faults.add("reset_after", method="POST", path="/transactions", times=1)
    post(world, "P-1", remark="0123456789")
    world.settled("postings")
    assert notes(world) == ["0123456789"]
    assert list(world.links("postings")) == ["P-1"]
    assert remarks(world) == ["0123456789"]
