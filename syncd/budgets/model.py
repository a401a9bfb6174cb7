"""The words of allocation as data: postings, rules, parts. Decides nothing.

Amounts are whole minor units of the posting's currency; a cost is positive, a reversal negative. Shares are exact
fractions. ``Place`` says where in the configuration something was written, for errors and explanations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final, TypeAlias

DEFAULT: Final = "default"
"""What parts of the default budget carry in place of a rule's name."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule is written."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Line:
    """One of the ERP's own lines of a posting."""

    key: str
    amount: int
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Posting:
    """A posted cost. ``fields``: raw values under the names that rules use.

    ``base``: the same amount in ``base_currency`` (the company's), where the ERP tells it.
    """

    key: str
    amount: int
    currency: str
    on: date
    fields: Mapping[str, object]
    lines: tuple[Line, ...] = ()
    base: int | None = None
    base_currency: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """From the first to the last day, both included; None is open."""

    first: date | None = None
    last: date | None = None

    def holds(self, day: date) -> bool:
        """True for a day inside."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Test:
    """What one field must be; all that is given has to hold.

    ``equal``: one of these texts (numbers compare by value: 4100 is "4100"). ``like``: one of these patterns with
    ``*`` and ``?``, whatever the case. ``least`` and ``most``: the amount without its sign, or a number, in whole
    currency units, both included. ``window``: a day. ``empty``: True for no value, False for any.
    """

    equal: frozenset[str] = frozenset()
    like: tuple[str, ...] = ()
    least: Decimal | None = None
    most: Decimal | None = None
    window: Window | None = None
    empty: bool | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Whose cost it is: templates such as ``{cost_centre}:{year}``.

    A template may name any field of the posting, of its line as ``{line.NAME}``, and ``{year}``, ``{month}`` (01 to
    12) and ``{quarter}`` of its day. ``employee`` None: nobody's.
    """

    budget: str
    employee: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a split: exactly one of ``share`` (of the posting), ``amount`` (whole currency units) or ``rest``."""

    target: Target
    share: Fraction | None = None
    amount: Decimal | None = None
    rest: bool = False
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Pieces:
    """A split written out. What shares and amounts leave is the rest's, or stays unassigned."""

    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class ByLines:
    """A split by the ERP's own lines; lines with the same target are one part."""

    target: Target


@dataclass(frozen=True, slots=True)
class ByTable:
    """A split by the row of a table whose key is the value of a field. A key without a row leaves it unassigned."""

    table: str
    by: str


Split: TypeAlias = Pieces | ByLines | ByTable


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``split`` None: what it matches stays unassigned on purpose. ``valid``: the days it is in force."""

    name: str
    when: Mapping[str, Test]
    split: Split | None
    valid: Window = Window()
    place: Place = Place()


class Mode(StrEnum):
    """Which rules count: the first that matches, or all of them together."""

    FIRST = "first"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of one allocation. ``default``: where what no rule reached goes; None leaves it unassigned.

    ``tables``: name, then key, then pieces. ``exponents``: decimals of currencies that differ from ISO 4217.
    ``default_place``: where the default is written.
    """

    rules: tuple[Rule, ...]
    mode: Mode = Mode.FIRST
    default: Target | None = None
    tables: Mapping[str, Mapping[str, tuple[Piece, ...]]] = field(default_factory=dict)
    exponents: Mapping[str, int] = field(default_factory=dict)
    default_place: Place = Place()


@dataclass(frozen=True, slots=True)
class Part:
    """What one target gets of a posting. ``whole``: it is the posting's full amount. ``rule``: whose work it is."""

    budget: str
    employee: str | None
    amount: int
    whole: bool
    rule: str
    base: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What no other part of the same posting has: the budget and the employee ('' for nobody)."""
        return self.budget, self.employee or ""


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was tried: did it match, what it gave, and why (or why not), in words for a person."""

    rule: str
    place: Place
    matched: bool
    reason: str
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Allocated:
    """What became of a posting. ``parts`` in a stable order, one for each target; they and ``unassigned`` add up to it.

    ``problem``: why it could not be allocated at all (then there are no parts, and nothing that was made is undone).
    """

    parts: tuple[Part, ...]
    unassigned: int
    reason: str = ""
    problem: str = ""
