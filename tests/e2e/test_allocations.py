"""An allocation through the command line: planned, approved, followed, held back, and exit codes a script can read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import logbook
from tests.engine.costs import COSTS, Costs, company
from tests.support.commands import run_command


@pytest.fixture
def costs(tmp_path: Path, store_url: str) -> Iterator[Costs]:
    """A configuration that nobody approved yet, with two postings."""
    with company(tmp_path, store_url) as made:
        made.post("P1", "100", "4100")
        made.post("P2", "80", kind="shared")
        yield made


def syncd(costs: Costs, *arguments: str, code: int = 0) -> str:
    """One command; what it says."""
    given = [*arguments, "-c", str(costs.folder / "syncd.yaml")]
    done = run_command(given, {**os.environ, **costs.env}, costs.folder)
    logbook.keep(done.stdout + done.stderr)
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_from_the_first_plan_to_a_breach_and_back(costs: Costs) -> None:
    assert "costs" in syncd(costs, "plan", code=2)
    assert costs.links() == {}
    syncd(costs, "apply", "--yes")
    assert costs.links() == {"P1": {"B4100": None}, "P2": {"B4100": 4800, "B4200": 3200}}
    syncd(costs, "once")

    # Joined into one: the other link is proven unwanted and deleted, and this one takes its room, in one command.
    costs.edit("P2", kind=None, cost_centre="4200")
    syncd(costs, "once")
    assert costs.links()["P2"] == {"B4200": None}

    # Edited rules wait; a saved plan does what it says.
    costs.configure(COSTS.replace('budget: "{cost_centre}"}\n', 'budget: "4200"}\n'))
    syncd(costs, "once", code=2)
    assert costs.links()["P1"] == {"B4100": None}
    saved = costs.folder / "plan.json"
    syncd(costs, "plan", "-o", str(saved), code=2)
    reach: Any = json.loads(saved.read_text())
    assert "P1#1" in json.dumps(reach)
    syncd(costs, "apply", str(saved), "--yes")
    assert costs.links()["P1"] == {"B4200": None}
    syncd(costs, "once")

    # A person links too much: the totals say so, the budget is frozen, and it ends when they take it back.
    state = costs.flowtly.state
    rows = {row["operationNumber"]: row for row in state.rows("Transaction")}
    budget = next(row for row in state.rows("Budget") if row["name"] == "B4100")
    theirs = state.insert(
        "BudgetTransaction",
        {
            "budget": f"/api/budgets/{budget['id']}",
            "transaction": f"/api/transactions/{rows['P1']['id']}",
            "amount": 500,
        },
    )
    syncd(costs, "once", code=3)
    state.delete("BudgetTransaction", theirs["id"])
    syncd(costs, "once")
