"""What goes on when the process dies: each scenario is a few lines, and everything else is the harness's work.

A scenario prepares a moment; then its cycles are run, and die. ``sane`` looks at the undisturbed end, so that a scenario
that has come to do nothing fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from syncd.core.model import Side
from syncd.sandbox.merging import merge_counterparties
from tests.crash.ends import End
from tests.crash.world import ONE_BY_ONE, TWO_SANDBOXES, CrashWorld, Cycle
from tests.engine.family import NOTES, activity, mixed, note
from tests.engine.world import MAPPING

Prepare = Callable[[CrashWorld], None]

CLIENTS: Final = {"clients": MAPPING}
FAMILY: Final = {"clients": MAPPING, "notes": NOTES}
EXTERNAL_WINS: Final = {
    "clients": MAPPING.replace("addressCity: city", "addressCity: {external: city, conflict: external}")
}
CRM: Final = """
mapping: clients
external: {resource: clients}
flowtly: {resource: clients}
match: [[tin], [name]]
fields:
  tin: tin
  name: name
  tinCountry: tinCountry
  country: country
  currency: currency
  dueDays: dueDays
  addressCity: addressCity
  addressPhoneNumber: addressPhoneNumber
  status: status
  tinType: tinType
"""


@dataclass(frozen=True)
class Scenario:
    """``files``: the mappings by name, parents first. ``arm``: trouble at the peers from the moment on.

    ``always``: what is wrong with any end. ``otherwise``: what is wrong with an end that is not the undisturbed one, for
    a scenario that may also end in a question; None where every end has to be the undisturbed one.
    """

    name: str
    prepare: Prepare
    cycles: tuple[Cycle, ...] = (Cycle(),)
    files: Mapping[str, str] = field(default_factory=lambda: CLIENTS)
    settings: str = ONE_BY_ONE
    sane: Callable[[End], bool] = lambda _: True
    arm: Callable[[CrashWorld], None] = lambda _: None
    two_sandboxes: bool = False
    always: Callable[[CrashWorld], list[str]] = lambda _: []
    made: tuple[str, ...] = ()
    """Mappings that allocations make; they run after those of ``files``."""
    otherwise: Callable[[CrashWorld], list[str]] | None = None

    @property
    def mappings(self) -> tuple[str, ...]:
        """All that run, parents first."""
        return (*self.files, *self.made)

    def build(self, world: CrashWorld) -> None:
        """Up to the moment: everything approved, then what the scenario says."""
        world.configure(self.files["clients"], self.settings, **{n: t for n, t in self.files.items() if n != "clients"})
        for name in self.mappings:
            world.run(name, person=True)
        self.prepare(world)


SCENARIOS: Final[dict[str, Scenario]] = {}


def scenario(name: str, **more: object) -> Callable[[Prepare], Prepare]:
    """Register what prepares a scenario."""

    def register(prepare: Prepare) -> Prepare:
        SCENARIOS[name] = Scenario(name, prepare, **more)  # type: ignore[arg-type]
        return prepare

    return register


def _counts(**wanted: int) -> Callable[[End], bool]:
    """The undisturbed end has as many of each as this."""
    return lambda end: {name: len(end.seen[name.replace("_", " ")]) for name in wanted} == wanted


def _strangers(world: CrashWorld) -> None:
    world.customer("B", company_name="On both ApS", vat_no="DK10000001", city="Odense")
    world.client(name="On both ApS", tinCountry="DK", tin="10000001", addressPhoneNumber="7")
    world.customer("N", company_name="New here ApS", vat_no="DK10000002", city="Aarhus")
    world.client(name="New there ApS", tinCountry="DK", tin="10000003", addressCity="Esbjerg")


def linked(world: CrashWorld, *names: str) -> dict[str, str]:
    """Customers whose records at Flowtly we make; their links."""
    for number, name in enumerate(names):
        world.customer(name, company_name=f"{name} ApS", vat_no=f"DK2000000{number}", city="Odense", phone="1")
    world.settled()
    return world.links()


@scenario("first link and create both ways", sane=_counts(links=3, external_customers=3, flowtly_Client=3))
def _first(world: CrashWorld) -> None:
    _strangers(world)


LATE: Final = ONE_BY_ONE.replace("listing_grace: 0s", "listing_grace: 1h")


def _hidden_for_half_an_hour(world: CrashWorld) -> None:
    world.flowtly.faults.add("listing_delay", method="POST", path="/clients", seconds=1800)


@scenario(
    "create where lists come late",
    settings=LATE,
    arm=_hidden_for_half_an_hour,
    sane=_counts(links=3, external_customers=3, flowtly_Client=3),
)
def _late(world: CrashWorld) -> None:
    _strangers(world)


@scenario("patch both ways", sane=lambda end: len(end.seen["links"]) == 3 and len(end.overwritten) >= 4)
def _patch(world: CrashWorld) -> None:
    links = linked(world, "One", "Two", "Both")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'One'")
    world.edit(links["Two"], addressCity="Skive", dueDays=7)
    world.erp("UPDATE customers SET phone = '2' WHERE customer_no = 'Both'")
    world.edit(links["Both"], addressCity="Ribe")


@scenario(
    "a policy overwrites an edit",
    files=EXTERNAL_WINS,
    sane=lambda end: any("Ribe" in before for *_, before in end.overwritten),
)
def _overwritten(world: CrashWorld) -> None:
    links = linked(world, "One")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'One'")
    world.edit(links["One"], addressCity="Ribe")


def _contested(world: CrashWorld) -> dict[str, str]:
    links = linked(world, "One", "Two")
    for name, iri in links.items():
        world.erp("UPDATE customers SET city = 'Vejle', phone = '2' WHERE customer_no = %s", name)
        world.edit(iri, addressCity="Skive")
    return links


@scenario("same field edited on both sides", sane=_counts(questions=2))
def _asked(world: CrashWorld) -> None:
    _contested(world)


@scenario("conflicts with answers", sane=_counts(questions=0, links=2))
def _answered(world: CrashWorld) -> None:
    _contested(world)
    world.run()
    for question, answer in zip(world.questions("field"), (Side.EXTERNAL, None), strict=True):
        world.store.resolve(question.id, answer, None if answer else "Nyborg", "tester")


@scenario(
    "parents and children made together",
    files=FAMILY,
    cycles=(Cycle("clients"), Cycle("notes")),
    sane=_counts(links=8, external_activities=5, flowtly_ClientNote=5),
)
def _family(world: CrashWorld) -> None:
    mixed(world)


@scenario(
    "children that wait for their parents",
    files=FAMILY,
    cycles=(Cycle("notes"), Cycle("clients"), Cycle("notes")),
    sane=_counts(links=4, external_activities=2, flowtly_ClientNote=2),
)
def _waiting(world: CrashWorld) -> None:
    world.customer("N", company_name="New here ApS", vat_no="DK10000002")
    there = world.client(name="New there ApS", tinCountry="DK", tin="10000003")
    activity(world, "N", "Of the one made in Flowtly")
    note(world, there, "Of the one made in the ERP")


@scenario(
    "first baseline after the mapping was edited",
    files={"clients": MAPPING.replace("  addressPhoneNumber: phone\n", "")},
    cycles=(Cycle(person=True),),
    sane=_counts(links=2, questions=1),
)
def _rebaseline(world: CrashWorld) -> None:
    links = linked(world, "One", "Two")
    world.edit(links["One"], addressPhoneNumber="9")
    world.configure(MAPPING, ONE_BY_ONE)
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'Two'")


DELETES: Final = {"clients": f"{MAPPING}deletes: {{in_flowtly: delete, quarantine: 0}}\n"}


def _lost(world: CrashWorld, *, ours: bool) -> None:
    """A person deletes a client; another one is edited. ``ours``: the client was made by us, so we may follow."""
    names = [f"C{number}" for number in range(6)]
    if not ours:
        for number, name in enumerate(names):
            world.client(name=f"{name} ApS", tinCountry="DK", tin=f"2000000{number}", addressCity="Odense")
    links = linked(world, *names)
    world.in_flowtly("DELETE", f"clients/{links['C3'].rpartition('/')[2]}")
    world.edit(links["C1"], addressCity="Ribe")


@scenario(
    "delete with approval",
    files=DELETES,
    cycles=(Cycle(full=True),),
    sane=_counts(links=5, external_customers=5, flowtly_Client=5),
)
def _approved(world: CrashWorld) -> None:
    _lost(world, ours=False)
    for _ in range(4):
        world.run(full=True)
    waiting = world.store.removals("clients", open_only=True)
    assert world.store.approve_removals([one.id for one in waiting], "tester") == 1


@scenario(
    "proof of a loss, then the delete",
    files=DELETES,
    cycles=(Cycle(full=True),) * 3,
    sane=_counts(links=5, external_customers=5, flowtly_Client=5),
)
def _proven(world: CrashWorld) -> None:
    _lost(world, ours=True)


_BUDGETS: Final = ("Fairs", "Rent", "Cars", "Food")
ALLOCATED: Final = """
mapping: clients
external: {resource: customers, key: customer_no, cursor: changed_at}
flowtly: {resource: budget-employees}
direction: to_flowtly
match: [[budget, employee]]
fields:
  budget: {external: company_name, through: {lookup: budgets, by: name}, required: true}
  employee: {external: note, through: {lookup: employees, by: email}, required: true}
