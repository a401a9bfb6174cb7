"""A year of postings on its budgets, to the cent: config/budgets under random edits, splits, reversals, moved cost
centres, links deleted in Flowtly and changed rules. The sums come from arithmetic of the test's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest

from tests.bench.budget_edits import Bookkeeper
from tests.e2e.budget_company import Company, opened
from tests.e2e.budget_sums import by_budget, linked, overdrawn, table, wanted
from tests.support.thoroughness import EVERYTHING

POSTINGS = 5_000 if EVERYTHING else 300
BATCHES, EDITS = (4, 120) if EVERYTHING else (2, 24)


@pytest.fixture
def company(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[Company]:
    """The books, nothing of which is in Flowtly yet; amounts are known to be cents."""
    with opened(tmp_path, pg_url, store_url, POSTINGS) as made:
        yield made


def agreed(company: Company, rent: Fraction = Fraction(3, 5), theirs: frozenset[str] = frozenset()) -> None:
    """Both sides hold the same, part by part; nothing is over-allocated; another cycle writes nothing."""
    company.settled()
    should, there = wanted(company.ledger, rent), linked(company.flowtly, company.ledger, theirs)
    assert {key: (should[key], there[key]) for key in should.keys() | there.keys() if should[key] != there[key]} == {}
    assert by_budget(there, company.ledger) == by_budget(should, company.ledger)
    assert overdrawn(company.flowtly, company.ledger) == []
    before = company.writes()
    reports = company.cycle(person=False, full=True)
    assert company.writes() == before
    assert [name for name, one in reports.items() if one.breaches] == []


@pytest.mark.slow
@pytest.mark.timeout(3600 if EVERYTHING else 600)
def test_the_books_of_a_year_agree_to_the_cent_whatever_people_do(company: Company) -> None:
    # Batches of a year in one minute: more than a day's share of links may go without a person.
    company.configure("max_removal_share: 0.2", "max_removal_share: 1")
    company.cycle()
    calibrate(company)
    agreed(company)

    keeper = Bookkeeper(company.ledger, 11)
    for number in range(BATCHES):
        assert keeper.work(EDITS)
        lose(company, number)
        agreed(company)

    # A person books a transfer of their own accord: theirs stays as it is, and is no part of ours.
    transfers = company.ledger.rows("SELECT operation_no FROM postings WHERE kind = 'transfer' ORDER BY 1")
    (transaction,) = (
        iri for iri, row in table(company.flowtly, "Transaction").items() if row["operationNumber"] == transfers[0][0]
    )
    budget = next(iter(table(company.flowtly, "Budget")))
    mine = company.person("BudgetTransaction", {"budget": budget, "transaction": transaction})
    agreed(company, theirs=frozenset({mine}))
    assert table(company.flowtly, "BudgetTransaction")[mine].get("amount") is None
    assert [link for (link,) in company.ledger.rows("SELECT link_id FROM budget_commitments")] == [mine]

    # Another rule: nothing moves before somebody has seen what would.
    company.configure("share: 60%", "share: 55%")
    before = company.writes()
    report = company.cycle(person=False)["costs"]
    assert (report.outcome, company.writes()) == ("awaiting_approval", before)
    old, new = wanted(company.ledger), wanted(company.ledger, Fraction(11, 20))
    moved = {key for key in old.keys() | new.keys() if old[key] != new[key]}
    assert {centre for _, centre, _ in moved} == {"5100", "6100"}
    plan = " ".join(company.syncd("plan", "-m", "costs", code=2).split())
    assert f"touches {len(moved)} of {len(old)} linked records" in plan
    assert f"{2 * len(moved)} to flowtly;" in plan  # a look and a write each
    assert f"moved in {len(moved)} records" in plan
    posting = min(posting for posting, _, _ in moved)
    assert f"patch in flowtly {posting}#" in plan
    company.syncd("once", "-m", "costs", code=2)
    assert company.writes() == before
    agreed(company, Fraction(11, 20), frozenset({mine}))


def test_smaller_links_on_other_budgets_need_no_room(tmp_path: Path, pg_url: str, store_url: str) -> None:
    """A corrected invoice leaves its transaction over-allocated; each move alone would not fit, both together mend it."""
    with opened(tmp_path, pg_url, store_url, 0) as company:
        calibrate(company)
        agreed(company)
        company.ledger.run("UPDATE postings SET amount = -900, amount_eur = -900 WHERE posting_id = 'P3'")
        for line, amount, centre in (("P3/1", -700, "4130"), ("P3/2", -200, "6990")):
            company.ledger.run(
                "UPDATE posting_lines SET amount = %s, cost_centre_no = %s WHERE line_id = %s", amount, centre, line
            )
        company.flowtly.reset_requests()
        agreed(company)
        assert company.flowtly.requests["PATCH /budget-transactions/{id}"] == 2
        assert company.app.store.incidents("costs", open_only=False) == []


def lose(company: Company, seed: int) -> None:
    """A person deletes one of twenty of our links, also of postings that are edited at the same time."""
    rows = table(company.flowtly, "BudgetTransaction")
    numbers = {iri: row["operationNumber"] for iri, row in table(company.flowtly, "Transaction").items()}
    ours = sorted(rows, key=lambda iri: (numbers[rows[iri]["transaction"]], rows[iri]["budget"]))
    for iri in Random(seed).sample(ours, len(ours) // 20):
        company.flowtly.state.delete("BudgetTransaction", iri.rpartition("/")[2])


def calibrate(company: Company) -> None:
    """A person says that amounts are cents, and that a cost is negative in Flowtly's transactions."""
    said = company.syncd("budgets", "calibrate", "-a", "costs", "--accept", "minor", "--sign", "negative", "--yes")
    assert "minor" in said
