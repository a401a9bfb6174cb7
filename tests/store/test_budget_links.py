"""The mirror of Flowtly's budget links: complete walks, what is told in between, and the decision about amounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from syncd.errors import BadAnswer
from syncd.ports.budget_links import Calibration, SeenLink, Unit
from tests.store.kit import MAPPING, Kit, iri

FULL = SeenLink(
    "/api/budget-transactions/1",
    "/api/transactions/t1",
    "/api/budgets/b1",
    "/api/employees/e1",
    125000,
    date(2026, 3, 31),
    "2026-03",
    "/api/bank-accounts/1",
    Decimal("-1250.00"),
)


def seen(number: object, transaction: str = "t1", amount: int | None = 5, **kw: Any) -> SeenLink:
    """A link."""
    return SeenLink(f"/api/budget-transactions/{number}", transaction, "b1", kw.pop("employee", ""), amount, **kw)


def mirrored(kit: Kit, *transactions: str) -> list[SeenLink]:
    """Links of these transactions, or of ``t1``."""
    found = kit.store.mirrored(MAPPING, transactions or ["t1"])
    return [one for transaction in sorted(found) for one in found[transaction]]


def walk(kit: Kit, *links: SeenLink) -> None:
    """A complete walk."""
    number = kit.store.begin_mirror(MAPPING)
    kit.store.mirror(MAPPING, links, number)
    kit.store.finish_mirror(MAPPING, number)


def test_a_link_comes_back_as_it_was_kept(kit: Kit) -> None:
    kit.store.mirror(MAPPING, [FULL, seen(2, amount=None)])
    kit.store.mirror(MAPPING, [])
    assert kit.store.mirrored(MAPPING, [FULL.transaction, "t1", "t9"]) == {
        FULL.transaction: [FULL],
        "t1": [seen(2, amount=None)],
    }
    assert kit.store.mirrored("other", ["t1"]) == kit.store.mirrored(MAPPING, []) == {}
    kit.store.unmirror(MAPPING, FULL.iri)
    kit.store.unmirror(MAPPING, "unknown")
    assert mirrored(kit, FULL.transaction) == []


def test_what_is_known_of_a_transaction_stays_while_the_link_stays_with_it(kit: Kit) -> None:
    kit.store.mirror(MAPPING, [FULL])
    short = replace(FULL, amount=None, day=None, month=None, account=None, total=None)
    kit.store.mirror(MAPPING, [short])
    assert mirrored(kit, FULL.transaction) == [replace(FULL, amount=None)]
    kit.store.mirror(MAPPING, [replace(short, total=Decimal("-7.5"))])
    assert mirrored(kit, FULL.transaction) == [replace(FULL, amount=None, total=Decimal("-7.5"))]
    moved = replace(short, transaction="t2")
    kit.store.mirror(MAPPING, [moved])
    assert mirrored(kit, FULL.transaction, "t2") == [moved]


def test_a_complete_walk_forgets_what_it_did_not_see_and_rewrites_nothing(kit: Kit) -> None:
    walk(kit, seen(1), seen(2), FULL, *(seen(number) for number in range(10, 30)))
    statement = "SELECT iri, ctid::text, xmin::text FROM budget_link ORDER BY iri"
    before = kit.rows(statement)
    known = [*mirrored(kit), FULL]
    walk(kit, *(replace(one, day=None, month=None) for one in known))
    assert kit.rows(statement) == before
    assert kit.scalar("SELECT count(*) FROM walked") == 0
    walk(kit, *(one for one in known if one != seen(2)))
    assert [one for one in known if one not in mirrored(kit, "t1", FULL.transaction)] == [seen(2)]
    kit.store.mirror("other", [seen(1)])
    walk(kit)
    assert mirrored(kit, "t1", FULL.transaction) == []
    assert kit.store.mirrored("other", ["t1"]) == {"t1": [seen(1)]}


def test_a_link_that_is_made_while_a_walk_goes_on_is_not_forgotten(kit: Kit) -> None:
    kit.store.mirror(MAPPING, [seen(0)])
    number = kit.store.begin_mirror(MAPPING)
    kit.store.mirror(MAPPING, [seen(1)], number)
    kit.store.mirror(MAPPING, [seen(2)])
    kit.store.mirror(MAPPING, [seen(3)])
    kit.store.unmirror(MAPPING, seen(3).iri)
    kit.store.finish_mirror(MAPPING, number)
    assert mirrored(kit) == [seen(1), seen(2)]


@pytest.mark.parametrize("lost", ["crash", "another walk", "no walk"])
def test_a_walk_that_lost_what_it_saw_forgets_nothing(kit: Kit, lost: str) -> None:
    kit.store.mirror(MAPPING, [seen(1), seen(2)])
    number = kit.store.begin_mirror(MAPPING)
    kit.store.mirror(MAPPING, [seen(1)], number)
    if lost == "crash":
        with kit.store.engine.begin() as connection:
            connection.execute(text("TRUNCATE walked"))
        kit.store.mirror(MAPPING, [seen(3)], number)
    elif lost == "another walk":
        assert kit.store.begin_mirror(MAPPING) > number
    kit.store.finish_mirror(MAPPING, number + (1 if lost == "no walk" else 0))
    assert seen(2) in mirrored(kit)


def test_ours_are_those_that_we_made(kit: Kit) -> None:
    for key, origin in (("P#1", "created"), ("P#2", "adopted"), ("P#3", "certain by name"), ("P#4", "manual")):
        kit.link(key, origin=origin)
    every = [iri(f"P#{number}") for number in range(1, 6)]
    assert kit.store.ours(MAPPING, every) == {iri("P#1"), iri("P#2"), iri("P#4")}
    assert kit.store.ours("other", every) == kit.store.ours(MAPPING, []) == set()


def test_the_last_decision_about_amounts_counts(kit: Kit) -> None:
    assert kit.store.calibration(MAPPING) is None
    at = datetime(2031, 5, 1, 12, 0, tzinfo=UTC)
    kit.store.calibrate(MAPPING, Calibration(Unit.MINOR, -1, {"telling": 3}, "anna", at))
    decided = Calibration(Unit.MAJOR, 1, {"telling": {"links": ["a"]}}, "kim", at)
    kit.store.calibrate(MAPPING, decided)
    assert kit.store.calibration(MAPPING) == decided
    assert kit.store.calibration("other") is None


def test_what_no_database_can_hold_is_refused_by_name(kit: Kit) -> None:
    with pytest.raises(BadAnswer, match="cannot hold"):
        kit.store.mirror(MAPPING, [seen("\x00")])
    assert kit.rows("SELECT 1 FROM budget_link") == []
