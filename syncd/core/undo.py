"""Taking back what a run wrote to one field: which value each side gets again, or why the field is left alone. Pure.

A field goes back only where both sides still have what the run left there. Who moved it since had a reason, and that
is never overwritten. Must never invent a value: each side gets what the ledger says that it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from syncd.core.canon import same
from syncd.core.model import Absent, Direction, FieldRule, MaybeValue, Side, Value

WRITTEN: Final = frozenset({"patched", "overwritten"})


@dataclass(frozen=True, slots=True)
class Fact:
    """What the ledger says of one field of one record: an edit that was seen, or a write and what was kept of it."""

    event: str
    side: Side
    before: MaybeValue
    after: MaybeValue
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Restore:
    """Each side gets its value again."""

    values: Mapping[Side, Value]


@dataclass(frozen=True, slots=True)
class Left:
    """The field stays as it is, and why."""

    why: str


Undone: TypeAlias = Restore | Left


@dataclass(frozen=True, slots=True)
class _Trace:
    """What one side had before, and everything it may have after."""

    before: MaybeValue
    after: tuple[MaybeValue, ...]

    def fits(self, now: MaybeValue) -> bool:
        """True while the side is as it was left."""
        return any(same(now, one) for one in self.after)


def undo_field(facts: Sequence[Fact], now: Mapping[Side, MaybeValue], rule: FieldRule | None) -> Undone:
    """Decide one field from its facts in the order of the ledger, beginning with the edit that caused the write."""
    if any(fact.hidden for fact in facts):
        return Left("sensitive: only hashes of its values are kept")
    if rule is None:
        return Left("the mapping has no such field any more")
    if rule.direction is not Direction.BOTH or rule.fixed:
        return Left("flows one way only, or one side cannot change it: put it right at its source")
    traces = _traces(facts)
    if isinstance(traces, Left):
        return traces
    values: dict[Side, Value] = {}
    for side, trace in traces.items():
        if isinstance(trace.before, Absent):
            return Left(f"{side} had no such field before")
        values[side] = trace.before
    if all(same(now[side], values[side]) for side in Side):
        return Left("is as it was before already")
    if not all(traces[side].fits(now[side]) for side in Side):
        return Left("moved since: " + ", ".join(f"{side} has {_told(now[side])}" for side in Side))
    return Restore(values)


def _traces(facts: Sequence[Fact]) -> dict[Side, _Trace] | Left:
    """Both sides before and after the run, or why that cannot be told."""
    written = {side: _of_write(facts, side) for side in Side}
    traces = {side: trace for side, trace in written.items() if trace is not None}
    if len(traces) == len(Side):
        if not same(*(trace.before for trace in traces.values())):
            return Left("both sides were written by an answer to a question: give another answer by editing one side")
        return traces
    if not traces:
        return Left("nothing was written")
    (target,) = traces
    source = target.other
    edit = _span(facts, source, frozenset({"seen"}))
    if edit is None:
        return Left(f"{source} was not edited, it had the value before both were linked: unlink them to part them")
    lost = any(fact.event == "overwritten" for fact in facts)
    sent = traces[target].after
    return {
        target: traces[target],
        source: _Trace(traces[target].before if lost else edit.before, (*edit.after, *sent)),
    }


def _of_write(facts: Iterable[Fact], side: Side) -> _Trace | None:
    trace = _span(facts, side, WRITTEN)
    kept = _span(facts, side, frozenset({"rewritten"}))
    return trace if trace is None or kept is None else _Trace(trace.before, (*trace.after, *kept.after))


def _span(facts: Iterable[Fact], side: Side, events: frozenset[str]) -> _Trace | None:
    """From the value before the first of these facts to the value after the last."""
    chosen = [fact for fact in facts if fact.side is side and fact.event in events]
    return _Trace(chosen[0].before, (chosen[-1].after,)) if chosen else None


def _told(value: MaybeValue) -> str:
    if isinstance(value, Absent):
        return "(nothing)"
    return "(empty)" if value is None else repr(value) if isinstance(value, str) else str(value)
