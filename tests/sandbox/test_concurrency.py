"""Many clients at once: create, patch, link, merge and delete over HTTP and by the back door, then look at the whole."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from syncd.sandbox.merging import merge_counterparties
from syncd.sandbox.resources import declarations
from syncd.sandbox.resources.budgeting import linked_cost
from syncd.sandbox.resources.transactions import unassigned, with_problems
from syncd.sandbox.state import State
from tests.sandbox.conftest import MERGE, Api

THREADS = 6
STEPS = 40
TRANSACTION = {"bankAccount": "/api/bank-accounts/1", "description": "x", "orderDate": "2026-01-05"}


def test_many_clients_at_once_leave_a_state_without_contradictions(run: Callable[..., Api]):
    api = run(references="iri", clients=6, counterparties=120, transactions=60, attachments=8, linked_amounts=True)
    workers = [_Worker(api, number) for number in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert not any(worker.is_alive() for worker in workers)
    assert [worker.trouble for worker in workers] == [[]] * THREADS
    state = api.server.state
    made = sum(worker.made for worker in workers)
    assert made > THREADS
    assert state.count("Transaction") == 60 + made
    assert dangling(state) == []
    assert disordered(state) == []
    assert_sums(api, state)


@pytest.fixture
def impatient() -> Iterator[None]:
    """Threads change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("impatient")
def test_no_change_of_a_field_is_lost_to_a_change_of_another():
    state = State(declarations("code"), lambda: 1e9)
    fields = ("note", "operationNumber", "counterpartyRole", "description")
    key = state.insert("Transaction", {"amount": 1})["id"]

    start = threading.Barrier(len(fields))

    def write(field: str) -> list[str]:
        lost = []
        start.wait(timeout=10)
        for number in range(1000):
            state.update("Transaction", key, {field: str(number)})
            if (state.get("Transaction", key) or {}).get(field) != str(number):
                lost.append(f"{field} {number}")
        return lost

    with ThreadPoolExecutor(len(fields)) as pool:
        assert [lost for each in pool.map(write, fields) for lost in each] == []


