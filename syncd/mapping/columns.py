"""Which columns a mapping wants of its external table, and of which kind. Never asks a peer: kinds come with the call.

The kind of a column follows the value on its way: Flowtly's field, the lenses that read it, the lenses that write it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, get_args

from syncd.core.model import Direction, Side, Value
from syncd.mapping.chain import Chain
from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.lenses.base import Kind, LensKind, kind_of_all
from syncd.mapping.problems import Problem
from syncd.mapping.records import RecordProblem

_KINDS: Final[Mapping[str, Kind]] = {kind: kind for kind in get_args(Kind)}
_TIMES: Final = {"date": "through: date", "datetime": "through: datetime (or date)"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the external table: what it holds, and the canonical field that names it."""

    name: str
    kind: Kind
    field: str
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns a mapping wants, in the order of its fields, or what keeps them from being told."""

    found: tuple[Column, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Unknown:
    """A kind that cannot be told: why, and what to write instead."""

    why: str
    hint: str


def columns(mapping: CompiledMapping, shapes: Mapping[str, str]) -> Columns:
    """The columns of a mapping with ``create: true``; of any other mapping none, and no type may be given.

    ``shapes`` are the kinds of Flowtly's raw fields, as in ``ports.FieldShape.type``.
    """
    if not mapping.spec.external.create:
        return Columns(problems=tuple(_useless_types(mapping)))
    if not mapping.direction.allows(Side.EXTERNAL):
        place = mapping.node.at("external", "create")
        hint = f"use direction {Direction.TO_EXTERNAL} or {Direction.BOTH}"
        return Columns(problems=(place.problem(f"external.create: nothing flows there by {mapping.direction}", hint),))
    wanted: dict[str, Column] = {}
    problems = list(_key_problems(mapping))
    for field, name, kind in _named(mapping, shapes):
        if isinstance(kind, _Unknown):
            problems.append(mapping.problem(field, f"the type of column {name!r} is not known: {kind.why}", kind.hint))
            continue
        nullable = name != mapping.key_field and not mapping.spec.fields[field].required
        first = wanted.setdefault(name, Column(name, kind, field, nullable))
        if first.kind != kind:
            message = f"column {name!r} is {first.kind} by fields.{first.field} and {kind} by fields.{field}"
            problems.append(mapping.problem(field, message, "write the same type in both"))
    return Columns(tuple(wanted.values()), tuple(problems))


def _useless_types(mapping: CompiledMapping) -> Iterator[Problem]:
    for name, field in mapping.spec.fields.items():
        if field.external is not None and field.external.type is not None:
            place = mapping.node.at("fields", name, "external").key_node("type")
            yield (place or mapping.node).problem(
                f"fields.{name}: a type is for tables that syncd makes", "write create: true under external"
            )


def _key_problems(mapping: CompiledMapping) -> Iterator[Problem]:
    key = mapping.key_field
    if key is not None and key not in mapping.outputs(Side.EXTERNAL):
        yield mapping.node.at("external", "key").problem(
            f"external.key: no field fills {key!r}, so a new record would have no key",
            f"add one: {key}: {{external: {key}, flowtly: id}}",
        )


def _named(mapping: CompiledMapping, shapes: Mapping[str, str]) -> Iterator[tuple[str, str, Kind | _Unknown]]:
    """Every external raw field with the canonical field that names it; those an expression reads are not ours."""
    for plan in mapping.fields:
        external = plan.chains[Side.EXTERNAL]
        if external.expression is None:
            kind = _typed(mapping, plan.name) or _followed(plan.chains[Side.FLOWTLY], external, shapes)
            yield from ((plan.name, name, kind) for name in external.names)
    for name, field in mapping.spec.fields.items():
        if field.constant is not None and field.constant.side is Side.EXTERNAL:
            names = field.external.field if field.external is not None else (name,)
            yield from ((name, raw, _typed(mapping, name) or _of_constant(mapping, raw)) for raw in names)


def _typed(mapping: CompiledMapping, field: str) -> Kind | None:
    written = mapping.spec.fields[field].external
    return None if written is None else written.type


def _followed(flowtly: Chain, external: Chain, shapes: Mapping[str, str]) -> Kind | _Unknown:
    """The kind of what is written to external for what Flowtly has."""
    kind, otherwise = _start(flowtly, shapes)
    for lens in flowtly.lenses:
        kind = lens.kinds[0] or kind
    for lens in reversed(external.lenses):
        kind = lens.kinds[1] or kind
    return otherwise if kind is None or kind == "mixed" else kind


def _start(chain: Chain, shapes: Mapping[str, str]) -> tuple[LensKind, _Unknown]:
    """The kind of Flowtly's raw values, and what to say when no lens makes it another."""
    hint = f"write {{field: ..., type: ...}} under external, with one of {', '.join(_KINDS)}"
    if chain.expression is not None:
        return "mixed", _Unknown("an expression does not tell it", hint)
    kinds = {shapes.get(name, "") for name in chain.names}
    for kind, lens in _TIMES.items():
        if kind in kinds:
            # JSON has no dates: without a lens such a value is text here, and would never equal a date read back.
            why = f"Flowtly sends {kind}s as text, which has to be read"
            return "mixed", _Unknown(why, f"add {lens}, or type: text under external to keep the text")
    found = _KINDS.get(kinds.pop()) if len(kinds) == 1 else None
    if found is not None:
        return found, _Unknown("the words of its lens are of several kinds", hint)
    named = " and ".join(repr(name) for name in chain.names)
    return "mixed", _Unknown(f"Flowtly does not publish one for {named}", hint)


def _of_constant(mapping: CompiledMapping, raw: str) -> Kind | _Unknown:
    """The kind of the value that every new record gets."""
    try:
        value: Value = mapping.external.writes({}, {}, None).get(raw)
    except RecordProblem as problem:
        return _Unknown(str(problem), "write a type under external")
    if isinstance(value, datetime):
        return "datetime"
    if isinstance(value, date):
        return "date"
    known = _KINDS.get(kind_of_all((value,)) or "")
    return known or _Unknown("the constant does not tell it", "write a type under external")
