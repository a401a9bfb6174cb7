"""A world with postings: an ERP on PostgreSQL, a sandbox Flowtly with budgets, and one allocation between them."""

from __future__ import annotations

from typing import Any

from syncd.engine.run import Report
from tests.engine.world import MAPPING, SETTINGS, World

POSTINGS = """
CREATE TABLE postings (
    posting_id text PRIMARY KEY, account_no text NOT NULL DEFAULT 'DK0000000000000202',
    booked_on date NOT NULL DEFAULT '2026-03-05', amount numeric(14, 2) NOT NULL,
    currency_code text NOT NULL DEFAULT 'EUR', booking_text text NOT NULL DEFAULT 'Invoice',
    cost_centre text, employee text, kind text NOT NULL DEFAULT 'plain');
CREATE TABLE centres (centre_no text PRIMARY KEY, name text NOT NULL);
INSERT INTO centres VALUES ('A', 'Alpha'), ('B', 'Beta'), ('C', 'Gamma');
"""

BUDGETS = """
mapping: budgets
external: {resource: centres, key: centre_no}
flowtly: {resource: budgets}
direction: to_flowtly
match: [[name]]
fields:
  name: name
  type: {constant: {flowtly: global}}
  granularity: {constant: {flowtly: month}}
"""

TRANSACTIONS = """
mapping: transactions
external: {resource: postings, key: posting_id}
flowtly: {resource: transactions}
direction: to_flowtly
match: [[operationNumber]]
fields:
  bankAccount: {external: account_no, through: {lookup: bank-accounts, by: number}, required: true}
  execDate: {external: booked_on, through: date}
  orderDate: {external: booked_on, through: date}
  operationNumber: posting_id
  description: booking_text
  amount: {external: amount, through: {decimal: 2}}
"""

ALLOCATION = """
allocation: costs
postings: {of: transactions, amount: amount, currency: currency_code, date: booked_on, sign: negative}
links: {target: {mapping: budgets}, employee: {lookup: employees, by: email}, unit: minor}
rules:
  - rule: halves
    when: {kind: halves}
    split: [{budget: A, share: 50%}, {budget: B, rest: true}]
  - {rule: people, when: {employee: {empty: false}}, budget: "{cost_centre}", employee: "{employee}"}
  - {rule: plain, budget: "{cost_centre}"}
"""


class Books(World):
    """People at both ends, postings, and the engine between them."""

    def allocate(self, allocation: str = ALLOCATION) -> None:
        """Start over with this allocation; the store keeps what it knows."""
        (self.folder / "costs-allocation.yaml").write_text(allocation)
        settings = SETTINGS.replace("mappings:", "allocations: [costs-allocation.yaml]\nmappings:")
        self.configure(MAPPING, settings, budgets=BUDGETS, transactions=TRANSACTIONS)

    def open_books(self, allocation: str = ALLOCATION) -> None:
        """The tables, the budgets on both sides, and the allocation, approved while there is nothing to do."""
        self.erp(POSTINGS)
        self.allocate(allocation)
        for name in ("budgets", "transactions", "costs"):
            self.run(name, person=True)

    def posting(self, key: str, amount: str, centre: str | None = "A", **fields: Any) -> None:
        """The ERP books something; a cost is negative."""
        columns = {"posting_id": key, "amount": amount, "cost_centre": centre, **fields}
        names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
        self.erp(f"INSERT INTO postings ({names}) VALUES ({marks})", *columns.values())

    def booked(self) -> None:
        """Postings become transactions in Flowtly."""
        self.run("transactions")

    def linked(self, **options: Any) -> Report:
        """One run of the allocation."""
        return self.run("costs", **options)

    def transaction(self, posting: str) -> str:
        """The IRI of a posting's transaction."""
        return self.links("transactions")[posting]

    def budget(self, centre: str) -> str:
        """The IRI of a cost centre's budget."""
        return self.links("budgets")[centre]

    def insert(self, resource: str, **values: Any) -> str:
        """A person adds a record in Flowtly; its IRI."""
        row = self.flowtly.state.insert(resource, values)
        return self.flowtly.state.resources[resource].iri(row["id"])

    def by_hand(self, posting: str, centre: str, amount: int | None, **more: Any) -> str:
        """A person links a transaction to a budget; the link's IRI."""
        at = {"transaction": self.transaction(posting), "budget": self.budget(centre), "amount": amount}
        return self.insert("BudgetTransaction", **at, **more)

    def budget_links(self) -> dict[str, tuple[str, str, int | None]]:
        """Every link in Flowtly: its IRI to posting, cost centre and amount."""
        postings = {iri: key for key, iri in self.links("transactions").items()}
        centres = {iri: key for key, iri in self.links("budgets").items()}
        return {
            f"/api/budget-transactions/{row['id']}": (
                postings[row["transaction"]],
                centres[row["budget"]],
                row.get("amount"),
            )
            for row in self.flowtly.state.rows("BudgetTransaction")
        }

    def reported(self, report: Report) -> dict[str | None, str]:
        """What a plan only reports: external key to the reason."""
        assert report.plan is not None
        return {item.external_key: item.reason for item in report.plan.items if item.kind == "report"}

    def skipped(self) -> dict[str, str]:
        """Parts that are left out, with the reason, as the store remembers."""
        rows = self.erp_store("SELECT posting || '#' || slot, skipped FROM allocated_part WHERE skipped <> ''")
        return dict(rows)  # type: ignore[arg-type]  # rows of two texts
