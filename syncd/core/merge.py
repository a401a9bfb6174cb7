"""The three-way merge of one field: (each side now, each side's base, rule) -> verdict. Never looks at other fields.

The table, before policies and directions (``=`` is: as its own side's base)::

                     flowtly =              flowtly changed
    external =       quiet                  write to external
    external changed write to flowtly       equal now: agree, else the policy

Each side is compared with its *own* base, so a peer that rewrites what it is sent stays quiet: the base holds the
rewritten form for that side and the sent form for the other. A side that is ABSENT says nothing, so nothing happens.
A base that is ABSENT (first link, or a field new in the mapping) counts as null on both sides: what one side has and
the other lacks is filled in, and two different values are a conflict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from syncd.core.canon import same
from syncd.core.model import ABSENT, Absent, Decision, Direction, FieldRule, MaybeValue, Policy, Side, Value
from syncd.core.policy import Times, winner

BothSides: TypeAlias = Mapping[Side, MaybeValue]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done about one field.

    ``writes`` maps a side to the value it is to get; ``agreed`` means the sides may be settled as they read (after the
    writes, if any); ``contested`` means a person has to say. ``lost`` names sides whose own change is overwritten.
    """

    rule: str
    writes: tuple[tuple[Side, Value], ...] = ()
    agreed: bool = False
    contested: bool = False
    lost: frozenset[Side] = frozenset()


QUIET: Final = Verdict("quiet")
CONTESTED: Final = Verdict("ask", contested=True)
FIXED: Final = Verdict("fixed", contested=True)


def merge_field(rule: FieldRule, now: BothSides, base: BothSides, times: Times, decision: Decision | None) -> Verdict:
    """Decide one field. Total: every combination of absent, null and values has an answer.

    What would have to change on a fixed side is contested: only a person can end the difference.
    """
    verdict = _decide(rule, now, base, times, decision)
    return FIXED if any(side in rule.fixed for side, _ in verdict.writes) else verdict


def _decide(rule: FieldRule, now: BothSides, base: BothSides, times: Times, decision: Decision | None) -> Verdict:
    external, flowtly = now[Side.EXTERNAL], now[Side.FLOWTLY]
    if isinstance(external, Absent) or isinstance(flowtly, Absent):
        return QUIET
    fresh = isinstance(base[Side.EXTERNAL], Absent) or isinstance(base[Side.FLOWTLY], Absent)
    changed = frozenset(side for side in Side if not same(now[side], _known(base[side], fresh=fresh)))
    if same(external, flowtly):
        return Verdict("equal", agreed=True) if changed or fresh else QUIET
    if not changed:
        return QUIET
    values: dict[Side, Value] = {Side.EXTERNAL: external, Side.FLOWTLY: flowtly}
    if decision is not None and _disputed(rule, changed) and applies(decision, values):
        return _decided(rule, values, decision)
    if rule.direction is not Direction.BOTH:
        return _one_way(rule, values, changed, fresh=fresh)
    if len(changed) == 1:
        (source,) = changed
        return Verdict("changed", writes=((source.other, values[source]),), agreed=True)
    won = winner(rule.policy, times)
    if won is None:
        return CONTESTED
    return Verdict(
        f"policy:{rule.policy}", writes=((won.other, values[won]),), agreed=True, lost=frozenset({won.other})
    )


def _known(value: MaybeValue, *, fresh: bool) -> MaybeValue:
    return None if fresh else value


def _disputed(rule: FieldRule, changed: frozenset[Side]) -> bool:
    """True where a person could have been asked. An edit of one side alone is news, whatever was answered before."""
    return len(changed) == len(Side) or (rule.direction is not Direction.BOTH and _target(rule) in changed)


def applies(decision: Decision, values: BothSides) -> bool:
    """True while each side still has the value that was judged, or already has the value that a person typed."""
    judged = {Side.EXTERNAL: decision.external, Side.FLOWTLY: decision.flowtly}
    typed = decision.choice is None
    return all(same(values[side], judged[side]) or (typed and same(values[side], decision.value)) for side in Side)


def remembered(decisions: Sequence[Decision], values: BothSides) -> Decision | None:
    """The decision on one field that is about these values; ``decisions`` are all of them, oldest first.

    Values may go away and come back, so an older decision counts as well, for exactly the pair that was judged. Only
    the latest may be under way: one side has the typed value, the other not yet.
    """
    if decisions and applies(decisions[-1], values):
        return decisions[-1]
    judged = (one for one in reversed(decisions) if _is_about(one, values))
    return next(judged, None)


def _is_about(decision: Decision, values: BothSides) -> bool:
    return same(values[Side.EXTERNAL], decision.external) and same(values[Side.FLOWTLY], decision.flowtly)


def _decided(rule: FieldRule, values: Mapping[Side, Value], decision: Decision) -> Verdict:
    """Carry out a person's answer. Where the direction forbids a write the sides stay as they are, by that answer."""
    wanted = values[decision.choice] if decision.choice is not None else decision.value
    writes = tuple((side, wanted) for side in Side if rule.direction.allows(side) and not same(values[side], wanted))
    return Verdict("decided", writes=writes, agreed=True, lost=frozenset(side for side, _ in writes))


def _one_way(rule: FieldRule, values: Mapping[Side, Value], changed: frozenset[Side], *, fresh: bool) -> Verdict:
    """The source's value stands, unless the rule says ask; a first link never erases what only the target has."""
    target = _target(rule)
    source = target.other
    if fresh and values[source] is None:
        return Verdict("kept_on_first_link", agreed=True)
    if target in changed and rule.policy is Policy.ASK:
        return CONTESTED
    lost = frozenset({target}) & changed
    return Verdict("one_way", writes=((target, values[source]),), agreed=True, lost=lost)


def _target(rule: FieldRule) -> Side:
    """Where the values of a one-way field go."""
    return Side.FLOWTLY if rule.direction is Direction.TO_FLOWTLY else Side.EXTERNAL


def base_of(field: str, external: Mapping[str, Value], flowtly: Mapping[str, Value]) -> BothSides:
    """Both sides' value of one field in a pair of documents; ABSENT where a document has no such key."""
    return {Side.EXTERNAL: external.get(field, ABSENT), Side.FLOWTLY: flowtly.get(field, ABSENT)}
