"""A mapping ready for work: what the engine asks of it, and how a spec becomes one. Reads no peer and no clock.

``compile_mapping`` finds what a single field cannot show: match levels that name nothing, two fields writing one raw
field, rules against the direction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from syncd.core.canon import digest
from syncd.core.events import EventRule
from syncd.core.model import Direction, Policy, Rules, Side
from syncd.mapping.checks import CheckSpec
from syncd.mapping.lenses.base import LensSpec
from syncd.mapping.lookups import Lookups, LookupTable, lookup_table
from syncd.mapping.nodes import Node
from syncd.mapping.planning import FieldPlan, FieldPlanner
from syncd.mapping.problems import ConfigError, Problem, did_you_mean
from syncd.mapping.projection import Constant, Projection
from syncd.mapping.records import RecordProblem
from syncd.mapping.spec import ExternalSpec, FieldSpec, FlowtlySpec, MappingSpec

__all__ = [
    "CompiledMapping",
    "FieldPlan",
    "LookupTable",
    "Lookups",
    "Projection",
    "RecordProblem",
    "compile_mapping",
    "lookup_table",
]

_NOT_IN_FINGERPRINT = {"schedule", "limits", "deletes", "description", "events"}


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """One mapping as the engine uses it.

    ``fingerprint`` changes with everything that changes documents, rules, scope or what follows a loss, with nothing
    else. ``lookups`` names the (resource, by) tables that documents and writes need, ``references`` the mappings whose
    links they need, both with the field that needs it; ``fallbacks`` are the lists that may stand in for links.
    """

    spec: MappingSpec
    file: str
    fingerprint: str
    rules: Rules
    fields: tuple[FieldPlan, ...]
    lookups: Mapping[tuple[str, str], str]
    references: Mapping[str, str]
    fallbacks: Mapping[str, frozenset[tuple[str, str]]]
    external: Projection
    flowtly: Projection
    node: Node
    event_rules: tuple[EventRule, ...] = ()

    @property
    def checks(self) -> Mapping[str, CheckSpec]:
        """What fields' values are checked for."""
        return {name: field.check for name, field in self.spec.fields.items() if field.check is not None}

    @property
    def sensitive(self) -> frozenset[str]:
        """Fields whose values are neither kept in the ledger nor shown in logs."""
        return frozenset(name for name, field in self.spec.fields.items() if field.sensitive)

    def problem(self, place: str, message: str, hint: str = "") -> Problem:
        """A problem of this mapping, at the field or block that ``place`` names (at the top when it names none)."""
        field = self.node.at("fields").key_node(place) or self.node.key_node(place) or self.node
        return field.problem(message, hint)

    def outputs(self, side: Side) -> frozenset[str]:
        """Raw fields that may be written on one side, constants of new records included."""
        written = {name for plan in self.fields if plan.rule.direction.allows(side) for name in plan.chains[side].names}
        return frozenset(written | self.projection(side).constant_names)

    @property
    def name(self) -> str:
        """The mapping's name."""
        return self.spec.mapping

    @property
    def direction(self) -> Direction:
        """Which way values flow at all."""
        return self.spec.direction

    @property
    def match(self) -> tuple[tuple[str, ...], ...]:
        """Canonical fields per match level; the first level is certain."""
        return self.spec.match

    @property
    def system(self) -> str | None:
        """The external system's name in the configuration, or None for the only one."""
        return self.spec.external.system

    @property
    def key_field(self) -> str | None:
        """The raw field that identifies an external record, where the peer does not say."""
        return self.spec.external.key

    @property
    def cursor_field(self) -> str | None:
        """The raw field by which external changes are found."""
        return self.spec.external.cursor

    def projection(self, side: Side) -> Projection:
        """The mapping as seen from one side."""
        return self.external if side is Side.EXTERNAL else self.flowtly

    def resource(self, side: Side) -> str:
        """What to read on one side."""
        return (self.spec.external if side is Side.EXTERNAL else self.spec.flowtly).resource

    def where(self, side: Side) -> dict[str, Any]:
        """The filter of one side: raw field to the value it equals, or to a list of which it equals one."""
        where = (self.spec.external if side is Side.EXTERNAL else self.spec.flowtly).where
        return {name: allowed[0] if len(allowed) == 1 else list(allowed) for name, allowed in where.items()}

    def options(self, side: Side) -> dict[str, Any]:
        """What else the connector of one side is told."""
        return dict((self.spec.external if side is Side.EXTERNAL else self.spec.flowtly).options)


