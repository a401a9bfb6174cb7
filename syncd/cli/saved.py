"""Plans in files: what ``plan -o`` writes and ``apply FILE`` reads. Never lets an edited or cut one through.

An item is known by its fingerprint, so only what a person saw is applied; a value changed in the file would be ignored
without a word, and therefore the file is refused instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from syncd.cli.show import plan_json
from syncd.core.plan import FORMAT, Plan, item_from_json
from syncd.engine.run import Report
from syncd.errors import ConfigError, Problem

Chosen = dict[str, frozenset[str]]
"""The fingerprints of a saved plan's items by mapping."""


def save(file: Path, plans: Iterable[Plan]) -> None:
    """Write plans to a file. Raises OSError."""
    file.write_text(json.dumps({"plans": [plan_json(one) for one in plans]}, indent=1))


def shown(reports: Iterable[Report]) -> Chosen:
    """The items of plans that a person has just looked at."""
    plans = (report.plan for report in reports)
    return {plan.mapping: frozenset(item.fingerprint for item in plan.items) for plan in plans if plan is not None}


def load(file: Path) -> Chosen:
    """The items of a saved plan. Raises ConfigError for a file that is not one, or not any more."""
    try:
        data: Any = json.loads(file.read_text())
        found = {one["mapping"]: _fingerprints(file, one) for one in data["plans"]}
    except OSError as error:
        raise _problem(file, f"cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        found = {}
    if not found:
        raise _problem(file, "is not a saved plan", "make one with syncd plan -o FILE")
    return found


def _fingerprints(file: Path, plan: Any) -> frozenset[str]:
    if plan["format"] != FORMAT:
        raise _problem(file, "the plan was saved by another version", "make a new one")
    for number, item in enumerate(plan["items"], 1):
        if item_from_json(item).fingerprint != item["id"]:
            record = item["external_key"] or item["flowtly_key"]
            raise _problem(
                file, f"item {number} ({record}) is not as it was saved", "make a new one; it is not for editing"
            )
    return frozenset(item["id"] for item in plan["items"])


def _problem(file: Path, message: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem(str(file), 0, 0, message, hint)])