deletes: {in_external: delete, in_flowtly: ignore}
"""


@scenario(
    "allocations made anew",
    files={"clients": ALLOCATED},
    sane=lambda end: (
        len(end.seen["links"]) == len(end.seen["flowtly BudgetEmployee"]) == 2 * len(_BUDGETS)
        and sum("Tools" in str(one) for one in end.seen["links"]) == 2
    ),
)
def _replaced(world: CrashWorld) -> None:
    """Flowtly cannot change them: two of those that we made get another budget."""
    for name in ("Tools", *_BUDGETS):
        world.in_flowtly("POST", "budgets", {"name": name, "type": "global", "granularity": "month", "config": []})
    people = [one["email"] for one in world.in_flowtly("GET", "employees")][:2]
    for number, (mail, budget) in enumerate(product(people, _BUDGETS)):
        world.customer(f"A{number}", company_name=budget, note=mail)
    world.settled()
    world.erp("UPDATE customers SET company_name = 'Tools' WHERE customer_no IN ('A0', 'A4')")


POSTINGS: Final = """
mapping: clients
external: {resource: customers, key: customer_no, cursor: changed_at}
flowtly: {resource: transactions}
direction: to_flowtly
match: [[operationNumber]]
fields:
  operationNumber: {external: customer_no, required: true}
  bankAccount: {external: note, through: {lookup: bank-accounts, by: number}, required: true}
  execDate: {external: phone, through: date, required: true}
  orderDate: {external: phone, through: date, required: true}
  description: {external: customer_no, required: true}
  amount: {external: vat_no, through: {decimal: 2}, required: true}
