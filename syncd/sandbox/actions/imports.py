"""Bulk import of transactions: all rows or none. Must never store a part of a refused import.

The payload is unpublished; modelled are a JSON list of transactions as ``POST /transactions`` takes them (also as
``{"transactions": [...]}``), a CSV body, or a form with a CSV as ``file``. A CSV begins with a row of field names and
is separated by commas or semicolons; empty cells are no value. A row whose account, date, operation number and
amount are there already is skipped, as a bank's overlapping statements ask for; one without an operation number
cannot be told apart and is taken.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, Final

from syncd.sandbox.actions.declare import CSV, MULTIPART, Action, Ask
from syncd.sandbox.actions.reading import Form, blank, typed, violated, wrong_type
from syncd.sandbox.answer import Answer
from syncd.sandbox.declare import Resource, Row
from syncd.sandbox.errors import Invalid, Violation
from syncd.sandbox.replies import BOTH

MAX_ROWS: Final = 10_000
_KEY: Final = ("bankAccount", "execDate", "operationNumber", "amount")


def _import(ask: Ask) -> Answer:
    rows = _rows(ask)
    if not rows:
        raise blank("transactions")
    if len(rows) > MAX_ROWS:
        raise violated("transactions", f"This collection should contain {MAX_ROWS} elements or less.")
    accepted = _accepted(ask, rows)
    state = ask.kit.state
    known = _known(ask, accepted)
    made = []
    for values in accepted:
        key = _key(values)
        if key is not None and key in known:
            continue
        row = state.insert(ask.resource.name, ask.call.rewrite(values))
        made.append(ask.resource.iri(row["id"]))
        if key is not None:
            known.add(key)
    told = {"imported": len(made), "skipped": len(rows) - len(made), "transactions": made}
    return ask.told("TransactionImport", told, 201)


def _rows(ask: Ask) -> list[Any]:
    if isinstance(ask.data, bytes):
        return _csv(ask.resource, ask.data)
    if isinstance(ask.data, Form):
        upload = ask.data.files.get("file")
        if upload is None:
            raise blank("file")
        return _csv(ask.resource, upload.content)
    rows = ask.data.get("transactions") if isinstance(ask.data, dict) else ask.data
    if not isinstance(rows, list | None):
        raise wrong_type("transactions", "array", rows)
    return rows or []


def _csv(resource: Resource, content: bytes) -> list[dict[str, Any]]:
    """Raises Invalid for what is no CSV in UTF-8."""
    try:
        body = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise violated("file", "This file is not a CSV in UTF-8.") from None
    head = body.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(body, newline=""), delimiter=";" if ";" in head else ",", strict=True)
    try:
        return [typed(resource, _cells(row, place)) for place, row in enumerate(reader)]
    except csv.Error as error:
        raise violated("file", f"This file is not a CSV: {error}.") from error


def _cells(row: Mapping[str | None, Any], place: int) -> dict[str, str]:
    if None in row:
        raise violated(f"[{place}]", "This row has more cells than the first one.")
    return {str(name).strip(): value.strip() for name, value in row.items() if value is not None}


def _accepted(ask: Ask, rows: list[Any]) -> list[dict[str, Any]]:
    """The values of every row, judged as a create of its own. Raises ApiError 400, or Invalid for all rows at once."""
    accepted: list[dict[str, Any]] = []
    broken: list[Violation] = []
    for place, row in enumerate(rows):
        if not isinstance(row, dict):
            raise wrong_type(f"transactions[{place}]", "array", row)
        try:
            accepted.append(ask.kit.writer.judged(ask.resource, row, origin=ask.call.origin)[0])
        except Invalid as error:
            broken += [Violation(f"[{place}].{each.path}", each.message, each.code) for each in error.violations]
    if broken:
        raise Invalid(broken)
    return accepted


def _known(ask: Ask, accepted: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    """The keys that are taken in the accounts of this import."""
    accounts = {values["bankAccount"] for values in accepted}
    stored = (row for each in accounts for row in ask.kit.state.children(ask.resource.name, "bankAccount", each))
    return {key for row in stored if (key := _key(row)) is not None}


def _key(row: Row) -> tuple[Any, ...] | None:
    return tuple(row.get(name) for name in _KEY) if row.get("operationNumber") else None


ACTIONS: Final = (Action("POST", "/transactions/import", "Transaction", _import, takes=(*BOTH, CSV, MULTIPART)),)
