"""What happened to a record, in words that others can act on: rules, and the events that follow from two documents.

Pure: it compares what was last seen with what is seen now. It never knows who is told, nor whether they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final

from syncd.core.canon import same
from syncd.core.model import Document, Value

_LARGEST_EXPONENT: Final = 60  # beyond it a few characters of text would be spelled out to gigabytes


@dataclass(frozen=True, slots=True)
class Crossing:
    """A limit that a number passes. With ``back`` it is passed again only after it has come back by that much."""

    field: str
    limit: Decimal
    above: bool
    back: Decimal = Decimal(0)

    @property
    def name(self) -> str:
        """What this limit is remembered by."""
        return f"{self.field}{'>' if self.above else '<'}{self.limit}~{self.back}"

    def beyond(self, document: Document | None, *, was: bool) -> bool:
        """Whether the limit is passed now. What is no number changes nothing."""
        number = number_of(None if document is None else document.get(self.field))
        if number is None:
            return was
        over = number - self.limit if self.above else self.limit - number
        return over > 0 or (was and over > -self.back)


@dataclass(frozen=True, slots=True)
class EventRule:
    """When an event is due, and which targets are told. All conditions that are given must hold together.

    ``changes``: one of these fields differs (an empty tuple: any), None: not asked for. ``holds`` and ``becomes``:
    field to the values it has, or has now and had not before. ``crosses``: one event for each limit passed.
    """

    event: str
    targets: tuple[str, ...] = ()
    appears: bool = False
    disappears: bool = False
    changes: tuple[str, ...] | None = None
    holds: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    becomes: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    crosses: tuple[Crossing, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """Which record an event is about. Events of one ``source`` and ``key`` are delivered in their order.

    ``source``: ``watch:NAME`` or ``mapping:NAME``. ``subject``: how the record is named to people and receivers.
    """

    source: str
    key: str
    subject: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One event to be told. ``level`` is the limit that was passed, ``changed`` the fields that differ."""

    event: str
    targets: tuple[str, ...]
    about: About
    before: Document | None
    after: Document | None
    changed: tuple[str, ...] = ()
    level: Decimal | None = None


def events_of(
    rules: Iterable[EventRule],
    about: About,
    before: Document | None,
    after: Document | None,
    levels: AbstractSet[str] = frozenset(),
) -> tuple[NewEvent, ...]:
    """The events that follow when a record read ``before`` and reads ``after`` now; None: there is no record.

    ``levels``: names of the limits that were passed when it was last seen (see ``levels_of``).
    """
    if before is None and after is None:
        return ()
    changed = changed_fields(before, after)
    return tuple(
        NewEvent(rule.event, rule.targets, about, before, after, changed, level)
        for rule in rules
        if _holds(rule, before, after, changed)
        for level in _levels(rule, before, after, levels)
    )


def levels_of(
    rules: Iterable[EventRule], before: Document | None, after: Document | None, levels: AbstractSet[str]
) -> frozenset[str]:
    """The names of the limits that are passed now, to be given with the next change."""
    crossings = (crossing for rule in rules for crossing in rule.crosses)
    return frozenset(one.name for one in crossings if one.beyond(after, was=_was(one, before, levels)))


def changed_fields(before: Document | None, after: Document | None) -> tuple[str, ...]:
    """Fields that differ. One that only one of the two documents knows is no change: somebody began to ask for it."""
    if before is None or after is None:
        return ()
    return tuple(sorted(name for name in before.keys() & after.keys() if not same(before[name], after[name])))


def number_of(value: Value) -> Decimal | None:
    """A finite number of usable size, also where a peer writes it as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= _LARGEST_EXPONENT else None


def _holds(rule: EventRule, before: Document | None, after: Document | None, changed: tuple[str, ...]) -> bool:
    if rule.appears and not (before is None and after is not None):
        return False
    if rule.disappears != (after is None):  # only ``disappears`` speaks of a record that is gone
        return False
    if rule.changes is not None and not (set(changed) & set(rule.changes) if rule.changes else changed):
        return False
    now = before if after is None else after
    if not all(_is_one_of(now, name, wanted) for name, wanted in rule.holds.items()):
        return False
    return all(
        _is_one_of(now, name, wanted) and not _is_one_of(before, name, wanted) for name, wanted in rule.becomes.items()
    )


def _levels(
    rule: EventRule, before: Document | None, after: Document | None, levels: AbstractSet[str]
) -> Iterator[Decimal | None]:
    """The limits that this change passes; a single None for a rule without any."""
    if not rule.crosses:
        yield None
    for one in rule.crosses:
        was = _was(one, before, levels)
        if not was and one.beyond(after, was=was):
            yield one.limit


def _was(crossing: Crossing, before: Document | None, levels: AbstractSet[str]) -> bool:
    """Whether the limit was passed: as remembered, and for a new limit as the last document says."""
    return crossing.name in levels or crossing.beyond(before, was=False)


def _is_one_of(document: Document | None, name: str, wanted: tuple[Value, ...]) -> bool:
    return document is not None and name in document and any(same(document[name], value) for value in wanted)
