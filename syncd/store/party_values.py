"""Parties on their way into and out of JSONB columns. What is empty is left out, and comes back empty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from syncd.counterparties.party import Name, Party, Prepared, TaxNumber

_TEXTS: Final = ("country", "domain", "phone", "house", "street", "postal", "city", "regno", "client", "supplier")
_NUMBERS: Final = ("tin", "client_tin", "supplier_tin")
_PARTY: Final = tuple(one.name for one in fields(Party) if one.name != "id")
_NO_NUMBER: Final = TaxNumber()


def party_to_json(party: Party) -> dict[str, Any]:
    """A party without its id, which is the row's key."""
    return {name: value for name in _PARTY if (value := getattr(party, name))}


def party_from_json(key: str, data: Mapping[str, Any]) -> Party:
    """The inverse of ``party_to_json``."""
    lists = {name: tuple(data[name]) for name in ("other_names", "accounts") if name in data}
    return Party(key, **{**data, **lists})


def prepared_to_json(prepared: Prepared) -> dict[str, Any]:
    """A prepared party without id, hash and version, which are columns."""
    found: dict[str, Any] = {"names": [_name_to_json(name) for name in prepared.names]}
    found.update((name, value) for name in _TEXTS if (value := getattr(prepared, name)))
    for name in _NUMBERS:
        number: TaxNumber = getattr(prepared, name)
        if number != _NO_NUMBER:
            found[name] = [number.raw, number.valid, number.digits, number.problem]
    if prepared.accounts:
        found["accounts"] = list(prepared.accounts)
    if prepared.display:
        found["display"] = True
    return found


def prepared_from_json(key: str, inputs: str, version: int, data: Mapping[str, Any]) -> Prepared:
    """The inverse of ``prepared_to_json``."""
    given: dict[str, Any] = {**data}
    given["names"] = tuple(
        Name(raw, tuple(tokens), form, frozenset(numerals)) for raw, tokens, form, numerals in data["names"]
    )
    for name in _NUMBERS:
        if name in data:
            given[name] = TaxNumber(*data[name])
    if "accounts" in data:
        given["accounts"] = tuple(data["accounts"])
    return Prepared(key, inputs, version, **given)


def _name_to_json(name: Name) -> list[Any]:
    return [name.raw, list(name.tokens), name.form, sorted(name.numerals)]
