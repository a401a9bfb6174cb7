"""Records that look alike, in groups: a pair that may be linked, or what a person is asked about. Pure.

The outcome depends on the records alone, not on their order. A linked record joins nobody: two that look like it
need not look like each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from syncd.core.model import Side
from syncd.counterparties.decide import Verdict, in_words
from syncd.counterparties.decision import Band
from syncd.counterparties.sentences import sentence
from syncd.engine.kin import Kin, Standing
from syncd.engine.whoiswho import Known

_LARGEST: Final = 12  # records that may look like one company only a little and still are one question
_TOLD: Final = 3  # pairs that a question explains
_BESIDE: Final = 5  # linked records that a question names
_HEAD: Final = {
    "probable": "Looks like one company on both sides",
    "duplicate": "Looks like a company that is there already, so making another record would double it",
    "ambiguous": "Several records look like one company",
}


@dataclass(frozen=True, slots=True)
class Edge:
    """Two records that look alike, and why."""

    one: Kin
    other: Kin
    verdict: Verdict

    @property
    def names(self) -> frozenset[str]:
        """The ids of both."""
        return frozenset((self.one.id, self.other.id))

    @property
    def beside(self) -> bool:
        """True when one of them is linked: it joins nobody."""
        return Standing.TIED in {self.one.standing, self.other.standing}

    @property
    def strong(self) -> bool:
        """Good enough for a link that can be taken back."""
        return self.verdict.band is Band.AUTO

    @property
    def rank(self) -> tuple[float, str, str]:
        """Strongest first, and never by chance."""
        first, second = sorted(self.names)
        return -self.verdict.bits, first, second


@dataclass(frozen=True, slots=True)
class Alike:
    """Strangers that look like each other, or like records that are linked. ``tier`` only where they may be linked.

    ``kind`` is that of the question; empty while nobody is asked, since one of them is on its way to a partner.
    """

    kind: str
    members: tuple[Known, ...]
    named: Mapping[Side, tuple[str, ...]]
    detail: str = ""
    tier: str = ""


def groups(edges: Iterable[Edge], together: Iterable[Collection[str]], *, secret: bool) -> list[Alike]:
    """The groups. ``together``: ids that one open question names. ``secret``: no reason may show a value."""
    ordered = sorted(edges, key=lambda edge: edge.rank)
    inner = [edge for edge in ordered if not edge.beside]
    joined = _Joined(one for edge in ordered for one in (edge.one, edge.other) if one.standing is not Standing.TIED)
    for edge in inner:
        if edge.strong:
            joined.join(edge.names)
    for ids in together:
        joined.join(ids)
    coupled = _coupled(joined, ordered)
    for edge in inner:
        if not edge.strong and not edge.names & coupled:
            joined.join(edge.names, _LARGEST)
    touching: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in ordered:
        for name in edge.names:
            touching[name].append(edge)
    found = [
        _alike(members, touching, coupled, secret=secret)
        for members in joined.all()
        if any(one.standing is Standing.ALONE for one in members) and any(touching[one.id] for one in members)
    ]
    return [one for one in found if one is not None]


class _Joined:
    """Groups while they grow."""

    def __init__(self, records: Iterable[Kin]) -> None:
        self._known = {one.id: one for one in records}
        self._group = {name: frozenset((name,)) for name in self._known}

    def join(self, names: Iterable[str], largest: int | None = None) -> None:
        """Make one group of all groups of these records, unless it would be too large."""
        whole = frozenset[str]().union(*(self._group[name] for name in names if name in self._group))
        if largest is None or len(whole) <= largest:
            self._group.update(dict.fromkeys(whole, whole))

    def all(self) -> list[tuple[Kin, ...]]:
        """Every group in order."""
        ordered = sorted({tuple(sorted(group)) for group in self._group.values()})
        return [tuple(self._known[name] for name in group) for group in ordered]


def _coupled(joined: _Joined, edges: Iterable[Edge]) -> frozenset[str]:
    """Pairs across the sides that fit each other well or are asked about, and that fit no linked record well.

    Whoever else looks a little like one of a pair is asked about beside it, not the pair because of him.
    """
    taken = {name for edge in edges if edge.beside and edge.strong for name in edge.names}
    return frozenset(
        one.id
        for members in joined.all()
        if _is_pair(members) and all(one.id not in taken for one in members)
        for one in members
    )


def _is_pair(members: Sequence[Kin]) -> bool:
    sides = [one.side for one in members]
    return all(one.standing is Standing.ALONE for one in members) and sides == list(Side)


def _alike(
    members: Sequence[Kin], touching: Mapping[str, Sequence[Edge]], coupled: frozenset[str], *, secret: bool
) -> Alike | None:
    """What a group comes to; None for a pair that is asked about already and has nothing new to it."""
    names = {one.id for one in members}
    edges = [edge for _, edge in sorted({edge.rank: edge for name in names for edge in touching[name]}.items())]
    told = [edge for edge in edges if edge.names <= names]
    beside = [edge for edge in edges if not edge.names <= names]
    couple = names <= coupled
    if couple and not told:
        return None
    kind = "probable" if couple or (_is_pair(members) and not beside) else "ambiguous"
    if not couple:
        told += beside
        if any(edge.beside or edge.names & coupled for edge in beside):
            kind = "duplicate"
    around = {one.id: one for edge in told for one in (edge.one, edge.other) if one.id not in names}
    shown = [*members, *around.values()]
    return Alike(
        "" if any(one.standing is Standing.BUSY for one in shown) else kind,
        tuple(known for one in members if one.standing is Standing.ALONE for known in one.keys),
        {side: _keys(shown[: len(members) + _BESIDE], side) for side in Side},
        f"{_HEAD[kind]}. {_reasons(told, secret=secret)}",
        next((edge.verdict.tier for edge in told if edge.strong), "") if couple else "",
    )


def _keys(records: Iterable[Kin], side: Side) -> tuple[str, ...]:
    return tuple(sorted({key for one in records for where, key in one.keys if where is side}))


def _reasons(edges: Sequence[Edge], *, secret: bool) -> str:
    """Why, in words, for the pairs that say most."""
    told = [f"{' and '.join(sorted(edge.names))}: {_sentence(edge, secret=secret)}" for edge in edges[:_TOLD]]
    more = f"And {len(edges) - _TOLD} pairs more." if len(edges) > _TOLD else ""
    return " ".join([*told, more]).strip()


def _sentence(edge: Edge, *, secret: bool) -> str:
    decision = in_words(edge.verdict).as_json()
    return sentence({**decision, "vetoes": [], "guards": []} if secret else decision)
