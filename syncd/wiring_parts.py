"""What the wiring reads out of the settings: compiled mappings, limits, connectors by name. Opens nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from syncd.core.fencing import Thresholds
from syncd.core.guard import Caps
from syncd.core.model import Side
from syncd.core.order import ReferenceCycle, by_references
from syncd.core.removal import RemovalCaps
from syncd.engine.context import Limits
from syncd.errors import ConfigError, Problem
from syncd.mapping.compiled import CompiledMapping, compile_mapping
from syncd.mapping.events import rules_of
from syncd.mapping.nodes import Node
from syncd.mapping.problems import did_you_mean
from syncd.settings import Settings

CONNECTOR_GROUP = "syncd.connectors"


def compiled(settings: Settings) -> dict[str, CompiledMapping]:
    """All mappings compiled; every problem of every file at once."""
    done: dict[str, CompiledMapping] = {}
    problems: list[Problem] = []
    for spec, node in settings.mappings:
        try:
            rules = rules_of(spec.events, settings.events.targets)
            done[spec.mapping] = replace(compile_mapping(spec, node), event_rules=rules)
        except ConfigError as error:
            problems.extend(error.problems)
    if not problems:  # a mapping that cannot be compiled refers to nothing
        problems.extend(_references(done, next(iter(settings.systems))))
    if problems:
        raise ConfigError(problems)
    return done


def _references(mappings: Mapping[str, CompiledMapping], only_system: str) -> Iterator[Problem]:
    """References that lead nowhere, come from another system's keys, or run in a circle."""
    for mapping in mappings.values():
        referring = ((plan.refers_to, plan.name, plan) for plan in mapping.fields if plan.refers_to is not None)
        for name, field, plan in referring:
            other = mappings.get(name)
            if other is None:
                hint = did_you_mean(name, mappings) or f"known: {', '.join(sorted(mappings))}"
                yield mapping.problem(field, f"fields.{field}: there is no mapping {name!r} to refer to", hint)
            elif (other.system or only_system) != (mapping.system or only_system) and plan.rule.direction.allows(
                Side.FLOWTLY
            ):
                yield mapping.problem(
                    field,
                    f"fields.{field}: mapping {name} has the keys of another system, so they mean nothing here",
                    "refer to a mapping of the same system, or let the field flow to_external only",
                )
    yield from _circle(mappings)


def _circle(mappings: Mapping[str, CompiledMapping]) -> Iterator[Problem]:
    known = {name: [one for one in mapping.references if one in mappings] for name, mapping in mappings.items()}
    try:
        by_references(known)
    except ReferenceCycle as cycle:
        first = mappings[cycle.names[0]]
        circle = " -> ".join(cycle.names)
        field = first.references[cycle.names[1]]
        yield first.problem(
            field,
            f"fields.{field}: the mappings refer to each other in a circle: {circle}",
            "no record could ever be the first; take out one of the references",
        )


def load_connector(kind: str, node: Node) -> Any:
    """The connector class registered under this name. Raises ConfigError naming the nearest one."""
    known: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=CONNECTOR_GROUP)}
    if kind not in known:
        hint = did_you_mean(kind, known)
        raise ConfigError(
            [node.problem(f"no connector is called {kind!r}; there are {', '.join(sorted(known))}", hint)]
        )
    return known[kind].load()


def limits_of(settings: Settings, mapping: CompiledMapping | None = None) -> Limits:
    """The limits of a run; a mapping may tighten or widen the caps for itself."""
    own = None if mapping is None else mapping.spec.limits
    common = settings.limits
    caps = Caps(
        max_creates=_first(own and own.max_creates, common.max_creates),
        max_changes=_first(own and own.max_changes, common.max_changes),
        max_share=_first(own and own.max_share, common.max_share),
    )
    return Limits(
        caps,
        shrink=common.shrink,
        listing_grace=common.listing_grace,
        lease=common.lease,
        run_time=common.run_time,
        failures_in_a_row=common.failures_in_a_row,
        batch=common.batch,
        write_threads=common.write_threads,
        flaps=common.flaps,
        flap_window=common.flap_window,
        fence=Thresholds(common.fence_records, common.fence_share),
        removals=RemovalCaps(
            _first(own and own.max_removals, common.max_removals),
            _first(own and own.max_removal_share, common.max_removal_share),
        ),
    )


def _first(own: Any, common: Any) -> Any:
    return common if own is None else own