@pytest.mark.usefixtures("impatient")
def test_merges_moves_and_deletes_at_once_leave_nothing_dangling():
    state = State(declarations("code"), lambda: 1e9)
    state.insert("BankAccount", {"name": "A"})
    for number in range(60):
        state.insert("Counterparty", {"displayName": str(number), "bankAccounts": [str(number)]})
    for view in state.resources["Transaction"].views:
        assert list(state.view("Transaction", view)) == []

    start = threading.Barrier(4)

    def disturb(seed: int) -> None:
        rng = random.Random(seed)
        start.wait(timeout=10)
        for _ in range(120):
            one, other = rng.randint(1, 60), rng.randint(1, 60)
            with contextlib.suppress(ValueError):  # gone already, or the same one
                merge_counterparties(state, one, [other])
            with state.lock:
                party = rng.choice(state.table("Counterparty").ids)
                values = {"bankAccount": "/api/bank-accounts/1", "counterparty": f"/api/counterparties/{party}"}
                state.insert("Transaction", {**values, "amount": 1})
            if rng.random() < 0.2:
                state.delete("Transaction", rng.choice(state.rows("Transaction"))["id"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(disturb, range(4)))
    assert dangling(state) == []
    assert disordered(state) == []
    accounts = [each for row in state.rows("Counterparty") for each in row["bankAccounts"]]
    assert sorted(accounts, key=int) == [str(number) for number in range(60)]


class _Worker(threading.Thread):
    """One client. Another one may always have been faster: 400 and 404 are answers, nothing else is."""

    def __init__(self, api: Api, number: int) -> None:
        super().__init__(daemon=True)
        self.trouble: list[str] = []
        self.made = 0
        self._state = api.server.state
        self._rng = random.Random(number)
        token = api.server.auth.issue(api.server.config.user)
        self._http = httpx.Client(base_url=api.server.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def run(self) -> None:
        steps = [
            self._create,
            self._link,
            self._patch,
            self._merge,
            self._unlink,
            self._by_hand,
            self._attach,
            self._walk,
        ]
        try:
            for _ in range(STEPS):
                self._rng.choice(steps)()
        except Exception as error:  # noqa: BLE001 - told by the test's own thread
            self.trouble.append(repr(error))
        finally:
            self._http.close()

    def _iri(self, name: str) -> str:
        with self._state.lock:
            keys = self._state.table(name).ids
            return self._state.resources[name].iri(self._rng.choice(keys) if keys else 0)

    def _send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = MERGE if method == "PATCH" else None
        answer = self._http.request(method, path.removeprefix("/api"), json=body, headers=headers)
        if answer.status_code not in (200, 201, 204, 400, 404):
            self.trouble.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer

    def _create(self) -> None:
        cents = self._rng.randint(-9999, 9999)
        body = {"execDate": "2026-01-05", "counterparty": self._iri("Counterparty"), "amount": cents / 100}
        self.made += self._send("POST", "/transactions", {**TRANSACTION, **body}).status_code == 201

    def _link(self) -> None:
        amount = self._rng.choice([None, self._rng.randint(1, 500)])
        body = {"budget": self._iri("Budget"), "transaction": self._iri("Transaction"), "amount": amount}
        self._send("POST", "/budget-transactions", body)

    def _patch(self) -> None:
        changes = self._rng.choice(
            [{"counterparty": self._iri("Counterparty")}, {"ignored": 1}, {"counterparty": None}]
        )
        self._send("PATCH", self._iri("Transaction"), changes)

    def _merge(self) -> None:
        survivor, loser = self._iri("Counterparty"), self._iri("Counterparty")
        if survivor != loser:
            self._send("POST", f"{survivor}/merge", {"counterparties": [loser]})

    def _unlink(self) -> None:
        self._send("DELETE", self._iri("BudgetTransaction"))

    def _attach(self) -> None:
        self._send("POST", "/transaction-attachments", {"name": "x", "transaction": self._iri("Transaction")})

    def _by_hand(self) -> None:
        """A test or a person writes past the API, in the same moment, from a thread that is not the server's."""
        with self._state.lock:
            key = self._rng.choice(self._state.table("Transaction").ids)
            survivor, loser = self._rng.sample(self._state.table("Counterparty").ids, 2)
        self._state.update("Transaction", key, {"amount": self._rng.randint(-500, 500)})
        link = {"budget": self._iri("Budget"), "transaction": self._state.resources["Transaction"].iri(key)}
        made = self._state.insert("BudgetTransaction", link)
        if self._rng.random() < 0.3:
            self._state.delete("BudgetTransaction", made["id"])
        with contextlib.suppress(ValueError):  # a merge may have been faster
            merge_counterparties(self._state, survivor, [loser])

    def _walk(self) -> None:
        view = self._rng.choice(["unassigned", "with-problems"])
        data = self._send("GET", f"/transactions/{view}?itemsPerPage=100").json()
        keys = [each["@id"] for each in data["member"]]
        if len(set(keys)) != len(keys) or keys != sorted(keys):
            self.trouble.append(f"{view} is not a list in order")


def dangling(state: State) -> list[str]:
    """References to records that are not there."""
    return [
        f"{resource.iri(row['id'])} {field.name} {row[field.name]}"
        for resource in state.resources.values()
        for row in state.rows(resource.name)
        for field in resource.fields
        if field.reference and row.get(field.name) and state.lookup(row[field.name]) is None
    ]


def disordered(state: State) -> list[str]:
    """Tables whose order, indexes or views are not those of their rows."""
    found = []
    for name, resource in state.resources.items():
        table = state.table(name)
        if table.ids != sorted(table.rows):
            found.append(name)
        for field in resource.fields:
            if field.reference:
                counted = Counter(row.get(field.name) for row in table.rows.values())
                wrong = {value for value, count in counted.items() if table.count(field.name, value) != count}
                found += [f"{name}.{field.name}"] if wrong else []
    for view, where in zip(state.resources["Transaction"].views, (unassigned, with_problems), strict=True):
        expected = [row["id"] for row in state.rows("Transaction") if where(row, state)]
        found += [view.path] if list(state.view("Transaction", view)) != expected else []
    return found


def assert_sums(api: Api, state: State) -> None:
    """What is answered adds up to what is stored."""
    parties = api.members("/counterparties?itemsPerPage=100")
    assert {each["@id"]: each["transactionsCount"] for each in parties} == {
        each["@id"]: sum(row.get("counterparty") == each["@id"] for row in state.rows("Transaction"))
        for each in parties
    }
    budgets = api.members("/budgets?itemsPerPage=100")
    linked = sum(linked_cost(row, state) for row in state.rows("BudgetTransaction"))
    assert sum(each["linkedAmount"] for each in budgets) == linked
    assert state.count("BudgetTransaction")
