"""Budget links under attack: lost answers, records that turn back, readings that lie, amounts that turn around.

The sandbox is watched at every moment: no transaction is ever linked for more than it is, no key has two links.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.engine.costs import COSTS, TRANSACTIONS, Costs, company


@pytest.fixture
def costs(tmp_path: Path, store_url: str) -> Iterator[Costs]:
    """A configuration that nobody approved yet, with nothing posted."""
    with company(tmp_path, store_url) as made:
        yield made


KINDS = ["status_after", pytest.param("status", marks=pytest.mark.slow)]


@pytest.mark.parametrize("kind", KINDS, ids=["done", "not_done"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_lost_answers_while_postings_turn(costs: Costs, method: str, kind: str) -> None:
    costs.post("SPLIT", "100.01", "4100")
    costs.post("UNSPLIT", "80.01", kind="shared")
    costs.post("MOVE", "50", "4100")
    costs.post("SIZE", "40", kind="shared")
    costs.started()
    costs.watch()
    costs.flowtly.faults.add(kind, method=method, path="/budget-transactions", times=2, status=504)
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
        costs.time_passes()
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
    assert costs.links() == {key: {"B4100": 1800, "B4200": 1200} for key in ("DONE", "NOT")}
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
    for row in kept:
        costs.erp("INSERT INTO posting_lines (line_id, posting_id, amount, cost_centre) VALUES (?, ?, ?, ?)", *row)
    costs.run("costs", full=True)
    assert costs.links() == before
    assert costs.wrote() == {}
    assert costs.store.allocation_counts("costs")["refused"] == 0


def test_a_posting_that_left_the_mapping_takes_its_links_with_it(costs: Costs) -> None:
    scoped = TRANSACTIONS.replace("cursor: changed_at}", "cursor: changed_at, where: {status: [posted, paid]}}")
    costs.configure(transactions=scoped)
    for number in range(8):
        costs.post(f"P{number}", "30", kind="shared")
    costs.started()
    costs.wrote()
    costs.edit("P3", status="void")
    for _ in range(3):
        costs.cycle(full=True)
    assert "P3" not in costs.links() and len(costs.links()) == 7
    assert costs.wrote() == {"DELETE": 2} and len(costs.said("posting.left")) == 1
    costs.edit("P3", status="posted")
    costs.cycle()
    assert costs.links()["P3"] == {"B4100": 1800, "B4200": 1200}
    assert costs.store.incidents("costs", open_only=True) == []
    before = costs.links()
    costs.configure(COSTS.replace("  where: {status: posted}\n", ""), transactions=scoped)
    costs.cycle(person=True)
    costs.wrote()
    costs.edit("P4", status="void")  # only the mapping leaves it out: nothing follows for its transaction or its links
    for _ in range(3):
        costs.cycle(full=True)
    assert costs.links() == before and costs.wrote() == {}


def test_amounts_that_turn_around_in_any_currency_are_followed_to_the_last_unit(costs: Costs) -> None:
    costs.configure(transactions=TRANSACTIONS.replace("decimal: 2", "decimal: 3"))
    costs.post("SIGN", "100.01", kind="shared")
    costs.post("ZERO", "80", kind="shared")
    costs.post("CURRENCY", "1001", kind="shared")
    costs.post("YEN", "1001", kind="shared", currency="JPY")
    costs.post("FILS", "10.001", kind="shared", currency="KWD")
    costs.post("FINE", "10.001", kind="shared")
    costs.post("PERSON", "10", "4100", employee_mail="ada@flowtly.test")
    costs.started()
    assert costs.store.incidents("costs", open_only=True) == []
    assert costs.links()["YEN"] == {"B4100": 601, "B4200": 400}
    assert "FINE" not in costs.links()
    assert costs.links()["FILS"] == {"B4100": 6001, "B4200": 4000}
    costs.wrote()
    costs.watch()
    costs.edit("SIGN", amount="-100.01")
    costs.edit("ZERO", amount="0")
    costs.edit("CURRENCY", currency="JPY")
    costs.edit("PERSON", employee_mail=None)
    costs.cycle()
    links = costs.links()
    assert links["SIGN"] == {"B4100": -6001, "B4200": -4000}
    assert "ZERO" not in links
    assert links["CURRENCY"] == {"B4100": 601, "B4200": 400}
    assert links["PERSON"] == {"B4100": None}
    assert costs.wrote() == {"PATCH": 5, "DELETE": 2}
    costs.edit("ZERO", amount="80")
    costs.edit("PERSON", employee_mail="bob@flowtly.test")
    costs.cycle()
    assert costs.links()["ZERO"] == {"B4100": 4800, "B4200": 3200}
    assert costs.links()["PERSON"] == {"B4100 bob@flowtly.test": None}
    assert costs.wrote() == {"PATCH": 1, "POST": 2}
    assert costs.store.incidents("costs", open_only=True) == []
    costs.by_hand("YEN", "Theirs", 1)
    costs.run("costs", full=True)
    (incident,) = costs.store.incidents("costs", open_only=True)
    assert incident.breach.detail["too_much"] == "1 JPY"


def test_transactions_that_are_not_linked_for_a_while_keep_their_links(costs: Costs) -> None:
    for number in range(6):
        costs.post(f"P{number}", "30", kind="shared")
    costs.started()
    before = costs.links()
    costs.wrote()
    with psycopg.connect(costs.env["SYNCD_DATABASE_URL"]) as connection:
        connection.execute("DELETE FROM link WHERE mapping = 'transactions'")
    for _ in range(3):
        costs.run("costs", full=True)
    assert costs.links() == before and costs.wrote() == {}
    costs.edit("P1", amount="60")
    costs.run("costs")
    assert costs.links() == before and costs.wrote() == {}
    costs.cycle(person=True, full=True)
    assert costs.store.counts("transactions").get("conflicts") == 1  # which of both amounts holds is a person's to say
    assert costs.links() == before and costs.wrote() == {}
    costs.edit("P1", amount="30")
    costs.cycle()
    assert costs.links() == before and costs.wrote() == {}
    assert costs.store.incidents("costs", open_only=True) == []
