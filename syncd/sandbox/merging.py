"""Merging counterparties: what becomes of the losers' records. Must never keep half a merge.

Flowtly does not publish what a merge does; modelled as the recorded servers did it (cases 198 to 204): whatever
pointed to a loser points to the survivor, the survivor's empty fields are filled, the losers are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syncd.sandbox.declare import Id, Row
from syncd.sandbox.state import State

NAME = "Counterparty"


def merge_counterparties(state: State, survivor: Id, losers: Sequence[Id]) -> Row:
    """Merge ``losers`` into ``survivor``, in one step; a loser named twice is merged once.

    Transactions move, bank accounts are united, and a client, a supplier or another field that the survivor lacks
    comes from the first loser that has it. Raises ValueError when one does not exist or is to be merged into itself.
    """
    with state.lock:
        rows = state.table(NAME).rows
        named = list(dict.fromkeys(losers))
        missing = [key for key in (survivor, *named) if key not in rows]
        if missing or survivor in named:
            raise ValueError(f"no such counterparties: {missing}" if missing else f"{survivor} is its own loser")
        values = _united(state, rows[survivor], [rows[key] for key in named])
        for key in named:
            _move(state, key, survivor)
            state.delete(NAME, key)
        return state.update(NAME, survivor, values)


def _united(state: State, survivor: Row, losers: Sequence[Row]) -> dict[str, Any]:
    """What the survivor gains."""
    fillable = [each.name for each in state.resources[NAME].writable.values() if each.nullable]
    gained: dict[str, Any] = {}
    for name in fillable:
        value = next((row[name] for row in (survivor, *losers) if row.get(name) is not None), None)
        if value is not None:
            gained[name] = value
    accounts: list[Any] = []
    for row in (survivor, *losers):
        accounts += [each for each in _listed(row.get("bankAccounts")) if each not in accounts]
    return {**gained, "bankAccounts": accounts}


def _listed(value: Any) -> list[Any]:
    """An array field may hold a map, as the server takes one for the other."""
    return list(value.values()) if isinstance(value, dict) else list(value or ())


def _move(state: State, loser: Id, survivor: Id) -> None:
    resource = state.resources[NAME]
    for name, field, key in state.referring(NAME, resource.iri(loser)):
        state.update(name, key, {field: resource.iri(survivor)})
