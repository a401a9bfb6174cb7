"""What mappings use of each Flowtly resource, with the place in their files. Pure; it never reads a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from syncd.core.model import Side
from syncd.mapping.allocation_mappings import commitments_of
from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.nodes import Node

Place = tuple[CompiledMapping, str]
"""A mapping and the canonical field or block of it that names a raw field."""


@dataclass(slots=True)
class Use:
    """Of one resource: the mappings that need it at all, and for each raw field who names it where."""

    mappings: dict[str, CompiledMapping] = field(default_factory=dict)
    fields: dict[str, list[Place]] = field(default_factory=dict)

    def add(self, mapping: CompiledMapping, raw: str, place: str) -> None:
        """Note one use; of several by one mapping the first counts."""
        places = self.fields.setdefault(raw, [])
        if all(other is not mapping for other, _ in places):
            places.append((mapping, place))


def uses_of(mappings: Iterable[CompiledMapping]) -> Mapping[str, Use]:
    """Every Flowtly resource that a mapping or one of its lookups needs."""
    found: dict[str, Use] = {}
    for mapping in mappings:
        own = found.setdefault(mapping.resource(Side.FLOWTLY), Use())
        own.mappings[mapping.name] = mapping
        # People's links are told in words of our own; what they are made of is used by the allocation's mapping.
        derived = commitments_of(mapping.spec) is not None
        named = () if derived else (*mapping.projection(Side.FLOWTLY).inputs, *sorted(mapping.outputs(Side.FLOWTLY)))
        for raw in named:
            own.add(mapping, raw, _field_of(mapping, raw))
        for resource, by in sorted(mapping.lookups):
            looked = found.setdefault(resource, Use())
            looked.mappings[mapping.name] = mapping
            looked.add(mapping, by, _lookup_of(mapping, resource))
    return found


def _field_of(mapping: CompiledMapping, raw: str) -> str:
    """The canonical field that names a raw one, else the block that says what is read."""
    return next((plan.name for plan in mapping.fields if raw in plan.chains[Side.FLOWTLY].names), "flowtly")


def _lookup_of(mapping: CompiledMapping, resource: str) -> str:
    """The first field whose lenses look this resource up."""
    fields = mapping.node.get("fields")
    pairs = fields.pairs() if fields is not None else ()
    return next((str(name) for name, node in pairs if _names(node, resource)), "fields")


def _names(node: Node, resource: str) -> bool:
    told = node.get("lookup")
    if told is not None and told.content == resource:
        return True
    return any(_names(one, resource) for one in (*node.elements(), *(value for _, value in node.pairs())))
