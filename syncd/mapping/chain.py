"""One canonical field on one side: raw values in, one canonical value out, and back. Says nothing it cannot undo.

Writing is checked by reading: what would read back as another value is refused, so no write can start a quarrel
between two peers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from syncd.core.canon import canonical, same
from syncd.core.model import ABSENT, MaybeValue, Side, Value
from syncd.mapping.expression import Expression
from syncd.mapping.lenses.base import Lens
from syncd.mapping.lookups import Lookups
from syncd.mapping.records import RecordProblem, Unfit, clean

_BROKEN = (ArithmeticError, TypeError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True)
class Chain:
    """The lenses between a side's raw fields and the canonical value, in the order of reading."""

    field: str
    side: Side
    names: tuple[str, ...]
    lenses: tuple[Lens, ...] = ()
    expression: Expression | None = None

    def read(self, raw: Mapping[str, Any], lookups: Lookups) -> MaybeValue:
        """The canonical value; ABSENT where the record does not carry the raw fields. Raises RecordProblem."""
        carried = [name in raw for name in self.names]
        if not (any(carried) if self.expression is not None else all(carried)):
            return ABSENT
        try:
            return self.value(tuple(raw.get(name) for name in self.names), lookups)
        except Unfit as unfit:
            raise RecordProblem(self.field, unfit.message, unfit.waiting_for) from unfit

    def write(self, value: Value, lookups: Lookups, current: Mapping[str, Any] | None) -> dict[str, Any]:
        """Raw values by name for a canonical value.

        Where ``current`` already reads as the value it is kept as it is, spelling and all. Raises RecordProblem.
        """
        try:
            parts = self.parts(value, lookups, self._current(current))
        except Unfit as unfit:
            raise RecordProblem(self.field, unfit.message, unfit.waiting_for) from unfit
        return dict(zip(self.names, parts, strict=True))

    def value(self, parts: tuple[Any, ...], lookups: Lookups) -> Value:
        """The canonical value of raw values in the order of ``names``. Raises Unfit and nothing else."""
        try:
            if self.expression is not None:
                values: tuple[Value, ...] = (self.expression(dict(zip(self.names, parts, strict=True))),)
            else:
                values = tuple(clean(part) for part in parts)
            for lens in self.lenses:
                if lens.arity > 1:
                    values = (lens.read(values, lookups),)
                else:
                    values = tuple(lens.read((value,), lookups) for value in values)
            return canonical(values[0])
        except _BROKEN as error:
            raise Unfit(f"cannot be read ({type(error).__name__})") from error

    def parts(self, value: Value, lookups: Lookups, current: tuple[Any, ...] | None = None) -> tuple[Any, ...]:
        """Raw values in the order of ``names`` that read back as ``value``. Raises Unfit and nothing else."""
        if self.expression is not None:
            raise Unfit("is computed here and cannot be written")
        wanted = canonical(value)
        if current is not None and self._reads_as(current, wanted, lookups):
            return current
        written = self.unproven(wanted, lookups)
        if not same(self.value(written, lookups), wanted):
            raise Unfit(f"cannot be written to {self.side} so that it reads back the same; check the field's lenses")
        return written

    def unproven(self, value: Value, lookups: Lookups) -> tuple[Any, ...]:
        """What the lenses would write, before it is read back; for ``parts`` and the laws. Raises Unfit."""
        try:
            values: tuple[Value, ...] = (value,)
            for lens in reversed(self.lenses):
                if lens.arity > 1:
                    values = lens.write(values[0], lookups)
                else:
                    values = tuple(part for one in values for part in lens.write(one, lookups))
            return tuple(self._encoded(canonical(part)) for part in values)
        except _BROKEN as error:
            raise Unfit(f"cannot be written ({type(error).__name__})") from error

    def _current(self, raw: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
        if raw is None or not all(name in raw for name in self.names):
            return None
        return tuple(raw[name] for name in self.names)

    def _reads_as(self, parts: tuple[Any, ...], value: Value, lookups: Lookups) -> bool:
        try:
            return same(self.value(parts, lookups), value)
        except Unfit:
            return False

    def _encoded(self, part: Value) -> Any:
        """A value as its peer takes it: JSON has no dates and no tuples."""
        if isinstance(part, tuple):
            return [self._encoded(item) for item in part]
        if self.side is Side.FLOWTLY and isinstance(part, datetime):
            return part.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        if self.side is Side.FLOWTLY and isinstance(part, date):
            return f"{part.isoformat()}T00:00:00+00:00"
        return part
