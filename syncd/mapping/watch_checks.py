"""Faults of ``events:`` and ``hooks:`` by the configuration alone, each at its own place. Asks no peer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from syncd.mapping.nodes import Node
from syncd.mapping.problems import Problem, did_you_mean
from syncd.mapping.watched import PREFIX, watch_of, watch_problems
from syncd.mapping.watches import EventSettings, HookSpec


def telling_problems(
    events: EventSettings,
    hooks: Mapping[str, HookSpec],
    node: Node,
    systems: Collection[str],
    mappings: Collection[str],
) -> Iterator[Problem]:
    """Names that do not exist, in watches, targets and hooks. ``node`` is the whole file; ``systems`` has flowtly."""
    section = node.at("events")
    first: set[str] = set()
    for number, spec in enumerate(events.watches):
        place = section.at("watches", number)
        if spec.name in first:
            yield place.at("name").problem(f"watch {spec.name!r} is there twice")
        first.add(spec.name)
        if spec.system not in systems:
            yield place.at("system").problem(*_unknown("system", spec.system, systems))
        yield from watch_problems(watch_of(spec, place, events.targets), events.targets)
    for name, target in events.targets.items():
        if target.table is not None and target.table.system not in systems:
            place = section.at("targets", name, "table", "system")
            yield place.problem(*_unknown("system", target.table.system, systems))
    jobs = {*mappings, *(PREFIX + spec.name for spec in events.watches)}
    for name, hook in hooks.items():
        for number, job in enumerate(hook.wakes):
            if job not in jobs:
                place = node.at("hooks", name, "wakes", number)
                yield place.problem(*_unknown("mapping or watch", job, jobs))


def _unknown(kind: str, name: str, known: Collection[str]) -> tuple[str, str]:
    hint = did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
    return f"there is no {kind} {name!r}", hint
