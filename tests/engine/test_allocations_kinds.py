"""Links to income and to projects follow the ERP as those to budgets do, over the same postings. Every part is real."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.engine.costs import COSTS, SETTINGS, TRANSACTIONS, Costs, company

STAFF = """
mapping: staff
external: {resource: staff, key: staff_no}
flowtly: {resource: employees}
direction: to_flowtly
match: [[email]]
fields: {email: {external: mail, required: true}}
"""

PROJECTS = """
mapping: projects
external: {resource: projects, key: project_no}
flowtly: {resource: projects}
direction: to_flowtly
match: [[name]]
fields: {name: {external: name, required: true}}
"""

INCOME = """
allocation: income
postings: {of: transactions, amount: amount, currency: currency, date: booked_on, sign: positive, where: {kind: income}}
links: {resource: income-transactions, target: {mapping: budgets}, employee: {mapping: staff}, unit: minor}
match: all
rules:
  - {rule: sellers, when: {staff_no: {empty: false}}, split: [{budget: "4100", employee: "{staff_no}", share: 10%}]}
  - {rule: centres, split: [{budget: "{cost_centre}", rest: true}]}
"""

PROJECT_COSTS = """
allocation: project-costs
postings: {of: transactions, amount: amount, currency: currency, date: booked_on, sign: negative}
links: {resource: project-transactions, target: {mapping: projects}, unit: minor}
tables:
  both: {"N+S": [{project: N, share: 1/3}, {project: S, rest: true}]}
rules:
  - {rule: both, when: {project_no: "N+S"}, split: {table: both, by: project_no}}
  - {rule: own, when: {project_no: {empty: false}}, project: "{project_no}"}
