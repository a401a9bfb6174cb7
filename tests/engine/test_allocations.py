"""Postings become budget links and follow the ERP: linked, moved, resized, split, deleted. Every part is real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.costs import Costs, company


@pytest.fixture
def costs(tmp_path: Path, store_url: str) -> Iterator[Costs]:
    """An approved configuration with nothing posted yet."""
    with company(tmp_path, store_url) as made:
        yield made


def test_thirty_postings_are_linked_once_and_then_nothing_happens(costs: Costs) -> None:
    for number in range(30):
        kind = ("shared", None, "lines")[number % 3]
        costs.post(f"P{number:02}", f"{100 + number}.01", "4100" if kind is None else None, kind=kind)
        if kind == "lines":
            costs.add(
                "posting_lines", line_id=f"L{number}a", posting_id=f"P{number:02}", amount="-100", cost_centre="4100"
            )
            costs.add(
                "posting_lines",
                line_id=f"L{number}b",
                posting_id=f"P{number:02}",
                amount=f"-{number}.01",
                cost_centre="4200",
            )
    costs.watch()
    reports = costs.cycle(person=True)
    assert {name: one.outcome for name, one in reports.items()} == dict.fromkeys(reports, "done"), costs.events
    links = costs.links()
    assert links["P00"] == {"B4100": 6001, "B4200": 4000}
    assert links["P01"] == {"B4100": None}
    assert links["P02"] == {"B4100": 10000, "B4200": 201}
    assert sum(len(one) for one in links.values()) == 50
    assert costs.wrote() == {"POST": 50}
    costs.events.clear()
    again = costs.cycle()
    assert {one.outcome for one in again.values()} == {"done"}
    assert costs.writes() == {} and costs.over == []
    assert again["costs"].counts.get("allocated", 0) == 0
    assert {name for name, _ in costs.events} == {"run.finished"}


def test_links_follow_the_erp_with_the_smallest_change_and_in_an_order_that_never_takes_too_much(costs: Costs) -> None:
    costs.post("MOVE", "100", "4100")
    costs.post("EDIT", "100", kind="shared")
    costs.post("UNSPLIT", "80", kind="shared")
    costs.post("SPLIT", "90", "4100")
    costs.post("GONE", "70", kind="shared")
    costs.post("UNPOSTED", "60", "4200")
    costs.post("PRIVATE", "50", "4200")
    costs.post("REST", "10", "4200")
    costs.started()
    costs.wrote()
    costs.watch()

    costs.edit("MOVE", cost_centre="4200")
    costs.edit("SPLIT", kind="shared", cost_centre=None)
    costs.edit("UNSPLIT", kind=None, cost_centre="4200")
    costs.edit("UNPOSTED", status="draft")
    costs.edit("PRIVATE", kind="private")
    costs.post("BACK", "-33.33", kind="shared")
    reports = costs.cycle()
    assert {one.outcome for one in reports.values()} == {"done"}, costs.events
    links = costs.links()
    assert links["MOVE"] == {"B4200": None}
    assert links["SPLIT"] == {"B4100": 5400, "B4200": 3600}
    assert links["UNSPLIT"] == {"B4200": None}
    assert links["BACK"] == {"B4100": -2000, "B4200": -1333}
    assert "UNPOSTED" not in links and "PRIVATE" not in links
    # MOVE and both shares once each; UNSPLIT grows into the whole after its other link is gone.
    assert costs.wrote() == {"PATCH": 3, "POST": 3, "DELETE": 3}
    assert costs.over == [] and costs.said("budget.link_skipped") == []

    costs.edit("EDIT", amount="100.01")
    costs.erp("DELETE FROM postings WHERE posting_id = 'GONE'")
    costs.cycle()
    assert costs.links()["EDIT"] == {"B4100": 6001, "B4200": 4000}
    assert costs.wrote() == {"PATCH": 1}
    for _ in range(2):  # two complete readings before the ERP itself is asked
        assert "GONE" in costs.links()
        reports = costs.cycle(full=True)
    assert "GONE" not in costs.links()
    assert costs.wrote() == {"DELETE": 2}
    assert [one["posting"] for one in costs.said("posting.gone")] == ["GONE"]
    assert costs.over == []
    costs.cycle()
    assert costs.writes() == {}
