"""Before a mapping reads: whether its external table is there with every column it needs. Decides nothing about rows.

The connector makes what is missing, or says which statement a person has to run; here that becomes a problem with the
place in the mapping's file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from syncd.core.model import Side
from syncd.engine.context import Events, query_of
from syncd.errors import ConfigError, Problem
from syncd.mapping.columns import Column, columns
from syncd.mapping.compiled import CompiledMapping
from syncd.ports import Connector, FieldShape, Obstacle, Provisioner, Query, Shape


@dataclass(frozen=True, slots=True)
class Target:
    """What was done to an external table, or would be, as statements; or the problems that a person has to solve."""

    statements: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def provision(mapping: CompiledMapping, peers: Mapping[Side, Connector], *, write: bool) -> Target:
    """Make or extend the table of a mapping with ``create: true``; of any other mapping only look at its types.

    Without ``write`` nothing is made, and the external peer reads from now on as if it had been. With problems nothing
    is made either. Raises Later, Denied and Refused as any reading does.
    """
    wanted = columns(mapping, _kinds(mapping, peers[Side.FLOWTLY]))
    if wanted.problems or not wanted.found:
        return Target(problems=wanted.problems)
    peer = peers[Side.EXTERNAL]
    if not isinstance(peer, Provisioner):
        place = mapping.node.at("external", "create")
        return Target(problems=(place.problem("external.create: this kind of system makes no tables"),))
    query = query_of(mapping, Side.EXTERNAL)
    asked, fields = _shape(query, wanted.found), {column.name: column.field for column in wanted.found}
    made = peer.provision(query, asked, write=False)
    problems = tuple(_problem(mapping, fields, one) for one in made.obstacles)
    problems = problems or tuple(_strangers(mapping, query, peer.shape(query)))
    if write and made.statements and not problems:
        made = peer.provision(query, asked, write=True)
        problems = tuple(_problem(mapping, fields, one) for one in made.obstacles)
    return Target(made.statements, problems)


def prepare_target(mapping: CompiledMapping, peers: Mapping[Side, Connector], events: Events, *, write: bool) -> None:
    """The same for a run, which cannot go on with a problem. Raises ConfigError and as ``provision``."""
    target = provision(mapping, peers, write=write)
    if target.problems:
        raise ConfigError(target.problems)
    if target.statements and write:
        events("table.changed", mapping=mapping.name, statements=list(target.statements))


def _kinds(mapping: CompiledMapping, flowtly: Connector) -> dict[str, str]:
    """The kinds of Flowtly's fields, where they are needed."""
    shape = flowtly.shape(query_of(mapping, Side.FLOWTLY)) if mapping.spec.external.create else None
    return {} if shape is None else {name: field.type for name, field in shape.fields.items()}


def _shape(query: Query, found: tuple[Column, ...]) -> Shape:
    fields = {one.name: FieldShape(one.name, one.kind, one.nullable, required=one.name == query.key) for one in found}
    return Shape(query.resource, fields)


def _problem(mapping: CompiledMapping, fields: Mapping[str, str], obstacle: Obstacle) -> Problem:
    """An obstacle at the field that names the column; one of the whole table at ``create``."""
    hint = f"run: {obstacle.statement}" if obstacle.statement else ""
    if obstacle.field == mapping.key_field:
        return mapping.node.at("external", "key").problem(obstacle.message, hint)
    if obstacle.field in fields:
        return mapping.problem(fields[obstacle.field], obstacle.message, hint)
    return mapping.node.at("external", "create").problem(obstacle.message, hint)


def _strangers(mapping: CompiledMapping, query: Query, shape: Shape | None) -> Iterator[Problem]:
    """Columns that the mapping reads, does not fill, and that are not there."""
    there = {} if shape is None else shape.fields
    for key, names in (("cursor", [query.cursor_field] if query.cursor_field else []), ("where", [*query.where])):
        for name in names:
            if name not in there:
                place = mapping.node.at("external", key)
                yield (place.key_node(name) or place).problem(
                    f"external.{key}: the table has no column {name!r}, and no field fills it",
                    f"map it, or leave {key} out",
                )
