"""``syncd budgets`` as a controller meets it: the shipped example from nothing to agreeing totals, and every mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.budget_company import Company, opened
from tests.e2e.budget_sums import table

POSTING = "INSERT INTO postings (posting_id, account_no, booked_on, operation_no, booking_text, amount, currency_code, amount_eur, cost_centre_no) VALUES (%s, %s, '2026-02-02', %s, 'Late', %s, %s, %s, %s)"


@pytest.fixture
def company(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[Company]:
    """The five postings of config/budgets/erp.sql, and a Flowtly without any data."""
    with opened(tmp_path, pg_url, store_url, 0) as made:
        yield made


def told(company: Company, *arguments: str, code: int = 0) -> Any:
    """What a command says as JSON, of the one allocation there is."""
    found = json.loads(company.syncd("budgets", *arguments, "--json", code=code))
    return found[0] if isinstance(found, list) and len(found) == 1 else found


def states(explained: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Budget to amount and state."""
    return {one["budget"]: (one["amount"], one["state"]) for one in explained["parts"]}


def linked(company: Company) -> None:
    """Everything approved, amounts known to be cents, all links made."""
    company.syncd("apply", "--yes")
    company.syncd("budgets", "calibrate", "--accept", "minor", "--sign", "negative", "--yes")
    company.syncd("once")


def test_from_nothing_to_totals_that_agree(company: Company) -> None:
    said = company.syncd("check")
    assert "all good" in said
    rent = told(company, "explain", "P2")
    assert states(rent) == {
        "5100:2026": ("1390.00", "new"),
        "5130:2026": ("250.00", "new"),
        "6100:2026": ("2460.01", "new"),
    }
    missing = "rule rent names budget 5100:2026, which mapping budgets has not linked"
    assert rent["parts"][0]["why"] == missing, "nothing is promised that the next run cannot do"
    tried = {one["rule"]: one for one in rent["rules"]}
    assert (tried["internal"]["matched"], tried["rent"]["matched"], "overhead" in tried) == (False, True, False)
    assert tried["rent"]["where"].rpartition("/")[2].startswith("costs.yaml:")
    assert "kind" in tried["internal"]["why"]

    reach = told(company, "coverage", "--year", "2026", code=2)
    assert (reach["postings"], reach["currencies"]["EUR"]["unassigned_amount"]) == (5, "5000.00")
    idle = {one["rule"] for one in reach["never_matched"]}
    assert {"overhead", "energy", "projects", "cost-centres"} == idle
    assert "4120:2026" in {one["budget"] for one in reach["unknown_budgets"]}
    assert reach["nobody_claims"] == [], "what a rule leaves on purpose is claimed by it"

    company.syncd("apply", "--yes")
    links = table(company.flowtly, "BudgetTransaction")
    assert [one.get("amount") for one in links.values()] == [None, None], "only whole amounts before the unit is known"
    look = told(company, "calibrate", code=2)
    assert (look["proposal"]["unit"], look["decided"], look["evidence"]["links"]) == (None, None, 2)
    assert states(told(company, "explain", "P2"))["6100:2026"][1] == "skipped"
    assert "Abort" not in company.syncd("budgets", "calibrate", "--accept", "minor", code=1, answer="n\n")

    said = company.syncd("budgets", "calibrate", "--accept", "minor", "--sign", "negative", "--yes")
    assert "this is your word alone" in said
    company.syncd("once")
    amounts = sorted(one["amount"] for one in table(company.flowtly, "BudgetTransaction").values() if one.get("amount"))
    assert amounts == [25000, 25000, 100000, 139000, 246001]
    rent = told(company, "explain", "P2")
    assert {state for _, state in states(rent).values()} == {"linked"}
    assert all(one["flowtly_key"].startswith("/api/budget-transactions/") for one in rent["parts"])
    assert told(company, "explain", "P5")["unassigned"] == "5000.00"
    decided = told(company, "calibrate")
    assert (decided["decided"]["unit"], decided["proposal"]["sign"]) == ("minor", "negative")

    assert told(company, "coverage", "--all")["unknown_budgets"] == []
    rows = json.loads(company.syncd("budgets", "totals", "--accounts", "--json"))["costs"]
    assert {row["state"] for row in rows} == {"agrees"}
    assert sum(Decimal(row["flowtly"]["amount"]) for row in rows if row["kind"] == "budget") == Decimal("6260.41")
    assert "everything agrees" in company.syncd("budgets", "incidents")
    assert "1390.00 EUR" in company.syncd("budgets", "explain", "P2")
    assert "5000.00 EUR" in company.syncd("budgets", "coverage", "--all")
    assert "decided by" in company.syncd("budgets", "calibrate")
    assert "6110:2026" in company.syncd("budgets", "totals")


