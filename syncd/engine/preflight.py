"""Whether a mapping fits the peers it names, asked before anything runs. Reads shapes only, changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random

from syncd.core.model import Direction, Policy, Side
from syncd.engine.context import query_of
from syncd.errors import Refused
from syncd.mapping.compiled import CompiledMapping, Lookups
from syncd.mapping.laws import check_laws
from syncd.mapping.problems import Problem, did_you_mean
from syncd.ports import Capabilities, Connector, Query, Shape

_SAMPLES = 200


def preflight(mapping: CompiledMapping, peers: Mapping[Side, Connector]) -> list[Problem]:
    """Everything in a mapping that its peers cannot do: unknown or read-only fields, verbs, untrusted clocks."""
    problems: list[Problem] = []
    capabilities: dict[Side, Capabilities] = {}
    for side in Side:
        query = query_of(mapping, side)
        try:
            shape = peers[side].shape(query)
            strange = [] if shape is None else list(_scope(mapping, side, shape))
            if shape is not None:
                problems.extend([*strange, *_fields(mapping, side, shape)])
            if not strange:
                capabilities[side] = peers[side].capabilities(query)
                problems.extend(_verbs(mapping, side, capabilities[side]))
        except Refused as error:
            problems.append(mapping.node.at(str(side), "resource").problem(f"{side}.resource: {error}"))
    problems.extend(_lists(mapping, peers[Side.FLOWTLY]))
    if len(capabilities) == len(Side) and not all(one.trusted_time for one in capabilities.values()):
        problems.extend(
            mapping.problem(field, "newest needs a trusted time on both sides", "choose external, flowtly or ask")
            for field, rule in mapping.rules.fields.items()
            if rule.policy is Policy.NEWEST
        )
    return problems


def _lists(mapping: CompiledMapping, flowtly: Connector) -> Iterator[Problem]:
    """Lists that Flowtly does not have, or that have no such field."""
    for (resource, by), field in mapping.lookups.items():
        try:
            shape = flowtly.shape(Query(resource))
        except Refused as error:
            yield mapping.problem(field, f"fields.{field}: {error}")
            continue
        if shape is not None and not shape.open and by not in shape.fields:
            hint = did_you_mean(by, shape.fields)
            yield mapping.problem(field, f"fields.{field}: {resource} in flowtly have no field {by!r}", hint)


def law_problems(mapping: CompiledMapping, lookups: Lookups, seed: int = 1) -> Iterator[Problem]:
    """Fields whose lens does not read back what it writes, with the example that shows it."""
    for breach in check_laws(mapping, lookups, Random(seed), _SAMPLES):  # noqa: S311 - examples, not secrets
        yield mapping.problem(breach.field, f"breaks the law {breach.law} on {breach.side}: {breach.example}")


def _field_of(mapping: CompiledMapping, side: Side, raw: str) -> str:
    """The canonical field that names a raw one, for the place in the file."""
    found = (plan.name for plan in mapping.fields if raw in plan.chains[side].names)
    return next(found, raw)


def _fields(mapping: CompiledMapping, side: Side, shape: Shape) -> Iterator[Problem]:
    projection = mapping.projection(side)
    if not shape.open:
        for name in projection.inputs:
            if name not in shape.fields and name not in mapping.where(side):
                yield mapping.problem(
                    _field_of(mapping, side, name),
                    f"{side} has no field {name!r} in {shape.resource}",
                    did_you_mean(name, shape.fields),
                )
    yield from _restless(mapping, side, shape)
    outputs = mapping.outputs(side)
    for name in sorted(outputs):
        known = shape.fields.get(name)
        if known is not None and not known.writable:
            yield mapping.problem(
                _field_of(mapping, side, name),
                f"{name!r} of {shape.resource} cannot be written in {side}",
                "make it one-way",
            )
    if side in mapping.rules.creates:
        yield from _required(mapping, side, shape, outputs)
    if side is Side.FLOWTLY and mapping.spec.flowtly.marker is not None:
        yield from _marker(mapping, shape, mapping.spec.flowtly.marker)


def _marker(mapping: CompiledMapping, shape: Shape, name: str) -> Iterator[Problem]:
    """A marker needs a field that takes any text."""
    known, place = shape.fields.get(name), mapping.node.at("flowtly", "marker")
    if known is None and not shape.open:
        hint = did_you_mean(name, shape.fields)
        yield place.problem(f"flowtly.marker: {shape.resource} has no field {name!r}", hint)
    elif known is not None and (known.type != "text" or not known.writable or known.reference is not None):
        yield place.problem(f"flowtly.marker: {name!r} of {shape.resource} is not a free text that can be written")


def _scope(mapping: CompiledMapping, side: Side, shape: Shape) -> Iterator[Problem]:
    """Fields of ``where`` that the resource does not have."""
    place = mapping.node.at(str(side), "where")
    for name in mapping.where(side):
        if not shape.open and name not in shape.fields:
            hint = did_you_mean(name, shape.fields)
            yield (place.key_node(name) or place).problem(f"{side}.where: {shape.resource} has no field {name!r}", hint)


def _restless(mapping: CompiledMapping, side: Side, shape: Shape) -> Iterator[Problem]:
    """Fields that change without anybody's edit, in a mapping that would take this for one."""
    for plan in mapping.fields:
        moving = [name for name in plan.chains[side].names if (known := shape.fields.get(name)) and known.volatile]
        if moving and plan.rule.direction is Direction.BOTH:
            yield mapping.problem(
                plan.name,
                f"{moving[0]!r} of {shape.resource} changes by itself in {side}, and that would pass for an edit",
                "leave it out, or let it flow one way",
            )


def _required(mapping: CompiledMapping, side: Side, shape: Shape, outputs: Iterable[str]) -> Iterator[Problem]:
    given = set(outputs)
    for name, known in shape.fields.items():
        if known.required and known.writable and name not in given:
            yield mapping.problem(
                name,
                f"{shape.resource} in {side} requires {name!r} for a new record and the mapping does not give it",
                "map it, or give it a constant",
            )


def _verbs(mapping: CompiledMapping, side: Side, can: Capabilities) -> Iterator[Problem]:
    wants_update = any(rule.direction.allows(side) for rule in mapping.rules.fields.values())
    fixed = can.create and side in mapping.rules.creates  # made as it should be, and asked about when that changes
    if wants_update and not can.update and not fixed:
        yield mapping.problem(
            "direction", f"{mapping.resource(side)} in {side} cannot be changed", f"use a direction away from {side}"
        )
    gone = mapping.spec.deletes.in_external if side is Side.FLOWTLY else mapping.spec.deletes.in_flowtly
    if gone.action == "delete" and not can.delete:
        yield mapping.problem(
            "deletes", f"records cannot be deleted in {mapping.resource(side)} in {side}", "write ignore, unlink or set"
        )
    if side in mapping.rules.creates and not can.create:
        yield mapping.problem(
            "creates",
            f"records cannot be created in {mapping.resource(side)} in {side}",
            f"set creates.in_{side}: false",
        )
