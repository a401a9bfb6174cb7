"""References to records of another mapping: ``1042`` here, ``/api/clients/5`` there. Never makes up a missing link."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from syncd.core.model import Direction, Side, Value
from syncd.mapping.lenses.base import INTO, TEXTS, Complaint, Kinds, Lens, LensSpec, Place, kind_of
from syncd.mapping.links import FixedLinks, LinkTable, table_of, waits_for
from syncd.mapping.lookups import Lookups, LookupTable
from syncd.mapping.records import Unfit
from syncd.mapping.scalars import Shown


class ByLookup(BaseModel):
    """Where else to look for a record that is not linked: a Flowtly list by one of its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lookup: str = Field(min_length=1, description="The Flowtly resource that holds the record.")
    by: str = Field(min_length=1, description="The field in which it carries the external key.")


def _unlinked(data: Any) -> Any:
    if isinstance(data, ByLookup) or (isinstance(data, str) and data in {"wait", "empty"}):
        return data
    if isinstance(data, dict):
        return ByLookup.model_validate(data)
    raise ValueError("write wait, empty, or {lookup: resource, by: field}")


Unlinked: TypeAlias = Annotated[
    Literal["wait", "empty"] | ByLookup,
    BeforeValidator(_unlinked),
    WithJsonSchema({"anyOf": [{"enum": ["wait", "empty"]}, {"type": "object", "required": ["lookup", "by"]}]}),
    Shown("`wait`, `empty`, or `{lookup: ..., by: ...}`"),
]


class Reference(LensSpec):
    """A record of another mapping. Both sides are compared in the external key.

    A record whose reference is not linked yet waits, and is woken when it is.
    """

    word: ClassVar[str] = "reference"
    main: ClassVar[str | None] = "mapping"
    example: ClassVar[str] = "through: {reference: clients}"

    mapping: str = Field(min_length=1, description="The mapping whose records are referred to.")
    number: bool = Field(default=False, description="The external side holds the key as a whole number.")
    unlinked: Unlinked = Field(
        default="wait",
        description="What a record does whose reference is not linked: it waits; it goes without (one-way only; then "
        "every run reads everything, to notice links); or the reference is found in a Flowtly list.",
    )

    def on_side(self, side: Side, place: Place) -> Lens | None:  # noqa: ARG002 - the same wherever it stands
        """Keys as text on the external side; exchanged for IRIs on the Flowtly side."""
        if side is Side.FLOWTLY:
            return Lens(self._read_flowtly, self._write_flowtly, self._sample_flowtly, kinds=TEXTS)
        kinds: Kinds = ("text", "integer" if self.number else "text")
        return Lens(self._read_external, self._write_external, self._sample_external, kinds=kinds)

    def complaints(self, place: Place) -> Iterator[Complaint]:
        """It needs both sides, and can go without on the way to one only."""
        if place.only is not None:
            yield Complaint("reference exchanges keys of both sides", "write it in the field's own through")
        if self.unlinked == "empty" and place.direction is Direction.BOTH:
            yield Complaint(
                "unlinked: empty would overwrite a reference that it cannot tell",
                f"write direction: {INTO[Side.FLOWTLY]} or {INTO[Side.EXTERNAL]}",
                "unlinked",
            )

    def lookups(self) -> frozenset[tuple[str, str]]:
        """The list to fall back to, if any."""
        if isinstance(self.unlinked, ByLookup):
            return frozenset({(self.unlinked.lookup, self.unlinked.by)})
        return frozenset()

    def refers_to(self) -> str | None:
        """The other mapping."""
        return self.mapping

    def may_go_without(self) -> bool:
        """As configured."""
        return self.unlinked == "empty"

    def _links(self, lookups: Lookups) -> LinkTable:
        table = lookups.get(table_of(self.mapping))
        if not isinstance(table, LinkTable):
            raise Unfit(f"the links of {self.mapping} were not read")
        return table

    def _list(self, lookups: Lookups) -> LookupTable | None:
        if not isinstance(self.unlinked, ByLookup):
            return None
        table = lookups.get((self.unlinked.lookup, self.unlinked.by))
        if not isinstance(table, LookupTable):
            raise Unfit(f"the list {self.unlinked.lookup} was not read")
        return table

    def _missing(self, side: Side, key: str) -> Unfit:
        return Unfit(f"waits for {self.mapping} {key}", waits_for(self.mapping, side, key))

    def _read_flowtly(self, raw: tuple[Value, ...], lookups: Lookups) -> Value:
        if raw[0] is None:
            return None
        iri = _key(raw[0])
        found = self._links(lookups).other(Side.FLOWTLY, iri)
        if found is not None or self.unlinked == "empty":
            return found
        table = self._list(lookups)
        if table is not None and table.values.get(iri) is not None:
            return _key(table.to_value(iri))
        raise self._missing(Side.FLOWTLY, iri)

    def _write_flowtly(self, value: Value, lookups: Lookups) -> tuple[Value, ...]:
        if value is None:
            return (None,)
        key = _key(value)
        found = self._links(lookups).other(Side.EXTERNAL, key)
        if found is None:
            table = self._list(lookups)
            found = None if table is None else table.to_key(key)
        if found is None:
            raise self._missing(Side.EXTERNAL, key)
        return (found,)

    def _read_external(self, raw: tuple[Value, ...], lookups: Lookups) -> Value:
        if raw[0] is None:
            return None
        key = _key(raw[0])
        if self.unlinked == "empty" and self._links(lookups).other(Side.EXTERNAL, key) is None:
            return None
        # Several external records may be one Flowtly record: a reference to any of them is one to the primary.
        table = lookups.get(table_of(self.mapping))
        return table.primary(key) if isinstance(table, LinkTable) else key

    def _write_external(self, value: Value, _: Lookups) -> tuple[Value, ...]:
        if value is None or not self.number:
            return (value,)
        key = _key(value)
        if not (key.isascii() and key.removeprefix("-").isdigit()):
            raise Unfit(f"{key!r} is not a whole number")
        return (int(key),)

    def _sample_flowtly(self, rng: Random, lookups: Lookups) -> tuple[Value, ...]:
        return (self._sampled(Side.FLOWTLY, rng, lookups),)

    def _sample_external(self, rng: Random, lookups: Lookups) -> tuple[Value, ...]:
        return self._write_external(self._sampled(Side.EXTERNAL, rng, lookups), lookups)

    def _sampled(self, side: Side, rng: Random, lookups: Lookups) -> Value:
        links = self._links(lookups)
        keys = links.keys(side) if isinstance(links, FixedLinks) else ()
        return rng.choice(keys) if keys else None


def _key(value: Value) -> str:
    """A key as text, as connectors spell it: peers keep them as text or as whole numbers. Raises Unfit."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal) and value == value.to_integral_value():  # NUMBER(10): whole, and read as a decimal
        return str(int(value))
    raise Unfit(f"expected a key, got {kind_of(value)}")
