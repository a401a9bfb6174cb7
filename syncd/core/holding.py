"""Values that fail a check: held for a person instead of written. Pure, and never holds back what a person answered.

Which values fail is an input. Only the one field waits; everything else of its record flows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from syncd.core.flapping import answered, with_answer, without_field
from syncd.core.merge import base_of
from syncd.core.model import Base, Pair, Present, Rules, Side
from syncd.core.reconcile import Contest, Merge

Faults: TypeAlias = Mapping[Side, Mapping[str, str]]
"""Side to field to why the value that the side has is not to be written to the other."""

DECIDED = "decided"


def held(merge: Merge, pair: Pair, rules: Rules, faults: Faults) -> Merge:
    """The merge without the writes that would carry a failing value over; each is a question, or its answer."""
    if not (isinstance(pair.external, Present) and isinstance(pair.flowtly, Present)):
        return merge
    now_of = {Side.EXTERNAL: pair.external.document, Side.FLOWTLY: pair.flowtly.document}
    for target in Side:
        for change in merge.to(target):
            fault = faults.get(target.other, {}).get(change.field)
            if fault is None or change.rule == DECIDED:
                continue
            decided = answered(change.field, pair, rules)
            merge = without_field(merge, change.field)
            if decided is not None:
                merge = with_answer(merge, change.field, decided)
                continue
            base = pair.base or Base({}, {})
            known = base_of(change.field, base.external, base.flowtly)
            now = base_of(change.field, now_of[Side.EXTERNAL], now_of[Side.FLOWTLY])
            contest = Contest(
                change.field,
                known[Side.EXTERNAL],
                known[Side.FLOWTLY],
                now[Side.EXTERNAL],
                now[Side.FLOWTLY],
                fault=f"{target.other}: {fault}",
            )
            merge = replace(merge, contests=(*merge.contests, contest))
    return merge
