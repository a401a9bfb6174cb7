"""Control totals and spend signals against the sandbox Flowtly: what is off is named, frozen, and over once mended."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from syncd.budgets.totals import Kind, Sums
from syncd.cli.budgets_status import allocations_of, lines_of
from syncd.cli.common import Exit, exit_code
from syncd.daemon import budgeting
from syncd.daemon.metrics import Metrics
from syncd.engine.allocating.audit import Totals, control_totals
from syncd.engine.allocating.spending import spend_rows
from syncd.engine.run import Report
from tests.engine.costs import COSTS, SETTINGS, Costs, company

HALF = "  - {rule: half, when: {kind: half}, split: [{budget: '4100', share: 50%}]}\nrules_end"
RULES = COSTS.rstrip() + "\n" + HALF.removesuffix("rules_end")


@pytest.fixture
def costs(tmp_path: Path, store_url: str) -> Iterator[Costs]:
    """An approved configuration with nothing posted yet, and a third budget."""
    with company(tmp_path, store_url) as made:
        made.add("cost_centres", key="4300", name="B4300")
        yield made


def books(costs: Costs) -> Totals:
    """Both sides as the store knows them now."""
    assert costs.app is not None
    return control_totals(costs.store, costs.app.budgets.scales("costs"), {})


def iri(costs: Costs, resource: str, path: str, **named: Any) -> str:
    """The address of the only record with these values."""
    (row,) = [
        row
        for row in costs.flowtly.state.rows(resource)
        if all(row.get(name) == value for name, value in named.items())
    ]
    return f"/api/{path}/{row['id']}"


def transaction(costs: Costs, posting: str) -> str:
    return iri(costs, "Transaction", "transactions", operationNumber=posting)


def budget(costs: Costs, key: str) -> str:
    return iri(costs, "Budget", "budgets", name=f"B{key}")


def by_hand(costs: Costs, posting: str, key: str, amount: int | None) -> str:
    """A person in Flowtly links a transaction; the link's id."""
    fields = {"transaction": transaction(costs, posting), "budget": budget(costs, key), "amount": amount}
    return str(costs.flowtly.state.insert("BudgetTransaction", fields)["id"])


def test_both_sides_agree_to_the_cent_and_idle_runs_say_nothing(costs: Costs) -> None:
    costs.post("P1", "100.01", "4100")
    costs.post("P2", "-30.00", "4100")
    costs.post("P3", "50.05", kind="shared")
    costs.post("P4", "7.00", "4200", booked_on="2026-03-01")
    costs.started()
    found = books(costs)
    assert found.breaches == ()
    assert found.pending == 0
    assert {(row.place, row.month): (row.wanted, row.found) for row in found.budgets} == {
        ("4100", "2026-02"): (Sums(3, 10001 - 3000 + 3003),) * 2,
        ("4200", "2026-02"): (Sums(1, 2002),) * 2,
        ("4200", "2026-03"): (Sums(1, 700),) * 2,
    }
    assert [(row.month, row.wanted, row.found) for row in found.accounts] == [
        ("2026-02", Sums(3, 12006), Sums(3, 12006)),
        ("2026-03", Sums(1, 700), Sums(1, 700)),
    ]
    assert {row.state for row in found.rows} == {"agrees"}
    reports = costs.cycle()
    assert exit_code(list(reports.values())) is Exit.DONE
    assert {name for name, _ in costs.events} == {"run.finished"}

    # Links are looked at before the transaction was corrected: that is on its way, and no breach.
    costs.edit("P1", amount="90.00")
    assert costs.run("costs").breaches == ()
    assert [row.state for row in books(costs).rows] == ["pending", "agrees", "agrees", "pending", "agrees"]
    costs.cycle()
    costs.run("costs")
    assert {row.state for row in books(costs).rows} == {"agrees"}


