"""One case for each published endpoint: call it through the client, then look at what the sandbox holds.

``CASES`` is what the contract test runs and what docs/flowtly-endpoints.md counts as "by a test".
"""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import mt940

from syncd.connectors.flowtly.client import FlowtlyClient
from syncd.connectors.flowtly.endpoints import PUBLISHED, endpoints
from syncd.connectors.flowtly.endpoints_words import Endpoint
from syncd.connectors.flowtly.resources import RESOURCES
from syncd.errors import NotFound
from syncd.sandbox.declare import Row
from syncd.sandbox.server import SandboxServer

DAY = "2026-01-05T00:00:00+00:00"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class World:
    """A running sandbox, a client of it, and a folder for files."""

    server: SandboxServer
    client: FlowtlyClient
    folder: Path

    def add(self, kind: str, /, **values: Any) -> str:
        """A record that is there before; its IRI."""
        state = self.server.state
        stored = {name: float(value) if isinstance(value, Decimal) else value for name, value in values.items()}
        return state.resources[kind].iri(state.insert(kind, stored)["id"])

    def row(self, iri: str) -> Row:
        found = self.server.state.lookup(iri)
        assert found is not None, f"{iri} is gone"
        return found

    def company(self) -> str:
        return self.add("Client", name=unique("Client"), country="DK", currency="DKK")

    def budget(self) -> str:
        return self.add("Budget", name=unique("Budget"))

    def account(self) -> str:
        return self.add("BankAccount", name=unique("Account"), number=f"DK{next(_numbers):016}", currency="DKK")

    def booking(self, **values: Any) -> str:
        given = {"amount": -12.5, "description": "Payment", "orderDate": DAY, "execDate": DAY, **values}
        given.setdefault("bankAccount", self.account())
        return self.add("Transaction", connectedMonth="2026-01", **given)

    def invoice(self, **values: Any) -> str:
        dates = {"issueDate": DAY, "saleDate": DAY, "dueDate": DAY}
        return self.add(
            "Invoice", name=unique("FV"), client=values.pop("client", None) or self.company(), **dates, **values
        )

    def attachment(self, content: bytes = b"%PDF-1.7", **values: Any) -> str:
        iri = self.add("TransactionAttachment", **{"name": unique("receipt"), "size": len(content), **values})
        self.server.state.blobs[iri] = content
        return iri

    def letters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.server.origin}/_sandbox/outbox").json()
        return found


def unique(word: str) -> str:
    return f"{word} {next(_numbers):05}"


@dataclass(frozen=True)
class Sample:
    """How a record of one kind is made, and a change to it."""

    kind: str
    body: Callable[[World], dict[str, Any]]
    change: Mapping[str, Any]


