"""Why a part of a posting is not linked yet, in words for a person. Asks the store only."""

from __future__ import annotations

from typing import Final

from syncd.budgets.model import Part
from syncd.core.model import Side
from syncd.engine.allocating.compiling import Allocation
from syncd.engine.allocating.wanted import NO_AMOUNT, UNIT_UNKNOWN
from syncd.wiring import App

NEXT: Final = "the next run makes it"


def why_waiting(app: App, allocation: Allocation, posting: str, part: Part, slot: str) -> str:
    """What has to happen before the link is made. ``slot``: the part's key, '' while it has none."""
    name = allocation.name
    if lacking := missing_target(app, allocation, part):
        return lacking
    if not app.store.links_by_key(allocation.of, Side.EXTERNAL, [posting]):
        return f"its transaction is not linked yet: syncd why {allocation.of}:{posting}"
    if unit_missing(app, allocation) and not (part.whole and allocation.links.whole == "omit"):
        return NO_AMOUNT + UNIT_UNKNOWN
    seen = app.store.observation(name, Side.EXTERNAL, slot) if slot else None
    if seen is not None and seen.problem:
        return seen.problem
    if app.store.state(name).approved_fingerprint != app.mappings[name].fingerprint:
        return f"nobody approved these rules yet: syncd plan -m {name}, then syncd apply"
    return NEXT


def missing_target(app: App, allocation: Allocation, part: Part) -> str:
    """Why a part's budget or employee cannot be named at Flowtly; '' when both can, as far as the store knows."""
    named = [(allocation.target_field, allocation.links.target, part.budget)]
    if allocation.links.employee is not None and part.employee:
        named.append(("employee", allocation.links.employee, part.employee))
    for what, find, key in named:
        if find.mapping is not None and not app.store.links_by_key(find.mapping, Side.EXTERNAL, [key]):
            return f"rule {part.rule} names {what} {key}, which mapping {find.mapping} has not linked"
    return ""


def unit_missing(app: App, allocation: Allocation) -> bool:
    """True while nobody decided what Flowtly's amounts count."""
    return allocation.links.unit == "calibrated" and app.store.calibration(allocation.name) is None
