"""What follows when a record is proven gone on one side. Pure; it proposes, and never takes absence for proof itself.

The proof is made elsewhere: two complete readings of different runs that did not see the record, and a look at the
record itself that found nothing. Here an edit beats a delete, a record that was there before us needs a person's word,
and too many at once need one too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from syncd.core.guard import SMALL_POPULATION
from syncd.core.model import Base, Gone, Pair, Rules, Seen, Side, Value
from syncd.core.reconcile import Create, Forget, Hold, Merge, Remove, reconcile

OURS: Final = frozenset({"created", "adopted", "manual"})
"""Origins of links whose record we made, or that a person tied by hand; all others were there before us."""


class Action(StrEnum):
    """What a mapping says follows a record that is gone on the other side."""

    IGNORE = "ignore"
    UNLINK = "unlink"
    SET = "set"
    DELETE = "delete"
    REMAKE = "remake"


@dataclass(frozen=True, slots=True)
class DeleteRule:
    """A mapping's rule for one side's losses: what to do on the other side, after how many more complete readings."""

    action: Action = Action.IGNORE
    fields: Mapping[str, Value] | None = None
    quarantine: int = 1

    @property
    def meaning(self) -> str:
        """The rule in words, for a person who is to approve it."""
        told = ", ".join(f"{name}={value!r}" for name, value in sorted((self.fields or {}).items()))
        return f"{self.action} {told}".rstrip()


@dataclass(frozen=True, slots=True)
class Proof:
    """How well a loss is proven: complete readings since the two that proved it, and what a person said."""

    passes: int
    origin: str
    approved: bool = False


class Verdict(StrEnum):
    """What is to be done about a record that is gone on one side."""

    KEEP = "keep"  # the mapping says ignore
    WAIT = "wait"  # in quarantine, or the survivor cannot be read
    ASK = "ask"  # edited here, gone there, and it may not be made there again
    APPROVE = "approve"  # a person has to say yes first
    REVIVE = "revive"  # edited here since, or the mapping says so: it is made there again
    CARRY_OUT = "carry_out"
    FORGET = "forget"  # gone on both sides: only the link is left


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict and the reason in words."""

    verdict: Verdict
    reason: str


def rule_on(gone: Side, survivor: Seen, base: Base, rules: Rules, rule: DeleteRule, proof: Proof) -> Ruling:
    """Decide one loss on the side ``gone``; ``survivor`` is what the other side reads as now. Total."""
    here = gone.other
    if rule.action is Action.IGNORE and not isinstance(survivor, Gone):
        return Ruling(Verdict.KEEP, f"gone in {gone}, and the mapping says ignore")
    pair = Pair(Gone(), survivor, base, {}) if gone is Side.EXTERNAL else Pair(survivor, Gone(), base, {})
    outcome = reconcile(pair, rules)
    match outcome:
        case Forget():
            return Ruling(Verdict.FORGET, "gone on both sides")
        case Create():
            return Ruling(Verdict.REVIVE, f"edited in {here} since it was gone in {gone}: an edit beats a delete")
        case Hold(reason=reason):
            edited = reason == "edited here, deleted there"
            verdict = Verdict.ASK if edited else Verdict.WAIT
            return Ruling(verdict, f"edited in {here}, gone in {gone}" if edited else f"{here}: {reason}")
        case Remove():
            return _due(gone, rules, rule, proof)
        case Merge():
            raise ValueError("a record that is gone on one side cannot be merged")
        case _:
            assert_never(outcome)


def _due(gone: Side, rules: Rules, rule: DeleteRule, proof: Proof) -> Ruling:
    if proof.passes < rule.quarantine:
        return Ruling(Verdict.WAIT, f"in quarantine: {proof.passes} of {rule.quarantine} more complete readings")
    if rule.action is Action.REMAKE:
        return _remade(gone, rules)
    if rule.action is Action.DELETE and proof.origin not in OURS and not proof.approved:
        return Ruling(
            Verdict.APPROVE, f"was there before it was linked ({proof.origin}): deleting it needs a person's word"
        )
    return Ruling(Verdict.CARRY_OUT, f"gone in {gone}")


def _remade(gone: Side, rules: Rules) -> Ruling:
    """A record that the mapping keeps there is made again, where one may be made at all."""
    if gone not in rules.creates:
        return Ruling(Verdict.ASK, f"gone in {gone}, and nothing may be made there again")
    return Ruling(Verdict.REVIVE, f"gone in {gone}: it is made again")


@dataclass(frozen=True, slots=True)
class RemovalCaps:
    """How many losses may be followed on one side within a day without a person: a count, and a share of the links."""

    most: int = 10
    share: float = 0.05


def over_cap(due: int, recent: int, linked: int, caps: RemovalCaps) -> str | None:
    """Why so many at once need a person, or None. ``recent`` were followed within the last day."""
    total = due + recent
    if total > caps.most:
        return f"{due} now and {recent} within a day, the limit max_removals is {caps.most}"
    if linked >= SMALL_POPULATION and total > linked * caps.share:
        return (
            f"{due} now and {recent} within a day of {linked} linked records, "
            f"the limit max_removal_share is {caps.share:.0%}"
        )
    return None
