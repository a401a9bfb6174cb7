"""What Flowtly's AI would propose, by rules a test can foresee: equal amounts, and names that occur in a text.

Modelled throughout; the real proposals are unpublished. A proposal lives only as long as its reason: once applied it
is gone. Must never change a record: applying is the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from syncd.sandbox.actions.jobs import slug
from syncd.sandbox.declare import Row
from syncd.sandbox.state import State

Kind = Literal["counterparty", "connectedMonth", "attachment", "transaction", "supplier"]

_SHOWN: Final = 10
_ENOUGH: Final = 50
_EQUAL_AMOUNT: Final = 90
_EQUAL_NUMBER: Final = 95
_WHOLE_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One proposal. ``target`` is the IRI of what to link, or the month; ``score`` from 0 to 100."""

    kind: Kind
    target: str
    score: int
    reason: str

    @property
    def id(self) -> str:
        """Stable for the same proposal."""
        return f"{self.kind}-{self.target.rpartition('/')[2]}"

    def shown(self) -> dict[str, Any]:
        """As JSON data."""
        told = {"score": self.score, "reason": self.reason, "target": self.target}
        return {"id": self.id, "type": self.kind, **told}


def for_transaction(state: State, row: Row) -> list[Suggestion]:
    """Who the other party may be, the month, and which waiting attachment belongs here; best first."""
    found: list[Suggestion] = []
    if row.get("counterparty") is None:
        found += _by_name(state, "Counterparty", "counterparty", "displayName", row.get("description") or "")
    if not row.get("connectedMonth"):
        found.append(Suggestion("connectedMonth", row["execDate"][:7], _EQUAL_NUMBER, "the month of its execution"))
    for each in state.rows("TransactionAttachment"):
        if each.get("transaction") is None and _same_amount(each, row):
            iri = state.resources["TransactionAttachment"].iri(each["id"])
            found.append(Suggestion("attachment", iri, _EQUAL_AMOUNT, "the amounts are equal"))
    return _best(found)


def for_attachment(state: State, row: Row) -> list[Suggestion]:
    """Which transaction it belongs to and who supplied it, best first."""
    return _best([each for each in considered(state, row) if each.score >= _ENOUGH])


def considered(state: State, row: Row) -> list[Suggestion]:
    """Everything looked at for an attachment, weak ones too."""
    found: list[Suggestion] = []
    if row.get("supplier") is None:
        found += _by_name(state, "Supplier", "supplier", "name", row.get("name") or "", least=1)
    if row.get("transaction") is None:
        target = state.resources["Transaction"]
        for each in state.rows("Transaction"):
            if _same_amount(row, each) and not state.children(
                "TransactionAttachment", "transaction", target.iri(each["id"])
            ):
                iri = target.iri(each["id"])
                found.append(Suggestion("transaction", iri, _EQUAL_AMOUNT, "the amounts are equal"))
    return found


def _best(found: list[Suggestion]) -> list[Suggestion]:
    return sorted(found, key=lambda each: (-each.score, each.id))[:_SHOWN]


def _same_amount(attachment: Row, transaction: Row) -> bool:
    """Attachments carry the price, transactions its sign as well."""
    amount, booked = attachment.get("amount"), transaction.get("amount")
    return amount is not None and booked is not None and abs(amount) == abs(booked) != 0


def _by_name(state: State, name: str, kind: Kind, field: str, text: str, least: int = _ENOUGH) -> Iterator[Suggestion]:
    words = set(slug(text).split("-"))
    for row in state.rows(name):
        iri = state.resources[name].iri(row["id"])
        number = re.sub(r"\W", "", str(row.get("tin") or ""))
        if number and number in re.sub(r"\W", "", text):
            yield Suggestion(kind, iri, _EQUAL_NUMBER, "its tax number is in the text")
            continue
        own = set(slug(row.get(field) or "").split("-"))
        score = _WHOLE_NAME * len(own & words) // len(own)
        if score >= least:
            yield Suggestion(kind, iri, score, "its name is in the text")