"""


@pytest.fixture
def costs(tmp_path: Path, store_url: str) -> Iterator[Costs]:
    """Three allocations over the same postings, two people and two projects, nothing approved yet."""
    with company(tmp_path, store_url) as made:
        for column in ("staff_no", "project_no"):
            made.erp(f"ALTER TABLE postings ADD COLUMN {column} TEXT")
        made.erp("CREATE TABLE staff (staff_no TEXT PRIMARY KEY, mail TEXT NOT NULL)")
        made.erp("CREATE TABLE projects (project_no TEXT PRIMARY KEY, name TEXT NOT NULL)")
        for number, mail in (("7", "ada@flowtly.test"), ("8", "bob@flowtly.test")):
            made.add("staff", staff_no=number, mail=mail)
        for number, name in (("N", "North"), ("S", "South")):
            made.add("projects", project_no=number, name=name)
            made.flowtly.state.insert("Project", {"name": name, "type": "internal", "color": "red"})
        files = {"staff": STAFF, "projects": PROJECTS, "income": INCOME, "project-costs": PROJECT_COSTS}
        for name, text in files.items():
            (made.folder / f"{name}.yaml").write_text(text)
        settings = SETTINGS.replace("mappings: [", "mappings: [staff.yaml, projects.yaml, ").replace(
            "allocations: [costs.yaml]", "allocations: [costs.yaml, income.yaml, project-costs.yaml]"
        )
        made.configure(COSTS.replace("{kind: private}", "{kind: [private, income]}"), TRANSACTIONS, settings)
        yield made


def links(costs: Costs, resource: str) -> dict[str, dict[str, int | None]]:
    """Posting to what its links of this kind are on, with whom, to the amount."""
    state, found = costs.flowtly.state, defaultdict[str, dict[str, int | None]](dict)
    for row in state.rows(resource):
        ends = [state.lookup(row[name]) or {} for name in ("transaction", "budget", "project") if row.get(name)]
        person = (state.lookup(row["employee"]) or {})["email"][:3] if row.get("employee") else ""
        name = f"{ends[1]['name']} {person}".strip()
        assert name not in found[ends[0]["operationNumber"]], "two links for one key"
        found[ends[0]["operationNumber"]][name] = row.get("amount")
    return dict(found)


def wrote(costs: Costs) -> dict[str, int]:
    """Writes to links since the last question, by method and kind."""
    found = {route.removesuffix("/{id}"): n for route, n in costs.writes().items() if "-transactions" in route}
    costs.flowtly.reset_requests()
    return found


def test_one_posting_is_linked_to_its_budget_its_project_and_its_income_by_rules_of_their_own(costs: Costs) -> None:
    costs.post("COST", "90", "4100", project_no="N+S")
    costs.post("OWN", "10", "4200", project_no="N")
    costs.post("SALE", "-1000.05", "4200", kind="income", staff_no="7")
    costs.post("RENT", "-50", "4200", kind="income")
    costs.started()
    assert links(costs, "BudgetTransaction") == {"COST": {"B4100": None}, "OWN": {"B4200": None}}
    assert links(costs, "ProjectTransaction") == {"COST": {"North": 3000, "South": 6000}, "OWN": {"North": None}}
    assert links(costs, "IncomeTransaction") == {
        "SALE": {"B4100 ada": 10001, "B4200": 90004},  # of equal remainders the first budget gets the cent
        "RENT": {"B4200": None},
    }
    wrote(costs)
    for report in costs.cycle(full=True).values():
        assert (report.outcome, report.breaches) == ("done", ())
    assert wrote(costs) == {}

    costs.edit("COST", amount="60")
    costs.edit("OWN", project_no="S")
    costs.edit("SALE", staff_no="8")
    costs.edit("RENT", cost_centre="4100")
    reports = costs.cycle()
    assert {one.outcome for one in reports.values()} == {"done"}
    assert links(costs, "ProjectTransaction") == {"COST": {"North": 2000, "South": 4000}, "OWN": {"South": None}}
    assert links(costs, "IncomeTransaction") == {"SALE": {"B4100 bob": 10001, "B4200": 90004}, "RENT": {"B4100": None}}
    assert wrote(costs) == {"PATCH /project-transactions": 3, "PATCH /income-transactions": 2}

    costs.edit("SALE", staff_no=None)
    costs.edit("COST", project_no=None)
    reports = costs.cycle()
    assert links(costs, "IncomeTransaction")["SALE"] == {"B4200": None}
    assert links(costs, "ProjectTransaction") == {"OWN": {"South": None}}
    assert links(costs, "BudgetTransaction") == {"COST": {"B4100": None}, "OWN": {"B4200": None}}
    assert wrote(costs) == {
        "DELETE /income-transactions": 1,
        "PATCH /income-transactions": 1,
        "DELETE /project-transactions": 2,
    }
    assert costs.cycle()["income"].breaches == ()
    assert wrote(costs) == {}


def test_links_of_people_to_income_are_theirs_and_a_link_never_exceeds_its_transaction(costs: Costs) -> None:
    costs.started()
    for key in ("SALE", "MORE", *"ABCDEF"):
        costs.post(key, "-100", "4200", kind="income")
    costs.run("transactions")
    state = costs.flowtly.state
    budgets = {row["name"]: f"/api/budgets/{row['id']}" for row in state.rows("Budget")}
    sales = {row["operationNumber"]: f"/api/transactions/{row['id']}" for row in state.rows("Transaction")}
    theirs: list[dict[str, Any]] = [
        {"transaction": sales["SALE"], "budget": budgets["B4200"], "amount": 4000},
        {"transaction": sales["MORE"], "budget": budgets["B4100"], "amount": 1},
    ]
    made = [state.insert("IncomeTransaction", one) for one in theirs]
    report = costs.run("income")
    assert (report.outcome, report.open_conflicts) == ("done", 0)
    others = {key: {"B4200": None} for key in "ABCDEF"}
    assert links(costs, "IncomeTransaction") == {"SALE": {"B4200": 4000}, "MORE": {"B4100": 1}, **others}
    reasons = {one["posting"]: one["reason"] for one in costs.said("budget.link_skipped")}
    assert "people linked it themselves" in reasons["SALE"]
    assert "no room" in reasons["MORE"] and "0.01 DKK are linked" in reasons["MORE"]
    for one in made:
        state.delete("IncomeTransaction", one["id"])
    with psycopg.connect(costs.env["SYNCD_DATABASE_URL"], autocommit=True) as store:
        store.execute("UPDATE observation SET due_at = now() WHERE due_at IS NOT NULL")  # hours go by
    costs.run("income")
    assert links(costs, "IncomeTransaction") == {"SALE": {"B4200": None}, "MORE": {"B4200": None}, **others}
