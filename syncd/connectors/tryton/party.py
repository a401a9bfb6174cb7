"""A party as flat raw fields, and back: nested lists become the first address, tax number and contact of each kind.

Pure. ``raw`` also carries what an update needs and no mapping names: ``_timestamp``, Tryton's text for optimistic
locking, and ``_children``, which says for each flat group which child it was read from: [id, timestamp, type].
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from syncd.connectors.tryton.wire import stamp_from_wire
from syncd.errors import BadAnswer, Refused
from syncd.mapping.problems import did_you_mean
from syncd.ports import FieldShape, Record, Shape

RESOURCE: Final = "party"
NAMES: Final = frozenset({RESOURCE, "parties", "party.party"})

SUCCESSOR: Final = "replaced_by"
"""Of a party that was merged: the party it was merged into. Tryton leaves the merged one inactive."""
MECHANISMS: Final = ("phone", "mobile", "fax", "email", "website")
ADDRESS: Final = ("street", "city", "postal_code", "country_code")
VAT: Final = "vat_number"

_STAMPS: Final = ("write_date", "create_date", "_timestamp")
READ_FIELDS: Final = (
    *("name", "code", "active", "lang.code", "replaced_by", "tax_identifier.code", *_STAMPS),
    *(f"addresses.{name}" for name in ("street", "city", "postal_code", "country.code", *_STAMPS)),
    *(f"identifiers.{name}" for name in ("type", "code", *_STAMPS)),
    *(f"contact_mechanisms.{name}" for name in ("type", "value", *_STAMPS)),
)
"""What one search_read asks for. A dotted name comes back nested, under a key that ends in a dot."""

_TEXTS: Final = ("name", "code", "lang", VAT, *ADDRESS, *MECHANISMS)
FIELDS: Final[Mapping[str, FieldShape]] = {
    shape.name: shape
    for shape in (
        FieldShape("id", "integer", nullable=False, writable=False),
        *(FieldShape(name, "text", nullable=name != "code") for name in _TEXTS),
        FieldShape("active", "boolean", nullable=False),
        FieldShape("tax_identifier", "text", writable=False),
        FieldShape(SUCCESSOR, "integer", writable=False, reference=RESOURCE),
        FieldShape("create_date", "datetime", writable=False),
        FieldShape("write_date", "datetime", writable=False),
    )
}
SHAPE: Final = Shape(RESOURCE, FIELDS)


def require_known(names: Iterable[str]) -> None:
    """Raises Refused for a field that a party does not have, naming the nearest one."""
    for name in names:
        if name not in FIELDS:
            hint = did_you_mean(name, FIELDS)
            raise Refused(f"a party has no field {name!r}" + (f" ({hint})" if hint else ""))


def record(row: Any) -> Record:
    """One row of search_read as a record; ``changed_at`` is the newest stamp of the party and its children."""
    try:
        return Record(str(int(row["id"])), _raw(row), newest([row, *_children(row)]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadAnswer("a party is not what Tryton writes") from None


def newest(rows: Iterable[Mapping[str, Any]]) -> datetime | None:
    """The highest stamp of some rows. ``write_date`` of a row never changed is null up to 7.0."""
    stamps = [stamp_from_wire(row.get(name)) for row in rows for name in ("write_date", "create_date")]
    return max((stamp for stamp in stamps if stamp is not None), default=None)


def _children(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in ("addresses.", "identifiers.", "contact_mechanisms."):
        yield from row[name]


def _raw(row: Mapping[str, Any]) -> dict[str, Any]:
    address = next(iter(row["addresses."]), None)
    number = _vat_identifier(row)
    kept: dict[str, list[Any]] = {}
    raw = {
        "id": int(row["id"]),
        "name": row["name"],
        "code": row["code"],
        "active": bool(row["active"]),
        "lang": _code(row.get("lang.")),
        VAT: number["code"] if number is not None else None,
        "tax_identifier": _code(row.get("tax_identifier.")),
        "replaced_by": row["replaced_by"],
        "create_date": stamp_from_wire(row["create_date"]),
        "write_date": stamp_from_wire(row["write_date"]),
        "_timestamp": row["_timestamp"],
        "_children": kept,
        **dict.fromkeys((*ADDRESS, *MECHANISMS)),
    }
    if address is not None:
        raw |= {name: address[name] or None for name in ("street", "city", "postal_code")}
        raw["country_code"] = _code(address.get("country."))
        kept["address"] = [address["id"], address["_timestamp"], ""]
    if number is not None:
        kept[VAT] = [number["id"], number["_timestamp"], number["type"]]
    for item in row["contact_mechanisms."]:
        kind = item["type"]
        if kind in MECHANISMS and kind not in kept:
            raw[kind] = item["value"] or None
            kept[kind] = [item["id"], item["_timestamp"], kind]
    return raw


def _vat_identifier(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first European VAT number, else what Tryton takes for the tax identifier."""
    for item in row["identifiers."]:
        if item["type"] == "eu_vat":
            return item  # type: ignore[no-any-return]
    tax = row.get("tax_identifier.")
    matching = (item for item in row["identifiers."] if tax is not None and item["id"] == tax["id"])
    return next(matching, None)


def _code(nested: Any) -> Any:
    return nested["code"] if nested is not None else None
