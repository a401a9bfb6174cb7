"""Budget links at Flowtly: people's are theirs, none exceeds its transaction or counts twice, lost ones are made again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from syncd.core.model import Side
from syncd.engine.allocating.calibrating import examined
from syncd.engine.allocating.facts import Facts
from syncd.errors import NotFound, Withheld
from syncd.ports import Query
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.server import SandboxServer
from tests.engine.linking import ALLOCATION, Books
from tests.engine.world import PASSWORD, TABLE, plain

LINKS = "/api/budget-transactions"


@pytest.fixture
def books(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[Books]:
    """Three budgets, no postings, an approved allocation."""
    with psycopg.connect(plain(pg_url)) as connection:
        connection.execute(TABLE)
    with SandboxServer(SandboxConfig(empty=True, password=PASSWORD)) as flowtly:
        made = Books(tmp_path, pg_url, store_url, flowtly)
        try:
            made.open_books()
            yield made
        finally:
            made.close()


def requests(books: Books) -> dict[str, int]:
    """Requests about links and single transactions since the last look, without walks."""
    found = {
        route: count for route, count in books.flowtly.requests.items() if "/{id}" in route or route.split()[0] != "GET"
    }
    books.flowtly.reset_requests()
    return found


def test_a_link_costs_a_look_and_a_write_and_carries_what_was_agreed(books: Books) -> None:
    books.posting("P1", "-100.00", "A")
    books.posting("P2", "-0.03", kind="halves")
    books.booked()
    requests(books)
    report = books.linked()
    assert report.outcome == "done"
    assert sorted(books.budget_links().values()) == [("P1", "A", None), ("P2", "A", 2), ("P2", "B", 1)]
    assert requests(books) == {
        "GET /transactions/{id}": 3,
        "POST /budget-transactions": 3,
    }
    books.erp("UPDATE postings SET cost_centre = 'C' WHERE posting_id = 'P1'")
    books.linked()
    assert min(books.budget_links().values()) == ("P1", "C", None)
    assert requests(books) == {"GET /budget-transactions/{id}": 1, "PATCH /budget-transactions/{id}": 1}
    mirrored = books.store.mirrored("costs", [books.transaction("P2")])[books.transaction("P2")]
    assert [(one.amount, str(one.total), str(one.day), one.month) for one in mirrored] == [
        (2, "-0.03", "2026-03-05", "2026-03"),
        (1, "-0.03", "2026-03-05", "2026-03"),
    ]
    assert books.linked().plan.pending is False  # type: ignore[union-attr]  # a run has a plan
    assert requests(books) == {}


def test_links_of_people_stay_theirs_and_ours_is_made_when_they_are_gone(books: Books) -> None:
    books.posting("P1", "-100.00", "A")
    books.posting("P2", "-50.00", "A")
    books.posting("P3", "-80.00", "B")
    for number in range(4, 9):
        books.posting(f"P{number}", "-1.00", "C")
    books.booked()
    theirs = books.by_hand("P1", "A", 10_000)
    beside = books.by_hand("P3", "C", 5_000)
    planned = books.linked(write=False)
    assert "people linked it themselves" in books.reported(planned)["P1#1"]
    assert books.reported(planned)["P3#1"] == (
        "no room for 80.00 EUR: the transaction is 80.00 EUR, of which 50.00 EUR are linked"
    )
    for _ in range(2):
        report = books.linked()
        assert (report.outcome, report.open_conflicts) == ("done", 0)
    small = [(f"P{number}", "C", None) for number in range(4, 9)]
    made = sorted(books.budget_links().values())
    assert made == [("P1", "A", 10_000), ("P2", "A", None), ("P3", "C", 5_000), *small]
    assert set(books.skipped()) == {"P1#1", "P3#1"}
    assert sorted(one["posting"] for one in books.said("budget.link_skipped")) == ["P1", "P3"]  # once each
    for iri in (theirs, beside):
        books.flowtly.state.delete("BudgetTransaction", iri.rpartition("/")[2])
    books.linked()
    made = sorted(books.budget_links().values())
    assert made == [("P1", "A", None), ("P2", "A", None), ("P3", "B", None), *small]
    assert books.skipped() == {}


def test_what_counts_already_or_does_not_fit_is_left_out_with_its_reason_and_stops_nothing(books: Books) -> None:
    for number in range(1, 6):
        books.posting(f"P{number}", "-10.00", "A")
    books.booked()
    transactions = books.flowtly.state
    own = books.insert("Counterparty", displayName="Own account", type="supplier", budgetNeutral=True)
    cost = books.insert("Cost", name="Freelancer")
    books.insert("BudgetContractor", budget=books.budget("A"), cost=cost)
    changes: dict[str, dict[str, Any]] = {
        "P1": {"counterparty": own},
        "P2": {"cost": cost},
        "P3": {"amount": 10},
        "P4": {"amount": -9.99},
    }
    for posting, change in changes.items():
        transactions.update("Transaction", books.transaction(posting).rpartition("/")[2], change)
    books.allocate()  # what was read of Flowtly is believed for ten minutes; a new process reads anew
    report = books.linked()
    assert (report.outcome, report.open_conflicts) == ("done", 0)
    assert list(books.budget_links().values()) == [("P5", "A", None)]
    reasons = {one["posting"]: one["reason"] for one in books.said("budget.link_skipped")}
    assert "budget-neutral" in reasons["P1"]
    assert "would count twice" in reasons["P2"]
    assert "other sign" in reasons["P3"]
    assert "10.00 EUR as a cost" in reasons["P3"]
    assert "the whole transaction of 9.99 EUR" in reasons["P4"]
    assert len(books.said("budget.link_skipped")) == 4
    assert report.counts.get("flowtly.failed", 0) == 0
    for posting in changes:
        values = {"counterparty": None, "cost": None, "amount": -10}
        transactions.update("Transaction", books.transaction(posting).rpartition("/")[2], values)
    books.allocate()
    books.later()
    books.linked()
    assert {posting for posting, _, _ in books.budget_links().values()} == {"P1", "P2", "P3", "P4", "P5"}


def test_right_before_a_write_the_transaction_itself_is_asked(books: Books) -> None:
    """What people did since the walk is seen: nothing is sent."""
    books.posting("P1", "-10.00", "A")
    books.booked()
    books.linked()
    books.posting("P2", "-10.00", "B")
    books.booked()
    books.linked(write=False)
    assert books.app is not None
    guarded = books.app.peers(books.app.mappings["costs"])[Side.FLOWTLY]
    query = Query("budget-transactions")
    wanted = {"transaction": books.transaction("P2"), "budget": books.budget("B")}
    doubled = books.by_hand("P2", "B", 100)
    with pytest.raises(Withheld, match="people linked it themselves"):
        guarded.create(query, wanted)
    books.flowtly.state.delete("BudgetTransaction", doubled.rpartition("/")[2])
    books.by_hand("P2", "C", 100)
    with pytest.raises(Withheld, match=r"no room for 10\.00 EUR.* 1\.00 EUR are linked") as caught:
        guarded.create(query, wanted)
    assert caught.value.about == {"posting": "P2", "budget": books.budget("B")}
    with pytest.raises(Withheld, match="no room"):
        guarded.create(query, {**wanted, "amount": 901})
    made = guarded.create(query, {**wanted, "amount": 900})
    theirs = next(iri for iri, (_, centre, _) in books.budget_links().items() if centre == "C")
    with pytest.raises(Withheld, match="people made this link"):
        guarded.update(query, theirs, {"amount": 1}, guarded.read(query, theirs))
    # Not linked yet in our memory, so even this one counts as theirs: nobody's link is altered by mistake.
    with pytest.raises(Withheld, match="people made this link"):
        guarded.update(query, made.key, {"amount": 901}, guarded.read(query, made.key))
    ours = next(iri for iri, (posting, _, _) in books.budget_links().items() if posting == "P1")
    with pytest.raises(Withheld, match="no room"):
        guarded.update(query, ours, {"amount": 1001}, guarded.read(query, ours))
    with pytest.raises(Withheld, match="has not the sign"):
        guarded.update(query, ours, {"amount": -1}, guarded.read(query, ours))
    assert guarded.update(query, ours, {"amount": 999}, guarded.read(query, ours)).raw["amount"] == 999
    guarded.delete(query, ours, guarded.read(query, ours))
    assert books.store.mirrored("costs", [books.transaction("P1")]) == {}
    with pytest.raises(NotFound):
        guarded.read(query, ours)
    assert sorted(books.budget_links().values()) == [("P2", "B", 900), ("P2", "C", 100)]


def test_what_moves_between_the_plan_and_the_write_holds_a_link_back_and_asks_nobody(books: Books) -> None:
    books.posting("P1", "-0.20", kind="halves")
    books.booked()
    books.linked()
    books.erp("UPDATE postings SET amount = -0.40 WHERE posting_id = 'P1'")
    books.posting("P2", "-10.00", "B")
    books.posting("P3", "-10.00", "C")
    books.booked()
    transaction = books.transaction("P1").rpartition("/")[2]
    theirs: list[str] = []

    def meanwhile(stage: str, _done: int, _total: int | None) -> None:
        """A person is quick: the list was read, and nothing is written yet."""
        if stage == "reading flowtly" and not theirs:
            books.flowtly.state.update("Transaction", transaction, {"amount": -0.2})
            theirs.append(books.by_hand("P2", "B", 100))

    report = books.linked(progress=meanwhile)
    assert (report.outcome, report.open_conflicts) == ("done", 0)
    assert report.counts["flowtly.withheld"] == 3
    assert sorted(books.budget_links().values()) == [
        ("P1", "A", 10),
        ("P1", "B", 10),
        ("P2", "B", 100),
        ("P3", "C", None),
    ]
    skipped = books.said("budget.link_skipped")
    assert sorted((one["source"], one["posting"]) for one in skipped) == [
        ("P1#1", "P1"),
        ("P1#2", "P1"),
        ("P2#1", "P2"),
    ]
    assert "no room for 0.20 EUR" in next(one["reason"] for one in skipped if one["posting"] == "P1")
    assert not books.said("side.closed")
    for _ in range(2):
        books.later()
        books.linked()
    assert {one["posting"] for one in books.said("budget.link_skipped")} == {"P1", "P2"}
    assert all("part" in one for one in books.said("budget.link_skipped")[3:])  # by the plan now, and each once
    assert len(books.said("budget.link_skipped")) <= 6
    books.flowtly.state.update("Transaction", transaction, {"amount": -0.4})
    books.flowtly.state.delete("BudgetTransaction", theirs[0].rpartition("/")[2])
    books.later()
    books.linked()
    made = sorted(books.budget_links().values())
    assert made == [("P1", "A", 20), ("P1", "B", 20), ("P2", "B", None), ("P3", "C", None)]


def test_a_link_that_people_deleted_is_made_again_once_it_is_proven_gone(books: Books) -> None:
    for number in range(1, 6):
        books.posting(f"P{number}", "-10.00", "A")
    books.booked()
    books.linked()
    lost = next(iri for iri, (posting, _, _) in books.budget_links().items() if posting == "P1")
    books.flowtly.state.delete("BudgetTransaction", lost.rpartition("/")[2])
    books.linked()
    assert len(books.budget_links()) == 4  # one reading is no proof
    for _ in range(3):
        books.linked()
    assert lost not in books.budget_links()
    assert sorted(posting for posting, _, _ in books.budget_links().values()) == ["P1", "P2", "P3", "P4", "P5"]
    assert [one["rule"] for one in books.said("record.unlinked")] == ["remake"]
    assert books.flowtly.requests["POST /budget-transactions"] == 6
    assert books.questions(name="costs") == []


def test_links_of_people_are_taken_over_where_the_rules_say_so(books: Books) -> None:
    books.posting("P1", "-10.00", "A")
    books.booked()
    theirs = books.by_hand("P1", "A", 500)
    books.allocate(ALLOCATION.replace("unit: minor", "unit: minor, own: all, whole: write"))
    books.linked(person=True)
    books.linked()
    assert books.budget_links() == {theirs: ("P1", "A", 1000)}


def test_links_of_people_are_written_to_the_erp_and_ours_are_not(books: Books) -> None:
    books.erp(
        "CREATE TABLE committed (link_id text PRIMARY KEY, posting_id text, budget_key text, amount numeric(14, 4), "
        "who text)"
    )
    fields = "{link: link_id, transaction: posting_id, budget: budget_key, employee: who, amount: amount}"
    books.allocate(ALLOCATION + f"commitments: {{resource: committed, fields: {fields}}}\n")
    books.posting("P1", "-10.00", "A")
    books.posting("P2", "-20.00", "A")
    books.booked()
    ada, bob = (books.insert("Employee", firstName=one, lastName="T", email=f"{one}@x.test") for one in ("ada", "bob"))
    whole, part = books.by_hand("P1", "B", None), books.by_hand("P2", "C", 125, employee=ada)
    others = [books.by_hand("P2", centre, 1) for centre in "BBB"]
    books.linked(person=True)
    books.run("costs-commitments", person=True)

    def told() -> dict[str, tuple[str, str, str, str | None]]:
        return {row[0]: (row[1], row[2], str(row[3]), row[4]) for row in books.erp("SELECT * FROM committed")}

    small = dict.fromkeys(others, ("P2", "B", "0.0100", None))
    rows = {whole: ("P1", "B", "10.0000", None), part: ("P2", "C", "1.2500", "ada@x.test"), **small}
    assert told() == rows
    moved = {"budget": books.budget("B"), "amount": 250, "employee": bob}
    books.flowtly.state.update("BudgetTransaction", part.rpartition("/")[2], moved)
    books.linked()
    books.run("costs-commitments")
    assert told() == {**rows, part: ("P2", "B", "2.5000", "bob@x.test")}
    books.flowtly.state.delete("BudgetTransaction", part.rpartition("/")[2])
    for _ in range(3):
        books.linked()
        books.run("costs-commitments")
    assert {row[0] for row in books.erp("SELECT link_id FROM committed")} == {whole, *others}


def test_links_to_projects_are_judged_though_they_cannot_be_read_alone_and_embed_nothing(books: Books) -> None:
    projects = [books.insert("Project", name=name, type="internal", color="red") for name in ("North", "South")]
    for number in range(1, 4):
        books.posting(f"P{number}", "-10.00", "North")
    books.booked()
    at = {"transaction": books.transaction("P2"), "project": projects[1], "amount": 1}
    theirs = books.insert("ProjectTransaction", **at)
    books.allocate(
        ALLOCATION.replace("target: {mapping: budgets}", "target: {lookup: projects, by: name}")
        .replace("employee: {lookup: employees, by: email}", "resource: project-transactions, whole: write")
        .partition("rules:")[0]
        + 'rules: [{rule: plain, project: "{cost_centre}"}]\n'
    )
    report = books.linked(person=True)
    assert (report.outcome, report.open_conflicts) == ("done", 0)
    rows = {row["id"]: row for row in books.flowtly.state.rows("ProjectTransaction")}
    found = sorted((row["transaction"], row["project"], row["amount"]) for row in rows.values())
    ours = sorted((books.transaction(posting), projects[0], 1000) for posting in ("P1", "P3"))
    assert found == sorted([*ours, (at["transaction"], projects[1], 1)])
    assert "0.01 EUR are linked" in books.said("budget.link_skipped")[0]["reason"]
    (mirrored,) = books.store.mirrored("costs", [books.transaction("P1")])[books.transaction("P1")]
    assert (str(mirrored.total), mirrored.month) == ("-10", "2026-03")  # the answer did not tell
    books.erp("UPDATE postings SET cost_centre = 'South' WHERE posting_id = 'P1'")
    books.flowtly.state.delete("ProjectTransaction", theirs.rpartition("/")[2])
    books.later()
    books.linked()
    rows = {row["id"]: row for row in books.flowtly.state.rows("ProjectTransaction")}
    found = sorted((row["transaction"], row["project"], row["amount"]) for row in rows.values())
    moved = {"P1": projects[1], "P2": projects[0], "P3": projects[0]}
    assert found == sorted((books.transaction(posting), project, 1000) for posting, project in moved.items())


def test_a_tenants_own_links_tell_the_unit(books: Books) -> None:
    assert books.app is not None
    flowtly = books.app.connector(Side.FLOWTLY)
    facts = Facts(flowtly, books.app.clock, books.note)
    for number in range(1, 4):
        books.posting(f"P{number}", f"-{number}0.50", "A")
    books.booked()
    said = examined(flowtly, facts, "budget-transactions", "budget", {})
    assert (said.unit, said.sign) == (None, None)
    for number in range(1, 4):
        books.by_hand(f"P{number}", "A", number * 1000 + 50)
    said = examined(flowtly, facts, "budget-transactions", "budget", {})
    assert (said.unit, said.sign, said.evidence["whole_in_minor"]) == ("minor", -1, 3)


@pytest.mark.parametrize(("wanted", "few", "pages", "single"), [(50, 60, 0, 50), (61, 60, 7, 0), (5, 4, 0, 5)])
def test_transactions_are_looked_at_one_by_one_or_in_a_walk_whichever_asks_less(
    books: Books, monkeypatch: pytest.MonkeyPatch, wanted: int, few: int, pages: int, single: int
) -> None:
    monkeypatch.setattr("syncd.engine.allocating.facts.FEW", few)
    state = books.flowtly.state
    account = f"/api/bank-accounts/{state.rows('BankAccount')[0]['id']}"
    iris = [
        f"/api/transactions/{state.insert('Transaction', {'bankAccount': account, 'amount': -n, 'description': 'x'})['id']}"
        for n in range(1, 701)
    ]
    assert books.app is not None
    facts = Facts(books.app.connector(Side.FLOWTLY), books.app.clock, books.note)
    books.flowtly.reset_requests()
    seen = facts.transactions(iris[-wanted:])
    assert sorted(-int(one.total or 0) for one in seen.values()) == list(range(701 - wanted, 701))
    sent = books.flowtly.requests
    assert sent.get("GET /transactions/{id}", 0) == single
    # The next page is fetched while one is looked at: a walk that is given up has asked for one or two more.
    assert pages <= sent.get("GET /transactions", 0) <= max(pages, 3)
