"""The flap breaker: a field that changes hands again and again is left alone until a person says whose value stands.

Pure: how often a field was written lately is an input. It holds back fields, never whole records, and it must never
hold back what a person answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from syncd.core.canon import same
from syncd.core.merge import applies, base_of, merge_field
from syncd.core.model import Base, Document, Pair, Present, Rules, Side, Value
from syncd.core.reconcile import Change, Contest, Merge

_SHOWN: Final = 8
_LONG: Final = 40


@dataclass(frozen=True, slots=True)
class Write:
    """One write of ours to one field."""

    at: datetime
    side: Side
    value: Value


@dataclass(frozen=True, slots=True)
class Hands:
    """What is known of one field of one record: our writes within the window since the last answer, oldest first.

    ``asked``: a question about it is open. ``answered``: a person's answer is there and was not carried out yet.
    """

    writes: tuple[Write, ...] = ()
    asked: bool = False
    answered: bool = False


NOTHING_KNOWN: Final[Mapping[str, Hands]] = {}


def changes_of_hands(writes: Sequence[Write]) -> int:
    """How often a value went back and forth: writes to another side than the last one, or of a value sent before.

    A field that one side changes often, each time to something new, never changes hands.
    """
    count = 0
    for number, one in enumerate(writes):
        before = writes[:number]
        turned = bool(before) and before[-1].side is not one.side
        count += turned or any(old.side is one.side and same(old.value, one.value) for old in before)
    return count


def calmed(merge: Merge, pair: Pair, rules: Rules, known: Mapping[str, Hands], limit: int) -> Merge:
    """The merge with its flapping fields contested, and with what a person answered about them carried out."""
    if not (isinstance(pair.external, Present) and isinstance(pair.flowtly, Present)):
        return merge
    written = {change.field for side in Side for change in merge.to(side)}
    for field in sorted(written & known.keys()):
        hands = known[field]
        decided = answered(field, pair, rules) if hands.answered else None
        if decided is not None:
            merge = with_answer(without_field(merge, field), field, decided)
        elif hands.asked or changes_of_hands(hands.writes) >= limit:
            merge = _contested(without_field(merge, field), field, pair, hands)
    return merge


def answered(field: str, pair: Pair, rules: Rules) -> Mapping[Side, Change] | None:
    """A person's answer as changes; None when the values have moved on since."""
    now = base_of(field, _document(pair, Side.EXTERNAL), _document(pair, Side.FLOWTLY))
    decision = pair.decisions.get(field)
    if decision is None or not applies(decision, now):
        return None
    # Crossed: each side counts as changed, as it was when the person was asked. Only then an answer rules.
    crossed = {side: now[side.other] for side in Side}
    times = dict.fromkeys(Side)
    verdict = merge_field(rules.fields[field], now, crossed, times, decision)
    return {side: Change(field, now[side], value, verdict.rule, side in verdict.lost) for side, value in verdict.writes}


def _document(pair: Pair, side: Side) -> Document:
    seen = pair.of(side)
    return seen.document if isinstance(seen, Present) else {}


def without_field(merge: Merge, field: str) -> Merge:
    """The merge without anything about one field."""
    return replace(
        merge,
        to_external=_others(merge.to_external, field),
        to_flowtly=_others(merge.to_flowtly, field),
        agreed=tuple(name for name in merge.agreed if name != field),
    )


def _others(changes: Iterable[Change], field: str) -> tuple[Change, ...]:
    return tuple(change for change in changes if change.field != field)


def with_answer(merge: Merge, field: str, decided: Mapping[Side, Change]) -> Merge:
    """The merge with a person's answer about one field, as ``answered`` gives it."""
    more = {side: (decided[side],) if side in decided else () for side in Side}
    return replace(
        merge,
        to_external=merge.to_external + more[Side.EXTERNAL],
        to_flowtly=merge.to_flowtly + more[Side.FLOWTLY],
        agreed=(*merge.agreed, field),
    )


def _contested(merge: Merge, field: str, pair: Pair, hands: Hands) -> Merge:
    base = pair.base or Base({}, {})
    known = base_of(field, base.external, base.flowtly)
    now = base_of(field, _document(pair, Side.EXTERNAL), _document(pair, Side.FLOWTLY))
    contest = Contest(
        field,
        known[Side.EXTERNAL],
        known[Side.FLOWTLY],
        now[Side.EXTERNAL],
        now[Side.FLOWTLY],
        history=history(hands.writes),
    )
    return replace(merge, contests=(*merge.contests, contest))


def history(writes: Sequence[Write]) -> str:
    """Our latest writes in words: what a person needs to find out who puts the value back."""
    told = [f"{one.at:%H:%M:%S} {one.side} got {_short(one.value)}" for one in writes[-_SHOWN:]]
    earlier = f"{len(writes) - _SHOWN} earlier ones; " if len(writes) > _SHOWN else ""
    return f"changes hands again and again; our writes: {earlier}{', '.join(told) or 'none lately'}"


def _short(value: Value) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
