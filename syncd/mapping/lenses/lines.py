"""Several raw fields for one text. Joining loses where the parts were, so ``concat`` is one-way; ``lines`` is not."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Annotated, ClassVar, Final

from pydantic import Field

from syncd.core.model import Direction, Side, Value
from syncd.mapping.lenses.base import INTO, TEXTS, Complaint, Lens, LensSpec, Place, as_text, some_text
from syncd.mapping.lookups import Lookups
from syncd.mapping.records import Unfit
from syncd.mapping.scalars import Whole

_MANY: Final = "it needs several raw fields on exactly one side: [street, house_no]"


class Concat(LensSpec):
    """Several raw fields of one side as one text of the other. One-way: a text does not tell where it was joined."""

    word: ClassVar[str] = "concat"
    main: ClassVar[str | None] = "with"
    example: ClassVar[str] = 'addressStreetLine: {external: [street, house_no], through: {concat: " "}}'

    glue: str = Field(default=" ", alias="with", description="What stands between the parts; empty parts are left out.")

    def on_side(self, side: Side, place: Place) -> Lens | None:
        """Joins on the side with several raw fields."""
        if side is not place.many():
            return None
        arity = place.arity[side]
        return Lens(self._read, _refuse, lambda rng, _: tuple(some_text(rng) for _ in range(arity)), arity, TEXTS)

    def one_way(self, place: Place) -> Direction | None:
        """Away from the side with several raw fields."""
        many = place.many()
        return None if many is None else INTO[many.other]

    def complaints(self, place: Place) -> Iterator[Complaint]:
        """One side must have several raw fields."""
        if place.many() is None:
            yield Complaint("concat has nothing to join", _MANY)

    def _read(self, raw: tuple[Value, ...], _: Lookups) -> Value:
        parts = [as_text(part).strip() for part in raw if part is not None]
        return self.glue.join(part for part in parts if part) or None


class Lines(LensSpec):
    """One text on one side, several lines of limited width on the other: wrapped at blanks, joined by a blank.

    Runs of white space count as one blank on both sides. A text that does not fit is refused, never cut. Lines that
    already read as the text stay as they are, so nobody's line breaks are moved.
    """

    word: ClassVar[str] = "split"
    main: ClassVar[str | None] = "width"
    example: ClassVar[str] = (
        "address: {external: [line1, line2, line3], flowtly: addressStreetLine, through: {split: 35}}"
    )

    width: Annotated[Whole, Field(ge=1, le=10_000, description="Longest line in characters.")]

    def on_side(self, side: Side, place: Place) -> Lens | None:
        """Lines on the side with several raw fields, one text on the other."""
        if side is not place.many():
            return Lens(_joined, lambda value, _: (value,), lambda rng, _: (self._fitting(rng),), kinds=TEXTS)
        arity = place.arity[side]

        def write(value: Value, _: Lookups) -> tuple[Value, ...]:
            lines = [] if value is None else self._wrapped(as_text(value))
            if len(lines) > arity:
                raise Unfit(f"does not fit into {arity} lines of {self.width} characters")
            return (*lines, *[None] * (arity - len(lines)))

        return Lens(_joined, write, lambda rng, lookups: write(self._fitting(rng), lookups), arity, TEXTS)

    def complaints(self, place: Place) -> Iterator[Complaint]:
        """One side must have several raw fields."""
        if place.many() is None:
            yield Complaint("split has no lines to fill", _MANY)

    def _wrapped(self, text: str) -> list[str]:
        lines: list[str] = []
        for word in text.split():
            if len(word) > self.width:
                raise Unfit(f"has a word of {len(word)} characters; a line holds {self.width}")
            if lines and len(lines[-1]) + 1 + len(word) <= self.width:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
        return lines

    def _fitting(self, rng: Random) -> str:
        return " ".join("x" * rng.randint(1, min(8, self.width)) for _ in range(rng.randint(1, 3)))


def _joined(raw: tuple[Value, ...], _: Lookups) -> Value:
    return " ".join(word for part in raw if part is not None for word in as_text(part).split()) or None


def _refuse(value: Value, lookups: Lookups) -> tuple[Value, ...]:  # noqa: ARG001 - the shape of every write
    raise Unfit("joined text cannot be taken apart again")