def compile_mapping(spec: MappingSpec, node: Node) -> CompiledMapping:
    """Compile a validated spec; ``node`` is the file it came from. Raises ConfigError with every problem."""
    planner = FieldPlanner(spec, node)
    planned = [
        planner.constant(name, field, field.constant) if field.constant is not None else planner.plan(name, field)
        for name, field in spec.fields.items()
    ]
    constants = tuple(one for one in planned if isinstance(one, Constant))
    plans = tuple(one for one in planned if isinstance(one, FieldPlan))
    problems = [*planner.problems, *_mapping_problems(spec, node), *_collisions(plans, constants, node)]
    if problems:
        raise ConfigError(sorted(problems, key=lambda p: (p.line, p.column, p.message)))
    fingerprint = _fingerprint(spec)
    external, flowtly = (_projection(side, spec, plans, constants, fingerprint) for side in Side)
    return CompiledMapping(
        spec,
        node.file,
        fingerprint,
        Rules({plan.name: plan.rule for plan in plans}, _creates(spec)),
        plans,
        dict(planner.lookups),
        dict(planner.references),
        dict(planner.fallbacks),
        external,
        flowtly,
        node,
    )


def _projection(
    side: Side, spec: MappingSpec, plans: tuple[FieldPlan, ...], constants: tuple[Constant, ...], fingerprint: str
) -> Projection:
    return Projection(
        side,
        tuple(plan.chains[side] for plan in plans),
        required=frozenset(p.name for p in plans if p.required and p.rule.direction.allows(side.other)),
        constants=tuple(constant for constant in constants if constant.chain.side is side),
        where=(spec.external if side is Side.EXTERNAL else spec.flowtly).where,
        match=spec.match,
        references={plan.name: plan.refers_to for plan in plans if plan.refers_to is not None},
        soft=frozenset(plan.name for plan in plans if plan.may_go_without),
        key=bytes.fromhex(fingerprint) + str(side).encode(),
    )


def _creates(spec: MappingSpec) -> frozenset[Side]:
    wished = {Side.FLOWTLY: spec.creates.in_flowtly, Side.EXTERNAL: spec.creates.in_external}
    return frozenset(side for side, wish in wished.items() if wish is not False and spec.direction.allows(side))


def _fingerprint(spec: MappingSpec) -> str:
    counted = {name: value for name, value in spec if name not in _NOT_IN_FINGERPRINT}
    if spec.evidence is None:  # a mapping without it is the one it was before there was such a block
        del counted["evidence"]
    # Nothing follows a loss that is ignored; any other rule may touch records, so a person sees a plan under it first.
    if any(rule.action != "ignore" for rule in (spec.deletes.in_external, spec.deletes.in_flowtly)):
        counted["deletes"] = spec.deletes
    return digest(_told_apart(counted), b"syncd mapping").hex()


