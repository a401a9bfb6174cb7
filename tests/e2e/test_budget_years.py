"""A year is opened in the ERP: its budgets and all that is tied to them come by a plan. Bank transactions go both ways.

The shipped files as they are, on a real ERP database and a sandbox Flowtly with data of its own.
"""

from __future__ import annotations

from typing import Any

from syncd.cli.watched import lines_of_lists, lists_of
from syncd.core.blast import Rate, radius
from syncd.core.model import Side
from syncd.core.plan import Kind, Plan
from syncd.engine.context import Options
from tests.e2e.test_shipped_mappings import Company, allocated, company

__all__ = ["company"]

FAMILY = ["budget-groups", "budgets", "budget-employees", "budget-projects", "budget-contractors"]
STAFF = ("budget-employees", "BudgetEmployee", "Employee", "email")


def planned(made: Company, name: str) -> Plan:
    """What would be done now; nothing is."""
    plan = made.app.run(name, Options("test", write=False)).plan
    assert plan is not None
    return plan


def full(made: Company, name: str) -> None:
    """A cycle that reads everything, as the daemon makes one now and then."""
    made.app.run(name, Options("test", write=True, full=True))


def test_the_next_year_comes_by_a_plan_and_a_closed_one_takes_its_links_along(company: Company) -> None:
    made = company
    made.cycle([*FAMILY, *FAMILY])
    before = {name: made.links(name) for name in FAMILY}
    sent = made.writes()
    made.erp("INSERT INTO budget_years (year, first_day, last_day) VALUES (2028, '2028-07-01', '2029-06-30')")
    budgets, people = planned(made, "budgets"), planned(made, "budget-employees")
    assert [(one.kind, one.external_key) for one in budgets.items] == [
        (Kind.CREATE, f"{centre}:2028") for centre in ("4100", "4200", "5100", "9000")
    ]
    reach = radius(budgets, Rate())
    assert (reach.writes, reach.records, reach.linked, reach.requests[Side.FLOWTLY]) == (4, 0, 8, 4)
    assert people.count(Kind.CREATE, Side.FLOWTLY) == people.waiting == 3  # they wait for their budgets
    assert made.writes() == sent
    made.cycle(FAMILY)
    for name in FAMILY:
        assert before[name].items() <= made.links(name).items()  # nothing of the years before was touched
    new = made.in_flowtly("Budget")[made.links("budgets")["4200:2028"]]
    assert (new["name"], new["type"], str(new["dateFrom"])[:10]) == ("Fairs 2028", "employee", "2028-07-01")
    assert {pair for pair in allocated(made, *STAFF) if pair[0].endswith(":2028")} == {
        ("4200:2028", "ola@example.com"), ("4200:2028", "sync@flowtly.test"), ("5100:2028", "ola@example.com"),
    }  # fmt: skip
    made.erp("INSERT INTO budget_years (year) VALUES (2029)")
    made.cycle(FAMILY)
    sent = made.writes()
    made.cycle(FAMILY)
    assert made.writes() == sent

    theirs = made.flowtly.state.insert(
        "BudgetEmployee", {"budget": made.links("budgets")["9000:2028"], "employee": "/api/employees/1"}
    )
    made.erp("DELETE FROM budget_years WHERE year = 2028")  # a quarter of the rows: more than 30 % would be doubted
    for _ in range(4):
        full(made, "budget-employees")
    left = allocated(made, *STAFF)
    assert left
    assert not {pair for pair in left if pair[0].endswith(":2028")}
    assert theirs["id"] in made.flowtly.state.table("BudgetEmployee").rows  # a person's link stays
    assert "4200:2028" in made.links("budgets")  # and so does the budget: it holds history


def by_note(made: Company, text: str) -> dict[str, Any]:
    (found,) = [one for one in made.in_flowtly("Transaction").values() if text in (one.get("note") or "")]
    return found


def test_bank_transactions_both_ways_with_a_lost_answer_in_between(company: Company) -> None:
    made = company
    made.cycle(["clients", "counterparties", "transactions"])
    account = next(one["number"] for one in made.in_flowtly("BankAccount").values())
    made.erp(
        "INSERT INTO bank_postings (account_no, booked_on, ordered_on, operation_no, booking_text, amount, supplier_no, "
        "period, remark) VALUES (%s, '2026-02-03', '2026-02-02', 'OP-1', 'Paper', -1250.50, 'S00001', '2026-01', 'one'), "
        "(%s, '2026-02-04', '2026-02-04', NULL, 'Iron', 990, NULL, '2026-02', 'two')",
        *[account] * 2,
    )
    made.flowtly.faults.add("reset_after", method="POST", path="/transactions", times=2)
    before = len(made.in_flowtly("Transaction"))
    made.cycle(["transactions"] * 2)
    assert len(made.in_flowtly("Transaction")) == before + 2  # both answers were lost, and nothing was made twice
    one, two = by_note(made, "one [syncd:"), by_note(made, "two [syncd:")
    assert (one["connectedMonth"], one["counterparty"]) == ("2026-01", made.links("counterparties")["S00001"])
    assert two["connectedMonth"] == "2026-02"

    # The other way: what the bank told Flowtly, with the month and the counterparty that people gave it.
    state = made.flowtly.state
    bank = next(iter(made.in_flowtly("BankAccount")))
    day = "2026-03-01T00:00:00+00:00"
    supplier = made.links("counterparties")["S00001"]
    made_there = state.insert(
        "Transaction",
        {"bankAccount": bank, "description": "Fee", "amount": -3, "orderDate": day, "execDate": day,
         "operationNumber": "B-7", "connectedMonth": "2026-02", "counterparty": supplier, "note": "bank"},
    )  # fmt: skip
    made.cycle(["transactions"])
    told = made.erp("SELECT amount, period, supplier_no, remark FROM bank_postings WHERE operation_no = 'B-7'")
    assert [(float(amount), *rest) for amount, *rest in told] == [(-3.0, "2026-02", "S00001", "bank")]
    state.update("Transaction", made_there["id"], {"connectedMonth": "2026-03", "note": "bank, in March"})
    made.erp("UPDATE bank_postings SET period = '2026-03' WHERE remark = 'one'")
    made.cycle(["transactions"])
    assert made.erp("SELECT period, remark FROM bank_postings WHERE operation_no = 'B-7'") == [
        ("2026-03", "bank, in March")
    ]
    assert by_note(made, "one [syncd:")["connectedMonth"] == "2026-03"
    assert "[syncd:" not in (state.table("Transaction").rows[made_there["id"]].get("note") or "")

    # Flowtly's own lists of what is on no budget, and of what it finds something wrong with.
    assert {row["records"] for row in lists_of(made.app)} == {None}
    made.walk()
    counted = {row["watch"]: row["records"] for row in lists_of(made.app)}
    links = {one["transaction"] for one in made.in_flowtly("BudgetTransaction").values()}
    open_ones = {iri for iri, row in made.in_flowtly("Transaction").items() if not row.get("ignored")} - links
    assert counted["unassigned"] == len(open_ones)
    assert counted["with-problems"] > 0
    (line, *_) = lines_of_lists(lists_of(made.app))
    assert line.startswith(f"transactions on no budget: {len(open_ones)} (as of ")
    news = {"transaction.unassigned", "transaction.has_problems"}
    assert news.isdisjoint(made.told())  # what is on a list when it is first walked is no news
    fields = {"bankAccount": bank, "description": "Who?", "amount": -5, "orderDate": day, "execDate": day}
    state.insert("Transaction", fields)
    made.walk()
    assert news <= set(made.told())
