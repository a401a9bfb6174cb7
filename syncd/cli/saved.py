"""Plans in files: what ``plan -o`` writes and ``apply FILE`` reads. Never lets an edited or cut one through.

An item is known by its fingerprint, so only what a person saw is applied; a value changed in the file would be ignored
without a word, and therefore the file is refused instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.cli.show import plan_json
from syncd.core.blast import Rate
from syncd.core.plan import FORMAT, Item, Plan, item_from_json
from syncd.engine.run import Report
from syncd.errors import ConfigError, GuardRefused, Problem
from syncd.mapping.compiled import CompiledMapping

Chosen = dict[str, frozenset[str]]
"""The fingerprints of a saved plan's items by mapping."""


@dataclass(frozen=True, slots=True)
class Saved:
    """One mapping's plan from a file: under which fingerprint of the mapping it was made, and its items."""

    mapping: str
    fingerprint: str
    items: tuple[Item, ...]

    @property
    def ids(self) -> frozenset[str]:
        """The fingerprints of its items."""
        return frozenset(item.fingerprint for item in self.items)


def save(file: Path, plans: Iterable[Plan], rates: Mapping[str, Rate] | None = None) -> None:
    """Write plans to a file. Raises OSError."""
    known = rates or {}
    text = json.dumps({"plans": [plan_json(one, known.get(one.mapping)) for one in plans]}, indent=1)
    file.write_text(text)


def shown(reports: Iterable[Report]) -> dict[str, Saved]:
    """Plans that a person has just looked at, as if they had been saved."""
    plans = (report.plan for report in reports)
    return {plan.mapping: Saved(plan.mapping, plan.fingerprint, plan.items) for plan in plans if plan is not None}


def chosen(plans: Mapping[str, Saved]) -> Chosen:
    """The items of saved plans."""
    return {name: one.ids for name, one in plans.items()}


def load(file: Path) -> dict[str, Saved]:
    """A saved plan, by mapping. Raises ConfigError for a file that is not one, or not any more."""
    try:
        data: Any = json.loads(file.read_text())
        found = {str(one["mapping"]): _read(file, one) for one in data["plans"]}
        if len(found) != len(data["plans"]):
            raise _problem(file, "has two plans for one mapping", "make a new one")
    except OSError as error:
        raise _problem(file, f"cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        found = {}
    if not found:
        raise _problem(file, "is not a saved plan", "make one with syncd plan -o FILE")
    return found


def require_same_mapping(plans: Mapping[str, Saved], mappings: Mapping[str, CompiledMapping]) -> None:
    """Raises GuardRefused for plans that were made under another text of their mapping: nothing of them is applied.

    Every record reads otherwise under an edited mapping, so no item could be told to hold.
    """
    edited = [name for name, one in plans.items() if one.fingerprint != mappings[name].fingerprint]
    if edited:
        names = ", ".join(edited)
        raise GuardRefused(
            (f"mapping {names} was edited since this plan was made (its fingerprint differs): make a new plan",)
        )


def _read(file: Path, plan: Any) -> Saved:
    if plan["format"] != FORMAT:
        raise _problem(file, "the plan was saved by another version", "make a new one")
    items = []
    for number, data in enumerate(plan["items"], 1):
        item = item_from_json(data)
        if item.fingerprint != data["id"]:
            record = data["external_key"] or data["flowtly_key"]
            raise _problem(
                file, f"item {number} ({record}) is not as it was saved", "make a new one; it is not for editing"
            )
        items.append(item)
    return Saved(str(plan["mapping"]), str(plan["fingerprint"]), tuple(items))


def _problem(file: Path, message: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem(str(file), 0, 0, message, hint)])
