"""Numbering and sending invoices. Nothing is sent: a letter goes to the outbox and the invoice becomes ``sent``.

Modelled throughout. ``{"recipients": [...], "subject": ..., "message": ...}`` may stand in the body of a send;
without recipients the client's billing contacts are taken, else all its contacts, and without any the send is
refused with 422.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from syncd.sandbox.actions.declare import Action, Ask
from syncd.sandbox.actions.outbox import Letter
from syncd.sandbox.actions.reading import blank, records, text, texts, violated
from syncd.sandbox.answer import Answer
from syncd.sandbox.declare import Id, Row
from syncd.sandbox.errors import ApiError
from syncd.sandbox.replies import BOTH
from syncd.sandbox.state import State

_NAME: Final = "FV/{number}/{year}"
_NAMED: Final = re.compile(r"FV/(\d{1,9})/(\d{4})")
_SENT: Final = "sent"
_ADDRESS: Final = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+\.[^\s@,;<>]+")


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What a send asks for; None where the invoice decides."""

    recipients: Sequence[str] | None
    subject: str | None
    message: str | None


def _name(ask: Ask) -> Answer:
    """The name the next invoice of that year would get; asking reserves nothing."""
    given = ask.params["date"]
    try:
        year = date.fromisoformat(given).year
    except ValueError:
        raise ApiError(400, f"Failed to parse time string ({given}).") from None
    used = [_NAMED.fullmatch(row.get("name") or "") for row in ask.kit.state.rows("Invoice")]
    numbers = [int(found[1]) for found in used if found is not None and int(found[2]) == year]
    return ask.told("InvoiceName", {"name": _NAME.format(number=max(numbers, default=0) + 1, year=year)})


def _preview(ask: Ask) -> Answer:
    """What a send without a body would send; may have no recipients."""
    letter = _letter(ask.kit.state, ask.resource.iri(ask.row["id"]), ask.row, _Wishes(None, None, None))
    shown = {"recipients": list(letter.recipients), "subject": letter.subject, "message": letter.message}
    return ask.told("InvoiceSend", {"invoice": letter.invoice, **shown})


def _send_one(ask: Ask) -> Answer:
    _send(ask, [ask.row["id"]], _wishes(ask.fields))
    return ask.changed()


def _send_many(ask: Ask) -> Answer:
    """``{"invoices": [IRI, ...]}``: all of them or, when one is refused, none."""
    keys = records(ask.kit.state, ask.resource, ask.fields, "invoices", ask.call.origin)
    if not keys:
        raise blank("invoices")
    _send(ask, keys, _wishes(ask.fields))
    return ask.told("InvoiceSend", {"sent": [ask.resource.iri(key) for key in keys]})


def _wishes(data: Mapping[str, Any]) -> _Wishes:
    recipients = texts(data, "recipients")
    for place, each in enumerate(recipients or ()):
        if not _ADDRESS.fullmatch(each):
            raise violated(f"recipients[{place}]", "This value is not a valid email address.")
    return _Wishes(recipients, text(data, "subject"), text(data, "message"))


def _send(ask: Ask, keys: Sequence[Id], wishes: _Wishes) -> None:
    state = ask.kit.state
    rows = [state.table("Invoice").rows[key] for key in keys]
    letters = [_letter(state, ask.resource.iri(row["id"]), row, wishes) for row in rows]
    for letter in letters:
        if not letter.recipients:
            raise violated("recipients", f"{letter.invoice} has no one to go to: its client has no contacts.")
    for key, letter in zip(keys, letters, strict=True):
        ask.kit.outbox.put(letter)
        state.update("Invoice", key, {"status": _SENT})


def _letter(state: State, iri: str, row: Row, wishes: _Wishes) -> Letter:
    contacts = state.children("ClientContact", "client", row.get("client") or "")
    billing = [each for each in contacts if each.get("type") == "billing"]
    found = [each["email"] for each in billing or contacts]
    name = row.get("name") or iri
    return Letter(
        invoice=iri,
        recipients=tuple(found if wishes.recipients is None else wishes.recipients),
        subject=wishes.subject or f"Invoice {name}",
        message=wishes.message or f"Please find invoice {name} attached.",
        at=state.stamp(),
    )


ACTIONS: Final = (
    Action("GET", "/invoices/name/{date}", "Invoice", _name, role="reader"),
    Action("POST", "/invoices/send", "Invoice", _send_many, takes=BOTH),
    Action("GET", "/invoices/{id}/send", "Invoice", _preview, role="reader"),
    Action("POST", "/invoices/{id}/send", "Invoice", _send_one, takes=BOTH, optional=True),
)