"""
COSTS: Final = """
allocations:
  - allocation: costs
    postings: {of: clients, amount: vat_no, currency: currency_code, date: phone, sign: negative}
    links: {target: {lookup: budgets, by: name}, unit: minor}
    rules:
      - rule: shared
        when: {city: shared}
        split: [{budget: Fairs, share: 60%}, {budget: Rent, rest: true}]
      - {rule: others, budget: "{city}"}
mappings:
"""
_MOVED: Final = {"MOVED": ("Fairs", "Rent"), "JOINED": ("shared", "Rent"), "SPLIT": ("Fairs", "shared")}
"""Postings with where they were and where they go."""


@scenario(
    "budget links moved, joined and split",
    files={"clients": POSTINGS},
    made=("costs",),
    settings=ONE_BY_ONE.replace("max_changes: 100", "max_changes: 100, max_removal_share: 1.0").replace(
        "\nmappings:\n", COSTS
    ),
    cycles=(Cycle("costs"),),
    sane=lambda end: len(end.seen["flowtly BudgetTransaction"]) == len(_MOVED) + 1 == len(end.seen["parts"]),
    always=lambda world: _too_much(world),  # noqa: PLW0108 - it stands below
)
def _budget_links(world: CrashWorld) -> None:
    """One link changes its budget; one is deleted and the other grows; one shrinks and another is made."""
    for name in ("Fairs", "Rent"):
        fields = {"name": name, "type": "global", "granularity": "month", "config": []}
        world.in_flowtly("POST", "budgets", fields)
    account = world.flowtly.state.rows("BankAccount")[0]
    world.flowtly.state.update("BankAccount", account["id"], {"number": "DK11"})
    for number, (key, (city, _)) in enumerate(_MOVED.items()):
        fields = {"vat_no": f"-{100 + number}.01", "phone": "2026-02-03", "note": "DK11", "city": city}
        world.customer(key, **fields)
    world.settled()
    world.settled("costs")
    for key, (_, city) in _MOVED.items():
        world.erp("UPDATE customers SET city = %s WHERE customer_no = %s", city, key)
    world.settled()


def _too_much(world: CrashWorld) -> list[str]:
    """Transactions whose links add up to more or less than they are."""
    state, wrong = world.flowtly.state, []
    for one in state.rows("Transaction"):
        cents = round(-100 * one["amount"])
        links = state.children("BudgetTransaction", "transaction", f"/api/transactions/{one['id']}")
        linked = sum(cents if link.get("amount") is None else link["amount"] for link in links)
        if linked != cents:
            wrong.append(f"{one['operationNumber']}: {linked} of {cents} are linked")
    return wrong


MERGED: Final = """
mapping: clients
external: {resource: customers, key: customer_no, cursor: changed_at}
flowtly: {resource: counterparties}
match: [[tin], [displayName]]
fields:
  displayName: company_name
  tin: vat_no
  requireAttachment: {constant: {flowtly: false}}
