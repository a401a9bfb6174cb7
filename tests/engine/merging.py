"""A small world with duplicate counterparties at Flowtly: everything real, the merge included."""

from __future__ import annotations

from dataclasses import replace
from threading import Event
from typing import Any

from syncd import wiring_dedupe
from syncd.counterparties.decision import Band
from syncd.engine.dedupe.desk import Desk
from syncd.engine.dedupe.merging import MergeReport, carry_out
from syncd.engine.dedupe.proposing import Proposals, approve, propose
from syncd.ports.merges import Merge, MergeState
from syncd.ports.parties import Case, CaseState
from tests.engine.world import SETTINGS, World

NAME = "counterparties"
CLIENTS = """
mapping: clients
external: {resource: customers, key: customer_no, cursor: changed_at}
flowtly: {resource: counterparties}
match: [[tin], [displayName]]
fields:
  displayName: company_name
  tin: vat_no
"""
BODY = '{counterparties: ["{loser}"]}'
TIN = "DK13585628"
OTHER_TIN = "DK10403782"
ONE, TWO, THREE = "DK5000400440116243", "GB29NWBK60161331926819", "DE89370400440532013000"
MERGE = r"^/counterparties/\d+/merge$"
ITEM = r"^/counterparties/\d+$"
FILLERS = ("X", "Y", "Z")  # without others a mapping whose every record changed is taken for another tenant's


def settings(*, body: str | None = BODY, automatic: str = "", more: str = "", merges: int = 5) -> str:
    """The configuration with the directory in it."""
    merge = "" if body is None else f"    merge: {{body: {body}, max_merges: {merges}}}\n"
    tiers = f"    automatic: [{automatic}]\n" if automatic else ""
    block = f"dedupe:\n  {NAME}:\n    resource: counterparties\n{merge}{tiers}{more}"
    return SETTINGS.replace("mappings:\n", f"{block}mappings:\n")


class Desks:
    """People at both ends and the desk of one directory."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.stop = Event()

    @property
    def state(self) -> Any:
        """What Flowtly holds."""
        return self.world.flowtly.state

    @property
    def store(self) -> Any:
        return self.world.store

    @property
    def desk(self) -> Desk:
        """As a process has it that was just started."""
        assert self.world.app is not None
        return replace(wiring_dedupe.desk(self.world.app, NAME), events=self._note)

    def _note(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))

    def told(self, event: str) -> list[dict[str, Any]]:
        """Events of one name."""
        return [fields for name, fields in self.events if name == event]

    # ------------------------------------------------------------------ people

    def party(self, **fields: Any) -> str:
        """A counterparty; its IRI."""
        given = {"displayName": "Hav Kaffe ApS", "tin": TIN, **fields}
        return f"/api/counterparties/{self.state.insert('Counterparty', given)['id']}"

    def client(self, name: str) -> str:
        """A client; its IRI."""
        (denmark,) = [row["id"] for row in self.state.rows("Country") if row.get("code") == "DK"]
        (krone,) = [row["id"] for row in self.state.rows("Currency") if row.get("code") == "DKK"]
        usual = {"country": f"/api/countries/{denmark}", "currency": f"/api/currencies/{krone}"}
        return f"/api/clients/{self.state.insert('Client', {'name': name, **usual})['id']}"

    def edit(self, iri: str, **fields: Any) -> None:
        self.state.update("Counterparty", int(iri.rpartition("/")[2]), fields)

    def row(self, iri: str) -> dict[str, Any] | None:
        """A counterparty as it is; None when it is gone."""
        found = self.state.lookup(iri)
        return None if found is None else dict(found)

    def sent(self) -> int:
        """How many merges Flowtly was asked for."""
        return sum(
            n for route, n in self.world.flowtly.requests.items() if route.startswith("POST") and "/merge" in route
        )

    def patched(self) -> int:
        """How many changes of counterparties Flowtly was asked for."""
        return sum(
            n
            for route, n in self.world.flowtly.requests.items()
            if route.startswith("PATCH") and "counterpart" in route
        )

    # ------------------------------------------------------------------ syncd

    def scan(self) -> list[Case]:
        """Search; the cases that are open or answered yes."""
        assert self.world.app is not None
        wiring_dedupe.scan(self.world.app, NAME)
        found: list[Case] = self.store.cases(NAME, [CaseState.OPEN, CaseState.YES])
        return found

    def propose(self, **pins: Any) -> Proposals:
        return propose(self.desk, self.stop, **pins)

    def approved(self, by: str = "anna") -> list[Merge]:
        """Search, and a person says yes to every case that is open and approves everything."""
        for case in self.scan():
            if case.state is CaseState.OPEN and case.band is not Band.AUTO:
                self.store.answer_case(case.id, "yes", by, "", None)
        self.propose()
        for one in self.store.merges(NAME, [MergeState.PROPOSED]):
            approve(self.desk, one.id, by, one.plan.digests)
        found: list[Merge] = self.store.merges(NAME, [MergeState.APPROVED])
        return found

    def merge(self) -> MergeReport:
        return carry_out(self.desk, self.stop)

    def one(self, merge: Merge) -> Merge:
        """A merge as it is now."""
        found = self.store.merge(merge.id)
        assert found is not None
        return found


def linked(desks: Desks, *customers: str) -> dict[str, str]:
    """A customer for each, made in Flowtly by us, and no pair of them alike yet."""
    for number, customer in enumerate((*customers, *FILLERS)):
        desks.world.customer(customer, company_name=f"Firm {customer}", vat_no=f"{number}")
    desks.world.run(person=True)
    desks.world.settled()
    return {key: iri for key, iri in desks.world.links().items() if key in customers}


def alike(desks: Desks, *iris: str) -> None:
    """A person gives them one name and one tax number; both sides agree on it."""
    for iri in iris:
        desks.edit(iri, displayName="Hav Kaffe ApS", tin="DK13585628")
    desks.world.settled()


def book(desks: Desks, iri: str, text: str = "x") -> None:
    """A bank transaction with this counterparty."""
    account = f"/api/bank-accounts/{desks.state.insert('BankAccount', {'name': text})['id']}"
    values = {"bankAccount": account, "amount": 1, "description": text, "counterparty": iri}
    desks.state.insert("Transaction", values)