SAMPLES = {
    "clients": Sample(
        "Client",
        lambda _: {
            "name": unique("Client"),
            "country": "DK",
            "currency": "DKK",
            "status": "active",
            "tinType": "vat",
            "documentsLanguage": "da",
        },
        {"dueDays": 21},
    ),
    "client-contacts": Sample(
        "ClientContact",
        lambda w: {"client": w.company(), "type": "billing", "email": "pay@example.com", "name": unique("Person")},
        {"title": "Head of finance"},
    ),
    "client-notes": Sample(
        "ClientNote",
        lambda w: {"client": w.company(), "employee": "/api/employees/1", "note": unique("Called")},
        {"note": "Called again"},
    ),
    "counterparties": Sample("Counterparty", lambda _: {"displayName": unique("Party")}, {"tin": "12345678"}),
    "budgets": Sample(
        "Budget", lambda _: {"name": unique("Budget"), "type": "global", "granularity": "month"}, {"name": "Renamed"}
    ),
    "budget-groups": Sample("BudgetGroup", lambda _: {"name": unique("Group")}, {"name": "Renamed"}),
    "budget-contractors": Sample("BudgetContractor", lambda w: {"budget": w.budget(), **_contractor(w)}, {}),
    "budget-employees": Sample("BudgetEmployee", lambda w: {"budget": w.budget(), "employee": "/api/employees/1"}, {}),
    "budget-invoices": Sample(
        "BudgetInvoice", lambda w: {"budget": w.budget(), "invoice": w.invoice(), "amount": 125000}, {}
    ),
    "budget-projects": Sample(
        "BudgetProject", lambda w: {"budget": w.budget(), "project": w.add("Project", name=unique("Project"))}, {}
    ),
    "budget-transactions": Sample(
        "BudgetTransaction",
        lambda w: {"budget": w.budget(), "transaction": w.booking(), "amount": 125000},
        {"amount": 99},
    ),
    "income-transactions": Sample(
        "IncomeTransaction",
        lambda w: {"budget": w.budget(), "transaction": w.booking(amount=10.0), "amount": 1000},
        {"amount": 99},
    ),
    "project-transactions": Sample(
        "ProjectTransaction",
        lambda w: {"project": w.add("Project", name=unique("Project")), "transaction": w.booking(), "amount": 1250},
        {"amount": 99},
    ),
    "transactions": Sample(
        "Transaction",
        lambda w: {
            "bankAccount": w.account(),
            "description": unique("Payment"),
            "amount": Decimal("-12.5"),
            "orderDate": DAY,
            "execDate": DAY,
        },
        {"note": "PO-4711"},
    ),
    "transaction-attachments": Sample(
        "TransactionAttachment",
        lambda _: {"name": unique("receipt"), "amount": Decimal("12.5")},
        {"relatedMonth": "2026-01"},
    ),
    "invoices": Sample(
        "Invoice",
        lambda w: {"name": unique("FV"), "client": w.company(), "issueDate": DAY, "saleDate": DAY, "dueDate": DAY},
        {"notes": "Thank you"},
    ),
}


def _contractor(world: World) -> dict[str, str]:
    """The link to a contractor, under whichever name and kind the sandbox gives it."""
    fields = world.server.state.resources["BudgetContractor"].fields
    field = next(each for each in fields if each.reference in {"Supplier", "Cost"})
    return {field.name: world.add(str(field.reference), name=unique("Contractor"))}


Case = Callable[[World], None]
CASES: dict[str, Case] = {}


def case(endpoint: str) -> Callable[[Case], Case]:
    def keep(function: Case) -> Case:
        assert endpoint not in CASES
        CASES[endpoint] = function
        return function

    return keep


