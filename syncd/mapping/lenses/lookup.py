"""Reference lists: Flowtly says ``/api/countries/21``, the other side says ``DK``. Never guesses a missing entry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import ClassVar, Final

from pydantic import Field

from syncd.core.model import Side, Value
from syncd.mapping.lenses.base import TEXTS, Complaint, Lens, LensSpec, Place, as_text
from syncd.mapping.lookups import Lookups, LookupTable
from syncd.mapping.records import Unfit

_LONGEST: Final = 60  # a longer text is no code that anybody will add to a list


class Lookup(LensSpec):
    """An entry of a Flowtly list by one of its fields. Both sides are compared in that field's value.

    A value without entry waits: the record is parked until Flowtly has it.
    """

    word: ClassVar[str] = "lookup"
    main: ClassVar[str | None] = "resource"
    example: ClassVar[str] = "through: {lookup: countries, by: code}"

    resource: str = Field(min_length=1, description="The Flowtly resource that holds the list.")
    by: str = Field(min_length=1, description="The field of its rows that the external side knows.")
    ignore_case: bool = Field(default=False, description="Take dk for DK; Flowtly's spelling is canonical.")

    def on_side(self, side: Side, place: Place) -> Lens | None:  # noqa: ARG002 - the list is Flowtly's everywhere
        """Exchanged on the Flowtly side; external only learns the list's spelling."""
        if side is Side.FLOWTLY:
            return Lens(self._read, self._write, self._sample, kinds=TEXTS)
        return Lens(self._read_external, lambda value, _: (value,)) if self.ignore_case else None

    def complaints(self, place: Place) -> Iterator[Complaint]:
        """Only Flowtly has lists."""
        if place.only is Side.EXTERNAL:
            yield Complaint("lookup exchanges Flowtly's references", "write it in the field's own through")

    def lookups(self) -> frozenset[tuple[str, str]]:
        """One table."""
        return frozenset({(self.resource, self.by)})

    def _table(self, lookups: Lookups) -> LookupTable:
        table = lookups.get((self.resource, self.by))
        if not isinstance(table, LookupTable):
            raise Unfit(f"the list {self.resource} was not read")
        return table

    def _read(self, raw: tuple[Value, ...], lookups: Lookups) -> Value:
        if raw[0] is None:
            return None
        key, table = as_text(raw[0]), self._table(lookups)
        with self._waiting(key):
            return table.to_value(key)

    def _write(self, value: Value, lookups: Lookups) -> tuple[Value, ...]:
        if value is None:
            return (None,)
        table = self._table(lookups)
        text, spelled = str(value), table.spelled(value) if self.ignore_case else value
        with self._waiting(text):
            key = table.to_key(spelled)
            if key is not None:
                return (key,)
            missing = f"Flowtly's {self.resource} have no {self.by} {text[:_LONGEST]!r}"
            if not table.likes(value):
                raise Unfit(missing)
        raise Unfit(f"{missing} but {table.likes(value)[0]!r}: spell it so, or set ignore_case")

    @contextmanager
    def _waiting(self, text: str) -> Iterator[None]:
        """Whatever the list cannot answer for this text waits until it can."""
        try:
            yield
        except Unfit as unfit:
            reference = f"{self.resource}:{self.by}={text}" if len(text) <= _LONGEST else None
            raise Unfit(unfit.message, reference) from None

    def _read_external(self, raw: tuple[Value, ...], lookups: Lookups) -> Value:
        return self._table(lookups).spelled(raw[0])

    def _sample(self, rng: Random, lookups: Lookups) -> tuple[Value, ...]:
        keys = sorted(self._table(lookups).values)
        return (rng.choice(keys) if keys else None,)
