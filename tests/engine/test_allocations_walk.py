"""A random walk: people edit postings and links, cycles run, answers are lost. When all is quiet both sides agree to the
cent with arithmetic of the test's own; no write made a second link or took too much; what people made is as they made it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random

import psycopg
import pytest

from syncd.ports.allocations import posting_of
from tests.engine.costs import Costs, company
from tests.support.link_watch import LinkWatch
from tests.support.thoroughness import EVERYTHING

SEEDS = range(20) if EVERYTHING else range(2)
STEPS = 12 if EVERYTHING else 4
CENTRES = ("4100", "4200")
PEOPLE = ("ada@flowtly.test", "bob@flowtly.test")
_SILENT = 2
KINDS = ("shared", "lines", "private", None, None, None)


class Walk:
    """What people do. Knows nothing of the product."""

    def __init__(self, costs: Costs, seed: int) -> None:
        self.costs, self.rng = costs, Random(seed)
        self.done: list[str] = []
        self.made = 0
        self.theirs: dict[str, dict[str, object]] = {}
        self.altered: set[str] = set()

    def edit(self) -> None:
        """One thing somebody does."""
        at_the_erp = [self.post, self.amount, self.file] * 2 + [self.book, self.remove, self.lines]
        what = self.rng.choice([*at_the_erp, self.lose, self.alter, self.alter, self.add])
        what()
        self.done.append(what.__name__)

    def post(self) -> None:
        self.made += 1
        key, cost = f"P{self.made:03}", self.cost()
        self.costs.post(key, cost, **self.filed())
        self.divide(key)

    def amount(self) -> None:
        key = self.posting()
        if key is not None:
            self.costs.edit(key, amount=self.cost())
            self.divide(key)

    def file(self) -> None:
        """Another cost centre, another kind, another person."""
        key = self.posting()
        if key is not None:
            self.costs.edit(key, **self.filed())
            self.divide(key)

    def book(self) -> None:
        """Booked back, or booked after all."""
        key = self.posting()
        if key is not None:
            self.costs.edit(key, status=self.rng.choice(["draft", "posted", "posted"]))

    def remove(self) -> None:
        key = self.posting()
        if key is not None and key not in self.withtheirs():
            self.costs.erp("DELETE FROM posting_lines WHERE posting_id = ?", key)
            self.costs.erp("DELETE FROM postings WHERE posting_id = ?", key)

    def lines(self) -> None:
        """Other lines; the posting itself is as it was."""
        key = self.posting("kind = 'lines'")
        if key is not None:
            self.divide(key)

    def lose(self) -> None:
        """One of our links is deleted in Flowtly."""
        iri = self.link()
        if iri is not None:
            self.costs.flowtly.state.delete("BudgetTransaction", iri)

    def alter(self) -> None:
        """One of our links gets another amount or another budget in Flowtly."""
        iri = self.link()
        if iri is not None:
            budget = self.rng.choice(self.costs.flowtly.state.rows("Budget"))
            change = self.rng.choice(
                [{"amount": self.rng.randint(1, 9999)}, {"budget": f"/api/budgets/{budget['id']}"}]
            )
            self.costs.flowtly.state.update("BudgetTransaction", iri, change)
            self.altered.add(f"/api/budget-transactions/{iri}")

    def add(self) -> None:
        """A link for a transaction of which nobody has any."""
        state = self.costs.flowtly.state
        taken = {row["transaction"] for row in state.rows("BudgetTransaction")}
        free = [f"/api/transactions/{row['id']}" for row in state.rows("Transaction")]
        free = [iri for iri in free if iri not in taken]
        if free:
            budget = self.rng.choice(state.rows("Budget"))
            fields = {"transaction": self.rng.choice(free), "budget": f"/api/budgets/{budget['id']}", "amount": 1}
            made = state.insert("BudgetTransaction", fields)
            self.theirs[made["id"]] = {**fields, "id": made["id"]}

    # ------------------------------------------------------------------ drawn

    def cost(self) -> str:
        cents = self.rng.choice([1, 2, 3, 99, 100, 101, self.rng.randint(1, 999_999)])
        return str(Decimal(cents).scaleb(-2) * self.rng.choice([1, 1, 1, -1]))

    def filed(self) -> dict[str, str | None]:
        kind = self.rng.choice(KINDS)
        centre = self.rng.choice(CENTRES) if kind is None else None
        mail = self.rng.choice([None, *PEOPLE]) if kind is None else None
        return {"cost_centre": centre, "kind": kind, "employee_mail": mail}

    def posting(self, where: str = "1 = 1") -> str | None:
        keys = [key for (key,) in self.costs.erp(f"SELECT posting_id FROM postings WHERE {where} ORDER BY 1")]
        return self.rng.choice(keys) if keys else None

    def link(self) -> str | None:
        """One that no person made."""
        state = self.costs.flowtly.state
        rows = [row for row in state.rows("BudgetTransaction") if row["id"] not in self.theirs]
        found = sorted(rows, key=lambda row: (row["transaction"], row["budget"], row.get("employee") or ""))
        return str(self.rng.choice(found)["id"]) if found else None

    def divide(self, key: str) -> None:
        """New lines that add up."""
        self.costs.erp("DELETE FROM posting_lines WHERE posting_id = ?", key)
        ((amount, kind),) = self.costs.erp("SELECT amount, kind FROM postings WHERE posting_id = ?", key)
        if kind != "lines":
            return
        cents = int(Decimal(amount) * 100)
        count = min(self.rng.randint(1, 4), abs(cents))
        cuts = sorted(self.rng.sample(range(1, abs(cents)), count - 1)) if count > 1 else []
        ends = [*cuts, abs(cents)]
        for number, (low, high) in enumerate(zip([0, *cuts], ends, strict=True)):
            part = Decimal((high - low) * (1 if cents > 0 else -1)).scaleb(-2)
            name, centre = f"{key}-{self.rng.getrandbits(60):x}-{number}", self.rng.choice(CENTRES)
            self.costs.add("posting_lines", line_id=name, posting_id=key, amount=str(part), cost_centre=centre)

    def withtheirs(self) -> set[str]:
        """Postings on whose transactions people have links of their own."""
        state = self.costs.flowtly.state
        rows = (state.lookup(str(one["transaction"])) for one in self.theirs.values())
        return {row["operationNumber"] for row in rows if row is not None}

    def asked(self) -> set[str]:
        """Postings of links that somebody altered while they were to go: a person is asked before those are deleted."""
        asked = self.costs.store.conflicts("costs", open_only=True)
        return {posting_of(one.external_key) for one in asked if one.flowtly_key in self.altered}


def wanted(costs: Costs) -> dict[str, dict[str, int]]:
    """What each posting should have: budget (and person) to cents, from the ERP's rows alone."""
    found: dict[str, dict[str, int]] = {}
    columns = "posting_id, amount, cost_centre, kind, employee_mail"
    for key, amount, centre, kind, mail in costs.erp(f"SELECT {columns} FROM postings WHERE status = 'posted'"):
        cents = int(-Decimal(amount) * 100)
        parts: dict[str, int] = {}
        if kind == "shared":
            first = int((Decimal(cents) * 3 / 5).quantize(Decimal(1), ROUND_HALF_UP))
            parts = {"B4100": first, "B4200": cents - first}
        elif kind == "lines":
            for part, at in costs.erp("SELECT amount, cost_centre FROM posting_lines WHERE posting_id = ?", key):
                parts[f"B{at}"] = parts.get(f"B{at}", 0) - int(Decimal(part) * 100)
        elif centre is not None:
            parts = {f"B{centre} {mail}" if mail else f"B{centre}": cents}
        if parts := {name: part for name, part in parts.items() if part}:
            found[key] = parts
    return found


