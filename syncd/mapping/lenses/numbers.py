"""Number lenses. Money is decimal, never float; what cannot be written exactly is refused, never rounded away."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Annotated, ClassVar, Final

from pydantic import Field

from syncd.core.canon import canonical
from syncd.core.model import Side, Value
from syncd.mapping.lenses.base import Kinds, Lens, LensSpec, Place, Sample, SideName, kind_of, single, unchanged
from syncd.mapping.lookups import Lookups
from syncd.mapping.records import Unfit
from syncd.mapping.scalars import Whole

_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,40}(\.[0-9]{1,40})?")
_GROUPS: Final = re.compile(r"[\s\u00a0\u202f']")
_DIGITS: Final = 24  # within these, arithmetic on decimals is exact
Places = Annotated[Whole, Field(ge=0, le=9)]


class DecimalNumber(LensSpec):
    """Numbers with a fixed count of decimal places; both sides are compared rounded to it (half up)."""

    word: ClassVar[str] = "decimal"
    main: ClassVar[str | None] = "places"
    converts: ClassVar[bool] = True
    example: ClassVar[str] = "through: {decimal: 2, decimal_comma: true}"

    places: Places = Field(default=2, description="Digits after the point.")
    decimal_comma: bool = Field(default=False, description="One side writes 1.234,50 as text.")
    text: bool = Field(default=False, description="One side keeps the number as text; implied by decimal_comma.")
    on: SideName | None = Field(default=None, description="The side with the text; external by default.")

    def on_side(self, side: Side, place: Place) -> Lens | None:
        """Text at home where asked for, numbers elsewhere."""
        textual = (self.text or self.decimal_comma) and side is place.home(self.on, Side.EXTERNAL)
        comma = self.decimal_comma and textual

        def read(value: Value) -> Value:
            return canonical(_rounded(_number(value, comma=comma), self.places))

        def write(value: Value) -> Value:
            number = _rounded(_number(value), self.places)
            if not textual:
                return number
            return f"{number:f}".replace(".", ",") if comma else f"{number:f}"

        return single(read, write, _sampled(self.places, write), ("decimal", "text" if textual else "decimal"))


class MinorUnits(LensSpec):
    """Money as a whole number of cents on one side and as a decimal number on the other."""

    word: ClassVar[str] = "minor_units"
    main: ClassVar[str | None] = "places"
    converts: ClassVar[bool] = True
    example: ClassVar[str] = "through: {minor_units: 2, on: flowtly}"

    places: Places = Field(default=2, description="Decimal places of the currency: 100 minor units are one.")
    on: SideName | None = Field(default=None, description="The side with whole minor units; flowtly by default.")

    def on_side(self, side: Side, place: Place) -> Lens | None:
        """Cents at home, decimal numbers elsewhere."""
        if side is place.home(self.on, Side.FLOWTLY):
            return single(
                self._from_minor, self._to_minor, lambda rng, _: (rng.randint(-(10**9), 10**9),), ("decimal", "integer")
            )
        return single(self._major, unchanged, _sampled(self.places, unchanged), ("decimal", "decimal"))

    def _major(self, value: Value) -> Value:
        return canonical(_number(value))

    def _from_minor(self, value: Value) -> Value:
        return canonical(Decimal(_whole(value)).scaleb(-self.places))

    def _to_minor(self, value: Value) -> Value:
        minor = _number(value).scaleb(self.places)
        if minor != minor.to_integral_value():
            raise Unfit(f"an amount with more than {self.places} decimal places is no whole number of minor units")
        return int(minor)


class Integer(LensSpec):
    """Whole numbers, also where one side keeps them as text."""

    word: ClassVar[str] = "integer"
    converts: ClassVar[bool] = True
    example: ClassVar[str] = "through: {integer: {text: true}}"

    text: bool = Field(default=False, description="One side keeps the number as text.")
    on: SideName | None = Field(default=None, description="The side with the text; external by default.")

    def on_side(self, side: Side, place: Place) -> Lens | None:
        """Text at home where asked for, numbers elsewhere."""
        textual = self.text and side is place.home(self.on, Side.EXTERNAL)

        def write(value: Value) -> Value:
            return str(_whole(value)) if textual else _whole(value)

        kinds: Kinds = ("integer", "text" if textual else "integer")
        return single(_whole, write, lambda rng, _: (write(rng.randint(-(10**6), 10**6)),), kinds)


def _number(value: Value, *, comma: bool = False) -> Decimal:
    """The exact number a value stands for; text may group thousands by blanks. Raises Unfit."""
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value)
    elif isinstance(value, str):
        text = _GROUPS.sub("", value)
        if comma:
            text = text.replace(".", "").replace(",", ".")
        if _NUMBER.fullmatch(text) is None:
            raise Unfit("not a number")
        number = Decimal(text)
    else:
        raise Unfit(f"expected a number, got {kind_of(value)}")
    if len(number.as_tuple().digits) > _DIGITS or number.adjusted() > _DIGITS:
        raise Unfit(f"a number with more than {_DIGITS} digits")
    return number


def _whole(value: Value) -> int:
    number = _number(value)
    if number != number.to_integral_value():
        raise Unfit("expected a whole number")
    return int(number)


def _rounded(number: Decimal, places: int) -> Decimal:
    try:
        return number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    except ArithmeticError as error:
        raise Unfit("a number with too many digits") from error


def _sampled(places: int, write: Callable[[Value], Value]) -> Sample:
    def sample(rng: Random, _: Lookups) -> tuple[Value, ...]:
        number = Decimal(rng.randint(-(10**9), 10**9)).scaleb(-rng.randint(0, places))
        return (write(number),)

    return sample
