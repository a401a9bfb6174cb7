"""What config/budgets must come to, worked out anew from the ERP's tables: its own arithmetic, none of syncd's code.

Amounts are whole minor units, a cost positive. Kept apart from the tests so that it is read as the second opinion it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any, Final

from syncd.sandbox.server import SandboxServer
from tests.bench.budget_books import EXPONENTS, LINE, POSTING, Ledger

Key = tuple[str, str, str]
"""Posting, cost centre, e-mail of the employee or ''."""

NAMES: Final = {
    "Advertising 2026": "4100",
    "Fairs 2026": "4110",
    "Brand 2026": "4120",
    "Online 2026": "4130",
    "Workshop 2026": "5100",
    "Machines 2026": "5110",
    "Energy 2026": "5120",
    "Store 2026": "5130",
    "Offices 2026": "6100",
    "Software 2026": "6110",
    "Travel 2026": "6120",
    "Everything else 2026": "6990",
}
_OVERHEAD: Final = {
    "9000": {"5100": Fraction(2, 7), "5110": Fraction(2, 7), "5130": Fraction(1, 7), "6110": Fraction(2, 7)},
    "9100": {"4100": Fraction(1, 2), "6110": Fraction(1, 2)},
}


def minor(amount: Decimal, currency: str) -> int:
    """Whole minor units; what does not fit is an error of the books."""
    scaled = amount * 10 ** EXPONENTS[currency]
    assert scaled == int(scaled), f"{amount} {currency}"
    return int(scaled)


def shared(total: int, quotas: Mapping[str, Fraction]) -> dict[str, int]:
    """Largest remainder: everybody's floor, and what is left one by one to the largest fractions, of equals by name."""
    sign, size = (-1, -total) if total < 0 else (1, total)
    exact = {name: quota * size for name, quota in quotas.items()}
    floors = {name: floor(one) for name, one in exact.items()}
    order = sorted(exact, key=lambda name: (floors[name] - exact[name], name))
    for name in order[: size - sum(floors.values())]:
        floors[name] += 1
    return {name: sign * one for name, one in floors.items()}


def wanted(ledger: Ledger, rent: Fraction = Fraction(3, 5)) -> Counter[Key]:
    """What each posting owes to whom, by the rules of costs.yaml; ``rent``: the offices' share of the rent."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for line in ledger.table("posting_lines", LINE):
        lines.setdefault(line["posting_id"], []).append(line)
    found: Counter[Key] = Counter()
    for row in ledger.table("postings", POSTING):
        for centre, person, amount in _parts(row, lines.get(row["posting_id"], []), rent):
            found[row["posting_id"], centre, person or ""] += amount
    return Counter({key: amount for key, amount in found.items() if amount})


def _parts(
    row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], rent: Fraction
) -> list[tuple[str, str | None, int]]:
    currency, cost = row["currency_code"], -minor(row["amount"], row["currency_code"])
    size, centre = abs(row["amount"]), row["cost_centre_no"]
    if row["kind"] == "transfer":
        return []
    if row["kind"] == "invoice":
        return [(one["cost_centre_no"], one["employee_email"], -minor(one["amount"], currency)) for one in lines]
    if row["ledger_account"] == "6000" and size >= 1000:
        store = 250 * 10 ** EXPONENTS[currency] * (1 if cost > 0 else -1)
        fixed = Fraction(store, cost)
        quotas = {"6100": rent, "5130": fixed, "5100": 1 - rent - fixed}
    elif centre in _OVERHEAD:
        quotas = _OVERHEAD[centre]
    elif "ads" in row["booking_text"] and size <= 5000:
        quotas = {"4130": Fraction(1)}
    elif row["kind"] == "expense" and row["employee_email"]:
        return [(centre, row["employee_email"], cost)]
    elif centre == "5120" and str(row["booked_on"]) >= "2026-07-01":
        quotas = dict.fromkeys(("5100", "5110", "5120"), Fraction(1, 3))
    elif row["project_no"]:
        quotas = {"5100": Fraction(1)} if centre == "5100" else {"5100": Fraction(1, 2), centre: Fraction(1, 2)}
    else:
        quotas = {centre or "6990": Fraction(1)}
    return [(to, None, part) for to, part in shared(cost, quotas).items()]


def linked(flowtly: SandboxServer, ledger: Ledger, theirs: frozenset[str] = frozenset()) -> Counter[Key]:
    """What the sandbox holds, without the links of people (``theirs``: their IRIs). Two links of one key are an error."""
    by_number = {row["operation_no"]: row for row in ledger.table("postings", POSTING)}
    transactions, budgets = table(flowtly, "Transaction"), table(flowtly, "Budget")
    people = {iri: row["email"] for iri, row in table(flowtly, "Employee").items()}
    found: Counter[Key] = Counter()
    for iri, link in table(flowtly, "BudgetTransaction").items():
        if iri in theirs:
            continue
        transaction = transactions[link["transaction"]]
        posting = by_number[transaction["operationNumber"]]
        key = (
            posting["posting_id"],
            NAMES[budgets[link["budget"]]["name"]],
            people.get(link.get("employee") or "", ""),
        )
        assert key not in found, f"two links for {key}"
        whole = -minor(Decimal(str(transaction["amount"])), posting["currency_code"])
        found[key] = whole if link.get("amount") is None else link["amount"]
    return found


def overdrawn(flowtly: SandboxServer, ledger: Ledger) -> list[str]:
    """Transactions whose links, everybody's together, come to more than themselves or to the other sign."""
    by_number = {row["operation_no"]: row["currency_code"] for row in ledger.table("postings", POSTING)}
    sums: Counter[str] = Counter()
    transactions = table(flowtly, "Transaction")
    totals = {
        iri: -minor(Decimal(str(row["amount"])), by_number[row["operationNumber"]]) for iri, row in transactions.items()
    }
    for link in table(flowtly, "BudgetTransaction").values():
        iri = link["transaction"]
        sums[iri] += totals[iri] if link.get("amount") is None else link["amount"]
    return [iri for iri, total in sums.items() if not min(0, totals[iri]) <= total <= max(0, totals[iri])]


def by_budget(parts: Counter[Key], ledger: Ledger) -> dict[tuple[str, str], int]:
    """Sums by cost centre and currency."""
    currencies = {row["posting_id"]: row["currency_code"] for row in ledger.table("postings", POSTING)}
    sums: Counter[tuple[str, str]] = Counter()
    for (posting, centre, _), amount in parts.items():
        sums[centre, currencies[posting]] += amount
    return {key: amount for key, amount in sorted(sums.items()) if amount}


def table(flowtly: SandboxServer, name: str) -> dict[str, dict[str, Any]]:
    """All records of a resource by IRI, as the sandbox keeps them."""
    resource = flowtly.state.resources[name]
    return {resource.iri(key): dict(row) for key, row in flowtly.state.table(name).rows.items()}
