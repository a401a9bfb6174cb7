"""A year of invented bank transactions, their links and documents. Must never take longer than its number of records.

The balance of each account adds up from one transaction to the next; some transactions lack what a person has yet to
fill in, some are not linked to any budget, some are ignored.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from syncd.sandbox.config import IRI_PREFIX, SandboxConfig
from syncd.sandbox.sample import BANK_ACCOUNTS, YEAR_START
from syncd.sandbox.state import State
from syncd.sandbox.uuids import Keys

_OPENING_CENTS: Final = 25_000_000
_KINDS: Final = ("Invoice", "Card payment", "Transfer", "Subscription", "Fee", "Refund")


@lru_cache(maxsize=1024)
def midnight(day: datetime) -> str:
    """A day as the API writes it."""
    return day.strftime("%Y-%m-%dT00:00:00+00:00")


@lru_cache(maxsize=64)
def _month(day: datetime) -> str:
    return midnight(day)[:7]


def decimal(cents: int) -> int | float:
    """An amount as the API keeps it: whole numbers without a fraction."""
    return cents // 100 if cents % 100 == 0 else cents / 100


def seed_transactions(config: SandboxConfig, state: State) -> None:
    """Transactions of both accounts, evenly over the year, three costs to one income."""
    rng = random.Random(f"{config.seed}:transactions")  # noqa: S311 - sample data
    keys, links = Keys(config.seed, "transactions"), _Links(config, state)
    balances = [_OPENING_CENTS for _ in BANK_ACCOUNTS]
    parties = [f"{IRI_PREFIX}/counterparties/{key}" for key in state.table("Counterparty").ids]
    for index in range(config.transactions):
        day = YEAR_START + timedelta(days=index * 365 // config.transactions)
        place = 1 if index % 4 == 0 else 0
        cents = rng.randint(500, 500_000) * (1 if rng.random() < 0.25 else -1)  # noqa: PLR2004 - a share
        balances[place] += cents
        values = _transaction(rng, index, day, parties)
        values["bankAccount"] = f"{IRI_PREFIX}/bank-accounts/{place + 1}"
        values["amount"], values["endingBalance"] = decimal(cents), decimal(balances[place])
        row = state.insert("Transaction", values, keys.at(day))
        links.make(rng, day, f"{IRI_PREFIX}/transactions/{row['id']}", cents)


def _transaction(rng: random.Random, index: int, day: datetime, parties: Sequence[str]) -> dict[str, Any]:
    stamp = midnight(day)
    return {
        "counterparty": rng.choice(parties) if parties and rng.random() > 0.08 else None,  # noqa: PLR2004 - a share
        "statementNumber": day.month,
        "operationNumber": f"OP{index + 1:07d}",
        "description": f"{rng.choice(_KINDS)} {rng.randint(10_000, 99_999)}",
        "orderDate": stamp,
        "execDate": stamp,
        "ignored": 1 if rng.random() < 0.03 else 0,  # noqa: PLR2004 - a share
        "connectedMonth": _month(day) if rng.random() > 0.05 else None,  # noqa: PLR2004 - a share
    }


class _Links:
    """Ties transactions to the budgets and projects of a state."""

    def __init__(self, config: SandboxConfig, state: State) -> None:
        self._state = state
        self._keys = Keys(config.seed, "links")
        self._budgets = [f"{IRI_PREFIX}/budgets/{key}" for key in state.table("Budget").ids]
        self._projects = [f"{IRI_PREFIX}/projects/{key}" for key in state.table("Project").ids]

    def make(self, rng: random.Random, day: datetime, transaction: str, cents: int) -> None:
        """The links of one transaction: most costs to a budget, some in part; some income; a few to a project."""
        drawn = rng.random()
        if self._budgets and cents < 0 and drawn < 0.6:  # noqa: PLR2004 - a share
            # Budget links count in minor units, a cost being positive; without an amount the whole is meant.
            amount = None if drawn < 0.4 else -cents // 2  # noqa: PLR2004 - a share
            link = {"budget": rng.choice(self._budgets), "transaction": transaction, "amount": amount}
            self._state.insert("BudgetTransaction", link, self._keys.at(day))
        elif self._budgets and cents > 0 and drawn < 0.3:  # noqa: PLR2004 - a share
            income = {"budget": rng.choice(self._budgets), "transaction": transaction}
            self._state.insert("IncomeTransaction", income, self._keys.at(day))
        elif self._projects and drawn > 0.95:  # noqa: PLR2004 - a share
            project = {"project": rng.choice(self._projects), "transaction": transaction}
            self._state.insert("ProjectTransaction", project, self._keys.at(day))


def seed_attachments(config: SandboxConfig, state: State) -> None:
    """Documents with their bytes; three of four belong to a transaction, the others await one."""
    keys, transactions = Keys(config.seed, "attachments"), state.table("Transaction").ids
    resource = state.resources["TransactionAttachment"]
    for index in range(config.attachments):
        owned = transactions[index * len(transactions) // config.attachments] if transactions and index % 4 else None
        row = state.get("Transaction", owned) if owned else None
        content = f"Receipt {config.seed}-{index + 1}\nAmount {row['amount'] if row else 'unknown'}\n".encode()
        received = YEAR_START + timedelta(days=index * 365 // config.attachments)
        values = {
            "name": f"receipt-{index + 1:04d}.txt",
            "transaction": f"{IRI_PREFIX}/transactions/{owned}" if owned else None,
            "amount": row["amount"] if row else None,
            "receivedDate": midnight(received),
            "relatedMonth": midnight(received)[:7],
            "mimeType": "text/plain",
            "size": len(content),
        }
        key = keys.at(received)
        state.insert("TransactionAttachment", values, key)
        state.blobs[resource.iri(key)] = content
