"""Several runs of one mapping in a cycle, where each makes room or proof for the next. Decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event
from typing import Final

from syncd.core.plan import Kind
from syncd.engine.context import Options
from syncd.engine.run import Report

MOST: Final = 3
"""Runs in one cycle."""


def repeated(run: Callable[[Options], Report], options: Options, stop: Event) -> Report:
    """One cycle: a run, and more of them while the last one says so. A saved plan and a plan alone are one run."""
    reports = [run(options)]
    while reports[-1].again and len(reports) < MOST and _may_follow(options) and not stop.is_set():
        reports.append(run(replace(options, full=False)))
    return merged(reports)


def _may_follow(options: Options) -> bool:
    return options.write and options.only is None and not options.strict and not options.undo


def merged(reports: Sequence[Report]) -> Report:
    """Several runs of a mapping as one: the counts together, all that was carried out, and how the last one ended."""
    if len(reports) == 1:
        return reports[0]
    counts: Counter[str] = Counter()
    for one in reports:
        counts.update(one.counts)
    first, last = reports[0], reports[-1]
    plan = first.plan
    if plan is not None:
        later = (item for one in reports[1:] if one.plan is not None for item in one.plan.items)
        plan = replace(plan, items=(*plan.items, *(item for item in later if item.kind is not Kind.REPORT)))
    return replace(
        last,
        plan=plan,
        counts=dict(counts),
        seconds=round(sum(one.seconds for one in reports), 3),
        complete=all(one.complete for one in reports),
    )
