"""Rows for the table ``customers`` of a demo ERP that overlaps only partly with the sandbox and disagrees in places.

Pure: no database, no clock. Must never be mistaken for real customers: everything is invented by ``sample``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from syncd.sandbox.sample import Company, company

_ERP_ONLY: Final = 500_000
"""Companies from this index on are the ERP's alone: no sandbox is that large."""

_CHANGED: Final = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_AMBIGUOUS_PAIRS: Final = 2
_NO_VAT_SHARE: Final = 20
_NO_VAT_MOST: Final = 5


def erp_customers(seed: int, count: int, overlap: int, disagree: int) -> list[dict[str, Any]]:
    """``count`` rows of the table ``customers``.

    Columns: customer_no, company_name, vat_no (such as DK10007919, or None), country_code, currency_code, stage
    (prospect, qualified, lost), terms (days), phone, street_line, building_no, city, zip, email, changed_at (aware,
    UTC).

    The first ``overlap`` rows are the first clients of a sandbox with the same seed. Of these, ``disagree`` differ in
    one field; one in twenty (at most five) has no VAT number and matches by name and country only. The last two rows
    carry the VAT number of two overlapping ones again: two ambiguous pairs. The rest is known to the ERP alone; one
    in ten of them is a prospect. Raises ValueError when the numbers do not fit together.
    """
    without_vat = min(overlap // _NO_VAT_SHARE, _NO_VAT_MOST)
    special = disagree + without_vat + _AMBIGUOUS_PAIRS
    if min(count, overlap, disagree) < 0 or overlap + _AMBIGUOUS_PAIRS > count or special > overlap:
        raise ValueError(
            f"count={count} must hold overlap={overlap} and {_AMBIGUOUS_PAIRS} ambiguous rows, and the overlap "
            f"disagree={disagree}, {without_vat} without VAT number and {_AMBIGUOUS_PAIRS} ambiguous ones"
        )
    rows = [_row(place, company(seed, place), "") for place in range(overlap)]
    alone = count - overlap - _AMBIGUOUS_PAIRS
    for place in range(alone):
        stage = "prospect" if place % 10 == 9 else ""  # noqa: PLR2004 - every tenth
        rows.append(_row(overlap + place, company(seed, _ERP_ONLY + place), stage))
    chosen = random.Random(f"erp:{seed}").sample(range(overlap), special)  # noqa: S311 - sample data
    for turn, place in enumerate(chosen[:disagree]):
        _DISAGREEMENTS[turn % len(_DISAGREEMENTS)](rows[place])
    for place in chosen[disagree : disagree + without_vat]:
        rows[place]["vat_no"] = None
    for place in chosen[disagree + without_vat :]:
        rows.append(_twin(len(rows), rows[place]))
    return rows


def _row(place: int, source: Company, stage: str) -> dict[str, Any]:
    return {
        "customer_no": f"C{place + 1:05d}",
        "company_name": source.name,
        "vat_no": f"{source.country}{source.tin}",
        "country_code": source.country,
        "currency_code": source.currency,
        "stage": stage or {"active": "qualified", "archived": "lost"}[source.status],
        "terms": source.due_days,
        "phone": source.phone,
        "street_line": source.street,
        "building_no": source.building,
        "city": source.city,
        "zip": source.postcode,
        "email": source.email,
        "changed_at": _CHANGED + timedelta(minutes=place),
    }


def _twin(place: int, row: dict[str, Any]) -> dict[str, Any]:
    """A second customer under the same VAT number: a branch someone entered again."""
    return {
        **row,
        "customer_no": f"C{place + 1:05d}",
        "company_name": f"{row['company_name']} (filial)",
        "changed_at": _CHANGED + timedelta(minutes=place),
    }


def _change(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def act(row: dict[str, Any]) -> None:
        row[name] = change(row[name])

    return act


_DISAGREEMENTS: Final = (
    _change("terms", lambda days: days + 5),
    _change("phone", lambda text: f"{text[:-1]}{(int(text[-1]) + 1) % 10}"),
    _change("street_line", lambda text: f"{text} Øst"),
    _change("building_no", lambda text: f"{text}B"),
    _change("zip", lambda text: f"{text[:-1]}{(int(text[-1]) + 1) % 10}"),
)
