"""All sample data of a sandbox, in the order in which records refer to each other. Must never name anyone real.

Clients come from ``sample``, bank transactions from ``sample_bank``; parties, budgets and invoices are made here. The
same settings give the same records; dates are those of one past year, whatever the clock says.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any, Final

from syncd.sandbox.config import IRI_PREFIX, SandboxConfig
from syncd.sandbox.sample import YEAR_START, company, seed_clients
from syncd.sandbox.sample_bank import decimal, midnight, seed_attachments, seed_transactions
from syncd.sandbox.state import State
from syncd.sandbox.uuids import Keys

_SUPPLIERS_FROM: Final = 5000
"""Which of the invented companies supply; the first ones are clients."""
_COST_CENTRES: Final = ("Marketing", "Research", "IT", "Office", "Travel", "Training", "Logistics", "Legal")
_GROUPS: Final = ("Operations", "Growth")
_PROJECTS: Final = ("Web shop", "Warehouse move", "Annual audit")
_SERVICES: Final = ("Consulting", "Support", "Licence", "Installation")
_STATES: Final = ("paid", "sent", "draft", "sent", "paid")
_CREDIT_NOTE_EVERY: Final = 12


def seed_sample(config: SandboxConfig, state: State) -> None:
    """Fill a state that holds the reference data."""
    with state.lock:
        seed_clients(config, state)
        seed_projects(config, state)
        seed_counterparties(config, state)
        seed_budgets(config, state)
        seed_transactions(config, state)
        seed_attachments(config, state)
        seed_invoices(config, state)


def seed_projects(config: SandboxConfig, state: State) -> None:
    """A few projects, each for a client if there are any."""
    for number, name in enumerate(_PROJECTS, 1):
        client = f"{IRI_PREFIX}/clients/{number}" if number <= config.clients else None
        dates = {"dateFrom": midnight(YEAR_START), "dateTo": midnight(YEAR_START + timedelta(days=364))}
        state.insert("Project", {"name": name, "client": client, **dates})


def seed_counterparties(config: SandboxConfig, state: State) -> None:
    """Every other one is a supplier, the others are clients as the bank knows them."""
    rng = random.Random(f"{config.seed}:counterparties")  # noqa: S311 - sample data
    for index in range(config.counterparties):
        party: dict[str, Any] = {}
        if index % 2 == 0:
            source = company(config.seed, _SUPPLIERS_FROM + index)
            supplier = state.insert("Supplier", {"name": source.name, "tin": source.tin})
            party["supplier"] = f"{IRI_PREFIX}/suppliers/{supplier['id']}"
        else:
            source = company(config.seed, index // 2)
            party["client"] = f"{IRI_PREFIX}/clients/{index // 2 + 1}" if index // 2 < config.clients else None
        party |= {
            "displayName": source.name,
            "tin": source.tin,
            "requireAttachment": "supplier" in party and rng.random() < 0.5,  # noqa: PLR2004 - a share
            "cyclic": rng.random() < 0.2,  # noqa: PLR2004 - a share
            "budgetNeutral": rng.random() < 0.1,  # noqa: PLR2004 - a share
            # The form of an IBAN with check digits that no bank gives.
            "bankAccounts": [f"{source.country}00{config.seed % 10_000:04d}{index:014d}"],
        }
        state.insert("Counterparty", party)


def seed_budgets(config: SandboxConfig, state: State) -> None:
    """Cost centres of the year, most of them in a group, with what may be allocated to them."""
    if not config.budgets:
        return
    keys = Keys(config.seed, "budgets")
    groups = [state.insert("BudgetGroup", {"name": name}, keys.at(YEAR_START))["id"] for name in _GROUPS]
    for index in range(config.budgets):
        name, round_number = _COST_CENTRES[index % len(_COST_CENTRES)], index // len(_COST_CENTRES)
        group = groups[index % 3] if index % 3 < len(groups) else None
        personal = index % 4 == 3  # noqa: PLR2004 - every fourth
        values = {
            "name": f"{name} {YEAR_START.year}" + (f" ({round_number + 1})" if round_number else ""),
            "type": "employee" if personal else "global",
            "granularity": ("month", "quarter", "year")[index % 3],
            "budgetGroup": f"{IRI_PREFIX}/budget-groups/{group}" if group else None,
            "dateFrom": midnight(YEAR_START),
            "dateTo": midnight(YEAR_START + timedelta(days=364)),
            "config": ["spend_alerts"] if index % 2 == 0 else [],
        }
        budget = f"{IRI_PREFIX}/budgets/{state.insert('Budget', values, keys.at(YEAR_START))['id']}"
        if personal:
            link = {"budget": budget, "employee": f"{IRI_PREFIX}/employees/3"}
            state.insert("BudgetEmployee", link, keys.at(YEAR_START))
        if index == 0:
            project = {"budget": budget, "project": f"{IRI_PREFIX}/projects/1"}
            state.insert("BudgetProject", project, keys.at(YEAR_START))
            state.insert("BudgetContractor", {"budget": budget, "cost": f"{IRI_PREFIX}/costs/2"}, keys.at(YEAR_START))


def seed_invoices(config: SandboxConfig, state: State) -> None:
    """Invoices to the clients in turn, in several states, with a credit note now and then."""
    if not config.clients:
        return
    rng = random.Random(f"{config.seed}:invoices")  # noqa: S311 - sample data
    keys = Keys(config.seed, "budget invoices")
    budgets = state.table("Budget").ids
    previous = ""
    for index in range(config.invoices):
        client = state.table("Client").rows[index % config.clients + 1]
        issued = YEAR_START + timedelta(days=index * 365 // config.invoices)
        credit = bool(previous) and index % _CREDIT_NOTE_EVERY == _CREDIT_NOTE_EVERY - 1
        rows = _rows(rng, -1 if credit else 1)
        net = sum(quantity * cents for _, quantity, cents in rows)
        values = {
            "name": f"FV/{index + 1}/{YEAR_START.year}",
            "type": "credit_note" if credit else "invoice",
            "parent": previous if credit else None,
            "client": f"{IRI_PREFIX}/clients/{client['id']}",
            **{name: client.get(name) for name in ("tinType", "tinCountry", "tin", "currency")},
            "bankAccount": f"{IRI_PREFIX}/bank-accounts/1",
            "amountNet": decimal(net),
            "amount": decimal(net * 5 // 4),
            "issueDate": midnight(issued),
            "saleDate": midnight(issued),
            "dueDate": midnight(issued + timedelta(days=client["dueDays"])),
            "status": _STATES[index % len(_STATES)],
        }
        previous = f"{IRI_PREFIX}/invoices/{state.insert('Invoice', values)['id']}"
        for name, quantity, cents in rows:
            row = {"name": name, "quantity": quantity, "unitPriceNet": decimal(cents), "taxRate": "25"}
            state.insert("InvoiceRow", {"invoice": previous, **row})
        if budgets and index % 10 == 0:
            link = {"budget": f"{IRI_PREFIX}/budgets/{budgets[0]}", "invoice": previous}
            state.insert("BudgetInvoice", link, keys.at(issued))


def _rows(rng: random.Random, sign: int) -> list[tuple[str, int, int]]:
    """Service, quantity and price of one in cents, a multiple of four so that the tax is whole."""
    return [
        (rng.choice(_SERVICES), rng.randint(1, 10), sign * 4 * rng.randint(250, 50_000))
        for _ in range(rng.randint(1, 3))
    ]
