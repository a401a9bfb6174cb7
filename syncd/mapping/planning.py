"""Compiles one field of a mapping: its chains on both sides and its rule, or every problem that stands in the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from syncd.core.model import Direction, FieldRule, Policy, Side
from syncd.mapping.chain import Chain
from syncd.mapping.expression import BadExpression, Expression
from syncd.mapping.lenses.base import INTO, Lens, LensSpec, Place
from syncd.mapping.lenses.vat import VatNumber
from syncd.mapping.lenses.words import Words
from syncd.mapping.nodes import Node
from syncd.mapping.problems import Problem
from syncd.mapping.projection import Constant
from syncd.mapping.spec import ConstantSpec, FieldSpec, MappingSpec, SideField

VAT_FIELDS: Final = ("tinCountry", "tin")
"""Flowtly's fields of a VAT number; documented: Client.tinCountry is its prefix, Client.tin the number without it."""


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One compiled field."""

    name: str
    chains: Mapping[Side, Chain]
    rule: FieldRule
    required: bool
    refers_to: str | None = None
    """The mapping whose records the field names."""
    may_go_without: bool = False
    """A reference that is not linked reads as nothing."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A lens as written, where it is written, and where it stands."""

    spec: LensSpec
    node: Node
    place: Place

    def blame(self, message: str, hint: str = "", key: str = "") -> Problem:
        """A problem at the parameter ``key`` of the lens, or at the lens."""
        main = self.spec.main
        place = self.node
        if key and self.node.is_map:
            place = self.node.get(key) or self.node.at(self.spec.word, key)
        elif self.node.is_map and main is not None:
            place = self.node.get(self.spec.word) or self.node
        return place.problem(message, hint)


