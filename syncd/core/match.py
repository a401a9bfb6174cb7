"""Who is who among strangers: records of both sides that no link ties yet. Links nothing that could be two.

Every record comes with one comparable text per level of the mapping's match keys (None where a part is missing). The
first level is *certain*, the others are *probable*. Two records fit at a level when their texts are equal there and no
stronger level contradicts them (both have a text and the texts differ).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from syncd.core.model import Side

_GROUP_LIMIT = 2_000  # pairs compared within one key; beyond it a key says nothing and the whole group is ambiguous


class Fit(StrEnum):
    """How sure a match is."""

    CERTAIN = "certain"
    PROBABLE = "probable"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record without a link, reduced to what matching needs."""

    key: str
    keys: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """Records that fit together; exactly one a side unless the fit is ambiguous (then either side may hold several)."""

    fit: Fit
    level: int
    external: tuple[str, ...]
    flowtly: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """The outcome: matches, ambiguous groups, and who is alone on its side."""

    matches: tuple[Match, ...]
    ambiguous: tuple[Match, ...]
    alone: Mapping[Side, tuple[str, ...]]


@dataclass(slots=True)
class _Pool:
    """Candidates not yet spoken for."""

    by_key: dict[str, Candidate] = field(default_factory=dict)

    def index(self, level: int) -> dict[str, list[Candidate]]:
        groups: dict[str, list[Candidate]] = defaultdict(list)
        for candidate in self.by_key.values():
            text = candidate.keys[level] if level < len(candidate.keys) else None
            if text is not None:
                groups[text].append(candidate)
        return groups

    def take(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.by_key.pop(key, None)


def match(external: Iterable[Candidate], flowtly: Iterable[Candidate], levels: int) -> Matching:
    """Sort strangers into certain, probable, ambiguous and alone. Independent of the order of its inputs."""
    left, right = _pool(external), _pool(flowtly)
    matches: list[Match] = []
    ambiguous: list[Match] = []
    for level in range(levels):
        theirs = right.index(level)
        for text, ours in sorted(left.index(level).items()):
            group = theirs.get(text)
            if group is None:
                continue
            for found in _components(ours, group, level):
                (ambiguous if found.fit is Fit.AMBIGUOUS else matches).append(found)
                left.take(found.external)
                right.take(found.flowtly)
    for side, pool in ((Side.EXTERNAL, left), (Side.FLOWTLY, right)):
        ambiguous.extend(_twins(side, pool))
    alone = {Side.EXTERNAL: tuple(sorted(left.by_key)), Side.FLOWTLY: tuple(sorted(right.by_key))}
    return Matching(tuple(matches), tuple(ambiguous), alone)


def contradicted(one: Candidate, other: Candidate, level: int) -> bool:
    """True when a level stronger than ``level`` says that these are two different things."""
    return any(
        a is not None and b is not None and a != b for a, b in zip(one.keys[:level], other.keys[:level], strict=False)
    )


def primary(candidate: Candidate) -> tuple[int, str] | None:
    """The strongest key a record has, with its level."""
    return next(((level, text) for level, text in enumerate(candidate.keys) if text is not None), None)


def _pool(candidates: Iterable[Candidate]) -> _Pool:
    return _Pool({candidate.key: candidate for candidate in sorted(candidates, key=lambda c: c.key)})


def _components(ours: Sequence[Candidate], theirs: Sequence[Candidate], level: int) -> list[Match]:
    """Groups of records that fit each other within one key. One to one is a match; anything else is ambiguous."""
    if len(ours) * len(theirs) > _GROUP_LIMIT:
        return [_grouped(Fit.AMBIGUOUS, level, ours, theirs)]
    fits = {one.key: [other for other in theirs if not contradicted(one, other, level)] for one in ours}
    remaining = {one.key: one for one in ours if fits[one.key]}
    found: list[Match] = []
    while remaining:
        _, start = remaining.popitem()
        lefts, rights = {start.key: start}, {other.key: other for other in fits[start.key]}
        grew = True
        while grew:
            joined = [one for one in remaining.values() if any(other.key in rights for other in fits[one.key])]
            grew = bool(joined)
            for one in joined:
                del remaining[one.key]
                lefts[one.key] = one
                rights.update({other.key: other for other in fits[one.key]})
        single = len(lefts) == 1 and len(rights) == 1
        fit = (Fit.CERTAIN if level == 0 else Fit.PROBABLE) if single else Fit.AMBIGUOUS
        found.append(_grouped(fit, level, list(lefts.values()), list(rights.values())))
    return sorted(found, key=lambda m: m.external)


def _grouped(fit: Fit, level: int, ours: Sequence[Candidate], theirs: Sequence[Candidate]) -> Match:
    return Match(fit, level, tuple(sorted(one.key for one in ours)), tuple(sorted(one.key for one in theirs)))


def _twins(side: Side, pool: _Pool) -> list[Match]:
    """Records of one side that share their strongest key: creating both on the other side would make duplicates."""
    groups: dict[tuple[int, str], list[str]] = defaultdict(list)
    for candidate in pool.by_key.values():
        strongest = primary(candidate)
        if strongest is not None:
            groups[strongest].append(candidate.key)
    found = []
    for (level, _), keys in sorted(groups.items()):
        if len(keys) > 1:
            pool.take(keys)
            ours = tuple(sorted(keys))
            found.append(
                Match(Fit.AMBIGUOUS, level, ours if side is Side.EXTERNAL else (), ours if side is Side.FLOWTLY else ())
            )
    return found
