"""The scenario in which a process dies while budget links follow a day of edits. Importing it registers it.

Every write to a link is looked at when it reaches Flowtly, also those of processes that die: none may make a second link
for one transaction, budget and employee, and none may take more of a transaction than there is.
"""

from __future__ import annotations

from typing import Any, Final

from tests.crash.ends import End
from tests.crash.scenarios import POSTINGS, scenario
from tests.crash.world import ONE_BY_ONE, CrashWorld, Cycle
from tests.support.link_watch import LinkWatch, key_of

NAME: Final = "budget links after a day of edits"
COSTS: Final = """
allocations:
  - allocation: costs
    postings: {of: clients, amount: vat_no, currency: currency_code, date: phone, sign: negative, fields: {mail: country_code}}
    links: {target: {lookup: budgets, by: name}, employee: {lookup: employees, by: email}, unit: minor}
    rules:
      - rule: shared
        when: {city: shared}
        split: [{budget: Fairs, share: 60%}, {budget: Rent, rest: true}]
      - {rule: private, when: {city: private}, leave: unassigned}
      - {rule: own, when: {mail: {like: "*@*"}}, budget: "{city}", employee: "{mail}"}
      - {rule: others, budget: "{city}"}
mappings:
"""
SETTINGS: Final = ONE_BY_ONE.replace("max_changes: 100", "max_changes: 100, max_removal_share: 1.0").replace(
    "\nmappings:\n", COSTS
)
_BEFORE: Final = {
    "MORE": ("100.01", "shared"),
    "LESS": ("90.05", "shared"),
    "MOVED": ("80.00", "Fairs"),
    "SPLIT": ("70.07", "Fairs"),
    "JOINED": ("60.01", "shared"),
    "LOST": ("50.00", "Fairs"),
    "THEIRS": ("40.00", "private"),
}
"""Postings by their numbers: the cost, and what it is for."""
_OURS: Final = 11
"""In the end: two of MORE, LESS, SPLIT and BACK, one of MOVED, JOINED and LOST; and one that a person made."""


_watches: dict[int, LinkWatch] = {}


def _watch(world: CrashWorld) -> None:
    _watches[id(world)] = LinkWatch(world.flowtly.state)


def _wrong(world: CrashWorld) -> list[str]:
    """What a write did wrong; and what the store says of the links that is not so."""
    state, look = world.flowtly.state, world.databases.rows
    rows = {f"/api/budget-transactions/{row['id']}": row for row in state.rows("BudgetTransaction")}
    told = {iri: _told(state, row) for iri, row in rows.items()}
    wanted = {
        f"{posting}#{slot}": (posting, target, employee or None, None if whole else amount)
        for posting, slot, target, employee, amount, whole in look(
            "SELECT posting, slot, target, employee, amount, whole FROM allocated_part WHERE NOT withdrawn"
        )
    }
    links = dict(look("SELECT external_key, flowtly_key FROM link WHERE mapping = 'costs'"))
    watch = _watches[id(world)]
    found = [*watch.wrong, *(f"{count} links were made for {key}" for key, count in watch.made.items() if count > 1)]
    found += [
        f"{key} is {told.get(iri)}, wanted {wanted.get(key)}"
        for key, iri in links.items()
        if told.get(iri) != wanted.get(key)
    ]
    found += [f"no link of {key}" for key in wanted.keys() - links.keys()]
    theirs = [told[iri] for iri in told.keys() - set(links.values())]
    if theirs != [("THEIRS", "Rent", None, 1234)]:
        found.append(f"links of people are {theirs}")
    mirror = {
        iri: (transaction, target, employee or None, amount)
        for iri, transaction, target, employee, amount in look(
            "SELECT iri, transaction_iri, target_iri, employee_iri, amount FROM budget_link WHERE mapping = 'costs'"
        )
    }
    there = {iri: (*key_of(row), row.get("amount")) for iri, row in rows.items()}
    if mirror != there:
        found.append(f"the store believes in {mirror.items() - there.items()}, not in {there.items() - mirror.items()}")
    return found


def _told(state: Any, row: dict[str, Any]) -> tuple[Any, ...]:
    """A link in the ERP's words."""
    transaction, budget = state.lookup(row["transaction"]), state.lookup(row["budget"])
    employee = state.lookup(row["employee"]) if row.get("employee") else {}
    return transaction["operationNumber"], budget["name"], employee.get("email"), row.get("amount")


def _as_edited(end: End) -> bool:
    seen = end.seen
    counts = [len(seen[name]) for name in ("flowtly BudgetTransaction", "parts", "flowtly Transaction", "incidents")]
    return counts == [_OURS + 1, _OURS, len(_BEFORE) + 1, 0] and not any("True" in one for one in seen["parts"])


@scenario(
    NAME,
    files={"clients": POSTINGS},
    made=("costs",),
    settings=SETTINGS,
    cycles=(Cycle("costs"), Cycle("costs")),
    sane=_as_edited,
    arm=_watch,
    always=_wrong,
)
def _edited(world: CrashWorld) -> None:
    """Amounts change, a cost centre moves, a posting is split and another one joined, one is reversed, a link is deleted."""
    for name in ("Fairs", "Rent"):
        world.in_flowtly("POST", "budgets", {"name": name, "type": "global", "granularity": "month", "config": []})
    account = world.flowtly.state.rows("BankAccount")[0]
    world.flowtly.state.update("BankAccount", account["id"], {"number": "DK11"})
    mail = world.in_flowtly("GET", "employees")[0]["email"]
    for key, (cost, what) in _BEFORE.items():
        _post(world, key, f"-{cost}", what, country_code=mail if key == "MOVED" else None)
    world.settled()
    (theirs,) = (row for row in world.flowtly.state.rows("Transaction") if row["operationNumber"] == "THEIRS")
    (rent,) = (row for row in world.flowtly.state.rows("Budget") if row["name"] == "Rent")
    fields = {
        "transaction": f"/api/transactions/{theirs['id']}",
        "budget": f"/api/budgets/{rent['id']}",
        "amount": 1234,
    }
    world.in_flowtly("POST", "budget-transactions", fields)
    world.settled("costs")

    world.erp("UPDATE customers SET vat_no = '-120.03' WHERE customer_no = 'MORE'")
    world.erp("UPDATE customers SET vat_no = '-70.04' WHERE customer_no = 'LESS'")
    for key, what in {"MOVED": "Rent", "SPLIT": "shared", "JOINED": "Rent"}.items():
        world.erp("UPDATE customers SET city = %s WHERE customer_no = %s", what, key)
    _post(world, "BACK", "33.33", "shared")
    lost = world.links("costs")["LOST#1"]
    world.in_flowtly("DELETE", f"budget-transactions/{lost.rpartition('/')[2]}")
    world.settled()


def _post(world: CrashWorld, key: str, amount: str, what: str, **more: Any) -> None:
    world.customer(
        key,
        company_name=key,
        vat_no=amount,
        phone="2026-02-03",
        note="DK11",
        city=what,
        **{"country_code": None, **more},
    )