class FieldPlanner:
    """Plans the fields of one mapping; ``problems``, ``lookups`` and ``references`` grow with each.

    ``lookups`` and ``references`` are lists and other mappings, each with the field that names it first; ``fallbacks``
    the lists in which records of those mappings are looked for where they are not linked.
    """

    def __init__(self, mapping: MappingSpec, node: Node) -> None:
        self.problems: list[Problem] = []
        self.lookups: dict[tuple[str, str], str] = {}
        self.references: dict[str, str] = {}
        self.fallbacks: dict[str, frozenset[tuple[str, str]]] = {}
        self._mapping = mapping
        self._fields = node.at("fields")

    def constant(self, name: str, spec: FieldSpec, constant: ConstantSpec) -> Constant | None:
        """A field that is only set on create; its lenses (a lookup) act on writing. None when problems were found."""
        before = len(self.problems)
        node, side = self._fields.at(name), constant.side
        for key, value in node.pairs():
            if key not in {"constant", "through", str(side)}:
                why = f"a constant for {side} has no {key} field" if key == side.other else "it is never compared"
                self._say(node.key_node(key) or value, f"fields.{name}: {key} and constant exclude each other: {why}")
        if not self._mapping.direction.allows(side):
            self._say(
                node.at("constant"),
                f"fields.{name}: nothing is created in {side} by direction {self._mapping.direction}",
            )
        own = spec.external if side is Side.EXTERNAL else spec.flowtly
        names = own.field if own is not None else (name,)
        lenses = self._lenses(spec, node, INTO[side], {side: len(names), side.other: 1})
        acting = tuple(_acting(lenses, side))
        self._fits(name, node.at(str(side)), len(names), acting)
        self._complain(name, lenses)
        return Constant(Chain(name, side, names, acting), constant.value) if len(self.problems) == before else None

    def plan(self, name: str, spec: FieldSpec) -> FieldPlan | None:
        """A compiled field, or None when problems were found."""
        before = len(self.problems)
        node = self._fields.at(name)
        expression = self._expression(name, spec, node)
        source = self._source(spec) if spec.expr is not None else None
        names = self._names(name, spec, node, source, expression)
        if len(self.problems) > before:
            return None
        width = {side: 1 if side is source else len(names[side]) for side in Side}
        direction = self._direction(name, spec, node, source, width)
        lenses = self._lenses(spec, node, direction, width)
        chains = {}
        for side in Side:
            acting = tuple(_acting(lenses, side))
            self._fits(name, node.at(str(side)), width[side], acting)
            chains[side] = Chain(name, side, names[side], acting, expression if side is source else None)
        self._complain(name, lenses)
        rule = FieldRule(self._policy(name, spec, node, direction), direction)
        if len(self.problems) > before:
            return None
        referring = next((lens.spec for lens in lenses if lens.spec.refers_to() is not None), None)
        return FieldPlan(
            name,
            chains,
            rule,
            spec.required,
            refers_to=None if referring is None else referring.refers_to(),
            may_go_without=referring is not None and referring.may_go_without(),
        )

    def _say(self, node: Node, message: str, hint: str = "") -> None:
        self.problems.append(node.problem(message, hint))

    # ------------------------------------------------------------------ where it lives

    def _source(self, spec: FieldSpec) -> Side:
        """The side whose record an expression reads: the one that values flow from."""
        wanted = spec.direction or self._mapping.direction
        return Side.FLOWTLY if wanted is Direction.TO_EXTERNAL else Side.EXTERNAL

    def _expression(self, name: str, spec: FieldSpec, node: Node) -> Expression | None:
        if spec.expr is None:
            return None
        try:
            return Expression(spec.expr)
        except BadExpression as error:
            self._say(node.at("expr"), f"fields.{name}.expr: {error}", "it is a JMESPath expression, see jmespath.org")
            return None

    def _names(
        self, name: str, spec: FieldSpec, node: Node, source: Side | None, expression: Expression | None
    ) -> dict[Side, tuple[str, ...]]:
        names: dict[Side, tuple[str, ...]] = {}
        for side, written in ((Side.EXTERNAL, spec.external), (Side.FLOWTLY, spec.flowtly)):
            if side is source:
                names[side] = expression.names if expression is not None else ()
                if written is not None:
                    self._say(node.at(str(side)), f"fields.{name}: expr says what is read from {side}; remove {side}")
            elif written is not None:
                names[side] = written.field
            elif side is Side.FLOWTLY:
                vat = source is None and any(isinstance(lens, VatNumber) for lens in spec.through)
                names[side] = VAT_FIELDS if vat else (name,)
            else:
                names[side] = ()
                self._say(node, f"fields.{name}: missing key 'external'", "name the raw field of the external record")
        return names

    # ------------------------------------------------------------------ which way it flows

    def _direction(
        self, name: str, spec: FieldSpec, node: Node, source: Side | None, width: Mapping[Side, int]
    ) -> Direction:
        """The field's direction: as written, narrowed by the mapping's, forced by lenses without an inverse."""
        whole, written = self._mapping.direction, spec.direction
        at = node.at("direction")
        if written is not None and whole is not Direction.BOTH and written is not whole:
            self._say(at, f"fields.{name}: direction {written}, but the mapping's direction is {whole}")
        wanted = written or whole
        for why, forced, place in self._forced(spec, node, source, wanted, width):
            if wanted is Direction.BOTH and written is None:
                wanted = forced
            elif wanted is not forced:
                self._say(
                    at if written is not None else place,
                    f"fields.{name}: {why} works {forced} only, but the direction is {wanted}",
                    f"write direction: {forced}",
                )
        return wanted

    def _forced(
        self, spec: FieldSpec, node: Node, source: Side | None, wanted: Direction, width: Mapping[Side, int]
    ) -> Iterator[tuple[str, Direction, Node]]:
        if source is not None:
            yield "expr", INTO[source.other], node.at("expr")
        for lens in self._lenses(spec, node, wanted, width):
            forced = lens.spec.one_way(lens.place)
            if forced is not None:
                yield lens.spec.word, forced, lens.node

    def _policy(self, name: str, spec: FieldSpec, node: Node, direction: Direction) -> Policy:
        """The field's policy. In a one-way field the source wins, or a person is asked; nothing else has a meaning."""
        wanted = spec.conflict or self._mapping.conflicts.default
        if direction is Direction.BOTH or wanted is Policy.ASK:
            return wanted
        source = Side.EXTERNAL if direction is Direction.TO_FLOWTLY else Side.FLOWTLY
        if wanted is not Policy(str(source)) and spec.conflict is not None:
            self._say(
                node.at("conflict"),
                f"fields.{name}: flows {direction} only, so {wanted} cannot win",
                f"write {source} or ask",
            )
        return Policy(str(source))

    # ------------------------------------------------------------------ lenses

    def _lenses(
        self, spec: FieldSpec, node: Node, direction: Direction, width: Mapping[Side, int]
    ) -> tuple[_Placed, ...]:
        """Every lens of the field with its place: those of one side first, then the shared ones."""
        found: list[_Placed] = []
        shared = dict(width)
        for side, written in ((Side.EXTERNAL, spec.external), (Side.FLOWTLY, spec.flowtly)):
            alone = Place(direction, {side: width[side], side.other: 1}, side)
            own = [_Placed(*pair, alone) for pair in _written(written, node.at(str(side)))]
            if any(_gathers(lens, side) for lens in own):
                shared[side] = 1
            found.extend(own)
        place = Place(direction, shared)
        found.extend(_Placed(*pair, place) for pair in _written(spec, node))
        if spec.values is not None:
            found.append(_Placed(Words(pairs=dict(spec.values)), node.at("values"), place))
        return tuple(found)

    def _complain(self, name: str, lenses: tuple[_Placed, ...]) -> None:
        """Note what the lenses say of their place, and the tables they need."""
        for lens in lenses:
            for table in sorted(lens.spec.lookups()):
                self.lookups.setdefault(table, name)
            referred = lens.spec.refers_to()
            if referred is not None:
                self.references.setdefault(referred, name)
                self.fallbacks[referred] = self.fallbacks.get(referred, frozenset()) | lens.spec.lookups()
            self.problems.extend(
                lens.blame(f"fields.{name}: {one.message}", one.hint, one.key)
                for one in lens.spec.complaints(lens.place)
            )

    def _fits(self, name: str, node: Node, width: int, acting: tuple[Lens, ...]) -> None:
        """Several raw fields must become one value, once."""
        for lens in acting:
            if lens.arity > 1:
                width = 1 if width == lens.arity else 0
        if width != 1:
            self._say(
                node,
                f"fields.{name}: several raw fields need one lens that makes them one value",
                "through: concat, split or vat_number",
            )


def _written(spec: SideField | FieldSpec | None, node: Node) -> Iterator[tuple[LensSpec, Node]]:
    for number, lens in enumerate(spec.through if spec is not None else ()):
        below = node.get("through") or node
        yield lens, below.get(number) or below


def _gathers(lens: _Placed, side: Side) -> bool:
    acting = lens.spec.on_side(side, lens.place)
    return acting is not None and acting.arity > 1


def _acting(lenses: Iterable[_Placed], side: Side) -> Iterator[Lens]:
    """The lenses that act on one side, in the order of reading."""
    own = [lens for lens in lenses if lens.place.only is side]
    shared = [lens for lens in lenses if lens.place.only is None and not lens.spec.last]
    last = [lens for lens in lenses if lens.place.only is None and lens.spec.last]
    turning = next((number for number, lens in enumerate(shared) if lens.spec.converts), None)
    if turning is not None:
        shared = shared[: turning + 1] if side is Side.EXTERNAL else shared[turning:]
    ordered: list[Any] = [*own, *(shared if side is Side.EXTERNAL else reversed(shared)), *last]
    for lens in ordered:
        acting = lens.spec.on_side(side, lens.place)
        if acting is not None:
            yield acting