"""


@scenario(
    "two counterparties merged in Flowtly",
    files={"clients": MERGED},
    sane=lambda end: len(end.seen["links"]) == 5 and any("missing" in one for one in end.seen["questions"]),
)
def _merged(world: CrashWorld) -> None:
    """No link follows the merge: the loser is gone, an edit of its customer is a question, the survivor goes on."""
    links = linked(world, "Kept", "Gone", "Three", "Four", "Five")
    state = world.flowtly.state
    merge_counterparties(state, *(number(links["Kept"]), [number(links["Gone"])]))
    world.erp("UPDATE customers SET company_name = company_name || ' as edited' WHERE customer_no IN ('Kept', 'Gone')")


def number(iri: str) -> int:
    """The number at the end of an IRI."""
    return int(iri.rpartition("/")[2])


@scenario(
    "both peers over HTTP", settings=TWO_SANDBOXES, files={"clients": CRM}, two_sandboxes=True, sane=_counts(links=4)
)
def _both_http(world: CrashWorld) -> None:
    for name, tin in (("On both ApS", "1"), ("Linked ApS", "4")):
        _person(world, 0, name=name, tin=f"1000000{tin}")
        _person(world, 1, name=name, tin=f"1000000{tin}")
        if tin == "4":
            continue
    world.settled()
    _person(world, 0, name="New there ApS", tin="10000002")
    _person(world, 1, name="New here ApS", tin="10000003")
    for sandbox, change in ((world.flowtly, {"addressCity": "Ribe"}), (world.crm, {"addressPhoneNumber": "2"})):
        assert sandbox is not None
        (row,) = [row for row in sandbox.state.rows("Client") if row["name"] == "Linked ApS"]
        sandbox.state.update("Client", row["id"], change)


def _person(world: CrashWorld, which: int, **fields: str) -> None:
    """A person adds a client in one of the two sandboxes."""
    sandbox = world.sandboxes[which]
    state = sandbox.state
    (denmark,) = [row["id"] for row in state.rows("Country") if row.get("code") == "DK"]
    (krone,) = [row["id"] for row in state.rows("Currency") if row.get("code") == "DKK"]
    usual = {"country": f"/api/countries/{denmark}", "currency": f"/api/currencies/{krone}", "tinCountry": "DK"}
    state.insert("Client", {**usual, "tinType": "vat", "status": "active", **fields})