def test_what_is_off_is_named_and_freezes_its_budget(company: Company) -> None:
    linked(company)
    transaction = next(
        iri for iri, row in table(company.flowtly, "Transaction").items() if row["operationNumber"] == "OP2"
    )
    budget = next(iri for iri, row in table(company.flowtly, "Budget").items() if row["name"] == "Travel 2026")
    theirs = company.person("BudgetTransaction", {"budget": budget, "transaction": transaction, "amount": 100})
    company.syncd("once", code=3)
    (incident,) = json.loads(company.syncd("budgets", "incidents", "--json", code=3))
    assert transaction in json.dumps(incident) or "P2" in json.dumps(incident)
    assert theirs in json.dumps(incident)
    assert "open" in company.syncd("budgets", "incidents", code=3)
    said = " ".join(company.syncd("status", code=2).split())
    assert f"off costs since {incident['opened_at'][:10]}" in said
    assert f"not written to: {', '.join(incident['frozen'])}" in said
    assert "allocation costs: " in said
    (row,) = json.loads(company.syncd("status", "--json", code=2))["allocations"]
    assert (row["allocation"], [one["id"] for one in row["incidents"]]) == ("costs", [incident["id"]])
    assert set(row["totals"]) <= {"agrees", "pending"}
    company.flowtly.state.delete("BudgetTransaction", theirs.rpartition("/")[2])
    company.syncd("once")
    assert json.loads(company.syncd("budgets", "incidents", "--json")) == []
    (over,) = json.loads(company.syncd("budgets", "incidents", "--all", "--json"))
    assert over["cleared_at"] is not None


def test_a_posting_that_cannot_be_linked_is_one_clear_error(company: Company) -> None:
    linked(company)
    yen = "JP0000000000000404"
    company.ledger.run(POSTING, "P6", yen, "OP6", Decimal("-10.50"), "JPY", Decimal("-0.06"), "4100")
    company.ledger.run(POSTING, "P7", yen, "OP7", Decimal(-900), "JPY", Decimal("-5.49"), "7777")
    company.syncd("once")

    said = company.syncd("budgets", "explain", "P6", code=2)
    assert "posting P6: amount: -10.50 has 1 decimals, JPY has 0" in said
    assert "decimals" in told(company, "explain", "P6", code=2)["problem"]
    company.ledger.run(POSTING, "P8", "NOACCOUNT", "OP8", Decimal(-9), "EUR", Decimal(-9), "4100")
    company.syncd("once", code=2)
    part = told(company, "explain", "P8")["parts"][0]
    assert (part["state"], part["why"]) == ("waiting", "its transaction is not linked yet: syncd why transactions:P8")
    part = told(company, "explain", "P7")["parts"][0]
    assert part["state"] == "waiting"
    assert "rule cost-centres names budget 7777:2026, which mapping budgets has not linked" in part["why"]
    said = company.syncd("why", "costs:P7#1")
    assert "now waiting in external: reference: waits for budgets 7777:2026" in said
    assert "wanted by rule cost-centres of posting P7: 7777:2026" in said
    reach = told(company, "coverage", "--all", code=2)
    assert reach["unknown_budgets"] == [{"budget": "7777:2026", "postings": 1, "first": "P7", "rule": "cost-centres"}]
    assert any("P6" in text and "decimals" in text for text in reach["problems"])
    said = company.syncd("budgets", "coverage", "--all", code=2)
    assert "7777:2026" in said
    assert "costs.yaml:" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("explain", "P404"), "the ERP has no posting 'P404'"),
        (("explain", "P1", "-a", "cost"), "there is no allocation 'cost'; there are costs (did you mean 'costs'?)"),
        (("calibrate", "--accept", "cents"), "--accept is minor or major, not 'cents'"),
        (("calibrate", "--sign", "negative"), "--sign goes with --accept"),
    ],
)
def test_what_is_typed_wrong_is_told(company: Company, arguments: tuple[str, ...], words: str) -> None:
    assert words in company.syncd("budgets", *arguments, code=1)
