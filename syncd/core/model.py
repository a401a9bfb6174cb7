"""The words of the product as frozen values; everything above speaks in them and nothing here acts.

A *document* is a record projected into a mapping's canonical fields. Three states per field: absent (the key is
missing: this side says nothing), null (``None``), or a value. Money is ``Decimal``, never float; empty text is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeAlias


class Side(StrEnum):
    """The two peers of a mapping. Equal rights; neither is source or target by itself."""

    EXTERNAL = "external"
    FLOWTLY = "flowtly"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.FLOWTLY if self is Side.EXTERNAL else Side.EXTERNAL


class Absent:
    """The type of ``ABSENT``: a side says nothing about a field."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()

Scalar: TypeAlias = str | bool | int | Decimal | date | datetime
Value: TypeAlias = "Scalar | tuple[Value, ...] | None"
MaybeValue: TypeAlias = "Value | Absent"
Document: TypeAlias = Mapping[str, Value]


class Policy(StrEnum):
    """Who wins a field that both sides changed differently."""

    EXTERNAL = "external"
    FLOWTLY = "flowtly"
    NEWEST = "newest"
    ASK = "ask"


class Direction(StrEnum):
    """Which way values may flow."""

    BOTH = "both"
    TO_FLOWTLY = "to_flowtly"
    TO_EXTERNAL = "to_external"

    def allows(self, target: Side) -> bool:
        """True when values may be written to ``target``."""
        return self is Direction.BOTH or self is _INTO[target]


_INTO: Final = {Side.FLOWTLY: Direction.TO_FLOWTLY, Side.EXTERNAL: Direction.TO_EXTERNAL}


@dataclass(frozen=True, slots=True)
class Present:
    """The side answered with a record; ``changed_at`` only where the peer's clock is trusted."""

    document: Document
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """The side answered that there is no such record."""


@dataclass(frozen=True, slots=True)
class Unread:
    """The side could not be asked, or its answer cannot be used yet. Never the same as gone."""

    reason: str = ""


Seen: TypeAlias = Present | Gone | Unread


@dataclass(frozen=True, slots=True)
class Base:
    """How each side read when both were last agreed, field by field."""

    external: Document
    flowtly: Document

    def of(self, side: Side) -> Document:
        """The base of one side."""
        return self.external if side is Side.EXTERNAL else self.flowtly


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's answer to one conflict, valid for exactly this pair of values and never asked again.

    ``choice`` is a side, or None when the person typed ``value``.
    """

    external: MaybeValue
    flowtly: MaybeValue
    choice: Side | None
    value: Value = None


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one field is reconciled. A ``fixed`` side takes the value of a new record and cannot change it afterwards."""

    policy: Policy = Policy.ASK
    direction: Direction = Direction.BOTH
    fixed: frozenset[Side] = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """How one mapping is reconciled: a rule per canonical field, and which sides records may be created on."""

    fields: Mapping[str, FieldRule]
    creates: frozenset[Side] = frozenset(Side)


@dataclass(frozen=True, slots=True)
class Pair:
    """What is known of one linked (or linkable) record: each side as seen, and the base if there is one."""

    external: Seen
    flowtly: Seen
    base: Base | None
    decisions: Mapping[str, Decision]

    def of(self, side: Side) -> Seen:
        """What was seen on one side."""
        return self.external if side is Side.EXTERNAL else self.flowtly
