"""Budget links and people: what they delete, move, correct, decide and approve is theirs, and never half understood."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from ruamel.yaml import YAML

from syncd.core.plan import Kind
from syncd.ports.budget_links import Calibration, Unit
from tests.engine.costs import COSTS, SETTINGS, TRANSACTIONS, Costs, company

CONFIG: Final = Path(__file__).parents[2] / "config"


@pytest.fixture
def costs(tmp_path: Path, store_url: str) -> Iterator[Costs]:
    """A configuration that nobody approved yet, with nothing posted."""
    with company(tmp_path, store_url) as made:
        yield made


def test_a_link_that_people_delete_is_made_again_exactly_once(costs: Costs) -> None:
    for number in range(6):
        costs.post(f"P{number}", "30", kind="shared")
    costs.started()
    before = costs.links()
    costs.wrote()
    costs.watch()
    rows = costs.flowtly.state.rows("BudgetTransaction")
    for row in rows[:2]:
        costs.flowtly.state.delete("BudgetTransaction", row["id"])
    mine = costs.flowtly.state.insert("BudgetTransaction", {**rows[1], "amount": 1})
    costs.flowtly.faults.add("status_after", method="POST", path="/budget-transactions", times=1, status=504)
    for _ in range(4):
        costs.run("costs", full=True)
    assert costs.wrote() == {"POST": 1}
    after = costs.flowtly.state.rows("BudgetTransaction")
    assert len(after) == len(rows)
    assert [row["amount"] for row in after if row["id"] == mine["id"]] == [1]
    costs.flowtly.state.delete("BudgetTransaction", mine["id"])
    for _ in range(3):
        costs.time_passes()
        costs.run("costs", full=True)
    assert costs.links() == before
    assert costs.wrote() == {"POST": 1}
    assert costs.over == []


def test_another_unit_rewrites_nothing_before_somebody_saw_it(costs: Costs) -> None:
    costs.configure(COSTS.replace("unit: minor", "unit: calibrated"))
    costs.store.calibrate("costs", Calibration(Unit.MINOR, -1, {}, "ann", datetime.now(UTC)))
    for number in range(3):
        costs.post(f"P{number}", "30", kind="shared")
    costs.started()
    before = costs.links()
    assert before["P0"] == {"B4100": 1800, "B4200": 1200}
    costs.wrote()
    costs.store.calibrate("costs", Calibration(Unit.MAJOR, -1, {}, "ann", datetime.now(UTC)))
    costs.post("NEW", "50", kind="shared")
    costs.cycle()
    assert costs.wrote() == {} and costs.links() == before
    plan = costs.run("costs", write=False).plan
    assert plan is not None and plan.count(Kind.PATCH) == 6
    assert costs.run("costs", person=True).outcome == "done"
    assert costs.links()["P0"] == {"B4100": 18, "B4200": 12}


def test_people_who_move_many_links_of_ours_are_overruled_not_taken_for_strangers(costs: Costs) -> None:
    for number in range(8):
        costs.post(f"P{number}", "30", "4100")
    costs.started()
    before = costs.links()
    rows = costs.flowtly.state.rows("BudgetTransaction")
    other = next(row for row in costs.flowtly.state.rows("Budget") if row["name"] == "B4200")
    for row in rows[:6]:
        costs.flowtly.state.update("BudgetTransaction", row["id"], {"budget": f"/api/budgets/{other['id']}"})
    report = costs.run("costs", full=True)
    assert report.outcome == "done", report.reasons
    assert costs.links() == before


SHIPPED = ("mappings/transactions.yaml", "budgets/mappings/transactions.yaml")


@pytest.mark.parametrize("shipped", SHIPPED)
def test_corrections_of_many_amounts_and_days_fence_nothing(costs: Costs, shipped: str) -> None:
    match = YAML(typ="safe").load((CONFIG / shipped).read_text())["match"]
    costs.configure(transactions=TRANSACTIONS.replace("match: [[operationNumber]]", f"match: {match}"))
    for number in range(8):
        costs.post(f"P{number}", "30", kind="shared")
    costs.started()
    for number in range(6):
        costs.edit(f"P{number}", amount="60", booked_on="2026-02-04")
    reports = costs.cycle()
    assert {one.outcome for one in reports.values()} == {"done"}, reports["transactions"].reasons
    assert costs.links()["P0"] == {"B4100": 3600, "B4200": 2400}
    assert len(costs.flowtly.state.rows("Transaction")) == 8
    costs.post("TWIN", "60", kind="shared", booked_on="2026-02-04")  # as much on the same day: another posting
    costs.cycle()
    assert len(costs.flowtly.state.rows("Transaction")) == 9


def test_a_saved_plan_does_nothing_that_was_not_seen(costs: Costs) -> None:
    costs.post("P1", "30", kind="shared")
    costs.post("P2", "30", kind="shared")
    costs.run("budgets", person=True)
    costs.run("transactions", person=True)
    plan = costs.run("costs", write=False).plan
    assert plan is not None
    seen = frozenset(item.fingerprint for item in plan.items)
    costs.edit("P1", amount="60")
    costs.post("P3", "30", "4100")
    costs.run("transactions")
    costs.run("costs", person=True, only=seen, strict=True)
    assert costs.links() == {"P2": {"B4100": 1800, "B4200": 1200}}


def test_a_link_of_people_on_a_budget_that_is_not_ours_leaves_room_for_ours(costs: Costs) -> None:
    costs.configure(COSTS.replace('      - {budget: "4200", rest: true}\n', ""))
    costs.started()
    for number, first in enumerate((True, False)):  # before our first plan of it, and after
        costs.post(f"P{number}", "30", kind="shared")
        costs.run("transactions")
        costs.by_hand(f"P{number}", "Theirs", 500)
        costs.cycle(person=first)
        assert costs.links()[f"P{number}"] == {"Theirs": 500, "B4100": 1800}
    costs.cycle(full=True)
    assert costs.links() == {key: {"Theirs": 500, "B4100": 1800} for key in ("P0", "P1")}


MORE = """
allocation: more
postings: {of: transactions, amount: amount, currency: currency, date: booked_on, sign: negative, where: {kind: private}}
links: {target: {mapping: budgets}, unit: minor}
rules: [{rule: all, budget: "4200"}]
"""
COMMITMENTS = """
commitments:
  resource: commitments
  create: true
  fields: {link: link_id, transaction: posting_id, budget: budget_key, amount: amount}
"""


def test_two_allocations_of_the_same_postings_do_not_take_each_others_links_for_peoples(costs: Costs) -> None:
    (costs.folder / "more.yaml").write_text(MORE)
    costs.configure(COSTS + COMMITMENTS, settings=SETTINGS.replace("[costs.yaml]", "[costs.yaml, more.yaml]"))
    costs.post("P2", "30", kind="private")
    for number in range(4, 9):
        costs.post(f"P{number}", "30", "4100")
    others = {f"P{number}": {"B4100": None} for number in range(4, 9)}
    for _ in range(2):
        costs.cycle(person=True)
    assert costs.links() == others | {"P2": {"B4200": None}}
    assert costs.erp("SELECT count(*) FROM commitments") == [(0,)]
    costs.post("P3", "30")
    costs.run("transactions")
    costs.by_hand("P3", "B4100", 500)
    costs.cycle(full=True)
    assert costs.erp("SELECT posting_id, budget_key FROM commitments") == [("P3", "4100")]
    costs.edit("P2", kind=None, cost_centre="4100")  # from one allocation to the other, by way of no room for both
    for _ in range(3):
        costs.cycle()
    assert costs.links() == others | {"P2": {"B4100": None}, "P3": {"B4100": 500}}