def _told_apart(data: Any) -> Any:
    """Data in which different meanings stay different once they are JSON: ``1.5`` and ``"1.5"``, trim and squeeze."""
    if isinstance(data, BaseModel):
        kind = {"$lens": data.word} if isinstance(data, LensSpec) else {}
        # What is kept and shown of a field changes no document and no rule.
        said = {name: value for name, value in data if not _unsaid(data, name, value)}
        return {**kind, **{name: _told_apart(value) for name, value in said.items()}}
    if isinstance(data, Mapping):
        return {str(key): _told_apart(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_told_apart(item) for item in data]
    return {"$decimal": str(data)} if isinstance(data, Decimal) else data


def _unsaid(data: BaseModel, name: str, value: Any) -> bool:
    """A field without a check is the one it was before there were checks, as is Flowtly's half without a marker.

    Where a record went changes no document.
    """
    if isinstance(data, FlowtlySpec):
        return name == "marker" and value is None
    if isinstance(data, ExternalSpec):
        return name == "successor"
    return isinstance(data, FieldSpec) and (name == "sensitive" or (name == "check" and value is None))


# --------------------------------------------------------------------- problems


def _mapping_problems(spec: MappingSpec, node: Node) -> Iterator[Problem]:
    compared = {name for name, field in spec.fields.items() if field.constant is None}
    if not compared:
        yield node.at("fields").problem("fields: nothing but constants, so there is nothing to keep the same")
    yield from _recognition_problems(spec, node, compared)
    for side, word in ((Side.FLOWTLY, "in_flowtly"), (Side.EXTERNAL, "in_external")):
        if getattr(spec.creates, word) and not spec.direction.allows(side):
            yield node.at("creates", word).problem(f"creates.{word}: the direction is {spec.direction}")
        rule = spec.deletes.in_flowtly if side is Side.FLOWTLY else spec.deletes.in_external
        if rule.action in {"delete", "set"} and not spec.direction.allows(side.other):
            yield node.at("deletes", word).problem(
                f"deletes.{word}: {rule.action} writes to {side.other}, and the direction is {spec.direction}",
                "write ignore or unlink",
            )
        if rule.action == "remake" and (side is Side.EXTERNAL or side not in _creates(spec)):
            why = "only a Flowtly record is made again" if side is Side.EXTERNAL else "no record may be made in flowtly"
            yield node.at("deletes", word).problem(
                f"deletes.{word}: remake: {why}", "write ignore, unlink, delete, or {set: {field: value}}"
            )
        for name in rule.set:
            if name not in compared:
                where = node.at("deletes", word, "set")
                yield (where.key_node(name) or where).problem(
                    f"deletes.{word}.set: {name!r} is not a field that is compared", did_you_mean(name, compared)
                )
    default = spec.conflicts.default
    if spec.direction is not Direction.BOTH and default is not Policy.ASK:
        source = Side.EXTERNAL if spec.direction is Direction.TO_FLOWTLY else Side.FLOWTLY
        if default is not Policy(str(source)):
            yield node.at("conflicts", "default").problem(
                f"conflicts.default: the mapping flows {spec.direction} only, so {default} cannot win",
                f"write {source} or ask",
            )


def _recognition_problems(spec: MappingSpec, node: Node, compared: set[str]) -> Iterator[Problem]:
    """What records are recognised by has to be compared on both sides."""
    for number, level in enumerate(spec.match):
        for index, name in enumerate(level):
            if name not in compared:
                yield node.at("match", number, index).problem(
                    f"match: {name!r} is not a field that is compared", _hint_for_match(spec, name, compared)
                )
    for name, field in spec.fields.items():
        if field.check is not None:
            yield from field.check.problems(name, node.at("fields", name), compared)
    if spec.evidence is not None:
        yield from spec.evidence.problems(node.at("evidence"), compared)


def _hint_for_match(spec: MappingSpec, name: str, compared: set[str]) -> str:
    """People write a raw name where the canonical one is meant: ``tinCountry`` is a part of ``tin``."""
    for known in sorted(compared):
        field = spec.fields[known]
        raw = [*(field.external.field if field.external else ()), *(field.flowtly.field if field.flowtly else ())]
        if name in raw:
            return f"the canonical field is {known!r}"
    return did_you_mean(name, compared)


def _collisions(plans: tuple[FieldPlan, ...], constants: tuple[Constant, ...], node: Node) -> Iterator[Problem]:
    """Two fields that write one raw field would undo each other for ever."""
    writers: dict[tuple[Side, str], str] = {}
    wanted = [
        (plan.name, side, raw)
        for plan in plans
        for side in Side
        if plan.rule.direction.allows(side)
        for raw in plan.chains[side].names
    ]
    wanted += [(one.chain.field, one.chain.side, raw) for one in constants for raw in one.chain.names]
    for field, side, raw in wanted:
        first = writers.setdefault((side, raw), field)
        if first != field:
            place = node.at("fields").key_node(field) or node.at("fields", field)
            yield place.problem(
                f"fields.{field} and fields.{first} both write {raw!r} of {side}", "make one of them one-way"
            )