def test_a_link_too_many_is_named_freezes_its_budgets_and_is_over_once_it_is_gone(costs: Costs) -> None:
    for key, centre in (("P1", "4100"), ("P2", "4100"), ("P3", "4200")):
        costs.post(key, "100.00", centre)
    costs.started()
    theirs = by_hand(costs, "P1", "4300", 2500)
    report = costs.run("costs")
    assert exit_code([report]) is Exit.REFUSED
    (line,) = report.breaches
    (said,) = costs.said("control.breach")
    assert said["kind"] == Kind.OVER
    assert said["budgets"] == ["4100", "4300"]
    detail = said["detail"]
    assert (detail["posting"], detail["transaction"]) == ("P1", transaction(costs, "P1"))
    assert (detail["amount"], detail["linked"], detail["too_much"]) == ("100.00 DKK", "125.00 DKK", "25.00 DKK")
    named = {one["made_by"]: one for one in detail["records"]}
    assert named["syncd"]["record"] == "P1#1"
    assert named["people"]["iri"] == f"/api/budget-transactions/{theirs}"
    assert named["people"]["amount"] == "25.00 DKK"
    assert "over_allocated" in line
    assert theirs in line

    assert costs.app is not None
    (row,) = allocations_of(costs.app)
    assert row["totals"] == {"agrees": 3}
    assert row["incidents"][0]["line"] == line
    assert any("not written to: 4100, 4300" in one for one in lines_of([row]))
    metrics = Metrics(costs.app.clock.now)
    for _, job in budgeting.jobs_of(costs.app):
        metrics.ran(job.run(Event()))
    page = metrics.render().decode()
    assert 'syncd_control_breaches{allocation="costs"} 1.0' in page
    assert 'syncd_allocation_postings{allocation="costs",state="allocated"} 3.0' in page

    # Nothing is written to a frozen budget, and everything to others.
    costs.edit("P2", cost_centre="4200")
    costs.edit("P3", cost_centre="4200", employee_mail="ada@flowtly.test")
    costs.post("P4", "1.00", "4300")
    costs.events.clear()
    costs.wrote()
    cycle = costs.cycle()
    assert cycle["costs"].breaches == report.breaches
    assert costs.wrote() == {"PATCH": 1}
    assert costs.links()["P3"] == {"B4200 ada@flowtly.test": None}
    assert costs.links()["P2"] == {"B4100": None}
    assert "P4" not in costs.links()
    assert costs.said("control.breach") == [], "told once"
    plan = costs.run("costs", write=False).plan
    assert plan is not None
    held = {item.external_key: item.reason for item in plan.items if "frozen" in item.reason}
    assert set(held) == {"P2#1", "P4#1"}
    assert "budget 4100 is frozen by incident" in held["P2#1"]

    # Gone in Flowtly: the next run notices, the one after writes what was held back.
    costs.flowtly.state.delete("BudgetTransaction", theirs)
    report = costs.run("costs")
    assert report.breaches == ()
    (over,) = costs.said("control.cleared")
    assert over["incident"] == said["incident"]
    costs.run("costs")
    assert costs.links()["P2"] == {"B4200": None}
    assert costs.links()["P4"] == {"B4300": None}
    assert books(costs).breaches == ()


def test_a_second_link_of_one_key_is_an_incident(costs: Costs) -> None:
    costs.configure(RULES)
    costs.post("P1", "100.00", kind="half")
    costs.started()
    assert costs.links()["P1"] == {"B4100": 5000}
    theirs = by_hand(costs, "P1", "4100", 100)
    costs.run("costs")
    (incident,) = costs.store.incidents("costs", open_only=True)
    assert incident.breach.kind == Kind.TWICE
    assert incident.breach.targets == ("4100",)
    assert {one["made_by"] for one in incident.breach.detail["records"]} == {"syncd", "people"}
    costs.flowtly.state.delete("BudgetTransaction", theirs)
    assert costs.run("costs").breaches == ()


def test_a_contractor_who_counts_the_same_cost_is_an_incident(costs: Costs) -> None:
    costs.post("P1", "100.00", "4100")
    costs.started()
    state = costs.flowtly.state
    cost = f"/api/costs/{state.insert('Cost', {'name': 'Painter'})['id']}"
    state.update("Transaction", transaction(costs, "P1").rpartition("/")[2], {"cost": cost})
    contractor = state.insert("BudgetContractor", {"budget": budget(costs, "4100"), "cost": cost})["id"]
    costs.configure()  # what is known of contractors is ten minutes old at most
    (line,) = costs.run("costs").breaches
    assert "counted_twice, budget 4100" in line
    assert "P1#1" in line
    state.delete("BudgetContractor", contractor)
    costs.configure()
    assert costs.run("costs").breaches == ()


