"""Flat changes as Tryton's nested commands. Pure; never touches a child that no changed field was read from.

A changed field is written to the very child it was read from, as ``_children`` of the raw record names it. Where there
was none, one is created; a cleared phone, e-mail or tax number is deleted; a cleared address field becomes null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from syncd.connectors.tryton.party import ADDRESS, FIELDS, MECHANISMS, RESOURCE, VAT, require_known
from syncd.errors import Refused, Violation
from syncd.ports import Raw

_MODELS: Final = {"address": "party.address", VAT: "party.identifier"}
_EU: Final = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "GR", "HR", "HU"}
    | {"IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "XI"}
)
_PREFIX: Final = 2

Commands = dict[str, Any]


def check(fields: Raw) -> None:
    """Raises Refused for a field that does not exist, cannot be written, or a value it cannot hold."""
    require_known(fields)
    for name, value in fields.items():
        if not FIELDS[name].writable:
            raise _refused(name, "cannot be written")
        if name == "active":
            fits = isinstance(value, bool)
        else:
            fits = isinstance(value, str) or (value is None and FIELDS[name].nullable)
        if not fits:
            raise _refused(name, f"cannot hold a value of type {type(value).__name__}")


def to_create(fields: Raw, country: Callable[[str], int], language: Callable[[str], int]) -> Commands:
    """The values of a new party."""
    return _values({name: value for name, value in fields.items() if value not in {None, ""}}, {}, country, language)


def to_write(
    fields: Raw, children: Mapping[str, list[Any]], country: Callable[[str], int], language: Callable[[str], int]
) -> Commands:
    """The values of a change to a party whose children are known."""
    return _values(fields, children, country, language)


def steps(fields: Raw, before: Raw) -> list[Raw]:
    """The changes in the order in which Tryton takes them: an inactive party becomes active before all else."""
    if fields.get("active") is True and before.get("active") is not True and len(fields) > 1:
        return [{"active": True}, {name: value for name, value in fields.items() if name != "active"}]
    return [fields]


def locks(party: int, raw: Raw, fields: Raw) -> dict[str, str]:
    """What Tryton must find unchanged: the party, and each child that is going to be written."""
    found = {f"party.party,{party}": raw.get("_timestamp")}
    for group in {_group(name) for name in fields}:
        child = raw.get("_children", {}).get(group)
        if child is not None:
            found[f"{_MODELS.get(group, 'party.contact_mechanism')},{child[0]}"] = child[1]
    return {key: stamp for key, stamp in found.items() if stamp is not None}


def _group(name: str) -> str:
    return "address" if name in ADDRESS else name


def _values(
    fields: Raw, children: Mapping[str, list[Any]], country: Callable[[str], int], language: Callable[[str], int]
) -> Commands:
    values: Commands = {name: fields[name] for name in ("name", "code", "active") if name in fields}
    if "lang" in fields:
        values["lang"] = language(fields["lang"]) if fields["lang"] else None
    if address := _address(fields, children.get("address"), country):
        values["addresses"] = address
    if VAT in fields and (number := _vat(fields[VAT], children.get(VAT))):
        values["identifiers"] = number
    contacts = [
        command
        for kind in MECHANISMS
        if kind in fields
        for command in _child(children.get(kind), fields[kind], {"value": fields[kind]}, {"type": kind})
    ]
    if contacts:
        values["contact_mechanisms"] = contacts
    return values


def _address(fields: Raw, child: list[Any] | None, country: Callable[[str], int]) -> list[list[Any]]:
    values: dict[str, Any] = {name: fields[name] or None for name in ADDRESS[:-1] if name in fields}
    if "country_code" in fields:
        code = fields["country_code"]
        values["country"] = country(code) if code else None
    if child is not None:
        return [["write", [child[0]], values]] if values else []
    return [["create", [values]]] if any(value is not None for value in values.values()) else []


def _vat(code: str | None, child: list[Any] | None) -> list[list[Any]]:
    wanted = _vat_type(code) if code else ""
    values = {"code": code}
    if child is not None and child[2] == "eu_vat" != wanted:
        values["type"] = wanted
    return _child(child, code, values, {"type": wanted})


def _vat_type(code: str) -> str:
    """Tryton's type for a number by its prefix; the server checks the number, and refuses a type it does not know."""
    prefix = code.strip()[:_PREFIX].upper()
    return "eu_vat" if prefix in _EU or not prefix.isalpha() else f"{prefix.lower()}_vat"


def _child(child: list[Any] | None, value: str | None, change: Commands, extra: Commands) -> list[list[Any]]:
    """The command that makes one child hold ``value``."""
    if not value:
        return [["delete", [child[0]]]] if child is not None else []
    if child is not None:
        return [["write", [child[0]], change]]
    return [["create", [{**extra, **change}]]]


def _refused(name: str, why: str) -> Refused:
    return Refused(f"{RESOURCE}.{name} {why}", (Violation(name, why),))