def held(costs: Costs) -> dict[str, dict[str, int]]:
    """What Flowtly has, a link without an amount being the whole of its transaction."""
    whole = {row["operationNumber"]: round(-100 * row["amount"]) for row in costs.flowtly.state.rows("Transaction")}
    return {
        key: {name: whole[key] if part is None else part for name, part in parts.items()}
        for key, parts in costs.links().items()
    }


def later(costs: Costs) -> None:
    """Hours go by: whatever was set aside until later is due."""
    with psycopg.connect(costs.env["SYNCD_DATABASE_URL"], autocommit=True) as connection:
        connection.execute("UPDATE observation SET due_at = now() WHERE due_at IS NOT NULL")


def quiet(costs: Costs) -> None:
    """Cycles until two in a row write nothing: what is proven gone takes two readings, and the first one is silent."""
    silent = 0
    for _ in range(10):
        later(costs)
        costs.flowtly.reset_requests()
        costs.cycle(full=True)
        silent = 0 if costs.writes() else silent + 1
        if silent == _SILENT:
            return
    raise AssertionError(f"ten cycles, and still {costs.writes()}: {costs.events[-8:]}")


@pytest.fixture
def costs(tmp_path: Path, store_url: str) -> Iterator[Costs]:
    """An approved configuration with nothing posted yet."""
    with company(tmp_path, store_url) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_people_do_the_books_agree_when_all_is_quiet(costs: Costs, seed: int) -> None:
    walk = Walk(costs, seed)
    for _ in range(16):
        walk.post()
    costs.started()
    watch = LinkWatch(costs.flowtly.state)
    for step in range(STEPS):
        with watch.people():
            for _ in range(walk.rng.randint(5, 12)):
                walk.edit()
        if walk.rng.random() < 0.4:
            kind, method = walk.rng.choice(["reset", "reset_after"]), walk.rng.choice(["POST", "PATCH", "DELETE"])
            costs.flowtly.faults.add(kind, method=method, path="/budget-transactions", times=walk.rng.randint(1, 3))
        costs.cycle(full=walk.rng.random() < 0.3)
        costs.flowtly.faults.clear()
        if step == STEPS // 2 or step == STEPS - 1:
            quiet(costs)
            agreed(walk, watch)


def agreed(walk: Walk, watch: LinkWatch) -> None:
    """Both sides hold the same, but where people have links, which leave no place for ours, or are asked about one."""
    costs, apart = walk.costs, walk.withtheirs() | walk.asked()
    should, there = wanted(costs), held(costs)
    differing = {
        key: (should.get(key), there.get(key))
        for key in should.keys() | there.keys()
        if key not in apart and should.get(key) != there.get(key)
    }
    assert differing == {}, walk.done
    assert watch.wrong == [], walk.done
    rows = {row["id"]: row for row in costs.flowtly.state.rows("BudgetTransaction")}
    for key, fields in walk.theirs.items():
        assert {name: rows[key].get(name) for name in fields} == fields, walk.done