def test_what_is_pending_explains_a_difference_and_what_is_not_is_a_breach(costs: Costs) -> None:
    for key in ("P1", "P2"):
        costs.post(key, "100.00", kind="shared")
    costs.started()
    with psycopg.connect(costs.env["SYNCD_DATABASE_URL"], autocommit=True) as connection:
        # As if Flowtly kept other amounts than it was sent, and as if a link had vanished from its lists.
        connection.execute("UPDATE budget_link SET amount = amount - 1 WHERE amount = 6000")
        found = books(costs)
        (breach,) = found.breaches
        assert (breach.kind, breach.scope, breach.targets) == (Kind.BUDGET, "budget 4100 2026-02 DKK", ("4100",))
        assert breach.detail["difference"] == {"count": 0, "amount": "-0.02 DKK"}
        named = [(one["record"], one["wanted"], one["found"]) for one in breach.detail["records"]]
        assert named == [("P1#1", "60.00 DKK", "59.99 DKK"), ("P2#1", "60.00 DKK", "59.99 DKK")]
        connection.execute(
            "INSERT INTO conflict (mapping, kind, external_key, field, detail, run_id) "
            "VALUES ('costs', 'field', 'P1#1', 'amount', 'policy:ask', 1)"
        )
        (breach,) = books(costs).breaches
        assert breach.detail["difference"] == {"count": 0, "amount": "-0.01 DKK"}
        assert [one["record"] for one in breach.detail["records"]] == ["P2#1"]
        assert breach.detail["pending"] == 1
        connection.execute("DELETE FROM conflict")
        connection.execute("UPDATE budget_link SET amount = 6000 WHERE amount = 5999")
        connection.execute("DELETE FROM budget_link WHERE amount = 4000")
        (breach,) = books(costs).breaches
        assert breach.detail["difference"] == {"count": -2, "amount": "-80.00 DKK"}
        # As if Flowtly kept another amount of a transaction than it was sent.
        change = "UPDATE link SET base = jsonb_set(base, '{flowtly,amount,$decimal}', %s) WHERE external_key = 'P2'"
        connection.execute(change, ['"-99.99"'])
        assert len(books(costs).breaches) == 1, "the posting was noted after its mapping last ran: nobody can tell yet"
        costs.run("transactions")
        connection.execute(change, ['"-99.99"'])
        (_, breach) = books(costs).breaches
        assert (breach.kind, breach.targets) == (Kind.ACCOUNT, ("4100", "4200"))
        assert breach.detail["difference"] == {"count": 0, "amount": "-0.01 DKK"}
        assert [one["record"] for one in breach.detail["records"]] == ["P2"]
        connection.execute(change, ['"-100"'])
    assert costs.run("costs").breaches == (), "the next reading tells how it is"

    # A transaction that people changed: a question is open, so it is no breach.
    state = costs.flowtly.state
    state.update("Transaction", transaction(costs, "P1").rpartition("/")[2], {"amount": -90})
    costs.run("transactions")
    assert costs.run("costs").breaches == (), costs.events
    (row,) = books(costs).accounts
    assert (row.state, row.wanted, row.found) == ("pending", Sums(2, 20000), Sums(2, 19000))


def test_an_incomplete_reading_neither_opens_nor_clears(costs: Costs) -> None:
    costs.post("P1", "100.00", "4100")
    costs.started()
    theirs = by_hand(costs, "P1", "4300", 2500)
    assert costs.run("costs").breaches
    costs.flowtly.state.delete("BudgetTransaction", theirs)
    costs.database.rename(costs.folder / "away.sqlite")
    try:
        report = costs.run("costs")
    finally:
        costs.database.unlink(missing_ok=True)
        (costs.folder / "away.sqlite").rename(costs.database)
    assert report.outcome == "incomplete"
    assert report.breaches, "it stands"
    assert costs.run("costs").breaches == ()


PLAN = """
plan: {resource: budget_plans, key: id, target: budget, month: month, amount: planned, currency: currency, to: [bi]}
"""
TARGETS = """events:
  targets: {bi: {table: {system: erp, resource: signals, create: true}}}
"""


