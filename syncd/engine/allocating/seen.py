"""Raw budget links as the store mirrors them. Reads nothing, decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import ROUND_UP, Decimal
from typing import Any, Final

from syncd.engine.allocating.facts import iri_of, total_of
from syncd.ports import Raw, Record
from syncd.ports.budget_links import SeenLink

BESIDE: Final = "transaction."
"""Before the raw fields that a link tells of its transaction, where that came embedded."""

_MONTH: Final = len("2026-01")


def seen_links(records: Iterable[Record], target: str) -> Iterator[SeenLink]:
    """Links by their raw fields; one without a transaction or a target that can be named is no link yet."""
    return (link for record in records if (link := seen_link(record, target)) is not None)


def seen_link(record: Record, target: str) -> SeenLink | None:
    """A link by its raw fields; ``target`` is the one that holds its budget or project."""
    raw = record.raw
    transaction, aimed = iri_of(raw.get("transaction")), iri_of(raw.get(target))
    if transaction is None or aimed is None:
        return None
    link = SeenLink(record.key, transaction, aimed, iri_of(raw.get("employee")) or "", amount_of(raw))
    return with_transaction(link, raw, BESIDE)


def with_transaction(link: SeenLink, raw: Raw, prefix: str = "") -> SeenLink:
    """The link with what its transaction's raw fields say; ``prefix`` where they stand beside the link's own."""
    day = _day(raw.get(f"{prefix}execDate"))
    return replace(
        link,
        day=day,
        month=_month(raw.get(f"{prefix}connectedMonth"), day),
        account=iri_of(raw.get(f"{prefix}bankAccount")),
        total=total_of(raw.get(f"{prefix}amount")),
    )


def amount_of(raw: Raw) -> int | None:
    """A link's amount, None for the whole transaction. A fraction, which Flowtly says there is none of, counts up."""
    value = raw.get("amount")
    if isinstance(value, Decimal):
        return int(value.to_integral_value(ROUND_UP))
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _day(value: Any) -> date | None:
    try:
        return datetime.fromisoformat(value).date()
    except (TypeError, ValueError):
        return None


def _month(told: Any, day: date | None) -> str | None:
    """The accounting month, whose form is not published; else that of the day."""
    if isinstance(told, str) and told[4:5] == "-" and told[:4].isdigit() and told[5:_MONTH].isdigit():
        return told[:_MONTH]
    return None if day is None else f"{day:%Y-%m}"
