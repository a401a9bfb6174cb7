"""Budget links under attack: lost answers, records that turn back, readings that lie, people in between.

The sandbox is watched at every moment: no transaction is ever linked for more than it is, no key has two links.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.costs import COSTS, Costs, company


@pytest.fixture
def costs(tmp_path: Path, store_url: str) -> Iterator[Costs]:
    """A configuration that nobody approved yet, with nothing posted."""
    with company(tmp_path, store_url) as made:
        yield made


LOST = [("status_after", {"status": 504}), ("status", {"status": 504}), ("reset_after", {}), ("truncated", {})]


@pytest.mark.parametrize(("kind", "params"), LOST, ids=["done", "not_done", "reset", "cut"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_lost_answers_while_postings_turn(costs: Costs, method: str, kind: str, params: dict[str, int]) -> None:
    if kind == "truncated" and method == "DELETE":
        return
    costs.post("SPLIT", "100.01", "4100")
    costs.post("UNSPLIT", "80.01", kind="shared")
    costs.post("MOVE", "50", "4100")
    costs.post("SIZE", "40", kind="shared")
    costs.started()
    costs.watch()
    costs.flowtly.faults.add(kind, method=method, path="/budget-transactions", times=2, **params)
    costs.edit("SPLIT", kind="shared", cost_centre=None)
    costs.edit("UNSPLIT", kind=None, cost_centre="4200")
    costs.edit("MOVE", cost_centre="4200")
    costs.edit("SIZE", amount="60")
    costs.post("NEW", "10", kind="shared")
    costs.cycle()
    costs.edit("SPLIT", kind=None, cost_centre="4200")
    costs.edit("UNSPLIT", kind="shared", cost_centre=None)
    costs.edit("MOVE", cost_centre="4100")
    costs.edit("NEW", kind=None, cost_centre="4200")
    for _ in range(4):
        costs.cycle()
    assert costs.links() == {
        "SPLIT": {"B4200": None},
        "UNSPLIT": {"B4100": 4801, "B4200": 3200},
        "MOVE": {"B4100": None},
        "SIZE": {"B4100": 3600, "B4200": 2400},
        "NEW": {"B4200": None},
    }
    # A transaction is corrected before its links are: growing ones are never too much.
    assert costs.over == []
    assert costs.store.incidents("costs", open_only=True) == []
    costs.wrote()
    costs.cycle()
    assert costs.wrote() == {}


def test_a_part_withdrawn_before_it_was_linked_is_never_made(costs: Costs) -> None:
    costs.run("budgets", person=True)
    costs.run("transactions", person=True)
    costs.post("P1", "30", kind="shared")
    costs.post("P2", "30", kind="shared")
    costs.run("transactions")
    assert costs.run("costs").outcome == "awaiting_approval"
    costs.edit("P1", kind="private")
    costs.edit("P2", kind=None, cost_centre="4200")
    costs.run("transactions")
    plan = costs.run("costs", write=False).plan
    assert plan is not None
    assert [item.external_key for item in plan.items] == ["P2#2"]
    costs.cycle(person=True)
    assert costs.links() == {"P2": {"B4200": None}}
    assert costs.wrote() == {"POST": 1}


def test_a_posting_that_turns_back_while_its_delete_is_in_doubt_has_its_links_once(costs: Costs) -> None:
    for key in ("DONE", "NOT"):
        costs.post(key, "30", kind="shared")
    costs.started()
    costs.wrote()
    costs.watch()
    costs.flowtly.faults.add("status_after", method="DELETE", path="/budget-transactions", times=1, status=504)
    costs.flowtly.faults.add("status", method="DELETE", path="/budget-transactions", times=1, status=504)
    for key in ("DONE", "NOT"):
        costs.edit(key, kind=None, cost_centre="4100")
    costs.cycle()
    for key in ("DONE", "NOT"):
        costs.edit(key, kind="shared", cost_centre=None)
    for _ in range(3):
        costs.cycle()
    assert costs.links() == dict.fromkeys(("DONE", "NOT"), {"B4100": 1800, "B4200": 1200})
    assert costs.over == []
    costs.wrote()
    costs.cycle()
    assert costs.wrote() == {}


def test_lines_that_are_away_for_a_while_take_no_link_with_them(costs: Costs) -> None:
    for number in range(8):
        costs.post(f"P{number}", "30", kind="lines")
        for line, amount in (("a", "-10"), ("b", "-20")):
            key = f"P{number}{line}"
            costs.add("posting_lines", line_id=key, posting_id=f"P{number}", amount=amount, cost_centre="4100")
    costs.erp("UPDATE posting_lines SET cost_centre = '4200' WHERE amount = '-20'")
    costs.started()
    costs.wrote()
    before = costs.links()
    kept = costs.erp("SELECT line_id, posting_id, amount, cost_centre FROM posting_lines")
    costs.erp("DELETE FROM posting_lines")
    costs.edit("P0", employee_mail="ada@flowtly.test")
    costs.cycle()
    for _ in range(3):
        costs.run("costs", full=True)
    assert costs.links() == before
    assert costs.wrote() == {}
    for line in kept:
        costs.erp("INSERT INTO posting_lines (line_id, posting_id, amount, cost_centre) VALUES (?, ?, ?, ?)", *line)
    costs.run("costs", full=True)
    assert costs.links() == before
    assert costs.wrote() == {}
    assert costs.store.allocation_counts("costs")["refused"] == 0
