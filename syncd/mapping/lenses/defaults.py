"""A value for what is empty. Where it goes one way only, it must never come back as an edit; where both, as nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from syncd.core.model import Direction, Side, Value
from syncd.mapping.lenses.base import INTO, Complaint, Lens, LensSpec, Place
from syncd.mapping.lookups import Lookups
from syncd.mapping.records import Unfit
from syncd.mapping.scalars import YamlScalar


class Default(LensSpec):
    """A canonical value that stands in where the source has none. The field must be one-way."""

    word: ClassVar[str] = "default"
    main: ClassVar[str | None] = "value"
    last: ClassVar[bool] = True
    example: ClassVar[str] = "dueDays: {external: terms, through: {default: 14}, direction: to_flowtly}"

    value: YamlScalar = Field(description="The value in its canonical form (after all other lenses).")

    def on_side(self, side: Side, place: Place) -> Lens | None:
        """Reading the source only."""
        return Lens(self._read, _refuse) if place.direction is INTO[side.other] else None

    def complaints(self, place: Place) -> Iterator[Complaint]:
        """Both ways would write the stand-in back to the source."""
        if place.direction is Direction.BOTH:
            yield Complaint(
                "a default in both directions would be written back as if somebody had entered it",
                "add direction: to_flowtly or direction: to_external to the field",
            )

    def _read(self, raw: tuple[Value, ...], _: Lookups) -> Value:
        stand_in: Value = self.value
        return stand_in if raw[0] is None else raw[0]


class Nothing(LensSpec):
    """A word for no value, in which both sides are compared; it is written as no value.

    So a record in which the field is empty has a match key nevertheless.
    """

    word: ClassVar[str] = "nothing"
    main: ClassVar[str | None] = "said"
    last: ClassVar[bool] = True
    example: ClassVar[str] = "through: [{reference: employees}, {nothing: nobody}]"

    said: str = Field(min_length=1, description="The word. A record that has it for a value is a problem.")

    def on_side(self, side: Side, place: Place) -> Lens | None:  # noqa: ARG002 - the same everywhere
        """Both sides read alike."""
        return Lens(self._read, self._write)

    def _read(self, raw: tuple[Value, ...], _: Lookups) -> Value:
        if raw[0] == self.said:
            raise Unfit(f"{self.said!r} is the word for no value, and here it is one")
        return self.said if raw[0] is None else raw[0]

    def _write(self, value: Value, _: Lookups) -> tuple[Value, ...]:
        return (None if value == self.said else value,)


def _refuse(value: Value, lookups: Lookups) -> tuple[Value, ...]:  # noqa: ARG001 - the shape of every write
    raise Unfit("a field with a default is only read here")
