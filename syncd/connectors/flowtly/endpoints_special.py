"""The endpoints beyond plain records, by resource; paths are those below the resource's own. Holds data only.

Methods and paths: Flowtly's pages on clients and budgeting. Bodies and answers of all of these are unpublished, so
little is demanded of an answer. None of them is ever called by a synchronisation: they are a person's decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from syncd.connectors.flowtly.endpoints_words import Body, Effect, Endpoint, Gives

_READERS: Final = "the people Flowtly chooses, by its pages the contacts of the invoice's client"


def _read(path: str, name: str, does: str, gives: Gives = Gives.ANY) -> Endpoint:
    return Endpoint("GET", path, name, does, gives=gives)


def _change(path: str, name: str, does: str, *takes: Body) -> Endpoint:
    return Endpoint("POST", path, name, does, Effect.CHANGE, takes or (Body.JSON,), Gives.ANY)


def _send(path: str, name: str, does: str) -> Endpoint:
    return Endpoint("POST", path, name, does, Effect.SEND, (Body.JSON,), Gives.ANY, people=_READERS)


SPECIAL: Final[Mapping[str, tuple[Endpoint, ...]]] = {
    "clients": (
        _read("/search", "clients.search", "Searches clients", Gives.COLLECTION),
        _read("/{id}/documents", "clients.documents", "Reads the documents of a client"),
    ),
    "counterparties": (
        _change("/{id}/merge", "counterparties.merge", "Merges counterparties into this one, for good"),
        _change("/{id}/enrich-branding-ai", "counterparties.enrich", "Has AI look up logo and website of one"),
        _change("/enrich-branding-ai", "counterparties.enrich-many", "Has AI look up logos and websites of many"),
    ),
    "transactions": (
        _change("/import", "transactions.import", "Imports transactions", Body.JSON, Body.MULTIPART),
        _read("/{id}/suggestions", "transactions.suggestions", "Lists what AI proposes for a transaction"),
        _change(
            "/{id}/suggestions/{suggestionId}/apply",
            "transactions.apply-suggestion",
            "Applies a proposal to a transaction",
        ),
        Endpoint(
            "GET",
            "/export/mt940",
            "transactions.export-mt940",
            "Fetches bank statements as MT940",
            Effect.FILE,
            gives=Gives.FILE,
        ),
        Endpoint(
            "POST",
            "/attachments/zip",
            "transactions.export-attachments",
            "Fetches attachments as a zip",
            Effect.FILE,
            (Body.JSON,),
            Gives.FILE,
        ),
    ),
    "transaction-attachments": (
        _change("/create", "transaction-attachments.upload", "Uploads a file", Body.MULTIPART),
        _read("/search", "transaction-attachments.search", "Searches attachments", Gives.COLLECTION),
        _read("/{id}/suggestions", "transaction-attachments.suggestions", "Lists what AI proposes for an attachment"),
        _read(
            "/{id}/suggestions-debug",
            "transaction-attachments.suggestions-debug",
            "Shows how proposals for an attachment came about",
        ),
        _change(
            "/{id}/suggestions/{suggestionId}/apply",
            "transaction-attachments.apply-suggestion",
            "Applies a proposal to an attachment",
        ),
        _change(
            "/{id}/apply-suggestion", "transaction-attachments.apply-best", "Applies the best proposal to an attachment"
        ),
        _change(
            "/{id}/apply-supplier-suggestion",
            "transaction-attachments.apply-supplier",
            "Applies the proposed supplier to an attachment",
        ),
        _change("/{id}/detach", "transaction-attachments.detach", "Detaches an attachment from its transaction"),
    ),
    "invoices": (
        _read("/name/{date}", "invoices.name", "Reads the name the next invoice of a date would get"),
        _read("/{id}/send", "invoices.preview-send", "Reads what sending an invoice would send"),
        _send("/{id}/send", "invoices.send", "Sends an invoice to a customer"),
        _send("/send", "invoices.send-many", "Sends several invoices to customers"),
    ),
}
"""Special endpoints by the name of the resource under which they stand."""
