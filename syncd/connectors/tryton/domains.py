"""What to look for, in Tryton's search language. Pure; a domain may find too much, never too little.

A condition on a flat field becomes one on any child, as only the first one is shown flat; a field with no faithful
spelling gives no condition. The caller compares every record again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from syncd.connectors.tryton.party import MECHANISMS, VAT
from syncd.connectors.tryton.wire import stamp_to_wire

Domain = list[Any]

ANY_STATE: Final[Domain] = ["active", "in", [True, False]]
"""Without it a search leaves out what is inactive, and with that every merged party.

It reaches no further than the list it stands in: to a nested list such as ``OR`` Tryton adds its own test for what is
active (seen on 7.0 and 8.2). Only ``INACTIVE_TOO`` switches that off, and then inactive children are read as well.
"""
INACTIVE_TOO: Final = {"active_test": False}
"""Context of a search with a nested domain; not for one that reads nested records."""

_PLAIN: Final = {"id": int, "name": str, "code": str, "active": bool, "replaced_by": int}
_NESTED: Final = {VAT: "identifiers.code", "tax_identifier": "identifiers.code", "city": "addresses.city",
                  "postal_code": "addresses.postal_code", "country_code": "addresses.country.code"}  # fmt: skip


def changed_since(since: datetime) -> Domain:
    """Rows written or created since; to be asked with ``INACTIVE_TOO``.

    ``write_date`` of a row never changed is null up to 7.0, and a search by it does not find the row.
    """
    wire = stamp_to_wire(since)
    return ["OR", ["write_date", ">=", wire], ["create_date", ">=", wire]]


def equal(values: Mapping[str, Any]) -> list[Domain]:
    """Conditions that every record with these flat values meets. None and lists are left to the caller."""
    found: list[Domain] = []
    for name, value in values.items():
        if name in _PLAIN and type(value) is _PLAIN[name]:
            found.append([name, "=", value])
        elif isinstance(value, str) and value:
            found.extend(_nested(name, value))
    return found


def _nested(name: str, value: str) -> list[Domain]:
    if name in _NESTED:
        return [[_NESTED[name], "=", value]]
    if name in MECHANISMS:
        return [["contact_mechanisms", "where", [["type", "=", name], ["value", "=", value]]]]
    return []