def members(data: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data.get("member", data.get("hydra:member"))
    return found


def listed(world: World, endpoint: str, /, **query: str) -> list[str]:
    return [each["@id"] for each in members(world.client.call(endpoint, query={"itemsPerPage": 100, **query}))]


# ---------------------------------------------------------------------- plain records


def _there(world: World, sample: Sample) -> tuple[str, dict[str, Any]]:
    body = sample.body(world)
    return world.add(sample.kind, **body), body


def _holds(row: Row, values: Mapping[str, Any]) -> bool:
    return all(row.get(name) == value for name, value in values.items())


def _lists(resource: str, sample: Sample) -> Case:
    def check(world: World) -> None:
        iri, _ = _there(world, sample)
        gone, _ = _there(world, sample)
        world.server.state.delete(sample.kind, world.row(gone)["id"])
        found = listed(world, f"{resource}.list")
        assert iri in found
        assert gone not in found

    return check


def _creates(resource: str, sample: Sample) -> Case:
    def check(world: World) -> None:
        body = sample.body(world)
        before = world.server.state.count(sample.kind)
        made = world.client.call(f"{resource}.create", body=body, yes=True)
        assert _holds(world.row(made["@id"]), body)
        assert world.server.state.count(sample.kind) == before + 1

    return check


def _reads(resource: str, sample: Sample) -> Case:
    def check(world: World) -> None:
        iri, body = _there(world, sample)
        found = world.client.call(f"{resource}.get", iri)
        shown = {name: value["@id"] if isinstance(value := found.get(name), dict) else value for name in body}
        hidden = {each.name for each in world.server.state.resources[sample.kind].fields if not each.readable}
        assert found["@id"] == iri
        assert {name: value for name, value in shown.items() if name not in hidden} == {
            name: value for name, value in body.items() if name not in hidden
        }

    return check


def _patches(resource: str, sample: Sample) -> Case:
    def check(world: World) -> None:
        iri, body = _there(world, sample)
        answer = world.client.call(f"{resource}.patch", iri, body=dict(sample.change), yes=True)
        assert _holds(answer, sample.change)
        assert _holds(world.row(iri), {**body, **sample.change})

    return check


def _deletes(resource: str, sample: Sample) -> Case:
    def check(world: World) -> None:
        iri, _ = _there(world, sample)
        kept, _ = _there(world, sample)
        assert world.client.call(f"{resource}.delete", iri, yes=True) is None
        assert world.server.state.lookup(iri) is None
        assert world.server.state.lookup(kept) is not None
        try:
            world.client.call(f"{resource}.delete", iri, yes=True)
        except NotFound:
            return
        raise AssertionError("a second delete found it again")

    return check


_PLAIN = {"list": _lists, "create": _creates, "get": _reads, "patch": _patches, "delete": _deletes}


def _plain_cases() -> None:
    for endpoint in endpoints(RESOURCES):
        resource, _, verb = endpoint.name.partition(".")
        if resource in PUBLISHED and verb in _PLAIN:
            case(str(endpoint))(_PLAIN[verb](resource, SAMPLES[resource]))


_plain_cases()


# ---------------------------------------------------------------------- clients and counterparties


@case("GET /clients/search")
def _(world: World) -> None:
    wanted, other = world.company(), world.company()
    found = listed(world, "clients.search", name=world.row(wanted)["name"])
    assert found == [wanted]
    assert other not in found


@case("GET /clients/{id}/documents")
def _(world: World) -> None:
    iri = world.company()
    found = world.client.call("clients.documents", iri)
    assert (found["id"], found["name"]) == (world.row(iri)["id"], world.row(iri)["name"])


@case("POST /counterparties/{id}/merge")
def _(world: World) -> None:
    survivor, loser = (world.add("Counterparty", displayName=unique("Party")) for _ in range(2))
    booking = world.booking(counterparty=loser)
    assert world.client.merge_counterparties(survivor, [loser], yes=True)["@id"] == survivor
    assert world.row(booking)["counterparty"] == survivor
    assert world.server.state.lookup(loser) is None


def _enriched(world: World, call: Callable[[str], Any]) -> None:
    """Enrichment comes later: two further requests let it happen."""
    asked, other = (world.add("Counterparty", displayName=unique("Party")) for _ in range(2))
    call(asked)
    assert "logoUrl" not in world.row(asked)
    for _ in range(2):
        listed(world, "clients.list")
    assert world.row(asked)["logoUrl"]
    assert world.row(asked)["corporateWebsiteUrl"]
    assert "logoUrl" not in world.row(other)


@case("POST /counterparties/{id}/enrich-branding-ai")
def _(world: World) -> None:
    _enriched(world, lambda iri: world.client.call("counterparties.enrich", iri, yes=True))


@case("POST /counterparties/enrich-branding-ai")
def _(world: World) -> None:
    many = "counterparties.enrich-many"
    _enriched(world, lambda iri: world.client.call(many, body={"counterparties": [iri]}, yes=True))


# ---------------------------------------------------------------------- transactions


@case("POST /transactions/import")
def _(world: World) -> None:
    row = {"bankAccount": world.account(), "description": "Fee", "orderDate": DAY, "execDate": DAY}
    rows = [{**row, "amount": Decimal("-1.25"), "operationNumber": unique("OP")} for _ in range(2)]
    told = world.client.import_transactions(rows, yes=True)
    assert [world.row(iri)["amount"] for iri in told["transactions"]] == [-1.25, -1.25]
    count = world.server.state.count("Transaction")
    assert world.client.import_transactions(rows, yes=True)["imported"] == 0
    assert world.server.state.count("Transaction") == count


@case("GET /transactions/unassigned")
def _(world: World) -> None:
    free, taken = world.booking(), world.booking()
    world.add("BudgetTransaction", budget=world.budget(), transaction=taken)
    found = listed(world, "transactions.unassigned")
    assert free in found
    assert taken not in found


@case("GET /transactions/with-problems")
def _(world: World) -> None:
    lacking = world.booking()
    whole = world.booking(counterparty=world.add("Counterparty", displayName=unique("Party")))
    found = listed(world, "transactions.with-problems")
    assert lacking in found
    assert whole not in found


def _puzzle(world: World) -> tuple[str, str]:
    """A transaction whose text names a counterparty, and that counterparty."""
    name = unique("Hedekaffe")
    party = world.add("Counterparty", displayName=name)
    return world.booking(description=f"Transfer {name}"), party


@case("GET /transactions/{id}/suggestions")
def _(world: World) -> None:
    booking, party = _puzzle(world)
    assert party in {each["target"] for each in members(world.client.suggestions(booking))}
    assert "counterparty" not in world.row(booking)


@case("POST /transactions/{id}/suggestions/{suggestionId}/apply")
def _(world: World) -> None:
    booking, party = _puzzle(world)
    suggestion = next(each for each in members(world.client.suggestions(booking)) if each["target"] == party)
    world.client.apply_suggestion(booking, suggestion["id"], yes=True)
    assert world.row(booking)["counterparty"] == party


@case("GET /transactions/export/mt940")
def _(world: World) -> None:
    account = world.account()
    world.booking(bankAccount=account, amount=-12.5, endingBalance=87.5)
    world.booking(bankAccount=account, amount=100.0)
    saved = world.client.export_mt940(world.folder / "july.sta", query={"bankAccount": account})
    (statement,) = mt940.parse_statements(saved.path)
    assert [Decimal(entry.data["amount"].amount) for entry in statement] == [Decimal("-12.50"), Decimal(100)]
    assert statement.data["account_identification"] == world.row(account)["number"]


@case("POST /transactions/attachments/zip")
def _(world: World) -> None:
    booking = world.booking()
    name = world.row(world.attachment(b"bytes of a receipt", transaction=booking))["name"]
    world.attachment(b"of another", transaction=world.booking())
    saved = world.client.export_attachments(world.folder / "receipts.zip", transactions=[booking])
    with zipfile.ZipFile(saved.path) as archive:
        assert {each: archive.read(each) for each in archive.namelist()} == {name: b"bytes of a receipt"}


# ---------------------------------------------------------------------- attachments


@case("POST /transaction-attachments/create")
def _(world: World) -> None:
    file = world.folder / f"{unique('scan')}.pdf"
    file.write_bytes(unique("%PDF").encode())
    booking = world.booking()
    made = world.client.upload_attachment(file, fields={"transaction": booking}, media_type="application/pdf", yes=True)
    assert (made.sent, made.size) == (True, file.stat().st_size)
    row = world.row(made.iri)
    assert (row["name"], row["mimeType"], row["transaction"]) == (file.name, "application/pdf", booking)
    assert world.server.state.blobs[made.iri] == file.read_bytes()


@case("GET /transaction-attachments/search")
def _(world: World) -> None:
    wanted, other = world.attachment(), world.attachment()
    found = listed(world, "transaction-attachments.search", name=world.row(wanted)["name"])
    assert found == [wanted]
    assert other not in found


def _document(world: World) -> tuple[str, str, str]:
    """An attachment, the transaction that has its amount, and the supplier it names."""
    amount = float(next(_numbers)) + 0.25
    booking, name = world.booking(amount=-amount), unique("Kornblomst")
    supplier = world.add("Supplier", name=name)
    return world.attachment(name=f"{name} invoice", amount=amount), booking, supplier


def _proposed(world: World, attachment: str) -> dict[str, str]:
    """Targets of an attachment's proposals with their ids."""
    found = world.client.call("transaction-attachments.suggestions", attachment)
    return {each["target"]: each["id"] for each in members(found)}


@case("GET /transaction-attachments/{id}/suggestions")
def _(world: World) -> None:
    attachment, booking, supplier = _document(world)
    assert {booking, supplier} <= set(_proposed(world, attachment))
    assert "transaction" not in world.row(attachment)


@case("GET /transaction-attachments/{id}/suggestions-debug")
def _(world: World) -> None:
    attachment, booking, _supplier = _document(world)
    told = world.client.call("transaction-attachments.suggestions-debug", attachment)
    assert booking in {each["target"] for each in told["considered"]}


@case("POST /transaction-attachments/{id}/suggestions/{suggestionId}/apply")
def _(world: World) -> None:
    attachment, booking, _supplier = _document(world)
    suggestion = _proposed(world, attachment)[booking]
    world.client.call("transaction-attachments.apply-suggestion", attachment, suggestion, yes=True)
    assert world.row(attachment)["transaction"] == booking


@case("POST /transaction-attachments/{id}/apply-suggestion")
def _(world: World) -> None:
    attachment, booking, _supplier = _document(world)
    suggestion = _proposed(world, attachment)[booking]
    world.client.call("transaction-attachments.apply-best", attachment, body={"suggestion": suggestion}, yes=True)
    assert world.row(attachment)["transaction"] == booking


@case("POST /transaction-attachments/{id}/apply-supplier-suggestion")
def _(world: World) -> None:
    attachment, _booking, supplier = _document(world)
    world.client.call("transaction-attachments.apply-supplier", attachment, yes=True)
    assert world.row(attachment)["supplier"] == supplier
    assert "transaction" not in world.row(attachment)


@case("POST /transaction-attachments/{id}/detach")
def _(world: World) -> None:
    attachment = world.attachment(transaction=world.booking())
    world.client.call("transaction-attachments.detach", attachment, yes=True)
    assert "transaction" not in world.row(attachment)
    assert world.server.state.blobs[attachment] == b"%PDF-1.7"


# ---------------------------------------------------------------------- invoices


@case("GET /invoices/draft")
def _(world: World) -> None:
    draft, sent = world.invoice(), world.invoice(status="sent")
    found = listed(world, "invoices.draft")
    assert draft in found
    assert sent not in found


@case("GET /invoices/name/{date}")
def _(world: World) -> None:
    year = 2100 + next(_numbers)
    world.add("Invoice", name=f"FV/7/{year}", client=world.company(), issueDate=DAY, saleDate=DAY, dueDate=DAY)
    assert world.client.call("invoices.name", f"{year}-07-01")["name"] == f"FV/8/{year}"


def _to_send(world: World) -> tuple[str, str]:
    """An invoice and the mailbox of its client."""
    client, email = world.company(), f"pay{next(_numbers)}@example.com"
    world.add("ClientContact", client=client, type="billing", email=email, name="Pay")
    return world.invoice(client=client), email


@case("GET /invoices/{id}/send")
def _(world: World) -> None:
    invoice, email = _to_send(world)
    before = world.letters()
    assert world.client.call("invoices.preview-send", invoice)["recipients"] == [email]
    assert world.letters() == before
    assert world.row(invoice)["status"] == "draft"


@case("POST /invoices/{id}/send")
def _(world: World) -> None:
    invoice, email = _to_send(world)
    before = len(world.letters())
    world.client.send_invoice(invoice, yes=True)
    (letter,) = world.letters()[before:]
    assert (letter["invoice"], letter["recipients"]) == (invoice, [email])
    assert world.row(invoice)["status"] == "sent"


@case("POST /invoices/send")
def _(world: World) -> None:
    invoices = [_to_send(world)[0] for _ in range(2)]
    before = len(world.letters())
    world.client.call("invoices.send-many", body={"invoices": invoices, "recipients": ["all@example.com"]}, yes=True)
    letters = world.letters()[before:]
    assert [each["invoice"] for each in letters] == invoices
    assert all(each["recipients"] == ["all@example.com"] for each in letters)
    assert all(world.row(each)["status"] == "sent" for each in invoices)


def covered(endpoint: Endpoint) -> bool:
    """Whether a case calls this endpoint."""
    return str(endpoint) in CASES
