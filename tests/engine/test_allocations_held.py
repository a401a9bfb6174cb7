"""What an allocation does not do yet, and says so: waiting for approval, budgets, units, readings and room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.core.model import Side
from syncd.core.plan import Kind
from tests.engine.costs import COSTS, Costs, company


@pytest.fixture
def costs(tmp_path: Path, store_url: str) -> Iterator[Costs]:
    """A configuration that nobody approved yet, with nothing posted."""
    with company(tmp_path, store_url) as made:
        yield made


def test_edited_rules_wait_for_approval_and_the_plan_shows_how_far_they_reach(costs: Costs) -> None:
    for number in range(4):
        costs.post(f"P{number}", "10", "4100")
    costs.started()
    costs.wrote()
    costs.configure(COSTS.replace('budget: "4100", share: 60%', 'budget: "4100", share: 50%'))
    assert costs.cycle()["costs"].outcome == "awaiting_approval"
    costs.configure(
        COSTS.replace(
            '- {rule: nobodys, when: {cost_centre: {empty: false}}, budget: "{cost_centre}"}',
            '- {rule: nobodys, when: {cost_centre: {empty: false}}, budget: "4200"}',
        )
    )
    plan = costs.run("costs", write=False).plan
    assert plan is not None
    assert plan.count(Kind.PATCH) == 4
    first = plan.items[0]
    assert (first.external_key, [change.field for change in first.changes]) == ("P0#1", ["budget"])
    assert costs.cycle()["costs"].outcome == "awaiting_approval"
    assert costs.wrote() == {}
    costs.configure()  # taken back: nothing was done, so nothing is to be undone
    assert costs.cycle()["costs"].outcome == "done"
    assert costs.wrote() == {}
    costs.configure(
        COSTS.replace(
            'when: {cost_centre: {empty: false}}, budget: "{cost_centre}"',
            'when: {cost_centre: {empty: false}}, budget: "4200"',
        )
    )
    assert costs.run("costs", person=True).outcome == "done"
    assert costs.wrote() == {"PATCH": 4}
    assert {name for one in costs.links().values() for name in one} == {"B4200"}


def test_a_posting_that_cannot_be_read_keeps_its_links_and_is_told_once(costs: Costs) -> None:
    costs.post("P1", "10", "4100")
    costs.post("P2", "20", "4100")
    costs.started()
    costs.wrote()
    costs.edit("P1", currency="XXQ", cost_centre="4200")
    costs.edit("P2", cost_centre="4200")
    for _ in range(2):
        assert costs.cycle()["costs"].outcome == "done"
    assert costs.links() == {"P1": {"B4100": None}, "P2": {"B4200": None}}
    (told,) = costs.said("posting.refused")
    assert told["posting"] == "P1" and "XXQ" in told["detail"] and told["parts_kept"] == 1
    costs.edit("P1", currency="DKK")
    costs.cycle()
    assert costs.links()["P1"] == {"B4200": None}


def test_a_budget_that_comes_later_gets_its_link_in_the_same_cycle(costs: Costs) -> None:
    costs.started()
    costs.post("P1", "10", "4300")
    report = costs.cycle()["costs"]
    assert report.outcome == "done" and costs.links() == {}
    assert costs.store.counts("costs").get("external.waiting") == 1
    (waits,) = costs.said("record.waiting")
    assert (waits["source"], "4300" in waits["detail"]) == ("P1#1", True)
    (seen,) = costs.store.observations("costs", Side.EXTERNAL, ["P1#1"]).values()
    assert "budgets" in (seen.problem or "") and "4300" in (seen.problem or "")
    costs.add("cost_centres", key="4300", name="B4300")
    costs.cycle()
    assert costs.links() == {"P1": {"B4300": None}}


def test_changed_lines_reach_their_posting_and_a_part_that_returns_finds_its_link(costs: Costs) -> None:
    costs.post("P1", "30", kind="lines")
    costs.add("posting_lines", line_id="a", posting_id="P1", amount="-10", cost_centre="4100")
    costs.add("posting_lines", line_id="b", posting_id="P1", amount="-20", cost_centre="4200")
    costs.started()
    costs.wrote()
    assert costs.links()["P1"] == {"B4100": 1000, "B4200": 2000}
    costs.erp("UPDATE posting_lines SET amount = CASE line_id WHEN 'a' THEN '-25' ELSE '-5' END")
    report = costs.cycle()["costs"]
    assert costs.links()["P1"] == {"B4100": 2500, "B4200": 500}
    assert costs.wrote() == {"PATCH": 2}
    assert report.counts["allocated"] == 1
    costs.erp("UPDATE posting_lines SET cost_centre = '4100'")
    costs.run("transactions")
    costs.run("costs", write=False)  # the plan derives as well: B4200 is withdrawn, and its link still there
    costs.erp("UPDATE posting_lines SET cost_centre = '4200' WHERE line_id = 'b'")
    costs.cycle()
    assert costs.links()["P1"] == {"B4100": 2500, "B4200": 500}
    assert costs.wrote() == {}


def test_amounts_wait_for_their_unit_and_links_of_a_whole_posting_do_not(costs: Costs) -> None:
    costs.configure(COSTS.replace("unit: minor", "unit: calibrated"))
    costs.post("WHOLE", "10", "4100")
    costs.post("SPLIT", "10", kind="shared")
    costs.started()
    assert costs.links() == {"WHOLE": {"B4100": None}}
    costs.cycle()
    assert costs.said("budget.amounts_skipped") == []  # told when it was news
    assert costs.store.allocation_counts("costs")["skipped"] == 2
    costs.edit("WHOLE", kind="shared", cost_centre=None)
    costs.cycle()
    assert costs.links() == {"WHOLE": {"B4100": None}}  # it keeps what it has until the unit is known


def test_a_reading_that_is_cut_or_suspicious_changes_nothing_else(costs: Costs) -> None:
    for number in range(10):
        costs.post(f"P{number}", "10", "4100")
    costs.started()
    costs.wrote()
    costs.edit("P0", cost_centre="4200")
    costs.erp("ALTER TABLE posting_lines RENAME TO elsewhere")
    report = costs.run("costs", full=True)
    assert report.outcome == "incomplete"
    assert len(costs.said("postings.incomplete")) == 1
    assert costs.links()["P0"] == {"B4100": None}
    costs.erp("ALTER TABLE elsewhere RENAME TO posting_lines")
    costs.erp("DELETE FROM postings WHERE posting_id > 'P4'")
    for _ in range(3):
        assert costs.run("costs", full=True).outcome == "incomplete"
    assert "shrank from 10 to 5" in costs.said("postings.incomplete")[-1]["detail"]
    assert costs.links()["P0"] == {"B4200": None} and len(costs.links()) == 10
    assert costs.wrote() == {"PATCH": 1}
    costs.store.raise_fence("transactions", ("restored",), {}, 1)
    costs.edit("P1", cost_centre="4200")
    assert costs.run("costs").outcome == "incomplete"
    assert costs.links()["P1"] == {"B4100": None} and costs.said("postings.held")


def test_what_the_store_cannot_hold_is_refused_by_its_key_and_holds_nothing_else_back(costs: Costs) -> None:
    costs.started()
    costs.post("GOOD", "10", "4100")
    costs.post("NUL", "10", "41\x0000")
    costs.post("LONG", "10", "".join(chr(0x4E00 + number) for number in range(3000)))
    costs.post("MUCH", "12345678901234567890", "4100")
    costs.cycle()
    refused = {one["posting"]: one["detail"] for one in costs.said("posting.refused")}
    assert refused["NUL"] == "cost_centre: text with a NUL byte cannot be stored"
    assert refused["LONG"].endswith("is too long for a budget or employee")
    assert refused["MUCH"] == "amount: -12345678901234567890 is too large for an amount of money"
    assert costs.links() == {"GOOD": {"B4100": None}}
    costs.events.clear()
    costs.cycle(full=True)
    assert costs.said("posting.refused") == costs.said("postings.incomplete") == []