def planned(costs: Costs) -> None:
    """Plans in the ERP and a table that is told."""
    costs.erp("CREATE TABLE budget_plans (id TEXT PRIMARY KEY, budget TEXT, month TEXT, planned TEXT, currency TEXT)")
    costs.add("budget_plans", id="1", budget="4100", month="2026-02", planned="100", currency="DKK")
    costs.add("budget_plans", id="2", budget="4200", month="2026-02", planned="1000", currency="DKK")
    costs.add("budget_plans", id="3", budget="4300", month="soon", planned="10", currency="DKK")
    costs.configure(RULES + PLAN, settings=SETTINGS.replace("mappings:", f"{TARGETS}mappings:"))


def turn(costs: Costs) -> Report:
    """Transactions, and then their links."""
    costs.run("transactions")
    return costs.run("costs")


def told(costs: Costs) -> list[tuple[str, str, Decimal]]:
    """Deliver what waits; everything that ever arrived, oldest first."""
    assert costs.app is not None
    costs.app.deliverer("bi").deliver(Event())
    tables = costs.erp("SELECT name FROM sqlite_master WHERE name = 'signals'")
    if not tables:
        return []
    rows = costs.erp("SELECT event, record, level FROM signals ORDER BY occurred_at, level")
    return [(event, record, Decimal(str(level))) for event, record, level in rows]


def test_each_threshold_is_told_once_on_the_way_up_and_back(costs: Costs) -> None:
    planned(costs)
    costs.post("P1", "79.99", "4100")
    costs.post("P2", "10.00", "4200")
    costs.started()
    assert told(costs) == []
    costs.post("P3", "0.01", "4100")
    turn(costs)
    assert told(costs) == [("budget.threshold", "4100 2026-02", Decimal(80))]
    (said,) = costs.said("budget.threshold")
    assert (said["used"], said["planned"], said["share"], said["crossed"]) == (
        Decimal("80.00"),
        Decimal(100),
        Decimal("80.0"),
        True,
    )
    turn(costs)
    costs.post("P4", "20.00", "4100")
    turn(costs)
    assert [level for *_, level in told(costs)] == [80, 100]
    costs.post("P5", "-50.00", "4100")
    turn(costs)
    turn(costs)
    assert [(one["threshold"], one["crossed"]) for one in costs.said("budget.threshold")] == [
        (80, True),
        (100, True),
        (100, False),
        (80, False),
    ]
    assert len(told(costs)) == 4
    assert costs.app is not None
    metrics = Metrics(costs.app.clock.now)
    for _, job in budgeting.jobs_of(costs.app):
        metrics.ran(job.run(Event()))
    assert 'syncd_budget_used_ratio{allocation="costs",budget="4100"} 0.5' in metrics.render().decode()
    rows = {row["budget"]: row for row in spend_rows(costs.store.spending("costs"))}
    assert (rows["4100"]["used"], rows["4100"]["passed"], rows["4200"]["share"]) == (Decimal(50), None, Decimal(1))
    # A row that cannot be read is said once, and takes nothing from the others.
    costs.events.clear()
    turn(costs)
    assert costs.said("plan.unreadable") == []


def test_a_plan_that_is_away_or_in_another_currency_tells_nothing(costs: Costs) -> None:
    planned(costs)
    costs.post("P1", "90.00", "4100")
    costs.cycle(person=True)
    assert [one["threshold"] for one in costs.said("budget.threshold")] == [80]
    (problem,) = costs.said("plan.unreadable")
    assert "'soon' is no month" in problem["detail"]
    costs.erp("DELETE FROM budget_plans WHERE id = '3'")
    costs.erp("UPDATE budget_plans SET currency = 'EUR' WHERE id = '1'")
    turn(costs)
    assert "costs in other currencies than its plan in EUR" in costs.said("plan.unreadable")[-1]["detail"]
    costs.erp("DROP TABLE budget_plans")
    costs.configure(RULES + PLAN, settings=SETTINGS.replace("mappings:", f"{TARGETS}mappings:"))
    report = turn(costs)
    assert report.outcome == "done"
    assert "budget_plans cannot be read" in costs.said("plan.unreadable")[-1]["detail"]
    assert [one.crossed for one in costs.store.spending("costs") if one.threshold == 80] == [True, False]
    assert len(costs.said("budget.threshold")) == 1
