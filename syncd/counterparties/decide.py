"""One decision about two parties: evidence, vetoes, doubts from other records, tier and band. Never by names alone.

The same two records, census and rules give the same bytes, whichever comes first. Another record may take an automatic
merge away and never brings one about; what is not known, or not reachable, never raises a band.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from syncd.counterparties import likeness, sentences, shortcut, tiering, vetoes, weights
from syncd.counterparties.census import Census
from syncd.counterparties.compare import Comparison, compare
from syncd.counterparties.decision import Band, Decision, Level
from syncd.counterparties.party import Name, Prepared

DEFAULT_TIERS: Final = frozenset({"T1"})
AUTO_FROM: Final = 6.0
REVIEW_FROM: Final = 1.0
# With an equal number of its own a pair is asked about even when the rest speaks against it, down to here.
HARD_REVIEW_FROM: Final = -2.0
_ROUNDING: Final = 0.1
_NAME_KINDS: Final = frozenset({"extra", "cut"})
_HARD: Final = ("tin", "account")
_NOTHING: Final[Mapping[str, RegisterFact]] = {}


class RegisterFact(Protocol):
    """What a public register said about a valid tax number."""

    @property
    def reference(self) -> str:
        """Register, outcome and consultation, for the explanation."""
        ...

    def confirms(self, names: tuple[Name, ...]) -> bool | None:
        """True: valid with one of these names. False: valid with another one. None: it says nothing about them."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision before it is put into words."""

    left: Prepared
    right: Prepared
    band: Band
    tier: str
    bits: float
    levels: tuple[tuple[str, str, str, str, float], ...]
    vetoes: tuple[str, ...]
    guards: tuple[str, ...]
    hard: bool
    comparison: Comparison
    registers: tuple[str, ...]

    @property
    def worth_keeping(self) -> bool:
        """False for a plain no between parties that share no number: there are as many of these as there are pairs."""
        return self.band is not Band.NO or self.hard


def decide(
    left: Prepared,
    right: Prepared,
    census: Census,
    *,
    tiers: frozenset[str] = DEFAULT_TIERS,
    blocks: Collection[str] = (),
    registers: Mapping[str, RegisterFact] = _NOTHING,
    forbidden: str = "",
) -> Decision:
    """Decide about two parties. ``tiers`` are those that may be automatic; ``forbidden`` is an earlier no, in words."""
    verdict = weigh(left, right, census, tiers=tiers, registers=registers, forbidden=forbidden)
    return in_words(verdict, blocks)


def notable(
    left: Prepared, right: Prepared, census: Census, *, tiers: frozenset[str] = DEFAULT_TIERS
) -> Verdict | None:
    """What ``weigh`` finds when that is worth keeping, else None, and that quickly: nearly all pairs are a plain no."""
    most = shortcut.most(left, right)
    if most is not None and most < REVIEW_FROM - _ROUNDING:
        return None
    verdict = weigh(left, right, census, tiers=tiers)
    return verdict if verdict.worth_keeping else None


def weigh(
    left: Prepared,
    right: Prepared,
    census: Census,
    *,
    tiers: frozenset[str] = DEFAULT_TIERS,
    registers: Mapping[str, RegisterFact] = _NOTHING,
    forbidden: str = "",
) -> Verdict:
    """What ``decide`` finds, not yet in words."""
    if right.id < left.id:
        left, right = right, left
    found = compare(left, right, census)
    hard = any(found.level(field) in {"equal", "shared"} for field in _HARD)
    levels = _weighed(left, right, found, hard=hard)
    bits = weights.total([(level[0], level[4]) for level in levels])
    named = found.name.alike in likeness.SAME and (hard or not (left.display or right.display))
    confirmed, other_name, references = _registered(left, right, registers)
    tier = tiering.tier(left, right, found, confirmed=confirmed) if named else ""
    stops = (
        *([forbidden] if forbidden else []),
        *vetoes.between(left, right, found.name),
        *(["a register has the tax number under another name"] if other_name else []),
    )
    doubts = tiering.doubts(left, right, found, census)
    band = Band.NO
    if forbidden or vetoes.never(left, right):
        pass
    elif tier in tiers and not stops and not doubts and bits >= AUTO_FROM:
        band = Band.AUTO
    elif bits >= (HARD_REVIEW_FROM if hard else REVIEW_FROM):
        band = Band.REVIEW
    guards = (*doubts, *tiering.sharing(found))
    return Verdict(left, right, band, tier, bits, levels, stops, guards, hard, found, references)


def in_words(verdict: Verdict, blocks: Collection[str] = ()) -> Decision:
    """The decision with its sentence and its bits."""
    decision = Decision(
        left=verdict.left.id,
        right=verdict.right.id,
        band=verdict.band,
        tier=verdict.tier,
        bits=verdict.bits,
        why="",
        levels=tuple(Level(field, level, worth, ours, theirs) for field, level, ours, theirs, worth in verdict.levels),
        vetoes=verdict.vetoes,
        guards=verdict.guards,
        counts={
            "records with the rarest word": verdict.comparison.rarest,
            **{f"other names on the {kind}": count for kind, count in verdict.comparison.strangers.items()},
        },
        blocks=tuple(sorted(blocks)),
        registers=verdict.registers,
        version=f"{weights.VERSION}.{verdict.left.version}.{verdict.right.version}",
    )
    return replace(decision, why=_why(decision))


def _why(decision: Decision) -> str:
    """One or two sentences, and the bits that they rest on."""
    label = f"{decision.band.value.upper()} {decision.tier}".strip()
    shown = " | ".join(f"{one.field} {one.level} {one.bits:+.1f}" for one in decision.levels)
    return f"{label}: {sentences.sentence(decision.as_json())} | {shown} = {decision.bits:.1f}"


def _weighed(
    left: Prepared, right: Prepared, found: Comparison, *, hard: bool
) -> tuple[tuple[str, str, str, str, float], ...]:
    """Field, level, both texts and bits of everything compared."""
    numbers = any(one.tin.digits or one.accounts or one.regno for one in (left, right))
    levels = []
    for field, level, ours, theirs in found.fields:
        if field == "name":
            worth = _name_worth(level, found)
            if (left.display or right.display) and not hard:
                worth = min(worth, 0.0)  # what a system shows is a name only beside a number
        else:
            worth = weights.bits(field, level, numbers=numbers)
        levels.append((field, level, ours, theirs, worth))
    return tuple(levels)


def _name_worth(level: str, found: Comparison) -> float:
    if level in weights.BITS["name"]:
        return weights.bits("name", level)
    return weights.name_bits(level if level in _NAME_KINDS else "near", found.best.share)


def _registered(
    left: Prepared, right: Prepared, registers: Mapping[str, RegisterFact]
) -> tuple[bool, bool, tuple[str, ...]]:
    """Whether a register has both names with the tax number, whether it has another one, and what was asked."""
    answers: list[bool | None] = []
    references = []
    for one in (left, right):
        fact = registers.get(one.tin.valid) if one.tin.valid else None
        if fact is not None:
            answers.append(fact.confirms(one.names))
            references.append(fact.reference)
        else:
            answers.append(None)
    return all(answers), False in answers, tuple(dict.fromkeys(references))
