"""Files out of the transactions: bank statements as MT940, attachments as a zip. Sent in pieces, made while sent.

Modelled: ``GET /transactions/export/mt940`` takes ``bankAccount`` (IRI or id, also as a list; all accounts without
one), ``dateFrom`` and ``dateTo`` (dates, both inclusive; without them from the first booking to the last). One
statement an account. An account begins with what its first booking left minus that booking, so that balances add up
also where ``endingBalance`` was sent wrong. ``POST /transactions/attachments/zip`` takes ``{"transactions": [IRI]}``
and ``{"transactionAttachments": [IRI]}``; without either every attachment that has bytes goes in.

What goes into a file is settled under the lock before the first piece; records changed later do not show.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal, DecimalException
from pathlib import PurePath
from typing import Final

from syncd.sandbox.actions import mt940
from syncd.sandbox.actions.declare import Action, Ask
from syncd.sandbox.actions.reading import record, records, safe_name
from syncd.sandbox.answer import Answer
from syncd.sandbox.declare import Id, Row
from syncd.sandbox.errors import ApiError
from syncd.sandbox.query import parse, values
from syncd.sandbox.replies import BOTH
from syncd.sandbox.state import State

_PIECE: Final = 64 * 1024
_STAMP: Final = (1980, 1, 1, 0, 0, 0)
"""The same for every file, so that equal attachments give equal zips."""


def _mt940(ask: Ask) -> Answer:
    query = parse(ask.call.query)
    since, until = (_day(query.get(name)) for name in ("dateFrom", "dateTo"))
    if since and until and since > until:
        raise ApiError(400, "dateFrom must not be after dateTo.")
    state = ask.kit.state
    given = query.get("bankAccount")
    keys = (
        [_account(ask, text) for text in values(given)]
        if given is not None
        else [row["id"] for row in state.rows("BankAccount")]
    )
    statements = [_statement(state, state.table("BankAccount").rows[key], since, until) for key in keys]
    return ask.file("transactions.mt940", "text/plain; charset=us-ascii", _texts(statements))


def _day(given: object) -> date | None:
    if given is None or given == "":
        return None
    try:
        return datetime.fromisoformat(str(given)).date()
    except ValueError:
        raise ApiError(400, f"Failed to parse time string ({given}).") from None


def _account(ask: Ask, text: str) -> Id:
    resource = ask.kit.state.resources["BankAccount"]
    return record(ask.kit.state, resource, text if "/" in text else f"{resource.iri(text)}", ask.call.origin)


def _statement(state: State, account: Row, since: date | None, until: date | None) -> mt940.Statement:
    """Raises ApiError 422 for an amount or a balance that MT940 has no room for."""
    currency = _code(state, account.get("currency"))
    own = state.resources["BankAccount"].iri(account["id"])
    rows = state.children("Transaction", "bankAccount", own)
    booked = sorted((date.fromisoformat(row["execDate"][:10]), row["id"], row) for row in rows)
    start, end = _period(state, [day for day, _, _ in booked], since, until)
    opening = running = _before(booked[0][2], currency) if booked else Decimal()
    entries = []
    for day, _, row in booked:
        if day > end:
            break
        amount = _money(row["amount"], currency)
        running = _money(running + amount, currency)
        if day < start:
            opening = running
        else:
            entries.append(_entry(state, row, amount))
    return mt940.Statement(
        reference=f"ST{account['id']}-{end:%y%m%d}",
        account=account.get("number") or account.get("name") or str(account["id"]),
        currency=currency,
        number=1,
        since=start,
        until=end,
        opening=opening,
        entries=entries,
    )


def _period(state: State, days: Sequence[date], since: date | None, until: date | None) -> tuple[date, date]:
    """Both ends; what was not asked for is the day of the first or the last booking, or today."""
    today = date.fromisoformat(state.stamp()[:10])
    first, last = (days[0], days[-1]) if days else (until or today, since or today)
    start = since or min(first, until or first)
    return start, until or max(start, last)


def _before(first: Row, currency: str) -> Decimal:
    """What was in the account before its first booking."""
    return _money(first.get("endingBalance") or 0, currency) - _money(first["amount"], currency)


def _entry(state: State, row: Row, amount: Decimal) -> mt940.Entry:
    party = state.lookup(row.get("counterparty") or "") or {}
    text = " ".join(each for each in (party.get("displayName"), row.get("description")) if each)
    reference = row.get("operationNumber") or ""
    return mt940.Entry(date.fromisoformat(row["execDate"][:10]), amount, reference, str(row["id"])[-18:], text)


def _money(value: float | Decimal, currency: str) -> Decimal:
    try:
        amount = mt940.rounded(Decimal(str(value)), currency)
    except DecimalException:
        amount = None
    if amount is None or len(amount.as_tuple().digits) > mt940.AMOUNT_DIGITS:
        raise ApiError(422, f"The amount {value} does not fit into MT940.")
    return amount


def _code(state: State, currency: str | None) -> str:
    """The ISO code of an IRI, or the code itself."""
    row = state.lookup(currency or "")
    return str(row["code"]) if row else (currency or "XXX")


def _texts(statements: Sequence[mt940.Statement]) -> Iterator[bytes]:
    for statement in statements:
        for page in mt940.pages(statement):
            yield page.encode("ascii")


def _zip(ask: Ask) -> Answer:
    state, own = ask.kit.state, ask.kit.state.resources["TransactionAttachment"]
    chosen = records(state, own, ask.fields, "transactionAttachments", ask.call.origin)
    of = records(state, ask.resource, ask.fields, "transactions", ask.call.origin)
    for key in of or ():
        rows = state.children(own.name, "transaction", ask.resource.iri(key))
        chosen = [*(chosen or []), *(row["id"] for row in rows)]
    table = state.table(own.name)
    keys = list(dict.fromkeys(chosen or ())) if chosen is not None or of is not None else list(table.ids)
    files = [(table.rows[key].get("name") or "file", state.blobs.get(own.iri(key))) for key in keys]
    present = [(name, content) for name, content in files if content is not None]
    return ask.file("attachments.zip", "application/zip", _zipped(present))


def _zipped(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """A zip in pieces; names are made safe and told apart."""
    sink = _Sink()
    taken: set[str] = set()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            with archive.open(zipfile.ZipInfo(_apart(safe_name(name), taken), _STAMP), "w") as file:
                for start in range(0, len(content), _PIECE):
                    file.write(content[start : start + _PIECE])
                    yield sink.taken()
            yield sink.taken()
    yield sink.taken()


def _apart(name: str, taken: set[str]) -> str:
    path, number = PurePath(name), 1
    while name.casefold() in taken:
        number += 1
        name = f"{path.stem} ({number}){path.suffix}"
    taken.add(name.casefold())
    return name


class _Sink:
    """A file that can only be written, as ``zipfile`` takes one, and emptied from the other side."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""

    def taken(self) -> bytes:
        data, self._parts = b"".join(self._parts), []
        return data


ACTIONS: Final = (
    Action("GET", "/transactions/export/mt940", "Transaction", _mt940, role="reader", gives=()),
    Action("POST", "/transactions/attachments/zip", "Transaction", _zip, "reader", BOTH, optional=True, gives=()),
)
